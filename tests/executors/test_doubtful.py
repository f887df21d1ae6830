"""Checksums that nothing has confirmed: bytes that stay as they are wait, until a match or the end decides on them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.checksums import Belief, Trust
from jwstsync.executors import Cause, Deferred, Done, Failed
from tests.core.strategies import md5_of
from tests.executors.bench import bench_at, fits, names
from tests.executors.fault_server import PATIENCE, held, ranged, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.core.fetch import Fetch
    from jwstsync.executors import Outcome
    from tests.executors.bench import Bench

CONTENT, OTHER = fits("right"), fits("other")
UNLIKE = md5_of(b"something else")
DIFFERS = "bytes differ from the archive's checksum"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def open_parts() -> list[str]:
    """The parts that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.endswith(".part")]


def fetched(bench: Bench, *fetches: Fetch) -> list[Outcome]:
    """What becomes of fetches, one after the other, where no checksum is confirmed."""
    return bench.fetched(*fetches, connections=1, trust=Trust())


def test_bytes_that_stay_as_they_are_are_accepted_at_the_end(bench: Bench) -> None:
    """One product that came twice the same lands after all, without a checksum in the lockfile."""
    [done] = fetched(bench, bench.offer("a.fits", CONTENT, md5=UNLIKE))

    assert isinstance(done, Done)
    assert done.locked.md5 is None
    assert len(bench.server.requests) == 2
    assert bench.files == {"a.fits": CONTENT}


def test_a_later_match_fails_what_is_doubtful(bench: Bench) -> None:
    """Once a checksum is proven, the bytes that waited are wrong, and get no name."""
    doubtful = [bench.offer(name, CONTENT, md5=UNLIKE) for name in ("a.fits", "b.fits")]
    good = bench.offer("c.fits", OTHER, md5=md5_of(OTHER))

    first, second, last = fetched(bench, *doubtful, good)

    assert [first, second] == [Failed(one, Cause.MISMATCH, DIFFERS) for one in doubtful]
    assert names([last]) == ["c.fits"]
    assert bench.files == {"c.fits": OTHER}


def test_an_earlier_match_fails_a_mismatch(bench: Bench) -> None:
    """After a match a mismatch fails, however often the same bytes come."""
    good, bad = bench.offer("a.fits", OTHER, md5=md5_of(OTHER)), bench.offer("b.fits", CONTENT, md5=UNLIKE)

    assert fetched(bench, good, bad)[1] == Failed(bad, Cause.MISMATCH, DIFFERS)


def test_three_doubtful_products_are_enough(bench: Bench) -> None:
    """The third sets the checksums aside: all three land, and the fourth is not asked for twice."""
    fetches = [bench.offer(f"{number}.fits", CONTENT, md5=UNLIKE) for number in range(4)]
    gate = bench.server.gate()
    bench.server.answer("3.fits", held(CONTENT, gate))
    outcomes = bench.executor(connections=2, trust=Trust()).run(fetches, bench.watch)

    assert names(sorted((next(outcomes) for _ in range(3)), key=lambda one: one.fetch.path)) == [
        "0.fits",
        "1.fits",
        "2.fits",
    ]
    gate.open()

    assert names(outcomes) == ["3.fits"]
    assert len(bench.server.asked_for("3.fits")) == 1


def test_bytes_that_change_fail(bench: Bench) -> None:
    """A product that comes with other bytes the second time is not doubtful but wrong."""
    fetch = bench.offer("a.fits", CONTENT, whole(CONTENT), whole(OTHER), md5=UNLIKE)

    assert fetched(bench, fetch) == [Failed(fetch, Cause.MISMATCH, DIFFERS)]
    assert bench.files == {}


@pytest.mark.parametrize("size", [len(CONTENT) + 1, 5])
def test_bytes_of_another_size_fail(bench: Bench, size: int) -> None:
    """Where the size speaks against the bytes too, they are not doubtful but wrong."""
    fetch = bench.offer("a.fits", CONTENT, md5=UNLIKE, size=size)

    assert fetched(bench, fetch) == [Failed(fetch, Cause.MISMATCH, DIFFERS)]


@pytest.mark.parametrize("begins", [CONTENT, OTHER])
def test_bytes_of_two_answers_are_not_accepted_for_want_of_a_checksum(bench: Bench, begins: bytes) -> None:
    """Bytes that only a checksum joined, which is set aside now, are fetched once from the start: they may be mixed."""
    answers = [ranged(begins * 2, None, sends=len(begins)), ranged(CONTENT * 2, None), ranged(CONTENT * 2, None)]
    fetch = bench.offer("a.fits", CONTENT * 2, *answers, md5=UNLIKE)

    assert names(bench.fetched(fetch, trust=Trust(Belief.ASIDE))) == ["a.fits"]
    assert [asked.headers.get("range") is None for asked in bench.server.requests] == [True, False, True]
    assert bench.files == {"a.fits": CONTENT * 2}


def test_what_is_doubtful_keeps_no_file_open(bench: Bench) -> None:
    """While a product waits for a proof, its part is closed."""
    gate = bench.server.gate()
    doubtful = bench.offer("a.fits", CONTENT, ranged(CONTENT), md5=UNLIKE)
    waiting = bench.offer("b.fits", OTHER, held(OTHER, gate))
    executor = bench.executor(connections=2, trust=Trust())
    ended: list[Outcome] = []
    thread = threading.Thread(target=lambda: ended.extend(executor.run([doubtful, waiting], bench.watch)))
    thread.start()
    gate.wait_for_arrival()
    patience = time.monotonic() + PATIENCE
    while (len(bench.server.asked_for("a.fits")) < 2 or open_parts()) and time.monotonic() < patience:
        os.sched_yield()
    left = open_parts()
    gate.open()
    thread.join()

    assert left == []
    assert names(ended) == ["b.fits", "a.fits"]


def test_a_stop_leaves_what_is_doubtful_for_later(bench: Bench) -> None:
    """A run that is stopped decides nothing: the bytes stay as a part, and the product is deferred."""
    gate = bench.server.gate()
    doubtful = bench.offer("a.fits", CONTENT, ranged(CONTENT), md5=UNLIKE)
    waiting = bench.offer("b.fits", OTHER, held(OTHER, gate))
    executor = bench.executor(connections=2, trust=Trust())
    ended: list[Outcome] = []
    thread = threading.Thread(target=lambda: ended.extend(executor.run([doubtful, waiting], bench.watch)))
    thread.start()
    gate.wait_for_arrival()
    while len(bench.server.asked_for("a.fits")) < 2 or bench.watch.bytes["a.fits"] < len(CONTENT):
        os.sched_yield()
    executor.stop()
    thread.join()

    assert [type(one) for one in ended] == [Deferred, Deferred]
    assert bench.files == {}
    assert {path.suffix for path in bench.parts} == {".part", ".note"}
