"""What a rule takes, what it says of what it leaves, and which rules are refused."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jwstsync.core.caom import (
    MINIMUM_RECOMMENDED,
    OBSERVATION_COLUMNS,
    PRODUCT_COLUMNS,
    Column,
    Kind,
    Observation,
    ProductRow,
)
from jwstsync.core.conditions import day_of, parse_size
from jwstsync.core.rules import (
    EVERYTHING,
    Miss,
    Record,
    RefusedError,
    Rule,
    expected_one_of,
    look_up,
    parse_rule,
    rule_schema,
    toml_path,
    toml_value,
)
from jwstsync.errors import Problem

PRODUCT = ProductRow(
    data_uri="mast:JWST/product/jw02733002001_02103_00001_mirimage_cal.fits",
    filename="jw02733002001_02103_00001_mirimage_cal.fits",
    group_id=87599771,
    parent_group_id=87602450,
    obs_id="jw02733002001_02103_00001_mirimage",
    obs_collection="JWST",
    product_type="SCIENCE",
    product_group=MINIMUM_RECOMMENDED,
    product_subgroup="CAL",
    cal_ver="1.16.1",
    proposal_id="2733",
    size=29_684_160,
    calib_level=2,
    filters="F444W;F405N",
)
OBSERVATION = Observation(
    group_id=87602450,
    obs_id="jw02733-o002_t001_miri_f1130w",
    obs_collection="JWST",
    instrument_name="MIRI/IMAGE",
    target_name="NGC-3132",
    calib_level=3,
    started_at=59762.5,
    exposure_time=444.008,
    moving_target=False,
)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a first draw reads tables
NOON = 59762.5  # 2022-07-02T12:00:00


def rule_over(record: Record, raw: dict[str, Any]) -> Rule:
    """The rule ``raw`` over the record's columns, in which nothing may be wrong."""
    columns = PRODUCT_COLUMNS if isinstance(record, ProductRow) else OBSERVATION_COLUMNS
    rule, problems = parse_rule(raw, columns)
    assert problems == ()
    return rule


def takes(record: Record, **raw: object) -> bool:
    """Whether the rule ``raw`` takes the record."""
    return rule_over(record, raw).takes(record)


def problems_of(columns: dict[str, Column], **raw: object) -> list[Problem]:
    """All that is wrong with the rule ``raw``."""
    return list(parse_rule(raw, columns)[1])


def sized(size: int | None) -> ProductRow:
    """A product of that stated size."""
    return replace(PRODUCT, size=size)


def started(mjd: float | None) -> Observation:
    """An observation that began then."""
    return replace(OBSERVATION, started_at=mjd)


def test_an_empty_rule_takes_everything() -> None:
    """A rule without lines takes every record, nulls and all."""
    assert takes(PRODUCT)
    assert EVERYTHING.takes(ProductRow("", "", 0, 0, ""))


TEXTS = [
    pytest.param({"productType": "SCIENCE"}, True, id="as it stands"),
    pytest.param({"productType": "science"}, True, id="lower case"),
    pytest.param({"productSubGroupDescription": "Cal"}, True, id="mixed case"),
    pytest.param({"productType": "SCIENC"}, False, id="no prefix"),
    pytest.param({"productType": "CIENCE"}, False, id="no suffix"),
    pytest.param({"productType": ["INFO", "SCIENCE"]}, True, id="one of several"),
    pytest.param({"productType": ["INFO", "PREVIEW"]}, False, id="none of several"),
    pytest.param({"productType": "!SCIENCE"}, False, id="negated"),
    pytest.param({"productType": "!science"}, False, id="negated in another case"),
    pytest.param({"productType": "!INFO"}, True, id="another negated"),
    pytest.param({"productType": ["!INFO", "!SCIENCE"]}, False, id="all negated are excluded"),
    pytest.param({"productType": ["!INFO", "!PREVIEW"]}, True, id="only negated, none of them"),
    pytest.param({"productType": ["SCIENCE", "!SCIENCE"]}, False, id="negated wins"),
    pytest.param({"productType": ["SCIENCE", "!INFO"]}, True, id="plain and negated"),
    pytest.param({"productType": ["INFO", "!PREVIEW"]}, False, id="a plain one must match beside a negated one"),
    pytest.param({"productType": " ! SCIENCE"}, False, id="blanks around the operator"),
    pytest.param({"productType": "SCIENCE "}, False, id="a blank without an operator is a character"),
    pytest.param({"productType": "!!SCIENCE"}, True, id="only one operator"),
    pytest.param({"productType": "SCIENCE", "calib_level": 2}, True, id="both lines"),
    pytest.param({"productType": "SCIENCE", "calib_level": 3}, False, id="only the first line"),
    pytest.param({"productType": "INFO", "calib_level": 2}, False, id="only the second line"),
    pytest.param({"proposal_id": 2733}, True, id="whole number"),
    pytest.param({"proposal_id": "2733"}, True, id="its text"),
    pytest.param({"obsID": 87599771}, True, id="group id as a number"),
    pytest.param({"obsID": "87599771"}, True, id="group id as a text"),
    pytest.param({"obsID": "!87599771"}, False, id="group id negated"),
    pytest.param({"parent_obsid": "8760*"}, True, id="group id as a glob"),
    pytest.param({"productFilename": "*_cal.fits"}, True, id="star"),
    pytest.param({"productFilename": "*_CAL.FITS"}, True, id="star in another case"),
    pytest.param({"productFilename": "_cal.fits"}, False, id="a text is the whole value"),
    pytest.param({"productFilename": "*_cal"}, False, id="a glob is the whole value"),
    pytest.param({"productFilename": "!*_cal.fits"}, False, id="glob negated"),
    pytest.param({"productFilename": ["*_rate.fits", "*_cal.fits"]}, True, id="one of several globs"),
    pytest.param({"productFilename": ["*_rate.fits", "!*_i2d.fits"]}, False, id="none of the globs"),
    pytest.param({"productSubGroupDescription": ["I2D", "C*"]}, True, id="text or glob"),
    pytest.param({"productSubGroupDescription": ["CAL", "I*"]}, True, id="glob or text"),
    pytest.param({"productSubGroupDescription": "C?L"}, True, id="question mark"),
    pytest.param({"productSubGroupDescription": "CAL?"}, False, id="a question mark is one character"),
    pytest.param({"productSubGroupDescription": "[abc]AL"}, True, id="character set"),
    pytest.param({"productSubGroupDescription": "[A-C]AL"}, True, id="character range"),
    pytest.param({"productSubGroupDescription": "[!abc]AL"}, False, id="character set negated"),
    pytest.param({"productSubGroupDescription": "![!abc]AL"}, True, id="both negations"),
    pytest.param({"productSubGroupDescription": "[]C]AL"}, True, id="a first bracket is a member"),
    pytest.param({"prvversion": "1.16.*"}, True, id="a point is a point"),
    pytest.param({"prvversion": "1?16*1"}, True, id="several globs in one"),
    pytest.param({"prvversion": "1x16.*"}, False, id="and no other character"),
]


