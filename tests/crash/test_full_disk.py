"""Disks that are really full, and files that are really too large: what is done is kept, locked, and not done again."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from tests.crash.desk import DOWNLOAD, MANIFEST, TABLE, Desk, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from jwstsync.sandbox import Fault
    from tests.crash.runs import Runs

SMALL = [f"{number}_cal.fits" for number in range(5)]
FIRST, SECOND = LARGE = ["0_uncal.fits", "1_uncal.fits"]
SIZES = {**dict.fromkeys(SMALL, 3), **dict.fromkeys(LARGE, 250)}
ONE_BY_ONE = MANIFEST.replace("[limits]", "[limits]\nconnections = 1")
"""The two large products come first."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An archive of a few small products and two large ones."""
    with Sandbox(catalogue=catalogue(SIZES)) as sandbox:
        yield sandbox


def desk_of(folder: Path, runs: Runs, sandbox: Sandbox) -> Desk:
    """A folder that is to hold all products."""
    folder.mkdir()
    (folder / "jwstsync.toml").write_text(ONE_BY_ONE, encoding="utf-8")
    return Desk(folder, runs, sandbox.url)


def downloads(sandbox: Sandbox, since: int = 0) -> list[str]:
    """The products that were asked for since so many requests."""
    return [str(one.uri).rpartition("/")[2] for one in sandbox.requests[since:] if one.path == DOWNLOAD]


def check_goes_on(desk: Desk, sandbox: Sandbox, done: set[str]) -> None:
    """Holds the next run to all that was not done, and no more."""
    since = len(sandbox.requests)
    ended = desk.call("apply -q", "plan --check -q", "verify -q")
    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert set(downloads(sandbox, since)) == {*SIZES, TABLE} - done
    assert desk.files == {name: sandbox.content(name) for name in [*SIZES, TABLE]}
    assert (desk.parts, desk.journals) == ([], [])


def test_files_that_are_too_large(runs: Runs, sandbox: Sandbox, tmp_path: Path) -> None:
    """A limit on the size of files fails the products that are larger, and no other: a smaller one still fits."""
    desk = desk_of(tmp_path / "desk", runs, sandbox)
    ended = desk.call("apply", largest_file=100_000)

    assert ended.code == ExitCode.PRODUCTS_FAILED
    assert [f"{name}: not written: File too large" in ended.err for name in LARGE] == [True, True]
    assert desk.locked.keys() == desk.files.keys() == {*SMALL, TABLE}
    assert (desk.parts, desk.journals) == ([], [])
    check_goes_on(desk, sandbox, {*SMALL, TABLE})


@pytest.fixture
def small_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Path | None]:
    """A disk of two megabytes; None where nobody but root may mount one, which is said aloud."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        with capsys.disabled():
            print(f"\nfull disks are only shown by a limit on the size of files here: {mounted.stderr}")  # noqa: T201
        yield None
        return
    yield folder
    subprocess.run(["umount", folder], check=True)


def filling(disk: Path, leaving: int, name: str, landed: TextIO) -> Fault:
    """A fault: somebody fills the disk, but for so many bytes, once what was asked for before has landed.

    Whatever is asked for after the product of that name does not come.
    """
    full = False

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal full
        if request.path == DOWNLOAD and full:
            return web.Response(status=503, headers={"Retry-After": "60"})
        if request.path == DOWNLOAD and request.query["uri"].endswith(name):
            await asyncio.to_thread(landed.readline)
            found = os.statvfs(disk)
            (disk / "filler").write_bytes(bytes(found.f_bavail * found.f_frsize - leaving))
            full = True
        return None

    return fault


@pytest.mark.parametrize(("leaving", "folded"), [(400_000, True), (0, False)])
def test_a_disk_that_gets_full(
    runs: Runs, sandbox: Sandbox, tmp_path: Path, small_disk: Path | None, leaving: int, *, folded: bool
) -> None:
    """The run ends with exit code 5, and with the request that is under way; what is done is locked, or will be."""
    if small_disk is None:
        return
    desk = desk_of(small_disk / "desk", runs, sandbox)
    os.mkfifo(tmp_path / "landed")
    with os.fdopen(
        os.open(tmp_path / "landed", os.O_RDWR)
    ) as landed:  # both ways, so that neither end waits to open it
        sandbox.fault = filling(small_disk, leaving, SECOND, landed)
        ended = desk.start("apply", tell=str(tmp_path / "landed"), step="folder synced").ended()
    sandbox.fault = None

    assert ended.code == ExitCode.LIMIT
    assert "No space left on device" in ended.err
    assert downloads(sandbox)[:3] in (LARGE, [*LARGE, SMALL[0]])  # the connection had gone on to it
    assert len(downloads(sandbox)) <= len(LARGE) + 1
    assert desk.files == {FIRST: sandbox.content(FIRST)}
    assert (set(desk.locked), len(desk.journals)) == (({FIRST}, 0) if folded else (set(), 1))
    (small_disk / "filler").unlink()
    check_goes_on(desk, sandbox, {FIRST})
