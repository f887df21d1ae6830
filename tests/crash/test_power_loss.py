"""Power is lost in the middle of a run: what was synced is there, nothing else, and all promises hold."""

from __future__ import annotations

import json
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from jwstsync.store.record import read_record
from tests.crash.desk import ADOPTED, MANIFEST, SIZES, TABLE, Desk, check_goes_on, check_promises
from tests.crash.power import CALLS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.desk import World

ROOT = "mastDownload"
EVERY = 2
"""Of so many states that the disk may be left in, one is gone on from."""


@pytest.fixture(scope="module")
def trace(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The calls of a run that does everything, and what would be left after each of its syncs."""
    folder = tmp_path_factory.mktemp("power")
    desk = world.copy(folder / "desk")
    (folder / "trace").mkdir()
    assert desk.call("apply -q", trace=str(folder / "trace")).code == 0
    assert desk.files == world.after.files
    return folder / "trace"


def calls(trace: Path) -> list[tuple[str, str, str | None]]:
    """The calls in their order: name, path, and the path that a name was taken from."""
    return [tuple(json.loads(line)) for line in (trace / CALLS).read_text(encoding="utf-8").splitlines()]


def states(trace: Path) -> list[Path]:
    """What would be left, in the order of the run."""
    return sorted(path for path in trace.iterdir() if path.is_dir())


def test_each_step_is_durable_before_the_next(trace: Path) -> None:
    """Part, journal line, name, lockfile, record: each is synced, with its folder, before what relies on it is done."""
    made = calls(trace)

    def last(before: int, name: str, path: str) -> int:
        found = [at for at, call in enumerate(made[:before]) if call[0] in {name, "fdatasync"} and call[1] == path]
        return max(found, default=-1)

    def first(after: int, name: str, path: str) -> int:
        return next(at for at, call in enumerate(made) if at > after and (call[0], call[1]) == (name, path))

    renames = [(at, path, str(source)) for at, (name, path, source) in enumerate(made) if name in {"replace", "rename"}]
    landings = [one for one in renames if one[1].startswith(f"{ROOT}/JWST/")]
    [lockfile] = [at for at, path, _ in renames if path == "jwstsync.lock"]
    [journal] = {path for name, path, _ in made if path.endswith(".jsonl") and "/journal/" in path}
    assert len(landings) == len(SIZES) + 1 - 2  # one is kept, one adopted

    for at, path, source in landings:
        written = max(n for n, call in enumerate(made[:at]) if call[0] == "pwrite" and call[1] == source)
        synced, noted = last(at, "fsync", source), last(at, "fdatasync", journal)
        assert written < synced < noted < at < first(at, "fsync", str(PurePosixPath(path).parent)) < lockfile
    for at, path, source in renames:
        if source.endswith(".tmp") and not source.endswith(".note.tmp"):
            assert -1 < last(at, "fsync", source) < at < first(at, "fsync", str(PurePosixPath(path).parent))
    for at, (name, path, _) in enumerate(made):
        if name == "link":
            aside = first(at, "fsync", str(PurePosixPath(path).parent))
            assert aside < next(n for n, one, _ in landings if PurePosixPath(one).name == PurePosixPath(path).name)
    adopted = next(at for at, call in enumerate(made) if call[0] == "fsync" and call[1].endswith(ADOPTED))
    assert adopted < first(adopted, "fdatasync", journal)
    assert first(lockfile, "fsync", ".") < first(0, "unlink", journal)


def test_power_is_lost(world: World, trace: Path, tmp_path: Path) -> None:
    """After a sync nothing wrong has a name, the lockfile is valid, and the next run asks for nothing that is there."""
    left = states(trace)
    assert len(left) > len(SIZES)
    for state in sorted({*left[::EVERY], left[-1]}):
        desk = Desk(tmp_path / state.name, world.before.runs, world.sandbox.url)
        shutil.copytree(state, desk.folder)
        done = check_promises(desk, world)
        assert not done & set(check_goes_on(desk, world)), state.name


def test_power_is_lost_after_the_end(world: World, trace: Path) -> None:
    """Once a run has ended, all that it did is durable: files, lockfile, and what is known of them."""
    desk = Desk(states(trace)[-1], world.before.runs, world.sandbox.url)

    assert desk.files == world.after.files
    assert desk.lockfile.read_bytes() == world.after.lockfile.read_bytes()
    known = read_record(desk.state / "record.jsonl")
    assert {path.rpartition("/")[2] for path in known} == {*SIZES, TABLE}


def test_power_is_lost_after_the_first_run(world: World, tmp_path: Path) -> None:
    """A root that was made in this run lasts as well."""
    desk = Desk(tmp_path / "desk", world.before.runs, world.sandbox.url)
    desk.folder.mkdir()
    text = MANIFEST.replace("[limits]", '[destination]\nroot = "disk/data"\n[limits]')
    (desk.folder / "jwstsync.toml").write_text(text, encoding="utf-8")
    (tmp_path / "trace").mkdir()
    assert desk.call("apply -q", trace=str(tmp_path / "trace")).code == 0
    left = states(tmp_path / "trace")[-1]

    files = {path.name: path.read_bytes() for path in (left / "disk" / "data" / "JWST").rglob("*") if path.is_file()}
    assert files == world.after.files
    assert (left / "jwstsync.lock").read_bytes() == world.after.lockfile.read_bytes()
