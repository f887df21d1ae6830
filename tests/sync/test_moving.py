"""A changed layout: whole files are renamed, nothing is downloaded for it, and nothing is lost."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.plan import ActionKind
from jwstsync.errors import DifferencesError, ExitCode
from jwstsync.executors import Cause
from jwstsync.store.lockfiles import write_lockfile
from jwstsync.store.record import WRITTEN, read_record
from jwstsync.store.tree import Tree
from jwstsync.sync.planning import Mode
from tests.sync.fakes import EVERYTHING, RIGHT, A, B, FakeArchive, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Path: TypeAlias = str | os.PathLike[str]

FLAT = "{filename}"
BY_PROPOSAL = "p{proposal_id}/{filename}"


def with_layout(layout: str, text: str = EVERYTHING) -> str:
    """A manifest with another layout."""
    return text.replace('root = "data"\n', f'root = "data"\nlayout = "{layout}"\n')


def paths(place: Place) -> set[str]:
    """All files and folders below the root but the local state."""
    found = (path.relative_to(place.root) for path in place.root.rglob("*"))
    return {str(path) for path in found if ".jwstsync" not in path.parts}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder in step with an archive of two products."""
    place = Place(tmp_path, FakeArchive(Product(A, fits("a")), Product(B, fits("b", 2), proposal=2)))
    assert place.apply().exit_code is ExitCode.OK
    place.archive.sent.clear()
    return place


def test_files_are_renamed(place: Place) -> None:
    """Nothing is asked of the archive for it, the folders that were left go, and nothing is left to do."""
    inodes = {name: place.file(name, number).stat().st_ino for name, number in ((A, 1), (B, 2))}
    place.write(with_layout(BY_PROPOSAL))
    assert told(place.plan()) == {A: "move layout", B: "move layout"}
    report = place.apply()

    assert (report.exit_code, outcomes(report), place.archive.sent) == (ExitCode.OK, {A: "done", B: "done"}, [])
    assert paths(place) == {"p1", f"p1/{A}", "p2", f"p2/{B}"}
    assert {name: (place.root / path).stat().st_ino for name, path in ((A, f"p1/{A}"), (B, f"p2/{B}"))} == inodes
    assert {one.path for one in place.lockfile} == {f"p1/{A}", f"p2/{B}"}
    assert told(place.plan()) == {}
    known = read_record(Tree(place.root).record_file)
    assert {path: entry.origin for path, entry in known.items()} == {f"p1/{A}": WRITTEN, f"p2/{B}": WRITTEN}
    assert place.trash == []


def test_and_back(place: Place) -> None:
    """Two changes of the layout leave everything as it was, the lockfile included."""
    before = place.lock.read_bytes(), paths(place)
    for layout in (FLAT, BY_PROPOSAL, FLAT, "{obs_collection}/{obs_id}/{filename}"):
        place.write(with_layout(layout))
        assert place.apply().exit_code is ExitCode.OK

    assert (place.lock.read_bytes(), paths(place)) == before
    assert (place.archive.sent, place.trash) == ([], [])


def with_paths(place: Place, **paths: str) -> None:
    """Writes a lockfile that has products elsewhere: somebody else's, say, from version control."""
    names = {A: "a", B: "b"}
    locked = [replace(one, path=ProductPath(paths[names[one.uri.rpartition("/")[2]]])) for one in place.lockfile]
    write_lockfile(place.lock, Lockfile.of(locked))


def test_files_exchange_places(place: Place) -> None:
    """Nothing is downloaded for it, and a lockfile that pins other paths is enough to ask for it."""
    with_paths(place, a=f"JWST/jw00002/{B}", b=f"JWST/jw00001/{A}")
    before = place.lock.read_bytes()
    assert [(one.kind, one.source) for one in place.plan(Mode.FROZEN).actions] == [
        (ActionKind.MOVE, f"JWST/jw00001/{A}"),
        (ActionKind.MOVE, f"JWST/jw00002/{B}"),
    ]
    report = place.apply(Mode.FROZEN)

    assert [result.outcome for result in report.results] == ["done", "done"]
    assert place.files == {A: fits("b", 2), B: fits("a")}
    assert (place.lock.read_bytes(), place.archive.sent, place.trash) == (before, [], [])
    assert told(place.plan(Mode.FROZEN)) == {}
    assert list((place.root / ".jwstsync" / "moves").iterdir()) == []

    assert place.apply().exit_code is ExitCode.OK  # the manifest's layout has them where they were
    assert (place.files, place.archive.sent) == ({A: fits("a"), B: fits("b", 2)}, [])


