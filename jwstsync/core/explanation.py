"""Why a manifest selects a product or leaves it, for people. What it selects is `selection`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.core.selection import blocks_of, first_rows, rows_of, taken_uris

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jwstsync.core.caom import ProductRow
    from jwstsync.core.manifest import Manifest, NamedRule
    from jwstsync.core.selection import Listing


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one product is selected or left.

    Attributes:
        filename: The product's file name.
        uri: Its name in the archive.
        selected: Whether it is selected.
        reasons: For people, one line for each block and rule that speaks of it.
    """

    filename: str
    uri: str
    selected: bool
    reasons: tuple[str, ...]


def explain(manifest: Manifest, listings: Iterable[Listing], matches: Iterable[str]) -> list[Explanation]:
    """Why the products whose file names are among ``matches`` are selected or left, in the order of their names."""
    wanted = set(matches)
    answers = sorted(listings, key=lambda listing: listing.proposal)
    rows = first_rows(row for listing in answers for row in listing.rows if row.filename in wanted)
    explanations = []
    for row in rows.values():
        lists = [answer for answer in answers if any(other.data_uri == row.data_uri for other in answer.rows)]
        reasons = tuple(reason for listing in lists for reason in _reasons(manifest, listing, row.data_uri))
        selected = any(row.data_uri in taken_uris(manifest, listing) for listing in lists)
        explanations.append(Explanation(row.filename, row.data_uri, selected, reasons))
    return sorted(explanations, key=lambda explanation: (explanation.filename, explanation.uri))


def _reasons(manifest: Manifest, listing: Listing, uri: str) -> Iterator[str]:
    for number, block in enumerate(blocks_of(manifest, listing.proposal), start=1):
        rows = [row for row in rows_of(block, listing) if row.data_uri == uri]
        where = f"{listing.proposal} {block.name}" if block.name else f"{listing.proposal}, block {number}"
        if not rows:
            yield f"{where}: observations leaves out the observations that list it"
        for verb, rules in (("include", block.include), ("exclude", block.exclude)) if rows else ():
            yield from (f"{where}: {verb} {_verdict(named, rows)}" for named in rules)


def _verdict(named: NamedRule, rows: Sequence[ProductRow]) -> str:
    misses = [named.rule.first_miss(row) for row in rows]
    return f"{named.label} takes it" if None in misses else f"{named.label} leaves it: {misses[0]}"
