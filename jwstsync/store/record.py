"""What jwstsync remembers of the files it wrote, adopted or hashed: a cache of hashes, and the right to prune.

Losing it costs re-hashing, never a product. A record speaks of a file only as long as size and modification time are as
they were.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from jwstsync.store.files import read_or_none, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jwstsync.core.layout import ProductPath

WRITTEN = "written"
ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file.

    Attributes:
        path: Below the root.
        uri: The product that it is.
        proposal: The proposal that it was locked for.
        lockfile: The lockfile of the run that recorded it, relative to the root.
        size: In bytes.
        mtime_ns: Its modification time, in nanoseconds since 1970.
        sha256: The hash of its bytes.
        md5: Their MD5, empty where it was not taken.
        origin: ``written`` by jwstsync, or ``adopted``.
    """

    path: ProductPath
    uri: str
    proposal: int
    lockfile: str
    size: int
    mtime_ns: int
    sha256: str
    md5: str
    origin: str


_NAMES = tuple(one.name for one in fields(Entry))


def read_record(path: Path) -> dict[ProductPath, Entry]:
    """The entries by path; lines that make no sense are passed over, since the files themselves can be hashed.

    Raises:
        OSError: It is there and can not be read.
    """
    entries = {}
    for line in (read_or_none(path) or b"").splitlines():
        entry = parse_entry(line)
        if entry is not None:
            entries[entry.path] = entry
    return entries


def parse_entry(line: bytes) -> Entry | None:
    """The entry that a line of JSON is, or None where it is none."""
    try:
        entry = Entry(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (entry.path, entry.uri, entry.lockfile, entry.sha256, entry.md5, entry.origin)
    numbers = (entry.proposal, entry.size, entry.mtime_ns)
    sound = all(isinstance(text, str) for text in texts) and all(isinstance(number, int) for number in numbers)
    return entry if sound else None


def format_entry(entry: Entry) -> str:
    """The line of JSON that an entry is, without its end."""
    return json.dumps({name: getattr(entry, name) for name in _NAMES}, ensure_ascii=True, separators=(",", ":"))


def write_record(path: Path, entries: Iterable[Entry]) -> None:
    """Writes the record.

    Raises:
        OSError: It can not be written.
    """
    write_whole(path, "".join(format_entry(entry) + "\n" for entry in entries).encode())


def read_suspects(path: Path) -> frozenset[str]:
    """The paths that `verify` found wrong, whatever their record says.

    Raises:
        OSError: The list is there and can not be read.
    """
    try:
        suspects = json.loads(read_or_none(path) or b"[]")
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(one for one in suspects if isinstance(one, str)) if isinstance(suspects, list) else frozenset()


def write_suspects(path: Path, suspects: Iterable[str]) -> None:
    """Writes the list of suspects.

    Raises:
        OSError: It can not be written.
    """
    write_whole(path, (json.dumps(sorted(suspects)) + "\n").encode())


def known_hashes(entry: Entry | None, size: int, mtime_ns: int) -> tuple[str, str] | None:
    """The SHA-256 and MD5 of a file by its record, if size and time still fit."""
    fits = entry is not None and (entry.size, entry.mtime_ns) == (size, mtime_ns)
    return (entry.sha256, entry.md5) if entry is not None and fits else None


def merged(one: Mapping[ProductPath, Entry], other: Iterable[Entry]) -> dict[ProductPath, Entry]:
    """The entries of ``one`` with those of ``other`` over them."""
    return {**one, **{entry.path: entry for entry in other}}
