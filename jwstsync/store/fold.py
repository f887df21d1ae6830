"""What a run leaves behind, brought together: journal lines into the lockfile, what is known of files into the record.

The lockfile is only written onto what the run read: if somebody else wrote it meanwhile, their version stays, and the
files count as present until the next run adopts them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from jwstsync.core.layout import same_place
from jwstsync.core.lockfile import Lockfile
from jwstsync.errors import StoreError
from jwstsync.store.files import DISK_FULL, disk_errors, remove_torn
from jwstsync.store.folders import OwnFolders
from jwstsync.store.journal import JournalLine, journal_folder, read_journal
from jwstsync.store.lockfiles import lockfile_digest, read_lockfile, read_resolved, write_lockfile
from jwstsync.store.record import Entry, merged, read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.store.tree import Tree


_T = TypeVar("_T")


def lockfile_name(tree: Tree, lockfile: Path) -> str:
    """How a root's records name a lockfile: relative to the root, so that both can be moved together."""
    return os.path.relpath(lockfile.absolute(), tree.root.absolute())


def recover(tree: Tree, lockfile: Path) -> int:
    """Folds the journals that crashed runs left, and tells how many products were recovered.

    Only what stands on the disk as it was committed counts. Only journals that continue the lockfile as it is now
    change it; what the others say of files is remembered all the same, so that these need not be hashed again.

    Raises:
        LockfileError: The lockfile is not valid.
        StoreError: Something can not be read or written.
    """
    for written in (lockfile, tree.record_file, tree.suspects_file):
        with disk_errors("left by a crash"):
            remove_torn(written)
    with disk_errors("journal"):
        journals = sorted(journal_folder(tree.state_folder, lockfile_name(tree, lockfile)).glob("*.jsonl"))
        if not journals:
            return 0
        contents = [read_journal(path) for path in journals]
    known, digest, _ = read_resolved(lockfile)
    standing = [(continues, line) for continues, some in contents for line in some if _stands(tree, line)]
    lines = [line for continues, line in standing if continues == digest]
    to_come = {line.locked.uri: line.locked for continues, some in contents if continues == digest for line in some}
    if lines:
        write_lockfile(lockfile, _with(known, lines, to_come))
    left = [line.left for _, some in contents for line in some if line.left and not tree.place(line.left).exists()]
    remember(tree, (line.entry for _, line in standing), left=left)
    with disk_errors("journal"):
        for path in journals:
            path.unlink(missing_ok=True)
    return len(lines)


def read_locked(tree: Tree, lockfile: Path) -> Lockfile:
    """What is locked, with what runs have put in place since, or are putting there now. Changes nothing.

    Raises:
        LockfileError: The lockfile is not valid.
        StoreError: Something can not be read.
    """
    folder = journal_folder(tree.state_folder, lockfile_name(tree, lockfile))
    while True:
        known, digest = read_lockfile(lockfile)
        with disk_errors("journal"):
            contents = [_journal_or_nothing(path) for path in sorted(folder.glob("*.jsonl"))]
        if lockfile_digest(lockfile) == digest:  # else a run has folded meanwhile, and begun another journal
            lines = [line for continues, some in contents if continues == digest for line in some]
            to_come = {line.locked.uri: line.locked for line in lines}
            return _with(known, [line for line in lines if _stands(tree, line)], to_come)


def _journal_or_nothing(path: Path) -> tuple[str, list[JournalLine]]:
    try:
        return read_journal(path)
    except FileNotFoundError:  # its run has just ended
        return "", []


def _stands(tree: Tree, line: JournalLine) -> bool:
    try:
        found = tree.place(line.entry.path).stat()
    except OSError:
        return False
    same = (found.st_size, found.st_mtime_ns) == (line.entry.size, line.entry.mtime_ns)
    return same and line.inode in {None, found.st_ino}


def _with(known: Lockfile, lines: Iterable[JournalLine], to_come: Mapping[str, LockedProduct]) -> Lockfile:
    """What was known and what was committed; where both name one place, what was committed stands there.

    A file that has only made room for it is locked where it was about to go.
    """
    landed = {same_place(line.locked.path): line.locked for line in lines}
    displaced = [to_come.get(one.uri) for one in known if same_place(one.path) in landed]
    waiting = [one for one in displaced if one and same_place(one.path) not in landed and _is_the_same(known, one)]
    kept = (one for one in known if same_place(one.path) not in landed)
    return Lockfile.of({one.uri: one for one in (*kept, *waiting, *landed.values())}.values())


def _is_the_same(known: Lockfile, to_come: LockedProduct) -> bool:
    return known.products[to_come.uri].sha256 == to_come.sha256


def with_room(work: Callable[[], _T], make_room: Callable[[], None]) -> _T:
    """What comes of work on the disk; where that is full, it is tried once more with room made for it.

    Raises:
        StoreError: It can not be done all the same.
    """
    try:
        return work()
    except StoreError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in DISK_FULL:
            raise
    make_room()
    return work()


def fold(lockfile: Path, read_digest: str, content: Lockfile) -> str | None:
    """Writes the lockfile, and gives the SHA-256 of its bytes; None, and nothing written, if somebody else wrote it.

    Args:
        lockfile: The file.
        read_digest: Of its bytes when it was read.
        content: What it is to say.

    Raises:
        StoreError: It can not be written.
    """
    if lockfile_digest(lockfile) != read_digest:
        return None
    return write_lockfile(lockfile, content)


def remember(
    tree: Tree, entries: Iterable[Entry], whole: Collection[str] = (), left: Iterable[ProductPath] = ()
) -> None:
    """Adds entries to the record, and takes their files from the suspects; folders that were left empty go.

    Args:
        tree: Where the files are.
        entries: What is known of them.
        whole: Further paths that are no longer suspect.
        left: Paths where nothing is that was recorded there, unless one of the entries is.

    Raises:
        StoreError: The record can not be written.
    """
    added, gone = list(entries), set(left)
    with disk_errors("local state"):
        if added or gone:
            before = read_record(tree.record_file)
            OwnFolders(tree, before).remove_emptied(gone)
            kept = {path: entry for path, entry in before.items() if path not in gone}
            write_record(tree.record_file, merged(kept, added).values())
    tree.suspect((), [*whole, *gone, *(entry.path for entry in added)])
