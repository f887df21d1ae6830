"""What is said of products that are not public yet, at a time that the caller gives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.withheld import access_text, overdue_text, withheld_text
from tests.core.strategies import selected

NOW = 61_366.75  # MJD of 2026-11-22, 18:00 UTC
PASSED = "its release date 2026-11-22 has passed: files take a while to move to the public store"


def told(*releases: float | None, now: float = NOW) -> str:
    """What is said of products with these release dates."""
    return withheld_text([selected(public=False, released_at=at) for at in releases], now)


def test_how_many_are_withheld_and_until_when() -> None:
    """Those that come next are counted with their day and how far it is, the others with the last day."""
    releases = [61_500.0] * 7 + [61_419.9] * 3 + [61_419.0] + [61_800.25]
    assert told(*releases) == "12 withheld: 4 public on 2027-01-14 (in 53 days), 8 later (the last on 2028-01-30)"


@pytest.mark.parametrize(
    ("released", "expected"),
    [
        pytest.param(61_366.76, "1 withheld: 1 public on 2026-11-22 (today)", id="later today"),
        pytest.param(61_367.0, "1 withheld: 1 public on 2026-11-23 (tomorrow)", id="at midnight"),
        pytest.param(61_367.99, "1 withheld: 1 public on 2026-11-23 (tomorrow)", id="late tomorrow"),
        pytest.param(61_368.0, "1 withheld: 1 public on 2026-11-24 (in 2 days)", id="in 30 hours"),
        pytest.param(
            NOW,
            "1 withheld: 1 whose release date has passed (files take a while to move to the public store)",
            id="this moment",
        ),
        pytest.param(None, "1 withheld: 1 without a release date", id="not stated"),
        pytest.param(1e12, "1 withheld: 1 without a release date", id="in no calendar"),
        pytest.param(math.inf, "1 withheld: 1 without a release date", id="never"),
    ],
)
def test_days_are_those_of_utc(released: float | None, expected: str) -> None:
    """A day is counted by the calendar and not by hours; what has passed or is not known is told apart."""
    assert told(released) == expected


def test_all_kinds_of_dates_together() -> None:
    """Each product is counted in one part of the line, thousands with their comma."""
    assert told(*[None] * 2, *[61_000.0] * 3, *[61_368.5] * 1_000, 61_400.0) == (
        "1,006 withheld: 1,000 public on 2026-11-24 (in 2 days), 1 later (the last on 2026-12-26), "
        "3 whose release date has passed (files take a while to move to the public store), 2 without a release date"
    )


@given(st.lists(st.none() | st.floats(), min_size=1), st.floats(0, 1e6))
def test_whatever_the_archive_states(releases: list[float | None], now: float) -> None:
    """Any date can be told, at any time."""
    assert told(*releases, now=now).startswith(f"{len(releases)} withheld: ")


@pytest.mark.parametrize(
    ("released", "expected"),
    [
        (61_440.0, "exclusive access until 2027-02-04"),
        (61_366.5, f"exclusive access; {PASSED}"),
        (None, "exclusive access"),
        (-1e12, "exclusive access"),
    ],
)
def test_why_one_product_is_withheld(released: float | None, expected: str) -> None:
    """With its day, and with what to think of a day that has passed."""
    assert access_text(selected(public=False, released_at=released), NOW) == expected


@pytest.mark.parametrize(
    ("released", "public", "expected"),
    [
        pytest.param(61_366.5, False, PASSED, id="exclusive, just passed"),
        pytest.param(61_366.5, True, PASSED, id="public, just passed"),
        pytest.param(
            59_773.5,
            False,
            "its release date 2022-07-13 has passed: files take a while to move to the public store",
            id="exclusive, long passed",
        ),
        pytest.param(59_773.5, True, None, id="public for years"),
        pytest.param(61_366.76, False, None, id="to come"),
        pytest.param(None, False, None, id="not stated"),
        pytest.param(-1e12, False, None, id="in no calendar"),
    ],
)
def test_what_explains_a_refusal(released: float | None, expected: str | None, *, public: bool) -> None:
    """A release date that has passed does, but for what has been public for long."""
    assert overdue_text(selected(public=public, released_at=released), NOW) == expected
