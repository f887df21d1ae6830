"""The instrument keywords of FITS files: whom to ask about which, and which of a service's rows to believe.

They have what the product listing lacks: the archive's checksum, the CRDS context, the date. How they are got is the
archive adapter's business, and what they are for is `selection`'s and `comparison`'s.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from jwstsync.core.caom import LARGEST_SIZE, keyword_service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.caom import KeywordRow

_MD5 = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, order=True)
class KeywordQuestion:
    """What is asked of a keyword service at once: all its rows of one proposal.

    Attributes:
        service: The last part of the service's name, such as ``Nircam``.
        proposal: The proposal that the files are of.
    """

    service: str
    proposal: int


def question_about(filename: str, instrument_name: str | None, proposal: int) -> KeywordQuestion | None:
    """Who can be asked about a product; None for what is no FITS file, or of no known instrument."""
    service = keyword_service(filename, instrument_name) if filename.casefold().endswith(".fits") else None
    return None if service is None else _question(service, proposal)


_question = lru_cache(KeywordQuestion)  # there are few, and one for every product is asked for


def rows_by_name(rows: Iterable[KeywordRow]) -> dict[str, KeywordRow]:
    """One believable row for each file, by its name without regard to case.

    Rows that say the same are one. Of rows that contradict each other the one that was made last counts; where that is
    not known, or where two were, none does.
    """
    found: dict[str, KeywordRow] = {}
    disputed: dict[str, set[KeywordRow]] = {}
    for row in map(_plausible, rows):
        first = found.setdefault(row.filename, row)
        if row is not first and row != first:
            disputed.setdefault(row.filename, {first}).add(row)
    for name, versions in disputed.items():
        if (latest := _latest(versions)) is None:
            del found[name]
        else:
            found[name] = latest
    return found


def _latest(versions: set[KeywordRow]) -> KeywordRow | None:
    latest = max((row.made_at for row in versions if row.made_at is not None), default=None)
    newest = [row for row in versions if row.made_at == latest]
    return newest[0] if latest is not None and len(newest) == 1 else None


def _plausible(row: KeywordRow) -> KeywordRow:
    """The row without what can not be meant; a version that could not be read back would spoil the lockfile."""
    name, md5 = row.filename.casefold(), (row.md5 or "").lower()
    if name == row.filename and md5 == row.md5 and _MD5.fullmatch(md5) and _is_good(row):
        return row  # as nearly all are
    return replace(
        row,
        filename=name,
        md5=md5 if _MD5.fullmatch(md5) else None,
        size=row.size if _is_size(row.size) else None,
        made_at=_finite(row.made_at),
        released_at=_finite(row.released_at),
        cal_ver=plain_or_unknown(row.cal_ver),
        crds_ctx=plain_or_unknown(row.crds_ctx),
    )


def _is_good(row: KeywordRow) -> bool:
    return (
        _is_size(row.size)
        and math.isfinite((row.made_at or 0.0) + (row.released_at or 0.0))
        and row.cal_ver == plain_or_unknown(row.cal_ver)
        and row.crds_ctx == plain_or_unknown(row.crds_ctx)
    )


def _is_size(size: int | None) -> bool:
    return size is not None and 0 <= size <= LARGEST_SIZE


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


@lru_cache  # there are few
def plain_or_unknown(version: str | None) -> str | None:
    """A version as lockfiles take it; one that could not be read back would spoil the whole lockfile."""
    return version if version and version.isprintable() else None
