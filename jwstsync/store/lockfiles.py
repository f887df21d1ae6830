"""The lockfile on the disk: read whole, written whole, and only when its bytes differ."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jwstsync.core.lockfile import Lockfile, format_lockfile, parse_lockfile
from jwstsync.errors import LockfileError, Problem
from jwstsync.store.files import disk_errors, read_or_none, write_whole

if TYPE_CHECKING:
    from pathlib import Path

NO_LOCKFILE = ""
"""The digest of a lockfile that is not there."""


def read_lockfile(path: Path) -> tuple[Lockfile, str]:
    """The lockfile, an empty one where there is none, and the SHA-256 of its bytes.

    Raises:
        LockfileError: It is not valid.
        StoreError: It can not be read.
    """
    with disk_errors("lockfile"):
        content = read_or_none(path)
    if content is None:
        return Lockfile(), NO_LOCKFILE
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise LockfileError(str(path), [Problem("", "", "not UTF-8 text; restore it from version control")]) from None
    return parse_lockfile(text, str(path)), hashlib.sha256(content).hexdigest()


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