@pytest.mark.parametrize(("raw", "taken"), TEXTS)
def test_texts(raw: dict[str, object], *, taken: bool) -> None:
    """Plain texts are alternatives, negated ones are all excluded; case does not matter and globs are globs."""
    assert takes(PRODUCT, **raw) is taken


@pytest.mark.parametrize(
    ("raw", "taken"),
    [
        pytest.param("I2D", False, id="plain"),
        pytest.param("*", False, id="glob"),
        pytest.param(["I2D", "!CAL"], False, id="plain and negated"),
        pytest.param("!I2D", True, id="negated"),
        pytest.param("!*", True, id="negated glob"),
    ],
)
@pytest.mark.parametrize("key", ["productSubGroupDescription", "filters"])
def test_null_texts(key: str, raw: object, *, taken: bool) -> None:
    """An unknown text matches no plain value or glob, and negated values let it pass."""
    record = replace(PRODUCT, product_subgroup=None, filters=None)
    assert takes(record, **{key: raw}) is taken


@pytest.mark.parametrize(
    ("raw", "taken"),
    [
        pytest.param("F444W;F405N", True, id="whole"),
        pytest.param("F444W", True, id="first part"),
        pytest.param("f405n", True, id="second part in another case"),
        pytest.param("F4*", True, id="glob over a part"),
        pytest.param("F444W*N", True, id="glob over the whole"),
        pytest.param("F405N;F444W", False, id="another order"),
        pytest.param("F44", False, id="piece of a part"),
        pytest.param("F200W", False, id="no part"),
        pytest.param("!F444W", False, id="a part negated"),
        pytest.param("!F444W;F405N", False, id="the whole negated"),
        pytest.param("!F200W", True, id="no part negated"),
        pytest.param(["F444W", "!F405N"], False, id="one part plain, another negated"),
        pytest.param(["F444W", "!F200W"], True, id="a part plain, none negated"),
    ],
)
def test_joined_texts(raw: object, *, taken: bool) -> None:
    """In a column that MAST joins by ``;`` a value matches the whole or one part, and negated neither."""
    assert takes(PRODUCT, filters=raw) is taken
    assert takes(replace(PRODUCT, filters="F444W; F405N"), filters="F405N")


def test_a_column_that_is_not_joined_is_not_taken_apart() -> None:
    """A ``;`` in a plain text column is a character like any other."""
    record = replace(PRODUCT, description="a;b")
    assert not takes(record, description="a")
    assert takes(record, description="a;b")


ASCII_TEXT = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=12)


@UNHURRIED
@given(text=ASCII_TEXT.filter(lambda text: text.strip() == text and not text.startswith("!")))
def test_a_text_matches_itself_in_any_case(text: str) -> None:
    """Whatever a text holds, it matches itself with its glob characters in brackets, in any case."""
    literal = "".join(f"[{char}]" if char in "*?[" else char for char in text)
    record = replace(PRODUCT, description=text)
    assert takes(record, description=literal)
    assert takes(record, description=literal.swapcase())
    assert not takes(record, description=f"!{literal}")
    assert takes(replace(PRODUCT, description=text.swapcase()), description=literal)


@pytest.mark.parametrize("name", ["Größe", "ΣΑΣ", "ÎLE"])
def test_case_does_not_matter_beyond_ascii(name: str) -> None:
    """Case does not matter for letters of any alphabet."""
    for spelled in (name.upper(), name.lower()):
        assert takes(replace(OBSERVATION, target_name=name), target_name=spelled)


