"""Small files that are read and written whole: atomically, and durably before anybody relies on them."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from jwstsync.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable; a folder that can not be opened or synced is left at that."""
    with suppress(OSError):  # some network file systems refuse, and order renames themselves
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path``: a reader sees the old bytes or the new ones, also after a loss of power.

    Raises:
        OSError: The disk is full, or the folder can not be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_or_none(path: Path) -> bytes | None:
    """The bytes of a file, or None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
