"""What verifications have seen, file by file: a line for each, so that one that is cut off goes on where it stopped.

Losing it costs hashing the files again. Which of them a round still has to come to is decided in `core.rounds`.
"""

from __future__ import annotations

import json
import os
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.core.rounds import Seen
from jwstsync.store.files import disk_errors, make_folder, read_or_none, remove_torn, sync_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from jwstsync.core.layout import ProductPath

_END = {"round": "ended"}
_TYPES = {"path": str, "size": int, "mtime_ns": int, "sha256": str, "at_ns": int}


class Rounds:
    """What verifications on one lockfile have seen. Two at once do no harm; each sees for itself.

    Args:
        file: Where it is written down.

    Attributes:
        seen: What this round has come to, by path.
        before: The last that earlier rounds have seen of each file.

    Raises:
        StoreError: The file can not be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self._lock = Lock()
        with disk_errors("verified"):
            self.before, self.seen = _read(file)

    def add(self, seen: Seen) -> None:
        """Writes down what was seen; from any thread.

        Raises:
            OSError: It can not be written.
        """
        with self._lock:
            self.seen[seen.path] = seen
            os.write(self._open(), _line(_content(seen)).encode())

    def _open(self) -> int:
        if self._descriptor is None:
            unsynced: set[str] = set()
            make_folder(self._file.parent, unsynced)
            for folder in unsynced:
                sync_folder(folder)
            remove_torn(self._file)
            self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.write(self._descriptor, b"\n")  # ends what a crash has torn
        return self._descriptor

    def end_round(self, paths: Collection[ProductPath] | None = None) -> None:
        """Begins another round: what was seen until now is what earlier rounds have seen.

        Args:
            paths: The files that there are; the others are forgotten. None forgets nothing.

        Raises:
            OSError: It can not be written.
        """
        self.close()
        self.before, self.seen = self.before | self.seen, {}
        if paths is not None:
            self.before = {path: seen for path, seen in self.before.items() if path in paths}
        lines: list[Mapping[str, object]] = [*map(_content, self.before.values()), _END]
        write_whole(self._file, "".join(map(_line, lines)).encode())

    def close(self) -> None:
        """Ends the writing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _content(seen: Seen) -> dict[str, object]:
    return {name: getattr(seen, name) for name in _TYPES}  # asdict takes ten times as long


def _line(content: Mapping[str, object]) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n"


def _read(file: Path) -> tuple[dict[ProductPath, Seen], dict[ProductPath, Seen]]:
    """What earlier rounds have seen, and what this one has; lines that make no sense are passed over."""
    before: dict[ProductPath, Seen] = {}
    seen: dict[ProductPath, Seen] = {}
    for line in (read_or_none(file) or b"").splitlines():
        content = _parsed(line)
        if content == _END:
            before, seen = before | seen, {}
        elif (one := _seen(content)) is not None:
            seen[one.path] = one
    return before, seen


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _seen(content: object) -> Seen | None:
    if not isinstance(content, dict) or {name: type(value) for name, value in content.items()} != _TYPES:
        return None
    return Seen(**content)