NUMBERS = [
    pytest.param(2, True, id="whole number"),
    pytest.param(2.0, True, id="float"),
    pytest.param("2", True, id="text"),
    pytest.param(" 2 ", True, id="text with blanks"),
    pytest.param("+2.0", True, id="text with sign and point"),
    pytest.param("2.", True, id="text with a bare point"),
    pytest.param("0.2e1", True, id="text with exponent"),
    pytest.param(3, False, id="another"),
    pytest.param([2, 3], True, id="one of several"),
    pytest.param([1, 3], False, id="none of several"),
    pytest.param("!2", False, id="negated"),
    pytest.param("! 2", False, id="negated with a blank"),
    pytest.param("!3", True, id="another negated"),
    pytest.param(["!1", "!3"], True, id="none of the negated"),
    pytest.param(["!2", "<20"], False, id="negated wins over a comparison"),
    pytest.param(["!3", "<20"], True, id="comparison and negated"),
    pytest.param(["!3", ">20"], False, id="comparison that fails"),
    pytest.param(">=2", True, id="at least"),
    pytest.param(">= 2", True, id="at least, with a blank"),
    pytest.param(" >=2", True, id="at least, with a blank before"),
    pytest.param(">=2.1", False, id="at least more"),
    pytest.param(">1.9", True, id="more"),
    pytest.param(">2", False, id="more than itself"),
    pytest.param("<=2", True, id="at most"),
    pytest.param("<=1", False, id="at most less"),
    pytest.param("<2", False, id="less than itself"),
    pytest.param("<2.1", True, id="less"),
    pytest.param("<1e3", True, id="less, with exponent"),
    pytest.param("!>=2", False, id="comparison negated"),
    pytest.param("! > 2", True, id="another comparison negated"),
    pytest.param("1..2", True, id="upper end of a range"),
    pytest.param("2..3", True, id="lower end of a range"),
    pytest.param("2..2", True, id="range of one"),
    pytest.param("3..4", False, id="above"),
    pytest.param("-5..1.5", False, id="below"),
    pytest.param("-5 .. 5", True, id="range with blanks"),
    pytest.param("1e0..1e1", True, id="range with exponents"),
    pytest.param(".5..2.5", True, id="range with points"),
    pytest.param("0...5", False, id="a range that ends in a point five"),
    pytest.param("!1..2", False, id="range negated"),
    pytest.param("!3..4", True, id="another range negated"),
    pytest.param("2..", True, id="open above"),
    pytest.param("3..", False, id="open above, beyond"),
    pytest.param("..2", True, id="open below"),
    pytest.param("..1", False, id="open below, before"),
]


@pytest.mark.parametrize(("raw", "taken"), NUMBERS)
def test_numbers(raw: object, *, taken: bool) -> None:
    """Numbers compare as in astroquery: equal, compared, in ranges with both ends, negated, or any of a list."""
    assert takes(PRODUCT, calib_level=raw) is taken


def test_ranges_of_negative_numbers() -> None:
    """A range may begin or end below zero, and an open one has no end there."""
    record = replace(OBSERVATION, dec=-40.5)
    assert takes(record, s_dec="-41..-40")
    assert takes(record, s_dec="..-40")
    assert takes(record, s_dec="!-40..")
    assert not takes(record, s_dec="..-41")


NUMERIC_COLUMNS = [column for column in OBSERVATION_COLUMNS.values() if column.kind in {Kind.NUMBER, Kind.TIME}]


@pytest.mark.parametrize("raw", [3, "!3", "<10", "!<10", "..3", ["!3", "!4"]], ids=str)
@pytest.mark.parametrize("name", [column.name for column in NUMERIC_COLUMNS])
def test_an_unknown_number_matches_nothing(name: str, raw: object) -> None:
    """A null in a column of numbers or times is taken by no value, negated or not."""
    assert not takes(Observation(1, "jw02733-o002"), **{name: raw})
    assert not takes(sized(None), size=raw)


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@UNHURRIED
@given(value=finite, bound=finite)
def test_comparisons_share_the_numbers_out(value: float, bound: float) -> None:
    """Of less, equal and more exactly one holds, and the other comparisons follow from them."""
    record = replace(OBSERVATION, exposure_time=value)
    less, equal, more = (takes(record, t_exptime=f"{sign}{bound!r}") for sign in ("<", "", ">"))
    assert (less, equal, more) == (value < bound, value == bound, value > bound)
    assert takes(record, t_exptime=f"<={bound!r}") is (less or equal) is not takes(record, t_exptime=f"!<={bound!r}")
    assert takes(record, t_exptime=f">={bound!r}") is (more or equal) is takes(record, t_exptime=f"{bound!r}..")
    assert takes(record, t_exptime=f"!{bound!r}") is (less or more)


@UNHURRIED
@given(value=finite, ends=st.tuples(finite, finite).map(sorted))
def test_a_range_holds_both_ends(value: float, ends: list[float]) -> None:
    """A range is what lies between its ends, with them."""
    low, high = ends
    assert takes(replace(OBSERVATION, exposure_time=value), t_exptime=f"{low!r}..{high!r}") is (low <= value <= high)


