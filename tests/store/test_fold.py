"""What a run leaves behind: after any crash the lockfile says what is there, and no more."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from jwstsync.core.disk import FileState
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import Lockfile
from jwstsync.errors import LockfileError, StoreError
from jwstsync.store import fold as store_fold
from jwstsync.store.commit import landing_of_move
from jwstsync.store.fold import fold, lockfile_name, read_locked, recover, remember
from jwstsync.store.journal import journal_folder
from jwstsync.store.lockfiles import NO_LOCKFILE, lockfile_digest, read_lockfile, write_lockfile
from jwstsync.store.owners import own_name
from jwstsync.store.places import known_places, place_aside
from jwstsync.store.record import WRITTEN, read_record, write_record
from tests.core.strategies import sha256_of
from tests.store.destination import NEW, OLD, Destination, entry, path_of, product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jwstsync.store.commit import Landing

STEPS = ("fsync", "fdatasync", "link", "replace")


class CutOffError(BaseException):
    """The moment at which a run is killed."""


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    """A prepared root."""
    return Destination(tmp_path)


def locked_names(destination: Destination) -> list[str]:
    """The names of the products that the lockfile holds."""
    return [one.path.rpartition("/")[2] for one in read_lockfile(destination.lockfile)[0]]


def kill_at(patch: pytest.MonkeyPatch, step: int, *, after: bool) -> None:
    """Ends whatever runs before or after so many steps on the disk."""
    left = iter(range(step, -1, -1))

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> object:
            last = next(left, None) == 0
            if last and not after:
                raise CutOffError
            result = real(*arguments)
            if last:
                raise CutOffError
            return result

        return call

    for name in STEPS:
        patch.setattr(os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(15))
def test_crash_at_any_step_loses_nothing(tmp_path: Path, step: int, *, after: bool) -> None:
    """Killed at any step, the name has the old bytes or the new ones, the old are kept, and what is locked is there."""
    destination = Destination(tmp_path)
    place = destination.put(OLD)
    landing = destination.landing()
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, step, after=after)
        try:
            destination.cut_off_run(landing)
        except CutOffError:
            assert step < 13

    aside = destination.trash / path_of()
    there = place.read_bytes()
    assert there in {OLD, NEW}
    assert OLD in {there, aside.read_bytes() if aside.exists() else b""}

    recover(destination.tree, destination.lockfile)
    assert locked_names(destination) == (["a.fits"] if there == NEW else [])
    known = read_record(destination.tree.record_file)
    assert {one.sha256 for one in known.values()} == ({product().sha256} if there == NEW else set())


def test_run_cut_off_is_recovered(destination: Destination) -> None:
    """What a killed run had committed is in lockfile and record after the next start, and its journal is gone."""
    write_lockfile(destination.lockfile, Lockfile.of([product("before.fits")]))
    landings = [destination.landing("a.fits"), destination.landing("b.fits")]
    destination.cut_off_run(*landings, continues=lockfile_digest(destination.lockfile))

    assert recover(destination.tree, destination.lockfile) == 2

    assert locked_names(destination) == ["a.fits", "b.fits", "before.fits"]
    assert list(destination.journals.iterdir()) == []
    states = destination.tree.observe([path_of("a.fits"), path_of("b.fits")])
    assert [state.sha256 for state in states.values()] == [product().sha256] * 2


def test_recovering_again_finds_nothing(destination: Destination) -> None:
    """Recovery is done once; without journals nothing is read or written."""
    destination.cut_off_run(destination.landing())
    assert recover(destination.tree, destination.lockfile) == 1
    before = destination.lockfile.stat()

    assert recover(destination.tree, destination.lockfile) == 0

    assert destination.lockfile.stat() == before


def test_nothing_to_recover_reads_no_lockfile(destination: Destination) -> None:
    """Without a journal a damaged lockfile is not recovery's business."""
    destination.lockfile.write_bytes(b"damaged")

    assert recover(destination.tree, destination.lockfile) == 0


def _removed(place: Path) -> None:
    place.unlink()


def _shortened(place: Path) -> None:
    found = place.stat()
    place.write_bytes(NEW[:-1])
    os.utime(place, ns=(found.st_atime_ns, found.st_mtime_ns))


def _touched(place: Path) -> None:
    os.utime(place, ns=(0, 0))


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize("change", [_removed, _shortened, _touched, _folder])
def test_only_what_stands_is_recovered(destination: Destination, change: Callable[[Path], None]) -> None:
    """A product that does not stand as it was committed is not locked; those beside it are."""
    destination.cut_off_run(destination.landing("a.fits"), destination.landing("b.fits"))
    change(destination.place("a.fits"))

    assert recover(destination.tree, destination.lockfile) == 1

    assert locked_names(destination) == ["b.fits"]
    assert set(read_record(destination.tree.record_file)) == {path_of("b.fits")}


