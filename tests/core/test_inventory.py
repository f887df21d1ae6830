"""What a lockfile holds, and what of it is the oldest and the newest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.inventory import Age, Inventory, Share, inventory_of
from jwstsync.core.layout import checked_path
from jwstsync.core.lockfile import LockedProduct


def locked(
    name: str, cal_ver: str | None = None, crds_ctx: str | None = None, *, proposal: int = 2733, size: int = 10
) -> LockedProduct:
    """A locked product."""
    return LockedProduct(
        uri=f"mast:JWST/product/{name}",
        path=checked_path(name),
        proposal=proposal,
        size=size,
        sha256="0" * 64,
        cal_ver=cal_ver,
        crds_ctx=crds_ctx,
    )


def test_nothing_is_locked() -> None:
    """An empty lockfile holds nothing, and nothing in it is old."""
    assert inventory_of([]) == Inventory(0, 0, (), (), (), None, None, 0)


def test_what_is_locked_is_summed_up() -> None:
    """By proposal, version and context, as numbers and not as text; what can not be compared stands at the end."""
    products = [
        locked("a", "1.9.6", "jwst_1303.pmap"),
        locked("b", "1.16.1", "jwst_999.pmap", proposal=1366),
        locked("c", "1.16.1", "jwst_1303.pmap", size=5),
        locked("d", "2026_1b", "elsewhere.pmap"),
        replace(locked("e"), recheck=True),
    ]

    assert inventory_of(products) == Inventory(
        files=5,
        bytes=45,
        proposals=(Share(1366, 1, 10), Share(2733, 4, 35)),
        cal_vers=(Share("1.9.6", 1, 10), Share("1.16.1", 2, 15), Share("2026_1b", 1, 10), Share(None, 1, 10)),
        crds_ctxs=(
            Share("jwst_999.pmap", 1, 10),
            Share("jwst_1303.pmap", 2, 15),
            Share("elsewhere.pmap", 1, 10),
            Share(None, 1, 10),
        ),
        oldest=Age("1.9.6", "jwst_1303.pmap", ("a",), 10),
        newest=Age("1.16.1", "jwst_1303.pmap", ("c",), 5),
        recheck=1,
    )


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (("1.9.6", "jwst_1400.pmap"), ("1.10.0", "jwst_1100.pmap")),
        (("1.18.1", "jwst_999.pmap"), ("1.18.1", "jwst_1364.pmap")),
        (("1.18.0.dev4", None), ("1.18.0", None)),
        (("1.18.0", "odd"), ("1.18.1", None)),
    ],
    ids=["version", "context", "before a release", "no context"],
)
def test_the_order_of_age(older: tuple[str, str | None], newer: tuple[str, str | None]) -> None:
    """The version counts before the context, each by its number, and a context without a number not at all."""
    found = inventory_of([locked("n", *newer), locked("o", *older)])

    assert found.oldest is not None
    assert found.newest is not None
    assert (found.oldest.paths, found.newest.paths) == (("o",), ("n",))


@pytest.mark.parametrize("cal_ver", [None, "2026_1b", "1." * 30 + "1"])
def test_versions_without_an_order(cal_ver: str | None) -> None:
    """They are neither old nor new."""
    found = inventory_of([locked("a", cal_ver, "jwst_1303.pmap")])

    assert (found.oldest, found.newest) == (None, None)


VERSIONS = st.sampled_from([None, "1.9.6", "1.16.1", "1.16.1.dev3", "2026_1b", ""])
CONTEXTS = st.sampled_from([None, "jwst_999.pmap", "jwst_1303.pmap", "x"])


@given(st.lists(st.tuples(VERSIONS, CONTEXTS), max_size=8))
def test_nothing_is_lost_and_order_does_not_matter(versions: list[tuple[str | None, str | None]]) -> None:
    """Each sum is that of the whole, and is the same whatever order the products come in."""
    products = [locked(f"p{number}", *version) for number, version in enumerate(versions)]
    found = inventory_of(products)
    backwards = inventory_of(products[::-1])

    for shares in (found.proposals, found.cal_vers, found.crds_ctxs):
        assert sum(share.files for share in shares) == len(products)
        assert sum(share.bytes for share in shares) == found.bytes
    assert (found.cal_vers, found.crds_ctxs) == (backwards.cal_vers, backwards.crds_ctxs)
