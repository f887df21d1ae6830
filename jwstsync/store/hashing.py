"""The hashes of files on the disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    """How many bytes, and which: hashes in lower-case hexadecimal; ``md5`` is empty where it was not taken."""

    size: int
    sha256: str
    md5: str


class Hasher:
    """Counts and hashes bytes as they come by. MD5 is the archive's checksum, SHA-256 the lockfile's.

    Args:
        with_md5: Whether MD5 is taken too; it costs more than twice what SHA-256 does.
    """

    def __init__(self, *, with_md5: bool = True) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self.size = 0

    def update(self, chunk: bytes | bytearray | memoryview) -> None:
        """Takes the next bytes."""
        self._sha256.update(chunk)
        if self._md5 is not None:
            self._md5.update(chunk)
        self.size += len(chunk)

    def digest(self) -> Digest:
        """What came by so far."""
        return Digest(self.size, self._sha256.hexdigest(), self._md5.hexdigest() if self._md5 else "")


def hash_file(
    path: Path,
    stopped: Callable[[], bool] | None = None,
    *,
    passed: Callable[[int], None] | None = None,
    with_md5: bool = True,
) -> Digest:
    """The digest of a file's bytes, or of those before ``stopped`` said yes.

    Args:
        path: The file.
        stopped: Asked before each MiB; once it says yes, the digest of what was read will do.
        passed: Told how many bytes have come by, now and then.
        with_md5: Whether MD5 is taken too.

    Raises:
        OSError: It can not be read.
    """
    hasher = Hasher(with_md5=with_md5)
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        buffer = bytearray(min(_CHUNK, size + 1))  # of a small file, to make it takes longer than all the rest
        view = memoryview(buffer)
        while not (stopped and stopped()) and (count := file.readinto(buffer)):
            hasher.update(view[:count])
            if passed is not None:
                passed(count)
    return hasher.digest()
