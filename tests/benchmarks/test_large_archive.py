"""How long a plan of 120,000 product rows takes, how much memory, and how large its requests are.

Timings of one machine at one time: run on request only, and read as such.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.access import Access
from jwstsync.core.disk import FileState
from jwstsync.core.goal import goal_of
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import decide, paths_to_hash
from jwstsync.core.selection import Selected, Selection
from jwstsync.sync.garbage import seldom_collected
from tests.benchmarks.large_archive import PROPOSAL, ROWS

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_PLAN = 20.0  # seconds
MOST_MEMORY = 600  # MB
MOST_OBSERVATIONS = 100  # in one request
LOCKED = 100_000
LONGEST_COMPARISON = 0.5  # seconds
ROUNDS = 9
MANIFEST = f"version = 1\n[[proposal]]\nid = {PROPOSAL}\ninclude = [{{ calib_level = 2 }}]\n"

pytestmark = pytest.mark.benchmark


def test_a_plan_of_many_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under 20 s and 600 MB with its keywords, and no request asks for more than 100 observations."""
    (tmp_path / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    command = [sys.executable, "-m", "tests.benchmarks.large_archive"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as archive:
        assert archive.stdout is not None
        url = archive.stdout.readline().strip()
        seconds, busy, memory, printed = planned(tmp_path, url)
        asked = json.loads(archive.communicate()[0])

    with capsys.disabled():
        print(f"\n{ROWS:,} rows: {seconds:.1f} s, {busy:.1f} s of them busy, {memory:.0f} MB, {asked}")  # noqa: T201 - the figures are asked for
    assert json.loads(printed)["summary"]["fetch"]["files"] == ROWS
    assert asked["most_observations"] <= MOST_OBSERVATIONS
    assert memory < MOST_MEMORY
    assert seconds < LONGEST_PLAN


def planned(folder: Path, url: str) -> tuple[float, float, float, str]:
    """What a plan takes as a whole process, in seconds, seconds of the processor and megabytes, and what it prints."""
    environment = {**os.environ, "JWSTSYNC_ARCHIVE_URL": url, "XDG_CACHE_HOME": str(folder / "cache")}
    answer = folder / "plan.json"
    begun = time.perf_counter()
    with answer.open("w", encoding="utf-8") as file:
        command = [sys.executable, "-m", "jwstsync", "plan", "--json", "-f", str(folder / "jwstsync.toml")]
        process = subprocess.Popen(command, stdout=file, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    seconds, busy = time.perf_counter() - begun, usage.ru_utime + usage.ru_stime
    return seconds, busy, usage.ru_maxrss / 1024, answer.read_text(encoding="utf-8")


def test_a_comparison_with_a_large_lockfile(capsys: pytest.CaptureFixture[str]) -> None:
    """100,000 products that are all here and unchanged are compared in under half a second."""
    wanted, locked, disk = {}, [], {}
    for number in range(LOCKED):
        uri, path = f"mast:JWST/product/{number}_cal.fits", ProductPath(f"JWST/{number}/{number}_cal.fits")
        md5, sha256 = f"{number:032x}", f"{number:064x}"
        facts = {"size": 2880, "md5": md5, "cal_ver": "1.19.1", "crds_ctx": "jwst_1413.pmap"}
        wanted[uri] = Selected(uri=uri, path=path, proposal=1, **facts)  # type: ignore[arg-type]
        locked.append(LockedProduct(uri=uri, path=path, proposal=1, sha256=sha256, **facts))  # type: ignore[arg-type]
        disk[path] = FileState(2880, sha256, md5, untouched=True)
    lockfile, goal = Lockfile.of(locked), goal_of(Selection(wanted), Lockfile())
    times = []
    with seldom_collected():  # as a plan is made
        for _ in range(ROUNDS):
            begun = time.process_time()  # nothing is waited for
            unknown = paths_to_hash(goal, lockfile, disk)
            plan = decide(goal, lockfile, disk, Access())
            times.append(time.process_time() - begun)

    with capsys.disabled():
        print(f"\n{LOCKED:,} products compared: {min(times):.2f} s at best, {median(times):.2f} s in the middle")  # noqa: T201 - as above
    assert not unknown
    assert not plan.differences
    assert min(times) < LONGEST_COMPARISON
