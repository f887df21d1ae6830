"""The archive's query services: a query in, the answer's JSON document out.

Paging, field types and error messages are as `astroquery.mast` 0.4.11 expects them. HTTP, polling and the record of
what was asked are the routes' business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from jwstsync.sandbox.columns import KEYWORDS, OBSERVATIONS, PRODUCTS, Column, Columns, Row
from jwstsync.sandbox.content import checksum
from jwstsync.sandbox.filters import QueryError, parse_filters

if TYPE_CHECKING:
    from jwstsync.sandbox.content import Making
    from jwstsync.sandbox.holdings import Holdings

Params: TypeAlias = Mapping[str, Any]
Table: TypeAlias = tuple[Columns, Sequence[Row]]

DEFAULT_PAGE_SIZE = 50_000
_COUNT = "COUNT_BIG(*)"
_KEYWORDS_TO_ASK_BY = {name: column for name, column in KEYWORDS.items() if name != "checksum"}
_KEYWORD_SERVICES = ("Nircam", "Nirspec", "Niriss", "Miri", "Fgs", "GuideStar")


def columns_config(name: str) -> dict[str, dict[str, str]]:
    """What ``columnsconfig`` says of a service's columns; nothing for a service that there is not."""
    return {column.name: column.declaration() for column in _CONFIGS.get(name, {}).values()}


def answer(holdings: Holdings, query: Mapping[str, Any], page_cap: int) -> dict[str, object]:
    """The answer to a query; ``status`` is ``ERROR`` for one that is refused.

    Args:
        holdings: What there is.
        query: What a client posts: service, params, page, pagesize.
        page_cap: No page is larger than this, whatever is asked for.
    """
    try:
        columns, rows = _table(holdings, query)
        size = min(_whole(query, "pagesize", DEFAULT_PAGE_SIZE), page_cap)
        return _page(columns, rows, _whole(query, "page", 1), size)
    except QueryError as error:
        return refusal(str(error))


def refusal(message: str) -> dict[str, object]:
    """The answer that says what is wrong with a query."""
    return {"status": "ERROR", "msg": message, "data": [], "fields": [], "paging": None}


def _table(holdings: Holdings, query: Mapping[str, Any]) -> Table:
    service, params = query.get("service"), query.get("params")
    if not isinstance(service, str) or service not in _SERVICES:
        raise QueryError(f"service {service!r}: expected one of {', '.join(_SERVICES)}")
    if not isinstance(params, dict):
        raise QueryError("params: expected an object")
    return _SERVICES[service](holdings, params)


def _whole(query: Mapping[str, Any], name: str, default: int) -> int:
    number = query.get(name, default)
    if not isinstance(number, int) or number < 1:
        raise QueryError(f"{name} {number!r}: expected a whole number from 1")
    return number


def _page(columns: Columns, rows: Sequence[Row], page: int, size: int) -> dict[str, object]:
    shown = rows[(page - 1) * size : page * size]
    return {
        "status": "COMPLETE",
        "msg": "",
        "data": [{name: row[name] for name in columns} for row in shown],
        "fields": [{"name": column.name, "type": column.type} for column in columns.values()],
        "paging": {
            "page": page,
            "pageSize": size,
            "pagesFiltered": max(-(-len(rows) // size), 1),
            "rows": len(shown),
            "rowsFiltered": len(rows),
            "rowsTotal": len(rows),
        },
    }


def _observations(holdings: Holdings, params: Params) -> Table:
    filters = parse_filters(params.get("filters"), OBSERVATIONS)
    found = [row for row in holdings.catalogue.observations if all(one.takes(row) for one in filters)]
    if params.get("columns") == _COUNT:
        return {_COUNT: Column(_COUNT, "int", None)}, [{_COUNT: len(found)}]
    return _selected(OBSERVATIONS, params), found


def _products(holdings: Holdings, params: Params) -> Table:
    asked = str(params.get("obsid", "")).split(",")
    if not all(part.strip().isdecimal() for part in asked):
        raise QueryError("obsid: expected product group ids, joined by ','")
    return PRODUCTS, holdings.products(dict.fromkeys(int(part) for part in asked))


def _keywords(service: str) -> Callable[[Holdings, Params], Table]:
    def table(holdings: Holdings, params: Params) -> Table:
        columns = _selected(KEYWORDS, params)
        filters = parse_filters(params.get("filters"), _KEYWORDS_TO_ASK_BY)
        found = [pair for pair in holdings.keywords(service) if all(one.takes(pair[0]) for one in filters)]
        return columns, _Described(found, checksums="checksum" in columns)

    return table


class _Described(Sequence[Row]):
    """Keyword rows, whose checksums are worked out for those that are looked at: a page, and not the whole answer."""

    def __init__(self, found: list[tuple[Row, Making]], *, checksums: bool) -> None:
        self._found = found
        self._checksums = checksums

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        shown = self._found[index]
        return [{**row, "checksum": checksum(making)} if self._checksums else row for row, making in shown]


def _selected(columns: Columns, params: Params) -> Columns:
    """The columns that a query names, in its order; all for ``*``.

    Raises:
        QueryError: There is no such column.
    """
    asked = params.get("columns")
    if asked == "*":
        return columns
    names = [name.strip() for name in str(asked or "").split(",")]
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise QueryError(f"column {unknown[0]!r}: expected '*' or some of {', '.join(columns)}")
    return {name: columns[name] for name in names}


_SERVICES: Mapping[str, Callable[[Holdings, Params], Table]] = {
    "Mast.Caom.Filtered": _observations,
    "Mast.Caom.Products": _products,
    **{f"Mast.Jwst.Filtered.{name}": _keywords(name) for name in _KEYWORD_SERVICES},
}

# A client asks for the columns of a filtered observation query under the name of the positional one.
_CONFIGS: Mapping[str, Columns] = {
    "Mast.Caom.Cone": OBSERVATIONS,
    "Mast.Caom.Filtered": OBSERVATIONS,
    "Mast.Caom.Products": PRODUCTS,
    **{f"Mast.Jwst.Filtered.{name}": KEYWORDS for name in _KEYWORD_SERVICES},
}
