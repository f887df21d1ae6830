"""What products the archive lists, counted by the keys that rules are usually made of: level, type and suffix."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.core.caom import is_public

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.caom import ProductRow


@dataclass(frozen=True, slots=True)
class Holding:
    """The products of one level, type and suffix.

    Attributes:
        calib_level: The level; None where the archive states none.
        product_type: The type; None where the archive states none.
        extension: The end of their names, as `extension` takes it in a rule: ``_cal.fits``.
        files: How many there are.
        bytes: Their stated sizes together, as far as known.
        not_public: How many of them are not public.
    """

    calib_level: int | None
    product_type: str | None
    extension: str
    files: int
    bytes: int
    not_public: int


def holdings_of(rows: Iterable[ProductRow]) -> list[Holding]:
    """What is listed, by level, type and suffix, and what is not stated before the rest; each product counts once."""
    products = {row.data_uri: row for row in rows}
    groups: dict[tuple[int | None, str | None, str], list[ProductRow]] = defaultdict(list)
    for row in products.values():
        groups[row.calib_level, row.product_type, extension_of(row.filename)].append(row)
    found = [
        Holding(
            *key,
            files=len(some),
            bytes=sum(row.size or 0 for row in some),
            not_public=sum(not is_public(row.data_rights) for row in some),
        )
        for key, some in groups.items()
    ]
    return sorted(found, key=_order)


def _order(one: Holding) -> tuple[bool, int, str, str]:
    return one.calib_level is not None, one.calib_level or 0, one.product_type or "", one.extension


def extension_of(filename: str) -> str:
    """The end of a file name that tells what the product is: ``_cal.fits``; without a ``_``, what is after the dot."""
    suffix = filename.rpartition("_")[2]
    if suffix != filename:
        return f"_{suffix}"
    name, dot, end = filename.rpartition(".")
    return dot + end if name else filename
