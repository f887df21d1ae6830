"""What counts as made anew in the archive, by what it is seen, and a slice of the record of a real year."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.caom import KeywordRow
from jwstsync.core.comparison import Basis, Change, changed_in_archive, changes, compared_by
from jwstsync.core.disk import FileState
from jwstsync.core.fetch import Fetch
from jwstsync.core.goal import as_locked, goal_of
from jwstsync.core.keywords import KeywordQuestion
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import ActionKind, Plan, decide
from jwstsync.core.selection import Selected, described, select
from tests.core.listings import NIRCAM, listing_of, manifest_of, row
from tests.core.strategies import NEW, OLD, PINNED, WITHOUT_TOKEN, digests, locked, md5_of, selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwstsync.core.selection import Selection

RECORD = Path(__file__).parent / "data" / "program-5398.csv"
SERVICE = KeywordQuestion("Nircam", 5398)
MANIFEST = manifest_of("[[proposal]]\nid = 5398\ninclude = [{}]\n")


# --- the record


def recorded() -> list[list[KeywordRow]]:
    """What the archive said of each file of the record, the oldest first."""
    rows: dict[str, list[KeywordRow]] = {}
    with RECORD.open(encoding="utf-8", newline="") as file:
        for one in sorted(csv.DictReader(file), key=lambda one: one["first_seen"]):
            said = KeywordRow(
                filename=one["name"],
                size=int(one["fileSize"]),
                md5=one["checksum"],
                made_at=float(one["date_mjd"]),
                cal_ver=one["cal_ver"],
                crds_ctx=one["crds_ctx"],
            )
            rows.setdefault(said.filename, []).append(said)
    return list(rows.values())


def selection_of(rows: Iterable[KeywordRow], *, answered: bool = True) -> Selection:
    """What is selected when these are the archive's files; listed with size and version, and with keywords if had."""
    rows = list(rows)
    listed = [row(one.filename, 20, proposal_id="5398", size=one.size, cal_ver=one.cal_ver) for one in rows]
    selection = select(MANIFEST, [listing_of(*listed, proposal=5398, observations=[NIRCAM])], {})
    return described(selection, {SERVICE: rows} if answered else {}, {} if answered else {SERVICE: "no answer"})


def locked_as(products: Mapping[str, Selected]) -> Lockfile:
    """What is locked once these products came with the bytes that the archive states."""
    return Lockfile.of(
        Fetch(one).locks(size=one.size or 0, sha256=f"{one.md5 or 0:0>64}", md5=one.md5 or "")
        for one in products.values()
    )


def plan_of(selection: Selection, lockfile: Lockfile) -> Plan:
    """The plan where all that is locked is here."""
    disk = {one.path: FileState(one.size, one.sha256) for one in lockfile}
    return decide(goal_of(selection, lockfile), lockfile, disk, WITHOUT_TOKEN)


def relabelled(then: KeywordRow, now: KeywordRow) -> KeywordRow:
    """The last making, as if it had kept size, pipeline version and context."""
    return replace(now, size=then.size, cal_ver=then.cal_ver, crds_ctx=then.crds_ctx)


@pytest.mark.parametrize("hidden", [False, True], ids=["as recorded", "with old size, version and context"])
def test_every_file_of_the_record_that_was_made_anew_is_found(hidden: bool) -> None:  # noqa: FBT001 - a table
    """12 of 95 files: all of them are updates, by checksum, also if nothing else tells, and no other is."""
    rows = recorded()
    lockfile = locked_as(selection_of(one[0] for one in rows).products)
    now = [relabelled(one[0], one[-1]) if hidden else one[-1] for one in rows]
    plan = plan_of(selection_of(now), lockfile)

    assert len(plan.actions) == 95
    remade = {one[0].filename for one in rows if len(one) > 1}
    assert len(remade) == 12
    assert {action.path.rpartition("/")[2] for action in plan.of(ActionKind.UPDATE)} == remade
    assert len(plan.of(ActionKind.KEEP)) == 83
    assert {action.compared_by for action in plan.actions} == {Basis.CHECKSUM}


