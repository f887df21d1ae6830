"""Who brought a file that is in place: nothing is taken for jwstsync's own that may be somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.core.layout import ProductPath
from jwstsync.store.journal import lockfile_key
from jwstsync.store.origins import Origins
from jwstsync.store.record import ADOPTED, WRITTEN, Entry, write_record
from jwstsync.store.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

NAME, PATH = "../jwstsync.lock", ProductPath("JWST/a_cal.fits")
OLD, NEW = "0" * 64, "1" * 64


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A root where a run on this lockfile wrote one file."""
    tree = Tree(tmp_path / "data")
    tree.prepare()
    write_record(tree.record_file, [Entry(PATH, "mast:a", 1, NAME, 2880, 5, OLD, "", WRITTEN)])
    return tree


def note(tree: Tree, text: str, name: str = "fetched/1.2.0", lockfile: str = NAME) -> int:
    """A script's note, and when it was written, in nanoseconds."""
    path = tree.state_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"of\t{lockfile_key(lockfile)}\n{text}", encoding="utf-8")
    return path.stat().st_mtime_ns


def test_what_a_run_wrote_is_known_by_its_bytes(tree: Tree) -> None:
    """Whatever its time; other bytes in the same place, or another lockfile's file, are somebody else's."""
    assert Origins(tree, NAME).of(PATH, OLD, 7) == WRITTEN
    assert Origins(tree, NAME).of(PATH, NEW, 5) == ADOPTED
    assert Origins(tree, "other.lock").of(PATH, OLD, 5) == ADOPTED
    assert Origins(tree, NAME).of(ProductPath("b.fits"), OLD, 5) == ADOPTED


@pytest.mark.parametrize("name", ["fetched/1.2.0", "script/run.1.2/outcome.0"])
def test_what_a_script_wrote_is_known_by_its_note(tree: Tree, name: str) -> None:
    """Also where the script was killed, or is still at work; what was written to later is not its any more."""
    at = note(tree, f"skipped\tb.fits\ndone\t{PATH}\n", name)
    assert Origins(tree, NAME).of(PATH, NEW, at) == WRITTEN
    assert Origins(tree, NAME).of(PATH, NEW, at + 1) == ADOPTED
    assert Origins(tree, NAME).of(ProductPath("b.fits"), NEW, at) == ADOPTED
    assert Origins(tree, "other.lock").of(PATH, NEW, at) == ADOPTED


@pytest.mark.parametrize("text", [f"done\t{PATH[:-3]}", f"done {PATH}\n", f"failed\t{PATH}\n", "\xff\n", ""])
def test_a_note_that_says_nothing_gives_no_right(tree: Tree, text: str) -> None:
    """A torn line, or another kind of line."""
    assert Origins(tree, NAME).of(PATH, NEW, note(tree, text) - 1) == ADOPTED


def test_what_can_not_be_read_is_no_note(tree: Tree) -> None:
    """It costs the right to prune and nothing else, and does not hinder the others."""
    at = note(tree, f"done\t{PATH}\n")
    (tree.state_folder / "fetched" / "0").mkdir()
    (tree.state_folder / "fetched" / "2").symlink_to("nowhere")
    assert Origins(tree, NAME).of(PATH, NEW, at) == WRITTEN
    Origins(tree, NAME).forget_notes()
    assert sorted(path.name for path in (tree.state_folder / "fetched").iterdir()) == ["0", "2"]


def test_notes_are_forgotten_by_lockfile(tree: Tree) -> None:
    """Those of other lockfiles stay, and notes that nobody can read are no trouble."""
    note(tree, "")
    note(tree, "", "fetched/2.2.0", "other.lock")
    Origins(tree, NAME).forget_notes()
    assert [path.name for path in (tree.state_folder / "fetched").iterdir()] == ["2.2.0"]
    Origins(tree, "other.lock").forget_notes()
    assert not (tree.state_folder / "fetched").exists()
    Origins(tree, NAME).forget_notes()


def test_notes_that_come_meanwhile_stay(tree: Tree) -> None:
    """A script that ends while a run is at work keeps its word for the next one."""
    note(tree, "")
    origins = Origins(tree, NAME)
    note(tree, "", "fetched/2.2.0")
    origins.forget_notes()
    assert [path.name for path in (tree.state_folder / "fetched").iterdir()] == ["2.2.0"]
