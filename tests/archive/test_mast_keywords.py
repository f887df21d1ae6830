"""Instrument keywords through the unmodified astroquery client: what is asked, and what becomes of the rows."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from jwstsync.core.caom import KEYWORD_COLUMNS, KeywordRow
from jwstsync.errors import ArchiveError
from jwstsync.sandbox import Sandbox
from tests.archive.answers import COLUMNS_CONFIG, INVOKE, answers, archive_at, declared, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

SURVEY = 5398
NAME = "jw05398497001_02201_00001_nrca1_cal.fits"
MD5 = "d35d51" + "0" * 26
TYPES = declared(KEYWORD_COLUMNS)
ROW = {"filename": NAME, "fileSize": 2880, "checksum": MD5, "date_mjd": 60_950.5, "isStale": False}


@pytest.fixture(scope="module")
def survey() -> Iterator[Sandbox]:
    """The survey with its 95 files, in pages of 40."""
    with Sandbox(page_cap=40) as sandbox:
        yield sandbox


def test_only_what_is_needed_is_asked_for(survey: Sandbox) -> None:
    """One service, one proposal, eight columns; dates as MJD."""
    before = len(survey.requests)
    archive_at(survey.url).keywords("Nircam", SURVEY)
    seen = survey.requests[before:]

    assert [(one.path, one.service) for one in seen] == [
        (COLUMNS_CONFIG, "Mast.Jwst.Filtered.Nircam"),
        *[(INVOKE, "Mast.Jwst.Filtered.Nircam")] * 3,
    ]
    assert seen[1].params == {
        "columns": "filename,fileSize,checksum,date_mjd,cal_ver,crds_ctx,publicReleaseDate_mjd,isStale",
        "filters": [{"paramName": "program", "values": ["5398"]}],
    }


def test_all_pages_of_rows_come(survey: Sandbox) -> None:
    """Each file once, with everything that the service says of it."""
    rows = archive_at(survey.url).keywords("Nircam", SURVEY)

    assert len(rows) == len({row.filename for row in rows}) == 95
    assert all(re.fullmatch("[0-9a-f]{32}", row.md5 or "") for row in rows)
    assert all(row.size and row.made_at and row.cal_ver and row.crds_ctx and row.released_at for row in rows)
    assert {row.stale for row in rows} == {False}


def test_a_service_without_rows_has_none(survey: Sandbox) -> None:
    """An empty answer is an answer."""
    assert archive_at(survey.url).keywords("Miri", SURVEY) == []


def row_of(sandbox: Sandbox, row: dict[str, Any], **types: str) -> KeywordRow:
    """The record that comes of one row, with other types declared than usual."""
    sandbox.fault = answers(table({**TYPES, **types}, row))
    (found,) = archive_at(sandbox.url).keywords("Nircam", SURVEY)
    return found


@pytest.mark.parametrize("declared_as", ["string", "date", "datetime"])
def test_dates_in_milliseconds_are_read(sandbox: Sandbox, declared_as: str) -> None:
    """A date may arrive as /Date(ms)/, counted from 1970, in place of a number of days."""
    row = {**ROW, "date_mjd": "/Date(1759579200000)/", "publicReleaseDate_mjd": "/Date(-86400000)/"}
    found = row_of(sandbox, row, date_mjd=declared_as, publicReleaseDate_mjd=declared_as)

    assert (found.made_at, found.released_at) == (60_952.5, 40_586.0)


GARBLED = [
    ("date_mjd", "/Date(soon)/", "made_at"),
    ("date_mjd", "2025-10-04T12:00:00", "made_at"),
    ("date_mjd", True, "made_at"),
    ("fileSize", "big", "size"),
    ("fileSize", math.nan, "size"),
    ("fileSize", math.inf, "size"),
    ("fileSize", 2880.5, "size"),
    ("fileSize", -999, "size"),
    ("fileSize", [2880], "size"),
    ("fileSize", "/Date(1759579200000)/", "size"),
    ("fileSize", None, "size"),
    ("checksum", None, "md5"),
    ("checksum", {"md5": MD5}, "md5"),
    ("cal_ver", None, "cal_ver"),
    ("cal_ver", ["1.19.1"], "cal_ver"),
    ("isStale", None, "stale"),
    ("isStale", "perhaps", "stale"),
]


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
@pytest.mark.parametrize(("column", "cell", "attribute"), GARBLED)
def test_a_garbled_cell_is_unknown(sandbox: Sandbox, column: str, cell: object, attribute: str, *, typed: bool) -> None:
    """What can not be read is none, whatever type is declared for it; its row and all others stay as they are."""
    whole = {**ROW, "filename": "whole_cal.fits", "cal_ver": "1.19.1"}
    types = TYPES if typed else dict.fromkeys(TYPES, "string")
    sandbox.fault = answers(table(types, {**ROW, column: cell}, whole))
    found, other = archive_at(sandbox.url).keywords("Nircam", SURVEY)

    assert getattr(found, attribute) is None
    assert found.filename == NAME
    assert other == KeywordRow("whole_cal.fits", 2880, MD5, 60_950.5, "1.19.1", stale=False)


@pytest.mark.parametrize("cell", ["/Date(1759579200000)/", "60952.5", 60_952.5])
def test_a_date_is_read_beside_numbers_of_days(sandbox: Sandbox, cell: object) -> None:
    """In a column that is declared a number one row may have another way to write it, and costs none of the others."""
    sandbox.fault = answers(table(TYPES, {**ROW, "date_mjd": cell}, ROW, {**ROW, "date_mjd": None}))

    assert [row.made_at for row in archive_at(sandbox.url).keywords("Nircam", SURVEY)] == [60_952.5, 60_950.5, None]


@pytest.mark.parametrize(("said", "meant"), [("False", False), ("TRUE", True), ("false", False)])
def test_flags_may_be_words(sandbox: Sandbox, said: str, meant: bool) -> None:  # noqa: FBT001 - a table
    """A flag that is declared text is no truth just because it is not empty."""
    assert row_of(sandbox, {**ROW, "isStale": said}, isStale="string").stale is meant


def test_rows_without_a_name_tell_nothing(sandbox: Sandbox) -> None:
    """A row of no file is passed over, and so are rows without the column."""
    archive = archive_at(sandbox.url)
    sandbox.fault = answers(table(TYPES, {**ROW, "filename": None}, {**ROW, "filename": ""}, ROW))
    assert [row.filename for row in archive.keywords("Nircam", SURVEY)] == [NAME]

    sandbox.fault = answers(table({"checksum": "string"}, ROW))
    assert archive.keywords("Nircam", SURVEY) == []


def test_a_service_that_fails_is_told(sandbox: Sandbox) -> None:
    """With the server, the service and the proposal."""
    sandbox.fault = answers(text('{"status": "COMPLETE", "fields": []}'))
    with pytest.raises(ArchiveError, match=f"^{sandbox.url}: Nircam keywords of proposal 5398: answer not understood"):
        archive_at(sandbox.url).keywords("Nircam", SURVEY)


def test_a_text_that_is_no_text_costs_no_other_row(sandbox: Sandbox) -> None:
    """Half of a surrogate pair, which JSON can write and no disk can hold, stays in its own cell."""
    sandbox.fault = answers(table(TYPES, {**ROW, "cal_ver": "\ud800"}, ROW))

    assert [row.md5 for row in archive_at(sandbox.url).keywords("Nircam", SURVEY)] == [MD5, MD5]