SIZES = [
    pytest.param(1_500_000, 1_500_000, id="plain number"),
    pytest.param("1500000", 1_500_000, id="plain text"),
    pytest.param("5 B", 5, id="bytes"),
    pytest.param("1.5 kB", 1500, id="kilobytes"),
    pytest.param("1.1 GB", 1_100_000_000, id="no rounding of decimals"),
    pytest.param("2MB", 2_000_000, id="megabytes without a blank"),
    pytest.param("3 GB", 3_000_000_000, id="gigabytes"),
    pytest.param("4 TB", 4_000_000_000_000, id="terabytes"),
    pytest.param("1 KiB", 1024, id="kibibytes"),
    pytest.param("1.5 MiB", 1_572_864, id="mebibytes"),
    pytest.param("1 GiB", 1_073_741_824, id="gibibytes"),
    pytest.param("1 TiB", 1_099_511_627_776, id="tebibytes"),
    pytest.param("1 kib", 1024, id="binary in lower case"),
    pytest.param("2 mb", 2_000_000, id="lower case"),
    pytest.param("2 KB", 2000, id="upper case"),
    pytest.param(" 2  MB ", 2_000_000, id="blanks"),
    pytest.param("1e3 MB", 1_000_000_000, id="exponent"),
]


@pytest.mark.parametrize(("written", "size"), SIZES)
def test_sizes_have_units(written: str | int, size: int) -> None:
    """A size is bytes, or a number with a decimal or binary unit, in limits as in rules."""
    assert parse_size(written) == size
    assert takes(sized(size), size=written)
    assert not takes(sized(size - 1), size=written)
    assert not takes(sized(size + 1), size=written)


@pytest.mark.parametrize(
    ("written", "bounds"),
    [
        pytest.param("1 MB..2 GB", (10**6, 2 * 10**9), id="both"),
        pytest.param("1MB .. 2GiB", (10**6, 2**31), id="two systems"),
        pytest.param("1000..1 MB", (1000, 10**6), id="bytes to a unit"),
        pytest.param("1 kB..", (1000, 10**12), id="open above"),
        pytest.param("..1 kB", (0, 1000), id="open below"),
        pytest.param(">=1 kB", (1000, 10**12), id="at least"),
        pytest.param("< 1 kB", (0, 999), id="less"),
        pytest.param(">1.5", (2, 10**12), id="part of a byte"),
    ],
)
def test_ranges_of_sizes(written: str, bounds: tuple[int, int]) -> None:
    """Units may stand in comparisons and at the ends of ranges."""
    low, high = bounds
    assert takes(sized(low), size=written)
    assert takes(sized(high), size=written)
    assert not takes(sized(low - 1), size=written) or low == 0
    assert not takes(sized(high + 1), size=written) or high == 10**12


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", "expected a size", id="empty"),
        pytest.param("GB", "expected a size", id="unit alone"),
        pytest.param("1 XB", "expected one of the units", id="unknown unit"),
        pytest.param("1 MB..2 MB", "expected a size", id="range"),
        pytest.param(">1 MB", "expected a size", id="comparison"),
        pytest.param("-1 MB", "not negative", id="negative text"),
        pytest.param(-1, "not negative", id="negative number"),
        pytest.param(1.5, "expected a size", id="float"),
        pytest.param(True, "expected a size", id="flag"),
        pytest.param(None, "expected a size", id="nothing"),
        pytest.param("1e999", "expected a size", id="too large"),
        pytest.param("1e300 TB", "expected a size", id="too large with its unit"),
        pytest.param(2**70, "expected a size", id="too large a number"),
    ],
)
def test_bad_sizes_for_limits(value: object, expected: str) -> None:
    """What is no size is refused with what would be right."""
    with pytest.raises(ValueError, match=expected):
        parse_size(value)


START_OF_DAY, END_OF_DAY = 59761.0, math.nextafter(59762.0, 0)  # 2022-07-01
BEFORE, AFTER = math.nextafter(START_OF_DAY, 0), 59762.0
DATES = [
    pytest.param("2022-07-01", (False, True, True, False), id="the day"),
    pytest.param(date(2022, 7, 1), (False, True, True, False), id="the day as TOML has it"),
    pytest.param("!2022-07-01", (True, False, False, True), id="not the day"),
    pytest.param("<2022-07-01", (True, False, False, False), id="before"),
    pytest.param("<=2022-07-01", (True, True, True, False), id="up to"),
    pytest.param(">=2022-07-01", (False, True, True, True), id="from"),
    pytest.param(">2022-07-01", (False, False, False, True), id="after"),
    pytest.param("> 2022-07-01 ", (False, False, False, True), id="after, with blanks"),
    pytest.param("2022-07-01..2022-07-01", (False, True, True, False), id="range of one day"),
    pytest.param("2022-07-01 .. 2023-01-01", (False, True, True, True), id="range"),
    pytest.param("2022-06-01..2022-07-01", (True, True, True, False), id="a range holds its last day"),
    pytest.param("..2022-07-01", (True, True, True, False), id="open below"),
    pytest.param("2022-07-01..", (False, True, True, True), id="open above"),
    pytest.param("!..2022-07-01", (False, False, False, True), id="open below, negated"),
    pytest.param("59761", (False, True, False, False), id="an MJD is an instant"),
    pytest.param("59761..59761.9", (False, True, False, False), id="range of MJD"),
    pytest.param("2022-07-01..59762.5", (False, True, True, True), id="date to MJD"),
    pytest.param(">=2022-07-01T00:00:00", (False, True, True, True), id="instant"),
    pytest.param("<=2022-07-01T00:00:00Z", (True, True, False, False), id="instant with zone"),
    pytest.param(["2022-06-30", "2022-07-02"], (True, False, False, True), id="list of days"),
]


