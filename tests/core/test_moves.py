"""Changed layouts: which files move, what else happens to their products, and in which order they can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.after import lockfile_after
from jwstsync.core.disk import FileState
from jwstsync.core.goal import Goal
from jwstsync.core.layout import TRASH, ProductPath, folders_of, same_place
from jwstsync.core.moves import Move, in_order, lacking, old_places, sources
from jwstsync.core.plan import Action, ActionKind, Plan, Reason, decide, paths_to_hash
from tests.core.strategies import (
    FLIPPED,
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
    md5_of,
    selected,
    sha256_of,
    unhashed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jwstsync.core.access import Access
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.selection import Selected

THERE = ProductPath("there/a.fits")
KEEP, FETCH, UPDATE, REPAIR = ActionKind.KEEP, ActionKind.FETCH, ActionKind.UPDATE, ActionKind.REPAIR
ADOPT, WITHHOLD, MOVE = ActionKind.ADOPT, ActionKind.WITHHOLD, ActionKind.MOVE


def planned(
    products: Sequence[Selected],
    before: Sequence[LockedProduct],
    disk: Mapping[ProductPath, FileState],
    access: Access = WITHOUT_TOKEN,
    known: Mapping[str, Sequence[ProductPath]] | None = None,
    on_update: str = "replace",
) -> Plan:
    """The plan of a run that looks wherever the products may stand."""
    goal, lockfile = Goal(by_uri(products)), lockfile_of(*before)
    short = lacking(goal, lockfile, disk)
    places = old_places(goal, lockfile, short, known or {})
    assert paths_to_hash(goal, lockfile, disk, places) == set()
    return decide(goal, lockfile, disk, access, on_update, places)


def action_for(
    wanted: Selected, before: LockedProduct, disk: Mapping[ProductPath, FileState], on_update: str = "replace"
) -> Action:
    """The one action for a product that is locked at `PATH`."""
    [action] = planned([wanted], [before], disk, on_update=on_update).actions
    return action


ELSEWHERE = selected(path=THERE)
REMADE = selected(NEW, path=THERE, md5=md5_of(NEW))
EXCLUSIVE = selected(NEW, path=THERE, md5=md5_of(NEW), public=False)


@pytest.mark.parametrize(
    ("wanted", "before", "disk", "kind", "reason", "source"),
    [
        pytest.param(ELSEWHERE, PINNED, {PATH: hashed(OLD)}, MOVE, Reason.LAYOUT, PATH, id="whole"),
        pytest.param(
            ELSEWHERE, PINNED, {PATH: hashed(OLD), THERE: hashed(b"stranger")}, MOVE, Reason.LAYOUT, PATH, id="taken"
        ),
        pytest.param(ELSEWHERE, PINNED, {THERE: hashed(OLD)}, KEEP, None, None, id="moved by somebody"),
        pytest.param(
            ELSEWHERE, PINNED, {PATH: hashed(OLD), THERE: hashed(OLD)}, KEEP, None, None, id="copied by somebody"
        ),
        pytest.param(ELSEWHERE, PINNED, {}, FETCH, Reason.MISSING, None, id="missing"),
        pytest.param(ELSEWHERE, PINNED, {PATH: FileState(-1)}, FETCH, Reason.MISSING, None, id="a folder there"),
        pytest.param(ELSEWHERE, PINNED, {PATH: hashed(OLD[:-1])}, REPAIR, Reason.TRUNCATED, PATH, id="truncated"),
        pytest.param(
            ELSEWHERE, PINNED, {PATH: hashed(FLIPPED, untouched=True)}, REPAIR, Reason.DAMAGED, PATH, id="damaged"
        ),
        pytest.param(ELSEWHERE, PINNED, {PATH: hashed(FLIPPED)}, REPAIR, Reason.MODIFIED, PATH, id="modified"),
        pytest.param(
            ELSEWHERE,
            PINNED,
            {PATH: hashed(FLIPPED), THERE: hashed(b"stranger")},
            REPAIR,
            Reason.TRUNCATED,
            None,
            id="wrong here and there",
        ),
        pytest.param(REMADE, PINNED, {PATH: hashed(OLD)}, UPDATE, Reason.CHANGED, PATH, id="made anew"),
        pytest.param(REMADE, PINNED, {PATH: hashed(FLIPPED)}, UPDATE, Reason.CHANGED, PATH, id="made anew, modified"),
        pytest.param(REMADE, PINNED, {}, UPDATE, Reason.CHANGED, None, id="made anew, missing"),
        pytest.param(
            REMADE, PINNED, {PATH: hashed(OLD), THERE: hashed(NEW)}, ADOPT, Reason.PRESENT, None, id="new bytes brought"
        ),
        pytest.param(
            EXCLUSIVE, PINNED, {PATH: hashed(OLD)}, WITHHOLD, Reason.EXCLUSIVE_ACCESS, PATH, id="made anew, withheld"
        ),
        pytest.param(
            selected(path=THERE, md5=md5_of(OLD), cal_ver="2"),
            locked(),
            {PATH: hashed(OLD)},
            ADOPT,
            Reason.PRESENT,
            PATH,
            id="another label",
        ),
    ],
)
def test_what_happens_where_the_layout_has_changed(
    wanted: Selected,
    before: LockedProduct,
    disk: dict[ProductPath, FileState],
    kind: ActionKind,
    reason: Reason | None,
    source: ProductPath | None,
) -> None:
    """Whole bytes move; what else is to happen to a product happens as if they had always stood in the new place."""
    action = action_for(wanted, before, disk)
    assert (action.kind, action.reason, action.source) == (kind, reason, source)
    assert action.moves == (source is not None and disk[source] == hashed(OLD))


def test_what_a_move_says_of_itself() -> None:
    """It is about the locked bytes at their new path, a difference that changes the lockfile and downloads nothing."""
    plan = planned([ELSEWHERE], [PINNED], {PATH: hashed(OLD)})
    [action] = plan.actions
    assert (action.path, action.size, action.changes_lockfile) == (THERE, len(OLD), True)
    assert (plan.differences, plan.transfers) == ([action], [])


def test_what_is_withheld_moves_all_the_same() -> None:
    """That is a difference, and changes the lockfile; what is only withheld is none."""
    plan = planned([EXCLUSIVE], [PINNED], {PATH: hashed(OLD)})
    assert plan.differences == plan.changes_lockfile == list(plan.actions)
    still = planned([selected(NEW, md5=md5_of(NEW), public=False)], [PINNED], {PATH: hashed(OLD)})
    assert still.differences == still.changes_lockfile == []


@pytest.mark.parametrize(
    ("on_update", "aside"), [("replace", TRASH), ("keep", f"versions/1.16.1-{sha256_of(OLD)[:8]}")]
)
def test_an_update_that_moves_gives_no_bytes_up(on_update: str, aside: str) -> None:
    """Until the old bytes have moved, anything may stand in their new place."""
    assert action_for(REMADE, PINNED, {PATH: hashed(OLD)}, on_update=on_update).fetch.aside == aside


def test_bytes_are_looked_for_where_earlier_runs_left_them() -> None:
    """Also where the lockfile names the place at which they are wanted; the lockfile's own place comes first."""
    known = {URI: [THERE, PATH, ProductPath("else/a.fits")]}
    [action] = planned([selected()], [PINNED], {ProductPath("else/a.fits"): hashed(OLD)}, known=known).actions
    assert (action.kind, action.source) == (MOVE, "else/a.fits")
    goal = Goal(by_uri([ELSEWHERE]))
    assert old_places(goal, lockfile_of(PINNED), {URI}, known) == {URI: (PATH, "else/a.fits")}
    assert old_places(Goal(by_uri([selected()])), lockfile_of(PINNED), {URI}, {}) == {}


