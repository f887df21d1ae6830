"""Names and counts as people read them. What needs the plan's types is in `render`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jwstsync.core.amounts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_AGES = (("day", 86_400), ("hour", 3_600), ("minute", 60))  # seconds
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)")
_WORD = re.compile(r"\s*(?:[\d.,]*\d )?\S+")  # with the blanks before it; a number and what it counts are one


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, indented, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def age_text(seconds: float) -> str:
    """How long ago something was: ``3 hours``, ``1 day``."""
    for unit, length in _AGES:
        if seconds >= length:
            return counted(int(seconds / length), unit)
    return "less than a minute"


def name_of(path: str) -> str:
    """The file name of a path below the root."""
    return path.rpartition("/")[2]


def folded(line: str, width: int) -> list[str]:
    """A line in lines of a width, broken at blanks, so that names and paths stay whole even where they are wider.

    What goes on in another line stands under the last column, if that leaves half of the width; otherwise two columns
    deeper than the line.
    """
    from rich.cells import cell_len

    if cell_len(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip())
    column = cell_len(line[: line.rstrip().rfind("  ") + 2])
    deeper = column if indent + 2 < column <= width / 2 else indent + 2
    lines: list[str] = []
    for word in _WORD.findall(line):
        if lines and cell_len(lines[-1] + word) <= width:
            lines[-1] += word
            continue
        for bare in [word.strip()] if cell_len(word.strip()) <= width else word.split():
            room = max(0, width - cell_len(bare))
            lines.append(" " * min(deeper if lines else indent, room) + bare)
    return lines


def seen_from(folder: str, text: str) -> str:
    """A text in which paths below a folder begin there; where the folder is the topmost one, or none, as it is."""
    if not folder.strip("/"):
        return text
    return re.sub(rf"(?<![\w./~-]){re.escape(folder)}/(?=[^\s/])", "", text)


def printable(text: str) -> str:
    """A line that a terminal only shows: what the archive says may hold characters that would move its cursor."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def inert(line: str) -> str:
    """A line in which the runner of a GitHub workflow finds no command, whatever the archive says.

    It looks for one behind ``::`` at the start and behind ``##[`` anywhere (actions/runner,
    src/Runner.Common/ActionCommand.cs).
    """
    return _COMMAND.sub(r"\1?", line)


def time_text(seconds: float) -> str:
    """A time in the one or two units that matter: ``45 s``, ``12 min``, ``2 h 05 min``, ``3 d 4 h``."""
    minutes = round(seconds / 60)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    hours, minutes = divmod(minutes, 60)
    days, rest = divmod(hours, 24)
    if days:
        return f"{days} d {rest} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
