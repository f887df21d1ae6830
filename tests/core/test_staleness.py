"""What makes a saved plan stale, and what does not: one product at a time, and whole worlds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.access import Access
from jwstsync.core.disk import FileState, Remembered
from jwstsync.core.goal import Goal
from jwstsync.core.layout import ProductPath
from jwstsync.core.orphans import with_prunes
from jwstsync.core.plan import TRANSFERS, ActionKind, Plan
from jwstsync.core.saved import SavedPlan, parse_saved
from jwstsync.core.staleness import differences
from tests.core.strategies import (
    FLIPPED,
    NEW,
    NEW_WITH_MD5,
    OLD,
    PATH,
    PINNED,
    URI,
    hashed,
    locked,
    lockfile_of,
    md5_of,
    plan_for,
    selected,
    sha256_of,
)
from tests.core.test_moves import ELSEWHERE, REMADE, THERE, planned
from tests.core.test_plan_properties import every_world
from tests.core.test_saved import document_of, text_of
from tests.core.worlds import worlds

if TYPE_CHECKING:
    from tests.core.worlds import World

OLD_WITH_MD5 = selected(md5=md5_of(OLD))
NEWER = b"the bytes after the next"
LANDED = locked(NEW, md5=md5_of(NEW))
STRANGER = hashed(b"stranger")
EXCLUSIVE = replace(NEW_WITH_MD5, public=False)
NOTHING = Plan((), Goal({}))

FETCH_NEW = plan_for(NEW_WITH_MD5, None)
FETCH_MISSING = plan_for(OLD_WITH_MD5, PINNED)
UPDATE = plan_for(NEW_WITH_MD5, PINNED, hashed(OLD))
REPAIR = plan_for(OLD_WITH_MD5, PINNED, hashed(FLIPPED))
ADOPT = plan_for(OLD_WITH_MD5, None, FileState(len(OLD)))
MOVE = planned([ELSEWHERE], [PINNED], {PATH: hashed(OLD)})
WITHHOLD = plan_for(EXCLUSIVE, None)
DROP = plan_for(None, PINNED)
KEEP = plan_for(OLD_WITH_MD5, PINNED, hashed(OLD))
KEEP_NEW = plan_for(NEW_WITH_MD5, LANDED, hashed(NEW))
MOVE_UPDATE = planned([REMADE], [PINNED], {PATH: hashed(OLD)})


def saved(plan: Plan) -> SavedPlan:
    """The plan as it comes back from a file."""
    return parse_saved(text_of(document_of(plan)), "plan.json")


def told(before: Plan, now: Plan) -> list[str]:
    """What is said of a plan now that was saved before."""
    return [str(one) for one in differences(saved(before), now)]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(FETCH_NEW, KEEP_NEW, id="fetched since"),
        pytest.param(FETCH_NEW, plan_for(NEW_WITH_MD5, None, hashed(NEW)), id="fetched, and not locked yet"),
        pytest.param(FETCH_NEW, plan_for(NEW_WITH_MD5, LANDED), id="fetched elsewhere"),
        pytest.param(FETCH_MISSING, KEEP, id="what was missing is there"),
        pytest.param(UPDATE, KEEP_NEW, id="updated since"),
        pytest.param(UPDATE, plan_for(NEW_WITH_MD5, PINNED, hashed(NEW)), id="updated, and not locked yet"),
        pytest.param(UPDATE, plan_for(NEW_WITH_MD5, PINNED), id="the old file is gone"),
        pytest.param(UPDATE, plan_for(NEW_WITH_MD5, LANDED), id="updated elsewhere, and the old file is gone"),
        pytest.param(REPAIR, KEEP, id="repaired since"),
        pytest.param(REPAIR, FETCH_MISSING, id="the damaged file is gone"),
        pytest.param(REPAIR, plan_for(OLD_WITH_MD5, PINNED, hashed(FLIPPED, untouched=True)), id="another reason"),
        pytest.param(ADOPT, KEEP, id="adopted since"),
        pytest.param(MOVE, planned([ELSEWHERE], [PINNED], {THERE: hashed(OLD)}), id="moved since"),
        pytest.param(
            planned([ELSEWHERE], [PINNED], {PATH: hashed(OLD), THERE: STRANGER}), MOVE, id="nothing in the way any more"
        ),
        pytest.param(
            MOVE_UPDATE, planned([REMADE], [PINNED], {THERE: hashed(OLD)}), id="moved since, and not updated yet"
        ),
        pytest.param(DROP, NOTHING, id="dropped since"),
        pytest.param(
            REPAIR, plan_for(selected(cal_ver=None), PINNED, hashed(FLIPPED)), id="facts that no bytes depend on"
        ),
        pytest.param(
            WITHHOLD, plan_for(replace(EXCLUSIVE, released_at=60000.0), None), id="another day of its release"
        ),
        pytest.param(
            FETCH_MISSING, plan_for(OLD_WITH_MD5, replace(PINNED, cal_ver="1.0")), id="another version in the lockfile"
        ),
        pytest.param(WITHHOLD, plan_for(replace(EXCLUSIVE, size=7), None), id="made anew, and withheld all the same"),
    ],
)
def test_what_does_not_matter(before: Plan, now: Plan) -> None:
    """A part that was done already, here or elsewhere, less that is in the way, other texts: the plan may go on."""
    assert told(before, now) == []


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        pytest.param(NOTHING, FETCH_NEW, "not planned, now fetch (new)", id="a new product"),
        pytest.param(NOTHING, DROP, "not planned, now drop (unselected)", id="another is dropped"),
        pytest.param(KEEP, UPDATE, "not planned, now update (changed)", id="what was kept was made anew"),
        pytest.param(KEEP, FETCH_MISSING, "not planned, now fetch (missing)", id="what was kept is gone"),
        pytest.param(FETCH_NEW, NOTHING, "planned fetch, now nothing: not selected any more", id="gone"),
        pytest.param(WITHHOLD, NOTHING, "planned withhold, now nothing: not selected any more", id="withheld, gone"),
        pytest.param(UPDATE, DROP, "planned update, now drop (unselected)", id="not selected any more"),
        pytest.param(DROP, KEEP, "planned drop, now keep", id="selected again"),
        pytest.param(FETCH_MISSING, UPDATE, "planned fetch, now update (changed)", id="made anew"),
        pytest.param(FETCH_MISSING, REPAIR, "planned fetch, now repair (modified)", id="something stands there"),
        pytest.param(UPDATE, REPAIR, "planned update, now repair (modified)", id="as it was"),
        pytest.param(
            plan_for(selected(size=None), None, FileState(5)),
            plan_for(selected(size=None), None, FileState(7)),
            "another file stands in its place than when this was planned",
            id="another file would be adopted",
        ),
        pytest.param(ADOPT, plan_for(OLD_WITH_MD5, None), "planned adopt, now fetch (new)", id="a download more"),
        pytest.param(
            MOVE,
            planned([ELSEWHERE], [PINNED], {}),
            "planned move, now fetch (missing)",
            id="nothing to move any more",
        ),
        pytest.param(
            WITHHOLD,
            plan_for(EXCLUSIVE, None, access=Access(token=True)),
            "planned withhold, now fetch (new)",
            id="a right to it",
        ),
        pytest.param(FETCH_NEW, WITHHOLD, "planned fetch, now withhold (exclusive_access)", id="no right to it"),
        pytest.param(
            FETCH_NEW,
            plan_for(replace(NEW_WITH_MD5, path=THERE), None),
            f"planned at {PATH}, now at {THERE}",
            id="another place",
        ),
        pytest.param(
            FETCH_NEW,
            plan_for(selected(NEWER, md5=md5_of(NEWER)), None),
            f"the archive states otherwise now: size {len(NEW)} -> {len(NEWER)}, md5 {md5_of(NEW)} -> {md5_of(NEWER)}",
            id="made anew before it was fetched",
        ),
        pytest.param(
            UPDATE,
            plan_for(replace(NEW_WITH_MD5, md5=None, cal_ver="1.20.0"), PINNED, hashed(OLD)),
            f"the archive states otherwise now: md5 {md5_of(NEW)} -> unknown, cal_ver 1.16.1 -> 1.20.0",
            id="no checksum any more",
        ),
        pytest.param(
            FETCH_MISSING,
            plan_for(selected(), locked(FLIPPED)),
            "other bytes are locked",
            id="other bytes are locked, to be fetched",
        ),
        pytest.param(
            UPDATE,
            plan_for(NEW_WITH_MD5, locked(FLIPPED, md5=md5_of(FLIPPED)), hashed(FLIPPED)),
            "other bytes are locked",
            id="other bytes are locked, to be replaced",
        ),
        pytest.param(
            FETCH_NEW,
            plan_for(NEW_WITH_MD5, None, STRANGER),
            "another file stands in its place than when this was planned",
            id="something more would be replaced",
        ),
        pytest.param(
            REPAIR,
            plan_for(OLD_WITH_MD5, PINNED, STRANGER),
            "another file stands in its place than when this was planned",
            id="another file is damaged",
        ),
        pytest.param(
            MOVE,
            planned([ELSEWHERE], [PINNED], {PATH: hashed(OLD), THERE: STRANGER}),
            "another file stands in its place than when this was planned",
            id="something is in the way of a move",
        ),
        pytest.param(
            UPDATE,
            planned([NEW_WITH_MD5], [replace(PINNED, path=THERE)], {THERE: hashed(OLD)}),
            f"its file stands at {THERE}, where it did not when this was planned",
            id="another file is moved",
        ),
    ],
)
def test_what_matters(before: Plan, now: Plan, text: str) -> None:
    """Another action, place or bytes, more or fewer products, another file in the way: each is named."""
    [only] = told(before, now)
    name = now.actions[0].path if now.actions else before.actions[0].path
    assert only == f"{name.rpartition('/')[2]}: {text}"


def test_kept_products_that_are_others() -> None:
    """Though nothing is to be done, as many have to be kept as were, and with the same bytes."""
    other = plan_for(selected(NEW), locked(NEW), hashed(NEW))
    assert told(KEEP, NOTHING) == ["keep: planned 1 products, now 0"]
    assert told(NOTHING, KEEP) == ["keep: planned 0 products, now 1"]
    assert told(KEEP, other) == ["keep: other bytes are locked"]


def test_a_move_of_what_is_withheld() -> None:
    """It is a move all the same, and has to be planned."""
    exclusive = replace(REMADE, public=False)
    moving = planned([exclusive], [PINNED], {PATH: hashed(OLD)})
    still = planned([exclusive], [PINNED], {})
    assert [told(moving, moving), told(moving, still)] == [[], []]
    assert told(still, moving) == [f"a.fits: its file stands at {PATH}, where it did not when this was planned"]


def test_a_plan_that_does_not_tell_what_the_archive_stated() -> None:
    """A file that somebody has edited is no better than a stale one."""
    document = document_of(FETCH_NEW)
    document["actions"][0]["archive"] = None
    edited = parse_saved(json.dumps(document).encode(), "plan.json")
    [only] = differences(edited, FETCH_NEW)
    assert "the plan does not tell what it stated" in str(only)


def test_a_plan_that_tells_of_fewer_bytes() -> None:
    """Nobody agrees to less than there is, though the sums be right."""
    document = document_of(FETCH_NEW)
    document["actions"][0]["size"] = document["summary"]["fetch"]["bytes"] = 1
    edited = parse_saved(json.dumps(document).encode(), "plan.json")
    assert [one.text for one in differences(edited, FETCH_NEW)] == [f"planned 1 bytes, now {len(NEW)}"]


OLD_PLACE, FURTHER = ProductPath("old/a.fits"), ProductPath("further/a.fits")


def pruning(*paths: ProductPath, before: Plan = NOTHING, content: bytes = OLD) -> Plan:
    """A plan after which the files at these paths are in the trash."""
    files = [Remembered(path, URI, 2733, len(content), sha256_of(content), written=True) for path in paths]
    return with_prunes(before, files, {path: hashed(content) for path in paths})


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(pruning(OLD_PLACE, FURTHER), pruning(FURTHER), [], id="one is pruned already"),
        pytest.param(pruning(OLD_PLACE), NOTHING, [], id="all are"),
        pytest.param(pruning(OLD_PLACE, before=KEEP), pruning(OLD_PLACE, before=KEEP), [], id="beside a product"),
        pytest.param(pruning(PATH, before=DROP), pruning(PATH), [], id="dropped, and not pruned yet"),
        pytest.param(pruning(PATH, before=DROP), DROP, [], id="the file is gone"),
        pytest.param(
            pruning(PATH, before=plan_for(None, locked(FLIPPED))), pruning(PATH), [], id="other bytes were locked"
        ),
        pytest.param(pruning(OLD_PLACE), pruning(OLD_PLACE, FURTHER), ["not planned, now prune (orphan)"], id="more"),
        pytest.param(DROP, pruning(PATH, before=DROP), ["not planned, now prune (orphan)"], id="a file more"),
        pytest.param(
            pruning(OLD_PLACE),
            pruning(OLD_PLACE, content=NEW),
            ["planned prune, but the file has other bytes now"],
            id="another file",
        ),
        pytest.param(
            pruning(OLD_PLACE, before=FETCH_NEW),
            pruning(OLD_PLACE),
            ["planned fetch, now nothing: not selected any more"],
            id="its product is gone",
        ),
        pytest.param(
            pruning(PATH), pruning(PATH, before=DROP), ["not planned, now prune (orphan)"], id="it is locked now"
        ),
    ],
)
def test_files_that_are_pruned(before: Plan, now: Plan, expected: list[str]) -> None:
    """No file is taken away that was not planned to be, and none that has changed; one that is gone does not matter."""
    assert [text.partition(": ")[2] for text in told(before, now)] == expected


@given(worlds())
@every_world
def test_nothing_has_changed(world: World) -> None:
    """A plan that is made again in the same world is never stale."""
    assert told(world.plan, world.plan) == []


@given(world=worlds(), data=st.data())
@settings(every_world, max_examples=200)
def test_a_plan_that_was_cut_off_goes_on(world: World, data: st.DataObject) -> None:
    """Whatever part of it was carried out, and also once all of it was, the same saved plan goes on with the rest."""
    plan = world.plan
    uris = [action.uri for action in plan.actions]
    part, _ = world.after(plan, data.draw(st.sets(st.sampled_from(uris))) if uris else set())
    assert told(plan, part.plan) == []


def mixed(world: World, other: World, data: st.DataObject) -> World:
    """The first world with some of the other's products, as they are in the archive, the lockfile and on the disk."""
    several = data.draw(st.sets(st.integers(0, 3)))
    products = {one.number: one for one in world.products}
    products |= {one.number: one for one in other.products if one.number in several}
    paths = {one.path for one in other.products if one.number in several}
    disk = {path: one for path, one in world.disk.items() if path not in paths}
    uris = {one.uri for one in other.products if one.number in several}
    entries = [one for one in world.lockfile if one.uri not in uris]
    return replace(
        world,
        products=tuple(products.values()),
        disk=disk | {path: one for path, one in other.disk.items() if path in paths},
        lockfile=lockfile_of(*entries, *(one for one in other.lockfile if one.uri in uris)),
        access=data.draw(st.sampled_from([world.access, other.access])),
    )


