"""The catalogue that a sandbox serves when it is given none: two proposals after real ones."""

from __future__ import annotations

import functools

from jwstsync.sandbox import southern_ring, survey
from jwstsync.sandbox.catalogue import Catalogue


@functools.lru_cache(maxsize=2)
def built_in(*, full_size: bool) -> Catalogue:
    """Proposals 2733 and 5398, with sizes as in the archive or a 64th of them."""
    ring = Catalogue.from_rows(*southern_ring.rows(full_size=full_size))
    return ring.joined_with(Catalogue.from_rows(*survey.rows(full_size=full_size)))
