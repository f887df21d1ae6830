"""When a transfer is tried again: pauses, patience, and what a server asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.retry import BUDGET, FIRST_PAUSE, LONGEST_PAUSE, Patience, Pauses, retry_after

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
setbacks = st.integers(1, 10_000)
chances = st.floats(0, 1, exclude_max=True)


@given(chances)
def test_first_pause_is_short(chance: float) -> None:
    """The pause after the first setback is under half a second."""
    assert 0 <= Pauses().before_next(1, chance) < FIRST_PAUSE == 0.5


@given(setbacks, chances)
def test_no_pause_is_long(count: int, chance: float) -> None:
    """No pause is longer than 20 s, whatever has happened."""
    assert 0 <= Pauses().before_next(count, chance) <= LONGEST_PAUSE == 20.0


@given(setbacks, chances)
def test_pauses_grow(count: int, chance: float) -> None:
    """With the same luck no pause is shorter than the one before."""
    assert Pauses().before_next(count, chance) <= Pauses().before_next(count + 1, chance)


@given(setbacks, chances)
def test_jitter_is_full(count: int, chance: float) -> None:
    """A pause is spread over everything from nothing to the longest that it may be."""
    longest = Pauses().before_next(count, 1.0)

    assert Pauses().before_next(count, 0.0) == 0.0
    assert Pauses().before_next(count, chance) == pytest.approx(chance * longest)


@given(st.integers(0, 10**12))
def test_budget_ends(length: int) -> None:
    """Without progress a transfer survives five setbacks in a row, and no sixth."""
    patience = Patience()
    exhausted = []
    for _ in range(BUDGET + 1):
        patience = patience.after(length)
        exhausted.append(patience.exhausted)

    assert exhausted == [False] * 5 + [True]


@given(st.lists(st.integers(0, 100), max_size=40))
def test_budget_is_renewed_by_progress_only(lengths: list[int]) -> None:
    """The setbacks that count are those since the part was longer than ever before, with the one that ended that."""
    patience = Patience()
    expected, longest = 0, 0
    for length in lengths:
        expected = 1 if length > longest else expected + 1
        longest = max(longest, length)
        patience = patience.after(length)

    assert (patience.setbacks, patience.longest) == (expected, longest)


@given(st.integers(0, 10**8))
def test_retry_after_in_seconds(seconds: int) -> None:
    """A number is so many seconds, with blanks around it or not."""
    assert retry_after(str(seconds), NOW) == retry_after(f" {seconds} ", NOW) == seconds


@given(st.integers(-(10**6), 10**6))
def test_retry_after_as_a_date(seconds: int) -> None:
    """A date is the time until then, and none when it is past."""
    then = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after(then, NOW) == max(0, seconds)


def test_date_without_a_zone_is_universal_time() -> None:
    """A date that names no zone is taken as UTC."""
    assert retry_after("Mon, 23 Nov 2026 05:01:00 -0000", NOW) == 60


@given(st.none() | st.text(max_size=40).filter(lambda text: not text.strip().isdigit()))
def test_nonsense_asks_for_nothing(header: str | None) -> None:
    """What is neither seconds nor a date is passed over, and is no bug."""
    assert retry_after(header, NOW) is None or header


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "1.5", "٣", "Mon, 99 Nov 2026 05:01:00 GMT"])
def test_such_nonsense_asks_for_nothing(header: str | None) -> None:
    """Neither words, nor signs, nor foreign digits, nor days that do not exist make a pause."""
    assert retry_after(header, NOW) is None
