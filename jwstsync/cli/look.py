"""What the archive has, looked at without a manifest: the command search."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jwstsync.cli import completion
from jwstsync.cli.options import PROPOSAL_ID, Command, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.progress import Progress
from jwstsync.cli.session import archive_settings
from jwstsync.core.amounts import counted, size_text
from jwstsync.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jwstsync.archive import Archive
    from jwstsync.cli.options import Globals
    from jwstsync.core.caom import Observation, ProductRow
    from jwstsync.core.holdings import Holding
    from jwstsync.core.selection import Listing

_PROPOSALS = click.argument(
    "proposals", metavar="ID...", nargs=-1, required=True, type=PROPOSAL_ID, shell_complete=completion.proposals
)
_NOTHING = "-"  # in a cell, so that every row has as many words to programs that cut lines


@click.command(
    cls=Command,
    examples=(
        ("jwstsync search 2733", "its observations"),
        ("jwstsync search 2733 --products", "what its products are, as lines to make rules of"),
        ("jwstsync search 2733 | grep MIRI", "without a terminal: a line for each, with all that there is"),
    ),
)
@_PROPOSALS
@option("--products", is_flag=True, help="Count what the products are, by level, type and suffix.")
@click.pass_context
def search(context: click.Context, proposals: tuple[int, ...], *, products: bool) -> int:
    """Show the observations of proposals, or what their products are.

    In a terminal the table is as wide as that. Exits 2 where the archive has nothing under one of the numbers; the
    others are shown.
    """
    from jwstsync.core.looks import search_document

    output = Output(globals_of(context))
    with archive_of(globals_of(context)) as archive:
        observed = _observed(archive, proposals, output)
        listings = _listed(archive, observed, products=products)
    if output.as_json:
        output.document(search_document(observed, listings if products else None))
    for listing in listings:
        if not listing.observations:
            output.warning(_without(listing.proposal, planned=len(observed[listing.proposal])))
        elif products:
            _show_products(output, listing)
        else:
            _show_observations(output, listing)
    return ExitCode.OK if all(observed.values()) else ExitCode.INVALID


@contextmanager
def archive_of(options: Globals) -> Iterator[Archive]:
    """The archive that the environment and the options mean; with ``--sandbox`` a stand-in, as long as it lasts."""
    from jwstsync.sync.gather import open_archive

    with archive_settings(options) as (url, timeout, _):
        yield open_archive(url, timeout)


def look_up(archive: Archive, proposals: Sequence[int], output: Output) -> list[Listing]:
    """What the archive has of these proposals: their executed observations, and the products.

    Raises:
        ArchiveError: It could not be asked.
    """
    return _listed(archive, _observed(archive, proposals, output), products=True)


def _observed(archive: Archive, proposals: Sequence[int], output: Output) -> dict[int, list[Observation]]:
    """All JWST observations of each proposal, planned ones too."""
    from jwstsync.core.caom import JWST

    progress, observed = Progress(output), {}
    for proposal in dict.fromkeys(proposals):
        progress.phase(f"asking the archive about proposal {proposal}")
        observed[proposal] = [row for row in archive.observations(proposal) if row.obs_collection == JWST]
    return observed


def _listed(archive: Archive, observed: Mapping[int, Sequence[Observation]], *, products: bool) -> list[Listing]:
    from jwstsync.core.selection import Listing, executed

    listings = []
    for proposal, rows in observed.items():
        done = executed(rows)
        groups = sorted({row.group_id for row in done})
        listings.append(Listing(proposal, done, archive.products(groups) if products else ()))
    return listings


def nothing_of(proposal: int) -> str:
    """What is said of a proposal that the archive has nothing of."""
    return f"proposal {proposal}: the archive lists no executed JWST observation"


def _without(proposal: int, *, planned: int) -> str:
    """What is said of a proposal without executed observations."""
    if planned:
        return f"{nothing_of(proposal)}, and {planned:,} planned; they have no products yet"
    return f"{nothing_of(proposal)}, nor a planned one; expected the number of a JWST proposal, such as 2733"


def _show_observations(output: Output, listing: Listing) -> None:
    from jwstsync.cli.tables import Table
    from jwstsync.core.caom import is_public

    header = ("observation", "instrument", "filters", "target", "level", "rights", "release")
    observations = sorted(listing.observations, key=lambda row: row.obs_id)
    table = Table(header, [_cells(row) for row in observations], leads=True)
    titles, *rows = table.lines(output.width)
    output.styled(f"proposal {listing.proposal}: {counted(len(observations), 'observation')}", bold=True)
    for line in titles:
        output.styled(line, bold=True)
    for row, lines in zip(observations, rows, strict=True):
        for line in lines:
            output.styled(line, fg=None if is_public(row.data_rights) else "magenta")


def _cells(row: Observation) -> tuple[str, ...]:
    from jwstsync.core.conditions import day_of

    cells = (
        row.obs_id,
        row.instrument_name,
        row.filters,
        row.target_name,
        row.calib_level,
        row.data_rights,
        None if row.released_at is None else day_of(row.released_at),
    )
    return tuple(_NOTHING if cell in {None, ""} else str(cell) for cell in cells)


def _show_products(output: Output, listing: Listing) -> None:
    from jwstsync.core.holdings import holdings_of

    holdings = holdings_of(listing.rows)
    total = f"{counted(sum(one.files for one in holdings), 'product')}, {size_text(sum(one.bytes for one in holdings))}"
    observations = counted(len(listing.observations), "observation")
    output.styled(f"proposal {listing.proposal}: {observations}, {total}", bold=True)
    if output.width is None:
        titles, *rows = _flat_lines(listing.proposal, holdings)
    else:
        titles, *rows = tree_lines(holdings, output.width)
    output.styled(titles, bold=True)
    for line in rows:
        output.styled(line)


def _flat_lines(proposal: int, holdings: Iterable[Holding]) -> Iterator[str]:
    """A row for each level, type and suffix, with exact figures."""
    from jwstsync.cli.tables import Table

    header = ("proposal", "calib_level", "productType", "extension", "files", "bytes", "not_public")
    rows = [
        (
            str(proposal),
            _NOTHING if one.calib_level is None else str(one.calib_level),
            one.product_type or _NOTHING,
            one.extension,
            str(one.files),
            str(one.bytes),
            str(one.not_public),
        )
        for one in holdings
    ]
    for lines in Table(header, rows, numbers=frozenset({4, 5, 6})).lines(None):
        yield from lines


def product_lines(rows: Iterable[ProductRow]) -> Iterator[str]:
    """What products these are, as a tree of lines that rules can be made of, with how many there are."""
    from jwstsync.core.holdings import holdings_of

    return tree_lines(holdings_of(rows), None)


def tree_lines(holdings: Sequence[Holding], width: int | None) -> Iterator[str]:
    """A tree by level, type and suffix: each line stands in a rule as it is here, and counts what is below it."""
    from jwstsync.cli.tables import Table

    withheld = any(one.not_public for one in holdings)
    rows = [(label, *_figures(some, withheld=withheld)) for label, some in _branches(holdings)]
    header = ("", "files", "size", "not public")[: 4 if withheld else 3]
    for lines in Table(header, rows, numbers=frozenset({1, 2, 3})).lines(width):
        yield from lines


def _branches(holdings: Sequence[Holding]) -> Iterator[tuple[str, list[Holding]]]:
    from itertools import groupby

    for level, on_level in groupby(holdings, key=lambda one: one.calib_level):
        of_level = list(on_level)
        yield "calib_level unknown" if level is None else f"calib_level = {level}", of_level
        for kind, of_kind in groupby(of_level, key=lambda one: one.product_type):
            of_type = list(of_kind)
            yield "  productType unknown" if kind is None else f"  productType = {_quoted(kind)}", of_type
            yield from ((f"    extension = {_quoted(one.extension)}", [one]) for one in of_type)


def _quoted(text: str) -> str:
    from jwstsync.core.rules import toml_value

    return toml_value(text)


def _figures(holdings: Sequence[Holding], *, withheld: bool) -> tuple[str, ...]:
    files, size = f"{sum(one.files for one in holdings):,}", size_text(sum(one.bytes for one in holdings))
    return (files, size, f"{sum(one.not_public for one in holdings):,}")[: 3 if withheld else 2]
