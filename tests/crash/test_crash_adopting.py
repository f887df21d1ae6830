"""A run that takes over files is killed, fails or finds the disk full: no wrong bytes have a name, no file is lost."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from jwstsync.sandbox import Sandbox
from tests.crash.desk import DOWNLOAD, MANIFEST, TABLE, Desk, catalogue
from tests.crash.power import CALLS
from tests.crash.switch import FULL, KILL_AFTER, KILL_BEFORE, RAISE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.runs import Runs

SIZES = {"a_cal.fits": 2, "b_cal.fits": 3, "c_cal.fits": 1}
NAMES = [*SIZES, TABLE]
WRONG = b"SIMPLE  = what somebody has edited"
FAULTS = (KILL_BEFORE, KILL_AFTER, RAISE, FULL[0])
CODES = {KILL_BEFORE: {-9}, KILL_AFTER: {-9}, RAISE: {70}, FULL[0]: {0, 3, 5}}
EVERY = 8
"""Of so many calls one is met by a fault, another one for each way to take files over."""
WAYS = {"links": ("", False), "copies": ("", True), "moves": (" --move", False), "moves by copies": (" --move", True)}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The archive."""
    with Sandbox(catalogue=catalogue(SIZES)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def lockfile(runs: Runs, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a run that fetched everything has locked."""
    desk = desk_in(tmp_path_factory.mktemp("reference"), runs, sandbox)
    assert desk.call("apply -q").code == 0
    return desk.lockfile.read_bytes()


def desk_in(folder: Path, runs: Runs, sandbox: Sandbox) -> Desk:
    """A folder with a manifest, whose first product is in its place with other bytes, and all of them elsewhere."""
    desk = Desk(folder, runs, sandbox.url)
    (folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    for name in NAMES:
        (folder / "old" / name[0]).mkdir(parents=True, exist_ok=True)
        (folder / "old" / name[0] / name).write_bytes(sandbox.content(name))
    (folder / "old" / "cut").mkdir()
    (folder / "old" / "cut" / NAMES[0]).write_bytes(WRONG)
    desk.file(NAMES[0]).parent.mkdir(parents=True)
    desk.file(NAMES[0]).write_bytes(WRONG)
    return desk


def elsewhere(desk: Desk) -> dict[str, bytes]:
    """What lies elsewhere, by folder and name."""
    folder = desk.folder / "old"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(0, 88, EVERY))
def test_a_fault_while_files_are_taken_over(
    runs: Runs, sandbox: Sandbox, lockfile: bytes, tmp_path: Path, number: int, way: str
) -> None:
    """Each file is where it was or whole in its place, and never neither; the next run has nothing to download."""
    desk = desk_in(tmp_path, runs, sandbox)
    before, (move, no_link) = elsewhere(desk), WAYS[way]
    call, fault = f"apply -q --adopt-from old{move}", FAULTS[number // EVERY % len(FAULTS)]
    chosen, fired, since = number + [*WAYS].index(way), desk.runs.count_fired, len(sandbox.requests)
    ended = desk.call(call, fault=fault, number=chosen, no_link=no_link)

    assert ended.code in (CODES[fault] if desk.runs.count_fired > fired else {0})
    files, left = desk.files, elsewhere(desk)
    assert {name for name, content in files.items() if content not in {WRONG, sandbox.content(name)}} == set()
    assert [files[NAMES[0]], *desk.trash].count(WRONG) >= 1
    assert left.items() <= before.items()
    assert left.keys() == before.keys() or move
    for path in before.keys() - left.keys():
        name = path.rpartition("/")[2]
        assert files[name] == before[path]
        assert name in desk.locked or any(name in one.read_text(encoding="utf-8") for one in desk.journals)

    assert desk.call(call, "plan --check -q", "verify -q", no_link=no_link).code == 0
    assert desk.files == {name: sandbox.content(name) for name in NAMES}
    assert desk.lockfile.read_bytes() == lockfile
    assert (desk.parts, desk.journals) == ([], [])
    assert [one.uri for one in sandbox.requests[since:] if one.path == DOWNLOAD and one.method == "GET"] == []


def test_a_source_goes_after_its_bytes_are_durable(runs: Runs, sandbox: Sandbox, tmp_path: Path) -> None:
    """Bytes, journal line, name, the name's folder: all of that is synced before the file elsewhere loses its name."""
    (tmp_path / "desk").mkdir()
    (tmp_path / "trace").mkdir()
    desk = desk_in(tmp_path / "desk", runs, sandbox)
    assert desk.call("apply -q --adopt-from old --move", trace=str(tmp_path / "trace")).code == 0
    calls = [tuple(json.loads(line)) for line in (tmp_path / "trace" / CALLS).read_text(encoding="utf-8").splitlines()]

    for name in NAMES:
        place = f"mastDownload/JWST/jw01111-o001/{name}"
        [named] = [at for at, (call, path, _) in enumerate(calls) if call == "replace" and path == place]
        part = calls[named][2]
        [gone] = [
            at for at, (call, path, _) in enumerate(calls) if call == "unlink" and path == f"old/{name[0]}/{name}"
        ]
        synced = [at for at, (call, path, _) in enumerate(calls) if call == "fsync" and path == part]
        noted = [at for at, (call, path, _) in enumerate(calls) if call == "fdatasync" and "/journal/" in path]
        folder = [at for at, (call, path, _) in enumerate(calls) if call == "fsync" and place.startswith(f"{path}/")]
        assert min(synced) < max(at for at in noted if at < named)
        assert any(named < at < gone for at in folder if calls[at][1].endswith("o001"))


def test_parts_of_killed_runs_are_swept(runs: Runs, sandbox: Sandbox, tmp_path: Path) -> None:
    """What a killed run had brought in and not verified is no part that anybody goes on with, and it goes."""
    desk = desk_in(tmp_path, runs, sandbox)
    ended = desk.call("apply -q --adopt-from old --move", fault=KILL_BEFORE, step="journal synced")

    assert ended.code == -signal.SIGKILL
    assert [name.rpartition(".")[2] for name in desk.parts] == ["brought"]
    assert elsewhere(desk).keys() >= {f"{name[0]}/{name}" for name in NAMES}
    assert desk.call("apply -q --adopt-from old --move").code == 0
    assert desk.parts == []
    assert elsewhere(desk) == {f"cut/{NAMES[0]}": WRONG}
