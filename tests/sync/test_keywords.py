"""The keyword services in a plan: whom it asks, what it knows by them, and what it does without them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.comparison import Basis
from jwstsync.core.documents import plan_document
from jwstsync.core.orphans import Prune
from jwstsync.core.plan import ActionKind
from jwstsync.errors import ArchiveError, ExitCode
from jwstsync.sync.planning import Mode
from tests.sync.fakes import EVERYTHING, FakeArchive, Place, Product, fits, told

if TYPE_CHECKING:
    from pathlib import Path

NIRCAM = "jw00001001001_02101_00001_nrca1_cal.fits"
MIRI = "jw00001002001_02101_00001_mirimage_cal.fits"
GUIDE = "jw00001001001_gs-id_2022154171530_cal.fits"
PICTURE = "jw00001001001_02101_00001_nrca1_cal.jpg"
OTHER = "jw00002001001_02101_00001_nrca1_cal.fits"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Two proposals with files of several instruments, and what has no keywords."""
    archive = FakeArchive(
        *(Product(name, fits(name[-20:])) for name in (NIRCAM, MIRI, GUIDE)),
        Product(PICTURE, b"\xff\xd8\xff\xe0 a picture \xff\xd9"),
        Product(OTHER, fits("other"), proposal=2),
    )
    return Place(tmp_path, archive)


def bases(place: Place) -> dict[str, Basis | None]:
    """By what each product is compared now."""
    return {action.path.rpartition("/")[2]: action.compared_by for action in place.plan().actions}


def test_only_instruments_and_proposals_of_the_selection_are_asked_for(place: Place) -> None:
    """One question for each instrument of each proposal that has a FITS file in the selection."""
    place.plan()
    assert sorted(place.archive.questions) == [("GuideStar", 1), ("Miri", 1), ("Nircam", 1), ("Nircam", 2)]

    place.archive.questions.clear()
    place.write(EVERYTHING.replace("[{}]", '[{ productFilename = ["*nrca1*.fits", "*.jpg"], proposal_id = "1" }]'))
    place.plan()
    assert sorted(place.archive.questions) == [("Nircam", 1)]

    place.archive.questions.clear()
    place.write(EVERYTHING.replace("[{}]", '[{ extension = "jpg" }]'))
    place.plan()
    assert sorted(place.archive.questions) == []


def test_what_is_locked_has_the_archives_checksum(place: Place) -> None:
    """The checksum that the bytes confirm, and the context, go into the lockfile; a picture has none."""
    place.apply()
    entries = {one.path.rpartition("/")[2]: one for one in place.lockfile}

    assert {name for name, one in entries.items() if one.md5 and one.crds_ctx == "jwst_1413.pmap"} == {
        *(NIRCAM, MIRI, GUIDE, OTHER)
    }
    assert entries[PICTURE].md5 is None


def test_bytes_that_change_alone_are_an_update(place: Place) -> None:
    """Same size, same version, same context: the checksum tells, and the new bytes come."""
    place.apply()
    place.archive.remake(NIRCAM, fits("anew"), cal_ver="1.16.1")

    assert told(place.plan()) == {NIRCAM: "update changed"}
    assert place.apply().exit_code is ExitCode.OK
    assert place.files[NIRCAM] == fits("anew")
    assert told(place.plan()) == {}


def test_it_is_told_by_what_each_product_is_compared(place: Place) -> None:
    """By checksum where there is one, the picture by its version; new products by nothing."""
    assert set(bases(place).values()) == {None}

    place.apply()
    by_checksum = dict.fromkeys([NIRCAM, MIRI, GUIDE, OTHER], Basis.CHECKSUM)
    assert bases(place) == {**by_checksum, PICTURE: Basis.VERSION}
    document = plan_document(place.plan(), "jwstsync.plan/1", all_actions=True)
    assert {one["compared_by"] for one in document["actions"]} == {"checksum", "version"}
    assert {action.compared_by for action in place.plan(Mode.FROZEN).actions} == {None}


