"""A run that moves and prunes is killed, fails or finds the disk full: no bytes are lost, and the next run goes on."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import Lockfile
from jwstsync.sandbox import Sandbox
from jwstsync.store.lockfiles import read_lockfile, write_lockfile
from tests.crash.desk import DOWNLOAD, MANIFEST, MINE, TABLE, Desk, catalogue
from tests.crash.switch import FAULTS, FULL, KILL_AFTER, KILL_BEFORE, LAYOUT_STEPS, RAISE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.runs import Runs

ONE, OTHER, FAR, REMADE, DROPPED, KEPT = (
    f"{name}_cal.fits" for name in ("one", "other", "far", "remade", "dropped", "kept")
)
SIZES = {ONE: 3, OTHER: 3, FAR: 4, REMADE: 5, DROPPED: 6, KEPT: 7}
FOLDER = "JWST/jw01111-o001"
STEPS = (*LAYOUT_STEPS, "journal synced", "put aside", "renamed", "folder synced", "lockfile renamed", "record renamed")
CODES = {KILL_BEFORE: {-9}, KILL_AFTER: {-9}, RAISE: {70}, **{code: {0, 3, 5} for code in FULL}}
CALL = "apply -q --prune"


@dataclass(frozen=True, slots=True)
class World:
    """An archive, and a folder before and after a run that has much to move and something to prune."""

    sandbox: Sandbox
    before: Desk
    after: Desk

    def copy(self, folder: Path) -> Desk:
        """A folder of one's own that stands as before."""
        shutil.copytree(self.before.folder, folder)
        return Desk(folder, self.before.runs, self.sandbox.url)

    def downloads(self, since: int) -> list[str]:
        """The names of the products that were asked for since so many requests."""
        return [str(one.uri).rpartition("/")[2] for one in self.sandbox.requests[since:] if one.path == DOWNLOAD]


def tree(desk: Desk) -> dict[str, bytes]:
    """The bytes of what stands where products belong, by path."""
    found = ((path.relative_to(desk.root), path) for path in desk.root.rglob("*") if path.is_file())
    return {str(path): place.read_bytes() for path, place in found if path.parts[0] != ".jwstsync"}


def folders(desk: Desk) -> set[str]:
    """The folders below the root, but the local state."""
    found = (path.relative_to(desk.root) for path in desk.root.rglob("*") if path.is_dir())
    return {str(path) for path in found if path.parts[0] != ".jwstsync"}


