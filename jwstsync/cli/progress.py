"""How a run goes on, on stderr: bars in a terminal, elsewhere a line a minute; nothing but warnings to programs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jwstsync.cli.counts import Counts
from jwstsync.cli.text import time_text
from jwstsync.core.amounts import size_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Protocol, Self

    from jwstsync.cli.output import Output
    from jwstsync.core.events import QueryState
    from jwstsync.core.fetch import Fetch
    from jwstsync.executors import Setback

    class _Display(Protocol):
        def close(self) -> None: ...


_PAUSE = 60.0  # seconds between lines where nothing can move


class Progress:
    """Feedback for people. Used as a context manager it shows transfers too.

    Args:
        output: The streams of the call.
        clock: The seconds since some moment.
    """

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._counts = Counts()
        self._display: _Display | None = None
        self._hashed = 0
        self._told = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.close()

    def expect(self, files: int, count: int) -> None:
        """What is to be transferred in all, from now on: so many files, so many bytes as far as known."""
        if not files or self._output.as_json:
            return
        if not self._output.live:
            self._display = Ticker(_PAUSE, Lines(self._counts, files, count, self._output.message, self._clock).tell)
            return
        from jwstsync.cli.bars import Bars

        bars = Bars(self._counts, files, count, colored=self._output.bars_colored, clock=self._clock)
        bars.start()
        self._display = bars

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
        now = self._clock()
        if now - self._told >= _PAUSE and not self._output.as_json:
            self._told = now
            self._output.message(f"{size_text(self._hashed)} hashed")

    def query(self, proposal: int, state: QueryState, *, products: int | None = None, error: str | None = None) -> None:
        """Says nothing: people are told of its phase."""

    def retried(self, fetch: Fetch, setback: Setback) -> None:
        """Says nothing: people see the bar wait."""

    def started(self, fetch: Fetch, size: int | None, resumed: int = 0) -> None:  # noqa: ARG002 - is received too
        """Counts a file that is under way."""
        self._counts.started(fetch, size)

    def received(self, fetch: Fetch, count: int) -> None:
        """Counts bytes."""
        self._counts.received(fetch, count)

    def ended(self, fetch: Fetch) -> None:
        """Counts a file that is done with."""
        self._counts.ended(fetch)


class Lines:
    """Progress where nothing can move: each line tells what came since the last one.

    Args:
        counts: How it stands.
        files: How many files come in all.
        expected: How many bytes they are, as far as known.
        message: Says a line.
        clock: The seconds since some moment.
    """

    def __init__(
        self, counts: Counts, files: int, expected: int, message: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self._counts = counts
        self._files = files
        self._expected = expected
        self._message = message
        self._clock = clock
        self._told_at, self._told = clock(), 0

    def tell(self) -> None:
        """Says how it stands, how fast it is, and how long it will take; nothing as long as nothing has begun."""
        now, counts = self._clock(), self._counts.snapshot()
        rate = max(counts.received - self._told, 0) / max(now - self._told_at, 1e-9)
        self._told_at, self._told = now, counts.received
        if not (counts.ended or counts.running):
            return
        left = self._expected - counts.received
        whole = f" of {size_text(self._expected)}" if self._expected else ""
        text = f"{counts.ended} of {self._files} files, {size_text(counts.received)}{whole}"
        end = f", {time_text(left / rate)} left" if rate and left > 0 else ""
        self._message(f"{text}, {size_text(rate)}/s{end}")


class Ticker:
    """Calls something again and again in a thread of its own, until it is closed.

    Args:
        seconds: From one call to the next.
        call: What is called.
    """

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._seconds = seconds
        self._call = call
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._call()

    def close(self) -> None:
        """Ends it; no call is under way any more then."""
        self._over.set()
        self._thread.join()