def test_a_file_becomes_a_folder_of_itself_and_back(place: Place) -> None:
    """What stands where a folder is needed makes room first."""
    with_paths(place, a="x", b=f"JWST/jw00002/{B}")
    place.apply(Mode.FROZEN)
    with_paths(place, a="x/y/z", b="x/b")
    assert place.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert paths(place) == {"x", "x/y", "x/y/z", "x/b"}
    with_paths(place, a="b", b="x")
    assert place.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert (paths(place), place.files, place.archive.sent) == ({"b", "x"}, {"b": fits("a"), "x": fits("b", 2)}, [])


def test_folders_that_are_not_ours_stay(place: Place) -> None:
    """One with a file of somebody else stays; one that is reached by a link does, wherever that leads."""
    place.file("notes").write_bytes(b"mine")
    (place.root / "JWST").rename(place.folder / "far")
    (place.root / "JWST").symlink_to(place.folder / "far")
    place.write(with_layout(FLAT))
    assert place.apply().exit_code is ExitCode.OK
    assert paths(place) == {A, B, "JWST"}
    assert {path.name for path in (place.folder / "far").rglob("*")} == {"jw00001", "notes", "jw00002"}


def test_the_folder_of_an_adopted_file_stays(tmp_path: Path) -> None:
    """Somebody else made it, whatever jwstsync has put there since."""
    place = Place(tmp_path, FakeArchive(Product(A, fits("a")), Product(B, fits("b", 2))))
    place.file(A).parent.mkdir(parents=True)
    place.file(A).write_bytes(fits("a"))
    place.apply()
    place.write(with_layout(FLAT))
    place.apply()

    assert (paths(place), place.archive.sent) == ({A, B, "JWST", "JWST/jw00001"}, [B])
    record = read_record(Tree(place.root).record_file)
    assert {path: entry.origin for path, entry in record.items()} == {A: "adopted", B: WRITTEN}


def test_a_foreign_file_in_the_way_goes_to_the_trash(place: Place) -> None:
    """As where something is fetched."""
    (place.root / A).write_bytes(b"mine")
    place.write(with_layout(FLAT))
    place.apply()
    assert (place.files[A], place.trash) == (fits("a"), [b"mine"])


@pytest.mark.parametrize(("on_update", "aside"), [("replace", "trash"), ("keep", "versions")])
def test_an_update_at_a_new_place(place: Place, on_update: str, aside: str) -> None:
    """The old bytes move, and give way there as ever: none is left at the old place."""
    place.write(with_layout(FLAT).replace("[destination]", f'[destination]\non_update = "{on_update}"'))
    place.archive.remake(A, fits("a new one", 3))
    assert told(place.plan()) == {A: "update changed", B: "move layout"}
    assert place.apply().exit_code is ExitCode.OK

    assert (place.files, paths(place)) == ({A: fits("a new one", 3), B: fits("b", 2)}, {A, B})
    [old] = [path for path in (place.root / ".jwstsync" / aside).rglob(A) if path.is_file()]
    assert old.read_bytes() == fits("a")
    assert told(place.plan()) == {}


def test_an_update_that_fails_at_a_new_place(place: Place) -> None:
    """The old bytes are there, locked there, and the next run has only to update them."""
    place.write(with_layout(FLAT))
    place.archive.remake(A, fits("a new one", 3))
    place.archive.troubles[A] = Cause.HOST
    assert outcomes(place.apply()) == {A: "failed", B: "done"}

    assert place.files == {A: fits("a"), B: fits("b", 2)}
    assert {one.path for one in place.lockfile} == {A, B}
    assert [one.source for one in place.plan().differences] == [None]


def test_what_is_withheld_moves(tmp_path: Path) -> None:
    """What is locked and here keeps to the layout, though its new version can not be had."""
    place = Place(tmp_path, FakeArchive(Product(A, fits("a"), public=False)))
    place.settings = replace(place.settings, token=RIGHT)
    place.apply()
    place.settings = replace(place.settings, token=None)
    place.archive.remake(A, fits("a new one", 3))
    place.write(with_layout(FLAT))
    report = place.apply()

    assert (outcomes(report), paths(place)) == ({A: "withheld"}, {A})
    assert [one.path for one in place.lockfile] == [A]


def test_a_repair_at_a_new_place(place: Place) -> None:
    """What was damaged at the old place goes to the trash once its successor stands at the new one."""
    place.file(A).write_bytes(fits("a")[:-1])
    place.write(with_layout(FLAT))
    place.archive.troubles[A] = Cause.HOST
    assert told(place.plan()) == {A: "repair truncated", B: "move layout"}
    assert outcomes(place.apply()) == {A: "failed", B: "done"}
    assert place.file(A).read_bytes() == fits("a")[:-1]

    place.archive.troubles.clear()
    assert place.apply().exit_code is ExitCode.OK
    assert (paths(place), place.files[A], place.trash) == ({A, B}, fits("a"), [fits("a")[:-1]])


