"""The commands about lockfiles: merge, which brings two versions together, and check, which asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Command, Group, globals_of
from jwstsync.cli.output import Output
from jwstsync.cli.session import manifest_path
from jwstsync.core.amounts import counted
from jwstsync.errors import ExitCode, UsageError, gravest

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.lock_documents import CheckedEntry
    from jwstsync.core.merge import Merge

_THREE = (3, 4)
_FEW = 10  # disagreements that are told one by one


@click.group(
    cls=Group,
    homes={
        "merge": ("jwstsync.cli.lock", "Merge a lockfile that git has in two versions."),
        "check": ("jwstsync.cli.lock", "Check manifests and lockfiles, without network and data."),
    },
)
def lock() -> None:
    """Merge and check lockfiles."""


@click.command(
    cls=Command,
    examples=(
        ("jwstsync lock merge", "merge the conflicts that git has left in the lockfile"),
        ("jwstsync init --git", "have git merge lockfiles so by itself"),
        ("jwstsync lock merge %O %A %B %P", "what git calls then"),
    ),
)
@click.argument("files", metavar="[BASE OURS THEIRS [NAME]]", nargs=-1)
@click.pass_context
def merge(context: click.Context, files: tuple[str, ...]) -> int:
    """Merge a lockfile that git has in two versions.

    The products of both sides stay, but for those that one side removed and the other left as they were. Of a product
    with other bytes on each side ours stays, and the next `jwstsync apply` compares it with the archive.

    Without files, the conflicts in the manifest's lockfile are merged. As a merge driver it is given the version that
    both come from, ours, which it writes, and theirs; and what to call the lockfile.
    """
    from pathlib import Path

    from jwstsync.sync.merging import merge_files, merge_in_place

    options = globals_of(context)
    output = Output(options)
    if not files:
        from jwstsync.core.manifest import lockfile_beside  # a third of the time in which git's driver is done

        lockfile = Path(lockfile_beside(manifest_path(options), sandboxed=options.sandbox))
        found = merge_in_place(lockfile)
        _tell(output, found, str(lockfile))
        return ExitCode.OK
    if len(files) not in _THREE:
        raise UsageError(f"lock merge: {counted(len(files), 'file')}; expected none, or BASE OURS THEIRS and a NAME")
    base, ours, theirs = map(Path, files[:3])
    name = files[3] if files[3:] else None
    _tell(output, merge_files(base, ours, theirs, name), name or str(ours))
    return ExitCode.OK


def _tell(output: Output, merge: Merge | None, name: str) -> None:
    from jwstsync.sync.merging import merge_lines

    if output.as_json:
        from jwstsync.core.lock_documents import merge_document

        output.document(merge_document(name, merge))
    elif merge is None:
        output.answer(f"{name}: no conflicts; nothing to merge")
    else:
        first, *more = merge_lines(merge, name)
        output.answer(first)
        for line in more:
            output.warning(line)


@click.command(
    cls=Command,
    examples=(
        ("jwstsync lock check", "the manifest that is here, and its lockfile"),
        ("jwstsync lock check */jwstsync.toml", "all of a repository"),
    ),
)
@click.argument("files", metavar="[FILE...]", nargs=-1)
@click.pass_context
def check(context: click.Context, files: tuple[str, ...]) -> int:
    """Check manifests and lockfiles, without network and data, as for pre-commit.

    Each manifest has to be valid, and so has its lockfile, which must not hold what the manifest can not select, nor
    have it where the layout would not put it. What only the archive knows is for `jwstsync plan --check`. A FILE is a
    manifest, or a lockfile, of which the manifest beside it is meant.
    """
    options = globals_of(context)
    output = Output(options)
    manifests = dict.fromkeys(map(_manifest_of, files or (str(manifest_path(options)),)))
    found = [_check(output, path) for path in manifests]
    if output.as_json:
        from jwstsync.core.lock_documents import check_document

        output.document(check_document(entry for _, entry in found))
    return gravest(code for code, _ in found)


def _manifest_of(file: str) -> Path:
    from pathlib import Path

    return Path(file).with_suffix(".toml") if file.endswith(".lock") else Path(file)


def _check(output: Output, path: Path) -> tuple[ExitCode, CheckedEntry]:
    """Says whether one manifest and its lockfile are valid and agree; with which exit code, and what was found."""
    from jwstsync.core.lock_documents import checked_entry
    from jwstsync.errors import InvalidFileError
    from jwstsync.sync.checking import check_files

    try:
        locked, problems = check_files(path)
    except InvalidFileError as error:
        output.warning(str(error))
        return error.exit_code, checked_entry(str(path), None, str(error).splitlines(), valid=False)
    _tell_check(output, path, locked, problems)
    code = ExitCode.DIFFERENCES if problems else ExitCode.OK
    return code, checked_entry(str(path), locked, problems, valid=True)


def _tell_check(output: Output, path: Path, locked: int | None, problems: list[str]) -> None:
    for line in problems[:_FEW]:
        output.warning(line)
    if len(problems) > _FEW:
        output.warning(f"{path}: and {len(problems) - _FEW:,} more")
    if problems:
        output.warning(f"{path}: its lockfile does not match; `jwstsync apply` brings it up to date")
    elif locked is None:
        output.answer(f"{path}: valid; nothing is locked yet")
    else:
        output.answer(f"{path}: valid, and so is its lockfile of {counted(locked, 'product')}")
