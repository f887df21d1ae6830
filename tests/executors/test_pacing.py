"""A limited rate: all connections together take no more than it, whatever the clock does in between."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors.pacing import Host, Timing
from tests.executors.bench import bench_at, fits, names

if TYPE_CHECKING:
    from pathlib import Path

RATE = 1000.0


def waits(*counts: int, rate: float | None = RATE, pause: float = 0) -> list[float]:
    """How long each connection waits after its bytes, when all of them come at once, or ``pause`` seconds apart."""
    now, slept = 0.0, list[float]()

    timing = Timing(clock=lambda: now, sleep=lambda seconds, _: slept.append(seconds))
    host = Host(timing, rate, threading.Event())
    for count in counts:
        host.took(count)
        now += pause
    return slept


def test_connections_share_the_rate() -> None:
    """Bytes that come at once are paid for one after the other: three times 1,000 bytes last 3 s."""
    assert waits(1000, 1000, 1000) == [1.0, 2.0, 3.0]


def test_time_that_was_not_used_is_not_saved_up() -> None:
    """After a long silence the rate is what it was, not more."""
    assert waits(1000, 1000, pause=100) == [1.0, 1.0]


def test_without_a_limit_nobody_waits() -> None:
    """Nothing is asked of the clock."""
    assert waits(10**12, rate=None) == []


def test_a_download_keeps_to_its_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three files last as long as their bytes at that rate, and a slow rate is no stall."""
    with bench_at(tmp_path, monkeypatch) as bench:
        fetches = [bench.offer(f"{name}.fits", fits(name, blocks=100)) for name in "abc"]
        outcomes = bench.fetched(*fetches, connections=1, limit_rate=RATE)

    assert names(outcomes) == ["a.fits", "b.fits", "c.fits"]
    assert bench.time.now == pytest.approx(3 * 100 * 2880 / RATE)