def test_journal_of_another_state_is_not_folded(destination: Destination) -> None:
    """A lockfile that was changed since the killed run read it stays as it is, and the journal is dropped."""
    destination.cut_off_run(destination.landing(), continues=NO_LOCKFILE)
    write_lockfile(destination.lockfile, Lockfile.of([product("theirs.fits")]))
    theirs = destination.lockfile.read_bytes()

    assert recover(destination.tree, destination.lockfile) == 0

    assert destination.lockfile.read_bytes() == theirs
    assert list(destination.journals.iterdir()) == []
    assert destination.place().read_bytes() == NEW


def test_files_are_known_whatever_the_lockfile_says(destination: Destination) -> None:
    """What a killed run committed need not be hashed again, also where the lockfile has been written since."""
    destination.cut_off_run(destination.landing("a.fits"), destination.landing("b.fits"), continues=NO_LOCKFILE)
    write_lockfile(destination.lockfile, Lockfile.of([product("a.fits"), product("b.fits")]))
    _touched(destination.place("b.fits"))

    recover(destination.tree, destination.lockfile)

    states = destination.tree.observe([path_of("a.fits"), path_of("b.fits")])
    assert {path: state.sha256 for path, state in states.items()} == {
        path_of("a.fits"): product().sha256,
        path_of("b.fits"): None,
    }


# --- what is locked while runs are at work


def test_what_a_run_has_put_in_place_is_locked_already(destination: Destination) -> None:
    """It is read with the lockfile, which stays as it is; what is not in place as committed does not count."""
    destination.cut_off_run(destination.landing("a.fits"), destination.landing("b.fits"))
    destination.place("b.fits").unlink()
    read = read_locked(destination.tree, destination.lockfile)

    assert list(read) == [product("a.fits")]
    assert not destination.lockfile.exists()
    assert list(destination.journals.iterdir())


def test_what_continues_another_lockfile_is_not_locked(destination: Destination) -> None:
    """Somebody else wrote the lockfile since."""
    destination.cut_off_run(destination.landing("a.fits"))
    write_lockfile(destination.lockfile, Lockfile.of([product("b.fits")]))

    assert list(read_locked(destination.tree, destination.lockfile)) == [product("b.fits")]


