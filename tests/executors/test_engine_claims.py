"""Runs that want the same product at the same time: each writes a part of its own, and the file is whole."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors import Done
from jwstsync.store.commit import Committer
from jwstsync.store.journal import Journal
from jwstsync.store.lockfiles import NO_LOCKFILE
from tests.executors.bench import Counts, bench_at, fits
from tests.executors.fault_server import PATIENCE, ranged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.plan import Fetch
    from jwstsync.executors import Outcome
    from tests.executors.bench import Bench

CONTENT = fits("right", blocks=8)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def test_runs_at_once_write_parts_of_their_own(bench: Bench) -> None:
    """Eight runs on one product, with one part left from before, are all done, and the file has its own bytes."""
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT))
    outcomes: list[Outcome] = []
    begun: list[Path] = []
    meeting = threading.Barrier(8)

    class Meeting(Counts):
        """A watch that goes on once every run has begun its body."""

        _met = False

        def received(self, fetch: Fetch, count: int) -> None:
            """Waits for the others, the first time."""
            super().received(fetch, count)
            if not self._met:
                self._met = True
                meeting.wait(PATIENCE)
                begun.extend(path for path in bench.parts if path.suffix == ".part")
                meeting.wait(PATIENCE)

    def run() -> None:
        bench_committer = Committer(bench.tree, Journal(bench.journals, NO_LOCKFILE), "../jwstsync.lock", bench.trash)
        executor = bench.executor(committer=bench_committer)
        outcomes.extend(executor.run([fetch], Meeting()))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(begun)) == 8
    assert [type(one) for one in outcomes] == [Done] * 8
    assert bench.files == {"a.fits": CONTENT}
    assert bench.parts == []
