"""Where text goes: answers to stdout, messages to stderr, each as the global options want it.

In a terminal lines go on in another line, at a blank, before it would break them itself, and paths begin in the folder
where somebody sits. Elsewhere, as in cron's mails, a line is a line and a path is whole.
A reader that goes away, as in ``jwstsync plan | head -1``, is not an error, and ends no run.
"""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from jwstsync.cli.text import folded, inert, printable, seen_from
from jwstsync.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwstsync.cli.options import Globals

_LINES = 1_000  # of JSON at once
_USUAL = 80  # columns of a terminal that does not tell
_COLORS = {"+": "green", "~": "yellow", "!": "red", "<": "cyan", ">": "cyan", "?": "magenta", "-": "red", ".": "blue"}


class Output:
    """The two streams of a call.

    Args:
        options: The global options.
    """

    def __init__(self, options: Globals) -> None:
        self._options = options

    @property
    def as_json(self) -> bool:
        """Whether programs are spoken to."""
        return self._options.as_json

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked. Under cron there may be no stdin at all."""
        return is_terminal(sys.stdin) and is_terminal(sys.stderr) and not self._options.as_json

    @property
    def live(self) -> bool:
        """Whether bars may move on stderr."""
        return is_terminal(sys.stderr) and not self._options.as_json and not self._options.quiet

    @property
    def colored(self) -> bool:
        """Whether answers are colored."""
        return self._may_color(sys.stdout)

    @property
    def bars_colored(self) -> bool:
        """Whether bars are colored."""
        return self._may_color(sys.stderr)

    def _may_color(self, stream: IO[str] | None) -> bool:
        wanted = self._options.color
        return wanted == "always" or (wanted == "auto" and is_terminal(stream) and not os.environ.get("NO_COLOR"))

    @property
    def width(self) -> int | None:
        """The columns of the terminal that answers go to; None where they go elsewhere, and lines may be long."""
        return _columns(sys.stdout)

    def answer(self, text: str) -> None:
        """A line of the answer, unless only errors or JSON are wanted; in the color of the mark before it."""
        mark = text[2:3] if text.startswith("  ") and text[3:4] == " " else ""
        self.styled(text, fg=_COLORS.get(mark))

    def styled(self, text: str, *, fg: str | None = None, bold: bool | None = None) -> None:
        """A line of the answer in a color of its own."""
        if self._options.quiet or self._options.as_json:
            return
        colored = self.colored and (fg or bold)
        for line in _lines_of(text, sys.stdout):
            _say(click.style(line, fg=fg, bold=bold) if colored else line, color=self.colored)

    def document(self, content: Mapping[str, object]) -> None:
        """One JSON document as the whole answer: a line for each key, and for each part of a list.

        It is written bit by bit: that of a large plan has hundreds of megabytes.
        """
        from jwstsync.core.lines import inert_json

        lines = _lines(content)
        while text := "\n".join(islice(lines, _LINES)):
            _say(inert_json(text))

    def small_document(self, content: Mapping[str, object]) -> None:
        """One JSON document as the whole answer, indented, for people to read and files to hold."""
        from jwstsync.core.lines import inert_json

        _say(inert_json(indented(content)))

    def line(self, line: str) -> None:
        """A line of JSON with its end, told at once."""
        _write(line)

    def data(self, content: bytes) -> None:
        """Bytes as the whole answer, also with ``-q``."""
        _write(content)

    def message(self, text: str) -> None:
        """Something on the way, on stderr."""
        if not self._options.quiet:
            _tell(text)

    def warning(self, text: str) -> None:
        """Something that went wrong, on stderr, also with ``-q``."""
        complain(text)


def _lines(content: Mapping[str, object]) -> Iterator[str]:
    import json

    yield "{"
    last = len(content) - 1
    for number, (key, value) in enumerate(content.items()):
        end = "" if number == last else ","
        if isinstance(value, list) and value:
            yield f"  {json.dumps(key)}: ["
            yield from (f"    {json.dumps(one)}," for one in value[:-1])
            yield f"    {json.dumps(value[-1])}"
            yield f"  ]{end}"
        else:
            yield f"  {json.dumps(key)}: {json.dumps(value)}{end}"
    yield "}"


def document_text(content: Mapping[str, object]) -> str:
    """One JSON document as the text of a file, with a line for each part of a list, as `Output.document` prints it."""
    from jwstsync.core.lines import inert_json

    return inert_json("\n".join(_lines(content))) + "\n"


def indented(content: Mapping[str, object]) -> str:
    """A JSON document for people to read and files to hold."""
    import json

    return json.dumps(content, indent=2)


def complain(text: str) -> None:
    """Says on stderr what went wrong."""
    for line in text.splitlines():
        _tell(f"jwstsync: {line}")


def instruct(line: str) -> None:
    """Says on stderr, as it is, what is meant for whatever runs this."""
    _say(line, err=True)


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a stream is a terminal; one that is closed or missing is none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _columns(stream: IO[str]) -> int | None:
    """The columns of the terminal that a stream is, if it is one; COLUMNS is believed, as everywhere."""
    if not is_terminal(stream):
        return None
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except OSError:
        return _USUAL


def _lines_of(text: str, stream: IO[str]) -> list[str]:
    """A line as it is shown: without control characters, and no wider than the terminal."""
    line, width = printable(text), _columns(stream)
    lines = [line] if width is None else folded(seen_from(_here(), line), width)
    return [inert(one) for one in lines]


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it is gone
        return ""


def _tell(text: str) -> None:
    """Says a line on stderr."""
    for line in _lines_of(text, sys.stderr):
        _say(line, err=True)


def _say(text: str, *, err: bool = False, color: bool | None = None, end: str = "\n") -> None:
    """Prints a line, or a part of one."""
    _write(text + end, err=err, color=color)


def _write(content: str | bytes, *, err: bool = False, color: bool | None = None) -> None:
    """Writes to a stream.

    Raises:
        StoreError: An answer can not be written, because the disk is full.
    """
    try:
        click.echo(content, nl=False, err=err, color=color)
    except OSError as error:
        _forget(sys.stderr if err else sys.stdout)
        if not err and not isinstance(error, BrokenPipeError):
            raise StoreError(f"stdout: not written: {error.strerror}") from error


def _forget(stream: IO[str]) -> None:
    """Lets a stream that can not be written lead nowhere, so that Python does not fail again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
