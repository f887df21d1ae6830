"""What actions say of themselves, what they fetch, and what the lockfile says after them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.after import lockfile_after
from jwstsync.core.disk import FileState
from jwstsync.core.fetch import Fetch, queue_order
from jwstsync.core.goal import Goal
from jwstsync.core.layout import TRASH, ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import decide
from tests.core.strategies import (
    FLIPPED,
    NEW,
    NEW_WITH_MD5,
    OLD,
    PATH,
    PINNED,
    URI,
    WITHOUT_TOKEN,
    action_for,
    by_uri,
    hashed,
    locked,
    lockfile_of,
    md5_of,
    plan_for,
    selected,
    sha256_of,
    unhashed,
)

if TYPE_CHECKING:
    from jwstsync.core.access import Access
    from jwstsync.core.selection import Selected


@pytest.mark.parametrize(
    ("wanted", "before", "state", "size"),
    [
        pytest.param(selected(size=9), locked(stated_size=9), hashed(OLD), len(OLD), id="keep: locked"),
        pytest.param(selected(size=9), None, None, 9, id="new: stated"),
        pytest.param(selected(size=None), None, None, None, id="new: unknown"),
        pytest.param(selected(size=9), locked(stated_size=9), None, len(OLD), id="missing: locked"),
        pytest.param(selected(NEW), locked(), hashed(OLD), len(NEW), id="update: stated"),
        pytest.param(selected(size=None), None, unhashed(OLD), len(OLD), id="adopt: present"),
        pytest.param(None, locked(), None, len(OLD), id="drop: locked"),
    ],
)
def test_the_size_of_an_action(
    wanted: Selected | None, before: LockedProduct | None, state: FileState | None, size: int | None
) -> None:
    """An action's size is that of the bytes it is about: locked ones, those in place, or as the archive states."""
    assert action_for(wanted, before, state).size == size


def test_an_action_is_about_what_is_wanted() -> None:
    """Path and proposal are those of the manifest now, and those of the lockfile for what is dropped."""
    moved = selected(path=ProductPath("new/a.fits"), proposal=1)
    action = action_for(moved, locked())
    assert (action.uri, action.path, action.proposal) == (URI, "new/a.fits", 1)
    dropped = action_for(None, locked())
    assert (dropped.uri, dropped.path, dropped.proposal) == (URI, PATH, 2733)


def test_a_fetch_of_locked_bytes_tells_what_will_be_learned() -> None:
    """A checksum that came after the bytes is confirmed by those that come again: the lockfile will say so."""
    wanted, before = selected(md5=md5_of(OLD)), locked(md5=None)
    action = action_for(wanted, before)
    landed = action.fetch.locks(size=len(OLD), sha256=sha256_of(OLD), md5=md5_of(OLD))
    assert (action.changes_lockfile, landed) == (True, replace(before, md5=md5_of(OLD)))
    assert not action_for(selected(md5=None), before).changes_lockfile


def test_locked_bytes_are_fetched_by_their_hash() -> None:
    """What is locked and not made anew is fetched as exactly those bytes, and nothing gives way for it."""
    fetch = action_for(selected(size=9, md5=md5_of(OLD)), replace(PINNED, stated_size=9)).fetch
    assert (fetch.uri, fetch.path) == (URI, PATH)
    assert (fetch.size, fetch.sha256, fetch.md5) == (len(OLD), sha256_of(OLD), md5_of(OLD))
    assert not fetch.replaces


def test_new_bytes_are_fetched_as_stated() -> None:
    """What is made anew is fetched as the archive states it, and good bytes of the older version give way."""
    fetch = action_for(NEW_WITH_MD5, PINNED, hashed(OLD)).fetch
    assert (fetch.size, fetch.sha256, fetch.md5) == (len(NEW), None, md5_of(NEW))
    assert fetch.replaces
    assert fetch.aside is None


def test_bytes_that_somebody_may_miss_are_kept_aside() -> None:
    """Only the locked version gives way without a trace: a file that was edited here goes to the trash."""
    assert action_for(NEW_WITH_MD5, PINNED, hashed(b"edited")).fetch.aside == TRASH
    assert action_for(NEW_WITH_MD5, PINNED, FileState(len(OLD))).fetch.aside == TRASH


@pytest.mark.parametrize(
    ("before", "state", "aside"),
    [
        pytest.param(PINNED, hashed(OLD), f"versions/1.16.1-{sha256_of(OLD)[:8]}", id="whole"),
        pytest.param(replace(PINNED, cal_ver=None), hashed(OLD), f"versions/unknown-{sha256_of(OLD)[:8]}", id="none"),
        pytest.param(PINNED, hashed(b"edited"), TRASH, id="edited"),
        pytest.param(PINNED, FileState(len(OLD)), TRASH, id="not hashed"),
        pytest.param(PINNED, FileState(-1), TRASH, id="no file"),
        pytest.param(PINNED, None, TRASH, id="free"),
    ],
)
def test_old_versions_are_kept_if_wanted(before: LockedProduct, state: FileState | None, aside: str) -> None:
    """Only a whole, locked version goes to a folder of its own, named after itself and not after its successor."""
    wanted = replace(NEW_WITH_MD5, cal_ver="1.17.0")
    assert action_for(wanted, before, state, on_update="keep").fetch.aside == aside