@pytest.mark.parametrize("step", ["read_lockfile", "read_journal"])
def test_a_run_that_ends_meanwhile(destination: Destination, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Whether it folds once the lockfile was read, or before its journal is: what it has put in place is locked."""
    destination.cut_off_run(destination.landing("a.fits"))
    real, first = getattr(store_fold, step), iter([True])

    def late(path: Path) -> object:
        ends = next(first, False)
        if ends and step == "read_journal":
            recover(destination.tree, destination.lockfile)
        found = real(path)
        if ends and step == "read_lockfile":
            recover(destination.tree, destination.lockfile)
        return found

    monkeypatch.setattr(store_fold, step, late)

    assert list(read_locked(destination.tree, destination.lockfile)) == [product("a.fits")]
    assert locked_names(destination) == ["a.fits"]


def test_torn_files_of_dead_runs_are_removed(destination: Destination) -> None:
    """A run that was killed while it wrote the lockfile leaves nothing beside it, once the next has begun."""
    for path in (destination.lockfile, destination.tree.record_file, destination.tree.suspects_file):
        path.with_name(f".{path.name}.{own_name()}.tmp").write_bytes(b"of a run at work")
        path.with_name(f".{path.name}.0-x.tmp").write_bytes(b"half a fi")
    mine = destination.lockfile.with_name(".jwstsync.lock.swp")
    mine.write_bytes(b"an editor's")

    recover(destination.tree, destination.lockfile)

    left = [path.read_bytes() for path in destination.lockfile.parent.rglob(".*.*.tmp")]
    assert left == [b"of a run at work"] * 3
    assert mine.exists()


def test_journals_of_several_runs_are_folded_together(destination: Destination) -> None:
    """Several runs that were killed one after the other lose nothing, and the last bytes of a product count."""
    destination.cut_off_run(destination.landing("a.fits", OLD))
    destination.cut_off_run(destination.landing("b.fits"))
    destination.cut_off_run(destination.landing("a.fits", NEW))

    assert recover(destination.tree, destination.lockfile) == 2

    assert read_lockfile(destination.lockfile)[0] == Lockfile.of([product("a.fits", NEW), product("b.fits")])


def test_other_lockfiles_journals_are_left(destination: Destination) -> None:
    """Where several manifests share a root, each one's recovery leaves the journals of the others."""
    destination.cut_off_run(destination.landing())
    other = destination.lockfile.with_name("other.lock")

    assert recover(destination.tree, other) == 0

    assert not other.exists()
    assert recover(destination.tree, destination.lockfile) == 1


def test_recovered_product_takes_its_path(destination: Destination) -> None:
    """A product that was put where another was locked takes its place, so that the lockfile stays valid."""
    listed_anew = replace(product(), uri="mast:JWST/product/v2/a.fits")
    write_lockfile(destination.lockfile, Lockfile.of([product(), product("b.fits")]))
    landing = replace(destination.landing(), locked=listed_anew)
    destination.cut_off_run(landing, continues=lockfile_digest(destination.lockfile))

    assert recover(destination.tree, destination.lockfile) == 1

    assert read_lockfile(destination.lockfile)[0] == Lockfile.of([listed_anew, product("b.fits")])


def test_damaged_journal_is_dropped(destination: Destination) -> None:
    """A journal that says nothing any more is removed, and costs nothing but a new look at the files."""
    destination.journals.mkdir(parents=True)
    (destination.journals / "1-0.jsonl").write_bytes(bytes(100))

    assert recover(destination.tree, destination.lockfile) == 0

    assert list(destination.journals.iterdir()) == []
    assert not destination.lockfile.exists()


def test_damaged_lockfile_keeps_the_journal(destination: Destination) -> None:
    """Where the lockfile is damaged nothing is folded, and nothing forgotten, until it is put right."""
    destination.cut_off_run(destination.landing())
    destination.lockfile.write_bytes(b"damaged")

    with pytest.raises(LockfileError):
        recover(destination.tree, destination.lockfile)

    destination.lockfile.unlink()
    assert recover(destination.tree, destination.lockfile) == 1


def test_failed_recovery_keeps_the_journal(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lockfile can not be written the journal stays, so that the next start tries again."""
    destination.cut_off_run(destination.landing())

    def full(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="lockfile: No space left"):
            recover(destination.tree, destination.lockfile)

    assert recover(destination.tree, destination.lockfile) == 1
    assert locked_names(destination) == ["a.fits"]


def test_journal_that_can_not_be_read_is_told(destination: Destination) -> None:
    """A folder in the place of a journal ends the run and is named."""
    (destination.journals / "1-0.jsonl").mkdir(parents=True)

    with pytest.raises(StoreError, match=r"journal: .*1-0.jsonl: Is a directory"):
        recover(destination.tree, destination.lockfile)


def test_fold_writes_onto_what_was_read(destination: Destination) -> None:
    """A lockfile that is as the run read it says afterwards what the run says, also where there was none."""
    digest = fold(destination.lockfile, NO_LOCKFILE, Lockfile.of([product()]))
    assert digest == lockfile_digest(destination.lockfile)

    assert fold(destination.lockfile, digest, Lockfile.of([product("b.fits")])) == lockfile_digest(destination.lockfile)

    assert locked_names(destination) == ["b.fits"]


@pytest.mark.parametrize("theirs", [b"version = 1\n", b"anything", None])
def test_fold_never_overwrites_others(destination: Destination, theirs: bytes | None) -> None:
    """A lockfile that somebody wrote or removed during the run is left as they left it."""
    write_lockfile(destination.lockfile, Lockfile.of([product()]))
    _, digest = read_lockfile(destination.lockfile)
    destination.lockfile.unlink()
    if theirs is not None:
        destination.lockfile.write_bytes(theirs)

    assert fold(destination.lockfile, digest, Lockfile.of([product("b.fits")])) is None

    assert (destination.lockfile.read_bytes() if destination.lockfile.exists() else None) == theirs


def test_remembering_adds_to_what_is_known(destination: Destination) -> None:
    """Each run's entries come to those of the runs before, and replace what they know of the same files."""
    tree = destination.tree
    remember(tree, [entry("a.fits", OLD), entry("b.fits")])
    remember(tree, [entry("a.fits", NEW)])

    assert read_record(tree.record_file) == {
        path_of("a.fits"): entry("a.fits", NEW),
        path_of("b.fits"): entry("b.fits"),
    }


def test_remembering_nothing_writes_nothing(destination: Destination) -> None:
    """A run that changed nothing leaves no record behind."""
    remember(destination.tree, [])

    assert not destination.tree.record_file.exists()


def test_record_that_can_not_be_written_is_told(destination: Destination) -> None:
    """A folder in the record's place ends the run and is named."""
    destination.tree.record_file.mkdir()

    with pytest.raises(StoreError, match=r"local state: .*record.jsonl"):
        remember(destination.tree, [entry()])


def test_lockfile_is_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root and its lockfile that are moved together still belong together, however they are spelled."""
    here, there = Destination(tmp_path / "here"), Destination(tmp_path / "there")
    assert lockfile_name(here.tree, here.lockfile) == lockfile_name(there.tree, there.lockfile) == "../jwstsync.lock"

    monkeypatch.chdir(here.lockfile.parent)
    relative = type(here.lockfile)("jwstsync.lock")
    assert lockfile_name(here.tree, relative) == "../jwstsync.lock"
    assert journal_folder(here.tree.state_folder, "../jwstsync.lock") == here.journals


def test_same_name_in_other_case_takes_the_place(destination: Destination) -> None:
    """Where two names differ only by case the recovered one counts, since a lockfile may hold only one of them."""
    shouted = replace(product("b.fits"), uri="mast:JWST/product/A.fits", path=ProductPath("jwst/OBS/a.fits"))
    write_lockfile(destination.lockfile, Lockfile.of([shouted]))
    destination.cut_off_run(destination.landing(), continues=lockfile_digest(destination.lockfile))

    recover(destination.tree, destination.lockfile)

    assert read_lockfile(destination.lockfile)[0] == Lockfile.of([product()])


def moved(destination: Destination, name: str, content: bytes, target: str) -> Landing:
    """A product's file that is about to have another name."""
    place = destination.place(name)
    state = FileState(len(content), sha256_of(content), mtime_ns=place.stat().st_mtime_ns)
    locked = replace(product(name, content), path=path_of(target))
    return landing_of_move(place, locked, state, origin=WRITTEN, left=path_of(name))


def same_but_for_the_bytes(destination: Destination) -> tuple[bytes, bytes]:
    """Two locked files in place that only their bytes tell apart."""
    contents = OLD, OLD[::-1]
    for name, content in zip(("a.fits", "b.fits"), contents, strict=True):
        os.utime(destination.put(content, name), ns=(1, 1))
    products = [product(name, content) for name, content in zip(("a.fits", "b.fits"), contents, strict=True)]
    write_lockfile(destination.lockfile, Lockfile.of(products))
    return contents


def test_a_file_is_not_taken_for_another_of_its_size_and_time(destination: Destination) -> None:
    """A run that was cut off before a file had its new name has not moved it, whatever stands there."""
    contents = same_but_for_the_bytes(destination)
    before = destination.lockfile.read_bytes()
    committer, _ = destination.committer(lockfile_digest(destination.lockfile))
    committer.put_by(moved(destination, "a.fits", contents[0], "b.fits"), place_aside("mast:a"), stays=False)

    assert recover(destination.tree, destination.lockfile) == 0
    assert destination.lockfile.read_bytes() == before
    assert read_record(destination.tree.record_file) == {}


def test_a_file_that_made_room_is_locked_where_it_belongs(destination: Destination) -> None:
    """A run that was cut off after another had taken its place, and before it had its own, loses neither."""
    contents = same_but_for_the_bytes(destination)
    committer, _ = destination.committer(lockfile_digest(destination.lockfile))
    first, second = (
        moved(destination, "a.fits", contents[0], "b.fits"),
        moved(destination, "b.fits", contents[1], "a.fits"),
    )
    committer.put_by(first, place_aside(first.locked.uri), stays=False)
    assert committer.commit([second]) == [None]

    assert recover(destination.tree, destination.lockfile) == 1
    locked, _ = read_lockfile(destination.lockfile)
    assert {one.sha256: one.path for one in locked} == {
        sha256_of(contents[0]): path_of("b.fits"),
        sha256_of(contents[1]): path_of("a.fits"),
    }
    places = known_places(destination.tree, "../jwstsync.lock", [first.locked.uri])
    [waiting] = places[first.locked.uri]
    assert destination.tree.place(waiting).read_bytes() == contents[0]


def test_what_a_file_has_left_is_forgotten(destination: Destination) -> None:
    """Its old record goes, and the folders that only it was in, also if the run was cut off after the move."""
    destination.put(OLD, "deep/er/a.fits")
    line = replace(entry("deep/er/a.fits", OLD), mtime_ns=destination.place("deep/er/a.fits").stat().st_mtime_ns)
    write_record(destination.tree.record_file, [line])
    committer, _ = destination.committer(lockfile_digest(destination.lockfile))
    assert committer.commit([moved(destination, "deep/er/a.fits", OLD, "a.fits")]) == [None]
    assert destination.place("deep/er").is_dir()

    assert recover(destination.tree, destination.lockfile) == 1
    assert set(read_record(destination.tree.record_file)) == {path_of("a.fits")}
    assert not destination.place("deep").exists()
    assert destination.place("a.fits").read_bytes() == OLD
