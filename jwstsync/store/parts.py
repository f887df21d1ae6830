"""Partial downloads: which bytes of a product are here already, in files that no product's name points to.

A part is a file with bytes and, beside it, a note of which of them are there for sure. It is claimed by renaming it to
a name of the run's own, so that two runs never write one part, whether locks work or not. The part of a crashed run is
copied, never written to in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from jwstsync.store.files import reflinked
from jwstsync.store.owners import is_owned, own_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Range: TypeAlias = tuple[int, int]
"""From, inclusive, to, exclusive."""

_PART, _NOTE, _FREE, _BROUGHT = ".part", ".note", "free", ".brought"
_STRONG = re.compile(r'"[^\x00- "\x7f]*"')  # an entity tag that proves bytes to be the same; RFC 9110, 8.8.3


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a part: ``ranges`` are on the disk for sure; ``etag`` and ``length`` are of the whole."""

    ranges: tuple[Range, ...] = ()
    etag: str | None = None
    length: int | None = None


class Part:
    """A part that this run has claimed.

    Args:
        path: The file with the bytes.
        note: What is known of them.
    """

    def __init__(self, path: Path, note: Note) -> None:
        self.path = path
        self.note = note

    @property
    def note_path(self) -> Path:
        """The file with the note."""
        return self.path.with_suffix(_NOTE)

    def remember(self, ranges: Sequence[Range], *, etag: str | None, length: int | None) -> None:
        """Makes the bytes durable, then the note that they are here.

        Raises:
            OSError: The disk is full, say.
        """
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
            inode = os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
        content = {"ranges": ranges, "etag": etag, "length": length, "inode": inode}
        temporary = self.note_path.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self.note_path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self.note = Note(tuple(ranges), etag, length)

    def forget(self) -> None:
        """Takes back the note."""
        if self.note.ranges:
            self.note_path.unlink(missing_ok=True)
            self.note = Note()


class Parts:
    """The parts below one root, as one run sees them.

    Args:
        folder: Where they lie; on the file system of the root, so that a rename is one step.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = own_name()
        self._left = {path.name.partition(".")[0] for path in folder.glob(f"*{_PART}")}

    def is_left(self, uri: str) -> bool:
        """Whether a part of a product may lie here, so that to claim one takes the disk's time."""
        return _key(uri) in self._left

    def claim(self, uri: str) -> Part:
        """A part of this run's own for a product: one that lies free, a copy of an orphan, or one that is empty.

        Raises:
            OSError: It can not be made.
        """
        key = _key(uri)
        own = self._folder / f"{key}.{self._run}{_PART}"
        if key not in self._left:
            return Part(own, Note())
        self._left.discard(key)
        free = self._folder / f"{key}.{_FREE}{_PART}"
        try:
            free.rename(own)
        except FileNotFoundError:
            return Part(own, self._copied(key, own))
        part = Part(own, _read_note(free.with_suffix(_NOTE), own))
        with suppress(OSError):
            free.with_suffix(_NOTE).replace(part.note_path)
        if not part.note.ranges:
            part.note_path.unlink(missing_ok=True)
        return part

    def place_for(self, uri: str) -> Path:
        """Where bytes of a product that come from elsewhere may lie until they have their name; no other run's."""
        return self._folder / f"{_key(uri)}.{self._run}{_BROUGHT}"

    def _copied(self, key: str, own: Path) -> Note:
        """The note of an orphan's copy; an empty one where there is no orphan of use."""
        for orphan in sorted(self._folder.glob(f"{key}.*{_PART}")):
            note = Note() if self._is_claimed(orphan) else _read_note(orphan.with_suffix(_NOTE), orphan)
            if note.ranges and _copy(orphan, own):
                return note
        return Note()

    def _is_claimed(self, path: Path) -> bool:
        """Whether the run that a part's name tells may still need it."""
        owner = path.name.partition(".")[2].partition(".")[0]
        return owner == self._run or is_owned(path, owner)

    def release(self, part: Part) -> None:
        """Leaves a part for whoever claims it next; one without a note is of no use to anybody.

        Raises:
            OSError: It can not be removed.
        """
        key = part.path.name.partition(".")[0]
        free = self._folder / f"{key}.{_FREE}{_PART}"
        try:
            part.note_path.replace(free.with_suffix(_NOTE))  # first: a part is never found without it
            part.path.replace(free)
            self._left.add(key)
        except OSError:
            self.discard(part)

    def discard(self, part: Part) -> None:
        """Removes a part, if it is there."""
        part.path.unlink(missing_ok=True)
        part.note_path.unlink(missing_ok=True)
        part.note = Note()

    def unclaimed(self) -> Iterator[Path]:
        """Every part and note that nobody claims."""
        return (path for path in self._folder.glob("*") if path.is_file() and not self._is_claimed(path))

    def sweep(self) -> None:
        """Removes every part that nobody claims."""
        for path in self.unclaimed():
            path.unlink(missing_ok=True)


def _key(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()[:24]


def _read_note(note: Path, part: Path) -> Note:
    """The note beside a part; an empty one where it is missing, makes no sense, or is of another file."""
    try:
        content = json.loads(note.read_bytes())
        found = part.stat()
        ranges = tuple((int(start), int(end)) for start, end in content["ranges"])
        etag, length = content["etag"], content["length"]
        sound = (etag is None or _STRONG.fullmatch(etag)) and isinstance(length, int | None)
        most = found.st_size if length is None else min(length, found.st_size)
        whole = all(0 <= start < end <= most for start, end in ranges)
        return Note(ranges, etag, length) if sound and whole and content["inode"] == found.st_ino else Note()
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return Note()


def _copy(source: Path, target: Path) -> bool:
    """Copies a file, sharing its blocks where the file system can; tells whether it could."""
    try:
        with source.open("rb") as reader, target.open("wb") as writer:
            if not reflinked(reader, writer):
                shutil.copyfileobj(reader, writer, 1 << 20)
    except OSError:  # gone meanwhile, or no room: the product is fetched from its first byte
        target.unlink(missing_ok=True)
        return False
    return True
