"""When a transfer is tried again, and when it is given up. The clock and the dice are passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BUDGET = 5
"""Setbacks in a row, without a byte more than ever before, that a transfer survives."""
FIRST_PAUSE = 0.5  # seconds
LONGEST_PAUSE = 20.0  # seconds
LONGEST_RETRY_AFTER = 900.0  # seconds
_DOUBLINGS = 60  # more than any pause needs, and few enough for a float
HOST_FAILURES = 10
"""Products in a row that fail for want of the host before a run gives up."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a transfer has been through: setbacks since it last got further than ever, and how far that was."""

    setbacks: int = 0
    longest: int = 0

    def after(self, length: int) -> Patience:
        """What is left after one more setback, with ``length`` bytes in the part."""
        further = length > self.longest
        return Patience(1 if further else self.setbacks + 1, max(length, self.longest))

    @property
    def exhausted(self) -> bool:
        """Whether it is time to give up."""
        return self.setbacks > BUDGET


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a transfer waits before the next try.

    Attributes:
        first: The longest that the first pause may be, in seconds.
        longest: The longest that any may be.
    """

    first: float = FIRST_PAUSE
    longest: float = LONGEST_PAUSE

    def before_next(self, setbacks: int, chance: float) -> float:
        """Seconds before the next try: growing, with full jitter.

        Args:
            setbacks: How many there were in a row, at least one.
            chance: A random number from 0 to 1.
        """
        return chance * min(self.longest, self.first * 2.0 ** min(setbacks - 1, _DOUBLINGS))


def retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, given in seconds or as a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())
