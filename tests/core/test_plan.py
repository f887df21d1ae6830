"""The decision, one row of the table of actions at a time, and what a plan says of itself."""

from __future__ import annotations

import pytest

from jwstsync.core.access import Access
from jwstsync.core.comparison import changed_in_archive
from jwstsync.core.disk import FileState
from jwstsync.core.goal import Goal, goal_of
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import DIFFERENCES, MARKS, TRANSFERS, ActionKind, Reason, decide, paths_to_hash
from jwstsync.core.selection import Selected, Selection
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

SAME_SIZE = b"z" * len(OLD)
FOLDER = FileState(-1)
KEEP, FETCH, UPDATE, REPAIR = ActionKind.KEEP, ActionKind.FETCH, ActionKind.UPDATE, ActionKind.REPAIR
ADOPT, WITHHOLD, DROP = ActionKind.ADOPT, ActionKind.WITHHOLD, ActionKind.DROP


@pytest.mark.parametrize(
    ("wanted", "before", "state", "kind", "reason"),
    [
        # keep: locked, and here are the locked bytes
        pytest.param(selected(), locked(), hashed(OLD), KEEP, None, id="whole"),
        pytest.param(selected(md5=md5_of(OLD)), PINNED, hashed(OLD), KEEP, None, id="whole by checksum"),
        pytest.param(selected(md5=md5_of(OLD)), locked(), hashed(OLD), KEEP, None, id="whole, checksum new"),
        pytest.param(selected(), locked(), FileState(len(OLD), sha256_of(OLD)), KEEP, None, id="whole by record"),
        pytest.param(selected(size=None), locked(), hashed(OLD), KEEP, None, id="whole, size unknown now"),
        pytest.param(selected(cal_ver=None), locked(), hashed(OLD), KEEP, None, id="whole, version unknown now"),
        pytest.param(selected(), locked(cal_ver=None), hashed(OLD), KEEP, None, id="whole, version unknown then"),
        pytest.param(selected(crds_ctx=None), locked(), hashed(OLD), KEEP, None, id="whole, context unknown now"),
        pytest.param(selected(size=9), locked(stated_size=9), hashed(OLD), KEEP, None, id="whole, listed otherwise"),
        pytest.param(
            selected(md5=md5_of(OLD), cal_ver="2", size=9), PINNED, hashed(OLD), KEEP, None, id="whole, checksum wins"
        ),
        # fetch: not locked, or not here
        pytest.param(selected(), None, None, FETCH, Reason.NEW, id="new"),
        pytest.param(selected(), None, hashed(b"other"), FETCH, Reason.NEW, id="new, other size here"),
        pytest.param(selected(), None, FOLDER, FETCH, Reason.NEW, id="new, folder here"),
        pytest.param(selected(size=None), None, FOLDER, FETCH, Reason.NEW, id="new of unknown size, folder here"),
        pytest.param(NEW_WITH_MD5, None, hashed(b"z" * len(NEW)), FETCH, Reason.NEW, id="new, other bytes here"),
        pytest.param(selected(), locked(), None, FETCH, Reason.MISSING, id="missing"),
        # update: made anew in the archive
        pytest.param(NEW_WITH_MD5, PINNED, hashed(OLD), UPDATE, Reason.CHANGED, id="changed by checksum"),
        pytest.param(selected(NEW), locked(), hashed(OLD), UPDATE, Reason.CHANGED, id="changed by size"),
        pytest.param(selected(cal_ver="2"), locked(), hashed(OLD), UPDATE, Reason.CHANGED, id="changed by version"),
        pytest.param(selected(crds_ctx="2"), locked(), hashed(OLD), UPDATE, Reason.CHANGED, id="changed by context"),
        pytest.param(selected(), locked(stated_size=9), hashed(OLD), UPDATE, Reason.CHANGED, id="changed by listing"),
        pytest.param(NEW_WITH_MD5, locked(), hashed(OLD), UPDATE, Reason.CHANGED, id="changed, no checksum then"),
        pytest.param(NEW_WITH_MD5, PINNED, None, UPDATE, Reason.CHANGED, id="changed, not here"),
        pytest.param(NEW_WITH_MD5, PINNED, FOLDER, UPDATE, Reason.CHANGED, id="changed, folder here"),
        pytest.param(NEW_WITH_MD5, PINNED, unhashed(NEW), UPDATE, Reason.CHANGED, id="changed, checksum not confirmed"),
        pytest.param(selected(cal_ver="2"), locked(), unhashed(OLD), UPDATE, Reason.CHANGED, id="changed, size kept"),
        pytest.param(
            selected(NEW, size=None, cal_ver="2"), locked(), hashed(NEW), UPDATE, Reason.CHANGED, id="changed, no size"
        ),
        # repair: locked, and here are other bytes
        pytest.param(selected(), locked(), hashed(OLD[:-1]), REPAIR, Reason.TRUNCATED, id="truncated"),
        pytest.param(selected(), locked(), hashed(b"", untouched=True), REPAIR, Reason.TRUNCATED, id="empty"),
        pytest.param(selected(), locked(), hashed(FLIPPED, untouched=True), REPAIR, Reason.DAMAGED, id="damaged"),
        pytest.param(selected(), locked(), hashed(SAME_SIZE), REPAIR, Reason.MODIFIED, id="modified"),
        pytest.param(selected(), locked(), hashed(OLD + b"."), REPAIR, Reason.MODIFIED, id="modified, longer"),
        pytest.param(selected(), locked(), unhashed(OLD), REPAIR, Reason.MODIFIED, id="never vouched for unhashed"),
        # adopt: a file that fits is at its place
        pytest.param(selected(), None, unhashed(OLD), ADOPT, Reason.PRESENT, id="fits by size"),
        pytest.param(NEW_WITH_MD5, None, unhashed(NEW), ADOPT, Reason.PRESENT, id="fits by size, to be hashed"),
        pytest.param(NEW_WITH_MD5, None, hashed(NEW), ADOPT, Reason.PRESENT, id="fits by checksum"),
        pytest.param(selected(size=None), None, unhashed(OLD), ADOPT, Reason.PRESENT, id="nothing stated"),
        pytest.param(NEW_WITH_MD5, PINNED, hashed(NEW), ADOPT, Reason.PRESENT, id="new bytes brought"),
        pytest.param(selected(NEW), locked(), unhashed(NEW), ADOPT, Reason.PRESENT, id="new bytes brought by size"),
        pytest.param(
            selected(md5=md5_of(OLD), cal_ver="2"), locked(), hashed(OLD), ADOPT, Reason.PRESENT, id="label alone"
        ),
        # drop: nothing selects it
        pytest.param(None, locked(), hashed(OLD), DROP, Reason.UNSELECTED, id="unselected"),
        pytest.param(None, locked(), None, DROP, Reason.UNSELECTED, id="unselected, not here"),
    ],
)
def test_the_table_of_actions(
    wanted: Selected | None,
    before: LockedProduct | None,
    state: FileState | None,
    kind: ActionKind,
    reason: Reason | None,
) -> None:
    """Each case of archive, lockfile and disk has its action, with its reason."""
    action = action_for(wanted, before, state)
    assert (action.kind, action.reason) == (kind, reason)


