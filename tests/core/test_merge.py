"""Two lockfiles that come from one, brought together: a union by URI that is always a valid lockfile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile, format_lockfile, parse_lockfile
from jwstsync.core.merge import Merge, merged
from tests.core.lock_histories import LAYOUTS, History, histories, large_history, lockfiles, product

if TYPE_CHECKING:
    import random

A, B, C = "a_cal.fits", "b_cal.fits", "c_cal.fits"


def merge_of(history: History) -> Merge:
    """What comes of a history."""
    return merged(history.base, history.ours, history.theirs)


def version_in(lockfile: Lockfile, uri: str) -> tuple[int, str] | None:
    """The bytes that a lockfile has of a product."""
    one = lockfile.products.get(uri)
    return None if one is None else (one.size, one.sha256)


def expected(before: object, ours: object, theirs: object) -> object:
    """The version that a merge has to give: that of the side that changed it, and ours where both did."""
    if ours == before:
        return theirs
    if theirs in {before, ours}:
        return ours
    return theirs if ours is None else ours


@given(histories)
@settings(deadline=None, max_examples=1000)
def test_every_product_is_there_in_the_right_version(history: History) -> None:
    """What a side added or changed is there, what one removed and the other left alone is not, and nothing else is."""
    merge = merge_of(history)
    for uri in {*history.base.products, *history.ours.products, *history.theirs.products} - set(merge.displaced):
        before, ours, theirs = (version_in(side, uri) for side in (history.base, history.ours, history.theirs))
        if uri not in merge.revived:
            assert version_in(merge.lockfile, uri) == expected(before, ours, theirs)
        else:
            assert None in {ours, theirs}
            assert version_in(merge.lockfile, uri) == (theirs if ours is None else ours) is not None


@given(histories)
@settings(deadline=None, max_examples=200)
def test_what_both_sides_made_anew_is_marked(history: History) -> None:
    """Of products with other bytes on each side, and only of these, ours stays, marked and reported."""
    merge = merge_of(history)
    asked = set()
    for uri in history.ours.products.keys() & history.theirs.products.keys():
        versions = [version_in(side, uri) for side in (history.base, history.ours, history.theirs)]
        if len(set(versions)) == 3:
            asked.add(uri)
    assert set(merge.rechecked) == asked
    assert {one.uri for one in merge.lockfile if one.recheck} == asked - set(merge.displaced)


@given(histories)
@settings(deadline=None, max_examples=200)
def test_a_merge_is_a_valid_lockfile(history: History) -> None:
    """What comes out is read back as it was written, sorted, with one product on each place."""
    lockfile = merge_of(history).lockfile
    text = format_lockfile(lockfile, "jwstsync.lock")
    assert parse_lockfile(text, "jwstsync.lock") == lockfile
    assert list(lockfile.products) == sorted(lockfile.products)


@given(history=histories, order=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_orders_do_not_matter(history: History, order: random.Random) -> None:
    """The same three lockfiles give the same bytes, in whatever order their products come."""

    def shuffled(lockfile: Lockfile) -> Lockfile:
        return Lockfile(dict(order.sample(list(lockfile.products.items()), len(lockfile))))

    again = History(shuffled(history.base), shuffled(history.ours), shuffled(history.theirs))
    assert merge_of(again) == merge_of(history)


@given(histories)
@settings(deadline=None, max_examples=200)
def test_both_sides_see_the_same(history: History) -> None:
    """Where nothing had to be decided between the sides, it is all the same whose turn it was to merge."""
    merge, other = merge_of(history), merge_of(history.swapped)
    assert other.revived == merge.revived
    assert other.rechecked == merge.rechecked
    moved = any(
        one.path != history.theirs.products[one.uri].path for one in history.ours if one.uri in history.theirs.products
    )
    if not (merge.rechecked or merge.displaced or other.displaced or moved):
        assert other.lockfile == merge.lockfile


@given(base=lockfiles, side=lockfiles)
@settings(deadline=None, max_examples=200)
def test_a_side_that_did_nothing_changes_nothing(base: Lockfile, side: Lockfile) -> None:
    """Merged with what it comes from, or with itself, a lockfile stays as it is."""
    assert merged(base, side, side) == Merge(side)
    assert merged(base, side, base).lockfile == side
    assert merged(side, side, side).lockfile == side


@pytest.mark.parametrize("seed", range(20))
def test_two_branches_that_each_add_20_to_300(seed: int) -> None:
    """What makes git's own merge conflict is nothing to decide: all 40 are there."""
    history = large_history(seed)
    merge = merge_of(history)
    added = {*history.ours.products, *history.theirs.products} - set(history.base.products)
    assert len(added) == 40
    assert added <= set(merge.lockfile.products)
    assert merge.displaced == ()


