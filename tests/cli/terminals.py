"""A terminal for the tests of the command line."""

from __future__ import annotations

import os
import select
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cli.calls import PATIENCE

if TYPE_CHECKING:
    import subprocess

    from tests.cli.calls import Desk


@dataclass
class Terminal:
    """A terminal: the end at which somebody sits, and the end that processes are given."""

    here: int
    there: int

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
