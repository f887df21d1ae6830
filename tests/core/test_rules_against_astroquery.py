"""Rules mean what astroquery's ``filter_products`` means, but for four differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from astroquery.exceptions import InvalidQueryError
from astroquery.mast import Observations
from astroquery.mast.discovery_portal import _json_to_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwstsync.core.caom import MINIMUM_RECOMMENDED, PRODUCT_COLUMNS, ProductRow
from jwstsync.core.rules import parse_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

Answer = dict[str, str | int | None]
"""One row as MAST answers it, by its column names."""

INTEGERS = ("size", "calib_level")
TEXTS: dict[str, Sequence[str | None]] = {
    "obs_collection": ("JWST", "hlsp", None),
    "dataproduct_type": ("image", "CUBE", "Spectrum", None),
    "obs_id": ("jw02733001001_02101_00001_nrca1", "JW02733-o002_t001_miri", "jw02733"),
    "description": ("exposure/target (L2b/L3): Data", "target (L3) ; list", "exposure", None),
    "type": ("S", "d", "C", None),
    "productType": ("SCIENCE", "auxiliary", "Info", None),
    "productGroupDescription": (MINIMUM_RECOMMENDED, "others", None),
    "productSubGroupDescription": ("UNCAL", "cal", "Rate", "GS-ACQ1", None),
    "project": ("CALJWST", "jwst", None),
    "prvversion": ("1.10.1", "1.9", "2", None),
    "proposal_id": ("2733", "1345", "12782"),
    "dataRights": ("PUBLIC", "exclusive_access", None),
    "filters": ("F444W", "f1130w", None),
}
"""Texts in upper, lower and mixed case, of which no two differ by case only."""

SUFFIXES = ("uncal.fits", "CAL.FITS", "Rate.Fits", "thumb.jpg", "asn.json")
EXTENSIONS = ("fits", "FITS", "Fits", ".jpg", "cal.fits", "json", "CAL.FITS")
ABSENT = "absent"


def answer(**values: str | int | None) -> Answer:
    """A row with every column, where nothing else is asked as a plain calibrated product."""
    return dict.fromkeys(PRODUCT_COLUMNS) | {
        "obsID": 87599771,
        "parent_obsid": 87602450,
        "obs_id": "jw02733002001_02103_00001_mirimage",
        "dataURI": "mast:JWST/product/a_cal.fits",
        "productFilename": "a_cal.fits",
        "productType": "SCIENCE",
        "size": 2880,
        "calib_level": 2,
        **values,
    }


def row_of(values: Answer) -> ProductRow:
    """The record of one row."""
    known: dict[str, Any] = {column.attribute: values[name] for name, column in PRODUCT_COLUMNS.items()}
    return ProductRow(**known)


def ours(answers: Sequence[Answer], rule: dict[str, Any]) -> list[int]:
    """The indices of the rows that our rule takes."""
    parsed, problems = parse_rule(rule, PRODUCT_COLUMNS)
    assert problems == ()
    return [index for index, values in enumerate(answers) if parsed.takes(row_of(values))]


def theirs(answers: Sequence[Answer], rule: dict[str, Any]) -> list[int]:
    """The indices of the rows that astroquery's filter leaves, of the table that astroquery makes of the answers."""
    fields = [{"name": name, "type": "int" if name in INTEGERS else "string"} for name in PRODUCT_COLUMNS]
    table = _json_to_table({"fields": fields, "data": answers})
    table["row"] = range(len(answers))
    return [int(index) for index in Observations.filter_products(table, **rule)["row"]]


def test_the_conversion_keeps_nulls() -> None:
    """What astroquery masks is null to us, and what it does not mask is the same."""
    row = row_of(answer(size=None, filters=None))
    assert (row.size, row.filters, row.group_id, row.calib_level) == (None, None, 87599771, 2)


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value alone, or a list of some."""
    return values | st.lists(values, min_size=1, max_size=4)


def maybe_negated(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of which some begin with the operator that negates."""
    return st.tuples(st.sampled_from(["", "!"]), values).map("".join)


integers = st.integers(-2, 8)
numbers = integers.map(str) | st.sampled_from(["2.0", "+3", "2.5", ".5", "1e0", "-1.5"])
comparisons = st.tuples(st.sampled_from([">", "<", ">=", "<="]), numbers).map("".join)
ranges = st.tuples(integers, integers).map(sorted).map(lambda ends: "{}..{}".format(*ends))
numeric_lines = one_or_more(integers | st.sampled_from([2.0, 2.5]) | maybe_negated(numbers | comparisons | ranges))


def text_lines(column: str) -> st.SearchStrategy[Any]:
    """Lines over a column of texts, in the spelling of its values."""
    spelled = [text for text in TEXTS[column] if text is not None]
    return one_or_more(maybe_negated(st.sampled_from([*spelled, ABSENT])))


lines: dict[str, st.SearchStrategy[Any]] = {
    **{column: text_lines(column) for column in TEXTS},
    **dict.fromkeys(INTEGERS, numeric_lines),
    "obsID": one_or_more(maybe_negated(numbers)),
    "mrp_only": st.booleans(),
}
rules = st.sets(st.sampled_from(sorted(lines)), min_size=1, max_size=3).flatmap(
    lambda keys: st.fixed_dictionaries({key: lines[key] for key in sorted(keys)})
)


