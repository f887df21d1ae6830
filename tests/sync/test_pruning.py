"""`--prune`: what jwstsync wrote for this lockfile and nothing locks any more goes to the trash, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.layout import ProductPath
from jwstsync.core.orphans import Prune
from jwstsync.core.plan import ActionKind, Spared
from jwstsync.errors import DifferencesError, ExitCode, LimitError
from jwstsync.store.record import read_record
from jwstsync.store.tree import Tree
from jwstsync.sync.planning import Mode
from tests.sync.fakes import EVERYTHING, A, B, C, FakeArchive, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from pathlib import Path

PRUNE = Prune()
JUST_A = EVERYTHING.replace("[{}]", f'[{{ productFilename = "{A}" }}]')


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder in step with an archive of three products, of which one is wanted now."""
    place = Place(tmp_path, FakeArchive(Product(A, fits("a")), Product(B, fits("b", 2)), Product(C, fits("c"), 2)))
    assert place.apply().exit_code is ExitCode.OK
    place.write(JUST_A)
    return place


def record(place: Place) -> set[str]:
    """The file names that are remembered."""
    return {path.rpartition("/")[2] for path in read_record(Tree(place.root).record_file)}


def test_what_nothing_selects_goes_to_the_trash(place: Place) -> None:
    """It leaves lockfile, tree and record in one run, its folder too if that is empty, and nothing is left to do."""
    assert told(place.plan(prune=PRUNE)) == {B: "prune orphan", C: "prune orphan"}
    report = place.apply(prune=PRUNE)

    assert (report.exit_code, outcomes(report)) == (ExitCode.OK, {B: "done", C: "done"})
    assert (place.files, place.locked, record(place)) == ({A: fits("a")}, {A}, {A})
    assert place.trash == sorted([fits("b", 2), fits("c")])
    assert place.file(A).parent.is_dir()
    assert not place.file(C, 2).parent.exists()
    assert told(place.plan(prune=PRUNE)) == {}


def test_nothing_is_taken_away_unasked(place: Place) -> None:
    """Without the option what is dropped stays where it is; a later run prunes it, also one that asks nobody."""
    assert outcomes(place.apply()) == {B: "done", C: "done"}
    assert set(place.files) == {A, B, C}
    assert told(place.plan()) == {}

    report = place.apply(Mode.FROZEN, prune=PRUNE)
    assert (outcomes(report), set(place.files)) == ({B: "done", C: "done"}, {A})


def test_what_is_locked_is_not_pruned(place: Place) -> None:
    """A lockfile that pins it keeps it, whatever the manifest says; and one that must not change refuses."""
    assert told(place.plan(Mode.FROZEN, prune=PRUNE)) == {}
    with pytest.raises(DifferencesError, match=r"would change: prune b_cal.fits, prune c_cal.fits"):
        place.apply(Mode.LOCKED, prune=PRUNE)
    assert set(place.files) == {A, B, C}


def test_changed_adopted_and_foreign_files_stay(place: Place) -> None:
    """They are named, with the reason; a file that only has another time is hashed, and is what it was."""
    place.apply()
    place.file(B).write_bytes(fits("edited", 2))
    os.utime(place.file(C, 2), ns=(0, 5))
    place.file("mine.txt", 2).write_bytes(b"notes")
    found = place.plan(prune=PRUNE)

    assert told(found) == {C: "prune orphan"}
    here, there = "JWST/jw00001", "JWST/jw00002"
    assert list(found.spared) == [
        Spared(ProductPath(f"{here}/{B}"), "changed"),
        Spared(ProductPath(f"{there}/mine.txt"), "foreign"),
    ]
    assert place.diary.phases[-1] == "hashing 2 files"
    assert outcomes(place.apply(prune=PRUNE)) == {C: "done"}
    assert set(place.files) == {A, B, "mine.txt"}


def test_adopted_files_stay(tmp_path: Path) -> None:
    """What jwstsync did not write is not its to take away."""
    place = Place(tmp_path, FakeArchive(Product(A, fits("a")), Product(B, fits("b", 2))))
    place.file(B).parent.mkdir(parents=True)
    place.file(B).write_bytes(fits("b", 2))
    place.apply()
    place.write(JUST_A)
    found = place.plan(prune=PRUNE)

    assert told(found) == {B: "drop unselected"}
    assert list(found.spared) == [Spared(ProductPath(f"JWST/jw00001/{B}"), "adopted")]
    place.apply(prune=PRUNE)
    assert (set(place.files), place.locked, place.trash) == ({A, B}, {A}, [])


