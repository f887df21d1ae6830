"""Lockfiles that version control has in two versions: brought together on the disk, and what is said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jwstsync.core.conflicts import resolved
from jwstsync.core.lockfile import Lockfile, format_lockfile
from jwstsync.core.merge import Merge, merged
from jwstsync.errors import LockfileError, Problem
from jwstsync.store.files import disk_errors, read_or_none, write_whole
from jwstsync.store.lockfiles import decoded, read_resolved, write_lockfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NAMED = 5  # products in a message
_HEADER = re.compile(r"# (?P<name>.+) is written by jwstsync\.")


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
    sources = [
        f"{name} ({side})" if name else str(path) for path, side in zip((base, ours, theirs), _SIDES, strict=True)
    ]
    texts = [_text(path, source) for path, source in zip((base, ours, theirs), sources, strict=True)]
    known = resolved(texts[0], sources[0]).lockfile if texts[0].strip() else Lockfile()
    one, other = (resolved(text, source).lockfile for text, source in zip(texts[1:], sources[1:], strict=True))
    merge = merged(known, one, other)
    header = _HEADER.match(texts[1])
    called = name.rpartition("/")[2] if name else header["name"] if header else ours.name
    with disk_errors("lockfile"):
        write_whole(ours, format_lockfile(merge.lockfile, called).encode())
    return merge


_SIDES = ("base", "ours", "theirs")


def _text(path: Path, source: str) -> str:
    with disk_errors("lockfile"):
        content = read_or_none(path)
    if content is None:
        raise LockfileError(source, [Problem("", "", "not found; expected a lockfile")])
    return decoded(content, source)


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
    if merge.rechecked:
        yield (
            f"{name}: ours kept of {_counted(len(merge.rechecked))} with other bytes on each side, "
            f"which the next `jwstsync apply` compares with the archive: {_named(merge.rechecked)}"
        )
    if merge.revived:
        yield f"{name}: kept, though removed on one side, since the other changed it: {_named(merge.revived)}"
    if merge.displaced:
        yield f"{name}: left out, since another product has the path: {_named(merge.displaced)}"


def _counted(count: int) -> str:
    return f"{count:,} product{'' if count == 1 else 's'}"


def _named(uris: Sequence[str]) -> str:
    names = [uri.rpartition("/")[2] for uri in uris[:_NAMED]]
    more = len(uris) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