def test_only_what_may_be_the_bytes_is_hashed() -> None:
    """A file at an old place is hashed if its size is right and its bytes are not known."""
    goal, lockfile = Goal(by_uri([ELSEWHERE])), lockfile_of(PINNED)
    for state, asked in ((unhashed(OLD), {PATH}), (unhashed(NEW), set()), (hashed(OLD), set())):
        assert paths_to_hash(goal, lockfile, {PATH: state}, {URI: (PATH,)}) == asked


def test_what_is_here_is_not_looked_for() -> None:
    """Nor what is dropped."""
    assert lacking(Goal(by_uri([selected()])), lockfile_of(PINNED), {PATH: hashed(OLD)}) == set()
    assert lacking(Goal({}), lockfile_of(PINNED), {}) == set()


def test_a_file_that_another_product_keeps_stays() -> None:
    """Though its bytes be those that the first one lacks; a file can also move only once."""
    twin = locked(uri="mast:twin", path=ProductPath("twin"))
    keeps = selected(uri="mast:twin", path=PATH)
    disk = {PATH: hashed(OLD)}
    plan = planned([ELSEWHERE, keeps], [locked(), twin], disk)
    assert [(one.uri, one.kind) for one in plan.actions] == [(URI, FETCH), ("mast:twin", KEEP)]

    other = selected(uri="mast:twin", path=ProductPath("else"))
    plan = planned([ELSEWHERE, other], [locked(), twin], disk, known={"mast:twin": [PATH]})
    assert [(one.uri, one.kind) for one in plan.actions] == [(URI, MOVE), ("mast:twin", FETCH)]


