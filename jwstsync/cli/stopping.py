"""How Ctrl-C and SIGTERM end a run: the first cleanly, once there is something to end; the second at once."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jwstsync.errors import ExitCode, JwstsyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType
    from typing import Self

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class StoppedError(JwstsyncError):
    """A run that was stopped at once."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(code.name.lower())
        self.exit_code = code


class Stopping:
    """Receives the signals as long as the context lasts.

    Attributes:
        code: What the first signal makes the run end with; None as long as none came.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._stop: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._receive) for number in _CODES}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the signals back.

        Raises:
            StoppedError: In place of what the second signal raises, or the end of the answers to a question.
        """
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(error, (KeyboardInterrupt, click.Abort)):
            raise StoppedError(self.code or ExitCode.INTERRUPTED) from error

    def check(self) -> None:
        """Ends the run if a signal came and was lost: Python's `input` clears what is raised while it flushes.

        Raises:
            KeyboardInterrupt: One came.
        """
        if self.code is not None:
            raise KeyboardInterrupt

    @contextmanager
    def cleanly(self, stop: Callable[[], None]) -> Iterator[None]:
        """While this lasts, the first signal calls ``stop``."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        first = self.code is None
        self.code = self.code or _CODES[signal.Signals(number)]
        if not first or self._stop is None:
            raise KeyboardInterrupt
        self._stop()
