"""Runs that end early, or that somebody comes in between: what is done is recorded, whatever happens to the rest."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode, RunLockedError, StoreError
from jwstsync.executors import Cause
from jwstsync.store import fold
from jwstsync.store.files import disk_errors
from jwstsync.store.hashing import Hasher
from jwstsync.store.lockfiles import write_lockfile
from jwstsync.sync.planning import Mode
from tests.sync.fakes import A, B, C, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.lockfile import Lockfile


def test_a_limit_fetches_so_many_and_says_what_remains(place: Place) -> None:
    """The rest is deferred, not failed: the run ends with 0, and the next goes on."""
    report = place.apply(limit=2)

    assert report.exit_code is ExitCode.OK
    assert outcomes(report) == {A: "done", B: "done", C: "deferred"}
    assert place.locked == {A, B}
    assert outcomes(place.apply(limit=2)) == {C: "done"}


def test_a_limit_of_nothing_fetches_nothing(place: Place) -> None:
    """To fetch at most 0 products asks for no download at all."""
    assert set(outcomes(place.apply(limit=0)).values()) == {"deferred"}
    assert place.archive.tokens == []
    assert not place.lock.exists()


def test_a_declined_run_changes_nothing(synced: Place) -> None:
    """A plan that is only looked at leaves files, lockfile and archive alone, whatever it says."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    del synced.archive.holdings[B]
    synced.file(C, proposal=2).unlink()
    before = synced.state
    with synced.open_run() as run:
        assert set(told(run.plan)) == {A, B, C}
        run.check()

    assert synced.state == before
    assert synced.archive.sent == []
    assert run.report().results == ()


def test_a_stopped_run_keeps_what_is_done(place: Place) -> None:
    """What came before the stop is locked, the rest is deferred, and the next run brings it."""
    with place.open_run() as run:
        for _ in run.carry_out():
            run.stop()

    assert outcomes(run.report()) == {A: "deferred", B: "done", C: "deferred"}  # the largest comes first
    assert place.locked == {B}
    assert outcomes(place.apply()) == {A: "done", C: "done"}


def test_a_run_that_is_stopped_before_it_fetches_fetches_nothing(synced: Place) -> None:
    """Stopped while it adopts, a run neither goes on adopting nor begins to fetch."""
    synced.lock.unlink()
    synced.file(C, proposal=2).unlink()
    with synced.open_run() as run:
        for _ in run.carry_out():
            run.stop()

    assert outcomes(run.report()) == {A: "done", B: "deferred", C: "deferred"}
    assert synced.archive.sent == []
    assert synced.locked == {A}


def test_a_run_that_is_broken_off_records_what_it_did(place: Place) -> None:
    """A second Ctrl-C, or any error of the caller, still ends with what is done in the lockfile."""
    interrupted = pytest.raises(KeyboardInterrupt)
    with interrupted, place.open_run() as run:
        next(iter(run.carry_out()))
        raise KeyboardInterrupt

    assert place.locked == {B}
    assert told(place.plan()) == dict.fromkeys((A, C), "fetch new")


