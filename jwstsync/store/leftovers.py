"""What the local state holds and nobody needs for sure: the trash, unfinished downloads, old versions.

No link is followed: what lies elsewhere is not jwstsync's, whoever made the link.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.layout import TRASH, VERSIONS
from jwstsync.store.files import disk_errors
from jwstsync.store.origins import OUTCOMES
from jwstsync.store.owners import LONGEST_REST
from jwstsync.store.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jwstsync.store.tree import Tree

_STAMP = re.compile(r"\d{8}T\d{6}", re.ASCII)


class Kind(StrEnum):
    """A kind of leftovers, by the folder below the state folder that they lie in."""

    TRASH = TRASH
    PARTS = "parts"
    VERSIONS = VERSIONS


@dataclass(frozen=True, slots=True)
class Leftover:
    """One file that can be done without.

    Attributes:
        kind: What it is.
        top: The folder that it lies below, which stays.
        paths: The file, and the notes that go with it.
        size: In bytes, together.
        at: Since when it is not needed, in seconds since 1970: when it was put aside, or last written to.
    """

    kind: Kind
    top: Path
    paths: tuple[Path, ...]
    size: int
    at: float

    def remove(self) -> None:
        """Removes it, and the folders that it leaves empty.

        Raises:
            OSError: It can not be removed.
        """
        for path in self.paths:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # the first that is not empty
            for folder in self.paths[0].parents:
                if folder == self.top:
                    break
                folder.rmdir()


def leftovers(tree: Tree, kinds: Collection[Kind]) -> list[Leftover]:
    """All there are of these kinds. What a live run has claimed, or a script may have, is none.

    Raises:
        StoreError: A folder can not be searched.
    """
    found: list[Leftover] = []
    with disk_errors("local state"):
        if Kind.TRASH in kinds:
            top = tree.state_folder / TRASH
            found += [Leftover(Kind.TRASH, top, (path,), _size(path), _put_aside_at(top, path)) for path in _files(top)]
        if Kind.PARTS in kinds:
            found += [*_parts(tree.parts_folder), *_parts_of_scripts(tree.state_folder / "script")]
        if Kind.VERSIONS in kinds:
            top = tree.state_folder / VERSIONS
            found += [Leftover(Kind.VERSIONS, top, (path,), _size(path), _changed_at(path)) for path in _files(top)]
    return found


def links(tree: Tree, kinds: Collection[Kind]) -> list[Path]:
    """The folders of these kinds that are links, and are left alone."""
    return [folder for kind in kinds if (folder := tree.state_folder / kind).is_symlink()]


def _files(folder: Path) -> Iterator[Path]:
    """All that is no folder, below one that is no link; links themselves are files."""
    if folder.is_symlink() or not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield Path(entry.path)


def _parts(folder: Path) -> Iterator[Leftover]:
    """Parts that nobody claims, each with its notes."""
    if folder.is_symlink():
        return
    groups: dict[str, list[Path]] = {}
    for path in sorted(Parts(folder).unclaimed()):
        groups.setdefault(path.stem, []).append(path)
    for paths in groups.values():
        yield _part(folder, *paths)


def _parts_of_scripts(folder: Path) -> Iterator[Leftover]:
    """What scripts have left. They claim nothing, and may run on other hosts: what was just written to is in use.

    What killed ones noted of the files that they put in place is no part, and stays for the next run to read.
    """
    now = time.time()
    notes = set(folder.glob(OUTCOMES))
    for path in _files(folder):
        if path in notes:
            continue
        one = _part(folder, path)
        if now - one.at >= LONGEST_REST:
            yield one


def _part(folder: Path, *paths: Path) -> Leftover:
    written = max(path.lstat().st_mtime for path in paths)
    return Leftover(Kind.PARTS, folder, paths, sum(map(_size, paths)), written)


def _size(path: Path) -> int:
    return path.lstat().st_size


def _put_aside_at(top: Path, path: Path) -> float:
    """When something came into the trash: its folder's name tells; of what somebody else put there, its inode does."""
    found = _STAMP.match(path.relative_to(top).parts[0])
    try:
        return datetime.strptime(found[0] if found else "", "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return _changed_at(path)


def _changed_at(path: Path) -> float:
    """When a file was last given a name or lost one, which keeps its modification time: when it was put aside."""
    return path.lstat().st_ctime
