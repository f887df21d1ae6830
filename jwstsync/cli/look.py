"""The commands that look at the archive: search, and init, which writes a manifest from what it finds."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Command, check_folder, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.progress import Progress
from jwstsync.cli.session import MANIFEST_NAME, archive_settings
from jwstsync.cli.text import counted, printable
from jwstsync.core.amounts import size_text
from jwstsync.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jwstsync.archive import Archive
    from jwstsync.cli.options import Globals
    from jwstsync.core.caom import Observation, ProductRow
    from jwstsync.core.selection import Listing

_PROPOSALS = click.argument("proposals", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, 99999))


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
    with _archive(globals_of(context)) as archive:
        listings = _look_up(archive, proposals, output, products=products)
    if output.as_json:
        found = [row for listing in listings for row in listing.observations]
        columns = OBSERVATION_COLUMNS.values()
        rows = [{column.name: getattr(row, column.attribute) for column in columns} for row in found]
        counts = [count for listing in listings for count in _counts(listing.rows)] if products else None
        output.document({"observations": rows, "products": counts})
    for listing in listings:
        if not listing.observations:
            output.warning(_nothing(listing.proposal))
        output.answer(f"proposal {listing.proposal}: {counted(len(listing.observations), 'observation')}")
        lines = _product_lines(listing.rows) if products else _observation_lines(listing.observations)
        for line in lines if listing.observations else ():
            output.answer(line)
    return ExitCode.OK


@click.command(cls=Command)
@click.argument("proposals", metavar="[ID...]", nargs=-1, type=click.IntRange(1, 99999))
@click.pass_context
def init(context: click.Context, proposals: tuple[int, ...]) -> int:
    """Write a starter manifest, jwstsync.toml, from what the archive has of these proposals."""
    from pathlib import Path

    output = Output(globals_of(context))
    target = Path(globals_of(context).manifest or MANIFEST_NAME)
    if target.exists():
        raise UsageError(f"{target}: is there already; expected a new file")
    check_folder(target)
    listings: list[Listing] = []
    if proposals:
        with _archive(globals_of(context)) as archive:
            listings = _look_up(archive, proposals, output, products=True)
    if unknown := [listing.proposal for listing in listings if not listing.observations]:
        raise UsageError("\n".join(map(_nothing, unknown)))
    _write_manifest(target, listings)
    output.answer(f"Wrote {target}; see what it selects with: jwstsync plan")
    return ExitCode.OK


@contextmanager
def _archive(options: Globals) -> Iterator[Archive]:
    from jwstsync.sync.gather import open_archive

    with archive_settings(options) as (url, timeout, _):
        yield open_archive(url, timeout)


def _look_up(archive: Archive, proposals: Sequence[int], output: Output, *, products: bool) -> list[Listing]:
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


def _nothing(proposal: int) -> str:
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
    yield from _aligned([header, *rows])


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


def _product_lines(rows: Sequence[ProductRow]) -> Iterator[str]:
    header = ("level", "type", "suffix", "files", "size")
    table = [
        (str(one["calib_level"]), str(one["productType"]), str(one["suffix"]), str(one["files"]), str(one["bytes"]))
        for one in _counts(rows)
    ]
    yield from _aligned([header, *((*cells[:4], size_text(int(cells[4]))) for cells in table)])


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _write_manifest(target: Path, listings: Sequence[Listing]) -> None:
    from jwstsync.core.manifest import parse_manifest
    from jwstsync.store.files import disk_errors, write_whole

    text = "\n".join(_manifest_lines(listings)) + "\n"
    parse_manifest(text, target)
    with disk_errors("manifest"):
        write_whole(target, text.encode())


def _manifest_lines(listings: Sequence[Listing]) -> Iterator[str]:
    yield "version = 1"
    yield ""
    yield "[rules.calibrated]"
    yield 'productType = "SCIENCE"'
    yield "calib_level = [2, 3]"
    yield 'extension = "fits"'
    yield ""
    yield "[defaults]"
    yield 'include = ["calibrated"]'
    for listing in listings:
        yield ""
        yield from (f"# {printable(line)}" for line in _product_lines(listing.rows))
        yield "[[proposal]]"
        yield f"id = {listing.proposal}"
        instruments = sorted({row.instrument_name or "unknown" for row in listing.observations})
        yield f"# instruments: {printable(', '.join(instruments))}"
    if not listings:
        yield ""
        yield "[[proposal]]"
        yield "id = 2733  # the Southern Ring Nebula; put your own here"
