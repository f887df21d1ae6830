"""Downloads that are tried again: what for, how often, after which pauses, and when it is given up."""

from __future__ import annotations

import errno
import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors import Cause, Deferred, Failed, Setback
from jwstsync.store.files import DISK_FULL
from tests.executors.bench import BLOCK, FakeTime, bench_at, fits, names
from tests.executors.fault_server import (
    chunked,
    cut_off,
    dripping,
    held,
    ranged,
    raw,
    reset,
    stalled,
    until_closed,
    whole,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from tests.executors.bench import Bench
    from tests.executors.fault_server import Answer, Gate

CONTENT, OTHER = fits("right", blocks=3), fits("other", blocks=3)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


SETBACKS = {
    "cut off": cut_off(CONTENT[:BLOCK], BLOCK),
    "cut off in a chunk": chunked(CONTENT[:BLOCK], whole=False),
    "closed early": until_closed(CONTENT[:BLOCK]),
    "reset": reset(CONTENT[:BLOCK], BLOCK),
    "hung up": raw(b""),
    "no byte": stalled(b"", BLOCK),
    "no more bytes": stalled(CONTENT[:BLOCK], BLOCK),
    **{f"{status}": whole(b"not now", f"{status} Not Now") for status in (408, 425, 429, 500, 502, 503, 504, 507, 599)},
}


@pytest.mark.parametrize("setback", SETBACKS.values(), ids=SETBACKS)
def test_setback_is_tried_again(bench: Bench, setback: Answer) -> None:
    """What may be better the next time is asked for again, and the product lands with its own bytes."""
    fetch = bench.offer("a.fits", CONTENT, setback, whole(CONTENT))

    assert names(bench.fetched(fetch, timeout=0.1)) == ["a.fits"]
    assert bench.files == {"a.fits": CONTENT}
    assert len(bench.server.requests) == 2
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_refusal_is_not_tried_again(bench: Bench, status: int) -> None:
    """What will not be better the next time is asked for once, without a pause."""
    [failed] = bench.fetched(bench.offer("a.fits", CONTENT, whole(b"", f"{status} No")))

    assert isinstance(failed, Failed)
    assert len(bench.server.requests) == 1
    assert bench.time.slept == []
    assert bench.watch.setbacks == []


def test_pauses_grow_until_the_budget_is_spent(bench: Bench) -> None:
    """A product that never comes is asked for six times, after pauses that double, and then fails with the reason."""
    [failed] = bench.fetched(bench.offer("a.fits", CONTENT, whole(b"", "500 Oops")))

    assert failed == Failed(failed.fetch, Cause.HOST, "the archive answered 500 Oops")
    assert bench.time.slept == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert len(bench.server.requests) == 6
    assert bench.watch.setbacks == [
        ("a.fits", Setback("the archive answered 500 Oops", count, pause, whole_host=False))
        for count, pause in enumerate(bench.time.slept, 1)
    ]


def test_progress_renews_the_budget(bench: Bench) -> None:
    """A part that gets longer with each try is gone on with as often as it takes, after short pauses."""
    content = fits("long", blocks=12)
    fetch = bench.offer("a.fits", content, ranged(content, sends=BLOCK))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.files == {"a.fits": content}
    assert len(bench.server.requests) == 12
    assert bench.time.slept == [0.5] * 11
    assert [one.in_a_row for _, one in bench.watch.setbacks] == [1] * 11


@pytest.mark.parametrize("status", [408, 429, 500, 503])
@pytest.mark.parametrize("seconds", [0, 7, 900])
def test_retry_after_is_honoured(bench: Bench, status: int, seconds: int) -> None:
    """The server's own pause takes the place of ours, up to a quarter of an hour."""
    busy = whole(b"", f"{status} Not Now", retry_after=seconds)

    assert names(bench.fetched(bench.offer("a.fits", CONTENT, busy, whole(CONTENT)))) == ["a.fits"]
    assert bench.time.slept[0] == seconds


def test_retry_after_may_be_a_date(bench: Bench) -> None:
    """A date is waited for as well."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    busy = whole(b"", "503 Not Now", retry_after=then)

    assert names(bench.fetched(bench.offer("a.fits", CONTENT, busy, whole(CONTENT)))) == ["a.fits"]
    assert 300 < bench.time.slept[0] <= 600


@pytest.mark.parametrize("status", [429, 503])
def test_long_retry_after_fails_its_product_at_once(bench: Bench, status: int) -> None:
    """A server that wants more than a quarter of an hour gets it: the product fails, and delays no other."""
    busy = bench.offer("a.fits", CONTENT, whole(b"", f"{status} Busy", retry_after=901))

    failed, done = bench.fetched(busy, bench.offer("b.fits", CONTENT), connections=1)

    text = f"the archive answered {status} Busy, to be tried again in 901 s"
    assert failed == Failed(busy, Cause.BUSY, text)
    assert names([done]) == ["b.fits"]
    assert bench.time.slept == []


class Meeting(FakeTime):
    """A clock whose first pause is not over before another product waits too, or is asked for."""

    def __init__(self, bench: Bench, gate: Gate) -> None:
        super().__init__()
        self._bench, self._gate = bench, gate

    def sleep(self, seconds: float, _: threading.Event) -> None:
        """Frees the other connection, and sees what it does."""
        self._gate.open()
        self.slept.append(seconds)
        while len(self._bench.server.asked_for("c.fits")) + len(self.slept) < 2:
            time.sleep(0.001)  # it is another thread's turn
        self.now += seconds


@pytest.mark.parametrize(("status", "rests"), [(429, True), (503, True), (408, False), (425, False), (500, False)])
def test_only_busy_servers_are_left_alone(bench: Bench, status: int, *, rests: bool) -> None:
    """After 429 and 503 every product waits, so long as the server says; after anything else only the one does."""
    gate = bench.server.gate()
    bench.time = Meeting(bench, gate)
    first = bench.offer("a.fits", CONTENT, whole(b"", f"{status} Not Now", retry_after=100), whole(CONTENT))
    others = [bench.offer("b.fits", CONTENT, held(CONTENT, gate)), bench.offer("c.fits", CONTENT)]

    assert len(names(bench.fetched(first, *others, connections=2))) == 3
    assert bench.time.slept == [100.0] * (2 if rests else 1)
    [(name, setback)] = bench.watch.setbacks
    assert (name, setback.pause, setback.whole_host) == ("a.fits", 100.0, rests)


def test_dripping_server_is_a_stall(bench: Bench) -> None:
    """Less than 1 KB/s for half a minute is a setback, for want of the host."""
    bench.time.tick = 1e9
    [failed] = bench.fetched(bench.offer("a.fits", CONTENT, dripping(), size=1 << 30))

    assert isinstance(failed, Failed)
    assert failed.cause is Cause.HOST
    assert failed.error.startswith("stalled: ")
    assert len(bench.server.requests) == 6


def test_ten_products_in_a_row_end_the_run(bench: Bench) -> None:
    """Where ten products in a row fail for want of the host, the others are put off and not tried."""
    fetches = [bench.offer(f"{number:02}.fits", CONTENT, whole(b"", "500 Oops")) for number in range(30)]

    outcomes = bench.fetched(*fetches, connections=1)

    failed = [one for one in outcomes if isinstance(one, Failed)]
    assert 10 <= len(failed) <= 12  # one more may fail before the run has ended
    assert {one.cause for one in failed} == {Cause.HOST}
    assert len(names(outcomes, Deferred)) == 30 - len(failed)


def offers(bench: Bench, answers: list[Answer]) -> list[Fetch]:
    """A product for each answer."""
    return [bench.offer(f"{number:02}.fits", CONTENT, answer) for number, answer in enumerate(answers)]


def test_success_between_counts_anew(bench: Bench) -> None:
    """Nine failures, one success and nine failures do not end a run."""
    lost = whole(b"", "500 Oops")

    outcomes = bench.fetched(*offers(bench, [*[lost] * 9, whole(CONTENT), *[lost] * 9, whole(CONTENT)]), connections=1)

    assert names(outcomes) == ["09.fits", "19.fits"]
    assert names(outcomes, Deferred) == []


def test_refusals_do_not_count(bench: Bench) -> None:
    """Products that the archive refuses, however many, do not end a run."""
    outcomes = bench.fetched(*offers(bench, [*[whole(b"", "404 No")] * 15, whole(CONTENT)]), connections=1)

    assert names(outcomes) == ["15.fits"]


def test_too_many_open_files_is_no_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file can be opened for a while, it is tried again until one can."""
    refusals = [errno.EMFILE, errno.ENFILE, errno.EMFILE]
    pwrite = os.pwrite

    def write(descriptor: int, content: bytes, offset: int) -> int:
        if refusals:
            code = refusals.pop()
            raise OSError(code, os.strerror(code))
        return pwrite(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", write)

    assert names(bench.fetched(bench.offer("a.fits", CONTENT))) == ["a.fits"]
    assert bench.files == {"a.fits": CONTENT}


@pytest.mark.parametrize("code", sorted(DISK_FULL))
def test_full_disk_ends_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A disk that takes no more ends the run: what is committed stays, what was not tried is put off."""
    gate = bench.server.gate()
    fetches = [
        bench.offer("a.fits", CONTENT),
        bench.offer("b.fits", OTHER),
        bench.offer("c.fits", CONTENT, held(CONTENT, gate)),
        bench.offer("d.fits", CONTENT),
    ]
    pwrite = os.pwrite

    def write(descriptor: int, content: bytes, offset: int) -> int:
        if content == OTHER:
            raise OSError(code, os.strerror(code))
        return pwrite(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", write)

    done, failed, held_up, deferred = bench.fetched(*fetches, connections=1)

    assert names([done]) == ["a.fits"]
    assert failed == Failed(fetches[1], Cause.DISK_FULL, f"not written: {os.strerror(code)}")
    assert isinstance(held_up, Deferred)
    assert deferred == Deferred(fetches[3], "stopped before it was tried")
    assert bench.files == {"a.fits": CONTENT}
