"""Checksums of the archive that nothing has proven yet: what a script makes of bytes that have others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.executors.script_host import Host, archive, fetch_of, first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from jwstsync.sandbox import Fault, Sandbox

NAMES = [f"{number}_cal.fits" for number in range(6)]
SAID = "which nothing has confirmed: taken by size and format"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without anything on it."""
    return Host.below(tmp_path)


def true(sandbox: Sandbox, name: str) -> Fetch:
    """A fetch of a product with its own MD5."""
    return fetch_of(name, sandbox.content(name), md5=True)


def other(sandbox: Sandbox, name: str) -> Fetch:
    """A fetch of a product with another MD5 than its own."""
    return fetch_of(name, sandbox.content(name)[::-1], md5=True)


def asked(sandbox: Sandbox) -> list[str]:
    """The names that were asked for, in order."""
    return [str(request.uri).rpartition("/")[2] for request in sandbox.requests]


def run(host: Host, sandbox: Sandbox, fetches: Sequence[Fetch], *, proven: bool = False) -> tuple[int, list[str]]:
    """Writes and runs a script, one product after the other; its exit code and what it said."""
    host.write(fetches, sandbox.url, proven=proven)
    ran = host.run("-j", "1")
    return ran.returncode, ran.stderr.splitlines()


def test_what_only_an_unproven_checksum_speaks_against_is_taken(host: Host) -> None:
    """It comes twice the same, of the right size and in the right form; that is said, and it is not fetched again."""
    with archive(NAMES[0]) as sandbox:
        fetch = other(sandbox, NAMES[0])
        code, said = run(host, sandbox, [fetch])
        assert (code, said[-1]) == (0, "done 1, skipped 0, failed 0, not tried 0")
        assert said[:-2] == [f"done: {fetch.path}", f"unconfirmed: {fetch.path}"]
        assert SAID in said[-2]
        assert host.place(fetch).read_bytes() == sandbox.content(NAMES[0])
        assert len(sandbox.requests) == 2
        assert host.run().stderr == "done 0, skipped 1, failed 0, not tried 0\n"
        assert len(sandbox.requests) == 2


@pytest.mark.parametrize("names", [NAMES[:2], NAMES[1::-1]])
def test_one_match_proves_them(host: Host, names: list[str]) -> None:
    """Whichever product comes first, what differs from a checksum fails, and never gets its name."""
    with archive(*NAMES[:2]) as sandbox:
        fetches = {NAMES[0]: true(sandbox, NAMES[0]), NAMES[1]: other(sandbox, NAMES[1])}
        code, said = run(host, sandbox, [fetches[name] for name in names])
        assert (code, said[-1]) == (1, "done 1, skipped 0, failed 1, not tried 0")
        assert f"failed: {fetches[NAMES[1]].path}: has another checksum than expected" in said[-2]
        assert host.products() == {fetches[NAMES[0]].path}
        assert not host.left_behind()
        assert asked(sandbox).count(NAMES[1]) == 2


def test_a_match_of_an_earlier_run_proves_them(host: Host) -> None:
    """What is here and has its checksum does too."""
    with archive(*NAMES[:2]) as sandbox:
        right, wrong = true(sandbox, NAMES[0]), other(sandbox, NAMES[1])
        assert run(host, sandbox, [right])[0] == 0
        assert run(host, sandbox, [right, wrong])[0] == 1
        assert host.products() == {right.path}


def test_known_ones_are_believed(host: Host) -> None:
    """Where the script is told that they are of the bytes, what differs fails."""
    with archive(NAMES[0]) as sandbox:
        assert run(host, sandbox, [other(sandbox, NAMES[0])], proven=True)[0] == 1
        assert host.products() == set()


def test_three_are_enough(host: Host) -> None:
    """From then on bytes are taken when they come first, so that nothing more is fetched twice."""
    with archive(*NAMES) as sandbox:
        code, said = run(host, sandbox, [other(sandbox, name) for name in NAMES])
        assert (code, said[-1]) == (0, "done 6, skipped 0, failed 0, not tried 0")
        assert said[-2].startswith(f"6 with other MD5s than the archive states, {SAID}")
        assert sorted(asked(sandbox)) == sorted([*NAMES[:3] * 2, *NAMES[3:]])
        assert len(host.products()) == 6


def test_a_match_that_comes_late_counts_from_then_on(host: Host) -> None:
    """What was taken meanwhile stays, and what waited fails."""
    with archive(*NAMES) as sandbox:
        wrong = {name: other(sandbox, name) for name in NAMES[:5]}
        code, said = run(host, sandbox, [*wrong.values(), true(sandbox, NAMES[5])])
        taken = {line.partition(": ")[2] for line in said if line.startswith("unconfirmed: ")}
        assert (code, said[-1]) == (1, "done 3, skipped 0, failed 3, not tried 0")
        assert taken == {wrong[NAMES[3]].path, wrong[NAMES[4]].path}
        assert len(host.products()) == 3


def test_joined_bytes_are_not_taken(host: Host) -> None:
    """Only a checksum tells that what came in parts is one file: without one it is fetched from its start."""
    with archive(*NAMES[:4]) as sandbox:
        sandbox.fault = cut_off_once(sandbox, NAMES[3])
        assert run(host, sandbox, [other(sandbox, name) for name in NAMES[:4]])[0] == 0
        ranges = [one.headers.get("Range") for one in sandbox.requests if str(one.uri).endswith(NAMES[3])]
        assert ranges == [None, "bytes=3000-", None]
        assert len(host.products()) == 4


def cut_off_once(sandbox: Sandbox, name: str) -> Fault:
    """A fault that breaks off one product in the middle, once."""
    left = [name]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if not left or not request.query.get("uri", "").endswith(left[0]):
            return None
        content = sandbox.content(left.pop())
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        response.force_close()
        await response.prepare(request)
        await response.write(content[:3000])
        return response

    return fault


def test_what_does_not_stay_the_same_fails(host: Host) -> None:
    """Bytes that differ each time are nothing to be taken, whatever the checksum is worth."""
    with archive(NAMES[0]) as sandbox:
        content = sandbox.content(NAMES[0])
        sandbox.fault = first(1, lambda: web.Response(body=content[:-1] + b"?"))
        assert run(host, sandbox, [other(sandbox, NAMES[0])])[0] == 1
        assert host.products() == set()


@pytest.mark.parametrize("blocks", [2, 4])
def test_what_has_another_size_fails(host: Host, blocks: int) -> None:
    """The stated size and the stated checksum both speak against it."""
    with archive(NAMES[0]) as sandbox:
        assert run(host, sandbox, [fetch_of(NAMES[0], bytes(2880 * blocks), md5=True)])[0] == 1
        assert host.products() == set()


def test_what_is_locked_is_never_in_doubt(host: Host) -> None:
    """A SHA-256 was taken here, of bytes that were verified."""
    with archive(NAMES[0]) as sandbox:
        assert run(host, sandbox, [fetch_of(NAMES[0], sandbox.content(NAMES[0])[::-1], pinned=True)])[0] == 1
        assert host.products() == set()
