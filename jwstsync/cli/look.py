"""What the archive has, looked at without a manifest: the command search."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import PROPOSAL_ID, Command, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.progress import Progress
from jwstsync.cli.session import archive_settings
from jwstsync.cli.text import aligned, counted
from jwstsync.core.amounts import size_text
from jwstsync.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.archive import Archive
    from jwstsync.cli.options import Globals
    from jwstsync.core.caom import Observation, ProductRow
    from jwstsync.core.selection import Listing

_PROPOSALS = click.argument("proposals", metavar="ID...", nargs=-1, required=True, type=PROPOSAL_ID)


@click.command(
    cls=Command,
    examples=(
        ("jwstsync search 2733", "its observations"),
        ("jwstsync search 2733 --products", "what its products are, for writing rules"),
    ),
)
@_PROPOSALS
@option("--products", is_flag=True, help="Count what the products are, by level, type and suffix.")
@click.pass_context
def search(context: click.Context, proposals: tuple[int, ...], *, products: bool) -> int:
    """Show the observations of a proposal."""
    from jwstsync.core.caom import OBSERVATION_COLUMNS

    output = Output(globals_of(context))
    with archive_of(globals_of(context)) as archive:
        listings = look_up(archive, proposals, output, products=products)
    if output.as_json:
        found = [row for listing in listings for row in listing.observations]
        columns = OBSERVATION_COLUMNS.values()
        rows = [{column.name: getattr(row, column.attribute) for column in columns} for row in found]
        counts = [count for listing in listings for count in _counts(listing.rows)] if products else None
        output.document({"observations": rows, "products": counts})
    for listing in listings:
        if not listing.observations:
            output.warning(nothing_of(listing.proposal))
        output.answer(f"proposal {listing.proposal}: {counted(len(listing.observations), 'observation')}")
        lines = product_lines(listing.rows) if products else _observation_lines(listing.observations)
        for line in lines if listing.observations else ():
            output.answer(line)
    return ExitCode.OK


@contextmanager
def archive_of(options: Globals) -> Iterator[Archive]:
    """The archive that the environment and the options mean; with ``--sandbox`` a stand-in, as long as it lasts."""
    from jwstsync.sync.gather import open_archive

    with archive_settings(options) as (url, timeout, _):
        yield open_archive(url, timeout)


def look_up(archive: Archive, proposals: Sequence[int], output: Output, *, products: bool) -> list[Listing]:
    """What the archive has of these proposals.

    Raises:
        ArchiveError: It could not be asked.
    """
    from jwstsync.core.selection import Listing, executed

    progress, listings = Progress(output), []
    for proposal in dict.fromkeys(proposals):
        progress.phase(f"asking the archive about proposal {proposal}")
        observations = executed(archive.observations(proposal))
        groups = sorted({row.group_id for row in observations})
        listings.append(Listing(proposal, observations, archive.products(groups) if products else ()))
    return listings


def nothing_of(proposal: int) -> str:
    """What is said of a proposal that the archive has nothing of."""
    return f"proposal {proposal}: the archive lists no executed JWST observation"


def _observation_lines(observations: Sequence[Observation]) -> Iterator[str]:
    from jwstsync.core.conditions import day_of

    header = ("observation", "instrument", "filters", "target", "level", "rights", "release")
    rows = [
        (
            row.obs_id,
            row.instrument_name or "",
            row.filters or "",
            row.target_name or "",
            str(row.calib_level),
            row.data_rights or "",
            str(day_of(row.released_at)) if row.released_at is not None else "",
        )
        for row in sorted(observations, key=lambda row: row.obs_id)
    ]
    yield from aligned([header, *rows])


def _counts(rows: Sequence[ProductRow]) -> list[dict[str, object]]:
    """How many products there are of each level, type and kind, and their bytes; each product once."""
    from jwstsync.core.selection import kind_of

    unique = {row.data_uri: row for row in rows}
    files: Counter[tuple[int, str, str]] = Counter()
    sizes: Counter[tuple[int, str, str]] = Counter()
    for row in unique.values():
        key = (row.calib_level or 0, row.product_type or "", kind_of(row.filename))
        files[key] += 1
        sizes[key] += row.size or 0
    names = ("calib_level", "productType", "suffix")
    return [dict(zip(names, key, strict=True)) | {"files": files[key], "bytes": sizes[key]} for key in sorted(files)]


def product_lines(rows: Sequence[ProductRow]) -> Iterator[str]:
    """A table of what products there are, by level, type and suffix."""
    header = ("level", "type", "suffix", "files", "size")
    table = [
        (str(one["calib_level"]), str(one["productType"]), str(one["suffix"]), str(one["files"]), str(one["bytes"]))
        for one in _counts(rows)
    ]
    yield from aligned([header, *((*cells[:4], size_text(int(cells[4]))) for cells in table)])
