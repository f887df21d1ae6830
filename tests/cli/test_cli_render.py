"""The plan's text where a real plan would be too large for a test, and the amounts in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.cli.render import LARGE_DOWNLOAD, closing_line, hint, plan_lines
from jwstsync.cli.text import printable
from jwstsync.core.amounts import counted, size_text
from jwstsync.core.goal import Goal
from jwstsync.core.layout import ProductPath
from jwstsync.core.manifest import parse_manifest
from jwstsync.core.plan import Action, ActionKind, Plan, Reason
from jwstsync.core.selection import Selected
from tests.core.strategies import locked

NOW = 61_387.5  # MJD of 2026-12-13, noon
MANIFEST = parse_manifest(
    "version = 1\n[[proposal]]\nid = [1, 2]\ninclude = [{}]\n[[proposal]]\nid = 1\nname = 'One'\ninclude = [{}]\n",
    PurePath("jwstsync.toml"),
)


def plan_of(count: int, size: int | None, kind: ActionKind = ActionKind.FETCH, **more: Any) -> Plan:  # noqa: ANN401
    """A plan with so many actions of one kind."""
    products = [
        Selected(uri=f"mast:{number}", path=ProductPath(f"{number}_cal.fits"), proposal=1, size=size, **more)
        for number in range(count)
    ]
    actions = [Action(kind, Reason.EXCLUSIVE_ACCESS, one, None) for one in products]
    return Plan(actions, Goal({one.uri: one for one in products}, listed={1: 100_000}))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (100_000, "100 kB"),
        (38_102_400, "38.1 MB"),
        (2_400_000_000, "2.4 GB"),
        (10**13, "10.0 TB"),
        (10**18, "1000 PB"),
    ],
)
def test_amounts(count: int, text: str) -> None:
    """Bytes are told in decimal units, with three figures."""
    assert size_text(count) == text


def test_numbers_of_things() -> None:
    """One thing is singular, large numbers have their commas."""
    assert [counted(count, "product") for count in (0, 1, 3470)] == ["0 products", "1 product", "3,470 products"]


def test_what_a_terminal_only_shows() -> None:
    """Nothing that is printed can move the cursor, change colors or begin a line."""
    assert printable("a\x1b[31mb\nc\x07\x9bd\u2028e é") == "a?[31mb?c??d?e é"


@given(st.text())
def test_whatever_is_printed_is_printable(text: str) -> None:
    """The text keeps its length, and what can be shown stays as it is."""
    shown = printable(text)

    assert shown.isprintable()
    assert all(other in {one, "?"} for one, other in zip(text, shown, strict=True))
    assert printable(shown) == shown


@given(st.integers(0, 10**17))
def test_amounts_are_near(count: int) -> None:
    """An amount has at most four figures, and is wrong by no more than a twentieth of its first."""
    number, unit = size_text(count).split()
    factor = 1000 ** ("B", "kB", "MB", "GB", "TB", "PB").index(unit)

    assert len(number.replace(".", "")) <= 4
    assert abs(float(number) * factor - count) <= 0.05 * max(count, 1)


def test_the_hint_at_a_script() -> None:
    """Above 1 GB, and not at 1 GB, a script is proposed."""
    assert hint(plan_of(1, LARGE_DOWNLOAD)) is None
    assert hint(plan_of(2, LARGE_DOWNLOAD)) == (
        "hint: for 2.0 GB a script may serve better: jwstsync apply --script fetch.sh"
    )


@pytest.mark.parametrize("kind", [ActionKind.KEEP, ActionKind.ADOPT, ActionKind.WITHHOLD])
def test_what_is_not_downloaded_needs_no_script(kind: ActionKind) -> None:
    """Only downloads count."""
    assert hint(plan_of(2, LARGE_DOWNLOAD, kind)) is None


def test_thousands_of_products() -> None:
    """The columns stay in line, whatever the numbers; a proposal has the name that any of its blocks gives it."""
    lines = list(plan_lines(plan_of(12_345, 1_000_000), MANIFEST, "plan", verbose=False, now=NOW))

    assert lines == [
        "jwstsync plan: 2 proposals, 12,345 products selected of 100,000",
        "  + 12,345  fetch     12.3 GB   1 One: 12,345 cal",
    ]


def test_unknown_sizes() -> None:
    """What is not known is not told, and counts nothing."""
    plan = plan_of(1, None)

    assert (
        list(plan_lines(plan, MANIFEST, "plan", verbose=False, now=NOW))[2]
        == "          0_cal.fits  (exclusive access)"
    )
    assert closing_line(plan, "plan", 10**9) == "Plan: 1 to fetch, 0 B; 1.0 GB free."


@pytest.mark.parametrize(
    ("released", "told"),
    [
        (61_440.0, " until 2027-02-04"),
        (61_387.5, "; its release date 2026-12-13 has passed: files take a while to move to the public store"),
        (1e12, ""),
        (None, ""),
    ],
)
def test_days_of_release(released: float | None, told: str) -> None:
    """The day is told where the calendar has it."""
    plan = plan_of(1, 5, ActionKind.WITHHOLD, released_at=released, public=False)

    assert (
        list(plan_lines(plan, MANIFEST, "plan", verbose=False, now=NOW))[2]
        == f"          0_cal.fits  5 B  (exclusive access{told})"
    )


def test_an_entry_that_changes_is_listed_where_it_must_not() -> None:
    """What is kept is listed under --locked if its entry would say something else, such as another proposal."""
    plan = plan_of(12, 5, ActionKind.KEEP)
    kept = [
        replace(action, reason=None, pinned=True, locked=locked(b"12345", uri=action.uri, path=action.path, proposal=1))
        for action in plan.actions
    ]
    kept[3] = replace(kept[3], locked=locked(b"12345", uri=kept[3].uri, path=kept[3].path, proposal=2))
    lines = list(plan_lines(Plan(kept, plan.goal), MANIFEST, "plan", verbose=False, now=NOW, locked=True))

    assert lines[1:] == ["  =  12  keep", "          3_cal.fits  5 B  (its entry changes)"]