@pytest.mark.parametrize("on_update", ["replace", "keep"])
def test_what_is_no_update_is_no_old_version(on_update: str) -> None:
    """A damaged file, or a stranger in a new product's place, goes to the trash, whatever is wanted on an update."""
    assert action_for(selected(), PINNED, hashed(FLIPPED), on_update=on_update).fetch.aside == TRASH
    assert action_for(selected(), None, hashed(b"stranger"), on_update=on_update).fetch.aside == TRASH


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(selected(NEW), locked(NEW), id="as stated"),
        pytest.param(NEW_WITH_MD5, locked(NEW, md5=md5_of(NEW)), id="checksum confirmed"),
        pytest.param(selected(NEW, md5=md5_of(OLD)), locked(NEW), id="checksum not confirmed"),
        pytest.param(selected(NEW, size=9), locked(NEW, stated_size=9), id="listed otherwise"),
        pytest.param(selected(NEW, size=None), locked(NEW), id="size not stated"),
        pytest.param(
            selected(NEW, cal_ver=None, crds_ctx=None), locked(NEW, cal_ver=None, crds_ctx=None), id="versions unknown"
        ),
    ],
)
def test_what_is_locked_of_new_bytes(wanted: Selected, expected: LockedProduct) -> None:
    """New bytes are locked by their own size and hash, with what the archive states as far as it says more."""
    entry = Fetch(wanted).locks(size=len(NEW), sha256=sha256_of(NEW), md5=md5_of(NEW))
    assert entry == expected


def test_what_is_locked_of_locked_bytes() -> None:
    """Locked bytes fetched again keep their entry, with path, proposal and what was unknown before as it is now."""
    before = replace(PINNED, stated_size=9, crds_ctx=None)
    wanted = selected(size=9, path=ProductPath("new/a.fits"), proposal=1, cal_ver=None)
    entry = Fetch(wanted, before).locks(size=len(OLD), sha256=sha256_of(OLD), md5=md5_of(OLD))
    assert entry == replace(before, path=ProductPath("new/a.fits"), proposal=1, crds_ctx="jwst_1303.pmap")


def test_the_lockfile_after_a_run_that_did_everything() -> None:
    """What landed is locked anew, what is kept stays with what is known now, and what is dropped leaves."""
    before = lockfile_of(locked(uri="mast:keep", path=ProductPath("keep"), cal_ver=None), locked(uri="mast:drop"))
    keep = selected(uri="mast:keep", path=ProductPath("keep"), proposal=1)
    new = selected(uri="mast:new", path=ProductPath("new"))
    plan = decide(Goal(by_uri([keep, new])), before, {ProductPath("keep"): hashed(OLD)}, WITHOUT_TOKEN)
    landed = locked(uri="mast:new", path=ProductPath("new"))
    after = lockfile_after(plan, {"mast:new": landed})
    assert after == lockfile_of(landed, locked(uri="mast:keep", path=ProductPath("keep"), proposal=1))


@pytest.mark.parametrize(
    ("wanted", "state", "access"),
    [
        pytest.param(selected(), None, WITHOUT_TOKEN, id="missing"),
        pytest.param(NEW_WITH_MD5, hashed(OLD), WITHOUT_TOKEN, id="changed"),
        pytest.param(NEW_WITH_MD5, hashed(NEW), WITHOUT_TOKEN, id="adopt"),
        pytest.param(selected(), hashed(FLIPPED), WITHOUT_TOKEN, id="damaged"),
        pytest.param(selected(public=False), None, WITHOUT_TOKEN, id="withheld"),
    ],
)
def test_what_did_not_land_stays_locked(wanted: Selected, state: FileState | None, access: Access) -> None:
    """What was locked stays as it was until its successor is in place."""
    plan = plan_for(wanted, PINNED, state, access)
    assert lockfile_after(plan, {}) == lockfile_of(PINNED)


def test_what_is_new_is_not_locked_before_it_lands() -> None:
    """A product that could not be fetched is not in the lockfile."""
    assert lockfile_after(plan_for(selected(), None), {}) == Lockfile()


def test_a_run_that_stopped_while_places_changed_leaves_a_valid_lockfile() -> None:
    """Where one product has taken the old place of another, that one is locked at its new place, and so on."""
    old_places = {"a": "1", "b": "2", "c": "3", "d": "5"}
    new_places = {"a": "2", "b": "3", "c": "4", "d": "6"}
    before = lockfile_of(*(locked(uri=name, path=ProductPath(path)) for name, path in old_places.items()))
    goal = Goal(by_uri([selected(uri=name, path=ProductPath(path)) for name, path in new_places.items()]))
    plan = decide(goal, before, {}, WITHOUT_TOKEN)
    after = lockfile_after(plan, {"a": locked(uri="a", path=ProductPath("2"))})
    assert {one.uri: one.path for one in after} == {"a": "2", "b": "3", "c": "4", "d": "5"}


def test_the_largest_is_fetched_first() -> None:
    """The queue begins with the largest; of one size the path decides, and those of unknown size end it."""
    sizes = {"b/1": 5, "a/2": 5, "a/1": 5, "c/1": 9, "d/1": None}
    fetches = [Fetch(selected(path=ProductPath(path), size=size)) for path, size in sizes.items()]
    assert [fetch.path for fetch in queue_order(fetches)] == ["c/1", "a/1", "a/2", "b/1", "d/1"]