@pytest.mark.parametrize(("raw", "taken"), DATES)
def test_dates(raw: object, taken: tuple[bool, bool, bool, bool]) -> None:
    """A bare date is that UTC day, whole, in equality, comparisons and ranges; a number is an MJD."""
    assert tuple(takes(started(mjd), t_min=raw) for mjd in (BEFORE, START_OF_DAY, END_OF_DAY, AFTER)) == taken


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(NOON, id="MJD"),
        pytest.param("59762.5", id="MJD as text"),
        pytest.param("2022-07-02T12:00:00", id="instant"),
        pytest.param("2022-07-02T12:00:00Z", id="instant with zone"),
        pytest.param("2022-07-02 12:00", id="instant with a blank, without seconds"),
        pytest.param("2022-07-02T14:00:00.000+02:00", id="instant with an offset"),
        pytest.param(datetime(2022, 7, 2, 12), id="local time as TOML has it"),  # noqa: DTZ001 - TOML's own
        pytest.param(datetime(2022, 7, 2, 12, tzinfo=UTC), id="with zone as TOML has it"),
        pytest.param(datetime(2022, 7, 2, 8, tzinfo=timezone(timedelta(hours=-4))), id="with offset as TOML has it"),
    ],
)
def test_a_date_with_a_time_is_an_instant(raw: object) -> None:
    """A date with a time, in UTC unless it says otherwise, is that instant and no other."""
    assert takes(started(NOON), t_min=raw)
    assert not takes(started(math.nextafter(NOON, 0)), t_min=raw)
    assert not takes(started(math.nextafter(NOON, math.inf)), t_min=raw)


def test_mjd_40587_is_1970() -> None:
    """Days are counted as MAST counts them."""
    assert takes(started(40587.0), t_min="1970-01-01")
    assert takes(started(40587.0), t_min="1970-01-01T00:00:00")


@UNHURRIED
@example(day=date(1800, 1, 1), mjd=-21503.0)
@example(day=date(1800, 1, 1), mjd=-21504.0)
@given(day=st.dates(), mjd=st.floats(-700_000, 3_000_000))
def test_every_day_and_every_moment(day: date, mjd: float) -> None:
    """Any MJD lies before, in or after a day, and in one of them only."""
    record = started(mjd)
    before, within, after = (takes(record, t_min=f"{sign}{day.isoformat()}") for sign in ("<", "", ">"))
    start = (day - date(1970, 1, 1)).days + 40587
    assert (before, within, after) == (mjd < start, start <= mjd < start + 1, mjd >= start + 1)


@pytest.mark.parametrize(
    ("moment", "mjd"),
    [
        pytest.param(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))), -678575.5, id="first"),
        pytest.param(datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-12))), 2973483.5, id="last"),
    ],
)
def test_the_ends_of_the_calendar(moment: datetime, mjd: float) -> None:
    """A moment that an offset takes out of the calendar is an instant like any other."""
    assert takes(started(mjd), t_min=moment)


def test_flags() -> None:
    """A flag column takes true or false; an unknown flag matches neither."""
    assert takes(OBSERVATION, mtFlag=False)
    assert not takes(OBSERVATION, mtFlag=True)
    assert takes(OBSERVATION, mtFlag=[True, False])
    assert not takes(replace(OBSERVATION, moving_target=None), mtFlag=[True, False])


@pytest.mark.parametrize(
    ("raw", "taken"),
    [
        pytest.param("fits", True, id="without a point"),
        pytest.param(".fits", True, id="with a point"),
        pytest.param("FITS", True, id="another case"),
        pytest.param("_cal.fits", True, id="longer suffix"),
        pytest.param("jpg", False, id="another"),
        pytest.param("cal", False, id="not the end"),
        pytest.param(["jpg", "fits"], True, id="one of several"),
        pytest.param(["jpg", "json"], False, id="none of several"),
    ],
)
def test_extension(raw: object, *, taken: bool) -> None:
    """``extension`` is a suffix of the file name, in any case."""
    assert takes(PRODUCT, extension=raw) is taken
    assert takes(replace(PRODUCT, filename=PRODUCT.filename.upper()), extension=raw) is taken


@pytest.mark.parametrize(("group", "taken"), [(MINIMUM_RECOMMENDED, True), ("others", False), (None, False)])
def test_mrp_only(group: str | None, *, taken: bool) -> None:
    """``mrp_only = true`` takes minimum recommended products only, and false filters nothing."""
    record = replace(PRODUCT, product_group=group)
    assert takes(record, mrp_only=True) is taken
    assert takes(record, mrp_only=False)
    assert takes(record, mrp_only=[True, False])


MISSES = [
    pytest.param({"calib_level": [1, 3]}, "calib_level = [1, 3]: is 2", id="number"),
    pytest.param({"extension": "jpg"}, f'extension = "jpg": is {PRODUCT.filename}', id="extension"),
    pytest.param({"productType": "INFO"}, 'productType = "INFO": is SCIENCE', id="text"),
    pytest.param({"size": "<1 MB"}, 'size = "<1 MB": is 29684160', id="size"),
    pytest.param({"project": "X"}, 'project = "X": is unknown', id="null"),
    pytest.param({"calib_level": 2, "productType": "A", "size": 1}, 'productType = "A": is SCIENCE', id="first"),
    pytest.param({"description": "X"}, 'description = "X": is "\\u001b[31mred"', id="control characters"),
    pytest.param({"mrp_only": True}, "mrp_only = true: is not a minimum recommended product", id="recommended"),
    pytest.param(
        {"productType": ["INFO"] * 20},
        'productType = ["INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", ...: is SCIENCE',
        id="long",
    ),
]


