"""Queries as they go over the wire: what is understood, what is refused, and how answers are laid out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.sandbox import Catalogue, Sandbox
from jwstsync.sandbox.columns import OBSERVATIONS
from jwstsync.sandbox.filters import QueryError, parse_filters
from jwstsync.sandbox.holdings import Holdings
from jwstsync.sandbox.services import answer

if TYPE_CHECKING:
    from jwstsync.sandbox.columns import Row

MIRI = {"paramName": "instrument_name", "values": ["MIRI/IMAGE"]}
RING = {"paramName": "proposal_id", "values": ["2733"]}


def invoke(sandbox: Sandbox, service: str, params: object, **query: object) -> dict[str, Any]:
    """Post a query, and read the answer."""
    request = json.dumps({"service": service, "params": params, "format": "json", **query})
    response = requests.post(f"{sandbox.url}/api/v0/invoke", data={"request": request}, timeout=30)
    assert response.status_code == 200
    answered: dict[str, Any] = response.json()
    return answered


def test_an_answer_declares_its_fields_and_its_page(sandbox: Sandbox) -> None:
    """Ids are declared strings and are numbers, nulls are null, and the paging block counts rows and pages."""
    answered = invoke(sandbox, "Mast.Caom.Filtered", {"columns": "*", "filters": [RING]}, page=2, pagesize=5)

    kinds = {field["name"]: field["type"] for field in answered["fields"]}
    assert answered["status"] == "COMPLETE"
    assert (kinds["obsid"], kinds["s_ra"], kinds["calib_level"], kinds["mtFlag"]) == (
        "string",
        "float",
        "int",
        "boolean",
    )
    assert isinstance(answered["data"][0]["obsid"], int)
    assert answered["data"][0]["srcDen"] is None
    assert set(answered["data"][0]) == set(kinds)
    assert answered["paging"] == {
        "page": 2,
        "pageSize": 5,
        "pagesFiltered": 3,
        "rows": 5,
        "rowsFiltered": 12,
        "rowsTotal": 12,
    }


def test_no_rows_are_one_empty_page(sandbox: Sandbox) -> None:
    """A query that finds nothing is complete, with one page and no rows."""
    nothing = {"paramName": "proposal_id", "values": ["0"]}
    answered = invoke(sandbox, "Mast.Caom.Filtered", {"columns": "*", "filters": [nothing]})

    assert (answered["status"], answered["data"], answered["paging"]["pagesFiltered"]) == ("COMPLETE", [], 1)


def test_some_columns_come_in_the_order_asked(sandbox: Sandbox) -> None:
    """A list of columns gives those and no others."""
    answered = invoke(sandbox, "Mast.Caom.Filtered", {"columns": "obsid, obs_id", "filters": [RING, MIRI]})

    assert [field["name"] for field in answered["fields"]] == ["obsid", "obs_id"]
    assert answered["data"][0] == {"obsid": 87602450, "obs_id": "jw02733-o002_t001_miri_f1130w"}


def test_keywords_can_be_asked_by_date(sandbox: Sandbox) -> None:
    """A range of dates finds what was made in it."""
    filters = [
        {"paramName": "program", "values": ["5398"]},
        {"paramName": "date_mjd", "values": [{"min": 61200, "max": 61300}]},
    ]
    answered = invoke(sandbox, "Mast.Jwst.Filtered.Nircam", {"columns": "cal_ver", "filters": filters})

    assert answered["data"] == [{"cal_ver": "2.0.1"}] * 15


@pytest.mark.parametrize(
    ("service", "params", "message"),
    [
        ("Mast.Caom.Unknown", {}, "service 'Mast.Caom.Unknown': expected one of Mast.Caom.Filtered"),
        ("Mast.Caom.Filtered", [], "params: expected an object"),
        ("Mast.Caom.Filtered", {"columns": "*"}, "filters: expected a list of at least one"),
        ("Mast.Caom.Filtered", {"columns": "*", "filters": []}, "filters: expected a list of at least one"),
        ("Mast.Caom.Filtered", {"columns": "*", "filters": [RING["values"]]}, "filter: expected an object"),
        (
            "Mast.Caom.Filtered",
            {"columns": "*", "filters": [{"paramName": "obsid", "values": "1"}]},
            "a list of values",
        ),
        ("Mast.Caom.Filtered", {"columns": "*", "filters": [{"paramName": "obsid", "values": []}]}, "filter 'obsid'"),
        ("Mast.Caom.Filtered", {"columns": "*", "filters": [{"paramName": "x", "values": ["1"]}]}, "filter 'x'"),
        (
            "Mast.Caom.Filtered",
            {"columns": "*", "filters": [{"paramName": "t_min", "values": [{"min": 1}]}]},
            "min and max",
        ),
        ("Mast.Caom.Filtered", {"columns": "nonsense", "filters": [RING]}, "column 'nonsense'"),
        ("Mast.Caom.Filtered", {"filters": [RING]}, "column ''"),
        ("Mast.Caom.Products", {}, "obsid: expected product group ids"),
        ("Mast.Caom.Products", {"obsid": "1,,2"}, "obsid: expected product group ids"),
        (
            "Mast.Jwst.Filtered.Miri",
            {"columns": "*", "filters": [{"paramName": "checksum", "values": ["0"]}]},
            "'checksum'",
        ),
    ],
)
def test_what_is_not_understood_is_refused(sandbox: Sandbox, service: str, params: object, message: str) -> None:
    """A malformed query is answered with status ERROR, and a message that says what would be right."""
    answered = invoke(sandbox, service, params)

    assert answered["status"] == "ERROR"
    assert message in answered["msg"]


@pytest.mark.parametrize("query", [{"page": 0}, {"pagesize": "ten"}, {"page": None}])
def test_pages_are_whole_numbers(sandbox: Sandbox, query: dict[str, object]) -> None:
    """A page that can not be is refused."""
    answered = invoke(sandbox, "Mast.Caom.Products", {"obsid": "1"}, **query)

    assert answered["status"] == "ERROR"
    assert "expected a whole number from 1" in answered["msg"]


def test_a_query_that_was_answered_executes_again_when_asked_again() -> None:
    """Polls are counted for each query anew: the same text asked again is a new query."""
    with Sandbox(polls=1) as sandbox:
        statuses = [invoke(sandbox, "Mast.Caom.Products", {"obsid": "1"})["status"] for _ in range(4)]

    assert statuses == ["EXECUTING", "COMPLETE"] * 2


@pytest.mark.parametrize("form", [{}, {"request": "{"}, {"request": "[]"}])
def test_a_request_is_a_json_object(sandbox: Sandbox, form: dict[str, str]) -> None:
    """What is no query at all is refused like one that is malformed."""
    answered = requests.post(f"{sandbox.url}/api/v0/invoke", data=form, timeout=30).json()

    assert answered["status"] == "ERROR"
    assert "expected a JSON object" in answered["msg"]


def test_a_service_that_there_is_not_has_no_columns(sandbox: Sandbox) -> None:
    """The columns of an unknown service are an empty object, as the archive says it."""
    url = f"{sandbox.url}/portal/Mashup/Mashup.asmx/columnsconfig"

    assert requests.post(url, data={"colConfigId": "Mast.Unknown"}, timeout=30).json() == {}
    assert requests.post(url, data={"colConfigId": "Mast.Jwst.Filtered.Miri"}, timeout=30).json()["fileSize"] == {
        "text": "fileSize",
        "type": "int",
        "vot.datatype": "int",
    }


def observation(**columns: str | float | None) -> Row:
    """An observation row with every column."""
    row = {"obsid": 1, "obs_id": "a", "proposal_id": "1"}
    row.update(columns)
    return Catalogue.from_rows([row], []).observations[0]


def takes(row: Row, **asked: object) -> bool:
    """Whether one filter takes a row."""
    (parsed,) = parse_filters([asked], OBSERVATIONS)
    return parsed.takes(row)


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="%")), st.text(max_size=5), st.text(max_size=5))
def test_a_wildcard_stands_for_anything(middle: str, before: str, after: str) -> None:
    """Percent signs stand for any text, and all else for itself, whatever it is."""
    row = observation(target_name=before + middle + after)

    assert takes(row, paramName="target_name", values=[], freeText=f"%{middle.upper()}%")
    assert not takes(row, paramName="target_name", values=[], freeText=f"{middle}x%{before}{after}y")


def test_joined_cells_match_by_part_only_where_a_separator_is_named() -> None:
    """A filter with a separator takes the whole cell or one part of it; without, only the whole."""
    row = observation(filters="F444W;F405N")

    assert takes(row, paramName="filters", values=["F405N"], separator=";")
    assert takes(row, paramName="filters", values=["F444W;F405N"], separator=";")
    assert not takes(row, paramName="filters", values=["F405N"])


def test_unknown_cells_match_nothing() -> None:
    """A null is neither a text nor a number, nor anything that a wildcard stands for."""
    row = observation(target_name=None, t_min=None)

    assert not takes(row, paramName="target_name", values=["None", ""], freeText="%")
    assert not takes(row, paramName="t_min", values=[{"min": 0, "max": 1e9}])


def test_ranges_have_both_ends_in() -> None:
    """The smallest and the largest value of a range are in it."""
    assert takes(observation(t_min=5.0), paramName="t_min", values=[{"min": 5, "max": 6}])
    assert takes(observation(t_min=6.0), paramName="t_min", values=[{"min": 5, "max": 6}])
    assert not takes(observation(t_min=6.1), paramName="t_min", values=[{"min": 5, "max": 6}])


def test_filters_that_make_no_sense_raise() -> None:
    """The reason is given to whoever parses filters."""
    with pytest.raises(QueryError, match="expected numbers"):
        parse_filters([{"paramName": "t_min", "values": [{"min": "a", "max": "b"}]}], OBSERVATIONS)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 12))
def test_pages_hold_every_row_once(count: int, size: int) -> None:
    """All pages together are all rows in their order, and the answer says how many pages there are."""
    products = [{"productFilename": f"{number}.txt", "parent_obsid": 1} for number in range(count)]
    holdings = Holdings(Catalogue.from_rows([], products))
    query = {"service": "Mast.Caom.Products", "params": {"obsid": "1"}, "pagesize": 10}
    first: Any = answer(holdings, query, size)
    pages = [answer(holdings, {**query, "page": page}, size) for page in range(1, first["paging"]["pagesFiltered"] + 1)]

    rows = [row for page in pages for row in _data(page)]
    assert [row["productFilename"] for row in rows] == [f"{number}.txt" for number in range(count)]
    assert all(len(_data(page)) <= min(size, 10) for page in pages)


def _data(page: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = page["data"]
    return rows
