"""A run is killed, fails or finds the disk full at every step: nothing wrong stands there, and the next run goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.crash.desk import Desk, World, check_goes_on, check_promises
from tests.crash.runs import environment_in
from tests.crash.switch import FAULTS, FULL, KILL_AFTER, KILL_BEFORE, RAISE, STEPS

if TYPE_CHECKING:
    from pathlib import Path

FOLD = STEPS[STEPS.index("lockfile begun") :]
"""The steps after the last commit: the lockfile, the record, the end of the journal."""
CODES = {KILL_BEFORE: {-9}, KILL_AFTER: {-9}, RAISE: {70}, **{code: {0, 5} for code in FULL}}
"""How a run may end in which a fault happened; a step that can be done without on some disks may be left out."""


def broken_off(desk: Desk, fault: str, step: str | None, number: int = 0) -> bool:
    """Lets a run meet a fault, and tells whether it came to that."""
    before = desk.runs.count_fired
    ended = desk.call("apply -q", fault=fault, step=step, number=number)
    fired = desk.runs.count_fired > before
    assert ended.code in (CODES[fault] if fired else {0})
    return fired


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_at_a_step(world: World, tmp_path: Path, step: str, fault: str) -> None:
    """Every file is the old or the new one, the lockfile too, and the next run does the rest and nothing twice."""
    desk = world.copy(tmp_path / "desk")

    assert broken_off(desk, fault, step)
    done = check_promises(desk, world)
    assert not done & set(check_goes_on(desk, world))


@pytest.mark.parametrize("number", range(2, 110, 4))
def test_a_fault_at_any_call(world: World, tmp_path: Path, number: int) -> None:
    """The same holds at any other call that changes the disk, whatever it is for."""
    desk = world.copy(tmp_path / "desk")

    broken_off(desk, FAULTS[number // 2 % len(FAULTS)], None, number)
    done = check_promises(desk, world)
    assert not done & set(check_goes_on(desk, world))


@pytest.fixture(scope="module")
def cut_off(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which a run has committed everything, and was killed before it could record it."""
    desk = world.copy(tmp_path_factory.mktemp("cut") / "off")
    assert broken_off(desk, KILL_BEFORE, "lockfile begun")
    return World(world.sandbox, desk, world.after)


@pytest.mark.parametrize("fault", [KILL_BEFORE, KILL_AFTER, RAISE, "ENOSPC"])
@pytest.mark.parametrize("step", FOLD)
def test_a_fault_while_a_crash_is_mended(cut_off: World, tmp_path: Path, step: str, fault: str) -> None:
    """A run that is broken off while it records what another had committed loses none of it."""
    desk = cut_off.copy(tmp_path / "desk")

    assert broken_off(desk, fault, step)
    assert desk.files == cut_off.after.files
    assert check_goes_on(desk, cut_off) == []


@pytest.mark.parametrize(("step", "fault"), [("renamed", KILL_AFTER), ("journal synced", "ENOSPC")])
def test_a_process_that_begins_from_nothing(world: World, tmp_path: Path, step: str, fault: str) -> None:
    """A process that nobody has prepared keeps the same promises."""
    desk = world.copy(tmp_path / "desk")
    (tmp_path / "home").mkdir()
    switch = json.dumps({"fault": fault, "step": step, "fired": str(tmp_path / "fired")})
    environment = {**environment_in(tmp_path / "home"), **desk.environment, "SWITCH": switch}
    command = [sys.executable, "-m", "tests.crash.switch", "apply"]
    ended = subprocess.run(command, cwd=desk.folder, env=environment, check=False, capture_output=True)

    assert ended.returncode in CODES[fault]
    assert (tmp_path / "fired").exists()
    done = check_promises(desk, world)
    assert not done & set(check_goes_on(desk, world))