@pytest.mark.parametrize(("raw", "miss"), MISSES)
def test_a_miss(raw: dict[str, object], miss: str) -> None:
    """A line that does not hold is named, with what stands there instead."""
    record = replace(PRODUCT, product_group="others", description="\x1b[31mred")
    rule = rule_over(record, raw)
    assert not rule.takes(record)
    assert str(rule.misses(record)[0]) == miss


@pytest.mark.parametrize(
    ("record", "raw", "miss"),
    [
        pytest.param(
            started(59750.25), ">=2022-07-01", 't_min = ">=2022-07-01": is 2022-06-20 (MJD 59750.25000)', id="d"
        ),
        pytest.param(started(9e99), "<=2022-07-01", 't_min = "<=2022-07-01": is 9e+99', id="no day"),
        pytest.param(started(-9e99), date(2022, 7, 1), "t_min = 2022-07-01: is -9e+99", id="no day either"),
    ],
)
def test_the_miss_of_a_time(record: Observation, raw: object, miss: str) -> None:
    """A time is told as a date, where it is one."""
    assert list(map(str, rule_over(record, {"t_min": raw}).misses(record))) == [miss]


@pytest.mark.parametrize(
    ("mjd", "day"),
    [
        pytest.param(40587.999, date(1970, 1, 1), id="end of a day"),
        pytest.param(-678575.0, date.min, id="first"),
        pytest.param(-678575.1, None, id="before the first"),
        pytest.param(2973483.9, date.max, id="last"),
        pytest.param(2973484.0, None, id="after the last"),
        pytest.param(math.nan, None, id="nan"),
    ],
)
def test_the_day_of_an_mjd(mjd: float, day: date | None) -> None:
    """Every MJD of the calendar has its UTC day, and others have none."""
    assert day_of(mjd) == day


def test_the_miss_of_a_flag() -> None:
    """A flag is told as TOML has it."""
    assert rule_over(OBSERVATION, {"mtFlag": True}).misses(OBSERVATION) == (Miss("mtFlag", "true", "false"),)


def test_the_misses_of_a_rule() -> None:
    """Every line that does not hold is told, in the order of the rule; what the rule takes misses nothing."""
    rule = rule_over(PRODUCT, {"calib_level": 3, "extension": "fits", "productType": "INFO"})

    assert rule.misses(PRODUCT) == (Miss("calib_level", "3", "2"), Miss("productType", '"INFO"', "SCIENCE"))
    assert rule_over(PRODUCT, {"calib_level": 2, "extension": "fits"}).misses(PRODUCT) == ()


