"""The locked products as others read them: lines for `sha256sum -c`, and rows with MAST's column names.

Sizes are those of the bytes, which may differ from what MAST's listing states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jwstsync.core.lockfile import LockedProduct

Cell: TypeAlias = str | int | None

COLUMNS: Mapping[str, Callable[[LockedProduct], Cell]] = {
    "dataURI": lambda one: one.uri,
    "productFilename": lambda one: one.path.rpartition("/")[2],
    "proposal_id": lambda one: str(one.proposal),  # text, as in MAST's tables
    "size": lambda one: one.size,
    "path": lambda one: one.path,
    "sha256": lambda one: one.sha256,
    "md5": lambda one: one.md5,
    "cal_ver": lambda one: one.cal_ver,
    "crds_ctx": lambda one: one.crds_ctx,
}
"""The columns of a table: those of MAST's product listings and keyword services by their names there, and our own."""
NUMBERS = frozenset({"size"})
"""The columns that hold numbers; the others hold text."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def table_rows(products: Iterable[LockedProduct]) -> list[dict[str, Cell]]:
    """A row for each product; None is what is not known."""
    return [{name: cell(one) for name, cell in COLUMNS.items()} for one in products]


def sums_text(products: Iterable[LockedProduct], folder: str = "") -> str:
    """The lines that `sha256sum -c` checks.

    Args:
        products: What is to be checked.
        folder: Where the root is, seen from where they are checked; empty in the root itself.
    """
    return "".join(_sum_line(one.sha256, f"{folder}/{one.path}" if folder else one.path) for one in products)


def _sum_line(sha256: str, name: str) -> str:
    escaped = name.translate(_ESCAPES)
    return f"{'' if escaped == name else chr(92)}{sha256}  {escaped}\n"


def uris_text(products: Iterable[LockedProduct]) -> str:
    """A line for each product: its name in the archive."""
    return "".join(f"{one.uri}\n" for one in products)
