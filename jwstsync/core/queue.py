"""The order in which products are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.plan import Fetch


def queue_order(fetches: Iterable[Fetch]) -> list[Fetch]:
    """The order to fetch in: the largest first, so that none is left alone at the end; else by observation."""
    return sorted(fetches, key=lambda fetch: (-(fetch.size or 0), _observation(fetch), fetch.path))


def _observation(fetch: Fetch) -> str:
    """The observation of a product; a lockfile does not tell, but a file's name is it and what kind of file it is."""
    return fetch.wanted.obs_id or fetch.path.rpartition("/")[2].rpartition("_")[0]
