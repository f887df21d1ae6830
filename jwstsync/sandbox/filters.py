"""Which rows a query's filters take: exact values, wildcards and ranges, as the archive's filtered services read them.

Text compares without regard to case, as the archive's database does. An unknown (null) cell matches nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.sandbox.columns import Column, Columns, Row, Value


class QueryError(Exception):
    """A query that is refused; the message is what the answer's ``msg`` says."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: a row passes if any of the alternatives takes its cell.

    Attributes:
        column: The column it looks at.
        values: Exact values, folded.
        ranges: Smallest and largest number, both included.
        wildcard: A folded pattern in which ``%`` stands for anything.
        separator: What divides a cell into parts that match by themselves.
    """

    column: str
    values: frozenset[str]
    ranges: tuple[tuple[float, float], ...]
    wildcard: re.Pattern[str] | None
    separator: str | None

    def takes(self, row: Row) -> bool:
        """Whether the row passes."""
        cell = row[self.column]
        if cell is None:
            return False
        return any(self._takes_text(text) for text in self._parts(cell)) or self._takes_number(cell)

    def _parts(self, cell: Value) -> list[str]:
        whole = str(cell).casefold()
        return [whole, *(part.strip() for part in whole.split(self.separator))] if self.separator else [whole]

    def _takes_text(self, text: str) -> bool:
        return text in self.values or (self.wildcard is not None and self.wildcard.fullmatch(text) is not None)

    def _takes_number(self, cell: Value) -> bool:
        return isinstance(cell, int | float) and any(low <= cell <= high for low, high in self.ranges)


def parse_filters(asked: object, columns: Columns) -> list[Filter]:
    """The filters of a query.

    Raises:
        QueryError: One of them is none that the archive would understand.
    """
    if not isinstance(asked, list) or not asked:
        raise QueryError("filters: expected a list of at least one")
    return [_parse_filter(one, columns) for one in asked]


def _parse_filter(asked: object, columns: Columns) -> Filter:
    if not isinstance(asked, dict) or not isinstance(asked.get("values"), list):
        raise QueryError("filter: expected an object with paramName and a list of values")
    column = columns.get(str(asked.get("paramName")))
    if column is None:
        raise QueryError(f"filter {asked.get('paramName')!r}: expected one of {', '.join(columns)}")
    free_text = asked.get("freeText")
    if not asked["values"] and not isinstance(free_text, str):
        raise QueryError(f"filter {column.name!r}: expected values or freeText")
    return Filter(
        column=column.name,
        values=frozenset(str(value).casefold() for value in asked["values"] if not isinstance(value, dict)),
        ranges=tuple(_parse_range(value, column) for value in asked["values"] if isinstance(value, dict)),
        wildcard=_wildcard(free_text) if isinstance(free_text, str) else None,
        separator=asked.get("separator"),
    )


def _parse_range(asked: Mapping[str, object], column: Column) -> tuple[float, float]:
    low, high = asked.get("min"), asked.get("max")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise QueryError(f"filter {column.name!r}: expected numbers for min and max")
    return low, high


def _wildcard(free_text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in free_text.casefold().split("%")), re.DOTALL)
