"""A changed layout: whole files are renamed, nothing is downloaded for it, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.store.record import WRITTEN, read_record
from jwstsync.store.tree import Tree
from tests.sync.fakes import EVERYTHING, A, B, FakeArchive, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from pathlib import Path

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
