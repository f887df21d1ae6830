"""Lockfile and record are brought up to date while a run goes on, and a crash at any moment of that loses nothing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from jwstsync.errors import ExitCode, StoreError
from jwstsync.executors import Cause
from jwstsync.store import fold
from jwstsync.store.journal import read_journal
from jwstsync.store.lockfiles import lockfile_digest
from jwstsync.sync.planning import Mode
from jwstsync.sync.recording import Recording
from jwstsync.sync.run import FOLD_EVERY
from tests.sync.clock import FakeClock
from tests.sync.fakes import A, B, C, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

D, E = "d_cal.fits", "e_cal.fits"
STEPS = ("fsync", "replace", "unlink")


@pytest.fixture
def time() -> FakeClock:
    """A clock for the run."""
    return FakeClock()


def journals(place: Place) -> list[Path]:
    """The journals that lie about."""
    return list((place.root / ".jwstsync" / "journal").rglob("*.jsonl"))


def seen(place: Place, time: FakeClock, pauses: list[float], mode: Mode = Mode.DEFAULT) -> list[set[str]]:
    """What is locked at each result of a run, each of which takes so long."""
    locked = []
    with place.open_run(mode, clock=time.clock) as current:
        for pause, _ in zip(pauses, current.carry_out(), strict=True):
            locked.append(place.locked)
            time.go_on(pause)
    return locked


def test_every_ten_minutes_the_lockfile_says_what_is_there(place: Place, time: FakeClock) -> None:
    """What has come in that time is locked with the next product, and the rest at the end."""
    assert seen(place, time, [FOLD_EVERY, 0, 0]) == [set(), {A, B}, {A, B}]
    assert place.locked == {A, B, C}
    assert (told(place.plan()), place.diary.hashes) == ({}, [])  # all of it is in the record, too


def test_not_more_often_than_that(place: Place, time: FakeClock) -> None:
    """A moment less, and the lockfile is written at the end alone; ten minutes count from the last time."""
    place.archive.add(Product(D, fits("d"), proposal=2), Product(E, fits("e"), proposal=2))

    states = seen(place, time, [FOLD_EVERY - 1, 1, FOLD_EVERY - 1, 1, 0])
    assert states == [set(), set(), {A, B, C}, {A, B, C}, {A, B, C, D, E}]


@pytest.mark.parametrize("mode", [Mode.LOCKED, Mode.FROZEN])
def test_never_where_the_lockfile_must_not_change(synced: Place, time: FakeClock, mode: Mode) -> None:
    """Hours may pass: neither a byte nor the time of the lockfile changes, and the journal stays to the end."""
    synced.lock.write_bytes(synced.lock.read_bytes() + b"# by hand\n")
    shutil.rmtree(synced.root / "JWST")
    before, written = synced.lock.read_bytes(), synced.lock.stat()
    with synced.open_run(mode, clock=time.clock) as current:
        for _ in current.carry_out():
            time.go_on(FOLD_EVERY)
            assert len(journals(synced)) == 1

    after = synced.lock.stat()
    assert synced.lock.read_bytes() == before
    assert (after.st_ino, after.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)  # but it was read, at other times
    assert journals(synced) == []


def test_the_first_interrupt_folds_at_once(place: Place) -> None:
    """Before a second one can break the run off, what is done is locked."""
    locked = []
    with place.open_run() as current:
        for _ in current.carry_out():
            current.stop()
            locked.append(place.locked)

    assert locked == [set(), {B}, {B}]


def test_in_mid_run_nothing_that_is_still_to_come_is_missed(synced: Place, time: FakeClock) -> None:
    """What is to be replaced stays locked as it is; only what has landed, or is dropped for good, changes."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    synced.archive.add(Product(D, fits("d", blocks=9)), Product(E, fits("e", blocks=8)))
    del synced.archive.holdings[C]
    synced.archive.add(Product("f_cal.fits", fits("f"), proposal=2))
    old = {one.uri: one for one in synced.lockfile}
    with synced.open_run(clock=time.clock) as current:
        for number, result in enumerate(current.carry_out()):
            time.go_on(FOLD_EVERY)
            if number == 2:
                assert result.action.path.endswith(E)
                middle = synced.lockfile.products

    assert {uri.rpartition("/")[2] for uri in middle} == {A, B, D, E}
    assert {uri: middle[uri] for uri in old if uri in middle} == {uri: old[uri] for uri in old if uri in middle}
    assert synced.locked == {A, B, D, E, "f_cal.fits"}


