"""Downloads that are ended before their end: what was done is told, the rest is deferred, and nothing hangs."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors import Deferred
from jwstsync.store.commit import Committer
from jwstsync.store.journal import Journal
from jwstsync.store.lockfiles import NO_LOCKFILE
from tests.executors.bench import Counts, bench_at, fits, names
from tests.executors.fault_server import PATIENCE, held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jwstsync.store.commit import Landing
    from tests.executors.bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def still_running() -> bool:
    """Whether a download goes on behind the scenes."""
    return "downloads" in {thread.name for thread in threading.enumerate()}


def test_stop_keeps_what_is_done(bench: Bench) -> None:
    """After a stop what was committed is done, what was under way and what was not tried is deferred, no part stays."""
    gate = bench.server.gate()
    fetches = [
        bench.offer("a.fits", fits()),
        bench.offer("b.fits", fits(), held(fits(), gate, 100)),
        bench.offer("c.fits", fits()),
    ]
    executor = bench.executor(connections=1)
    outcomes = executor.run(fetches, bench.watch)

    assert names([next(outcomes)]) == ["a.fits"]
    gate.wait_for_arrival()
    executor.stop()
    executor.stop()

    assert list(outcomes) == [
        Deferred(fetches[1], "stopped before it was whole"),
        Deferred(fetches[2], "stopped before it was tried"),
    ]
    assert bench.parts == []
    assert bench.files == {"a.fits": fits()}
    assert bench.watch.ended_times == {"a.fits": 1, "b.fits": 1}


def test_stop_before_the_run_defers_all(bench: Bench) -> None:
    """A run that was stopped before it began asks nothing."""
    executor = bench.executor()
    executor.stop()

    outcomes = list(executor.run([bench.offer("a.fits", fits()), bench.offer("b.fits", fits())], bench.watch))

    assert names(outcomes, Deferred) == ["a.fits", "b.fits"]
    assert bench.server.requests == []


def test_stop_after_the_run_is_nothing(bench: Bench) -> None:
    """A stop that comes too late changes nothing."""
    executor = bench.executor()
    outcomes = list(executor.run([bench.offer("a.fits", fits())], bench.watch))

    executor.stop()

    assert names(outcomes) == ["a.fits"]


@pytest.mark.parametrize("taken", [0, 1])
def test_closed_early_ends_everything(bench: Bench, taken: int) -> None:
    """Whoever stops reading outcomes leaves no download behind, no part, and nothing unverified under a name."""
    gate = bench.server.gate()
    fetches = [
        bench.offer("a.fits", fits()),
        bench.offer("b.fits", fits(), held(fits(), gate, 100)),
        bench.offer("c.fits", fits()),
    ]
    outcomes = bench.executor(connections=1).run(fetches, bench.watch)
    for _ in range(taken):
        next(outcomes)
        gate.wait_for_arrival()

    assert isinstance(outcomes, Generator)
    outcomes.close()

    assert not still_running()
    assert bench.parts == []
    assert list(bench.files) == ["a.fits"][:taken]
    assert bench.server.asked_for("c.fits") == []


class Interrupted(Committer):
    """A committer during whose work something happens."""

    happens: Callable[[], None]

    def commit(self, landings: Sequence[Landing]) -> list[OSError | None]:
        """Commits after it has happened."""
        self.happens()
        return super().commit(landings)


@pytest.fixture
def interrupted(bench: Bench) -> Interrupted:
    """The bench's committer, to be interrupted."""
    journal = Journal(bench.journals, NO_LOCKFILE)
    bench.committer = committer = Interrupted(bench.tree, journal, "../jwstsync.lock", bench.trash)
    return committer


@pytest.mark.parametrize("times", [1, 2, 3])
def test_commit_once_begun_is_done(bench: Bench, interrupted: Interrupted, times: int) -> None:
    """A stop, however often, in the middle of a commit waits for it, and tells the product as done."""
    executor = bench.executor(connections=1)

    def stop() -> None:
        for _ in range(times):
            executor.stop()
        for thread in threading.enumerate():
            if thread.name == "connection":
                thread.join(PATIENCE)

    interrupted.happens = stop
    fetches = [bench.offer("a.fits", fits()), bench.offer("b.fits", fits(), held(fits(), bench.server.gate()))]

    outcomes = list(executor.run(fetches, bench.watch))

    assert names(outcomes) == ["a.fits"]
    assert names(outcomes, Deferred) == ["b.fits"]
    assert bench.files == {"a.fits": fits()}
    assert [line.locked.path for line in interrupted.lines] == ["JWST/obs/a.fits"]
    assert bench.parts == []


def test_bug_in_a_commit_ends_the_run(bench: Bench, interrupted: Interrupted) -> None:
    """An error that nobody foresaw is raised where the outcomes are read, and nothing waits for ever."""

    def fail() -> None:
        raise ZeroDivisionError

    interrupted.happens = fail

    with pytest.raises(ZeroDivisionError):
        list(bench.executor().run([bench.offer("a.fits", fits()), bench.offer("b.fits", fits())], bench.watch))

    assert not still_running()
    assert bench.files == {}


def test_bug_of_the_watch_ends_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of whoever watches is raised where the outcomes are read, with the downloads ended."""
    monkeypatch.delattr(Counts, "received")

    with pytest.raises(AttributeError, match="received"):
        list(bench.executor().run([bench.offer("a.fits", fits())], bench.watch))

    assert not still_running()
    assert bench.parts == []
