"""A clock for runs that goes on only when a test says so."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.sync.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class FakeClock:
    """Time that is told to pass."""

    def __init__(self) -> None:
        self._now = 0.0
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    @property
    def clock(self) -> Clock:
        """What a run knows of it."""
        return Clock(lambda: self._now, self._alarm)

    def at(self, mjd: float) -> Clock:
        """The same, where the calendar shows this."""
        return replace(self.clock, mjd=lambda: mjd)

    @contextmanager
    def _alarm(self, seconds: float, ring: Callable[[], None]) -> Iterator[None]:
        entry = (self._now + seconds, ring)
        self._alarms.append(entry)
        yield
        self._alarms.remove(entry)

    def go_on(self, seconds: float) -> None:
        """Lets time pass, and rings what is due."""
        due = self._now + seconds
        self._now = due
        for at, ring in self._alarms:
            if at <= due:
                ring()

    @property
    def waiting(self) -> int:
        """How many alarms are set."""
        return len(self._alarms)
