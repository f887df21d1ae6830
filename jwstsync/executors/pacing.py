"""When a download waits, and when it has waited long enough. The clock and the dice are passed in."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.core.retry import Pauses
from jwstsync.executors import Cause
from jwstsync.executors.answers import SetbackError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

_STALL_WINDOW = 30.0  # seconds
_STALL_RATE = 1000.0  # bytes a second


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads requests, keeps no secret


def _sleep(seconds: float, stopped: Event) -> None:
    stopped.wait(max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class Timing:
    """What downloads know of time.

    Attributes:
        pauses: How long a transfer waits before it is tried again.
        stall_window: Seconds of too few bytes that make a stall.
        clock: The seconds since some moment.
        sleep: Waits so many seconds, or until an event is set.
        chance: A random number from 0 to 1.
    """

    pauses: Pauses = field(default_factory=Pauses)
    stall_window: float = _STALL_WINDOW
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float, Event], object] = _sleep
    chance: Callable[[], float] = _chance


class Host:
    """The server as all connections together see it: how long it wants to be left alone, and how much it may send.

    Args:
        timing: What is known of time.
        limit_rate: Bytes a second at most, if there is a limit.
        stopped: Set when nobody waits any more.
    """

    def __init__(self, timing: Timing, limit_rate: float | None, stopped: Event) -> None:
        self._timing = timing
        self._limit = limit_rate
        self._stopped = stopped
        self._lock = Lock()
        self._rests_until = self._free_at = timing.clock()

    def rest_for(self, seconds: float) -> None:
        """Has everything wait so long, from now."""
        with self._lock:
            self._rests_until = max(self._rests_until, self._timing.clock() + seconds)

    def rested(self) -> None:
        """Waits until the server may be asked."""
        while not self._stopped.is_set() and (left := self._rests_until - self._timing.clock()) > 0:
            self._timing.sleep(left, self._stopped)

    def took(self, count: int) -> None:
        """Waits until so many bytes may have come."""
        if self._limit is None:
            return
        with self._lock:
            now = self._timing.clock()
            self._free_at = max(self._free_at, now) + count / self._limit
            wait = self._free_at - now
        self._timing.sleep(wait, self._stopped)


class Pace:
    """Notices a connection that drips.

    Args:
        timing: What is known of time.
        fair_rate: The bytes a second that a limit leaves to this connection, if there is one.
    """

    def __init__(self, timing: Timing, fair_rate: float | None) -> None:
        self._timing = timing
        self._rate = _STALL_RATE if fair_rate is None else min(_STALL_RATE, fair_rate / 2)
        self._since = timing.clock()
        self._count = 0

    def check(self, count: int) -> None:
        """Takes note of the next bytes.

        Raises:
            SetbackError: Too few have come for too long.
        """
        self._count += count
        now = self._timing.clock()
        elapsed = now - self._since
        if elapsed < self._timing.stall_window:
            return
        if self._count < self._rate * elapsed:
            raise SetbackError(f"stalled: {self._count} bytes in {elapsed:.0f} s", cause=Cause.HOST)
        self._since, self._count = now, 0
