"""How a run goes on, on stderr: bars in a terminal, elsewhere a line a minute."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jwstsync.cli.text import name_of
from jwstsync.core.amounts import size_text

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from jwstsync.cli.output import Output
    from jwstsync.core.plan import Fetch

_PAUSE = 60.0  # seconds between lines where nothing can move


class Progress:
    """Feedback for people. Used as a context manager it shows transfers too.

    Args:
        output: The streams of the call.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._whole: TaskID | None = None
        self._running: dict[str, TaskID] = {}
        self._ended: set[str] = set()
        self._files = self._received = self._expected = self._hashed = 0
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def expect(self, files: int, count: int) -> None:
        """What is to be transferred in all, from now on: so many files, so many bytes as far as known."""
        self._files, self._expected = files, count
        if files and self._output.live:
            self._bars = _bars(colored=self._output.bars_colored)
            self._bars.start()
            self._whole = self._bars.add_task(f"0 of {files} files", total=count or None)

    def phase(self, text: str) -> None:
        """Says what begins now."""
        if self._output.live:
            self._output.message(text)

    def warn(self, text: str) -> None:
        """Says what the user should know."""
        self._output.warning(text)

    def hashed(self, count: int) -> None:
        """Counts what is hashed: terabytes take a while."""
        self._hashed += count
        self._tell_at_times(f"{size_text(self._hashed)} hashed")

    def started(self, fetch: Fetch, size: int | None) -> None:
        """Shows a bar for the file."""
        with self._lock:
            if self._bars is not None and fetch.uri not in self._running:
                self._running[fetch.uri] = self._bars.add_task(name_of(fetch.path), total=size)

    def received(self, fetch: Fetch, count: int) -> None:
        """Moves the bars."""
        with self._lock:
            self._received += count
            if self._bars is None:
                amount = f"{size_text(self._received)} of {size_text(self._expected)}"
                self._tell_at_times(f"{len(self._ended)} of {self._files} files, {amount}")
                return
            if fetch.uri in self._running:
                self._bars.advance(self._running[fetch.uri], count)
            if self._whole is not None:
                self._bars.advance(self._whole, count)

    def ended(self, fetch: Fetch) -> None:
        """Takes the file's bar away."""
        with self._lock:
            self._ended.add(fetch.uri)  # which may come again
            if self._bars is None:
                return
            if fetch.uri in self._running:
                self._bars.remove_task(self._running.pop(fetch.uri))
            if self._whole is not None:
                self._bars.update(self._whole, description=f"{len(self._ended)} of {self._files} files")

    def _tell_at_times(self, text: str) -> None:
        now = time.monotonic()
        if now - self._told >= _PAUSE:
            self._told = now
            self._output.message(text)


def _bars(*, colored: bool) -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, no_color=not colored)
    return Progress(*columns, console=console, transient=True, refresh_per_second=5, redirect_stdout=False)
