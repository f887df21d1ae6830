"""What the set should hold: selection and lockfile put together, and who gets a place that two products claim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.goal import Goal, as_locked, goal_of
from jwstsync.core.layout import ProductPath, same_place
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.selection import Refused, Selected, Selection
from tests.core.strategies import by_uri, locked, lockfile_of, selected


def wanted(name: str, path: str, proposal: int = 1) -> Selected:
    """A product that is selected."""
    return selected(uri=f"mast:{name}", path=ProductPath(path), proposal=proposal)


def held(name: str, path: str, proposal: int = 1) -> LockedProduct:
    """A product that is locked."""
    return locked(uri=f"mast:{name}", path=ProductPath(path), proposal=proposal)


def selection_of(*products: Selected, **changes: Any) -> Selection:  # noqa: ANN401 - fields of many types
    """A selection of these products, of which everything was listed."""
    return replace(Selection(by_uri(products), uris=frozenset(by_uri(products))), **changes)


def paths_of(goal: Goal) -> dict[str, str]:
    """Which product the goal puts where."""
    return {one.uri.removeprefix("mast:"): str(one.path) for one in goal.products.values()}


def refused_in(goal: Goal) -> set[str]:
    """Which products the goal refuses."""
    return {one.uri.removeprefix("mast:") for one in goal.refused}


def test_what_is_selected_is_the_goal() -> None:
    """Where the archive answers, the set should hold what is selected, as the archive states it now."""
    one, other = wanted("a", "x/a"), wanted("b", "x/b", proposal=2)
    lockfile = lockfile_of(held("a", "x/a", proposal=3), held("c", "x/c"))
    goal = goal_of(selection_of(one, other), lockfile)
    assert goal.products == by_uri([one, other])
    assert goal.paths == ["x/a", "x/b"]
    assert not goal.refused


def test_frozen_is_the_lockfile_alone() -> None:
    """Without a selection the set should hold just what is locked, whoever selected it."""
    lockfile = lockfile_of(held("a", "x/a", proposal=1), held("b", "x/b", proposal=2))
    assert goal_of(None, lockfile) == Goal({one.uri: as_locked(one) for one in lockfile})


def test_what_is_locked_is_stated_as_it_was() -> None:
    """What is locked counts as stated with the size that the archive listed then, and as public."""
    product = held("a", "x/a", proposal=7)
    known = replace(product, stated_size=99, md5="0" * 32)
    assert as_locked(product).size == product.size
    assert as_locked(known) == Selected(
        uri="mast:a",
        path=ProductPath("x/a"),
        proposal=7,
        size=99,
        md5="0" * 32,
        cal_ver="1.16.1",
        crds_ctx="jwst_1303.pmap",
        public=True,
        carried=True,
    )


def test_a_failed_proposal_keeps_what_is_locked() -> None:
    """Of a proposal whose query failed everything locked stays; the others go on."""
    lockfile = lockfile_of(held("a", "x/a", proposal=1), held("b", "x/b", proposal=2))
    goal = goal_of(selection_of(wanted("c", "x/c", proposal=2), failed={1: "no answer"}), lockfile)
    assert set(paths_of(goal)) == {"a", "c"}
    assert goal.failed == {1: "no answer"}
    assert not goal.disbelieved


def test_a_failed_proposal_keeps_its_products_from_others() -> None:
    """What is locked under a proposal whose query failed is still counted under it where a later one selects it too."""
    lockfile = lockfile_of(held("a", "x/a", proposal=1), held("b", "x/b", proposal=3))
    selection = selection_of(
        wanted("a", "x/a", proposal=2), wanted("b", "x/b", proposal=2), failed={1: "no answer", 3: "no answer"}
    )
    goal = goal_of(selection, lockfile)
    assert {uri: one.proposal for uri, one in goal.products.items()} == {"mast:a": 1, "mast:b": 2}


def test_a_suddenly_empty_proposal_is_not_believed() -> None:
    """A proposal that had products and now lists none keeps them, unless that is said to be right."""
    lockfile = lockfile_of(held("a", "x/a", proposal=1), held("b", "x/b", proposal=2))
    selection = selection_of(wanted("b", "x/b", proposal=2), empty=frozenset({1, 3}), complete=frozenset({1, 2, 3}))
    goal = goal_of(selection, lockfile)
    assert set(paths_of(goal)) == {"a", "b"}
    assert goal.disbelieved == {1}
    believed = goal_of(selection, lockfile, allow_empty=True)
    assert set(paths_of(believed)) == {"b"}
    assert not believed.disbelieved
    assert believed.gone == {"mast:a"}


def test_gone_is_what_the_archive_no_longer_lists() -> None:
    """Only what was asked for everything and is listed nowhere is gone; the rest is just not selected."""
    lockfile = lockfile_of(
        held("gone", "x/a", proposal=1), held("unselected", "x/b", proposal=1), held("not asked", "x/c", proposal=2)
    )
    goal = goal_of(selection_of(uris=frozenset({"mast:unselected"}), complete=frozenset({1})), lockfile)
    assert goal.gone == {"mast:gone"}


def test_counts_of_rows_are_passed_on() -> None:
    """How many rows each proposal lists is told along with the goal."""
    assert goal_of(selection_of(listed={1: 12}), Lockfile()).listed == {1: 12}


def test_what_may_be_listed_without_a_name_stays() -> None:
    """Where a proposal lists something that nobody can tell, what is locked of it and listed nowhere is not dropped."""
    lockfile = lockfile_of(
        held("hidden", "x/a"), held("unselected", "x/b"), held("other", "x/c", proposal=2), held("wanted", "x/d")
    )
    selection = selection_of(
        wanted("wanted", "x/d"), uris=frozenset({"mast:wanted", "mast:unselected"}), unsure=frozenset({1})
    )
    goal = goal_of(replace(selection, complete=frozenset({2})), lockfile)

    assert set(paths_of(goal)) == {"hidden", "wanted"}
    assert goal.products["mast:hidden"].carried
    assert goal.gone == {"mast:other"}


def test_what_is_refused_stays_as_it_is_locked() -> None:
    """A product that can not be taken is told, and stays where and what it is if it is locked."""
    refusals = [Refused("mast:a", 1, "its name"), Refused("mast:b", 1, "its size")]
    goal = goal_of(selection_of(refused=refusals), lockfile_of(held("a", "x/a")))
    assert paths_of(goal) == {"a": "x/a"}
    assert list(goal.refused) == refusals


def test_what_stays_locked_is_as_exclusive_as_it_is_listed() -> None:
    """A product that can not be taken as it is now is still withheld from those without a right to it."""
    refusal = Refused("mast:a", 1, "its name", public=False, released_at=61_440.0)
    rival = replace(wanted("b", "x/c"), public=False, released_at=61_441.0)
    locked_ones = lockfile_of(held("a", "x/a"), held("b", "x/b"), held("c", "x/c"))
    goal = goal_of(selection_of(rival, wanted("c", "x/c"), refused=[refusal]), locked_ones)

    assert refused_in(goal) == {"a", "b"}
    rights = {uri: (one.public, one.released_at) for uri, one in goal.products.items()}
    assert rights == {"mast:a": (False, 61_440.0), "mast:b": (False, 61_441.0), "mast:c": (True, None)}


@pytest.mark.parametrize(
    ("paths", "before", "left", "lost"),
    [
        pytest.param({"a": "x/y", "b": "x/y"}, {}, {}, {"a", "b"}, id="one path"),
        pytest.param({"a": "x/Y", "b": "X/y"}, {}, {}, {"a", "b"}, id="one path but for case"),
        pytest.param({"a": "x/y", "b": "x/z"}, {}, {"a": "x/y", "b": "x/z"}, set(), id="two paths"),
        pytest.param({"a": "x", "b": "x/y"}, {}, {"b": "x/y"}, {"a"}, id="file where a folder must be"),
        pytest.param({"a": "X", "b": "x/y/z"}, {}, {"b": "x/y/z"}, {"a"}, id="folder but for case"),
        pytest.param({"a": "xy", "b": "x/y"}, {}, {"a": "xy", "b": "x/y"}, set(), id="no folder but a beginning"),
        pytest.param({"a": "x/y", "b": "x/y"}, {"a": "x/y"}, {"a": "x/y"}, {"b"}, id="one is locked there"),
        pytest.param({"a": "x/y", "b": "X/Y"}, {"b": "X/Y"}, {"b": "X/Y"}, {"a"}, id="one is locked there, case"),
        pytest.param({"a": "x/y", "b": "x/y"}, {"a": "o"}, {"a": "o"}, {"a", "b"}, id="one is locked elsewhere"),
        pytest.param({"a": "x", "b": "x/y"}, {"a": "x"}, {"a": "x"}, {"b"}, id="locked file where a folder must be"),
        pytest.param({"a": "x", "b": "x/y/z"}, {"a": "x"}, {"a": "x"}, {"b"}, id="locked file deeper down"),
        pytest.param({"a": "x", "b": "x/y"}, {"b": "x/y"}, {"b": "x/y"}, {"a"}, id="locked in the folder"),
        pytest.param(
            {"a": "x", "b": "x", "c": "old"}, {"a": "old"}, {"a": "old"}, {"a", "b", "c"}, id="place of what stays"
        ),
        pytest.param(
            {"a": "x", "b": "y"}, {"a": "y", "b": "x"}, {"a": "x", "b": "y"}, set(), id="places are exchanged"
        ),
        pytest.param({"b": "x"}, {"a": "x"}, {"b": "x"}, set(), id="place of what is dropped"),
    ],
)
def test_places_that_two_products_claim(
    paths: dict[str, str], before: dict[str, str], left: dict[str, str], lost: set[str]
) -> None:
    """Of products that claim one place the one stays that is locked there; the others are refused."""
    lockfile = lockfile_of(*(held(name, path) for name, path in before.items()))
    goal = goal_of(selection_of(*(wanted(name, path) for name, path in paths.items())), lockfile)
    assert paths_of(goal) == left
    assert refused_in(goal) == lost
    assert all("another product has it" in one.error for one in goal.refused)


crowded = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from(["x", "X", "x/y", "x/Y", "x/y/z", "o"]), max_size=6
)


def _lockable(paths: dict[str, str]) -> bool:
    return len({path.casefold() for path in paths.values()}) == len(paths)


@given(paths=crowded, before=crowded.filter(_lockable), frail=st.sets(st.sampled_from("abcdef"), max_size=2))
@settings(deadline=None, max_examples=100)
def test_no_two_products_share_a_place(paths: dict[str, str], before: dict[str, str], frail: set[str]) -> None:
    """However many products claim one place, each gets one of its own, stays where it is locked, or is refused."""
    lockfile = lockfile_of(*(held(name, path) for name, path in before.items()))
    refused = [Refused(f"mast:{name}", 1, "its name") for name in frail]
    chosen = [wanted(name, path) for name, path in paths.items() if name not in frail]
    goal = goal_of(selection_of(*chosen, refused=refused), lockfile)
    places = [same_place(path) for path in goal.paths]
    assert len(set(places)) == len(places)
    assert {*refused_in(goal), *paths_of(goal)} == {*paths, *frail}
    for name, path in paths_of(goal).items():
        assert path == (before[name] if name in refused_in(goal) else paths[name])
    moved_in = {same_place(path) for name, path in paths_of(goal).items() if before.get(name) != path}
    for place in moved_in:
        assert not any(other.startswith(place + "/") or place.startswith(other + "/") for other in places)
