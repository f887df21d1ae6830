"""The text of a manifest to begin with: commented, with what the archive has and what the usual choices would take."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jwstsync.cli.look import product_lines
from jwstsync.cli.text import aligned, printable
from jwstsync.core.amounts import counted, size_text
from jwstsync.core.caom import PRODUCT_COLUMNS
from jwstsync.core.rules import parse_rule, toml_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jwstsync.core.caom import ProductRow
    from jwstsync.core.selection import Listing

SCHEMA_NAME = ".jwstsync.schema.json"
"""The file beside a manifest by which editors complete and explain it."""
_EXAMPLE = 2733
_CALIBRATED: Mapping[str, object] = {"productType": "SCIENCE", "calib_level": [2, 3], "extension": "fits"}
_CHOICES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "calibrated": ("calibrated science files, level 2 and 3", _CALIBRATED),
    "combined": ("what is combined from several exposures, level 3", {**_CALIBRATED, "calib_level": 3}),
    "minimum": ("what MAST recommends at least", {"mrp_only": True}),
    "raw": ("uncalibrated science files, level 1", {**_CALIBRATED, "calib_level": 1}),
}
_EVERYTHING = ("{}", "everything, previews and auxiliary files too")


def starter_lines(listings: Sequence[Listing]) -> Iterator[str]:
    """A manifest of these proposals; without any, of one that serves as an example."""
    yield f"#:schema {SCHEMA_NAME}"
    yield "# Which JWST data belong in this folder. See what that is with: jwstsync plan; get it with: jwstsync apply"
    yield "version = 1"
    yield ""
    yield "# Rules to choose from, by their names; every line of one must hold. The keys are MAST's column names."
    for name, (meaning, rule) in _CHOICES.items():
        yield f"[rules.{name}] # {meaning}"
        yield from (f"{key} = {toml_value(value)}" for key, value in rule.items())
        yield ""
    yield "[defaults]"
    yield 'include = ["calibrated"] # for proposals that have no include of their own'
    for listing in listings:
        yield ""
        yield "[[proposal]]"
        yield f"id = {listing.proposal}"
        yield from (f"# {printable(line)}".rstrip() for line in _comment(listing))
    if not listings:
        yield ""
        yield "[[proposal]]"
        yield f"id = {_EXAMPLE} # the Southern Ring Nebula; put your own here"


def _comment(listing: Listing) -> Iterator[str]:
    """What the archive has of a proposal."""
    observed = Counter(row.instrument_name or "unknown" for row in listing.observations)
    yield f"{counted(len(listing.observations), 'observation')}, by instrument:"
    yield from aligned([(name, f"{count:,}") for name, count in sorted(observed.items())])
    yield "Its products:"
    yield from product_lines(listing.rows)
    yield "The usual choices; the first is what [defaults] takes:"
    yield from aligned(list(_choices(listing.rows)))


def _choices(rows: Sequence[ProductRow]) -> Iterator[tuple[str, str, str, str]]:
    for name, (meaning, raw) in _CHOICES.items():
        rule, _ = parse_rule(raw, PRODUCT_COLUMNS)
        yield (f'include = ["{name}"]', *_amount([row for row in rows if rule.takes(row)]), meaning)
    yield (f"include = [{_EVERYTHING[0]}]", *_amount(rows), _EVERYTHING[1])


def _amount(rows: Sequence[ProductRow]) -> tuple[str, str]:
    """How many products these are, and their bytes; each product once."""
    sizes = {row.data_uri: row.size or 0 for row in rows}
    return counted(len(sizes), "file"), size_text(sum(sizes.values()))