def test_the_journal_goes_on_from_the_lockfile_that_was_written(
    place: Place, time: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a fold another journal names its lockfile, the first is gone, and a crash then is recovered."""
    copy = tmp_path_factory.mktemp("crashed")
    with place.open_run(clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            time.go_on(FOLD_EVERY if number == 0 else 0)
            if number == 1:
                assert journals(place) == []
            if number == 2:
                [journal] = journals(place)
                continues, lines = read_journal(journal)
                assert continues == lockfile_digest(place.lock)
                assert [line.locked.path.rpartition("/")[2] for line in lines] == [C]
                shutil.copytree(place.folder, copy, dirs_exist_ok=True)
    crashed = Place(copy, place.archive)
    place.archive.sent.clear()

    assert crashed.apply().results == ()
    assert crashed.lock.read_bytes() == place.lock.read_bytes()
    assert (crashed.archive.sent, crashed.diary.hashes) == ([], [])


@dataclass
class Crashes:
    """Copies of a folder as a crash would leave it, made before each step of a fold and after the last."""

    place: Place
    monkeypatch: pytest.MonkeyPatch
    folder: Path

    def __post_init__(self) -> None:
        self.copies: list[Place] = []
        self.names: list[str] = []
        real = Recording.fold
        self.monkeypatch.setattr(Recording, "fold", lambda recording, plan: self._watched(real, recording, plan))

    def _watched(self, real: Callable[..., None], *arguments: object) -> None:
        with self.monkeypatch.context() as patch:
            for name in STEPS:
                patch.setattr(os, name, self._noted(name, getattr(os, name)))
            real(*arguments)
        self._copy("end")

    def _noted(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> object:
            self._copy(name)
            return step(*arguments)

        return call

    def _copy(self, name: str) -> None:
        folder = self.folder / str(len(self.copies))
        shutil.copytree(self.place.folder, folder)
        self.copies.append(Place(folder, self.place.archive))
        self.names.append(name)


def test_a_crash_at_any_step_of_a_fold_loses_nothing(
    place: Place, time: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From each such moment the next run fetches just the rest, hashes nothing, and ends in the same lockfile."""
    crashes = Crashes(place, monkeypatch, tmp_path_factory.mktemp("crashes"))
    with place.open_run(clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            time.go_on(FOLD_EVERY if number == 0 else 0)
    monkeypatch.undo()

    write = ["fsync", "replace", "fsync"]
    assert crashes.names == [*write, *write, "unlink", "end"]  # the record, the lockfile, the journal
    for crashed in crashes.copies:
        place.archive.sent.clear()
        assert outcomes(crashed.apply()) == {C: "done"}
        assert (place.archive.sent, crashed.diary.hashes) == ([C], [])
        assert crashed.lock.read_bytes() == place.lock.read_bytes()
        assert journals(crashed) == []
        assert told(crashed.plan()) == {}


@pytest.mark.parametrize("theirs", [None, b"# somebody else's\nversion = 1\n"])
def test_a_lockfile_that_somebody_changes_meanwhile_stays_theirs(
    synced: Place, time: FakeClock, theirs: bytes | None
) -> None:
    """It is said once, at the end, and the next run adopts what this one fetched."""
    synced.archive.add(Product(D, fits("d")), Product(E, fits("e")))
    with synced.open_run(clock=time.clock) as current:
        for _ in current.carry_out():
            synced.lock.unlink(missing_ok=True)
            if theirs is not None:
                synced.lock.write_bytes(theirs)
            time.go_on(FOLD_EVERY)
            assert len(journals(synced)) == 1

    assert (synced.lock.read_bytes() if synced.lock.exists() else None) == theirs
    assert synced.diary.warnings == [f"{synced.lock}: changed during the run and left as it is; run again"]
    assert {told(synced.plan())[name] for name in (D, E)} == {"adopt present"}


def test_a_lockfile_that_somebody_changes_after_a_fold_stays_theirs(place: Place, time: FakeClock) -> None:
    """Also when nothing has come since then."""
    place.archive.troubles[C] = Cause.NETWORK
    with place.open_run(clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            time.go_on(FOLD_EVERY)
            if number == 2:
                place.lock.write_bytes(b"version = 1\n")

    assert place.lock.read_bytes() == b"version = 1\n"
    assert place.diary.warnings == [f"{place.lock}: changed during the run and left as it is; run again"]


def test_a_lockfile_that_comes_back_is_folded_onto(synced: Place, time: FakeClock) -> None:
    """Somebody had another one checked out for a while: in the end nothing is missing."""
    synced.archive.add(Product(D, fits("d")), Product(E, fits("e")))
    ours = synced.lock.read_bytes()
    with synced.open_run(clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            synced.lock.write_bytes(b"version = 1\n" if number == 0 else ours)
            time.go_on(FOLD_EVERY)

    assert synced.diary.warnings == []
    assert synced.locked == {A, B, C, D, E}


def test_a_fold_that_fails_is_tried_again(place: Place, time: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lockfile that can not be written in mid-run ends nothing: it is said, and written later."""

    def full(_path: Path, _content: object) -> str:
        raise StoreError("lockfile: No space left on device")

    with place.open_run(clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            time.go_on(FOLD_EVERY)
            if number == 0:
                monkeypatch.setattr(fold, "write_lockfile", full)
            else:
                monkeypatch.undo()

    assert place.diary.warnings == ["lockfile: No space left on device; tried again later"]
    assert current.report().exit_code is ExitCode.OK
    assert place.locked == {A, B, C}


def test_what_was_hashed_is_remembered_in_mid_run(
    synced: Place, time: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A long run that crashes need not hash again what it hashed for its plan."""
    os.utime(synced.file(B), ns=(0, 0))
    synced.archive.add(Product(D, fits("d")), Product(E, fits("e")))
    copy = tmp_path_factory.mktemp("crashed")
    with synced.open_run(clock=time.clock) as current:
        for number, _ in enumerate(current.carry_out()):
            time.go_on(FOLD_EVERY)
            if number == 1:
                shutil.copytree(synced.folder, copy, dirs_exist_ok=True)
    crashed = Place(copy, synced.archive)

    assert told(crashed.plan()) == {}
    assert crashed.diary.hashes == []
