"""Which files are pruned, which stay and why, and when nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jwstsync.core.after import lockfile_after
from jwstsync.core.disk import FileState, Remembered
from jwstsync.core.goal import Goal
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.orphans import Prune, doubt, prune_problem, spared_texts, unwanted, with_prunes
from jwstsync.core.plan import Action, ActionKind, Plan, Reason, Spared, decide
from jwstsync.core.selection import Refused
from tests.core.strategies import (
    NEW,
    OLD,
    PATH,
    PINNED,
    URI,
    WITHOUT_TOKEN,
    by_uri,
    hashed,
    locked,
    lockfile_of,
    plan_for,
    selected,
    sha256_of,
    unhashed,
)

ELSEWHERE = ProductPath("old/a.fits")
SINGLE = lockfile_of(PINNED)
UNASKED, SUDDENLY = "proposal 5, 7: could not be asked", "proposal 2733: had products, and now lists none"
EMPTY = Goal({}, empty=frozenset({2733}))
THIN = Goal({}, thin=frozenset({2733}))
PARTLY = "proposal 2733: one query for its products brought none (--allow-empty believes it)"


def remembered(path: str = PATH, content: bytes = OLD, *, written: bool = True, uri: str = URI) -> Remembered:
    """A file that an earlier run has left."""
    return Remembered(ProductPath(path), uri, 2733, len(content), sha256_of(content), written=written)


def test_what_is_locked_or_selected_is_wanted() -> None:
    """Be it there or not, and whatever the case of its letters, which some disks ignore."""
    files = [remembered(PATH), remembered(PATH.upper()), remembered("other")]
    assert unwanted(plan_for(selected(), None), Lockfile(), files) == [files[2]]
    assert unwanted(plan_for(selected(), PINNED), SINGLE, files) == [files[2]]
    assert unwanted(plan_for(None, PINNED), SINGLE, files) == sorted(files, key=lambda one: one.path)


def test_a_product_keeps_its_old_place_until_it_has_another() -> None:
    """What is to be fetched or moved elsewhere may fail; what is kept there already needs the old place no more."""
    moved = selected(path=ProductPath("new/a.fits"))
    old = [remembered(PATH)]
    assert unwanted(plan_for(moved, PINNED), SINGLE, old) == []
    kept = decide(Goal(by_uri([moved])), SINGLE, {ProductPath("new/a.fits"): hashed(OLD)}, WITHOUT_TOKEN)
    assert unwanted(kept, SINGLE, old) == old
    source = decide(
        Goal(by_uri([selected()])), SINGLE, {ELSEWHERE: hashed(OLD)}, WITHOUT_TOKEN, places={URI: (ELSEWHERE,)}
    )
    assert unwanted(source, SINGLE, [remembered(ELSEWHERE)]) == []


def test_what_others_lock_and_what_is_refused_is_wanted() -> None:
    """A product that is selected and can not be taken is no orphan, nor is what another lockfile has."""
    refused = Plan((), Goal({}, refused=[Refused(URI, 2733, "its name")]))
    assert unwanted(refused, Lockfile(), [remembered()]) == []
    assert unwanted(Plan((), Goal({})), Lockfile(), [remembered()], [PATH]) == []


@pytest.mark.parametrize(
    ("goal", "before", "allow_empty", "told"),
    [
        pytest.param(Goal({}), SINGLE, False, None, id="all answered"),
        pytest.param(Goal({}, failed={7: "no", 5: "no"}), SINGLE, True, UNASKED, id="failed"),
        pytest.param(EMPTY, SINGLE, True, SUDDENLY, id="locked"),
        pytest.param(EMPTY, Lockfile(), False, SUDDENLY, id="written"),
        pytest.param(EMPTY, Lockfile(), True, None, id="believed"),
        pytest.param(Goal({}, empty=frozenset({9})), SINGLE, False, None, id="another is empty"),
        pytest.param(THIN, SINGLE, False, PARTLY, id="one answer was empty"),
        pytest.param(THIN, SINGLE, True, None, id="one answer was empty, and is believed"),
        pytest.param(Goal({}, thin=frozenset({9})), SINGLE, False, None, id="one answer of another was empty"),
    ],
)
def test_answers_that_are_missing_or_hard_to_believe(
    goal: Goal, before: Lockfile, told: str | None, *, allow_empty: bool
) -> None:
    """One of them is enough for nothing to be pruned."""
    assert doubt(Plan((), goal), before, [remembered()], allow_empty=allow_empty) == told


@pytest.mark.parametrize(
    ("one", "state", "why"),
    [
        pytest.param(remembered(), hashed(OLD), None, id="as written"),
        pytest.param(remembered(), hashed(NEW), "changed", id="changed"),
        pytest.param(remembered(), unhashed(OLD), "changed", id="not known"),
        pytest.param(remembered(), FileState(-1), "changed", id="a folder"),
        pytest.param(remembered(written=False), hashed(OLD), "adopted", id="adopted"),
        pytest.param(remembered(written=False), hashed(NEW), "changed", id="adopted and changed"),
    ],
)
def test_only_what_was_written_and_is_unchanged_is_pruned(one: Remembered, state: FileState, why: str | None) -> None:
    """The rest stays, and is told."""
    plan = with_prunes(Plan((), Goal({})), [one], {PATH: state})
    assert [action.kind for action in plan.actions] == ([] if why else [ActionKind.PRUNE])
    assert [one.why for one in plan.spared] == ([why] if why else [])


def test_links_and_strangers_stay() -> None:
    """And what is gone is nothing at all."""
    gone, there = remembered("gone"), remembered()
    plan = with_prunes(Plan((), Goal({})), [gone, there], {PATH: hashed(OLD)}, {PATH}, [ELSEWHERE])
    assert (plan.actions, plan.spared) == ((), (Spared(PATH, "linked"), Spared(ELSEWHERE, "foreign")))


def test_what_a_prune_says_of_itself() -> None:
    """It is about the file, downloads nothing, is a difference, and leaves a lockfile alone that does not have it."""
    plan = with_prunes(Plan((), Goal({})), [remembered()], {PATH: hashed(OLD)})
    [action] = plan.actions
    assert (action.reason, action.uri, action.path, action.proposal) == (Reason.ORPHAN, URI, PATH, 2733)
    assert (action.size, action.changes, action.compared_by) == (len(OLD), (), None)
    assert (plan.differences, plan.transfers, plan.changes_lockfile) == ([action], [], [])
    assert lockfile_after(plan, {}) == Lockfile()


def test_a_dropped_product_is_pruned_in_one_go() -> None:
    """It leaves the lockfile, be its file away then or not; one whose file stays is dropped as ever."""
    stays = locked(uri="mast:b", path=ProductPath("b"))
    dropped = decide(Goal({}), lockfile_of(PINNED, stays), {}, WITHOUT_TOKEN)
    plan = with_prunes(dropped, [remembered(ELSEWHERE), remembered()], {PATH: hashed(OLD), ELSEWHERE: hashed(OLD)})
    assert [(one.kind, one.path, one.changes_lockfile) for one in plan.actions] == [
        (ActionKind.PRUNE, PATH, True),
        (ActionKind.PRUNE, ELSEWHERE, False),
        (ActionKind.DROP, "b", True),
    ]
    assert lockfile_after(plan, {}) == Lockfile()


def plan_of(prunes: int, locked_too: int) -> Plan:
    """A plan that prunes so many files, beside so many products that are kept."""
    pruned = [Action(ActionKind.PRUNE, Reason.ORPHAN, None, None, orphan=remembered(str(n))) for n in range(prunes)]
    kept = [Action(ActionKind.KEEP, None, None, replace(PINNED, uri=str(n))) for n in range(locked_too)]
    return Plan([*pruned, *kept], Goal({}))


@pytest.mark.parametrize(
    ("prunes", "locked_too", "most", "refused"),
    [
        (0, 0, None, False),
        (10, 0, None, False),
        (11, 109, None, True),
        (11, 110, None, False),
        (100, 1000, None, False),
        (101, 10_000, None, True),
        (101, 10_000, 101, False),
        (101, 10_000, 100, True),
        (1, 10_000, 0, True),
        (0, 0, 0, False),
    ],
)
def test_the_guard(prunes: int, locked_too: int, most: int | None, *, refused: bool) -> None:
    """Few are pruned freely; more only as a small part of the set; many never, without a number that is told."""
    assert (prune_problem(plan_of(prunes, locked_too), Prune(most)) is not None) == refused


def test_what_stays_is_named() -> None:
    """A few of each kind, and how many more there are."""
    left = [*(Spared(ProductPath(str(n)), "changed") for n in range(1006)), Spared(ELSEWHERE, "adopted")]
    assert list(spared_texts(left)) == [
        "not pruned: 1,006 changed since jwstsync wrote them: 0, 1, 2, 3, 4 and 1,001 more",
        f"not pruned: 1 not written by jwstsync, but found in place: {ELSEWHERE}",
    ]
    assert list(spared_texts([])) == []