def test_gone_products_are_dropped_with_that_reason() -> None:
    """What the archive no longer lists leaves the lockfile because it is gone."""
    plan = decide(Goal({}, gone=frozenset({URI})), lockfile_of(locked()), {}, WITHOUT_TOKEN)
    assert [(action.kind, action.reason) for action in plan.actions] == [(DROP, Reason.GONE)]


@pytest.mark.parametrize(
    ("mode", "token", "kind"),
    [
        pytest.param("auto", False, WITHHOLD, id="auto without token"),
        pytest.param("auto", True, FETCH, id="auto with token"),
        pytest.param("skip", False, WITHHOLD, id="skip without token"),
        pytest.param("skip", True, WITHHOLD, id="skip with token"),
        pytest.param("fetch", False, WITHHOLD, id="fetch without token"),
        pytest.param("fetch", True, FETCH, id="fetch with token"),
        pytest.param("error", False, WITHHOLD, id="error without token"),
        pytest.param("error", True, FETCH, id="error with token"),
    ],
)
def test_exclusive_products_need_a_right(mode: str, token: bool, kind: ActionKind) -> None:  # noqa: FBT001 - a table
    """What is exclusive is withheld where there is no right to it, in each mode; what is public never is."""
    access = Access(mode, token)
    assert action_for(selected(public=False), None, access=access).kind is kind
    assert action_for(selected(public=True), None, access=access).kind is FETCH


