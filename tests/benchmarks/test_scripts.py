"""How fast a script is beside `jwstsync apply`, how long a large one takes to be written, and when it begins.

Timings of one machine at one time: run on request only, and read as such. nginx serves what is timed against `apply`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile, format_lockfile
from jwstsync.core.selection import Selected
from jwstsync.executors.script import script_text
from jwstsync.settings import Settings
from jwstsync.sync.gather import load_manifest
from jwstsync.sync.planning import Mode, plan
from jwstsync.sync.script import write_script
from tests.benchmarks.clients import CLIENTS, JWSTSYNC, Call, environment, shortfall
from tests.benchmarks.measure import cost_of
from tests.benchmarks.nginx import serving
from tests.benchmarks.workloads import PROPOSAL, WORKLOADS, holdings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.workloads import Product

LEAST_RATIO = 0.8  # of apply's throughput
LONGEST_WRITING = 3.0  # seconds
LATEST_START = 0.5  # seconds
MANY = 50_000
ROUNDS = 5
CONNECTIONS = 4

pytestmark = pytest.mark.benchmark


def fetch_of(product: Product) -> Fetch:
    """The fetch of a product, of which the archive states size and MD5."""
    path = ProductPath(product.path)
    return Fetch(Selected(uri=product.uri, path=path, proposal=PROPOSAL, size=product.size, md5=product.md5))


def by_script(call: Call) -> list[str]:
    """The command of a script that fetches what `apply` would."""
    fetches = [fetch_of(product) for product in call.holdings.products]
    text = script_text(fetches, archive_url=call.site.url, root=call.files.name, lockfile="0", proven=False)
    return ["bash", call.written("get.sh", text), "-j", str(call.connections)]


@pytest.mark.parametrize("key", ["d", "200 of b"])
def test_a_script_beside_apply(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With four connections, on 200 files of 1 MB, over a slow line and a fast one: at least 0.8 of the throughput."""
    workload = WORKLOADS["d"] if key == "d" else WORKLOADS["b"].scaled(0.1)
    data = Path(tempfile.gettempdir()) / "jwstsync-benchmark"
    holdings = holdings_of(workload, data)
    commands = {"apply": CLIENTS[JWSTSYNC].command, "script": by_script}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with serving(workload, holdings) as site:
        for _ in range(ROUNDS):
            for name, command in commands.items():
                folder = Path(tempfile.mkdtemp(dir=data))
                call = Call(site, holdings, CONNECTIONS, folder)
                os.sync()
                cost = cost_of(command(call), folder=folder, environment=environment(call))
                assert shortfall(call, thorough=False) is None
                seconds[name].append(cost.wall)
                shutil.rmtree(folder)
    medians = {name: median(times) for name, times in seconds.items()}
    ratio = medians["apply"] / medians["script"]
    with capsys.disabled():
        print(f"\n{workload.title}: {medians}, ratio {ratio:.2f}")  # noqa: T201 - the figures are asked for
    assert ratio >= LEAST_RATIO


def many() -> list[LockedProduct]:
    """Products with names as long as MAST's."""
    found = []
    for number in range(MANY):
        name = f"jw{PROPOSAL:05}001001_02101_{number:05}_nrcalong_cal.fits"
        path = ProductPath(f"JWST/{name.removesuffix('_cal.fits')}/{name}")
        facts = {"size": 1_000_000, "sha256": f"{number:064x}", "md5": f"{number:032x}", "cal_ver": "1.19.1"}
        found.append(LockedProduct(uri=f"mast:JWST/product/{name}", path=path, proposal=PROPOSAL, **facts))  # type: ignore[arg-type]
    return found


def test_a_large_script_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """50,000 products, from the plan to the file: under 3 s, and no more of processor time for the whole command."""
    manifest = f"version = 1\n[[proposal]]\nid = {PROPOSAL}\ninclude = [{{}}]\n"
    (tmp_path / "jwstsync.toml").write_text(manifest, encoding="utf-8")
    (tmp_path / "jwstsync.lock").write_text(format_lockfile(Lockfile.of(many()), "jwstsync.lock"), encoding="utf-8")
    command = [sys.executable, "-m", "jwstsync", "apply", "--frozen", "--script", "get.sh"]
    settings = Settings(keyring=False)
    loaded = load_manifest(tmp_path / "jwstsync.toml", settings)
    found = plan(loaded, Mode.FROZEN, settings=settings)
    whole, writing = [], []
    for _ in range(ROUNDS):
        whole.append(cost_of(command, folder=tmp_path, environment=dict(os.environ)).cpu)
        begun = time.perf_counter()
        write_script(loaded, found, Mode.FROZEN, str(tmp_path / "again.sh"))
        writing.append(time.perf_counter() - begun)
    with capsys.disabled():
        print(f"\n{MANY:,} products: written in {median(writing):.2f} s, all in {median(whole):.2f} s of a processor")  # noqa: T201 - as above
    assert (tmp_path / "get.sh").read_bytes() == (tmp_path / "again.sh").read_bytes()
    assert max(median(writing), median(whole)) < LONGEST_WRITING


@contextmanager
def bell() -> Iterator[tuple[str, threading.Event]]:
    """A server that has nothing, its address, and what tells that it was asked."""
    rung = threading.Event()

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rung.set()
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", rung
        server.shutdown()


def test_a_large_script_begins_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """50,000 products: the first request is under way within half a second."""
    times = []
    with bell() as (url, rung):
        fetches = [
            Fetch(Selected(uri=one.uri, path=one.path, proposal=1, size=one.size, md5=one.md5)) for one in many()
        ]
        (tmp_path / "get.sh").write_text(
            script_text(fetches, archive_url=url, root="files", lockfile="0", proven=False), encoding="utf-8"
        )
        for _ in range(ROUNDS):
            rung.clear()
            begun = time.perf_counter()
            with subprocess.Popen(
                ["bash", "get.sh"], cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL
            ) as process:
                assert rung.wait(60)
                times.append(time.perf_counter() - begun)
                os.killpg(process.pid, signal.SIGKILL)
    with capsys.disabled():
        print(f"\n{MANY:,} products: first request after {median(times):.2f} s")  # noqa: T201 - as above
    assert median(times) < LATEST_START