def answers_for(rule: dict[str, Any]) -> st.SearchStrategy[list[Answer]]:
    """Rows with nulls anywhere but in the numbers that the rule speaks of."""
    numeric = {column: st.integers(-1, 7) if column in rule else st.none() | st.integers(-1, 7) for column in INTEGERS}
    texts = {column: st.sampled_from(values) for column, values in TEXTS.items()}
    row = st.fixed_dictionaries({**numeric, **texts, "obsID": st.integers(0, 4)}).map(lambda values: answer(**values))
    return st.lists(row, min_size=1, max_size=12)


UNHURRIED = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@UNHURRIED
@given(data=st.data(), rule=rules)
def test_rules_select_what_astroquery_selects(data: st.DataObject, rule: dict[str, Any]) -> None:
    """Where the four differences do not speak, a rule takes just the rows that astroquery leaves."""
    answers = data.draw(answers_for(rule))
    assert ours(answers, rule) == theirs(answers, rule)


@UNHURRIED
@given(line=numeric_lines, sizes=st.lists(st.integers(-3, 9), min_size=1, max_size=12))
def test_numbers_select_what_astroquery_selects(line: object, sizes: list[int]) -> None:
    """One line of numbers, comparisons and ranges takes just the rows that astroquery leaves."""
    answers = [answer(size=size) for size in sizes]
    assert ours(answers, {"size": line}) == theirs(answers, {"size": line})


@UNHURRIED
@given(suffixes=st.lists(st.sampled_from(SUFFIXES), min_size=1), wanted=one_or_more(st.sampled_from(EXTENSIONS)))
def test_extensions_select_what_astroquery_selects(suffixes: list[str], wanted: str | list[str]) -> None:
    """On names and extensions of one case, ``extension`` takes just the rows that astroquery leaves."""
    answers = [answer(productFilename=f"a_{suffix}".lower()) for suffix in suffixes]
    lower = wanted.lower() if isinstance(wanted, str) else [one.lower() for one in wanted]
    assert ours(answers, {"extension": lower}) == theirs(answers, {"extension": lower})


def test_null_text_is_as_in_astroquery() -> None:
    """A null text matches no plain value, and passes negated ones, here and there."""
    answers = [answer(productType=None), answer(productType="INFO")]
    for line, indices in (("INFO", [1]), ("!INFO", [0]), (["INFO", "!SCIENCE"], [1]), ("!SCIENCE", [0, 1])):
        rule = {"productType": line}
        assert ours(answers, rule) == theirs(answers, rule) == indices


def test_first_difference_case() -> None:
    """Case does not matter here, and does in astroquery, for texts and extensions."""
    answers = [answer(productType="SCIENCE", productFilename="a_cal.fits"), answer(productType="INFO")]
    for rule in ({"productType": "science"}, {"extension": "FITS", "productType": "SCIENCE"}):
        assert ours(answers, rule) == [0]
        assert theirs(answers, rule) == []
    assert ours(answers, {"productType": "!science"}) == [1]
    assert theirs(answers, {"productType": "!science"}) == [0, 1]


def test_second_difference_globs() -> None:
    """``*``, ``?`` and ``[...]`` are globs here, and characters in astroquery."""
    answers = [answer(productFilename="a_cal.fits"), answer(productFilename="b_cal.fits"), answer(productFilename="*")]
    for glob, indices in (("*_cal.fits", [0, 1]), ("?_cal.fits", [0, 1]), ("[b]_cal.fits", [1]), ("!?_*", [2])):
        assert ours(answers, {"productFilename": glob}) == indices
        assert theirs(answers, {"productFilename": glob}) == ([0, 1, 2] if glob.startswith("!") else [])
    assert ours(answers, {"productFilename": "[*]"}) == theirs(answers, {"productFilename": "*"}) == [2]


@pytest.mark.parametrize("line", ["1 kB..2 kB", "<=2kB", "2 KiB", ["!1 kB"]], ids=str)
def test_third_difference_units(line: str | list[str]) -> None:
    """Sizes may have units here; astroquery refuses them."""
    answers = [answer(size=1000), answer(size=2000), answer(size=2048)]
    assert ours(answers, {"size": line})
    with pytest.raises(InvalidQueryError):
        theirs(answers, {"size": line})


@pytest.mark.parametrize("line", ["<10", "!5", "-1000..10", ["!5", "<10"]], ids=str)
def test_fourth_difference_unknown_numbers(line: str | list[str]) -> None:
    """An unknown number matches nothing here; astroquery compares the -999 below its mask."""
    answers = [answer(size=None), answer(size=7)]
    assert ours(answers, {"size": line}) == [1]
    assert theirs(answers, {"size": line}) == [0, 1]


def test_open_ranges_are_refused_by_astroquery() -> None:
    """A range without one of its ends has a meaning here, and none that it could differ from in astroquery."""
    answers = [answer(size=1000), answer(size=2000)]
    assert ours(answers, {"size": "..1000"}) == [0]
    assert ours(answers, {"size": "2000.."}) == [1]
    for line in ("..1000", "2000.."):
        with pytest.raises(InvalidQueryError):
            theirs(answers, {"size": line})
