"""The commands about lockfiles: merge, which brings two versions together, and check, which asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Command, Group, globals_of
from jwstsync.cli.output import Output
from jwstsync.cli.session import manifest_path
from jwstsync.cli.text import counted
from jwstsync.errors import ExitCode, UsageError, gravest

if TYPE_CHECKING:
    from pathlib import Path

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

    from jwstsync.core.manifest import lockfile_beside
    from jwstsync.sync.merging import merge_files, merge_in_place

    options = globals_of(context)
    output = Output(options)
    if not files:
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
        lists = {key: list(getattr(merge, key, ())) for key in ("rechecked", "revived", "displaced", "torn")}
        output.document({"merged": merge is not None, "by_lines": merge is not None and merge.by_lines, **lists})
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
    found = {str(path): _check(output, path) for path in manifests}
    if output.as_json:
        output.document({"problems": {name: problems for name, (_, problems) in found.items()}})
    return gravest(code for code, _ in found.values())


def _manifest_of(file: str) -> Path:
    from pathlib import Path

    return Path(file).with_suffix(".toml") if file.endswith(".lock") else Path(file)


def _check(output: Output, path: Path) -> tuple[ExitCode, list[str]]:
    """Says whether one manifest and its lockfile are valid and agree; with which exit code, and why not."""
    from jwstsync.errors import InvalidFileError
    from jwstsync.sync.checking import check_files

    try:
        locked, problems = check_files(path)
    except InvalidFileError as error:
        output.warning(str(error))
        return error.exit_code, str(error).splitlines()
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
    return ExitCode.DIFFERENCES if problems else ExitCode.OK, problems