def test_a_file_that_leaves_is_not_taken_for_what_comes() -> None:
    """A new product of the same size in the old place is fetched, not adopted; a wrong file there is its business."""
    newcomer = selected(uri="mast:new", path=PATH)
    plan = planned([ELSEWHERE, newcomer], [PINNED], {PATH: hashed(OLD)})
    assert {one.uri: (one.kind, one.present) for one in plan.actions} == {
        URI: (MOVE, hashed(OLD)),
        "mast:new": (FETCH, None),
    }
    plan = planned([ELSEWHERE, newcomer], [PINNED], {PATH: hashed(FLIPPED)})
    assert {one.uri: (one.kind, one.source) for one in plan.actions} == {URI: (FETCH, None), "mast:new": (ADOPT, None)}


def test_products_that_exchange_places() -> None:
    """Both move."""
    a, b = locked(b"a", uri="mast:a", path=ProductPath("1")), locked(b"b", uri="mast:b", path=ProductPath("2"))
    goal = [selected(b"a", uri="mast:a", path=ProductPath("2")), selected(b"b", uri="mast:b", path=ProductPath("1"))]
    plan = planned(goal, [a, b], {ProductPath("1"): hashed(b"a"), ProductPath("2"): hashed(b"b")})
    assert [(one.kind, one.source, one.path) for one in plan.actions] == [(MOVE, "1", "2"), (MOVE, "2", "1")]


def test_what_did_not_move_stays_locked_where_it_is() -> None:
    """As long as nothing else has its place."""
    plan = planned([ELSEWHERE], [PINNED], {PATH: hashed(OLD)})
    assert lockfile_after(plan, {}) == lockfile_of(PINNED)


places = st.lists(st.sampled_from("abAB"), min_size=1, max_size=3).map("/".join).map(ProductPath)


def can_stand_together(paths: Sequence[str]) -> bool:
    """Whether a disk that ignores case can have all these files."""
    found = [same_place(path) for path in paths]
    return len(set(found)) == len(found) and not {folder for path in found for folder in folders_of(path)} & set(found)


trees = st.lists(places, max_size=6).filter(can_stand_together)


@given(trees, trees)
def test_any_order_that_is_given_can_be_carried_out(olds: list[ProductPath], news: list[ProductPath]) -> None:
    """No file takes a place, or a folder's name, that another has; all get there; and few are put aside."""
    moves = [
        Move(str(number), source, target)
        for number, (source, target) in enumerate(zip(olds, news, strict=False))
        if source != target
    ]
    standing = {move.uri: same_place(move.source) for move in moves}
    aside = set()
    for wave in in_order(moves):
        for move in wave.moves:
            assert not (wave.aside and move.uri in aside)
            standing.pop(move.uri, None)
            aside |= {move.uri} if wave.aside else set()
        for move in () if wave.aside else wave.moves:
            assert can_stand_together([same_place(move.target), *standing.values()])
        standing |= {} if wave.aside else {move.uri: same_place(move.target) for move in wave.moves}

    assert standing == {move.uri: same_place(move.target) for move in moves}
    assert len(aside) <= len(moves)


def test_without_a_circle_nothing_is_put_aside() -> None:
    """A file moves on before another takes its place."""
    chain = [Move(str(number), ProductPath(f"{number}"), ProductPath(f"{number + 1}")) for number in range(5)]
    waves = list(in_order(chain))
    assert [[move.uri for move in wave.moves] for wave in waves] == [["4"], ["3"], ["2"], ["1"], ["0"]]
    assert not any(wave.aside for wave in waves)


def test_of_a_circle_one_is_put_aside() -> None:
    """It gets its place when the others have left it."""
    circle = [Move(str(number), ProductPath(f"{number}"), ProductPath(f"{(number + 1) % 3}")) for number in range(3)]
    waves = list(in_order(circle))
    assert [([move.uri for move in wave.moves], wave.aside) for wave in waves] == [
        (["2"], True),
        (["1"], False),
        (["0"], False),
        (["2"], False),
    ]


def test_no_places_no_sources() -> None:
    """Where nothing is looked for nothing is found."""
    assert sources(Goal(by_uri([ELSEWHERE])), lockfile_of(PINNED), {}, {}) == {}
