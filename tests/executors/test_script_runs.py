"""Scripts that are stopped in the middle, run again, or run while others are; and what stands in their way."""

from __future__ import annotations

import os
import platform
import signal
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.executors.script_host import (
    NAME,
    PATIENCE,
    ROOT,
    Held,
    Host,
    archive,
    cut_off,
    fetch_of,
    first,
    pinned,
    plain,
    redirects,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from jwstsync.sandbox import Sandbox

DAY = 86_400  # seconds


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without anything on it."""
    return Host.below(tmp_path)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An archive of one product."""
    with archive(NAME) as sandbox:
        yield sandbox


def broken_off(host: Host, sandbox: Sandbox) -> Fetch:
    """A run that leaves a part of the product, and the requests for it."""
    fetch = pinned(sandbox)
    sent = iter([cut_off(sandbox.content(NAME), 3000)])

    async def fault(request: web.Request) -> web.StreamResponse | None:
        broken = next(sent, None)
        return web.Response(status=500) if broken is None else await broken(request)

    sandbox.fault = fault
    assert host.fetch(fetch, sandbox).returncode == 1
    sandbox.fault = None
    return fetch


def test_a_later_run_goes_on(host: Host, sandbox: Sandbox) -> None:
    """A part outlives the run that it was begun in."""
    fetch = broken_off(host, sandbox)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert sandbox.requests[-1].headers["Range"] == "bytes=3000-"
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


def test_a_later_run_goes_on_by_the_version(host: Host) -> None:
    """Without a checksum, the part of a killed run is gone on with only if the archive still has the same version."""
    with archive(NAME, blocks=30) as sandbox:
        held = Held(sandbox, at=50_000, etag='"one"')
        host.write([plain(sandbox)], sandbox.url)
        with host.start() as process:
            assert held.asked.wait(PATIENCE)
            while not any(path.stat().st_size for path in host.state.rglob("*.part")):
                assert process.poll() is None
            os.killpg(process.pid, signal.SIGKILL)
        held.release()
        assert host.run().returncode == 0
        first, second, third = [request.headers for request in sandbox.requests]
        assert ["Range" in headers for headers in (first, second, third)] == [False, True, False]
        assert second["If-Range"] == '"one"'
        assert host.place(plain(sandbox)).read_bytes() == sandbox.content(NAME)


def test_a_part_of_other_bytes_does_no_harm(host: Host, sandbox: Sandbox) -> None:
    """A part that does not belong to the product is found out by the checksum, and begun anew."""
    fetch = broken_off(host, sandbox)
    (part,) = (host.state / "parts").iterdir()
    part.write_bytes(b"?" * 3000)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


def test_a_part_that_is_in_place_too_is_not_written_to(host: Host, sandbox: Sandbox) -> None:
    """What has a final name is not changed by way of its part, which a run that was killed may have left."""
    fetch = broken_off(host, sandbox)
    (part,) = (host.state / "parts").iterdir()
    host.place(fetch).parent.mkdir(parents=True)
    host.place(fetch).hardlink_to(part)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)
    assert host.trash() == [sandbox.content(NAME)[:3000]]


def test_a_part_that_is_whole_is_taken(host: Host, sandbox: Sandbox) -> None:
    """A part that already has every byte is put in place without asking the archive."""
    fetch = broken_off(host, sandbox)
    (part,) = (host.state / "parts").iterdir()
    part.write_bytes(sandbox.content(NAME))
    before = len(sandbox.requests)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert len(sandbox.requests) == before
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


def test_a_server_without_ranges_is_asked_for_the_whole(host: Host, sandbox: Sandbox) -> None:
    """Where the archive does not go on in the middle, the product is begun anew."""
    fetch, content = broken_off(host, sandbox), sandbox.content(NAME)
    sandbox.fault = first(2, lambda: web.Response(body=content))
    assert host.fetch(fetch, sandbox).returncode == 0
    assert host.place(fetch).read_bytes() == content


def test_goes_on_behind_a_redirect(host: Host, sandbox: Sandbox) -> None:
    """A part is gone on with where the archive points to another place."""
    fetch = broken_off(host, sandbox)
    with archive(NAME) as elsewhere:
        sandbox.fault = redirects({"/api/v0.1/Download/file": f"{elsewhere.url}/api/v0.1/Download/file"})
        assert host.fetch(fetch, sandbox).returncode == 0
        assert [request.headers.get("Range") for request in elsewhere.requests] == ["bytes=3000-"]
        assert host.place(fetch).read_bytes() == elsewhere.content(NAME)


@pytest.mark.parametrize("inside", ["", "/deeper"])
def test_a_folder_in_the_way_stays(host: Host, sandbox: Sandbox, inside: str) -> None:
    """Where a folder has a product's name, or a file that of its folder, the product fails, and nothing is lost."""
    fetch = fetch_of(NAME, sandbox.content(NAME), pinned=True, replaces=True, path=f"place{inside}")
    obstacle = host.folder / ROOT / "place"
    obstacle.parent.mkdir()
    if inside:
        obstacle.write_text("mine", encoding="utf-8")
    else:
        obstacle.mkdir()
    failed = host.fetch(fetch, sandbox)
    assert failed.returncode == 1
    assert f"failed: {fetch.path}: " in failed.stderr
    assert obstacle.is_dir() or obstacle.read_text(encoding="utf-8") == "mine"


