"""Two and eight processes at once on one destination, where locks work and where they do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from tests.crash.desk import check_goes_on, check_promises
from tests.crash.faults import Held

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.desk import World

CONNECTIONS = 4  # of each run


@pytest.mark.parametrize("count", [2, 8])
def test_one_works_and_the_others_are_told(world: World, tmp_path: Path, count: int) -> None:
    """Where locks work the first run does it all, and every other ends with exit code 7 and the name of the first."""
    desk = world.copy(tmp_path / "desk")
    world.sandbox.fault = held = Held(world.sandbox)
    first = desk.start("apply -q")
    held.wait_for(CONNECTIONS)
    others = [one.ended() for one in [desk.start("apply -q") for _ in range(count - 1)]]
    held.let_go()

    assert [one.code for one in others] == [ExitCode.RUN_LOCKED] * (count - 1)
    assert all(f", pid {first.pid}, since " in one.err for one in others)
    assert (first.ended().code, first.ended().err) == (ExitCode.OK, "")
    world.sandbox.fault = None
    assert check_goes_on(desk, world) == []


@pytest.mark.parametrize("count", [2, 8])
def test_nothing_depends_on_the_lock(world: World, tmp_path: Path, count: int) -> None:
    """Where `flock` does nothing all runs fetch all products at once: every file is whole, and the lockfile valid."""
    desk = world.copy(tmp_path / "desk")
    world.sandbox.fault = held = Held(world.sandbox, after=2000)
    runs = [desk.start("apply -q", no_flock=True) for _ in range(count)]
    held.wait_for(CONNECTIONS * count)
    held.let_go()
    codes = [one.ended().code for one in runs]
    world.sandbox.fault = None

    assert codes == [ExitCode.OK] * count
    assert desk.files == world.after.files
    check_promises(desk, world)
    assert check_goes_on(desk, world) == []
