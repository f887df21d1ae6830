"""A script as the way of a whole sync: what `apply` makes of it is what `apply` makes alone, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.sandbox import TOKEN, Catalogue, Sandbox
from tests.cli.calls import COMMAND, isolate
from tests.cli.calls import PATIENCE as LONG
from tests.executors.script_host import PATIENCE, ROOT, SCRIPT, Held, Host, cut_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jwstsync.sandbox import Fault

BUSY, CUT, PAGE, MOVED, CLOSED = (f"jw00001001001_{word}_cal.fits" for word in ("busy", "cut", "page", "moved", "shut"))
QUOTED = "it's_$HOME_'here'.fits"
NAMES = (BUSY, CUT, PAGE, MOVED, CLOSED, QUOTED, "jw00001_asn.json", "table.csv")
MANIFEST = f"""version = 1
[destination]
root = {json.dumps(ROOT)}
[[proposal]]
id = 1
include = [{{}}]
"""


def holdings() -> Sandbox:
    """An archive of eight products, one of them under exclusive access."""
    observations = [{"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1"}]
    rows = [
        {
            "parent_obsid": 1,
            "productFilename": name,
            "size": 8640 if name.endswith(".fits") else 640,
            "dataRights": right,
        }
        for name in NAMES
        for right in ["EXCLUSIVE_ACCESS" if name == CLOSED else "PUBLIC"]
    ]
    return Sandbox(catalogue=Catalogue.from_rows(observations, rows))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The archive."""
    with holdings() as sandbox:
        yield sandbox


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Host:
    """A host with the manifest and the script of all there is to fetch, written by somebody with a token."""
    isolate(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("JWSTSYNC_ARCHIVE_URL", sandbox.url)
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    host = Host.below(tmp_path)
    (host.folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    jwstsync(host.folder, "apply", "--script", SCRIPT)
    return host


def jwstsync(folder: Path, *arguments: str) -> None:
    """Runs jwstsync, which must succeed."""
    subprocess.run([*COMMAND, *arguments], cwd=folder, check=True, capture_output=True, timeout=LONG)


def troubles(sandbox: Sandbox, elsewhere: Sandbox) -> Fault:
    """A server that is busy twice, breaks off, shows a page, and points to another port; each for one product."""
    path = "/api/v0.1/Download/file"
    first: dict[str, list[Fault]] = {
        BUSY: [always(lambda: web.Response(status=503)), always(lambda: web.Response(status=503))],
        CUT: [cut_off(sandbox.content(CUT), 3000)],
        PAGE: [always(lambda: web.Response(text="<html>Access Denied</html>", content_type="text/html"))],
        MOVED: [
            always(
                lambda: web.Response(
                    status=302, headers={"Location": f"{elsewhere.url}{path}?uri=mast:JWST/product/{MOVED}"}
                )
            )
        ],
    }

    async def fault(request: web.Request) -> web.StreamResponse | None:
        waiting = first.get(request.query.get("uri", "").rpartition("/")[2])
        return await waiting.pop(0)(request) if waiting else None

    return fault


def always(answer: Callable[[], web.Response]) -> Fault:
    """A fault that gives this answer."""

    async def fault(_request: web.Request) -> web.StreamResponse | None:
        return answer()

    return fault


def made(folder: Path) -> dict[str, bytes]:
    """The lockfile and all files of the root but the local state, which has times in it."""
    root = folder / ROOT
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] != ".jwstsync"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in [folder / "jwstsync.lock", *files]}


@pytest.fixture(scope="module")
def directly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What `apply` alone makes."""
    folder = tmp_path_factory.mktemp("directly")
    (folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    with holdings() as sandbox, pytest.MonkeyPatch.context() as patch:
        isolate(patch, folder / "home")
        patch.setenv("JWSTSYNC_ARCHIVE_URL", sandbox.url)
        patch.setenv("MAST_API_TOKEN", TOKEN)
        jwstsync(folder, "apply")
    return made(folder)


def test_troubles_make_no_difference(host: Host, sandbox: Sandbox, directly: dict[str, bytes]) -> None:
    """Busy servers, torn bodies, pages, redirects, a token that comes late: in the end all is as `apply` makes it."""
    with holdings() as elsewhere:
        sandbox.fault = troubles(sandbox, elsewhere)
        without = host.run()
        assert without.returncode == 1
        assert f"{CLOSED}: the archive answers 401: a token is needed" in without.stderr
        assert without.stderr.endswith("done 7, skipped 0, failed 1, not tried 0\n")
        assert [request.headers.get("Authorization") for request in elsewhere.requests] == [None]
    host.variables["MAST_API_TOKEN"] = TOKEN
    again = host.run()
    assert (again.returncode, again.stderr.splitlines()[-1]) == (0, "done 1, skipped 7, failed 0, not tried 0")
    assert not [text for text in host.noted("curl") + host.noted("environments") if TOKEN in text]
    assert "--config" in host.noted("curl")

    heard = len(sandbox.requests)
    jwstsync(host.folder, "apply")
    assert not [request for request in sandbox.requests[heard:] if request.uri is not None]
    assert made(host.folder) == directly


def test_a_kill_makes_no_difference(host: Host, sandbox: Sandbox, directly: dict[str, bytes]) -> None:
    """A script that is killed in the middle and run again, and `apply` after it, come to what `apply` makes alone."""
    host.variables["MAST_API_TOKEN"] = TOKEN
    held = Held(sandbox)
    with host.start() as process:
        assert held.asked.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
    held.release()
    assert host.run().returncode == 0

    jwstsync(host.folder, "apply")
    assert made(host.folder) == directly


def test_apply_finishes_what_a_script_began(host: Host, sandbox: Sandbox, directly: dict[str, bytes]) -> None:
    """A script that was killed for good leaves nothing that outlives the next `apply`."""
    held = Held(sandbox)
    with host.start() as process:
        assert held.asked.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
    held.release()
    assert host.state.is_dir()

    jwstsync(host.folder, "apply")
    assert not host.state.exists()
    assert made(host.folder) == directly


def test_aria2_brings_what_is_public(host: Host, sandbox: Sandbox, directly: dict[str, bytes]) -> None:
    """aria2c runs the input file, once and again; `apply` adopts all of it and fetches what needs the token."""
    program = shutil.which("aria2c")
    assert program is not None, "aria2c: expected to be installed (Debian: apt-get install aria2)"
    written = subprocess.run(
        [*COMMAND, "apply", "--script", "in.txt", "--script-format", "aria2"],
        cwd=host.folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert f"left out: fetch {CLOSED}: it needs a token" in written.stderr
    assert TOKEN not in (host.folder / "in.txt").read_text(encoding="utf-8")
    for _ in range(2):
        subprocess.run(
            [program, "--no-conf", "-q", "-j", "4", "-i", "in.txt"], cwd=host.folder, check=True, timeout=LONG
        )
    assert host.products() == {f"JWST/jw00001-o001/{name}" for name in NAMES if name != CLOSED}

    heard = len(sandbox.requests)
    jwstsync(host.folder, "apply")
    asked = {request.uri for request in sandbox.requests[heard:] if request.uri is not None}
    assert asked == {f"mast:JWST/product/{CLOSED}"}
    assert made(host.folder) == directly
