"""Runs that may take only so much: they end cleanly, say why something is left, and the next run goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from jwstsync.errors import ExitCode, UsageError
from jwstsync.executors import Cause
from jwstsync.sync.clock import Clock
from tests.sync.clock import FakeClock
from tests.sync.fakes import A, B, C, Place, outcomes

if TYPE_CHECKING:
    from jwstsync.sync.report import Report


def reasons(report: Report) -> set[str | None]:
    """Why products were left."""
    return {result.error for result in report.results if result.outcome == "deferred"}


@pytest.fixture
def time() -> FakeClock:
    """A clock for the run."""
    return FakeClock()


def test_time_that_is_over_ends_the_run_cleanly(place: Place, time: FakeClock) -> None:
    """Nothing new is begun, what is done is locked, the rest is deferred with the reason, and it is a success."""
    with place.open_run(max_duration="1h30m", clock=time.clock) as current:
        for _ in current.carry_out():
            time.go_on(5400)

    report = current.report()
    assert report.exit_code is ExitCode.OK
    assert outcomes(report) == {A: "deferred", B: "done", C: "deferred"}
    assert reasons(report) == {"--max-duration: stopped"}
    assert place.locked == {B}
    assert outcomes(place.apply(clock=time.clock)) == {A: "done", C: "done"}


def test_time_that_is_not_over_ends_nothing(place: Place, time: FakeClock) -> None:
    """A second less, and all is done; no alarm is left behind."""
    with place.open_run(max_duration=3600, clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            time.go_on(3599 if number == 0 else 0)
    time.go_on(3600)

    assert set(outcomes(current.report()).values()) == {"done"}
    assert time.waiting == 0


def test_a_failure_is_still_told_when_the_time_is_over(place: Place, time: FakeClock) -> None:
    """What failed before decides the exit code."""
    place.archive.troubles[B] = Cause.NETWORK
    with place.open_run(max_duration=10, clock=time.clock) as current:
        for _ in current.carry_out():
            time.go_on(10)

    assert current.report().exit_code is ExitCode.PRODUCTS_FAILED
    assert outcomes(current.report()) == {A: "deferred", B: "failed", C: "deferred"}


def test_adopting_takes_time_too(synced: Place, time: FakeClock) -> None:
    """A run whose time ends while it hashes neither hashes on nor begins to fetch."""
    synced.lock.unlink()
    synced.file(C, proposal=2).unlink()
    with synced.open_run(max_duration=10, clock=time.clock) as current:
        for _ in current.carry_out():
            time.go_on(10)

    assert outcomes(current.report()) == {A: "done", B: "deferred", C: "deferred"}
    assert reasons(current.report()) == {"--max-duration: stopped before it was hashed", "--max-duration: stopped"}
    assert (synced.archive.sent, synced.locked) == ([], {A})


def test_planning_takes_time_too(place: Place, time: FakeClock) -> None:
    """A run that has used up its time before it begins does nothing, and says so."""
    with place.open_run(max_duration=10, clock=time.clock) as current:
        time.go_on(10)
        list(current.carry_out())

    assert set(outcomes(current.report()).values()) == {"deferred"}
    assert (current.report().exit_code, place.archive.sent) == (ExitCode.OK, [])


def test_a_stop_is_not_mistaken_for_the_end_of_time(place: Place, time: FakeClock) -> None:
    """Who stops a run with time left is told that it was stopped."""
    with place.open_run(max_duration=10, clock=time.clock) as current:
        for _ in current.carry_out():
            current.stop()

    assert reasons(current.report()) == {"stopped"}


def test_the_clock_of_a_run_rings() -> None:
    """The true alarm rings from a thread of its own, and not once it is given back."""
    rung = threading.Event()
    with Clock().alarm(0, rung.set):
        assert rung.wait(60)

    threads = threading.active_count()
    with Clock().alarm(1e12, rung.set):
        assert threading.active_count() == threads + 1


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"limit_rate": "fast"}, r"^limit_rate = 'fast': expected bytes a second"),
        ({"limit_rate": 0}, r"^limit_rate = 0: expected bytes a second, more than 0"),
        ({"max_duration": "5 weeks"}, r"^max_duration = '5 weeks': expected a time above 0"),
    ],
)
def test_limits_that_make_no_sense(place: Place, choices: dict[str, Any], words: str) -> None:
    """They are refused before anything is asked or begun."""
    with pytest.raises(UsageError, match=words):
        place.apply(**choices)

    assert place.archive.asked == []
    assert not place.root.exists()