def test_a_root_that_can_not_be_made_is_said(host: Host, sandbox: Sandbox) -> None:
    """Where the root is a file, nothing is asked of the archive."""
    (host.folder / ROOT).write_text("mine", encoding="utf-8")
    failed = host.fetch(plain(sandbox), sandbox)
    assert failed.returncode == 1
    assert f"./{ROOT}: expected a folder that can be written" in failed.stderr
    assert not sandbox.requests


def test_is_interrupted_cleanly(host: Host, sandbox: Sandbox) -> None:
    """Ctrl-C ends the script and all that it started, with exit code 130, and the next run does the rest."""
    held = Held(sandbox)
    host.write([pinned(sandbox)], sandbox.url)
    with host.start() as process:
        assert held.asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert stderr.endswith("interrupted; run this again to go on\n")
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    assert host.products() == set()
    held.release()
    assert host.run().returncode == 0
    assert host.place(pinned(sandbox)).read_bytes() == sandbox.content(NAME)


@pytest.mark.parametrize("locked", [True, False])
def test_is_killed_without_harm(host: Host, sandbox: Sandbox, *, locked: bool) -> None:
    """After kill -9 nothing unfinished has a final name, and the next run does the rest and cleans up."""
    held = Held(sandbox)
    fetch = pinned(sandbox) if locked else plain(sandbox)
    host.write([fetch], sandbox.url)
    with host.start() as process:
        assert held.asked.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
    assert host.products() == set()
    held.release()
    assert host.run().returncode == 0
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)
    assert not host.left_behind()


def test_only_one_run_at_a_time(host: Host, sandbox: Sandbox) -> None:
    """A second run on the same root says that another is at work; that one is not disturbed."""
    held = Held(sandbox)
    host.write([plain(sandbox)], sandbox.url)
    with host.start() as process:
        assert held.asked.wait(PATIENCE)
        second = host.run()
        assert second.returncode == 1
        assert "another run is at work" in second.stderr
        held.release()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    assert host.place(plain(sandbox)).read_bytes() == sandbox.content(NAME)


def test_workers_that_are_left_alone_stop(host: Host) -> None:
    """Where only the script itself is killed, its workers put nothing in place any more, and count as a run."""
    with archive(NAME, "next.fits") as sandbox:
        held = Held(sandbox)
        fetches = [pinned(sandbox), fetch_of("next.fits", sandbox.content("next.fits"))]
        host.write(fetches, sandbox.url)
        with host.start("-j", "1") as process:
            assert held.asked.wait(PATIENCE)
            process.kill()
            process.wait(PATIENCE)
            assert "another run is at work" in host.run().stderr
            held.release()
            process.communicate(timeout=PATIENCE)
        assert host.products() == set()
        assert len(sandbox.requests) == 1
        assert host.run().returncode == 0
        assert host.products() == {fetch.path for fetch in fetches}


def earlier_run(host: Host, owner: str) -> Path:
    """The folder of a run that these processes belong to: host and process number a line."""
    folder = host.state / "run.1.1"
    folder.mkdir(parents=True)
    (folder / "owners").write_text(owner, encoding="utf-8")
    return folder


def grow_old(path: Path, days: int) -> None:
    """Sets back the time of a file, or of a folder and all in it."""
    then = time.time() - days * DAY
    for one in [*path.rglob("*"), path]:
        os.utime(one, (then, then))


def test_a_run_of_long_ago_is_over(host: Host, sandbox: Sandbox) -> None:
    """A run that wrote nothing for days is over, although its process number lives: it is another's by now."""
    folder = earlier_run(host, f"{platform.node()} {os.getpid()}\n")
    assert "another run is at work" in host.fetch(plain(sandbox), sandbox).stderr
    grow_old(folder, days=2)
    assert host.run().returncode == 0
    assert not folder.exists()


def test_a_run_on_another_host_is_left_alone(host: Host, sandbox: Sandbox) -> None:
    """What runs on another host can not be seen, does not hinder, and keeps its parts until it is surely over."""
    folder = earlier_run(host, "elsewhere.example 1\n")
    assert host.fetch(plain(sandbox), sandbox).returncode == 0
    assert folder.exists()
    grow_old(folder, days=2)
    assert host.run().returncode == 0
    assert not folder.exists()


def test_old_parts_are_cleared_away(host: Host, sandbox: Sandbox) -> None:
    """A part that nobody came back for within a month is deleted; others are kept."""
    parts = host.state / "parts"
    parts.mkdir(parents=True)
    for name, days in (("old.part", 40), ("young.part", 20)):
        (parts / name).touch()
        grow_old(parts / name, days)
    assert host.fetch(plain(sandbox), sandbox).returncode == 0
    assert [part.name for part in parts.iterdir()] == ["young.part"]