def test_locked_refuses(place: Place) -> None:
    """A move changes the lockfile."""
    place.write(with_layout(FLAT))
    before = place.state
    with pytest.raises(DifferencesError, match=r"would change: move a_cal.fits, move b_cal.fits"):
        place.apply(Mode.LOCKED)
    assert place.state == before


def test_frozen_keeps_to_the_lockfile(place: Place) -> None:
    """The paths in it count, not the manifest's layout."""
    place.write(with_layout(FLAT))
    assert told(place.plan(Mode.FROZEN)) == {}


def test_a_limit_is_one_of_downloads(place: Place) -> None:
    """Moves cost none."""
    place.write(with_layout(FLAT))
    place.archive.add(Product("c_cal.fits", fits("c")))
    assert outcomes(place.apply(limit=0)) == {A: "done", B: "done", "c_cal.fits": "deferred"}


def test_a_run_that_is_stopped_moves_no_more(place: Place) -> None:
    """The next one does."""
    place.write(with_layout(FLAT))
    with place.open_run() as run:
        run.stop()
        errors = {result.action.path: result.error for result in run.carry_out()}
    assert errors == dict.fromkeys((A, B), "stopped before it was moved")
    assert {one.path for one in place.lockfile} == {f"JWST/jw00001/{A}", f"JWST/jw00002/{B}"}
    assert place.apply().exit_code is ExitCode.OK


def test_a_file_that_changes_meanwhile_is_not_moved(place: Place) -> None:
    """It fails for itself; the next run looks at it anew."""
    place.write(with_layout(FLAT))
    with place.open_run() as run:
        place.file(A).write_bytes(b"edited")
        results = {result.action.path: (result.outcome, result.error) for result in run.carry_out()}
    assert results == {A: ("failed", "not moved: changed during the run"), B: ("done", None)}
    assert place.file(A).read_bytes() == b"edited"


def refusing(monkeypatch: pytest.MonkeyPatch, refused: Callable[[str, str], bool], code: int) -> None:
    """Has the system refuse to rename some files."""

    def refusing_to(real: Callable[[_Path, _Path], None]) -> Callable[[_Path, _Path], None]:
        def refuse(source: _Path, target: _Path) -> None:
            if refused(os.fspath(source), os.fspath(target)):
                raise OSError(code, os.strerror(code))
            real(source, target)

        return refuse

    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, refusing_to(getattr(os, name)))