def test_a_run_that_was_cut_off_is_recovered(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """After a crash nothing is fetched twice: the journal tells what is in place, and the next run locks it."""
    crashed = Place(tmp_path_factory.mktemp("crashed"), place.archive)
    with place.open_run() as run:
        for _ in zip(range(2), run.carry_out(), strict=False):
            pass
        shutil.copytree(place.folder, crashed.folder, dirs_exist_ok=True)
    place.archive.sent.clear()
    assert not crashed.lock.exists()

    assert outcomes(crashed.apply()) == {C: "done"}
    assert "recovered 2 products of a run that was cut off" in crashed.diary.phases
    assert crashed.locked == {A, B, C}
    assert place.archive.sent == [C]
    assert not list((crashed.root / ".jwstsync" / "journal").rglob("*.jsonl"))


@pytest.mark.parametrize("mode", [Mode.LOCKED, Mode.FROZEN])
def test_a_crash_is_not_recovered_where_the_lockfile_must_not_change(
    synced: Place, tmp_path_factory: pytest.TempPathFactory, mode: Mode
) -> None:
    """The journal of a crashed update waits for a run that may write the lockfile."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    crashed = Place(tmp_path_factory.mktemp("crashed"), synced.archive)
    with synced.open_run() as run:
        next(iter(run.carry_out()))
        shutil.copytree(synced.folder, crashed.folder, dirs_exist_ok=True)
    before = crashed.state
    with crashed.open_run(mode) as run:
        pass

    assert crashed.state == before
    assert told(crashed.plan()) == {A: "adopt present"}
    assert crashed.apply().results == ()
    assert crashed.lock.read_bytes() == synced.lock.read_bytes()


@pytest.mark.parametrize("theirs", [None, b"# somebody else's\nversion = 1\n"])
def test_a_lockfile_that_changes_during_the_run_is_left_alone(synced: Place, theirs: bytes | None) -> None:
    """Somebody checked out another one: it stays, the run says so, and the next run adopts what this one fetched."""
    synced.archive.add(Product("d_cal.fits", fits("d")))
    with synced.open_run() as run:
        for _ in run.carry_out():
            synced.lock.unlink()
            if theirs is not None:
                synced.lock.write_bytes(theirs)

    assert (synced.lock.read_bytes() if synced.lock.exists() else None) == theirs
    assert synced.diary.warnings == [f"{synced.lock}: changed during the run and left as it is; run again"]
    assert told(synced.plan())["d_cal.fits"] == "adopt present"


def test_a_lockfile_that_can_not_be_written_is_written_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the very end loses no record: the journal stays, and the next run folds it."""

    def full(_path: Path, _content: object) -> bool:
        raise StoreError("lockfile: No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(fold, "write_lockfile", full)
        with pytest.raises(StoreError, match="No space left"):
            place.apply()
    place.archive.sent.clear()

    assert not place.lock.exists()
    assert place.apply().results == ()
    assert place.locked == {A, B, C}
    assert place.archive.sent == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_journal_that_finds_no_room_ends_a_run_that_adopts(
    synced: Place, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A disk that is full when a file is adopted ends the run with exit code 5, and nothing else is tried."""
    synced.lock.unlink()
    synced.file(C, proposal=2).unlink()

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", full)
        report = synced.apply()

    assert report.exit_code is ExitCode.LIMIT
    assert outcomes(report) == {A: "failed", B: "deferred", C: "deferred"}
    assert synced.archive.sent == []
    assert outcomes(synced.apply()) == {A: "done", B: "done", C: "done"}


def test_a_full_disk_gives_the_lockfile_the_room_of_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done is locked, even where the parts of what is not have to go for it."""
    part = place.root / ".jwstsync" / "parts" / "0123456789abcdef01234567.free.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")

    def full(path: Path, content: Lockfile) -> str:
        with disk_errors("lockfile"):
            if part.exists():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_lockfile(path, content)

    monkeypatch.setattr(fold, "write_lockfile", full)
    place.apply(limit=2)

    assert place.locked == {A, B}


def test_hashing_is_stopped_in_the_middle(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop while a large file is hashed to be adopted does not wait for its end; the next run adopts it."""
    large = fits("a, larger", blocks=1000)
    synced.archive.remake(A, large)
    synced.lock.unlink()
    synced.file(A).write_bytes(large)
    update, hashed = Hasher.update, []

    with synced.open_run() as run, monkeypatch.context() as patch:

        def stopping(hasher: Hasher, chunk: memoryview) -> None:
            update(hasher, chunk)
            hashed.append(len(chunk))
            run.stop()

        patch.setattr(Hasher, "update", stopping)
        list(run.carry_out())

    assert len(hashed) == 1
    assert sum(hashed) < len(large)
    assert outcomes(run.report()) == dict.fromkeys((A, B, C), "deferred")
    assert outcomes(synced.apply()) == dict.fromkeys((A, B, C), "done")


def test_two_runs_at_once_are_one_too_many(place: Place) -> None:
    """The second is refused with exit code 7 and a word on the first; plan and verify work all the same."""
    with place.open_run() as run:
        next(iter(run.carry_out(limit=1)))
        with pytest.raises(RunLockedError, match="another run is at work here") as caught:
            place.apply()
        assert told(place.plan()) == {A: "adopt present", B: "fetch new", C: "fetch new"}
        assert told(place.verify()) == {}

    assert caught.value.exit_code is ExitCode.RUN_LOCKED
    assert place.locked == {A}


def test_a_host_that_is_gone_ends_the_run_with_its_code(place: Place) -> None:
    """Ten products in a row that fail for want of the host end the run as an archive that can not be reached."""
    names = [f"jw00001001001_02101_{number:05}_nrca1_cal.fits" for number in range(10)]
    place.archive.add(*(Product(name, fits(name)) for name in names))
    place.archive.troubles |= dict.fromkeys([A, B, C, *names], Cause.HOST)

    report = place.apply()
    assert report.exit_code is ExitCode.ARCHIVE


def test_parts_that_nobody_claims_are_removed_when_all_is_fetched(synced: Place) -> None:
    """A run that leaves nothing to fetch clears what crashed runs left; one that leaves something does not."""
    part = synced.root / ".jwstsync" / "parts" / "0123456789abcdef01234567.free.part"
    part.write_bytes(b"half")
    synced.file(A).unlink()
    synced.archive.troubles[A] = Cause.NETWORK
    assert synced.apply().exit_code is ExitCode.PRODUCTS_FAILED
    assert part.exists()

    del synced.archive.troubles[A]
    assert synced.apply().exit_code is ExitCode.OK
    assert not part.exists()