@pytest.mark.parametrize(
    ("wanted", "before", "state", "kind"),
    [
        pytest.param(selected(public=False), locked(), hashed(OLD), KEEP, id="whole"),
        pytest.param(selected(public=False), None, unhashed(OLD), ADOPT, id="present"),
        pytest.param(selected(public=False), None, None, WITHHOLD, id="new"),
        pytest.param(selected(public=False), locked(), None, WITHHOLD, id="missing"),
        pytest.param(selected(public=False), locked(), hashed(FLIPPED), WITHHOLD, id="modified"),
        pytest.param(selected(NEW, public=False), locked(), hashed(OLD), WITHHOLD, id="changed"),
        pytest.param(selected(NEW, public=False), locked(), unhashed(NEW), ADOPT, id="new bytes brought"),
    ],
)
def test_only_downloads_are_withheld(
    wanted: Selected, before: LockedProduct | None, state: FileState | None, kind: ActionKind
) -> None:
    """What is on disk is kept and adopted without any right; what would have to come from the archive is withheld."""
    action = action_for(wanted, before, state)
    assert action.kind is kind
    assert (action.reason is Reason.EXCLUSIVE_ACCESS) == (kind is WITHHOLD)


@pytest.mark.parametrize(
    ("wanted", "before", "changed"),
    [
        pytest.param(selected(), locked(), False, id="same"),
        pytest.param(selected(md5=md5_of(OLD)), PINNED, False, id="same checksum"),
        pytest.param(selected(md5=md5_of(NEW)), PINNED, True, id="other checksum"),
        pytest.param(selected(md5=md5_of(NEW)), locked(), False, id="checksum known now only"),
        pytest.param(selected(), PINNED, False, id="checksum known then only"),
        pytest.param(selected(cal_ver="2"), PINNED, True, id="checksum known then, other version"),
        pytest.param(selected(md5=md5_of(OLD), size=1, cal_ver="2", crds_ctx="2"), PINNED, False, id="checksum wins"),
        pytest.param(selected(size=len(OLD) + 1), locked(), True, id="other size"),
        pytest.param(selected(size=0), locked(), True, id="empty now"),
        pytest.param(selected(size=None), locked(), False, id="size unknown"),
        pytest.param(selected(size=9), locked(stated_size=9), False, id="same listing"),
        pytest.param(selected(), locked(stated_size=9), True, id="other listing"),
        pytest.param(selected(size=0), locked(stated_size=0), False, id="listed as empty"),
        pytest.param(selected(cal_ver="2"), locked(), True, id="other version"),
        pytest.param(selected(cal_ver=None), locked(), False, id="version unknown now"),
        pytest.param(selected(), locked(cal_ver=None), False, id="version unknown then"),
        pytest.param(selected(crds_ctx="2"), locked(), True, id="other context"),
        pytest.param(selected(), locked(crds_ctx=None), False, id="context unknown then"),
    ],
)
def test_what_counts_as_made_anew(wanted: Selected, before: LockedProduct, changed: bool) -> None:  # noqa: FBT001
    """The checksum decides where both sides have one; else size, version and context, where both sides have them."""
    assert changed_in_archive(wanted, before) is changed