def test_a_failed_query_prunes_nothing(place: Place) -> None:
    """Whichever proposal it is; what else is to do is done."""
    place.archive.down.add(2)
    found = place.plan(prune=PRUNE)
    assert (found.doubt, told(found)) == ("proposal 2: could not be asked", {B: "drop unselected"})

    assert place.apply(prune=PRUNE).exit_code is ExitCode.ARCHIVE
    assert set(place.files) == {A, B, C}


def test_an_answer_that_is_suddenly_empty_prunes_nothing(place: Place) -> None:
    """Believed for the lockfile, it still is no reason to take files away; only in another run it is."""
    place.write(EVERYTHING)
    del place.archive.holdings[C]
    for allow_empty, left in ((False, {A, B, C}), (True, {A, B})):
        found = place.plan(prune=PRUNE, allow_empty=allow_empty)
        assert found.doubt == "proposal 2: had products, and now lists none"
        place.apply(prune=PRUNE, allow_empty=allow_empty)
        assert (set(place.files), place.locked) == ({A, B, C}, left)

    assert place.plan(prune=PRUNE).doubt == "proposal 2: had products, and now lists none"
    assert outcomes(place.apply(prune=PRUNE, allow_empty=True)) == {C: "done"}
    assert set(place.files) == {A, B}


def many(folder: Path, count: int, wanted: int) -> Place:
    """A folder in step with an archive of so many products, of which the last so many are wanted now."""
    names = [f"{number:03}_cal.fits" for number in range(count)]
    place = Place(folder, FakeArchive(*(Product(name, fits(name)) for name in names)))
    place.apply()
    listed = ", ".join(f'"{name}"' for name in names[count - wanted :])
    place.write(EVERYTHING.replace("[{}]", f"[{{ productFilename = [{listed}] }}]"))
    return place


def test_the_guard(tmp_path: Path) -> None:
    """More than a few files that are more than a tenth of the set need a word more; nothing is done without it."""
    place = many(tmp_path, 20, 9)
    before = place.state
    expected = "prune: 11 files, of 20 that are locked; expected --max-prune 11 if so many are meant"
    with pytest.raises(LimitError, match=expected):
        place.apply(prune=PRUNE)
    with pytest.raises(LimitError, match="--max-prune 10: the plan would prune 11 files"):
        place.apply(prune=Prune(10))
    assert place.state == before

    assert set(outcomes(place.apply(prune=Prune(11))).values()) == {"done"}
    assert len(place.files) == 9


def test_a_lockfile_that_somebody_else_wrote_meanwhile(place: Place) -> None:
    """What it may lock is not taken away."""
    with place.open_run(prune=PRUNE) as run:
        place.lock.write_text("version = 1\n", encoding="utf-8")
        results = {result.action.path.rpartition("/")[2]: result for result in run.carry_out()}

    assert {result.error for result in results.values()} == {"the lockfile was changed during the run"}
    assert set(place.files) == {A, B, C}
    place.lock.write_text("version = 1\n", encoding="utf-8")
    with place.open_run(Mode.FROZEN, prune=PRUNE) as run:
        place.lock.unlink()
        assert {result.outcome for result in run.carry_out()} == {"deferred"}


def test_a_file_that_changes_meanwhile_stays(place: Place) -> None:
    """It is looked at again just before it would go; so is whether anybody stops the run."""
    with place.open_run(prune=PRUNE) as run:
        place.file(B).write_bytes(b"edited")
        errors = {result.action.path.rpartition("/")[2]: result.error for result in run.carry_out()}
    assert (errors, set(place.files)) == ({B: "changed during the run", C: None}, {A, B})

    os.utime(place.file(A))
    place.write(EVERYTHING.replace("[{}]", '[{ productFilename = "d*" }]'))
    with place.open_run(prune=PRUNE) as run:
        run.stop()
        assert [result.error for result in run.carry_out()] == ["stopped before it was pruned"]