TEXT = "expected a text in quotes"
NUMBER = "expected a number"
SIZE = "expected a size"
TIME = "expected an MJD, a date"
SUFFIX = "expected the end of a file name"
BAD_LINES = [
    pytest.param("productType", True, TEXT, id="flag in a text column"),
    pytest.param("prvversion", 1.18, TEXT, id="float in a text column"),
    pytest.param("productType", date(2022, 7, 1), TEXT, id="date in a text column"),
    pytest.param("productType", {"a": 1}, TEXT, id="table in a text column"),
    pytest.param("productType", 2**70, TEXT, id="number beyond TOML in a text column"),
    pytest.param("productType", "", "not empty", id="empty text"),
    pytest.param("productType", "  ", "not empty", id="blank text"),
    pytest.param("productType", "!", "not empty", id="negation of nothing"),
    pytest.param("productType", [], "at least one value", id="empty list"),
    pytest.param("filters", "", "not empty", id="empty text in a joined column"),
    pytest.param("productFilename", "*_[cal.fits", 'every "[" closed', id="unclosed bracket"),
    pytest.param("productFilename", "[]", 'every "[" closed', id="bracket closed by its first member"),
    pytest.param("productFilename", "[!]", 'every "[" closed', id="negated bracket closed by its first member"),
    pytest.param("productFilename", "[a][", 'every "[" closed', id="second bracket unclosed"),
    pytest.param("calib_level", True, NUMBER, id="flag in a number column"),
    pytest.param("calib_level", "abc", NUMBER, id="text that is no number"),
    pytest.param("calib_level", "", NUMBER, id="empty text in a number column"),
    pytest.param("calib_level", "!", NUMBER, id="negation of no number"),
    pytest.param("calib_level", "!!2", NUMBER, id="two negations"),
    pytest.param("calib_level", "..", NUMBER, id="range of nothing"),
    pytest.param("calib_level", "1..2..3", NUMBER, id="range of three"),
    pytest.param("calib_level", "1....5", NUMBER, id="four points"),
    pytest.param("calib_level", "a..b", NUMBER, id="range of texts"),
    pytest.param("calib_level", ">", NUMBER, id="comparison with nothing"),
    pytest.param("calib_level", ">=<2", NUMBER, id="two comparisons"),
    pytest.param("calib_level", "==2", NUMBER, id="comparison that is none"),
    pytest.param("calib_level", ">1..2", NUMBER, id="comparison with a range"),
    pytest.param("calib_level", "2,5", NUMBER, id="decimal comma"),
    pytest.param("calib_level", "1_000", NUMBER, id="underscore"),
    pytest.param("calib_level", "٣", NUMBER, id="digits of another script"),
    pytest.param("calib_level", "200..100", 'low to high, such as "100..200"', id="reversed range"),
    pytest.param("calib_level", math.nan, NUMBER, id="nan"),
    pytest.param("calib_level", -math.inf, NUMBER, id="infinity"),
    pytest.param("calib_level", "nan", NUMBER, id="nan as text"),
    pytest.param("calib_level", "inf", NUMBER, id="infinity as text"),
    pytest.param("calib_level", "1e999", NUMBER, id="more than a float"),
    pytest.param("calib_level", 16**5000, NUMBER, id="more than TOML"),
    pytest.param("calib_level", date(2022, 7, 1), NUMBER, id="date in a number column"),
    pytest.param("calib_level", "2022-07-01", NUMBER, id="date as text in a number column"),
    pytest.param("calib_level", "1 MB", NUMBER, id="unit in a number column"),
    pytest.param("size", "5 XB", "expected one of the units", id="unknown unit"),
    pytest.param("size", "1 MB..2 XB", "expected one of the units", id="unknown unit in a range"),
    pytest.param("size", "MB", SIZE, id="unit alone"),
    pytest.param("size", "1 MB 2", SIZE, id="something after the unit"),
    pytest.param("size", True, SIZE, id="flag in a size column"),
    pytest.param("size", math.inf, SIZE, id="infinite size"),
    pytest.param("size", "1e999", SIZE, id="size beyond floats"),
    pytest.param("size", "1e300 TB", SIZE, id="size beyond floats by its unit"),
    pytest.param("size", "2 GB..1 MB", 'low to high, such as "1 MB..2 GB"', id="reversed sizes"),
    pytest.param("extension", "!fits", SUFFIX, id="extension negated"),
    pytest.param("extension", " !fits", SUFFIX, id="extension negated, with a blank"),
    pytest.param("extension", "*.fits", SUFFIX, id="extension with a star"),
    pytest.param("extension", "fit?", SUFFIX, id="extension with a question mark"),
    pytest.param("extension", "[f]its", SUFFIX, id="extension with brackets"),
    pytest.param("extension", 5, SUFFIX, id="extension that is a number"),
    pytest.param("extension", "", "not empty", id="empty extension"),
    pytest.param("extension", " ", "not empty", id="blank extension"),
    pytest.param("mrp_only", "yes", "expected true or false", id="text for a flag"),
    pytest.param("mrp_only", 1, "expected true or false", id="number for a flag"),
    pytest.param("producttype", "X", "the nearest is productType", id="case of a key"),
    pytest.param("product_type", "X", "the nearest is productType", id="another spelling of a key"),
    pytest.param("extention", "fits", "the nearest is extension", id="misspelt extension"),
    pytest.param("mrp", True, "expected one of calib_level", id="no key is near"),
    pytest.param("instrument_name", "MIRI*", "in a rule for observations", id="observation column"),
]


@pytest.mark.parametrize(("key", "value", "expected"), BAD_LINES)
def test_bad_lines(key: str, value: object, expected: str) -> None:
    """What can not be meant is refused, with the key and what would be right."""
    [problem] = problems_of(PRODUCT_COLUMNS, **{key: value})
    assert problem.key == key
    assert expected in problem.expected
    assert len(problem.value) <= 60


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("t_min", "2022-02-30", "a day and a time that exist", id="no such day"),
        pytest.param("t_min", "2022-02-01T25:00:00", "a day and a time that exist", id="no such time"),
        pytest.param("t_min", "01.07.2022", TIME, id="another way to write dates"),
        pytest.param("t_min", "2022-07", TIME, id="month"),
        pytest.param("t_min", "", TIME, id="empty"),
        pytest.param("t_min", "..", TIME, id="range of nothing"),
        pytest.param("t_min", "1e999", TIME, id="beyond floats"),
        pytest.param("t_min", time(12), TIME, id="time without a day"),
        pytest.param("t_min", True, TIME, id="flag in a time column"),
        pytest.param("t_min", "2023-01-01..2022-01-01", 'such as "2022-01-01..2023-01-01"', id="reversed"),
        pytest.param("mtFlag", "true", "expected true or false", id="text in a flag column"),
        pytest.param("mtFlag", "!true", "expected true or false", id="negated flag"),
        pytest.param("extension", "fits", "in a rule for include and exclude", id="extension"),
        pytest.param("mrp_only", True, "in a rule for include and exclude", id="mrp_only"),
        pytest.param("productType", "X", "in a rule for include and exclude", id="product column"),
        pytest.param("instrument", "X", "the nearest is instrument_name", id="part of a key"),
    ],
)
def test_bad_lines_over_observations(key: str, value: object, expected: str) -> None:
    """Rules over observations are as strict, and have no ``extension`` and ``mrp_only``."""
    [problem] = problems_of(OBSERVATION_COLUMNS, **{key: value})
    assert problem.key == key
    assert expected in problem.expected


def test_all_problems_of_a_rule_come_at_once() -> None:
    """Every wrong value of every line is reported, in the order of the rule, and the good lines stand."""
    raw = {"a b": 1, "calib_level": [2, "x", "200..100"], "extension": "fits", "size": "1 XB", "productType": []}
    rule, problems = parse_rule(raw, PRODUCT_COLUMNS)
    assert [(problem.key, problem.value) for problem in problems] == [
        ('"a b"', "1"),
        ("calib_level[1]", '"x"'),
        ("calib_level[2]", '"200..100"'),
        ("size", '"1 XB"'),
        ("productType", "[]"),
    ]
    assert str(rule) == '{ extension = "fits" }'


