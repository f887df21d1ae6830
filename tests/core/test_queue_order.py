"""The order of a queue: large before small, and products of one observation together, whatever the layout."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.fetch import Fetch, queue_order
from jwstsync.core.layout import DEFAULT_LAYOUT, product_path
from tests.core.strategies import selected

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Hashable, Sequence

OBSERVATIONS = ("jw01-o001_t001_miri_f770w", "jw01001_02101_00001_mirimage", "jw01001_02101_00002_mirimage")
KINDS = ("i2d", "cal", "rate", "thumb")
layouts = st.sampled_from(
    [
        DEFAULT_LAYOUT,
        "{filename}",
        "{productSubGroupDescription}/{filename}",
        "{calib_level}/{proposal_id}/{filename}",
        "{productSubGroupDescription}-{obs_id}/{filename}",
    ]
)


@st.composite
def queues(draw: st.DrawFn) -> list[Fetch]:
    """Products of a few observations in one layout, of a few sizes; as listed, or as a lockfile has them."""
    layout, listed = draw(layouts), draw(st.booleans())
    chosen = draw(st.lists(st.tuples(st.sampled_from(OBSERVATIONS), st.sampled_from(KINDS)), unique=True, max_size=12))
    return [
        _fetch(layout, obs_id, kind, draw(st.sampled_from([None, 0, 1, 2])), listed=listed) for obs_id, kind in chosen
    ]


def _fetch(layout: str, obs_id: str, kind: str, size: int | None, *, listed: bool) -> Fetch:
    values: dict[str, str | int | None] = {
        "obs_collection": "JWST",
        "proposal_id": "1",
        "obs_id": obs_id,
        "calib_level": KINDS.index(kind),
        "productSubGroupDescription": kind.upper(),
        "filename": f"{obs_id}_{kind}.fits",
    }
    uri = f"mast:JWST/product/{obs_id}_{kind}.fits"
    path = product_path(layout, values)
    return Fetch(selected(uri=uri, path=path, size=size, obs_id=obs_id if listed else None))


def obs_id_of(fetch: Fetch) -> str:
    """The observation that a product of these tests is of."""
    return fetch.path.rpartition("/")[2].rpartition("_")[0]


def runs(fetches: Sequence[Fetch], key: Callable[[Fetch], Hashable]) -> list[Hashable]:
    """The keys of fetches, once for each time that they stand together."""
    return [value for value, _ in groupby(fetches, key)]


@given(queue=queues(), order=st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_a_queue(queue: list[Fetch], order: random.Random) -> None:
    """Every product once, sizes fall, each observation's products of one size together; however it was told."""
    ordered = queue_order(queue)

    assert sorted(one.uri for one in ordered) == sorted(one.uri for one in queue)
    sizes = [one.size or 0 for one in ordered]
    assert sizes == sorted(sizes, reverse=True)
    together = runs(ordered, lambda one: (one.size or 0, obs_id_of(one)))
    assert len(together) == len(set(together))
    assert queue_order(order.sample(queue, len(queue))) == ordered


@pytest.mark.parametrize("listed", [True, False])
def test_a_layout_that_does_not_group(*, listed: bool) -> None:
    """Where a folder is a kind of file, its products are still fetched by observation."""
    queue = [
        _fetch("{productSubGroupDescription}/{filename}", obs_id, kind, 5, listed=listed)
        for kind in ("cal", "rate")
        for obs_id in OBSERVATIONS[1:]
    ]

    assert runs(queue_order(queue), obs_id_of) == list(OBSERVATIONS[1:])


def test_the_archive_knows_better_than_a_name() -> None:
    """A product whose name is that of another observation comes with those that it is listed with."""
    names = {"a_cal.fits": "x", "b_cal.fits": "y", "c_cal.fits": "x"}
    fetches = [
        Fetch(selected(uri=name, path=product_path("{filename}", {"filename": name}), size=5, obs_id=obs_id))
        for name, obs_id in names.items()
    ]

    assert [one.uri for one in queue_order(fetches)] == ["a_cal.fits", "c_cal.fits", "b_cal.fits"]