def test_a_file_that_can_not_be_moved_is_in_nobodys_way(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to have its place fails too, a circle is undone, and nothing is lost; the next run has it all done."""
    with_paths(place, a=f"JWST/jw00002/{B}", b="b")
    refusing(monkeypatch, lambda source, _: source.endswith(B), errno.EACCES)
    report = place.apply(Mode.FROZEN)
    taken = "a product stands in its place that could not be moved"
    assert {result.error for result in report.results} == {"not moved: Permission denied", f"not moved: {taken}"}
    assert (report.exit_code, place.files) == (ExitCode.PRODUCTS_FAILED, {A: fits("a"), B: fits("b", 2)})

    with_paths(place, a=f"JWST/jw00002/{B}", b=f"JWST/jw00001/{A}")
    for refused in (B, A):
        with monkeypatch.context() as patch:
            refusing(patch, lambda source, _, name=refused: source.endswith(name), errno.EACCES)  # type: ignore[misc]
            assert set(outcomes(place.apply(Mode.FROZEN)).values()) == {"failed"}
        assert place.files == {A: fits("a"), B: fits("b", 2)}
    monkeypatch.undo()
    assert place.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert (place.files, place.trash) == ({A: fits("b", 2), B: fits("a")}, [])


def test_a_new_product_does_not_take_the_place_of_one_that_could_not_be_moved(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails instead, and comes with the next run."""
    with_paths(place, a=f"JWST/jw00001/{A}", b="JWST/jw00001/c_cal.fits")
    place.apply(Mode.FROZEN)
    place.archive.add(Product("c_cal.fits", fits("c", 3)))
    with monkeypatch.context() as patch:
        refusing(patch, lambda source, _: source.endswith("jw00001/c_cal.fits"), errno.EACCES)
        assert outcomes(place.apply()) == {"c_cal.fits": "failed", B: "failed"}
    assert (place.files["c_cal.fits"], place.trash) == (fits("b", 2), [])
    assert place.apply().exit_code is ExitCode.OK
    assert (place.files, place.archive.sent) == (
        {A: fits("a"), B: fits("b", 2), "c_cal.fits": fits("c", 3)},
        ["c_cal.fits"],
    )


def test_another_disk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that can not be renamed from one disk to the other is copied, and then gone from the first."""

    def is_far(path: str | os.PathLike[str]) -> bool:
        return "/jw00001/" in os.fspath(path)

    def link(
        source: str | os.PathLike[str], target: str | os.PathLike[str], real: Callable[..., None] = os.link
    ) -> None:
        if is_far(source) != is_far(target):
            raise OSError(errno.EXDEV, "another disk")
        real(source, target)

    refusing(monkeypatch, lambda source, target: is_far(source) != is_far(target), errno.EXDEV)
    monkeypatch.setattr(os, "link", link)
    place.write(with_layout(FLAT))
    assert place.apply().exit_code is ExitCode.OK
    assert (paths(place), place.files, place.archive.sent) == ({A, B}, {A: fits("a"), B: fits("b", 2)}, [])


def test_a_copy_that_is_not_right_is_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays where it is."""
    refusing(monkeypatch, lambda source, _: source.endswith(f"jw00001/{A}"), errno.EXDEV)
    monkeypatch.setattr(os, "link", lambda *_: _refuse())
    monkeypatch.setattr("jwstsync.store.commit.shutil.copy2", lambda _, name: Path(name).write_bytes(b"?"))
    place.write(with_layout(FLAT))
    report = place.apply()
    assert {result.action.path: result.error for result in report.results} == {
        A: "not moved: its copy is not the same",
        B: None,
    }
    assert place.files == {A: fits("a"), B: fits("b", 2)}
    assert list((place.root / ".jwstsync" / "moves").iterdir()) == []


def _refuse() -> None:
    raise OSError(errno.EXDEV, "another disk")


@pytest.mark.parametrize("swap", [False, True])
def test_a_link_leads_where_it_led(place: Place, *, swap: bool) -> None:
    """A product that somebody has put elsewhere, with a link in its place, stays there; the link moves."""
    (place.root / "store").mkdir()
    place.file(A).rename(place.root / "store" / "a")
    place.file(A).symlink_to("../../store/a")
    with_paths(place, a=f"JWST/jw00002/{B}" if swap else "deep/er/a", b=f"JWST/jw00001/{A}" if swap else "b")
    assert place.apply(Mode.FROZEN).exit_code is ExitCode.OK

    moved = place.root / (f"JWST/jw00002/{B}" if swap else "deep/er/a")
    assert (moved.is_symlink(), moved.resolve()) == (True, (place.root / "store" / "a").resolve())
    assert not place.file(A).is_symlink()
    assert told(place.plan(Mode.FROZEN)) == {}
    assert (place.archive.sent, place.trash) == ([], [])


def test_what_another_lockfile_has_there_stays_there(place: Place) -> None:
    """Two manifests may share a root: the file gets a second name."""
    (place.folder / "other").mkdir()
    other = Place(place.folder / "other", place.archive, EVERYTHING.replace('"data"', '"../data"'))
    other.apply()
    place.write(with_layout(FLAT))
    assert place.apply().exit_code is ExitCode.OK
    assert set(paths(place)) >= {A, B, f"JWST/jw00001/{A}", f"JWST/jw00002/{B}"}
    assert told(other.plan()) == told(place.plan()) == {}
    assert place.archive.sent == []


def test_what_a_dead_run_put_aside_is_not_lost(place: Place) -> None:
    """A product that lacks it takes it from there; what none lacks goes to the trash."""
    moves = place.root / ".jwstsync" / "moves"
    with_paths(place, a=f"JWST/jw00002/{B}", b=f"JWST/jw00001/{A}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jwstsync.store.commit.Committer.commit", _die)
        with pytest.raises(_DeadError):
            place.apply(Mode.FROZEN)
    [waiting] = moves.iterdir()
    assert waiting.read_bytes() in {fits("a"), fits("b", 2)}
    (moves / "0123.4567").write_bytes(b"nobody's")
    assert place.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert (place.files, place.archive.sent, place.trash) == ({A: fits("b", 2), B: fits("a")}, [], [b"nobody's"])
    assert {entry.origin for entry in read_record(Tree(place.root).record_file).values()} == {WRITTEN}


class _DeadError(BaseException):
    """The end of a process."""


def _die(*_: object) -> None:
    raise _DeadError
