"""Answers, as the astropy tables that astroquery makes of them, to records. What they mean, `core.caom` says."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from itertools import repeat
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

from jwstsync.core.caom import KEYWORD_COLUMNS, Column, KeywordRow, Kind, Observation, ProductRow, Value
from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_WHOLE = frozenset({"group_id", "parent_group_id", "calib_level", "size", "sequence_number"})
_REQUIRED = frozenset({"group_id", "parent_group_id"})
_TEXTS = frozenset({Kind.TEXT, Kind.JOINED})
_NAMES = frozenset({"data_uri", "filename", "obs_id"})

_DATE = re.compile(r"/Date\((-?\d{1,16})\)/")  # how MAST may write a date: ms since 1970-01-01
_MS_PER_DAY = 86_400_000
_MJD_OF_1970 = 40_587

_Record = TypeVar("_Record", Observation, ProductRow)


def records(table: Any, columns: Mapping[str, Column], record: type[_Record]) -> list[_Record]:  # noqa: ANN401
    """The rows of an astropy table as records; columns that are absent are null, unknown ones are passed over."""
    known = [column for column in columns.values() if column.name in table.colnames]
    absent = [column.name for column in columns.values() if column.attribute in _REQUIRED and column not in known]
    if absent and len(table):
        raise ArchiveError(f"column {absent[0]}: expected it in every answer")
    if not known:
        return []
    values: dict[str, Iterable[Value]] = {
        column.attribute: _values(table[column.name], column, _value) for column in known
    }
    blank = {field.name: repeat("" if field.name in _NAMES else None) for field in fields(record)}
    return list(map(record, *(blank | values).values()))


def _values(cells: Any, column: Column, read: Callable[[Value, Column], Value]) -> list[Value]:  # noqa: ANN401
    """The cells of one column, each as ``read`` has it; most are texts that say the same in many rows, kept once."""
    values = cells.tolist()
    if column.kind in _TEXTS and column.attribute not in _WHOLE | {"proposal_id"} and cells.dtype.kind == "U":
        null = _null(column)
        return [intern(value) if value else null for value in values]
    if column.attribute in _WHOLE:
        with suppress(TypeError, ValueError, OverflowError):  # a null or nonsense is among them
            return [int(value) for value in values]
    return [read(value, column) for value in values]


def _value(value: Value, column: Column) -> Value:
    """A cell in our spelling: None for every kind of null, whole numbers whole, proposals without leading zeros."""
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN is astroquery's null float
        return _null(column)
    try:
        return _typed(value, column)
    except (TypeError, ValueError, OverflowError):
        kind = "whole number" if column.attribute in _WHOLE else column.kind
        raise ArchiveError(f"column {column.name} = {str(value)[:60]!r}: expected a {kind}") from None


def _null(column: Column) -> Value:
    if column.attribute in _REQUIRED:
        raise ArchiveError(f"column {column.name}: expected a product group id in every row, not null")
    return "" if column.attribute in _NAMES else None


def _typed(value: str | float | bool, column: Column) -> Value:  # noqa: FBT001
    if column.attribute in _WHOLE:
        return int(value)
    if column.kind in {Kind.NUMBER, Kind.TIME, Kind.SIZE}:
        return float(value)
    if column.kind is Kind.FLAG:
        return bool(value)
    text = str(value)
    return text.lstrip("0") or "0" if column.attribute == "proposal_id" else text


def keyword_records(table: Any) -> list[KeywordRow]:  # noqa: ANN401
    """The rows of a keyword table as records; one without a name tells nothing, and a garbled cell is unknown."""
    known = [column for column in KEYWORD_COLUMNS.values() if column.name in table.colnames]
    names = [column.attribute for column in known]
    values = [_values(table[column.name], column, _value_or_none) for column in known]
    found = (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))
    return [KeywordRow(**row) for row in found if row.get("filename")]


def _value_or_none(value: Value, column: Column) -> Value:
    try:
        match column.kind:
            case Kind.TIME if isinstance(value, str) and (date := _DATE.fullmatch(value)):
                return int(date[1]) / _MS_PER_DAY + _MJD_OF_1970
            case Kind.FLAG if isinstance(value, str):
                return {"true": True, "false": False}.get(value.casefold())
        return _value(value, column)
    except ArchiveError:
        return None