def test_a_service_that_fails_is_said_once(place: Place) -> None:
    """The plan goes on by size and version, with one warning however many fail, in the document too."""
    place.apply()
    place.archive.silent = {"Nircam", "Miri"}
    place.archive.remake(MIRI, fits("anew"))
    plan = place.plan()

    assert told(plan) == {MIRI: "update changed"}
    warning = (
        "Miri keywords of proposal 1: down for maintenance (and 2 more); "
        "3 products are compared by stated size and version"
    )
    assert place.diary.warnings == [warning]
    document = plan_document(plan, "jwstsync.plan/1", all_actions=False)
    assert document["warnings"] == [warning]
    assert [one["compared_by"] for one in document["actions"]] == ["version"]
    assert json.dumps(document)


def test_what_was_locked_without_keywords_learns_its_checksum(place: Place) -> None:
    """Services that answer again make no update; the bytes that are here confirm what they state, and it is locked."""
    place.archive.silent = {"Nircam", "Miri", "GuideStar"}
    place.apply()
    assert {one.md5 for one in place.lockfile} == {None}

    place.archive.silent = set()
    place.archive.sent.clear()
    for _ in range(2):
        assert told(place.plan()) == {}
        place.apply()
    assert place.archive.sent == []
    learnt = {one.path.rpartition("/")[2]: one.md5 for one in place.lockfile if one.md5}
    assert learnt == {name: one.keywords.md5 for name, one in place.archive.holdings.items() if name != PICTURE}


def test_where_checksums_are_required_a_silent_service_ends_the_run(place: Place) -> None:
    """Nothing is planned that could not be checked: exit code 4, with what to do."""
    place.write(EVERYTHING.replace("[destination]", 'checksums = "require"\n[destination]'))
    place.archive.silent = {"Miri"}

    with pytest.raises(ArchiveError, match=r"Miri keywords of proposal 1: down for maintenance\n.*require") as caught:
        place.plan()
    assert caught.value.exit_code is ExitCode.ARCHIVE
    assert "--frozen" in str(caught.value)
    with pytest.raises(ArchiveError):
        place.apply()
    assert place.files == {}

    place.archive.silent = {"Niriss"}
    assert len(place.plan().actions) == 5


def test_checksums_that_are_not_wanted_are_not_looked_at(place: Place) -> None:
    """Under "ignore" products are compared by version, and no checksum is locked."""
    place.write(EVERYTHING.replace("[destination]", 'checksums = "ignore"\n[destination]'))
    place.apply()

    assert {one.md5 for one in place.lockfile} == {None}
    assert set(bases(place).values()) == {Basis.VERSION}


def test_a_size_that_the_listing_lacks_comes_from_the_keywords(place: Place) -> None:
    """The listing's size counts where there is one, else that of the keywords."""
    place.archive.add(Product(NIRCAM, fits("x", blocks=3), states_size=False))
    sizes = {action.path.rpartition("/")[2]: action.size for action in place.plan().of(ActionKind.FETCH)}

    assert sizes[NIRCAM] == 3 * 2880


def test_services_that_do_not_answer_change_nothing_about_pruning(place: Place) -> None:
    """They select nothing, so that what nothing selects is known all the same, and goes to the trash."""
    place.apply()
    place.write(EVERYTHING.replace("[{}]", f'[{{ productFilename = "{NIRCAM}" }}]'))
    expected = told(place.plan(prune=Prune()))
    assert set(expected.values()) == {"prune orphan"}

    place.archive.silent = {"Nircam", "Miri", "GuideStar"}
    found = place.plan(prune=Prune())
    assert (told(found), found.doubt) == (expected, None)
    assert place.apply(prune=Prune()).exit_code is ExitCode.OK
    assert set(place.files) == {NIRCAM}
