"""Who brought the files that are found in place: runs on a lockfile, its scripts, or somebody else.

That is the right to prune, so it is never guessed. A run's own record knows its files by their bytes. What a script
brought it notes itself, in a file for each of its workers: first the lockfile that the script was written for, then a
line for each product, written when that had just got its place. What was written to later was changed by somebody else.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from jwstsync.store.files import disk_errors
from jwstsync.store.journal import lockfile_key
from jwstsync.store.record import ADOPTED, WRITTEN, Entry, read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jwstsync.core.layout import ProductPath
    from jwstsync.store.tree import Tree

NOTES = "fetched"
"""The folder of these notes, below the state folder."""
OUTCOMES = "run.*/outcome.*"
"""Where they are while their script is at work, or was killed, below the folder of scripts."""
_WHOSE, _DONE = "of", "done"  # the first column of a note's lines


class Origins:
    """The origins of the files below a root, for runs on one lockfile.

    Args:
        tree: Where they are.
        lockfile_name: The lockfile, as the record has it.
    """

    def __init__(self, tree: Tree, lockfile_name: str) -> None:
        self._tree = tree
        self._lockfile_name = lockfile_name
        self._seen = tuple(_notes(tree.state_folder / NOTES))

    @cached_property
    def _record(self) -> Mapping[ProductPath, Entry]:
        with disk_errors("local state"):
            return read_record(self._tree.record_file)

    @cached_property
    def _noted(self) -> Mapping[str, int]:
        return _noted_times(self._tree.state_folder, self._lockfile_name)

    def of(self, path: ProductPath, sha256: str, mtime_ns: int) -> str:
        """``written``, where a run on this lockfile or its script did, else ``adopted``.

        Args:
            path: Where the file is.
            sha256: Of its bytes as they are now.
            mtime_ns: Its modification time.

        Raises:
            StoreError: The record can not be read.
        """
        entry = self._record.get(path)
        if entry is not None and (entry.lockfile, entry.sha256) == (self._lockfile_name, sha256):
            origin = entry.origin
        else:
            origin = ADOPTED
        return WRITTEN if mtime_ns <= self._noted.get(path, -1) else origin

    def forget_notes(self) -> None:
        """Removes what scripts of this lockfile have noted, once all of it is in the record; what can not go stays.

        So do notes that were not there at first: of what a script has brought meanwhile the record knows nothing.
        """
        for note in self._seen:
            with suppress(OSError):
                if _read(note)[0] == lockfile_key(self._lockfile_name):
                    note.unlink()
        with suppress(OSError):  # other lockfiles have notes there, or it is gone
            (self._tree.state_folder / NOTES).rmdir()


def _noted_times(state_folder: Path, lockfile_name: str) -> dict[str, int]:
    """When scripts of this lockfile last wrote that they had put a product in place, by its path."""
    times: dict[str, int] = {}
    for note in (*_notes(state_folder / NOTES), *(state_folder / "script").glob(OUTCOMES)):
        try:
            whose, paths = _read(note)
            written = note.stat().st_mtime_ns
        except OSError:  # its script has just ended, or somebody else's can not be read
            continue
        if whose == lockfile_key(lockfile_name):
            times |= {path: max(written, times.get(path, 0)) for path in paths}
    return times


def _notes(folder: Path) -> Iterator[Path]:
    return folder.glob("*") if not folder.is_symlink() else iter(())


def _read(note: Path) -> tuple[str, list[str]]:
    """Whose a note is, and what it says was put in place; the last line may be torn, and is no path then."""
    first, *lines = note.read_text(encoding="utf-8", errors="replace").split("\n")
    kind, _, whose = first.partition("\t")
    columns = (line.partition("\t") for line in lines)
    return (whose if kind == _WHOSE else ""), [path for kind, _, path in columns if kind == _DONE]
