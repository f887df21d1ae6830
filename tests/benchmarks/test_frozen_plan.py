"""How long it takes to learn that nothing is to be done, as a whole process, and how soon help is there.

Timings of one machine at one time: run on request only, and read as such.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from hashlib import md5, sha256
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.store.fold import lockfile_name
from jwstsync.store.lockfiles import write_lockfile
from jwstsync.store.record import WRITTEN, Entry, write_record
from jwstsync.store.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PRODUCTS = 10_000
ROUNDS = 5
LONGEST_PLAN = 2.5  # seconds
LARGEST_RATIO = 5
COMMAND = (sys.executable, "-m", "jwstsync")
CONTENT = b"SIMPLE  = a product of the benchmark"
SHA256, MD5 = sha256(CONTENT).hexdigest(), md5(CONTENT, usedforsecurity=False).hexdigest()

pytestmark = pytest.mark.benchmark


def median_time(arguments: Sequence[str], folder: Path) -> float:
    """The median of some runs of a whole process, in seconds, with its modules compiled beforehand as pip does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    times = []
    for _ in range(1 + ROUNDS):
        begun = time.perf_counter()
        subprocess.run(arguments, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def products() -> list[LockedProduct]:
    """What is locked: as many products as some hundred exposures have, with names of the usual length."""
    names = (f"jw02733{number:06}_02103_{number:05}_mirimage" for number in range(PRODUCTS))
    return [
        LockedProduct(
            uri=f"mast:JWST/product/{name}_cal.fits",
            path=ProductPath(f"JWST/{name}/{name}_cal.fits"),
            proposal=2733,
            size=len(CONTENT),
            sha256=SHA256,
            md5=MD5,
            cal_ver="1.16.1",
            crds_ctx="jwst_1303.pmap",
        )
        for name in names
    ]


def entry(product: LockedProduct, tree: Tree, lockfile: Path) -> Entry:
    """Writes a product's file, and gives what a run remembers of it."""
    place = tree.place(product.path)
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    return Entry(
        path=product.path,
        uri=product.uri,
        proposal=product.proposal,
        lockfile=lockfile_name(tree, lockfile),
        size=product.size,
        mtime_ns=place.stat().st_mtime_ns,
        sha256=SHA256,
        md5=MD5,
        origin=WRITTEN,
    )


def test_a_frozen_plan_of_10_000_products(tmp_path: Path) -> None:
    """`plan --frozen` over 10,000 products that are all in place takes less than 2.5 s, as a whole process."""
    (tmp_path / "jwstsync.toml").write_text("version = 1\n[[proposal]]\nid = 2733\ninclude = [{}]\n", encoding="utf-8")
    tree, lockfile, locked = Tree(tmp_path / "mastDownload"), tmp_path / "jwstsync.lock", products()
    tree.prepare()
    write_lockfile(lockfile, Lockfile.of(locked))
    write_record(tree.record_file, [entry(product, tree, lockfile) for product in locked])
    plan = (*COMMAND, "plan", "--frozen", "--check")
    seconds = median_time(plan, tmp_path)

    print(f"\nplan --frozen, {PRODUCTS:,} products: {seconds:.2f} s")  # noqa: T201 - what a benchmark is for
    assert seconds < LONGEST_PLAN


def test_help_starts_at_once(tmp_path: Path) -> None:
    """`--help` takes less than five times as long as Python takes to do nothing."""
    nothing = median_time((sys.executable, "-c", "pass"), tmp_path)
    shown = median_time((*COMMAND, "--help"), tmp_path)

    print(f"\n--help: {shown * 1000:.0f} ms, python: {nothing * 1000:.0f} ms, ratio {shown / nothing:.1f}")  # noqa: T201
    assert shown / nothing < LARGEST_RATIO
