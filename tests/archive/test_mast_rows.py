"""The rows of MAST's tables as records: numbers, names and every kind of null."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.caom import OBSERVATION_COLUMNS, PRODUCT_COLUMNS, Observation, ProductRow
from tests.archive.answers import (
    COLUMNS_CONFIG,
    OBSERVATION,
    PRODUCT,
    PROPOSAL,
    answers,
    archive_at,
    declared,
    table,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.sandbox import Sandbox


def test_numbers_are_numbers_and_ids_are_whole(sandbox: Sandbox) -> None:
    """Numbers that are declared text come as numbers, whole numbers stay whole, and proposals lose leading zeros."""
    row = {**OBSERVATION, "calib_level": 3, "t_min": "59733.5", "proposal_id": "01345", "mtFlag": True, "objID": 77}
    sandbox.fault = answers(table({**declared(OBSERVATION_COLUMNS), "t_min": "string"}, row))
    (found,) = archive_at(sandbox.url).observations(PROPOSAL)

    assert found == Observation(
        group_id=9_000,
        obs_id="jw01345-o001",
        calib_level=3,
        started_at=59733.5,
        proposal_id="1345",
        moving_target=True,
        object_id="77",
    )
    assert isinstance(found.group_id, int)
    assert isinstance(found.calib_level, int)


def test_every_kind_of_null_is_none(sandbox: Sandbox) -> None:
    """A null integer is no -999, a null text no '--', a null float no NaN; an absent cell is null too."""
    nulls = dict.fromkeys(PRODUCT_COLUMNS)
    rows = [
        {**nulls, **PRODUCT, "size": 2880, "description": "a product", "prvversion": "1.18.0"},
        {**nulls, **PRODUCT},
        PRODUCT,
    ]
    sandbox.fault = answers(table(declared(PRODUCT_COLUMNS), *rows))
    known, *unknown = archive_at(sandbox.url).products([9_000])
    bare = ProductRow("mast:JWST/product/a_cal.fits", "a_cal.fits", 17, 9_000, str(PRODUCT["obs_id"]))

    assert unknown == [bare, bare]
    assert known == dataclasses.replace(bare, size=2880, description="a product", cal_ver="1.18.0")


def test_a_null_float_is_none(sandbox: Sandbox) -> None:
    """NaN is how astroquery writes a null float, and how the archive may."""
    rows = [{**OBSERVATION, "t_min": None}, {**OBSERVATION, "t_min": math.nan}, {**OBSERVATION, "mtFlag": None}]
    sandbox.fault = answers(table(declared(OBSERVATION_COLUMNS), *rows))

    found = archive_at(sandbox.url).observations(PROPOSAL)
    assert [(one.started_at, one.moving_target) for one in found] == [(None, None)] * 3


def test_absent_columns_are_null_and_unknown_ones_are_passed_over(sandbox: Sandbox) -> None:
    """The archive's columns vary in number and order; they are read by name."""
    types = {"new_column": "string", "size": "int", **dict.fromkeys(reversed(PRODUCT), "string")}
    sandbox.fault = answers(table(types, {**PRODUCT, "size": 5, "new_column": "x"}))
    (found,) = archive_at(sandbox.url).products([9_000])

    assert found == ProductRow("mast:JWST/product/a_cal.fits", "a_cal.fits", 17, 9_000, str(PRODUCT["obs_id"]), size=5)


def test_the_archives_own_null_values_are_none(sandbox: Sandbox) -> None:
    """A column may have a null value of its own, beside which an empty text still says nothing."""
    configured = {"description": {"text": "Description", "type": "string", "ignoreValue": "n/a"}}
    rows = [{**PRODUCT, "description": said} for said in ("n/a", "", None, "said")]
    archive = archive_at(sandbox.url)
    sandbox.fault = answers(text(json.dumps(configured)), COLUMNS_CONFIG)
    archive.products([9_000])
    sandbox.fault = answers(table(declared(PRODUCT_COLUMNS), *rows))

    assert [row.description for row in archive.products([9_000])] == [None, None, None, "said"]


@pytest.mark.parametrize("proposal", ["0", "000"])
def test_proposal_zero_keeps_its_digit(sandbox: Sandbox, proposal: str) -> None:
    """Leading zeros go, and one is left where there is nothing else."""
    sandbox.fault = answers(table(declared(PRODUCT_COLUMNS), {**PRODUCT, "proposal_id": proposal}))

    assert [row.proposal_id for row in archive_at(sandbox.url).products([9_000])] == ["0"]


@pytest.mark.parametrize("absent", [None, "", "no column"])
def test_products_without_a_name_come_through(sandbox: Sandbox, absent: str | None) -> None:
    """A row without URI or file name fails its product alone, which is decided elsewhere; here it is an empty name."""
    unnamed: dict[str, Any] = {**PRODUCT, "dataURI": absent, "productFilename": absent, "obs_id": absent}
    types = declared(PRODUCT_COLUMNS)
    if absent == "no column":
        for name in ("dataURI", "productFilename", "obs_id"):
            del unnamed[name], types[name]
    sandbox.fault = answers(table(types, unnamed))
    (found,) = archive_at(sandbox.url).products([9_000])

    assert (found.data_uri, found.filename, found.obs_id, found.group_id) == ("", "", "", 17)


def test_an_empty_answer_is_an_answer(sandbox: Sandbox) -> None:
    """A proposal that holds nothing is no error and no warning; nor is a table without columns, if it has no rows."""
    archive = archive_at(sandbox.url)
    assert archive.observations(4) == []
    assert archive.products([4]) == []

    sandbox.fault = answers(table({}))
    assert archive.observations(PROPOSAL) == []


words = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
CELLS = {
    "string": words,
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "int": st.integers(-1, 2**53),
    "boolean": st.booleans(),
}


@st.composite
def listings(draw: st.DrawFn) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The types of any product columns in any order, and rows with any cells, null and absent ones among them."""
    known = declared(PRODUCT_COLUMNS)
    chosen = draw(st.lists(st.sampled_from(sorted(known.keys() - PRODUCT.keys())), unique=True))
    names = draw(st.permutations([*PRODUCT, *chosen]))
    cells = {name: st.none() | CELLS[known[name]] for name in chosen}
    rows = draw(st.lists(st.fixed_dictionaries({}, optional=cells), max_size=4))
    return {name: known[name] for name in names}, [{**PRODUCT, **row} for row in rows]


def expected(row: Mapping[str, Any]) -> ProductRow:
    """The record that a product row is."""
    values: dict[str, Any] = {column.attribute: row.get(name) for name, column in PRODUCT_COLUMNS.items()}
    known = {name: value for name, value in values.items() if value not in {None, ""}}
    if "proposal_id" in known:
        known["proposal_id"] = known["proposal_id"].lstrip("0") or "0"
    return ProductRow(**known)


@given(listings())
@settings(max_examples=40, deadline=None)
def test_records_say_what_the_rows_say(
    shared_sandbox: Sandbox, listing: tuple[dict[str, str], list[dict[str, Any]]]
) -> None:
    """Whichever columns come, in whichever order and with whichever nulls, every cell ends up in its place."""
    types, rows = listing
    shared_sandbox.fault = answers(table(types, *rows))
    try:
        assert archive_at(shared_sandbox.url).products([9_000]) == [expected(row) for row in rows]
    finally:
        shared_sandbox.fault = None
