"""What is said of products that are not public yet: until when, and which come next. The caller knows what time it is.

Times are in MJD, whose whole part counts UTC days. What is withheld is decided in `plan`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from jwstsync.core.conditions import day_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from jwstsync.core.selection import Selected

_MOVING = 30  # days after its release in which what is listed as public may still be on its way


def withheld_text(products: Iterable[Selected], now: float) -> str:
    """How many products are withheld, and until when: ``12 withheld: 4 public on 2027-01-14 (in 53 days), 8 later``.

    Args:
        products: What is withheld.
        now: The time.
    """
    releases = [_release(one) for one in products]
    to_come = Counter(release.day for release in releases if release and release.at > now)
    parts = [*_coming(to_come, now)]
    if passed := sum(release is not None and release.at <= now for release in releases):
        parts.append(f"{passed:,} whose release date has passed (files take a while to move to the public store)")
    if unknown := releases.count(None):
        parts.append(f"{unknown:,} without a release date")
    return f"{len(releases):,} withheld: {', '.join(parts)}"


def _coming(to_come: Counter[date], now: float) -> Iterator[str]:
    if to_come:
        first = min(to_come)
        yield f"{to_come[first]:,} public on {first} ({_in_days(first, now)})"
        if later := to_come.total() - to_come[first]:
            yield f"{later:,} later (the last on {max(to_come)})"


def _in_days(day: date, now: float) -> str:
    today = day_of(now)
    assert today is not None  # noqa: S101 - somebody's clock shows it
    days = (day - today).days
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days:,} days")


def access_text(product: Selected, now: float) -> str:
    """Why one product is withheld, with its release date as far as that is known."""
    release = _release(product)
    if release is None:
        return "exclusive access"
    return f"exclusive access until {release.day}" if release.at > now else f"exclusive access; {_overdue(release)}"


def overdue_text(product: Selected, now: float) -> str | None:
    """What explains that a product is refused though its release date has passed; None where that explains nothing."""
    release = _release(product)
    if release is None or release.at > now or (product.public and now - release.at > _MOVING):
        return None
    return _overdue(release)


def _overdue(release: _Release) -> str:
    return f"its release date {release.day} has passed: files take a while to move to the public store"


class _Release(NamedTuple):
    at: float
    day: date


def _release(product: Selected) -> _Release | None:
    """When a product is or was public; None where no calendar has the day."""
    at = product.released_at
    day = None if at is None else day_of(at)
    return None if at is None or day is None else _Release(at, day)