def test_without_keywords_the_listing_decides() -> None:
    """Where the service does not answer, size and prvversion tell as much as they can, and no more than that."""
    rows = recorded()
    lockfile = locked_as(selection_of(one[0] for one in rows).products)
    plan = plan_of(selection_of((one[-1] for one in rows), answered=False), lockfile)

    assert len(plan.of(ActionKind.UPDATE)) == 12
    assert {action.compared_by for action in plan.actions} == {Basis.VERSION}
    assert plan.goal.warnings == ("no answer; 95 products are compared by stated size and version",)


def test_a_lockfile_without_checksums_is_compared_by_version() -> None:
    """What was locked while the keywords could not be had is not made anew because they can be now."""
    rows = [one[-1] for one in recorded()]
    lockfile = locked_as(selection_of(rows, answered=False).products)
    plan = plan_of(selection_of(rows), lockfile)

    assert {(action.kind, action.compared_by) for action in plan.actions} == {(ActionKind.KEEP, Basis.VERSION)}


def test_files_without_a_row_are_compared_by_what_is_listed() -> None:
    """A service that does not know a file says nothing of it, and that is no warning."""
    rows = [one[-1] for one in recorded()]
    selection = select(
        MANIFEST,
        [
            listing_of(
                *(row(one.filename, 20, proposal_id="5398", size=one.size) for one in rows[:3]),
                proposal=5398,
                observations=[NIRCAM],
            )
        ],
        {},
    )
    products = described(selection, {SERVICE: rows[:1]}, {}).products.values()

    assert sorted(one.md5 or "" for one in products) == ["", "", rows[0].md5]
    assert described(selection, {SERVICE: []}, {}).products == selection.products


# --- the rule

stated = st.none() | st.sampled_from(["1.16.1", "1.18.0", "2026_1b"])
wanted_products = st.builds(
    selected,
    st.sampled_from([OLD, NEW]),
    cal_ver=stated,
    listed_ver=stated,
    crds_ctx=stated,
    size=st.none() | st.integers(0, 99),
)
locked_products = st.builds(locked, st.sampled_from([OLD, NEW]), cal_ver=stated, crds_ctx=stated)


@given(wanted_products, locked_products, digests(32), digests(32))
def test_a_checksum_alone_decides(wanted: Selected, before: LockedProduct, now: str, then: str) -> None:
    """Any change of the checksum is an update, and without one nothing is, whatever else has changed."""
    for checksum in (now, then):
        both = replace(wanted, md5=now), replace(before, md5=checksum)
        assert changed_in_archive(*both) == (now != checksum)
        assert compared_by(*both) is Basis.CHECKSUM


@given(wanted_products, locked_products, st.none() | digests(32))
def test_what_is_taken_over_is_not_made_anew(wanted: Selected, before: LockedProduct, md5: str | None) -> None:
    """Once locked as it is stated, a product is no update, whichever facts were known."""
    wanted = replace(wanted, md5=md5)
    after = Fetch(wanted).locks(size=wanted.size or before.size, sha256=before.sha256, md5=md5 or "")
    assert not changed_in_archive(wanted, after)


@given(wanted_products, locked_products)
def test_what_is_not_compared_is_not_changed(wanted: Selected, before: LockedProduct) -> None:
    """Where there is nothing to compare, nothing has changed; by version is by more than size."""
    assert not (compared_by(wanted, before) is None and changed_in_archive(wanted, before))
    if compared_by(wanted, before) is Basis.SIZE:
        assert changed_in_archive(wanted, before) == (wanted.size != before.size)


WITHOUT_KEYWORDS = {"crds_ctx": None, "md5": None}


