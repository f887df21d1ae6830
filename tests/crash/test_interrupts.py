"""Ctrl-C and SIGTERM while the archive holds its answers for ever: the run ends by itself, and the next one goes on."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from tests.crash.desk import DOWNLOAD, MANIFEST, TABLE, Desk, catalogue
from tests.crash.faults import Held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from tests.crash.runs import Runs

STOPS = [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
BEGUN = 3 << 19
"""Bytes that come of each body before the archive falls silent."""
CONNECTIONS = 4
SIZES = {f"{number}_uncal.fits": 1000 for number in range(9)}
"""In blocks of 2,880 bytes: products that are written piece by piece."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The archive."""
    with Sandbox(catalogue=catalogue(SIZES)) as sandbox:
        yield sandbox


@pytest.fixture
def desk(tmp_path: Path, runs: Runs, sandbox: Sandbox) -> Desk:
    """A folder in which one product has been fetched, and all others are to come."""
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    desk = Desk(folder, runs, sandbox.url)
    assert desk.call("apply -q --limit 1").code == ExitCode.OK
    return desk


def asked(sandbox: Sandbox, since: int) -> dict[str, str | None]:
    """The range that was asked for of each product since so many requests."""
    found = [one for one in sandbox.requests[since:] if one.path == DOWNLOAD]
    return {str(one.uri).rpartition("/")[2]: one.headers.get("Range") for one in found}


def begun(told: TextIO) -> set[str]:
    """The parts to which something was written, once there are as many as connections."""
    parts: set[str] = set()
    while len(parts) < CONNECTIONS:
        parts.add(told.readline())
    return parts


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_one_signal_ends_a_run_cleanly(
    desk: Desk, sandbox: Sandbox, tmp_path: Path, number: signal.Signals, code: ExitCode
) -> None:
    """No new file is begun, the parts are kept and gone on with, the journal is folded, and the summary comes."""
    sandbox.fault = Held(sandbox, after=BEGUN)
    since = len(sandbox.requests)
    os.mkfifo(tmp_path / "pipe")
    running = desk.start("apply --json", tell=str(tmp_path / "pipe"), step="part written")
    with (tmp_path / "pipe").open(encoding="utf-8") as told:
        assert len(begun(told)) == CONNECTIONS
        running.send_signal(number)
        stopped = running.ended()
    tried, kept = asked(sandbox, since), (desk.parts, desk.journals, len(desk.locked))
    sandbox.fault, since = None, len(sandbox.requests)
    rest = desk.call("apply -q", "plan --check -q", "verify -q")
    again = asked(sandbox, since)

    summary = json.loads(stopped.out.splitlines()[-1])
    assert (stopped.code, summary["exit_code"], summary["error"]) == (code, code, None)
    assert summary["counts"] == {"done": 0, "failed": 0, "deferred": len(SIZES), "withheld": 0}
    assert len(tried) == CONNECTIONS
    assert [len(kept[0]), *kept[1:]] == [2 * CONNECTIONS, [], 1]
    assert rest.code == ExitCode.OK
    assert {name for name, wanted in again.items() if wanted and not wanted.startswith("bytes=0-")} == set(tried)
    assert desk.files == {name: sandbox.content(name) for name in [*SIZES, TABLE]}
    assert desk.parts == []
