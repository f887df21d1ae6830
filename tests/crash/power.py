"""What would be left after a loss of power: only what was synced, at the names that were synced with their folder.

The strictest disk there is: what a real one may have kept beyond that is what a killed process leaves.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any

from tests.crash.switch import watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.switch import Call

CALLS = "calls.jsonl"


class Recorder:
    """Stands before the calls that change a folder, and writes down the calls and what would be left after each sync.

    Args:
        folder: The folder; what is in it from the beginning is safe.
        trace: Where the calls are written, and below it the states, in the order of their numbers.
    """

    def __init__(self, folder: Path, trace: Path) -> None:
        self._folder = folder
        self._trace = trace
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        self._new = itertools.count(-1, -1)
        self._identities: dict[int, int] = {}
        self._files: dict[int, tuple[bytes, int]] = {}
        self._folders: dict[int, dict[str, tuple[int, bool]]] = {}
        for found in [folder, *folder.rglob("*")]:
            self._synced(found)

    def _identity(self, inode: int) -> int:
        """What tells files apart of which one got the inode of another that was removed."""
        return self._identities.get(inode, inode)

    def _synced(self, path: Path) -> None:
        found = path.stat()
        identity = self._identity(found.st_ino)
        if S_ISDIR(found.st_mode):
            entries = list(os.scandir(path))
            self._folders[identity] = {one.name: (self._identity(one.inode()), one.is_dir()) for one in entries}
        else:
            self._files[identity] = (path.read_bytes(), found.st_mtime_ns)

    def __call__(self, call: Call, real: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        """Makes the call, one at a time."""
        with self._lock:
            is_new = call.name in {"open", "mkdir"} and not os.path.lexists(call.path)
            made = real()
            if is_new:
                self._identities[os.stat(call.path).st_ino] = next(self._new)  # noqa: PTH116
            if call.name in {"fsync", "fdatasync"}:
                self._synced(Path(call.path))
                self._leave(self._identity(self._folder.stat().st_ino), self._trace / f"{next(self._numbers):04}")
            with (self._trace / CALLS).open("a", encoding="utf-8") as calls:
                calls.write(json.dumps([call.name, self._below(call.path), self._below(call.source)]) + "\n")
            return made

    def _below(self, path: str | None) -> str | None:
        return None if path is None else os.path.relpath(path, self._folder)

    def _leave(self, identity: int, target: Path) -> None:
        """Makes a folder as it would be left."""
        target.mkdir()
        for name, (entry, is_folder) in self._folders.get(identity, {}).items():
            if is_folder:
                self._leave(entry, target / name)
            else:
                content, mtime_ns = self._files.get(entry, (b"", 0))
                (target / name).write_bytes(content)
                os.utime(target / name, ns=(mtime_ns, mtime_ns))


def record(folder: Path, trace: Path) -> None:
    """Has this process write down what would be left of a folder, from now on."""
    watch(str(folder), Recorder(folder, trace))
