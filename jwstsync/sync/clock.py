"""What a run knows of time. Tests bring a clock that goes on only when they say so."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Alarm: TypeAlias = Callable[[float, Callable[[], None]], AbstractContextManager[None]]


_MJD_1970 = 40_587


@contextmanager
def _alarm(seconds: float, ring: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), ring)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def mjd_now() -> float:
    """The time, in MJD."""
    return _MJD_1970 + time.time() / 86_400


@dataclass(frozen=True, slots=True)
class Clock:
    """What a run knows of time.

    Attributes:
        now: The seconds since some moment.
        alarm: While the context lasts that it gives, calls something after so many seconds, from any thread.
        mjd: What the calendar shows.
    """

    now: Callable[[], float] = time.monotonic
    alarm: Alarm = _alarm
    mjd: Callable[[], float] = mjd_now

    @property
    def nanoseconds(self) -> int:
        """What the calendar shows, in nanoseconds since 1970, as files have it."""
        return round((self.mjd() - _MJD_1970) * 86_400) * 10**9
