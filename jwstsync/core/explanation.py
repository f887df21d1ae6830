"""Why a manifest selects a product or leaves it out: what each of its rules says. What it selects is `selection`'s."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from jwstsync.core.selection import blocks_of, executed, select, with_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jwstsync.core.caom import Observation, ProductRow
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.manifest import Manifest, ProposalBlock
    from jwstsync.core.rules import Miss, Record, Rule
    from jwstsync.core.selection import Listing


class Part(StrEnum):
    """Where a rule stands in a block of the manifest."""

    OBSERVATIONS = "observations"
    INCLUDE = "include"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of a product.

    Attributes:
        proposal: The proposal that lists the product.
        block: Which of the manifest's ``[[proposal]]`` blocks the rule stands in, from 0.
        where: Proposal and block, for people.
        part: Where in the block.
        rule: What the rule is called.
        takes: Whether it takes the product.
        misses: The lines that do not hold, where it does not. A product is listed once for each of its parents: these
            are of the listing that comes nearest.
    """

    proposal: int
    block: int
    where: str
    part: Part
    rule: str
    takes: bool
    misses: tuple[Miss, ...] = ()

    def __str__(self) -> str:
        why = "; ".join(map(str, self.misses))
        match self.part, self.takes:
            case Part.OBSERVATIONS, _:
                return f"{self.where}: observations leaves it out: {why or 'no executed observation lists it'}"
            case Part.EXCLUDE, True:
                return f"{self.where}: exclude {self.rule} takes it out"
            case _, True:
                return f"{self.where}: {self.part} {self.rule} takes it"
            case _:
                return f"{self.where}: {self.part} {self.rule} leaves it: {why}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one product is selected or left out.

    Attributes:
        filename: The product's file name.
        uri: Its name in the archive.
        selected: Whether it is selected.
        verdicts: What each rule says that is asked about it, in the order of the manifest.
        problem: What else there is to say, for people: why a selected product is refused, or a locked one not listed.
    """

    filename: str
    uri: str
    selected: bool
    verdicts: tuple[Verdict, ...] = ()
    problem: str | None = None

    @property
    def reasons(self) -> list[str]:
        """The verdicts that count, for people: of each block what took the product, or else all that left it out."""
        blocks = dict.fromkeys((one.proposal, one.block) for one in self.verdicts)
        counting = (_deciding([one for one in self.verdicts if (one.proposal, one.block) == block]) for block in blocks)
        return [*(str(one) for some in counting for one in some), *filter(None, [self.problem])]


def _deciding(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Those of one block that decide, or would if they were others."""
    included = any(one.part is Part.INCLUDE and one.takes for one in verdicts)
    counts = {Part.OBSERVATIONS: False, Part.INCLUDE: included, Part.EXCLUDE: True}
    for one in verdicts:
        if one.takes is counts[one.part] and (included or one.part is not Part.EXCLUDE):
            yield one


def explain(
    manifest: Manifest, listings: Iterable[Listing], pattern: str, locked: Iterable[LockedProduct] = ()
) -> list[Explanation]:
    """Why products are selected or left out, in the order of their names.

    Args:
        manifest: What the user wrote.
        listings: What the archive lists, of observations too that the manifest leaves out.
        pattern: A glob over file names, in any case; of a path or a URI, the part after the last slash counts.
        locked: The lockfile's products, of which those that match are told too where they are listed no more.
    """
    matches, listings = _name_test(pattern), list(listings)
    listed = {row.data_uri for listing in listings for row in listing.rows}
    listings = [with_names(replace(one, rows=[row for row in one.rows if matches(row.filename)])) for one in listings]
    listings.sort(key=lambda listing: listing.proposal)
    selection = select(manifest, listings, {})
    refused = {one.uri: one.error for one in selection.refused}
    names = {row.data_uri: row.filename for listing in listings for row in listing.rows}
    verdicts: dict[str, list[Verdict]] = {uri: [] for uri in names}
    for listing in listings:
        for uri, verdict in _verdicts(manifest, listing):
            verdicts[uri].append(verdict)
    explained = [
        Explanation(
            filename=name,
            uri=uri,
            selected=uri in selection.products or uri in refused,
            verdicts=tuple(verdicts[uri]),
            problem=f"refused: {refused[uri]}" if uri in refused else None,
        )
        for uri, name in names.items()
    ]
    asked = {listing.proposal for listing in listings}
    lost = [one for one in locked if matches(_last_part(one.path)) and one.uri not in listed]
    explained += [told for one in lost if (told := _lost(one, manifest, asked))]
    return sorted(explained, key=lambda one: (one.filename, one.uri))


def _name_test(pattern: str) -> Callable[[str], object]:
    match = re.compile(fnmatch.translate(_last_part(pattern).casefold())).match
    return lambda name: match(name.casefold())


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _lost(product: LockedProduct, manifest: Manifest, asked: set[int]) -> Explanation | None:
    """What there is to say of a locked product that is not listed; None where its proposal did not answer."""
    if product.proposal in asked:
        problem = f"{product.proposal}: locked, and the archive lists it no more"
    elif not any(blocks_of(manifest, product.proposal)):
        problem = f"{product.proposal}: locked, and the manifest names the proposal no more"
    else:
        return None
    return Explanation(_last_part(product.path), product.uri, selected=False, problem=problem)


def _verdicts(manifest: Manifest, listing: Listing) -> Iterator[tuple[str, Verdict]]:
    """What each rule of the proposal's blocks says of each product that is listed, block by block."""
    parents = {row.group_id: row for row in executed(listing.observations)}
    by_uri: dict[str, list[ProductRow]] = {}
    for row in listing.rows:
        by_uri.setdefault(row.data_uri, []).append(row)
    blocks = [(index, block) for index, block in enumerate(manifest.blocks) if listing.proposal in block.ids]
    for number, (index, block) in enumerate(blocks, start=1):
        name = f" {block.name}" if block.name else f", block {number}" if len(blocks) > 1 else ""
        place = _Place(listing.proposal, block, index, f"{listing.proposal}{name}")
        taken = {group for group, parent in parents.items() if block.observations.takes(parent)}
        for uri, rows in by_uri.items():
            yield from ((uri, verdict) for verdict in place.verdicts(rows, parents, taken))


@dataclass(frozen=True, slots=True)
class _Place:
    """A block, asked about the products of one of its proposals."""

    proposal: int
    block: ProposalBlock
    index: int
    where: str

    def verdicts(
        self, rows: Sequence[ProductRow], parents: Mapping[int, Observation], taken: set[int]
    ) -> Iterator[Verdict]:
        """What the block's rules say of one product, by its rows."""
        seen = [row for row in rows if row.parent_group_id in taken]
        observed = [parents[row.parent_group_id] for row in rows if row.parent_group_id in parents]
        if self.block.observations.lines or not seen:
            yield self._verdict(Part.OBSERVATIONS, str(self.block.observations), self.block.observations, observed)
        for named in self.block.include if seen else ():
            yield self._verdict(Part.INCLUDE, named.label, named.rule, seen)
        for named in self.block.exclude if seen else ():
            yield self._verdict(Part.EXCLUDE, named.label, named.rule, seen)

    def _verdict(self, part: Part, label: str, rule: Rule, records: Sequence[Record]) -> Verdict:
        nearest = min((rule.misses(record) for record in records), key=len, default=None)
        takes = nearest == ()
        return Verdict(self.proposal, self.index, self.where, part, label, takes, nearest or ())
