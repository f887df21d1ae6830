"""What is locked, summed up: the command show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Command, globals_of
from jwstsync.cli.output import Output
from jwstsync.cli.session import session_of
from jwstsync.cli.text import name_of
from jwstsync.core.amounts import counted, size_text
from jwstsync.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwstsync.core.inventory import Age, Inventory

_UNKNOWN = "unknown"


@click.command(
    cls=Command,
    examples=(
        ("jwstsync show", "proposals, pipeline versions and contexts"),
        ("jwstsync show -v", "with the files that are the oldest and the newest"),
    ),
)
@click.pass_context
def show(context: click.Context) -> int:
    """Sum up the lockfile, without network and data.

    A lockfile has no times: the oldest products are those of the smallest pipeline version (cal_ver), and among them of
    the smallest CRDS context, and the newest likewise.
    """
    from pathlib import Path

    from jwstsync.cli.render import proposal_names
    from jwstsync.core.inventory import inventory_of
    from jwstsync.core.looks import show_document
    from jwstsync.store.lockfiles import read_lockfile

    options = globals_of(context)
    output = Output(options)
    with session_of(context, asks=False) as session:
        lockfile = Path(session.manifest.lockfile)
        inventory, names = inventory_of(read_lockfile(lockfile)[0]), proposal_names(session.manifest)
    if output.as_json:
        output.document(show_document(inventory, lockfile.name, names))
    elif not inventory.files:
        output.message("nothing is locked yet: jwstsync apply locks what it fetches")
    _show(output, inventory, lockfile.name, names)
    for title, age in (("oldest", inventory.oldest), ("newest", inventory.newest)) if options.verbose else ():
        for path in age.paths if age else ():
            output.answer(f"{title}: {path}")
    return ExitCode.OK


def _show(output: Output, inventory: Inventory, lockfile: str, names: Mapping[int, str | None]) -> None:
    from jwstsync.cli.tables import Table

    proposals = counted(len(inventory.proposals), "proposal")
    total = f"{counted(inventory.files, 'product')} of {proposals}, {size_text(inventory.bytes)}"
    output.styled(f"{lockfile}: {total}", bold=True)
    rows = list(_rows(inventory, names))
    titles, *lines = Table(("key", "value", "files", "size"), rows, numbers=frozenset({2, 3})).lines(output.width)
    for line in titles if rows else ():
        output.styled(line, bold=True)
    for line in (one for some in lines for one in some):
        output.styled(line)
    if inventory.recheck:
        marked = counted(inventory.recheck, "product")
        output.message(f"{marked} marked for a fresh look by a merge: jwstsync apply takes it")


def _rows(inventory: Inventory, names: Mapping[int, str | None]) -> Iterator[tuple[str, str, str, str]]:
    for one in inventory.proposals:
        name = f"{one.key} {names.get(one.key) or ''}".strip()
        yield "proposal", name, f"{one.files:,}", size_text(one.bytes)
    for key, shares in (("cal_ver", inventory.cal_vers), ("crds_ctx", inventory.crds_ctxs)):
        for share in shares:
            yield key, share.key or _UNKNOWN, f"{share.files:,}", size_text(share.bytes)
    for title, age in (("oldest", inventory.oldest), ("newest", inventory.newest)):
        if age is not None:
            yield title, _age_text(age), f"{len(age.paths):,}", size_text(age.bytes)


def _age_text(age: Age) -> str:
    made = f"{age.cal_ver}, {age.crds_ctx}" if age.crds_ctx else age.cal_ver
    return made if len(age.paths) > 1 else f"{made}: {name_of(age.paths[0])}"