@given(world=worlds(), other=worlds(), data=st.data())
@settings(every_world, max_examples=300)
def test_never_more_than_was_planned(world: World, other: World, data: st.DataObject) -> None:
    """If anything else changed and the plan is not stale, all that it does was planned, to the same end.

    Nothing is downloaded, adopted or dropped, and no file replaced, that was not to be; in the end the same products
    are locked, in the same places.
    """
    plan, later = world.plan, mixed(world, other, data)
    now = later.plan
    if told(plan, now):
        return
    for kinds in (TRANSFERS, TRANSFERS | {ActionKind.ADOPT}, {ActionKind.DROP}):
        assert {action.uri for action in now.of(*kinds)} <= {action.uri for action in plan.of(*kinds)}
    replaced = [{one.path for one in some.transfers if one.present is not None} for some in (plan, now)]
    assert replaced[1] <= replaced[0]
    uris = {action.uri for action in (*plan.actions, *now.actions)}
    ends = [some.after(one, uris)[0].lockfile for some, one in ((world, plan), (later, now))]
    wanted = {action.uri: action.path for action in plan.actions if action.kind is not ActionKind.WITHHOLD}
    locked_at = [{one.uri: one.path for one in end if one.uri in wanted} for end in ends]
    failed = set(locked_at[0]) ^ set(locked_at[1])
    assert all(may_be_refused(world, later, uri) for uri in failed)
    shared = set(locked_at[0]) & set(locked_at[1])
    assert all(locked_at[0][uri] == locked_at[1][uri] for uri in shared)


def may_be_refused(world: World, later: World, uri: str) -> bool:
    """Whether the archive gives a product out in one world and not in the other, though it states the same of it."""
    found = [(some, one) for some in (world, later) for one in some.products if one.uri == uri]
    answers = {(one.fate == "gone", one.public or some.has_right, one.now.content) for some, one in found}
    return len(answers) > 1 or not found
