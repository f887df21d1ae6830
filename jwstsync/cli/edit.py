"""The commands that write a manifest: init, which begins one, and add and remove, which keep the rest as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jwstsync.cli import completion
from jwstsync.cli.look import archive_of, look_up, nothing_of
from jwstsync.cli.options import PROPOSAL_ID, Command, check_folder, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.session import MANIFEST_NAME, manifest_path
from jwstsync.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jwstsync.core.selection import Listing

_PROPOSALS = click.argument("proposals", metavar="ID...", nargs=-1, required=True, type=PROPOSAL_ID)
_KNOWN_PROPOSALS = click.argument(
    "proposals", metavar="ID...", nargs=-1, required=True, type=PROPOSAL_ID, shell_complete=completion.proposals
)


@click.command(
    cls=Command,
    examples=(
        ("jwstsync init 2733 1366", "ask the archive what these proposals have, and write a manifest"),
        ("jwstsync init --git", "have git merge the lockfile that is or will be here"),
    ),
)
@click.argument("proposals", metavar="[ID...]", nargs=-1, type=PROPOSAL_ID)
@option("--git", is_flag=True, help="Have this clone's git merge lockfiles with `jwstsync lock merge`.")
@click.pass_context
def init(context: click.Context, proposals: tuple[int, ...], *, git: bool) -> int:
    """Write a starter manifest, jwstsync.toml, from what the archive has of these proposals.

    Its comments tell instruments, levels, suffixes, and the sizes of the usual choices. Beside it goes the schema by
    which editors complete and explain it, .jwstsync.schema.json.

    With --git it also writes a line in .gitattributes, to be committed, and the merge driver in the configuration of
    this clone, which can not be: everybody calls it once in a clone of their own. A manifest that is there already
    stays then.
    """
    output = Output(globals_of(context))
    target = Path(globals_of(context).manifest or MANIFEST_NAME)
    check_folder(target)
    begins = not target.exists() or not git or bool(proposals)
    written = [
        *(_begin(context, output, target, proposals) if begins else ()),
        *(_enrol(output, target) if git else ()),
    ]
    _tell_programs(output, target, written, added=proposals)
    return ExitCode.OK


def _tell_programs(
    output: Output, manifest: Path, written: Sequence[str], *, added: Sequence[int] = (), removed: Sequence[int] = ()
) -> None:
    from jwstsync.core.documents import edit_document

    if output.as_json:
        output.document(edit_document(str(manifest), written, added=added, removed=removed))


def _begin(context: click.Context, output: Output, target: Path, proposals: Sequence[int]) -> list[str]:
    """Writes a manifest, and its schema; what was written."""
    if target.exists():
        raise UsageError(f"{target}: is there already; expected a new file, or `jwstsync add` for more proposals")
    listings: list[Listing] = []
    if proposals:
        with archive_of(globals_of(context)) as archive:
            listings = look_up(archive, proposals, output)
    if unknown := [listing.proposal for listing in listings if not listing.observations]:
        raise UsageError(
            "\n".join(f"{nothing_of(one)}; expected the number of one that has any, such as 2733" for one in unknown)
        )
    schema = _write_starter(target, listings)
    output.answer(f"Wrote {target}; see what it selects with: jwstsync plan")
    return [str(target), str(schema)]


def _write_starter(target: Path, listings: Sequence[Listing]) -> Path:
    """Writes a manifest, and its schema; where that is."""
    from jwstsync.cli.output import indented
    from jwstsync.cli.starter import SCHEMA_NAME, starter_lines
    from jwstsync.core.manifest import manifest_schema, parse_manifest
    from jwstsync.store.files import disk_errors, write_whole

    text = "\n".join(starter_lines(listings)) + "\n"
    parse_manifest(text, target)
    schema = target.with_name(SCHEMA_NAME)
    with disk_errors("manifest"):
        write_whole(schema, (indented(manifest_schema()) + "\n").encode())
        write_whole(target, text.encode())
    return schema


def _enrol(output: Output, target: Path) -> list[str]:
    """Tells git how lockfiles are merged; what was written."""
    from jwstsync.core.manifest import lockfile_beside
    from jwstsync.store.git import enrol

    written = enrol(Path(lockfile_beside(target)), _own_command())
    for line in written:
        output.answer(f"Wrote {line}")
    if not written:
        output.answer("Nothing to write: git merges the lockfile with jwstsync already")
    else:
        output.message("the line in .gitattributes is for all clones; `jwstsync init --git` is called in each of them")
    return written


def _own_command() -> list[str]:
    """What runs this jwstsync, also where its environment is not the active one, as in editors that call git."""
    script = Path(sys.executable).with_name("jwstsync")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "jwstsync"]


@click.command(
    cls=Command,
    examples=(
        ("jwstsync add 2733", "with the rules of [defaults]"),
        ("jwstsync add 2733 1366 --include calibrated", "with a rule of the manifest"),
        ("jwstsync add 2733 --include '{ calib_level = 3 }'", "with one of its own"),
    ),
)
@_PROPOSALS
@option(
    "--include",
    multiple=True,
    metavar="RULE",
    shell_complete=completion.rules,
    help="Take what this rule takes; may be given again.",
)
@option(
    "--exclude",
    multiple=True,
    metavar="RULE",
    shell_complete=completion.rules,
    help="But not what this one takes; may be given again.",
)
@option("--name", metavar="TEXT", help="A name, for people.")
@click.pass_context
def add(
    context: click.Context,
    proposals: tuple[int, ...],
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    name: str | None,
) -> int:
    """Add proposals to the manifest; all else in it stays as it is, comments included.

    A RULE is the name of a rule that the manifest has, or a rule of its own. Nobody is asked whether the archive has
    such proposals: `jwstsync plan` tells.
    """
    from jwstsync.core.editing import NewBlock, with_block

    ids = tuple(dict.fromkeys(proposals))
    block = NewBlock(ids=ids, name=name, include=include, exclude=exclude)
    path = _edit(context, f"Added {_named(ids)} to", lambda text, path: with_block(text, block, path))
    _tell_programs(Output(globals_of(context)), path, [str(path)], added=ids)
    return ExitCode.OK


@click.command(cls=Command, examples=(("jwstsync remove 2733", "its files stay; the next apply unlocks them"),))
@_KNOWN_PROPOSALS
@click.pass_context
def remove(context: click.Context, proposals: tuple[int, ...]) -> int:
    """Remove proposals from the manifest; all else in it stays as it is, comments included.

    The comment right above a block goes with it. The next `jwstsync apply` drops what was locked for it alone; no file
    is deleted.
    """
    from jwstsync.core.editing import without_proposals

    ids = tuple(dict.fromkeys(proposals))
    path = _edit(context, f"Removed {_named(ids)} from", lambda text, path: without_proposals(text, ids, path))
    _tell_programs(Output(globals_of(context)), path, [str(path)], removed=ids)
    return ExitCode.OK


def _named(ids: Sequence[int]) -> str:
    return f"proposal{'' if len(ids) == 1 else 's'} {', '.join(map(str, ids))}"


def _edit(context: click.Context, done: str, edited: Callable[[str, Path], str]) -> Path:
    """Puts an edited text in the place of the manifest's; where that is.

    Raises:
        ManifestError: There is none, or it is not valid before or after.
        UsageError: What is asked for makes no sense with it.
        StoreError: It can not be written.
    """
    from jwstsync.store.files import disk_errors, write_whole
    from jwstsync.sync.gather import manifest_text

    path = manifest_path(globals_of(context))
    text = edited(manifest_text(path), path)
    with disk_errors("manifest"):
        place = path.resolve()
        write_whole(place, text.encode(), mode=place.stat().st_mode)
    Output(globals_of(context)).answer(f"{done} {path}; see what that changes with: jwstsync plan")
    return path