def test_two_manifests_share_a_root(place: Place) -> None:
    """One lockfile's runs prune neither what another's wrote nor what it locks; nothing if that can not be read."""
    text = EVERYTHING.replace("[{}]", f'[{{ productFilename = "{C}" }}]')
    (place.folder / "other").mkdir()
    other = Place(place.folder / "other", place.archive, text.replace('"data"', '"../data"'))
    other.file(C, 2).parent.mkdir(parents=True)
    os.utime(place.file(C, 2))
    other.apply()  # adopts it, so that the record names its lockfile
    place.archive.add(Product("d_cal.fits", fits("d", 4)))
    other.write(text.replace('"data"', '"../data"').replace(f'"{C}"', f'["{C}", "d*"]'))
    other.apply()
    assert told(place.plan(prune=PRUNE)) == {B: "prune orphan", C: "drop unselected"}

    entries = (place.root / ".jwstsync" / "record.jsonl").read_text(encoding="utf-8")
    for whose in ('"../other/jwstsync.lock"', '"../jwstsync.lock"'):  # this one wrote it, and the other locks it
        (place.root / ".jwstsync" / "record.jsonl").write_text(
            entries.replace('"../other/jwstsync.lock"', whose, 1).replace('"adopted"', '"written"'), encoding="utf-8"
        )
        assert told(place.plan(prune=PRUNE)) == {B: "prune orphan", C: "drop unselected"}
    other.lock.write_text("?", encoding="utf-8")
    assert str(place.plan(prune=PRUNE).doubt).startswith("another lockfile of this root is not valid: ")


def test_links_are_not_pruned(place: Place, tmp_path: Path) -> None:
    """Neither a link in the place of a file, nor what is reached through a linked folder."""
    place.apply()
    place.file(B).rename(tmp_path / "b")
    place.file(B).symlink_to(tmp_path / "b")
    place.file(C, 2).parent.rename(tmp_path / "c")
    place.file(C, 2).parent.symlink_to(tmp_path / "c")

    found = place.plan(prune=PRUNE)
    assert (told(found), {one.why for one in found.spared}) == ({}, {"linked"})
    assert place.apply(prune=PRUNE).exit_code is ExitCode.OK
    assert [place.file(B).read_bytes(), place.file(C, 2).read_bytes()] == [fits("b", 2), fits("c")]


def test_a_file_that_can_not_leave(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails for itself, and a later run tries again."""
    real = os.unlink

    def refuse(path: str | os.PathLike[str], **named: int) -> None:
        if str(path).endswith(B) and "trash" not in str(path):
            raise PermissionError(1, "not this one")
        real(path, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        report = place.apply(prune=PRUNE)
    assert (report.exit_code, outcomes(report)) == (ExitCode.PRODUCTS_FAILED, {B: "failed", C: "done"})
    assert [result.error for result in report.results if result.error] == ["not pruned: not this one"]
    assert outcomes(place.apply(prune=PRUNE)) == {B: "done"}


def test_what_moved_is_pruned_later(place: Place) -> None:
    """A file that jwstsync wrote is its own also at another place."""
    place.write(EVERYTHING.replace('root = "data"', 'root = "data"\nlayout = "{filename}"'))
    place.apply()
    place.write(JUST_A.replace('root = "data"', 'root = "data"\nlayout = "{filename}"'))
    assert outcomes(place.apply(prune=PRUNE)) == {B: "done", C: "done"}
    assert (set(place.files), place.trash) == ({A}, sorted([fits("b", 2), fits("c")]))


def test_what_an_update_left_at_an_old_place_is_pruned(place: Place) -> None:
    """Somebody brought the new bytes to the new place: the old file is nobody's any more."""
    place.write(EVERYTHING.replace('root = "data"', 'root = "data"\nlayout = "{filename}"'))
    place.archive.remake(A, fits("a new one", 3))
    (place.root / A).write_bytes(fits("a new one", 3))
    place.apply()
    found = place.plan(prune=PRUNE)

    assert [(one.kind, one.path) for one in found.differences] == [(ActionKind.PRUNE, f"JWST/jw00001/{A}")]
    place.apply(prune=PRUNE)
    assert (place.files[A], place.trash) == (fits("a new one", 3), [fits("a")])
