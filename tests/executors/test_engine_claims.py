"""Runs that want the same product at the same time: each writes a part of its own, and the file is whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path
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

    from jwstsync.executors import Outcome
    from tests.executors.bench import Bench

CONTENT = fits("right", blocks=8)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def test_runs_at_once_write_parts_of_their_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight runs on one product that write at the same moment write eight parts, and the file has its own bytes."""
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT))
    outcomes: list[Outcome] = []
    written: list[str] = []
    meeting = threading.Barrier(8)
    pwrite = os.pwrite

    def write(descriptor: int, content: bytes, offset: int) -> int:
        meeting.wait(PATIENCE)
        written.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        return pwrite(descriptor, content, offset)

    def run() -> None:
        committer = Committer(bench.tree, Journal(bench.journals, NO_LOCKFILE), "../jwstsync.lock", bench.trash)
        outcomes.extend(bench.executor(committer=committer).run([fetch], Counts()))

    monkeypatch.setattr(os, "pwrite", write)
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(written)) == 8
    assert [type(one) for one in outcomes] == [Done] * 8
    assert bench.files == {"a.fits": CONTENT}
    assert bench.parts == []