def test_a_rule_is_written_as_toml() -> None:
    """A rule without a name is called by what it says."""
    raw = {"productSubGroupDescription": "I2D", "calib_level": [2, 3.5], "mrp_only": True}
    assert (
        str(rule_over(PRODUCT, raw))
        == '{ productSubGroupDescription = "I2D", calib_level = [2, 3.5], mrp_only = true }'
    )
    assert str(EVERYTHING) == "{}"


def test_rules_written_alike_are_equal() -> None:
    """Two rules of the same lines are equal and hash alike; others are not."""
    one, same = (rule_over(PRODUCT, {"calib_level": 2}) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != rule_over(PRODUCT, {"calib_level": 3})
    assert one != rule_over(OBSERVATION, {"calib_level": 2})


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.datetimes()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
operators = st.text("!<>=.*?[] -+0123456789eEMKiBTZ:", max_size=12)


@settings(UNHURRIED, max_examples=300)
@given(raw=st.dictionaries(st.sampled_from([*PRODUCT_COLUMNS, "extension", "mrp_only", "x"]), anything | operators))
def test_any_table_is_a_rule_or_a_problem(raw: dict[str, object]) -> None:
    """Whatever stands in a rule, it is read or refused in words, and what is read can be asked."""
    rule, problems = parse_rule(raw, PRODUCT_COLUMNS)
    assert len(rule.lines) + len({problem.key.partition("[")[0] for problem in problems}) == len(raw)
    assert all(problem.expected.startswith("expected ") for problem in problems)
    for record in (PRODUCT, ProductRow("mast:x", "x", 1, 1, "x")):
        assert rule.takes(record) is (rule.misses(record) == ())


@settings(UNHURRIED, max_examples=200)
@given(raw=operators)
def test_any_text_is_a_time_or_a_problem(raw: str) -> None:
    """Whatever text stands in a column of times, it is read or refused in words."""
    problems = problems_of(OBSERVATION_COLUMNS, t_min=raw)
    assert all(problem.expected.startswith("expected ") for problem in problems)


def test_nearest_names() -> None:
    """An unknown name is answered by the nearest known one, or by all of them if none is near."""
    assert expected_one_of("TIMEOUT", ["url", "timeout"]) == "expected a known name; the nearest is timeout"
    assert expected_one_of("url", ["URL", "timeout"]) == "expected a known name; the nearest is URL"
    assert expected_one_of("zzz", ["url", "timeout"]) == "expected one of timeout, url"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param('a "b"\n', '"a \\"b\\"\\n"', id="text"),
        pytest.param("ü", '"ü"', id="letters stay"),
        pytest.param(16**20, "0x100000000000000000000", id="long number"),
        pytest.param(-5, "-5", id="number"),
        pytest.param(1.5, "1.5", id="float"),
        pytest.param(False, "false", id="flag"),
        pytest.param(datetime(2022, 7, 1, 12, tzinfo=UTC), "2022-07-01T12:00:00+00:00", id="moment"),
        pytest.param(time(12), "12:00:00", id="time"),
        pytest.param([1, ["a"]], '[1, ["a"]]', id="list"),
        pytest.param({}, "{}", id="empty table"),
        pytest.param({"a b": {"c": 1}}, '{ "a b" = { c = 1 } }', id="table"),
        pytest.param([[[[[[]]]]]], "[[[[[...]]]]]", id="deep list"),
        pytest.param({"a": {"a": {"a": {"a": {"a": 1}}}}}, "{ a = { a = { a = { a = { ... } } } } }", id="deep table"),
        pytest.param(None, "None", id="what TOML does not have"),
    ],
)
def test_values_as_toml(value: object, text: str) -> None:
    """A value is shown as it could stand in the manifest, on one line and not too deep."""
    assert toml_value(value) == text


def test_places_in_a_document() -> None:
    """A place has a key path, a position that orders it, and what stands there."""
    document = {"a": {"b c": [1, {"d": 2}]}, "e": 3}
    place = ("a", "b c", 1, "d")
    assert toml_path(place) == 'a."b c"[1].d'
    assert toml_path(("ü",)) == '"ü"'
    assert look_up(document, place) == ((0, 0, 1, 0), "2")
    assert look_up(document, ("a", "missing")) == ((0, 1), "")
    assert look_up(document, ("e",)) == ((1,), "3")


def test_the_schema_of_a_rule_has_every_key() -> None:
    """Every key of a rule stands in the schema with a description and an example that the rule takes as a value."""
    for columns, more in ((PRODUCT_COLUMNS, {"extension", "mrp_only"}), (OBSERVATION_COLUMNS, set[str]())):
        properties: Any = rule_schema(columns)["properties"]
        assert set(properties) == {*columns, *more}
        for key, schema in properties.items():
            assert schema["description"]
            assert problems_of(columns, **{key: schema["examples"][0]}) == []


def test_a_refusal_is_told_whole() -> None:
    """A refusal of several things says all of them."""
    problems = [Problem("a", "1", "expected b"), Problem("c", "2", "expected d")]
    assert str(RefusedError(problems)) == "a = 1: expected b\nc = 2: expected d"
