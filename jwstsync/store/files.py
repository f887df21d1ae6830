"""Small files that are read and written whole: atomically, and durably before anybody relies on them."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
from contextlib import contextmanager, suppress
from stat import S_IMODE
from typing import TYPE_CHECKING

from jwstsync.errors import StoreError
from jwstsync.store.owners import is_owned, own_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What the operating system says when nothing can be written any more."""
TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})
"""What it says when no file can be opened for now."""
_TEMPORARY = ".tmp"
_FICLONE = 0x40049409  # ioctl of Linux: a file shares the blocks of another


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turns what the operating system refuses into a `StoreError` that names the file.

    Raises:
        StoreError: In place of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        named = f"{what}: {error.filename}" if error.filename else what
        raise StoreError(f"{named}: {error.strerror or error}") from error


def sync_folder(folder: str | Path) -> None:
    """Makes the names in a folder durable; a folder that can not be opened or synced is left at that."""
    with suppress(OSError):  # some network file systems refuse, and order renames themselves
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: str | Path, unsynced: set[str]) -> None:
    """Makes a folder, and adds those that have to be synced for it to last.

    Raises:
        FileExistsError: Something else has its name.
        OSError: It can not be made.
    """
    path = os.fspath(folder)
    if os.path.isdir(path):  # noqa: PTH112 - os.path takes a third of pathlib's time
        return
    parent = os.path.dirname(path) or os.curdir  # noqa: PTH120
    make_folder(parent, unsynced)
    try:
        os.mkdir(path)  # noqa: PTH102
    except FileExistsError:
        if not os.path.isdir(path):  # noqa: PTH112
            raise
    unsynced.add(parent)


def reflinked(source: IO[bytes], target: IO[bytes]) -> bool:
    """Has a file share the blocks of another, until one of them is changed; tells whether the file system can."""
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    return True


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Puts ``content`` at ``path``: a reader sees the old bytes or the new ones, also after a loss of power.

    Args:
        path: The file.
        content: Its bytes.
        mode: Who may read and write it; by default those who may with any new file.

    Raises:
        OSError: The disk is full, or the folder can not be written.
    """
    temporary = path.with_name(f".{path.name}.{own_name()}{_TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(S_IMODE(mode))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_output(path: Path, content: bytes, mode: int | None = None) -> None:
    """Puts ``content`` where a user wants it: into a file, whole or not at all.

    A link stays one, and what it leads to is written. What is no file, such as a pipe or a device, is written to as it
    stands; its rights are left alone.

    Args:
        path: The place.
        content: The bytes.
        mode: Who may read and write the file; by default those who may with any new file.

    Raises:
        OSError: It is a folder, the disk is full, or the folder can not be written.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        place.write_bytes(content)
    else:
        write_whole(place, content, mode)


def remove_torn(path: Path) -> None:
    """Removes what runs that are dead had begun to put at ``path``.

    Raises:
        OSError: It can not be removed.
    """
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*{_TEMPORARY}"):
        if not is_owned(temporary, temporary.name.removesuffix(_TEMPORARY).rpartition(".")[2]):
            temporary.unlink(missing_ok=True)


def read_or_none(path: Path) -> bytes | None:
    """The bytes of a file, or None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
