"""Answers, as the JSON that the archive sends, to records. What they mean, `core.caom` says.

Each cell is read by the column that it is of, whatever type the archive declares for that column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from itertools import repeat
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

from jwstsync.core.caom import KEYWORD_COLUMNS, Column, KeywordRow, Kind, Observation, ProductRow, Value
from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from requests import Response

_WHOLE = frozenset({"group_id", "parent_group_id", "calib_level", "size", "sequence_number"})
_REQUIRED = frozenset({"group_id", "parent_group_id"})
_TEXTS = frozenset({Kind.TEXT, Kind.JOINED})
_NUMBERS = frozenset({Kind.NUMBER, Kind.TIME, Kind.SIZE})
_NAMES = frozenset({"data_uri", "filename", "obs_id"})
_NULL_NUMBER = -999  # what astroquery's tables have for a null whole number, and so what may be sent for one

_DATE = re.compile(r"/Date\((-?\d{1,16})\)/")
"""A date of the keyword services, in ms since 1970-01-01; those in MJD are asked for."""
_MS_PER_DAY = 86_400_000
_MJD_OF_1970 = 40_587

_Record = TypeVar("_Record", Observation, ProductRow)
_Cell = Any
"""A cell as JSON has it, which may be anything."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of an answer, of all its pages.

    Attributes:
        names: The columns that the archive declares.
        rows: What stands in them; a cell that is left out is null.
        nulls: Values that mean null besides the usual ones, by column.
    """

    names: frozenset[str]
    rows: Sequence[Mapping[str, _Cell]]
    nulls: Mapping[str, _Cell]

    def cells(self, name: str) -> list[_Cell]:
        """One column; one that is not declared is null."""
        if name not in self.names:
            return [None] * len(self.rows)
        null = self.nulls.get(name)
        if null is None:
            return [row.get(name) for row in self.rows]
        return [None if (cell := row.get(name)) == null else cell for row in self.rows]


def table_of(pages: Iterable[Response], configuration: Mapping[str, Any]) -> Table:
    """The rows of an answer that has come, with all its pages.

    Args:
        pages: As astroquery gives them.
        configuration: What the archive says of the columns.

    Raises:
        RemoteServiceError: The archive says that it could not answer.
    """
    from astroquery.exceptions import RemoteServiceError  # noqa: PLC0415 - it was imported to ask

    names: set[str] = set()
    rows: list[Mapping[str, _Cell]] = []
    for page in pages:
        document = page.json()
        if document["status"] == "ERROR":
            raise RemoteServiceError(document.get("msg", "an error without words"))
        names.update(field["name"] for field in document["fields"])
        rows += document["data"]
    return Table(frozenset(names), rows, {name: configuration.get(name, {}).get("ignoreValue") for name in names})


def records(table: Table, columns: Mapping[str, Column], record: type[_Record]) -> list[_Record]:
    """The rows of a table as records; columns that are absent are null, unknown ones are passed over.

    Raises:
        ArchiveError: A column that every answer has is absent, or a cell is not of its column's kind.
    """
    known = [column for column in columns.values() if column.name in table.names]
    absent = [column.name for column in columns.values() if column.attribute in _REQUIRED and column not in known]
    if absent and table.rows:
        raise ArchiveError(f"column {absent[0]}: expected it in every answer")
    if not known:
        return []
    values: dict[str, Iterable[Value]] = {
        column.attribute: _values(table.cells(column.name), column, _value) for column in known
    }
    blank = {field.name: repeat("" if field.name in _NAMES else None) for field in fields(record)}
    return list(map(record, *(blank | values).values()))


def keyword_records(table: Table) -> list[KeywordRow]:
    """The rows of a keyword table as records; one without a name tells nothing, and a garbled cell is unknown."""
    values = {
        column.attribute: _values(table.cells(column.name), column, _value_or_none)
        for column in KEYWORD_COLUMNS.values()
    }
    names = [field.name for field in fields(KeywordRow)]
    return [row for row in map(KeywordRow, *(values[name] for name in names)) if row.filename]


def _values(cells: list[_Cell], column: Column, read: Callable[[_Cell, Column], Value]) -> list[Value]:
    """The cells of one column, each as ``read`` has it, and where that is plain for all of them, all at once.

    Most texts say the same in many rows, and are kept once.
    """
    types = set(map(type, cells))
    whole = column.attribute in _WHOLE
    if column.kind in _TEXTS and not whole and column.attribute != "proposal_id" and types <= {str, type(None)}:
        null = _null(column)
        return [intern(cell) if cell else null for cell in cells]
    if types == ({int} if whole else {bool} if column.kind is Kind.FLAG else None) and _NULL_NUMBER not in cells:
        return cells
    return [read(cell, column) for cell in cells]


def _value(cell: _Cell, column: Column) -> Value:
    """A cell in our spelling: None for every kind of null, whole numbers whole, proposals without leading zeros.

    Raises:
        ArchiveError: It is of another kind.
    """
    if cell is None or cell == "" or cell != cell:  # noqa: PLR0124 - NaN is a null float
        return _null(column)
    try:
        value = _typed(cell, column)
    except (TypeError, LookupError, ValueError, OverflowError):
        kind = "whole number" if column.attribute in _WHOLE else column.kind
        raise ArchiveError(f"column {column.name} = {str(cell)[:60]!r}: expected a {kind}") from None
    return _null(column) if value == _NULL_NUMBER and column.attribute in _WHOLE else value


def _null(column: Column) -> Value:
    if column.attribute in _REQUIRED:
        raise ArchiveError(f"column {column.name}: expected a product group id in every row, not null")
    return "" if column.attribute in _NAMES else None


def _typed(cell: _Cell, column: Column) -> Value:
    """A cell as its column has it.

    Raises:
        TypeError: It is none of that.
        ValueError: Likewise.
        OverflowError: Likewise.
    """
    if not isinstance(cell, str | int | float) or (isinstance(cell, bool) and column.kind is not Kind.FLAG):
        raise TypeError
    if column.attribute in _WHOLE:
        return _whole(cell)
    if column.kind in _NUMBERS:
        return float(cell)
    if column.kind is Kind.FLAG:
        return _flag(cell)
    text = str(cell)
    return text.lstrip("0") or "0" if column.attribute == "proposal_id" else intern(text)


def _whole(cell: str | float) -> int:
    number = int(cell)
    if isinstance(cell, float) and number != cell:
        raise ValueError
    return number


def _flag(cell: str | float) -> bool:
    """A flag; one that is declared text is no truth just because it is not empty."""
    if isinstance(cell, str):
        return {"true": True, "false": False}[cell.casefold()]
    return bool(cell)


def _value_or_none(cell: _Cell, column: Column) -> Value:
    date = _DATE.fullmatch(cell) if column.kind is Kind.TIME and isinstance(cell, str) else None
    if date:
        return int(date[1]) / _MS_PER_DAY + _MJD_OF_1970
    try:
        return _value(cell, column)
    except ArchiveError:
        return None
