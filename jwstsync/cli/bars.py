"""Bars in a terminal: one for the whole run, and one for each file under way, whose name stays whole.

Where there is room, files have their speed and the time left too, in the columns of the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType
    from rich.progress import ProgressColumn, TaskID

    from jwstsync.cli.counts import Counts

_DRAWN = 2  # times a second; each costs some milliseconds
_WIDE = 110  # columns, enough for a long name and all that is told of it


class Bars:
    """What moves on stderr while a run goes on. It reads the counts as often as it is drawn, and no oftener.

    Args:
        counts: How it stands.
        files: How many files come in all.
        expected: How many bytes they are, as far as known.
        colored: Whether colors are wanted.
        clock: The seconds since some moment.
    """

    def __init__(self, counts: Counts, files: int, expected: int, *, colored: bool, clock: Callable[[], float]) -> None:
        self._counts = counts
        self._files = files
        console = Console(stderr=True, no_color=not colored)
        speed = (TransferSpeedColumn(table_column=_firm()), TimeRemainingColumn(table_column=_firm()))
        # Never started: they are drawn by the last.
        self._rows = Progress(*_columns(), *speed, console=console, get_time=clock)
        wide = console.width >= _WIDE
        self._file_rows = self._rows if wide else Progress(*_columns(), console=console, get_time=clock)
        self._whole = self._rows.add_task("", total=expected or None)
        self._running: dict[str, TaskID] = {}
        self._live = Live(
            get_renderable=self.drawn,
            console=console,
            refresh_per_second=_DRAWN,
            transient=True,
            redirect_stdout=False,
        )

    def start(self) -> None:
        """Begins to draw."""
        self._live.start()

    def close(self) -> None:
        """Takes the bars away."""
        self._live.stop()

    def drawn(self) -> RenderableType:
        """The bars as it stands now."""
        now = self._counts.snapshot()
        self._rows.update(self._whole, description=f"{now.ended} of {self._files} files", completed=now.received)
        for uri in self._running.keys() - now.running.keys():
            self._file_rows.remove_task(self._running.pop(uri))
        for uri, file in now.running.items():
            if uri not in self._running:
                self._running[uri] = self._file_rows.add_task(file.name, total=file.size)
            self._file_rows.update(self._running[uri], total=file.size, completed=file.received)
        return Group(*(rows.get_renderable() for rows in dict.fromkeys((self._rows, self._file_rows))))


def _columns() -> Sequence[ProgressColumn]:
    """What it is, a bar that is made shorter where the rest takes the room, and the bytes."""
    name = TextColumn("{task.description}", markup=False)
    return name, BarColumn(bar_width=20), DownloadColumn(table_column=_firm())


def _firm() -> Column:
    return Column(no_wrap=True)