@pytest.mark.parametrize(
    ("wanted", "before", "state", "asked"),
    [
        pytest.param(selected(), locked(), unhashed(OLD), True, id="size is right"),
        pytest.param(selected(), locked(), unhashed(OLD, untouched=True), True, id="suspected, size is right"),
        pytest.param(selected(), locked(), hashed(OLD), False, id="known"),
        pytest.param(selected(), locked(), FileState(len(OLD), sha256_of(OLD)), False, id="known without checksum"),
        pytest.param(selected(), locked(), unhashed(OLD[:-1]), False, id="size is wrong"),
        pytest.param(selected(), locked(), FOLDER, False, id="folder"),
        pytest.param(selected(), locked(), None, False, id="not here"),
        pytest.param(selected(), None, unhashed(OLD), False, id="not locked"),
        pytest.param(NEW_WITH_MD5, PINNED, unhashed(NEW), True, id="changed, new size"),
        pytest.param(NEW_WITH_MD5, PINNED, unhashed(OLD), False, id="changed, old size"),
        pytest.param(NEW_WITH_MD5, PINNED, hashed(NEW), False, id="changed, known"),
        pytest.param(selected(NEW), locked(), unhashed(NEW), False, id="changed, no checksum"),
        pytest.param(selected(md5=md5_of(SAME_SIZE)), PINNED, unhashed(OLD), True, id="changed, size kept"),
        pytest.param(
            selected(md5=md5_of(SAME_SIZE)), PINNED, FileState(len(OLD), sha256_of(OLD)), False, id="changed, old here"
        ),
    ],
)
def test_what_has_to_be_hashed(
    wanted: Selected,
    before: LockedProduct | None,
    state: FileState | None,
    asked: bool,  # noqa: FBT001 - a table
) -> None:
    """A file is hashed where its size is right and the decision needs its bytes, and nowhere else."""
    lockfile = lockfile_of(*([before] if before else []))
    found = paths_to_hash(Goal(by_uri([wanted])), lockfile, {PATH: state} if state else {})
    assert found == ({PATH} if asked else set())


def test_a_failed_proposal_is_planned_as_it_is_locked() -> None:
    """What a proposal without an answer has locked is kept, fetched or repaired by the lockfile, never dropped."""
    products = [locked(uri=f"mast:{name}", path=ProductPath(name), proposal=1) for name in "abc"]
    goal = goal_of(Selection({}, failed={1: "no answer"}), Lockfile.of(products))
    disk = {ProductPath("a"): hashed(OLD), ProductPath("b"): hashed(FLIPPED)}
    plan = decide(goal, Lockfile.of(products), disk, WITHOUT_TOKEN)
    assert [action.kind for action in plan.actions] == [KEEP, REPAIR, FETCH]
    assert [action.fetch.pinned for action in plan.actions] == products


def test_actions_are_in_order() -> None:
    """A plan is sorted by proposal and URI, dropped products among the rest."""
    goal = Goal(by_uri([selected(uri="mast:b", proposal=2), selected(uri="mast:a", proposal=2)]))
    plan = decide(goal, lockfile_of(locked(uri="mast:z", proposal=1), locked(uri="mast:aa", proposal=2)), {}, Access())
    assert [action.uri for action in plan.actions] == ["mast:z", "mast:a", "mast:aa", "mast:b"]


def test_a_plan_sorts_its_actions_by_what_they_do() -> None:
    """A plan tells what it downloads, what apply would do, and after what the lockfile would say something else."""
    kinds = {
        "keep": (selected(), locked(), hashed(OLD)),
        "new": (selected(), None, None),
        "missing": (selected(), locked(), None),
        "better known": (selected(), locked(cal_ver=None), hashed(OLD)),
        "withheld": (selected(public=False), locked(), None),
        "drop": (None, locked(), None),
        "adopt": (selected(), None, unhashed(OLD)),
    }
    plans = {name: plan_for(*case) for name, case in kinds.items()}
    assert {name for name, plan in plans.items() if plan.transfers} == {"new", "missing"}
    assert {name for name, plan in plans.items() if plan.differences} == {"new", "missing", "drop", "adopt"}
    assert {name for name, plan in plans.items() if plan.changes_lockfile} == {"new", "better known", "drop", "adopt"}
    assert plans["drop"].of(DROP, KEEP) == list(plans["drop"].actions)


def test_every_kind_has_its_mark() -> None:
    """Each kind of action is shown by a mark of its own."""
    assert set(MARKS) == set(ActionKind)
    assert len(set(MARKS.values())) == len(ActionKind)
    assert TRANSFERS < DIFFERENCES
    assert set(ActionKind) - DIFFERENCES == {KEEP, WITHHOLD}
