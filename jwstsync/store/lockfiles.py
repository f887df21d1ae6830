"""The lockfile on the disk: read whole, written whole, and only when its bytes differ.

What comes of the conflicts that version control may have left in it is decided in the core.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jwstsync.core.lockfile import Lockfile, format_lockfile, has_conflicts, parse_lockfile
from jwstsync.errors import LockfileError, Problem
from jwstsync.store.files import disk_errors, read_or_none, write_whole
from jwstsync.store.git import unmerged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jwstsync.core.merge import Merge

NO_LOCKFILE = ""
"""The digest of a lockfile that is not there."""


def read_lockfile(path: Path) -> tuple[Lockfile, str]:
    """The lockfile, an empty one where there is none, and the SHA-256 of its bytes.

    Raises:
        LockfileError: It is not valid.
        StoreError: It can not be read.
    """
    text, digest = _read(path)
    return Lockfile() if text is None else parse_lockfile(text, str(path)), digest


def read_resolved(path: Path) -> tuple[Lockfile, str, Merge | None]:
    """The same where version control may have left conflicts: what comes of both sides, and how, if there are any.

    Git's own versions of both sides are merged if it still has them, or else what can be read in the text.

    Raises:
        LockfileError: A side is not valid, or a conflict not whole.
        StoreError: It can not be read.
    """
    text, digest = _read(path)
    if text is None or not has_conflicts(text):
        return Lockfile() if text is None else parse_lockfile(text, str(path)), digest, None
    versions = unmerged(path)
    merge = _resolved(text, str(path)) if versions is None else merge_of(versions, [str(path)] * 3)
    return merge.lockfile, digest, merge


def _resolved(text: str, source: str) -> Merge:
    from jwstsync.core.conflicts import resolved  # noqa: PLC0415 - few lockfiles have any

    return resolved(text, source)


def merge_of(contents: Sequence[bytes], sources: Sequence[str]) -> Merge:
    """The merge of three lockfiles' bytes.

    Args:
        contents: What both sides come from, empty where there was nothing; ours; theirs.
        sources: The three, as they are to be named to the user.

    Raises:
        LockfileError: One of them is not valid.
    """
    from jwstsync.core.merge import merged  # noqa: PLC0415 - as few

    base, *sides = (decoded(content, source) for content, source in zip(contents, sources, strict=True))
    ours, theirs = (_resolved(side, source).lockfile for side, source in zip(sides, sources[1:], strict=True))
    return merged(_resolved(base, sources[0]).lockfile if base.strip() else Lockfile(), ours, theirs)


def _read(path: Path) -> tuple[str | None, str]:
    with disk_errors("lockfile"):
        content = read_or_none(path)
    if content is None:
        return None, NO_LOCKFILE
    return decoded(content, str(path)), hashlib.sha256(content).hexdigest()


def decoded(content: bytes, source: str) -> str:
    """The text that a lockfile's bytes are.

    Raises:
        LockfileError: They are none.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise LockfileError(source, [Problem("", "", "not UTF-8 text; restore it from version control")]) from None


def write_lockfile(path: Path, lockfile: Lockfile) -> str:
    """Writes the lockfile if its bytes would differ, and gives the SHA-256 of them. An empty one is not begun.

    Raises:
        StoreError: It can not be written.
    """
    content = format_lockfile(lockfile, path.name).encode()
    with disk_errors("lockfile"):
        present = read_or_none(path)
        if present is None and not lockfile:
            return NO_LOCKFILE
        if content != present:
            write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def lockfile_digest(path: Path) -> str:
    """The SHA-256 of the lockfile's bytes as they are now.

    Raises:
        StoreError: It can not be read.
    """
    with disk_errors("lockfile"):
        content = read_or_none(path)
    return NO_LOCKFILE if content is None else hashlib.sha256(content).hexdigest()
