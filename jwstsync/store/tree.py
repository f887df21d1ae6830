"""The tree of products below the root, as it stands, and the local state folder in it.

Looks and hashes; how files come to be here is `commit`'s business. Presence is always observed, never remembered.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.core.disk import FileState
from jwstsync.core.layout import STATE_FOLDER, VERSIONS, ProductPath, folders_of
from jwstsync.errors import StoreError
from jwstsync.store import record
from jwstsync.store.files import disk_errors, make_folder, sync_folder, write_whole
from jwstsync.store.hashing import Digest, hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

NOT_A_FILE = -1
"""The size of what is there and is no regular file, such as a folder."""

_CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"  # the same for everybody: https://bford.info/cachedir/
    "# Local state of jwstsync. Deleting this folder costs re-hashing, unfinished downloads and old versions.\n"
)


class Tree:
    """The files below one root, seen through what is remembered of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state_folder = root / STATE_FOLDER
        self.record_file = self.state_folder / "record.jsonl"
        self.suspects_file = self.state_folder / "suspects.json"

    def place(self, path: ProductPath) -> Path:
        """Where a product lives on this machine."""
        return self.root / path

    def prepare(self) -> None:
        """Makes root and state folder, if they are not there.

        Raises:
            StoreError: They can not be made or written.
        """
        with disk_errors("[destination] root"):
            unsynced: set[str] = set()
            make_folder(self.parts_folder, unsynced)
            for folder in unsynced:
                sync_folder(folder)
            _write_once(self.state_folder / ".gitignore", "*\n")
            _write_once(self.state_folder / "CACHEDIR.TAG", _CACHEDIR_TAG)

    @property
    def parts_folder(self) -> Path:
        """Where partial downloads lie."""
        return self.state_folder / "parts"

    def observe(self, paths: Iterable[ProductPath]) -> dict[ProductPath, FileState]:
        """What stands at these paths; one that is free is left out.

        Raises:
            StoreError: A folder can not be searched.
        """
        with disk_errors("destination"):
            entries = record.read_record(self.record_file)
            suspects = record.read_suspects(self.suspects_file)
            return {
                path: state
                for path in self._in_folders(paths)
                if (state := self._state(path, entries.get(path), suspect=path in suspects)) is not None
            }

    def _in_folders(self, paths: Iterable[ProductPath]) -> Iterator[ProductPath]:
        """The paths whose folders are there: before the first run there are hardly any."""
        known = {"": True}

        def is_there(folder: str) -> bool:
            there = known.get(folder)
            if there is None:
                there = is_there(folder.rpartition("/")[0]) and _stat(f"{self.root}/{folder}") is not None
                known[folder] = there
            return there

        return (path for path in paths if is_there(path.rpartition("/")[0]))

    def _state(self, path: ProductPath, entry: record.Entry | None, *, suspect: bool) -> FileState | None:
        found = _stat(f"{self.root}/{path}")  # a tenth of pathlib's time, 100,000 times
        if found is None:
            return None
        if not stat.S_ISREG(found.st_mode):
            return FileState(NOT_A_FILE)
        hashes = record.known_hashes(entry, found.st_size, found.st_mtime_ns)
        if hashes is None or suspect:
            return FileState(found.st_size, untouched=hashes is not None, mtime_ns=found.st_mtime_ns)
        return FileState(found.st_size, hashes[0], hashes[1] or None, untouched=True, mtime_ns=found.st_mtime_ns)

    def hashed(
        self, states: Mapping[ProductPath, FileState], paths: Iterable[ProductPath], seen: Callable[[int], None]
    ) -> dict[ProductPath, FileState]:
        """The states with the hashes of these paths filled in; a file that went away meanwhile is left out.

        What the disk fails to read is damaged: its hash is empty, which is that of no file.

        Args:
            states: What was observed.
            paths: The files to hash.
            seen: Called with the bytes of each file once it is hashed.

        Raises:
            StoreError: A file can not be read.
        """
        result = dict(states)
        for path in sorted(paths):
            try:
                digest = self.digest(path)
            except StoreError as error:
                if not is_bad_sector(error):
                    raise
                result[path] = replace(states[path], sha256="")
                continue
            if digest is None:
                del result[path]
                continue
            result[path] = replace(states[path], size=digest.size, sha256=digest.sha256, md5=digest.md5)
            seen(digest.size)
        return result

    def digest(
        self,
        path: ProductPath,
        stopped: Callable[[], bool] | None = None,
        *,
        passed: Callable[[int], None] | None = None,
        with_md5: bool = True,
    ) -> Digest | None:
        """The digest of a file, or None where there is none; the arguments are those of `hash_file`.

        Raises:
            StoreError: It can not be read.
        """
        with disk_errors("product"):
            try:
                return hash_file(self.place(path), stopped, passed=passed, with_md5=with_md5)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def suspects(self) -> frozenset[str]:
        """The paths that are noted as wrong.

        Raises:
            StoreError: The note can not be read.
        """
        with disk_errors("local state"):
            return record.read_suspects(self.suspects_file)

    def suspect(self, wrong: Iterable[str], checked: Iterable[str]) -> None:
        """Notes which of the checked files are wrong, so that the next plan hashes them whatever their time says.

        Raises:
            StoreError: The note can not be written.
        """
        if not self.state_folder.is_dir():
            return
        with disk_errors("local state"):
            before = record.read_suspects(self.suspects_file)
            after = (before - set(checked)) | set(wrong)
            if after != before:
                record.write_suspects(self.suspects_file, after)

    def is_linked(self, path: ProductPath) -> bool:
        """Whether a link stands at a path, or leads there from below the root."""
        return any((self.root / part).is_symlink() for part in (path, *folders_of(path)))

    def beside(self, paths: Iterable[ProductPath]) -> list[ProductPath]:
        """All files in the folders of these, but for the root itself.

        Raises:
            StoreError: A folder can not be searched.
        """
        folders = sorted({folder for path in paths if (folder := path.rpartition("/")[0])})
        with disk_errors("destination"):
            return [
                ProductPath(f"{folder}/{name}")
                for folder in folders
                for name in sorted(_file_names(self.root / folder))
            ]

    def kept_versions(self) -> tuple[int, int]:
        """How many old versions are kept, and their bytes.

        Raises:
            StoreError: A folder can not be searched.
        """
        sizes = []
        with disk_errors("old versions"):
            for folder, _, names in os.walk(self.state_folder / VERSIONS, onerror=_raise_unless_missing):
                sizes += [os.lstat(os.path.join(folder, name)).st_size for name in names]  # noqa: PTH118 - as above
        return len(sizes), sum(sizes)

    def free_bytes(self) -> int:
        """How many bytes a file below the root could take.

        Raises:
            StoreError: The disk does not tell.
        """
        folder = self.root.absolute()
        with disk_errors("destination"):
            while not folder.exists() and folder != folder.parent:
                folder = folder.parent
            return shutil.disk_usage(folder).free


def is_bad_sector(error: StoreError) -> bool:
    """Whether the disk has the file and fails to read it."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; expected a folder that can be searched") from error


def _file_names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.is_dir()]


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        write_whole(path, text.encode())
