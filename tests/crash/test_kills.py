"""A run is killed again and again, at moments that nobody chose: nothing is wrong, and nothing is fetched twice."""

from __future__ import annotations

import json
import os
import random
import signal
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from jwstsync.sandbox import Sandbox
from tests.crash.desk import BLOCK, DOWNLOAD, MANIFEST, TABLE, Desk, catalogue
from tests.crash.faults import Countdown
from tests.crash.switch import KILL_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.runs import Runs

ROUNDS = 50
NAMES = [f"{number:02}_cal.fits" for number in range(24)]
SIZES = {name: 1 + 4 * number for number, name in enumerate(NAMES)}
LARGE = "large_uncal.fits"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An archive of many small products."""
    with Sandbox(catalogue=catalogue(SIZES)) as sandbox:
        yield sandbox


def desk_of(folder: Path, runs: Runs, sandbox: Sandbox) -> Desk:
    """A folder that is to hold all products."""
    folder.mkdir()
    (folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    return Desk(folder, runs, sandbox.url)


def downloads(sandbox: Sandbox, since: int) -> set[str]:
    """The products that were asked for since so many requests."""
    return {str(one.uri).rpartition("/")[2] for one in sandbox.requests[since:] if one.path == DOWNLOAD}


def whole(desk: Desk, sandbox: Sandbox) -> set[str]:
    """The products that stand there as the archive has them."""
    return {name for name, content in desk.files.items() if content == sandbox.content(name)}


def killed_run(desk: Desk, sandbox: Sandbox, number: int) -> bool:
    """Begins a run that is killed at the n-th event of the archive, and tells whether it came to that."""
    pid: Future[int] = Future()
    sandbox.fault = Countdown(sandbox, number, lambda: os.kill(pid.result(), signal.SIGKILL))
    running = desk.start("apply -q")
    pid.set_result(running.pid)
    code = running.ended().code
    assert code in {0, -signal.SIGKILL}
    return code != 0


def test_fifty_kills(runs: Runs, sandbox: Sandbox, tmp_path: Path) -> None:
    """Whenever a run is killed, what has its name is whole, and no later run asks for it again."""
    desk = desk_of(tmp_path / "desk", runs, sandbox)
    dice = random.Random(20_261_125)  # noqa: S311 - the same moments every time
    kills, before = 0, dict[str, bytes]()
    while kills < ROUNDS:
        done, since = whole(desk, sandbox), len(sandbox.requests)
        killed = killed_run(desk, sandbox, dice.randint(5, 160))
        assert downloads(sandbox, since) & done == set()
        assert all(content in {before.get(name), sandbox.content(name)} for name, content in desk.files.items())
        assert desk.locked.keys() <= {*NAMES, TABLE}
        kills += killed
        if not killed:  # all is done: the archive makes some products anew, and somebody deletes some
            assert whole(desk, sandbox) == {*NAMES, TABLE}
            before = desk.files
            for name in dice.sample(NAMES, 16):
                sandbox.remake(name)
            for name in dice.sample(NAMES, 4):
                desk.file(name).unlink(missing_ok=True)
                before.pop(name)
    sandbox.fault = None

    assert desk.call("apply -q", "plan --check -q", "verify -q").code == 0
    assert whole(desk, sandbox) == {*NAMES, TABLE}
    assert (desk.parts, desk.journals) == ([], [])


def test_a_large_part_survives_a_kill(runs: Runs, tmp_path: Path) -> None:
    """What a killed run had noted of a file that came over several connections is not fetched again."""
    size = 28_000 * BLOCK
    with Sandbox(catalogue=catalogue({LARGE: size // BLOCK})) as sandbox:
        desk = desk_of(tmp_path / "desk", runs, sandbox)
        assert desk.call("apply -q", fault=KILL_AFTER, step="part noted").code == -signal.SIGKILL
        [note] = (desk.state / "parts").glob("*.note")
        noted = json.loads(note.read_bytes())["ranges"]
        since = len(sandbox.requests)

        assert desk.call("apply -q", "plan --check -q").code == 0
        assert whole(desk, sandbox) == {LARGE, TABLE}
        asked = [one.headers.get("Range", "") for one in sandbox.requests[since:] if LARGE in str(one.uri)]

    starts = [int(text.removeprefix("bytes=").partition("-")[0]) for text in asked]
    assert sum(end - start for start, end in noted) >= 64 << 20
    assert starts
    assert not any(start <= one < end for one in starts for start, end in noted)
