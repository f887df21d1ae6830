"""Lockfiles that version control has in two versions: brought together on the disk, and what is said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jwstsync.core.lockfile import format_lockfile
from jwstsync.errors import LockfileError, Problem
from jwstsync.store.files import disk_errors, read_or_none, write_whole
from jwstsync.store.lockfiles import merge_of, read_resolved, write_lockfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jwstsync.core.merge import Merge

_NAMED = 5  # products in a message
_HEADER = re.compile(rb"# (.+) is written by jwstsync\.")
_SIDES = ("base", "ours", "theirs")


def merge_files(base: Path, ours: Path, theirs: Path, name: str | None = None) -> Merge:
    """Merges three lockfiles, as git's merge drivers do: what comes of it is written to ``ours``.

    Args:
        base: What both sides come from; empty where there was nothing.
        ours: Our side, which is left alone if anything can not be read.
        theirs: The other side.
        name: Where the lockfile is in the repository; by default it is called as its first line has it.

    Raises:
        LockfileError: One of them is not valid.
        StoreError: One of them can not be read, or ``ours`` not be written.
    """
    paths = (base, ours, theirs)
    sources = [f"{name} ({side})" if name else str(path) for path, side in zip(paths, _SIDES, strict=True)]
    contents = [_content(path, source) for path, source in zip(paths, sources, strict=True)]
    merge = merge_of(contents, sources)
    header = _HEADER.match(contents[1])
    called = name.rpartition("/")[2] if name else header[1].decode() if header else ours.name
    with disk_errors("lockfile"):
        write_whole(ours, format_lockfile(merge.lockfile, called).encode())
    return merge


def _content(path: Path, source: str) -> bytes:
    with disk_errors("lockfile"):
        content = read_or_none(path)
    if content is None:
        raise LockfileError(source, [Problem("", "", "not found; expected a lockfile")])
    return content


def merge_in_place(lockfile: Path) -> Merge | None:
    """Merges the sides of the conflicts that version control has left in a lockfile; None where there are none.

    Raises:
        LockfileError: It is not valid, apart from conflicts.
        StoreError: It can not be read or written.
    """
    content, _, merge = read_resolved(lockfile)
    if merge is not None:
        write_lockfile(lockfile, content)
    return merge


def merge_lines(merge: Merge, name: str) -> Iterator[str]:
    """What came of a merge, for people; one line where both sides went together without a question."""
    yield f"{name}: both sides merged: {_counted(len(merge.lockfile))} locked"
    if merge.by_lines:
        yield f"{name}: git has merged it by lines; `jwstsync apply` compares all of it with the archive"
    if merge.rechecked:
        yield (
            f"{name}: ours kept of {_counted(len(merge.rechecked))} with other bytes on each side; "
            f"`jwstsync apply` compares them with the archive: {_named(merge.rechecked)}"
        )
    for uris, text in (
        (merge.revived, "kept, though removed on one side, since the other changed it"),
        (merge.displaced, "left out, since another product has the path"),
        (merge.torn, "left out, since git has mixed it up with others; `jwstsync apply` locks it anew"),
    ):
        if uris:
            yield f"{name}: {text}: {_named(uris)}"


def _counted(count: int) -> str:
    return f"{count:,} product{'' if count == 1 else 's'}"


def _named(uris: Sequence[str]) -> str:
    names = [uri.rpartition("/")[2] for uri in uris[:_NAMED]]
    more = len(uris) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
