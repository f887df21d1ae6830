"""How files elsewhere are brought in and moved, and how that may end: nothing is lost, whatever happens."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import DifferencesError, ExitCode
from jwstsync.store.commit import Committer
from jwstsync.store.record import read_record
from jwstsync.store.sources import Way
from jwstsync.sync.planning import Mode
from tests.sync.clock import FakeClock
from tests.sync.elsewhere import CONTENT, A, B, C, Elsewhere, X, all_of_them, refused, three_products, ways
from tests.sync.fakes import EVERYTHING, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.store.commit import Landing
    from tests.sync.fakes import FakeArchive

FICLONE = 0x40049409


@pytest.fixture
def archive() -> FakeArchive:
    """Three products with checksums."""
    return three_products()


@pytest.fixture
def old(tmp_path: Path) -> Elsewhere:
    """All of them elsewhere."""
    return all_of_them(tmp_path / "old")


def shares_blocks(descriptor: int, request: int, source: int) -> int:
    """What the call does on a file system that can: the bytes are there, in a file of its own."""
    assert request == FICLONE
    os.pwrite(descriptor, os.pread(source, 1 << 20, 0), 0)
    return 0


@pytest.mark.parametrize(
    ("blocks", "links", "move", "way"),
    [
        (True, True, False, Way.REFLINK),
        (False, True, False, Way.LINK),
        (False, False, False, Way.COPY),
        (True, True, True, Way.LINK),
        (True, False, True, Way.REFLINK),
        (False, False, True, Way.COPY),
    ],
)
def test_ways(
    place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch, *, blocks: bool, links: bool, move: bool, way: Way
) -> None:
    """Shared blocks before a second name before a copy; what is moved keeps its file where a second name can be had."""
    monkeypatch.setattr(fcntl, "ioctl", shares_blocks if blocks else refused)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refused)
    inode = (old.folder / B).stat().st_ino
    before = old.state
    report = place.apply(adopt_from=[old.folder], move=move)

    assert ways(report) == dict.fromkeys((A, B, C), way)
    assert (place.files, place.archive.sent) == (CONTENT, [])
    assert (place.file(B).stat().st_ino == inode) is (way is Way.LINK)
    assert old.state == ({} if move else before)


def test_an_edit_through_the_other_name_is_found(place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second name is one file: who edits the source in place edits the product, which is seen and put right."""
    monkeypatch.setattr(fcntl, "ioctl", refused)
    place.apply(adopt_from=[old.folder])
    mine = fits("my own work")
    (old.folder / B).write_bytes(mine)

    assert told(place.plan()) == {B: "repair truncated"}
    assert outcomes(place.apply()) == {B: "done"}
    assert place.files[B] == CONTENT[B]
    assert (old.folder / B).read_bytes() == mine


def test_a_file_like_the_damaged_one_gets_a_time_of_its_own(synced: Place, old: Elsewhere) -> None:
    """Where size and time would be those of what stands there, no crash may leave the one for the other."""
    source = old.folder / "mastDownload" / "JWST" / "jw00001" / A
    synced.file(A).write_bytes(fits("?"))
    os.utime(synced.file(A), ns=(0, source.stat().st_mtime_ns))
    report = synced.apply(adopt_from=[old.folder], move=True)

    assert ways(report)[A] is not Way.LINK
    assert synced.files[A] == CONTENT[A]
    assert not source.exists()


