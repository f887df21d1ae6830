"""Instrument keywords: whom to ask about which file, and which rows of an answer to believe."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.caom import KeywordRow, keyword_service
from jwstsync.core.goal import goal_of
from jwstsync.core.keywords import KeywordQuestion, question_about, rows_by_name
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.selection import described, select
from tests.core.listings import EVERYTHING, listing_of, manifest_of, row

if TYPE_CHECKING:
    import random

    from jwstsync.core.selection import Selection

NAME = "jw05398497001_02201_00001_nrca1_cal.fits"
MD5, OTHER = "d35d51" + "0" * 26, "59648f" + "0" * 26
ROW = KeywordRow(NAME, 2880, MD5, 60_950.6, "1.19.1", "jwst_1413.pmap", 61_000.0, stale=False)


@pytest.mark.parametrize(
    ("filename", "instrument", "service"),
    [
        (NAME, None, "Nircam"),
        (NAME.upper(), "MIRI/IMAGE", "Nircam"),
        ("jw05398026001_06201_00001_nrcblong_rate.fits", None, "Nircam"),
        ("jw02733002001_02103_00001_mirimage_o002_crf.fits", None, "Miri"),
        ("jw01345001001_02101_00001_mirifulong_cal.fits", None, "Miri"),
        ("jw01345062001_03101_00001_nrs2_phot.138.1345_933.fits", None, "Nirspec"),
        ("jw01091002001_02101_00002-seg001_nis_rate.fits", None, "Niriss"),
        ("jw01345001001_02101_00001_guider1_cal.fits", None, "Fgs"),
        ("jw02733-o002_t001_miri_f1130w_i2d.fits", None, "Miri"),
        ("jw02733002001_gs-acq1_2022154171530_cal.fits", "MIRI/IMAGE", "GuideStar"),
        ("jw02733002001_gs-track_2022154171530_guider2_cal.fits", "FGS", "GuideStar"),
        ("made_up_i2d.fits", "NIRISS/WFSS", "Niriss"),
        ("made_up_i2d.fits", "FGS", "Fgs"),
        ("made_up_i2d.fits", "NIRSPEC/MSA", "Nirspec"),
        ("made_up_i2d.fits", "WFPC2", None),
        ("made_up_i2d.fits", None, None),
    ],
)
def test_the_service_is_that_of_the_detector(filename: str, instrument: str | None, service: str | None) -> None:
    """The name's detector or instrument tells, guide stars have a service of their own, else the parent's counts."""
    assert keyword_service(filename, instrument) == service


@pytest.mark.parametrize("filename", ["jw02733_pool.csv", NAME.replace(".fits", ".jpg"), "x_nrca1_asn.json", "a.ecsv"])
def test_only_fits_files_have_keywords(filename: str) -> None:
    """Nobody is asked about pictures and tables."""
    assert question_about(filename, "NIRCAM/IMAGE", 5398) is None


def test_a_question_names_service_and_proposal() -> None:
    """All files of one instrument and proposal are one question."""
    assert question_about(NAME, None, 5398) == KeywordQuestion("Nircam", 5398)
    assert question_about("a_nrcb2_cal.FITS", None, 5398) == KeywordQuestion("Nircam", 5398)


def test_rows_are_found_by_name_without_regard_to_case() -> None:
    """A service may spell names in another case than the listing."""
    assert rows_by_name([replace(ROW, filename=NAME.upper())]) == {NAME: ROW}


@pytest.mark.parametrize("md5", [None, "", "null", MD5[:-1], MD5 + "0", "g" + MD5[1:], f" {MD5}", f"{MD5}\n"])
def test_a_malformed_checksum_is_absent(md5: str | None) -> None:
    """What is no MD5 is none, and the rest of the row stays."""
    assert rows_by_name([replace(ROW, md5=md5)]) == {NAME: replace(ROW, md5=None)}


def test_a_checksum_may_be_written_in_capitals() -> None:
    """Hexadecimal digits mean the same in either case."""
    assert rows_by_name([replace(ROW, md5=MD5.upper())]) == {NAME: ROW}


@pytest.mark.parametrize("size", [-1, 10**16])
def test_an_absurd_size_is_absent(size: int) -> None:
    """A size that can not be is none."""
    assert rows_by_name([replace(ROW, size=size)]) == {NAME: replace(ROW, size=None)}


@pytest.mark.parametrize("date", [math.nan, math.inf, -math.inf])
def test_a_date_that_is_no_number_is_absent(date: float) -> None:
    """Dates that can not be are none."""
    found = rows_by_name([replace(ROW, made_at=date, released_at=date)])
    assert found == {NAME: replace(ROW, made_at=None, released_at=None)}


def test_versions_that_no_lockfile_takes_are_absent() -> None:
    """A control character in a version would spoil the lockfile."""
    assert rows_by_name([replace(ROW, cal_ver="1\n2", crds_ctx="")]) == {
        NAME: replace(ROW, cal_ver=None, crds_ctx=None)
    }


def test_rows_that_say_the_same_are_one() -> None:
    """A file that is listed twice is no contradiction, whatever the case of name and checksum."""
    twice = [ROW, ROW, replace(ROW, filename=NAME.upper(), md5=MD5.upper())]
    assert rows_by_name(twice) == {NAME: ROW}


def test_of_contradictory_rows_the_newest_counts() -> None:
    """The row of the last making is believed, whatever the order."""
    newer = replace(ROW, md5=OTHER, made_at=60_959.1)
    undated = replace(ROW, md5=OTHER, made_at=None)
    assert rows_by_name([ROW, newer]) == rows_by_name([newer, ROW]) == {NAME: newer}
    assert rows_by_name([ROW, undated]) == {NAME: ROW}


@pytest.mark.parametrize("date", [None, 60_950.6])
def test_contradictory_rows_of_one_date_are_absent(date: float | None) -> None:
    """Where nobody can tell which row is right, none is."""
    assert rows_by_name([replace(ROW, made_at=date), replace(ROW, made_at=date, md5=OTHER)]) == {}


rows = st.builds(
    KeywordRow,
    st.sampled_from([NAME, NAME.upper(), "b.fits"]),
    st.none() | st.integers(),
    st.none() | st.sampled_from([MD5, OTHER, "?"]),
    st.none() | st.floats(),
    st.none() | st.text(max_size=5),
)


@given(st.lists(rows, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(answer: list[KeywordRow], order: random.Random) -> None:
    """The same rows in another order, or twice, give the same facts."""
    shuffled = [*answer, *answer]
    order.shuffle(shuffled)
    assert rows_by_name(shuffled) == rows_by_name(answer)


def wanted(selection: Selection) -> object:
    """All that pruning goes by."""
    goal = goal_of(selection, Lockfile())
    products = [(one.uri, one.path, one.proposal) for one in goal.products.values()]
    return products, goal.refused, goal.failed, goal.empty, goal.thin, goal.gone


@given(st.none() | st.lists(rows, max_size=6))
def test_keywords_select_nothing(answer: list[KeywordRow] | None) -> None:
    """Which products are wanted, where and for whom, no answer of a keyword service changes, nor that there is none.

    So what is pruned does not depend on these services.
    """
    selection = select(manifest_of(EVERYTHING), [listing_of(row(NAME), row("b.fits"), row("c.jpg"))], {})
    answers = {} if answer is None else dict.fromkeys(selection.asking, answer)
    failed = dict.fromkeys(selection.asking, "down") if answer is None else {}
    told = described(selection, answers, failed)
    assert wanted(told) == wanted(selection)
