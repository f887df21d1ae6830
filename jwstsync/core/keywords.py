"""The instrument keywords of FITS files: whom to ask about which, and which of a service's rows to believe.

They have what the product listing lacks: the archive's checksum, the CRDS context, the date. How they are got is the
archive adapter's business, and what they are for is `selection`'s and `comparison`'s.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
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
    return None if service is None else KeywordQuestion(service, proposal)


def rows_by_name(rows: Iterable[KeywordRow]) -> dict[str, KeywordRow]:
    """One believable row for each file, by its name without regard to case.

    Rows that say the same are one. Of rows that contradict each other the one that was made last counts; where that is
    not known, or where two were, none does.
    """
    found: dict[str, set[KeywordRow]] = {}
    for row in rows:
        found.setdefault(row.filename.casefold(), set()).add(_plausible(row))
    latest = {name: _latest(versions) for name, versions in found.items()}
    return {name: row for name, row in latest.items() if row is not None}


def _latest(versions: set[KeywordRow]) -> KeywordRow | None:
    if len(versions) == 1:
        return next(iter(versions))
    latest = max((row.made_at for row in versions if row.made_at is not None), default=None)
    newest = [row for row in versions if row.made_at == latest]
    return newest[0] if latest is not None and len(newest) == 1 else None


def _plausible(row: KeywordRow) -> KeywordRow:
    """The row without what can not be meant; a version that could not be read back would spoil the lockfile."""
    md5 = (row.md5 or "").lower()
    return replace(
        row,
        filename=row.filename.casefold(),
        md5=md5 if _MD5.fullmatch(md5) else None,
        size=row.size if row.size is not None and 0 <= row.size <= LARGEST_SIZE else None,
        made_at=_finite(row.made_at),
        released_at=_finite(row.released_at),
        cal_ver=plain_or_unknown(row.cal_ver),
        crds_ctx=plain_or_unknown(row.crds_ctx),
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def plain_or_unknown(version: str | None) -> str | None:
    """A version as lockfiles take it; one that could not be read back would spoil the whole lockfile."""
    return version if version and version.isprintable() else None
