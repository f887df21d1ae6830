"""Large files that idle connections share: right bytes, from servers that can do it, and nothing lost at a stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors import Deferred, running
from jwstsync.executors.running import WORTH_SHARING
from tests.core.strategies import md5_of
from tests.executors.bench import BLOCK, Counts, bench_at, fits, names
from tests.executors.fault_server import ranged, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from tests.executors.bench import Bench

CONTENT = b"".join(fits(str(number)) for number in range(64))
SMALL = 4 * BLOCK


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root, a server to fill it from, and files that are worth sharing although they are small."""
    monkeypatch.setattr(running, "WORTH_SHARING", SMALL)
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def ranges(bench: Bench) -> list[str]:
    """The ranges that were asked for."""
    return [one.headers["range"] for one in bench.server.requests if "range" in one.headers]


class Opening(Counts):
    """A watch that does something once so many bodies have begun to come."""

    def __init__(self, bench: Bench, bodies: int) -> None:
        super().__init__()
        self._bench, self._bodies = bench, bodies
        self.reached = threading.Event()

    def received(self, fetch: Fetch, count: int) -> None:
        """Counts, and looks how many were asked for."""
        super().received(fetch, count)
        if self.bytes[fetch.path.rpartition("/")[2]] >= self._bodies * BLOCK:
            self.reached.set()

    def call_when_reached(self, call: Callable[[], None]) -> None:
        """Waits for that many, and calls."""
        assert self.reached.wait(30)
        call()


def test_only_large_files_are_shared() -> None:
    """Files are shared that have at least 32 MB still to come."""
    assert WORTH_SHARING == 32_000_000


def test_idle_connections_take_halves(bench: Bench) -> None:
    """One file that comes slowly is fetched over all connections, each byte counted once, and is right."""
    gate = bench.server.gate()
    bench.watch = watch = Opening(bench, 4)
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=BLOCK, gate=gate))
    opener = threading.Thread(target=watch.call_when_reached, args=[gate.open])
    opener.start()

    assert names(bench.fetched(fetch)) == ["a.fits"]
    opener.join()
    assert len(ranges(bench)) >= 3
    assert all(one.headers["if-range"] == '"v1"' for one in bench.server.requests if "range" in one.headers)
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}


@pytest.mark.parametrize(
    "headers", [{"etag": '"v1"'}, {"accept_ranges": "bytes"}, {"etag": 'W/"v1"', "accept_ranges": "bytes"}]
)
def test_nothing_is_shared_without_tag_and_ranges(bench: Bench, headers: dict[str, str]) -> None:
    """A server that does not offer ranges, or gives no strong entity tag, is asked once."""
    fetch = bench.offer("a.fits", CONTENT, whole(CONTENT, **headers), md5=md5_of(CONTENT))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert ranges(bench) == []


def test_server_that_promises_ranges_in_vain_ends_it(bench: Bench) -> None:
    """Where a range is answered by the whole, the file is taken from that answer and not shared any more."""
    gate = bench.server.gate()
    promised = whole(CONTENT, etag='"v1"', accept_ranges="bytes")
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=BLOCK, gate=gate), promised)

    assert names(bench.fetched(fetch, timeout=0.5)) == ["a.fits"]
    assert len(ranges(bench)) <= 3
    assert bench.files == {"a.fits": CONTENT}


def test_shared_file_survives_a_stop(bench: Bench) -> None:
    """A file that was shared when the run was stopped is gone on with by the next run, gap by gap."""
    gate = bench.server.gate()
    watch = Opening(bench, 4)
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=BLOCK, gate=gate))
    executor = bench.executor()
    stopper = threading.Thread(target=watch.call_when_reached, args=[executor.stop])
    stopper.start()

    assert list(executor.run([fetch], watch)) == [Deferred(fetch, "stopped before it was whole")]
    stopper.join()
    bench.server.requests.clear()
    bench.server.answer("a.fits", ranged(CONTENT))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert len(ranges(bench)) == len(bench.server.requests) >= 4
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}


def test_broken_pieces_are_gone_on_with(bench: Bench) -> None:
    """Where all connections of a shared file break again and again, each goes on with its own piece."""
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=2 * BLOCK))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}
