"""A terminal for the tests of the command line, and what is left on its screen."""

from __future__ import annotations

import os
import pty
import select
import termios
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyte

from tests.cli.calls import PATIENCE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.cli.calls import Desk


_LINES, _COLUMNS = 300, 400  # of the screen that is looked at: more than any test shows


@dataclass
class Terminal:
    """A terminal: the end at which somebody sits, and the end that processes are given."""

    here: int
    there: int

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Terminal]:
        """A terminal of no stated size."""
        here, there = pty.openpty()
        yield cls(here, there)
        os.close(here)

    def run(
        self, desk: Desk, *arguments: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[str]:
        """Begins the command in this terminal, but for the streams that lead elsewhere."""
        process = desk.spawn(
            *arguments,
            stdin=self.there,
            stdout=stdout or self.there,
            stderr=stderr or self.there,
            start_new_session=True,  # so that nothing is asked in the terminal that the tests are run in
        )
        os.close(self.there)
        return process

    def read(self, until: str = "") -> str:
        """What the terminal shows up to ``until``, or up to the end of the process."""
        shown = b""
        while not until or not shown.endswith(until.encode()):
            assert select.select([self.here], [], [], PATIENCE)[0]
            try:
                more = os.read(self.here, 4096)
            except OSError:  # Linux: nobody is at the other end any more
                break
            shown += more
        return shown.decode().replace("\r\n", "\n")

    def read_all(self, *words: str) -> str:
        """What the terminal shows until all of these have stood there."""
        shown = ""
        while not all(word in shown for word in words):
            assert select.select([self.here], [], [], PATIENCE)[0]
            shown += os.read(self.here, 4096).decode(errors="replace")
        return shown

    def resize(self, columns: int) -> None:
        """Makes it so wide."""
        termios.tcsetwinsize(self.there, (24, columns))

    def type(self, text: str) -> None:
        """Types on the keyboard."""
        os.write(self.here, text.encode())


def screen_lines(shown: str) -> list[tuple[str, str]]:
    """What is left to be seen of what a terminal was sent: the lines of its screen, each with its style.

    The screen is wide, so that a line which is wider than a process was told is seen to be so.

    Returns:
        For each line its text and its style: ``bold``, ``green``, nothing, or several with ``+`` between them.
    """
    screen = pyte.Screen(_COLUMNS, _LINES)
    pyte.Stream(screen).feed(shown.replace("\n", "\r\n"))
    lines = [(text.rstrip(), _style(screen, row)) for row, text in enumerate(screen.display)]
    while lines and not lines[-1][0]:
        lines.pop()
    return lines


def _style(screen: pyte.Screen, row: int) -> str:
    cells = [cell for cell in screen.buffer[row].values() if cell.data != " "]
    names = {cell.fg for cell in cells} | {"bold" for cell in cells if cell.bold}
    return "+".join(sorted(names - {"default"})).replace("brown", "yellow")  # pyte's word for it
