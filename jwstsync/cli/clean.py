"""The command that makes room: clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Amount, Command, Seconds, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.session import session_of
from jwstsync.core.amounts import counted, parse_duration, size_text
from jwstsync.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.store.leftovers import Leftover
    from jwstsync.sync.cleaning import Cleaning

_KINDS = {"trash": "replaced files", "parts": "unfinished downloads", "versions": "old versions"}


@click.command(
    cls=Command,
    examples=(
        ("jwstsync clean", "show what there is, ask, remove it"),
        ("jwstsync clean -y --older-than 7d", "for cron: what nobody has missed for a week"),
        ("jwstsync clean --trash", "leave parts and versions alone"),
    ),
)
@option("-y", "--yes", is_flag=True, help="Do not ask.")
@option("--trash", is_flag=True, help="Remove files that others have replaced.")
@option("--parts", is_flag=True, help="Remove unfinished downloads, which would be gone on with.")
@option("--versions", is_flag=True, help='Remove the old versions that on_update = "keep" has kept.')
@option(
    "--older-than",
    type=Amount("time", parse_duration),
    metavar="TIME",
    help="Only what was put aside, or last written to, so long ago, such as 7d.",
)
@option(
    "--lock-timeout", type=Seconds(min=0), default=0, metavar="S", help="Seconds to wait for another run (default: 0)."
)
@click.pass_context
def clean(context: click.Context, /, *, yes: bool, older_than: float | None, lock_timeout: float, **kinds: bool) -> int:
    """Empty the trash, and remove unfinished downloads and old versions.

    All lie in <root>/.jwstsync; products and what is recorded of them stay. Without --trash, --parts and --versions all
    three are meant. It asks in a terminal; elsewhere it needs -y.
    """
    from jwstsync.store.leftovers import Kind
    from jwstsync.sync.cleaning import open_cleaning

    output = Output(globals_of(context))
    if not yes and not output.interactive:
        raise UsageError("clean: nobody can be asked here; expected -y, or a terminal")
    chosen = [kind for kind in Kind if kinds[kind]] or [*Kind]
    with (
        session_of(context, asks=False) as session,
        open_cleaning(session.manifest, chosen, older_than=older_than, lock_timeout=lock_timeout) as cleaning,
    ):
        _show(output, cleaning, chosen)
        if not yes and cleaning.found and not _agreed(output, cleaning):
            return ExitCode.DIFFERENCES
        removed, errors = [], []
        for one, error in cleaning.carry_out():
            if error is None:
                removed.append(one)
            else:
                errors.append(error)
    return _tell_end(output, removed, errors)


def _show(output: Output, cleaning: Cleaning, kinds: Iterable[str]) -> None:
    output.answer(f"jwstsync clean: {cleaning.state_folder}")
    for kind in kinds:
        found = [one for one in cleaning.found if one.kind == kind]
        output.answer(f"  {kind:<8}  {_amount_text(found):>20}   {_KINDS[kind]}")
    for folder in cleaning.links:
        output.warning(f"{folder}: a link, and left alone; expected a folder")


def _amount_text(found: Iterable[Leftover]) -> str:
    sizes = [one.size for one in found]
    return f"{counted(len(sizes), 'file')}, {size_text(sum(sizes))}"


def _agreed(output: Output, cleaning: Cleaning) -> bool:
    agreed = click.confirm(f"Remove {_amount_text(cleaning.found)} for good?", err=True)
    if not agreed:
        output.message("nothing was removed")
    return agreed


def _tell_end(output: Output, removed: list[Leftover], errors: list[str]) -> int:
    from jwstsync.core.documents import clean_document

    if output.as_json:
        output.small_document(clean_document([(one.kind.value, one.size) for one in removed], errors))
    output.answer(f"Removed: {_amount_text(removed)}.")
    for error in errors:
        output.warning(f"{error}; left where it is")
    return ExitCode.LIMIT if errors else ExitCode.OK