def only(one: LockedProduct | None) -> Lockfile:
    """A lockfile of one product, or of none."""
    return Lockfile.of([] if one is None else [one])


BARE = product(A, known=False)
KNOWN = product(A)
REMADE, REMADE_TWICE = product(A, 1), product(A, 2)
ELSEWHERE = replace(KNOWN, path=ProductPath("flat/a_cal.fits"))
MARKED = replace(KNOWN, recheck=True)


@pytest.mark.parametrize(
    ("before", "ours", "theirs", "after"),
    [
        pytest.param(BARE, KNOWN, REMADE, REMADE, id="better known here, made anew there"),
        pytest.param(BARE, REMADE, KNOWN, REMADE, id="made anew here, better known there"),
        pytest.param(KNOWN, ELSEWHERE, REMADE, replace(REMADE, path=ELSEWHERE.path), id="moved here, made anew there"),
        pytest.param(KNOWN, REMADE, ELSEWHERE, replace(REMADE, path=ELSEWHERE.path), id="made anew here, moved there"),
        pytest.param(None, BARE, KNOWN, KNOWN, id="added twice, better known there"),
        pytest.param(None, KNOWN, BARE, KNOWN, id="added twice, better known here"),
        pytest.param(None, MARKED, BARE, BARE, id="added twice, and compared there"),
        pytest.param(MARKED, KNOWN, MARKED, KNOWN, id="compared here"),
        pytest.param(MARKED, replace(MARKED, proposal=7), KNOWN, replace(KNOWN, proposal=7), id="compared there"),
        pytest.param(KNOWN, BARE, replace(KNOWN, proposal=7), replace(BARE, proposal=7), id="less is known now"),
        pytest.param(
            None, replace(KNOWN, proposal=9), replace(KNOWN, proposal=7), replace(KNOWN, proposal=7), id="ids"
        ),
        pytest.param(None, KNOWN, ELSEWHERE, KNOWN, id="added twice in two places"),
        pytest.param(KNOWN, REMADE, REMADE_TWICE, replace(REMADE, recheck=True), id="made anew twice"),
        pytest.param(None, REMADE, KNOWN, replace(REMADE, recheck=True), id="added in two versions"),
        pytest.param(KNOWN, None, REMADE, REMADE, id="removed here, made anew there"),
        pytest.param(KNOWN, REMADE, None, REMADE, id="made anew here, removed there"),
        pytest.param(KNOWN, None, KNOWN, None, id="removed here"),
        pytest.param(KNOWN, KNOWN, None, None, id="removed there"),
        pytest.param(KNOWN, None, None, None, id="removed twice"),
    ],
)
def test_what_becomes_of_one_product(
    before: LockedProduct | None, ours: LockedProduct | None, theirs: LockedProduct | None, after: LockedProduct | None
) -> None:
    """Bytes with what is stated of them, path and proposal each come from the side that changed them."""
    assert merged(only(before), only(ours), only(theirs)).lockfile == only(after)


def test_a_place_that_ours_has() -> None:
    """A product that came on the other side, to a place that ours has for another, is left out and reported."""
    ours = Lockfile.of([product(B, layout=LAYOUTS[2])])
    merge = merged(Lockfile(), ours, Lockfile.of([product(A, layout=LAYOUTS[2]), product(C)]))
    assert merge.displaced == (product(A).uri,)
    assert merge.lockfile == Lockfile.of([*ours, product(C)])


@pytest.mark.parametrize("folder_is_ours", [True, False])
def test_a_place_that_is_a_folder_elsewhere(*, folder_is_ours: bool) -> None:
    """A file and a folder of one name, in whatever case, do not come together either."""
    one, other = product(A, layout="jwst/same.fits"), product(B, layout="JWST/SAME.fits/{name}")
    ours, theirs = (other, one) if folder_is_ours else (one, other)
    merge = merged(Lockfile(), only(ours), only(theirs))
    assert merge == Merge(only(ours), displaced=(theirs.uri,))


def test_a_place_that_was_moved_to() -> None:
    """What the other side moved to a place that is taken here stays where it was, if that is free."""
    moved = product(A, layout=LAYOUTS[2])
    merge = merged(only(KNOWN), Lockfile.of([KNOWN, product(B, layout=LAYOUTS[2])]), only(moved))
    assert merge == Merge(Lockfile.of([KNOWN, product(B, layout=LAYOUTS[2])]))


def test_two_places_that_swap() -> None:
    """Where the other side let two products swap their places, both are at their new ones."""
    before = Lockfile.of([product(A, layout="one"), product(B, layout="two")])
    after = Lockfile.of([product(A, layout="two"), product(B, layout="one")])
    assert merged(before, Lockfile.of([*before, product(C)]), after).lockfile == Lockfile.of([*after, product(C)])
