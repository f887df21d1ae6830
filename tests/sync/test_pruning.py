"""`--prune`: what jwstsync wrote for this lockfile and nothing locks any more goes to the trash, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.orphans import Prune
from jwstsync.core.plan import ActionKind, Left
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
    assert place.files.keys() == {A, B, C}
    assert told(place.plan()) == {}

    report = place.apply(Mode.FROZEN, prune=PRUNE)
    assert (outcomes(report), place.files.keys()) == ({B: "done", C: "done"}, {A})
