"""The journal of one run: a line for each file that is about to get its final name, so that a crash loses no record.

It continues one lockfile, which it names by digest, and is folded only onto that. A torn last line is dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from jwstsync.core.lockfile import LockedProduct
from jwstsync.store.files import disk_errors, make_folder, sync_folder
from jwstsync.store.record import Entry, format_entry, parse_entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jwstsync.core.layout import ProductPath


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One file with its final name.

    Attributes:
        locked: What the lockfile is to say of it.
        entry: What the record is to remember.
        left: The place that it leaves for this one, of which the record is to remember nothing; None where it comes
            from outside.
        inode: Its number on the disk, which a rename keeps: size and time alone do not tell it from its neighbours.
    """

    locked: LockedProduct
    entry: Entry
    left: ProductPath | None = None
    inode: int | None = None


def lockfile_key(lockfile_name: str) -> str:
    """What tells a lockfile's own local state from that of others; several manifests may share a root."""
    return hashlib.sha256(lockfile_name.encode()).hexdigest()[:16]


def journal_folder(state_folder: Path, lockfile_name: str) -> Path:
    """Where the journals of runs on one lockfile lie."""
    return state_folder / "journal" / lockfile_key(lockfile_name)


class Journal:
    """The journal that this run writes. Its file is begun with the first line."""

    def __init__(self, folder: Path, lockfile_digest: str) -> None:
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._digest = lockfile_digest
        self._descriptor: int | None = None

    def write(self, lines: Sequence[JournalLine]) -> None:
        """Adds lines, and returns once they would survive a loss of power.

        Raises:
            OSError: They can not be written; the journal is as it was.
        """
        texts = [_format(line) for line in lines]
        descriptor = self._open()
        end = os.fstat(descriptor).st_size
        head = [] if end else [json.dumps({"continues": self._digest})]
        try:
            _write_all(descriptor, "".join(text + "\n" for text in head + texts).encode())
            os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)  # what is written later must not be glued to a torn line
            raise

    def _open(self) -> int:
        if self._descriptor is None:
            unsynced = {str(self._path.parent)}
            make_folder(self._path.parent, unsynced)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            for folder in unsynced:
                sync_folder(folder)
        return self._descriptor

    def remove(self) -> None:
        """Ends the journal: what it said is in the lockfile now.

        Raises:
            StoreError: It can not be removed; the next run finds nothing new in it.
        """
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            with disk_errors("journal"):
                self._path.unlink(missing_ok=True)


_LOCKED_NAMES = tuple(one.name for one in fields(LockedProduct))


def _format(line: JournalLine) -> str:
    locked = {name: getattr(line.locked, name) for name in _LOCKED_NAMES}
    moved = {} if line.inode is None else {"left": line.left, "inode": line.inode}
    return json.dumps({"lock": locked, "record": format_entry(line.entry), **moved})


def _write_all(descriptor: int, content: bytes) -> None:
    while content:  # a disk that gets full takes a part, and says so only when it is asked again
        content = content[os.write(descriptor, content) :]


def read_journal(path: Path) -> tuple[str, list[JournalLine]]:
    """The digest of the lockfile that a journal continues, and its lines as far as they are whole.

    Raises:
        OSError: It can not be read.
    """
    head, *rest = path.read_bytes().split(b"\n")[:-1] or [b""]
    lines = [line for text in rest if (line := _parse(text)) is not None]
    try:
        return str(json.loads(head)["continues"]), lines
    except (ValueError, LookupError, TypeError, RecursionError):
        return "", []


def _parse(text: bytes) -> JournalLine | None:
    try:
        line = json.loads(text)
        entry = parse_entry(line["record"].encode())
        locked, left, inode = LockedProduct(**line["lock"]), line.get("left"), line.get("inode")
        sound = entry is not None and isinstance(left, str | None) and isinstance(inode, int | None)
        return JournalLine(locked, entry, left, inode) if entry is not None and sound else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
