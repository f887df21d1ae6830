"""When programs are told how much of a product has come: at most once a second for each. The clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwstsync.core.events import ProgressEvent
    from jwstsync.core.fetch import Fetch

EVERY = 1.0
"""Seconds between two events of progress of one product, and before the first."""


@dataclass(slots=True)
class _Course:
    """A product on its way: the bytes of the whole, as far as known, those that are here, and when that was told."""

    size: int | None
    told_at: float
    received: int = 0


class Courses:
    """The products on their way, and what is to be told of them."""

    def __init__(self) -> None:
        self._courses: dict[str, _Course] = {}

    def started(self, fetch: Fetch, size: int | None, now: float) -> None:
        """A product begins to come, or begins anew with what may be another size; what is here of it stays counted."""
        course = self._courses.setdefault(fetch.uri, _Course(size, now))
        course.size, course.told_at = size, now

    def received(self, fetch: Fetch, count: int, now: float) -> ProgressEvent | None:
        """So many more bytes have come, or less if negative; what is to be told of it now, if anything is."""
        course = self._courses.get(fetch.uri)
        if course is None:
            return None
        course.received += count
        if now - course.told_at < EVERY:
            return None
        course.told_at = now
        return {
            "type": "progress",
            "uri": fetch.uri,
            "path": fetch.path,
            "size": course.size,
            "received": course.received,
        }

    def ended(self, fetch: Fetch) -> None:
        """A product is done with."""
        self._courses.pop(fetch.uri, None)
