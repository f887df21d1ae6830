"""Files elsewhere that have the names of products, and how their bytes are brought below the root.

A source is read, and may get one more name; it is never written to. Whether its bytes are right, and what becomes of
it afterwards, is decided elsewhere.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from jwstsync.core.layout import STATE_FOLDER
from jwstsync.core.offers import Offer
from jwstsync.store.files import reflinked
from jwstsync.store.hashing import Digest, Hasher, hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

_CHUNK = 1 << 20
_Inode: TypeAlias = tuple[int, int]


class SourceError(Exception):
    """A source can not be read, or was changed while it was; says which of them."""


class Way(StrEnum):
    """How bytes are brought in: by blocks that two files share, as a second name of the file, or written anew."""

    REFLINK = "reflink"
    LINK = "hard link"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Brought:
    """Bytes that have been brought in, and are to be verified.

    Attributes:
        part: Where they are; it has no product's name.
        way: How they came.
        digest: Of the bytes.
        source: What the source was when they were read.
    """

    part: Path
    way: Way
    digest: Digest
    source: os.stat_result


def find_offers(
    folders: Iterable[Path], names: Collection[str], root: Path, unread: Callable[[str], None]
) -> dict[str, list[Offer]]:
    """The files of these names anywhere below these folders, by name, in the folders' order and each one's sorted.

    Links are followed, each folder is searched once, and local state is passed over.

    Args:
        folders: Where to look.
        names: Which file names count.
        root: Where the products belong.
        unread: Told of what can not be searched.
    """
    found: dict[str, list[Offer]] = {}
    seen: set[_Inode] = set()
    real_root, device = os.path.realpath(root), _device(root)
    for folder in folders:
        for entry in _entries(os.path.abspath(folder), seen, unread):  # noqa: PTH100 - links are to stay as they are
            if entry.name in names and (offer := _offer(entry, real_root, device)) is not None:
                found.setdefault(entry.name, []).append(offer)
    return found


def _entries(folder: str, seen: set[_Inode], unread: Callable[[str], None]) -> Iterator[os.DirEntry[str]]:
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            listed = _listed(current, seen)
        except OSError as error:
            unread(f"{current}: not searched: {error.strerror}")
            continue
        folders = []
        for entry in listed:
            if not _is_folder(entry):
                yield entry
            elif entry.name != STATE_FOLDER:
                folders.append(entry.path)
        waiting += reversed(folders)


def _listed(folder: str, seen: set[_Inode]) -> list[os.DirEntry[str]]:
    found = os.stat(folder)  # noqa: PTH116 - a tenth of pathlib's time
    inode = (found.st_dev, found.st_ino)
    if inode in seen:
        return []
    seen.add(inode)
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _offer(entry: os.DirEntry[str], root: str, device: int) -> Offer | None:
    try:
        found = entry.stat()
    except OSError:  # a link to nowhere, or gone meanwhile
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    real = os.path.realpath(entry.path)
    inside = os.path.relpath(real, root) if real.startswith(root + os.sep) else None
    return Offer(entry.path, found.st_size, inside, copied=found.st_dev != device)


def _device(root: Path) -> int:
    """The file system that a root is on, or will be."""
    folder = root.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.stat().st_dev


def bring(source: Path, part: Path, ways: Sequence[Way], stopped: Callable[[], bool]) -> Brought:
    """Brings bytes in, by the first of these ways that the file systems allow, and hashes what has come.

    Args:
        source: Where they are.
        part: Where they are to be; nothing is there yet.
        ways: How they may come, in this order; they are copied where none of these can be gone.
        stopped: Asked now and then; once it says yes, what has come so far will do.

    Raises:
        SourceError: The source can not be read, or was changed meanwhile.
        OSError: The part can not be written.
    """
    with _reading():
        reader = source.open("rb", buffering=0)
    with reader:
        before = os.fstat(reader.fileno())
        way = next((way for way in ways if _gone(way, reader, source, part)), Way.COPY)
        digest = _copied(reader, part, stopped) if way is Way.COPY else _hashed(part, stopped)
        check_unchanged(before, os.fstat(reader.fileno()))
    return Brought(part, way, digest, before)


def check_unchanged(before: os.stat_result, after: os.stat_result) -> None:
    """Refuses a file that is another now, or was written to.

    Raises:
        SourceError: It is, or was.
    """
    if _version(before) != _version(after):
        raise SourceError("has changed meanwhile")


def _version(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"not read: {error.strerror}") from error


def _gone(way: Way, reader: BinaryIO, source: Path, part: Path) -> bool:
    """Goes a way, if it can be gone."""
    if way is Way.COPY:
        return True
    if way is Way.REFLINK:
        with part.open("xb", buffering=0) as writer:
            shared = reflinked(reader, writer)
        if not shared:
            part.unlink()
        return shared
    try:
        part.hardlink_to(os.path.realpath(source))
    except OSError:
        return False
    if os.path.samestat(part.stat(), os.fstat(reader.fileno())):
        return True
    part.unlink()
    return False


def _hashed(part: Path, stopped: Callable[[], bool]) -> Digest:
    with _reading():  # these are the source's blocks
        return hash_file(part, stopped)


def _copied(reader: BinaryIO, part: Path, stopped: Callable[[], bool]) -> Digest:
    hasher = Hasher()
    with part.open("xb") as writer:
        while not stopped():
            with _reading():
                chunk = reader.read(_CHUNK)
            if not chunk:
                break
            writer.write(chunk)
            hasher.update(chunk)
    return hasher.digest()
