"""What the archive's checksums are worth: one match proves them, three doubtful products set them aside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.checksums import CONFIRMED, MOST_DOUBTFUL, Belief, Trust

EVENTS = {"match": Trust.matched, "doubt": Trust.doubted, "end": Trust.ended}
histories = st.lists(st.sampled_from(sorted(EVENTS)), max_size=8)


def after(*events: str, trust: Trust | None = None) -> Trust:
    """The trust after so many events."""
    trust = trust or Trust()
    for event in events:
        trust = EVENTS[event](trust)
    return trust


@pytest.mark.parametrize(
    ("checksums", "confirmed", "belief"),
    [
        ("auto", False, Belief.OPEN),
        ("auto", True, Belief.WRONG),
        ("require", False, Belief.WRONG),
        ("require", True, Belief.WRONG),
    ],
)
def test_a_run_begins(checksums: str, *, confirmed: bool, belief: Belief) -> None:
    """A checksum counts where the user says so, or where one was confirmed on bytes before."""
    assert Trust.of(checksums, confirmed=confirmed).belief is belief


def test_three_doubtful_products_set_checksums_aside() -> None:
    """Two are waited with, the third decides."""
    assert after("doubt", "doubt").belief is Belief.OPEN
    assert after(*["doubt"] * MOST_DOUBTFUL).belief is Belief.ASIDE


def test_the_end_sets_checksums_aside() -> None:
    """What is doubtful at the end of a run is accepted, for want of any proof."""
    assert after("doubt", "end").belief is Belief.ASIDE


@given(histories)
def test_a_match_decides_for_good(history: list[str]) -> None:
    """From the first match on a mismatch is a failure, whatever came before and comes after."""
    assert after("match", *history).belief is Belief.WRONG
    assert after(*history, "match") == CONFIRMED


@given(histories.filter(lambda history: "match" not in history))
def test_nothing_is_proven_without_a_match(history: list[str]) -> None:
    """As long as nothing matched no product fails for its checksum."""
    assert after(*history).belief is not Belief.WRONG
