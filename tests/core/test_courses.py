"""When programs are told of progress."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.courses import EVERY, Courses
from jwstsync.core.fetch import Fetch
from tests.core.strategies import PATH, selected

A, B = (Fetch(selected(uri=f"mast:{name}", size=100)) for name in "ab")
steps = st.tuples(st.sampled_from([A, B]), st.sampled_from(["start", "come", "come", "end"]), st.floats(0, 0.7))


def test_progress_is_told_once_a_second() -> None:
    """Not before the first second has passed, and then with all that is here; each product by itself."""
    courses = Courses()
    courses.started(A, 100, 0.0)
    courses.started(B, None, 0.5)

    assert courses.received(A, 10, 0.9) is None
    assert courses.received(A, 10, 1.0) == {
        "type": "progress",
        "uri": A.uri,
        "path": PATH,
        "size": 100,
        "received": 20,
    }
    assert courses.received(B, 1, 1.4) is None
    assert courses.received(A, 10, 1.9) is None
    told = courses.received(B, 1, 1.5), courses.received(A, 10, 2.1)
    assert [one and (one["size"], one["received"]) for one in told] == [(None, 2), (100, 40)]


def test_what_is_thrown_away_is_taken_off() -> None:
    """A product that begins anew is told with what is here of it, and its new size, a second later."""
    courses = Courses()
    courses.started(A, 100, 0.0)
    courses.received(A, 60, 0.5)
    courses.received(A, -60, 0.6)
    courses.started(A, 80, 0.6)

    assert courses.received(A, 10, 1.2) is None
    told = courses.received(A, 10, 1.6)
    assert told is not None
    assert (told["size"], told["received"]) == (80, 20)


def test_nothing_is_told_of_what_is_done() -> None:
    """Bytes that come too late are nobody's; what begins once more begins with nothing."""
    courses = Courses()
    courses.started(A, 100, 0.0)
    courses.received(A, 60, 0.5)
    courses.ended(A)
    courses.ended(A)
    assert courses.received(A, 10, 9.0) is None

    courses.started(A, 100, 10.0)
    told = courses.received(A, 10, 11.0)
    assert told is not None
    assert told["received"] == 10


@given(st.lists(steps, max_size=60))
def test_there_is_a_second_between(history: list[tuple[Fetch, str, float]]) -> None:
    """Whatever happens, no product is told of twice within a second, nor within a second of its start."""
    courses, now = Courses(), 0.0
    told: defaultdict[str, list[float]] = defaultdict(list)
    for fetch, step, pause in history:
        now += pause
        if step == "start":
            courses.started(fetch, None, now)
            told[fetch.uri].append(now)
        elif step == "end":
            courses.ended(fetch)
        elif courses.received(fetch, 1, now) is not None:
            assert now - told[fetch.uri][-1] >= EVERY
            told[fetch.uri].append(now)