def contents(desk: Desk) -> set[bytes]:
    """The bytes of every file below the root."""
    return {path.read_bytes() for path in desk.root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def world(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two files in each other's places, one far off, one that is made anew too, a stranger, and one to prune."""
    folder = tmp_path_factory.mktemp("layout")
    with Sandbox(catalogue=catalogue(SIZES)) as sandbox:
        desk = Desk(folder / "before", runs, sandbox.url)
        desk.folder.mkdir()
        manifest = desk.folder / "jwstsync.toml"
        manifest.write_text(MANIFEST, encoding="utf-8")
        assert desk.call("apply -q").code == 0
        at_once = desk.file(ONE).stat().st_mtime_ns
        os.utime(desk.file(OTHER), ns=(at_once, at_once))  # as if both had come in one tick of the clock
        elsewhere = {
            ONE: f"{FOLDER}/{OTHER}",
            OTHER: f"{FOLDER}/{ONE}",
            FAR: f"deep/er/{FAR}",
            REMADE: f"deep/{REMADE}",
        }
        locked, _ = read_lockfile(desk.lockfile)
        paths = {one.uri: elsewhere.get(one.path.rpartition("/")[2], one.path) for one in locked}
        write_lockfile(desk.lockfile, Lockfile.of(replace(one, path=ProductPath(paths[one.uri])) for one in locked))
        assert desk.call("apply -q --frozen").code == 0
        assert desk.file(ONE).read_bytes() == sandbox.content(OTHER)
        sandbox.remake(REMADE)
        desk.file(FAR).write_bytes(MINE)
        kept = [ONE, OTHER, FAR, REMADE, KEPT, TABLE]
        manifest.write_text(MANIFEST.replace("[{}]", f"[{{ productFilename = {kept} }}]"), encoding="utf-8")
        after = Desk(folder / "after", runs, sandbox.url)
        shutil.copytree(desk.folder, after.folder)
        since = len(sandbox.requests)
        assert after.call(CALL, "plan --check --prune").code == 0
        world = World(sandbox, desk, after)
        assert world.downloads(since) == [REMADE]
        assert tree(after) == {f"{FOLDER}/{name}": sandbox.content(name) for name in kept}
        assert folders(after) == {"JWST", FOLDER}
        yield world


def broken_off(desk: Desk, fault: str, step: str | None, number: int = 0) -> bool:
    """Lets a run meet a fault, and tells whether it came to that."""
    before = desk.runs.count_fired
    ended = desk.call(CALL, fault=fault, step=step, number=number)
    fired = desk.runs.count_fired > before
    assert ended.code in (CODES[fault] if fired else {0}), ended.err
    return fired


def check(desk: Desk, world: World, since: int, *, runs: int = 1, when: str = "") -> None:
    """Holds a folder to what is promised at any moment, and the next run, or the one after it, to its end."""
    old, new = tree(world.before), tree(world.after)
    moved = {f"{FOLDER}/{FAR}": old[f"deep/er/{FAR}"], f"{FOLDER}/{REMADE}": old[f"deep/{REMADE}"]}
    for path, content in tree(desk).items():
        assert content in {old.get(path), new.get(path), moved.get(path)}, when
    remade = {old[f"deep/{REMADE}"]}  # given up once its successor stands
    assert set(old.values()) - remade <= contents(desk)
    assert remade <= contents(desk) or new[f"{FOLDER}/{REMADE}"] in tree(desk).values()
    assert {one.uri for one in read_lockfile(desk.lockfile)[0]} >= {
        one.uri for one in read_lockfile(world.after.lockfile)[0]
    }

    ended = desk.call(*[CALL] * runs, "plan --check -q --prune", "verify -q")
    assert (ended.code, ended.err, when) == (0, "", when)
    assert tree(desk) == new, when
    assert desk.lockfile.read_bytes() == world.after.lockfile.read_bytes()
    assert folders(desk) == folders(world.after)
    assert set(old.values()) - remade <= contents(desk)
    assert (desk.parts, desk.journals, list(desk.state.glob("moves/*"))) == ([], [], [])
    assert set(world.downloads(since)) <= {REMADE}, when


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_at_a_step(world: World, tmp_path: Path, step: str, fault: str) -> None:
    """Whole files stay whole and known, wherever they are, and nothing is downloaded that was there."""
    desk, since = world.copy(tmp_path / "desk"), len(world.sandbox.requests)
    assert broken_off(desk, fault, step)
    check(desk, world, since)


@pytest.mark.parametrize("number", range(5))
def test_a_run_that_dies_between_two_moves(world: World, tmp_path: Path, number: int) -> None:
    """Also when one file has the place of another, and that one waits for its own."""
    desk, since = world.copy(tmp_path / "desk"), len(world.sandbox.requests)
    assert broken_off(desk, KILL_AFTER, "renamed", number)
    check(desk, world, since)


@pytest.mark.parametrize("number", range(1, 110, 4))
def test_a_fault_at_any_call(world: World, tmp_path: Path, number: int) -> None:
    """The same holds at any other call that changes the disk."""
    desk, since = world.copy(tmp_path / "desk"), len(world.sandbox.requests)
    broken_off(desk, FAULTS[number // 4 % len(FAULTS)], None, number)
    check(desk, world, since)


@pytest.mark.parametrize("number", range(0, 40, 3))
def test_a_fault_while_another_is_mended(world: World, tmp_path: Path, number: int) -> None:
    """Cut off when all have moved and nothing is recorded, and then again while that is made good."""
    desk, since = world.copy(tmp_path / "desk"), len(world.sandbox.requests)
    assert broken_off(desk, KILL_BEFORE, "lockfile begun")
    broken_off(desk, KILL_AFTER, None, number)
    check(desk, world, since)


def test_power_is_lost(world: World, tmp_path: Path) -> None:
    """What was synced is there and nothing else: the same holds, after any of a run's syncs.

    On the strictest disk a file may have its old name and its new one; what an update leaves there is only then pruned
    when it has been made.
    """
    desk = world.copy(tmp_path / "desk")
    (tmp_path / "trace").mkdir()
    assert desk.call(CALL, trace=str(tmp_path / "trace")).code == 0
    states = sorted(path for path in (tmp_path / "trace").iterdir() if path.is_dir())
    assert len(states) > len(SIZES)
    for state in sorted({*states[::3], states[-1]}):
        left, since = Desk(tmp_path / state.name, desk.runs, world.sandbox.url), len(world.sandbox.requests)
        shutil.copytree(state, left.folder)
        check(left, world, since, runs=2, when=state.name)