def test_a_source_that_can_not_be_read_is_left(place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its product is fetched, and the others come from there."""
    real = Path.open

    def opened(path: Path, *mode: str, **more: int) -> object:
        if path == old.folder / B:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *mode, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    report = place.apply(adopt_from=[old.folder])

    assert (place.archive.sent, place.files) == ([B], CONTENT)
    assert [left.why for left in report.left] == ["not read: Permission denied"]


def test_a_source_that_changes_is_left(place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes to it while it is read: its bytes get no name, and it is not removed."""
    source = old.folder / B
    real = fcntl.ioctl

    def written_to(descriptor: int, request: int, reader: int) -> int:
        if os.path.samestat(os.fstat(reader), source.stat()):
            source.write_bytes(fits("changing"))
        return real(descriptor, request, reader)

    monkeypatch.setattr(fcntl, "ioctl", written_to)
    report = place.apply(adopt_from=[old.folder])

    assert (place.archive.sent, place.files) == ([B], CONTENT)
    assert [left.why for left in report.left] == ["has changed meanwhile"]
    assert source.read_bytes() == fits("changing")


def test_a_second_name_that_changes_after_it_was_hashed_is_left(
    place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look before the name is given finds it."""
    source, real = old.folder / B, os.fsync

    def synced(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), source.stat()):
            source.write_bytes(fits("changing", blocks=2))
        real(descriptor)

    monkeypatch.setattr(fcntl, "ioctl", refused)
    monkeypatch.setattr(os, "fsync", synced)
    report = place.apply(adopt_from=[old.folder])

    assert [left.why for left in report.left] == ["has changed meanwhile"]
    assert (place.archive.sent, place.files) == ([B], CONTENT)


def test_a_source_that_is_another_by_now_is_not_removed(
    place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move takes away the file whose bytes are in place, and no other under its name."""
    mine, real = fits("mine", blocks=2), Committer.commit

    def commit(committer: Committer, landings: Sequence[Landing]) -> list[OSError | None]:
        committed = real(committer, landings)
        if landings[0].locked.path.endswith(B):
            (old.folder / B).unlink()
            old.put(B, mine)
        return committed

    monkeypatch.setattr(Committer, "commit", commit)
    report = place.apply(adopt_from=[old.folder], move=True)

    assert (old.folder / B).read_bytes() == mine
    assert [left.why for left in report.left] == ["brought in, and not removed: has changed meanwhile"]
    assert place.files == CONTENT


def test_a_source_that_can_not_be_removed_is_told(
    place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in place and recorded all the same."""
    real = Path.unlink

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if path.is_relative_to(old.folder):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    report = place.apply(adopt_from=[old.folder], move=True)

    assert {left.why for left in report.left} == {"brought in, and not removed: Permission denied"}
    assert (report.exit_code, place.locked, place.archive.sent) == (ExitCode.OK, {A, B, C}, [])


def test_a_full_disk_ends_a_run_that_copies(place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5, nothing is fetched, and nothing of the copies is left behind; nor is anything gone from there."""
    monkeypatch.setattr(fcntl, "ioctl", refused)
    monkeypatch.setattr(Path, "hardlink_to", refused)
    real = Path.open

    def opened(path: Path, *mode: str, **more: int) -> object:
        if path.suffix == ".brought" and mode == ("xb",):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, *mode, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    before = old.state
    report = place.apply(adopt_from=[old.folder], move=True)

    assert (report.exit_code, place.archive.sent) == (ExitCode.LIMIT, [])
    assert outcomes(report) == {A: "failed", B: "deferred", C: "deferred"}
    assert report.results[0].error == "not brought in: No space left on device"
    assert old.state == before
    assert list((place.root / ".jwstsync" / "parts").iterdir()) == []


# --- what a move takes, and what it leaves


def test_what_was_moved_is_never_pruned(place: Place, old: Elsewhere) -> None:
    """The record says of a moved file that it is somebody's own, and of a second name that it was written here."""
    (old.folder / C).symlink_to("nowhere")
    place.apply(adopt_from=[old.folder], move=True)
    moved = {entry.origin for entry in read_record(place.root / ".jwstsync" / "record.jsonl").values()}
    place.lock.unlink()
    shutil.rmtree(place.root)
    for name, content in CONTENT.items():
        old.put(name, content)
    place.archive.sent.clear()
    place.apply(adopt_from=[old.folder])
    brought = {entry.origin for entry in read_record(place.root / ".jwstsync" / "record.jsonl").values()}

    assert (moved, brought, place.archive.sent) == ({"adopted"}, {"written"}, [])


def test_a_link_is_followed_and_moves_alone(place: Place, old: Elsewhere, tmp_path: Path) -> None:
    """The file that a link leads to is not below the folder: it stays."""
    target = tmp_path / "store" / "0001"
    target.parent.mkdir()
    (old.folder / B).rename(target)
    (old.folder / B).symlink_to(target)
    report = place.apply(adopt_from=[old.folder], move=True)

    assert (report.left, place.archive.sent, place.files) == ((), [], CONTENT)
    assert not place.file(B).is_symlink()
    assert target.read_bytes() == CONTENT[B]
    assert not os.path.lexists(old.folder / B)


def test_the_root_may_be_the_folder(place: Place) -> None:
    """Files that lie elsewhere below the root come to their places; those in their places are adopted as they are."""
    for path, name in ((f"old/{A}", A), (f"JWST/jw00001/{B}", B), (f"JWST/jw00002/{C}", C)):
        Elsewhere(place.root).put(path, CONTENT[name])
    report = place.apply(adopt_from=[place.root], move=True)

    assert told(report.plan) == {A: "adopt offered", B: "adopt present", C: "adopt present"}
    assert (place.archive.sent, place.files, report.left) == ([], CONTENT, ())
    assert not (place.root / "old" / A).exists()


def test_a_damaged_product_is_no_file_elsewhere(synced: Place) -> None:
    """What stands in the product's own place is repaired, and not reported as a file that stays."""
    synced.file(A).write_bytes(fits("?"))
    report = synced.apply(adopt_from=[synced.root])

    assert (told(report.plan), report.left) == ({A: "repair modified"}, ())
    assert synced.files == CONTENT


def test_products_of_another_manifest_stay(synced: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two manifests may share a root: what the one has in its place is not moved away for the other."""
    layout = EVERYTHING.replace('root = "data"', f'root = "{synced.root}"\nlayout = "other/{{filename}}"')
    other = Place(tmp_path_factory.mktemp("other"), synced.archive, layout)
    report = other.apply(adopt_from=[synced.root], move=True)

    assert outcomes(report) == dict.fromkeys((A, B, C), "done")
    assert synced.archive.sent == []
    assert synced.file(A).read_bytes() == (synced.root / "other" / A).read_bytes() == CONTENT[A]
    assert told(synced.plan(Mode.FROZEN)) == {}


# --- ends


def test_a_stopped_run_leaves_the_rest(place: Place, old: Elsewhere) -> None:
    """What was brought in stays and is locked, what was not is deferred, and its source is where it was."""
    with place.open_run(adopt_from=[old.folder], move=True) as run:
        for _ in run.carry_out():
            run.stop()
    assert outcomes(run.report()) == {A: "done", B: "deferred", C: "deferred"}
    assert (place.locked, place.archive.sent) == ({A}, [])
    assert sorted(Path(path).name for path in old.state) == [B, C]
    assert place.apply(adopt_from=[old.folder], move=True).exit_code is ExitCode.OK
    assert (place.files, place.archive.sent, old.state) == (CONTENT, [], {})


def test_a_run_that_is_stopped_while_it_hashes_brings_nothing_in(
    place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file has no name."""

    def stop_and_refuse(*_: object) -> None:
        run.stop()
        refused()

    with place.open_run(adopt_from=[old.folder], move=True) as run:
        monkeypatch.setattr(fcntl, "ioctl", stop_and_refuse)
        monkeypatch.setattr(Path, "hardlink_to", refused)
        results = list(run.carry_out())

    assert {result.outcome for result in results} == {"deferred"}
    assert (place.files, len(old.state)) == ({}, 3)
    assert list((place.root / ".jwstsync" / "parts").iterdir()) == []


def test_the_end_of_the_time_is_the_reason(place: Place, old: Elsewhere) -> None:
    """What is left when the time is over says so."""
    clock = FakeClock()
    with place.open_run(adopt_from=[old.folder], max_duration=10, clock=clock.clock) as run:
        errors = []
        for result in run.carry_out():
            errors.append(result.error)
            clock.go_on(10)

    assert errors == [None, *["--max-duration: stopped before it was hashed"] * 2]


def test_nothing_is_adopted_that_a_lockfile_must_not_have(synced: Place, tmp_path: Path) -> None:
    """Under --locked a new product is a difference, though it lies elsewhere; under --frozen it is not looked for."""
    synced.archive.add(Product(X, fits("x")))
    elsewhere = Elsewhere(tmp_path / "old")
    elsewhere.put(X, fits("x"))
    with pytest.raises(DifferencesError, match=f"adopt {X}"):
        synced.apply(Mode.LOCKED, adopt_from=[elsewhere.folder])
    assert synced.apply(Mode.FROZEN, adopt_from=[elsewhere.folder]).results == ()