@pytest.mark.parametrize(
    ("wanted", "before", "changed"),
    [
        pytest.param({"cal_ver": "2.0", "listed_ver": "1.9"}, {"cal_ver": "1.9"}, True, id="keywords then and now"),
        pytest.param({"cal_ver": "2.0", "listed_ver": "1.9"}, {"cal_ver": "2.0"}, False, id="the same keywords"),
        pytest.param(
            {"cal_ver": "2.0", "listed_ver": "1.9"}, {"cal_ver": "1.9", **WITHOUT_KEYWORDS}, False, id="listing then"
        ),
        pytest.param(
            {"cal_ver": "2.0", "listed_ver": "1.9"}, {"cal_ver": "1.8", **WITHOUT_KEYWORDS}, True, id="listing changed"
        ),
        pytest.param(
            {"cal_ver": "2.0", "listed_ver": "2.0", "crds_ctx": None},
            {"cal_ver": "1.9"},
            True,
            id="only the listing now",
        ),
        pytest.param(
            {"cal_ver": "2026_1b", "listed_ver": "2026_1b", "crds_ctx": None}, {"cal_ver": "1.9"}, False, id="unlike"
        ),
        pytest.param({"cal_ver": "2026_1b"}, {"cal_ver": "2025_3a"}, True, id="both of another form"),
        pytest.param({"cal_ver": None}, {"cal_ver": "1.9"}, False, id="unknown now"),
        pytest.param({"cal_ver": "1.9"}, {"cal_ver": None}, False, id="unknown then"),
    ],
)
def test_only_like_versions_are_compared(
    wanted: Mapping[str, Any],
    before: Mapping[str, Any],
    changed: bool,  # noqa: FBT001 - a table
) -> None:
    """The keywords' version with the keywords', the listing's with the listing's, and neither with a build's name."""
    assert changed_in_archive(selected(**wanted), locked(**before)) == changed


@pytest.mark.parametrize(
    ("wanted", "before", "basis"),
    [
        pytest.param(selected(md5=md5_of(OLD)), PINNED, Basis.CHECKSUM, id="both checksums"),
        pytest.param(selected(md5=md5_of(OLD)), locked(), Basis.VERSION, id="no checksum then"),
        pytest.param(selected(cal_ver=None), locked(), Basis.VERSION, id="context alone"),
        pytest.param(selected(crds_ctx=None), locked(), Basis.VERSION, id="version alone"),
        pytest.param(selected(crds_ctx=None, cal_ver="2026_1b"), locked(), Basis.SIZE, id="unlike versions"),
        pytest.param(selected(crds_ctx=None, cal_ver=None), locked(), Basis.SIZE, id="size alone"),
        pytest.param(selected(crds_ctx=None, cal_ver=None, size=None), locked(), None, id="nothing"),
        pytest.param(as_locked(PINNED), PINNED, None, id="the archive was not asked"),
    ],
)
def test_it_is_told_by_what_was_compared(wanted: Selected, before: LockedProduct, basis: Basis | None) -> None:
    """The checksum if there are two, else the version, else the size, else nothing."""
    assert compared_by(wanted, before) is basis


def test_what_has_changed_is_told_like_with_like() -> None:
    """Each fact that both sides state and differ in, with what it was and is; a lagging listing is not the version."""
    before = locked(cal_ver="1.9", crds_ctx=None, stated_size=7)
    wanted = selected(NEW, cal_ver="2.0", listed_ver="1.8", md5=md5_of(NEW))

    assert changes(wanted, before) == (Change("cal_ver", "1.9", "2.0"), Change("size", 7, len(NEW)))
    assert changes(replace(wanted, listed_ver="1.9"), before) == (Change("size", 7, len(NEW)),)
    listed = replace(wanted, cal_ver="2026_1b")
    assert changes(listed, before)[0] == Change("cal_ver", "1.9", "1.8")
    assert changes(selected(crds_ctx="jwst_1413.pmap", md5=md5_of(NEW)), PINNED) == (
        Change("crds_ctx", "jwst_1303.pmap", "jwst_1413.pmap"),
        Change("md5", md5_of(OLD), md5_of(NEW)),
    )


@given(wanted_products, locked_products, st.none() | digests(32), st.none() | digests(32))
def test_what_is_made_anew_has_changes(
    wanted: Selected, before: LockedProduct, now: str | None, then: str | None
) -> None:
    """No update is without a change to tell."""
    wanted, before = replace(wanted, md5=now), replace(before, md5=then)
    assert changes(wanted, before) or not changed_in_archive(wanted, before)


def test_the_context_comes_with_its_version() -> None:
    """A lockfile from the listing takes the keywords' version over with their context, and is like them after that."""
    before = locked(cal_ver="1.9", crds_ctx=None)
    wanted = selected(cal_ver="2.0", listed_ver="1.9", crds_ctx="jwst_1413.pmap")
    after = Fetch(wanted).refreshed(before)

    assert (after.cal_ver, after.crds_ctx) == ("2.0", "jwst_1413.pmap")
    assert not changed_in_archive(wanted, after)
    assert changed_in_archive(replace(wanted, cal_ver="2.1"), after)
