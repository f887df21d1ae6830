"""The catalogue that a sandbox serves when it is given none: two proposals after real ones."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from jwstsync.sandbox import southern_ring, survey
from jwstsync.sandbox.catalogue import Catalogue


@functools.lru_cache(maxsize=2)
def built_in(*, full_size: bool, year: int | None = None) -> Catalogue:
    """Proposals 2733 and 5398, with sizes as in the archive or a 64th of them.

    Args:
        full_size: Sizes as in the archive.
        year: The year in which the exclusive observations of 5398 become public; by default the one after that of
            the first call, so that their day has always yet to come, by a month at least.
    """
    ring = Catalogue.from_rows(*southern_ring.rows(full_size=full_size))
    released = year or datetime.now(UTC).year + 1
    return ring.joined_with(Catalogue.from_rows(*survey.rows(full_size=full_size, year=released)))
