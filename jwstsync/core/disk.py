"""What the core is told of the disk, which it never sees itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileState:
    """What stands at a path: size in bytes, and the hashes as far as known.

    ``untouched`` says that size and modification time are as they were when the file was written here or last hashed;
    ``mtime_ns`` is that time, for whoever remembers the hashes.
    """

    size: int
    sha256: str | None = None
    md5: str | None = None
    untouched: bool = False
    mtime_ns: int = 0
