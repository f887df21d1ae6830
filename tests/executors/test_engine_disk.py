"""Writes that fail in the middle: what came after is never taken for what was lost, in this run or the next."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors import transfer
from jwstsync.store import commit
from tests.executors.bench import BLOCK, bench_at, fits, names
from tests.executors.fault_server import ranged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.executors.bench import Bench

MEBIBYTE = 1 << 20
LARGE = b"".join(bytes([65 + number]) * (MEBIBYTE // 2) for number in range(13))
"""A file of some batches, each with other bytes; its name tells no format."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_batch_that_is_not_written_is_not_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: int, number: int
) -> None:
    """Whichever batch the disk refuses, the file that gets its name at last has its own bytes at every place."""
    fetch = bench.offer("a.txt", LARGE, ranged(LARGE))
    write_all, left = transfer._write_all, [number]  # noqa: SLF001 - one write of many is to fail

    def write(descriptor: int, chunk: memoryview, position: int) -> int:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(code, os.strerror(code))
        return write_all(descriptor, chunk, position)

    monkeypatch.setattr(transfer, "_write_all", write)
    for _ in range(2):
        list(bench.executor(connections=1).run([fetch], bench.watch))

    assert bench.files == {"a.txt": LARGE}


def test_a_part_that_can_not_be_opened_to_be_synced_stays_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part is verified and no file can be opened to sync it, it is tried again with all of its bytes."""
    content = fits("right", blocks=4)
    fetch = bench.offer("a.fits", content, ranged(content))
    landing_of_part, refusals = commit.landing_of_part, [errno.EMFILE]

    def synced(*arguments: object, **options: object) -> commit.Landing:
        if refusals:
            raise OSError(refusals.pop(), "too many")
        return landing_of_part(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(transfer, "landing_of_part", synced)

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.files == {"a.fits": content}
    assert len(bench.server.requests) == 1
    assert len(content) == 4 * BLOCK


@pytest.mark.parametrize("proxy", ["127.0.0.1:9", "http://somebody:secret@127.0.0.1:9"])
def test_proxies_as_people_write_them(bench: Bench, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """An address without http:// is one too; a host that needs no proxy is named with its port or without."""
    content = fits()
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("NO_PROXY")
    for kept in ("127.0.0.1", f"127.0.0.1:{bench.server.port}"):
        monkeypatch.setenv("no_proxy", kept)
        assert names(bench.fetched(bench.offer(f"{len(kept)}.fits", content))) == [f"{len(kept)}.fits"]
    monkeypatch.setenv("no_proxy", "elsewhere")
    assert names(bench.fetched(bench.offer("a.fits", content))) == []
