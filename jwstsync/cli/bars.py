"""Bars in a terminal: one for the whole run, and one for each file under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType
    from rich.progress import TaskID

    from jwstsync.cli.counts import Counts

_DRAWN = 2  # times a second; each costs some milliseconds


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
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._rows = Progress(*columns, console=console, get_time=clock)  # never started: it is drawn by the next
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
            self._rows.remove_task(self._running.pop(uri))
        for uri, file in now.running.items():
            if uri not in self._running:
                self._running[uri] = self._rows.add_task(file.name, total=file.size)
            self._rows.update(self._running[uri], total=file.size, completed=file.received)
        return self._rows.get_renderable()
