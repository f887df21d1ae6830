"""How bytes get their final names: the one order of steps that a crash can not turn into a wrong file.

Part synced, journal line synced, what stood there put aside, part renamed, folder synced. The name is never empty in
between, and never names bytes that were not verified. A `Landing` is the proof of the first step; a `Committer` takes
the others, for a group at a time.
"""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.core.layout import TRASH
from jwstsync.store.files import make_folder, sync_folder
from jwstsync.store.hashing import Digest
from jwstsync.store.journal import JournalLine
from jwstsync.store.record import ADOPTED, WRITTEN, Entry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from jwstsync.core.disk import FileState
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.store.journal import Journal
    from jwstsync.store.tree import Tree

_SYNCS_AT_ONCE = 16
"""Folders that wait for the disk together, so that they share its work."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Verified bytes that outlast a loss of power, and are to get their final name.

    Made by `landing_of_part`, `landing_in_place` and `landing_of_move`.

    Attributes:
        part: Where they are; None for a file that is in its place already.
        locked: What the lockfile is to say.
        digest: Of the bytes.
        mtime_ns: The modification time of their file, in nanoseconds since 1970.
        aside: The folder below the state folder that takes what stands at the final name; None where it may be lost.
        origin: Whether the file was written here, or adopted, which is never pruned.
        left: The product's place that they leave; None where that is none, or stays.
        inode: The number of their file, where it was a product's before.
    """

    part: Path | None
    locked: LockedProduct
    digest: Digest
    mtime_ns: int
    aside: str | None = TRASH
    origin: str = WRITTEN
    left: ProductPath | None = None
    inode: int | None = None


def landing_of_part(
    part: Path,
    descriptor: int,
    locked: LockedProduct,
    digest: Digest,
    *,
    aside: str | None = TRASH,
    origin: str = WRITTEN,
) -> Landing:
    """The landing of a part whose bytes were verified, once they are durable; it is open as ``descriptor``.

    Raises:
        OSError: They can not be synced.
    """
    os.fsync(descriptor)
    return Landing(part, locked, digest, os.fstat(descriptor).st_mtime_ns, aside, origin)


def landing_in_place(place: Path, locked: LockedProduct, digest: Digest) -> Landing:
    """The landing of a file that is in its place already, made durable: the lockfile is to vouch for it.

    Raises:
        OSError: It went away, or can not be synced.
    """
    return Landing(None, locked, digest, _synced(place).st_mtime_ns, origin=ADOPTED)


def landing_of_move(
    place: Path, locked: LockedProduct, state: FileState, *, origin: str, left: ProductPath | None
) -> Landing:
    """The landing of a product's file at another place, made durable if no earlier run has.

    Args:
        place: Where it stands.
        locked: What the lockfile is to say, the new place included.
        state: What stood there when its bytes were known.
        origin: Who brought it, for the record.
        left: That place as the record has it, unless something stays there.

    Raises:
        OSError: It has changed or went away, or can not be synced.
    """
    found = place.stat() if state.untouched else _synced(place)
    if (found.st_size, found.st_mtime_ns) != (state.size, state.mtime_ns):
        raise OSError(errno.ESTALE, "changed during the run", str(place))
    digest = Digest(state.size, locked.sha256, state.md5 or "")
    return Landing(place, locked, digest, found.st_mtime_ns, origin=origin, left=left, inode=found.st_ino)


class Committer:
    """Commits landings for one run.

    Args:
        tree: Where they land.
        journal: The run's journal.
        lockfile_name: The lockfile relative to the root, for the record.
        trash: The folder that takes what is put aside in this run, and is no old version.

    Attributes:
        lockfile_name: As above.
        trash: As above.
        journal: The journal that it writes; while it is paused, another may take its place.
        lines: What has its final name, in order.
    """

    def __init__(self, tree: Tree, journal: Journal, lockfile_name: str, trash: Path) -> None:
        self._tree = tree
        self._root = str(tree.root)  # paths are text here: pathlib would take a third of all the time
        self.journal = journal
        self.lockfile_name = lockfile_name
        self.trash = trash
        self._pool = ThreadPoolExecutor(_SYNCS_AT_ONCE, thread_name_prefix="sync")  # begins no thread before it is used
        self.lines: list[JournalLine] = []
        self._lock = Lock()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While it lasts nothing is committed: each line of the journal is either among `lines` or of no use."""
        with self._lock:
            yield

    def commit(self, landings: Sequence[Landing]) -> list[OSError | None]:
        """Gives each landing its final name, and tells for each what stood against it.

        Raises:
            OSError: The journal, or a new folder, can not be made durable; none of the landings has its name then.
        """
        with self._lock:
            return self._committed(landings)

    def _committed(self, landings: Sequence[Landing]) -> list[OSError | None]:
        unsynced: set[str] = set()
        errors = self._make_folders({self._folder(landing) for landing in landings if landing.part}, unsynced)
        prepared = [errors.get(self._folder(landing)) or self._line(landing) for landing in landings]
        self._sync_all(unsynced)
        lines = [line for line in prepared if isinstance(line, JournalLine)]
        if lines:
            self.journal.write(lines)
        results = [
            line if isinstance(line, OSError) else self._put(landing, line)
            for landing, line in zip(landings, prepared, strict=True)
        ]
        self._sync_all({self._folder(landing) for landing in landings} - errors.keys())
        self._sync_all({str(landing.part.parent) for landing in landings if landing.part and landing.inode is not None})
        return results

    def put_by(self, landing: Landing, path: ProductPath, *, stays: bool) -> Landing:
        """Has a file wait for its place elsewhere, and gives its landing from there.

        Its line in the journal comes first: if another takes the place that it leaves and the run is cut off then, the
        lockfile is to say where it belongs.

        Args:
            landing: The file, and where it belongs.
            path: Where it waits.
            stays: Whether it only gets a second name there.

        Raises:
            OSError: It can not be put there.
        """
        assert landing.part is not None  # noqa: S101 - what is in place has nothing to wait for
        place = self._tree.place(path)
        unsynced = {str(place.parent)}
        make_folder(place.parent, unsynced)
        with self._lock:
            self.journal.write([self._line(landing)])
            if stays and landing.part.is_symlink():
                place.symlink_to(landing.part.resolve())  # from its new place it has to lead there too
            elif stays:
                _name_again(landing.part, place)
            else:
                landing.part.rename(place)
            self._sync_all(unsynced)
        return replace(landing, part=place)

    def _folder(self, landing: Landing) -> str:
        return f"{self._root}/{landing.locked.path}".rpartition("/")[0]

    def _make_folders(self, folders: Iterable[str], unsynced: set[str]) -> dict[str, OSError]:
        """Makes folders, and tells which could not be made."""
        errors = {}
        for folder in folders:
            try:
                make_folder(folder, unsynced)
            except OSError as error:
                errors[folder] = error
        return errors

    def _line(self, landing: Landing) -> JournalLine:
        return JournalLine(landing.locked, self._entry(landing), landing.left, landing.inode)

    def _entry(self, landing: Landing) -> Entry:
        return Entry(
            path=landing.locked.path,
            uri=landing.locked.uri,
            proposal=landing.locked.proposal,
            lockfile=self.lockfile_name,
            size=landing.digest.size,
            mtime_ns=landing.mtime_ns,
            sha256=landing.digest.sha256,
            md5=landing.digest.md5,
            origin=landing.origin,
        )

    def _put(self, landing: Landing, line: JournalLine) -> OSError | None:
        try:
            if landing.part is not None:
                place = f"{self._root}/{landing.locked.path}"
                if landing.aside is not None and os.path.lexists(place):  # a link to nowhere is not lost either
                    put_aside(Path(place), self._aside(landing.aside) / landing.locked.path)
                os.replace(landing.part, place)  # noqa: PTH105 - pathlib's takes three times as long
        except OSError as error:
            return error
        self.lines.append(line)
        return None

    def _aside(self, folder: str) -> Path:
        return self.trash if folder == TRASH else self._tree.state_folder / folder

    def _sync_all(self, folders: Collection[str]) -> None:
        """Syncs folders, several at once, each thread a share of them."""
        if len(folders) < 2:  # noqa: PLR2004 - nothing to share
            _sync_each(folders)
            return
        listed = list(folders)
        shares = [listed[start::_SYNCS_AT_ONCE] for start in range(min(_SYNCS_AT_ONCE, len(listed)))]
        list(self._pool.map(_sync_each, shares))


def _sync_each(folders: Iterable[str]) -> None:
    for folder in folders:
        sync_folder(folder)


def put_aside(place: Path, aside: Path) -> None:
    """Gives a file a second name, so that the first can be taken by another; a synced copy where links are refused.

    What was put aside before, by whatever run, stays: where its name is taken by other bytes, a number is added. The
    second name lasts before this returns, so that no loss of power takes both.

    Raises:
        OSError: It can not be linked or copied.
    """
    unsynced = set[str]()
    name_aside(place, aside, unsynced)
    _sync_each(unsynced)


def name_aside(place: Path, aside: Path, unsynced: set[str]) -> None:
    """As `put_aside`, but that the folders are still to be synced.

    Raises:
        OSError: It can not be linked or copied.
    """
    unsynced.add(str(aside.parent))
    make_folder(aside.parent, unsynced)
    for name in _free_names(aside):
        try:
            _name_again(place, name)
        except FileExistsError:
            if not _is_same(name, place):
                continue
        break


def _free_names(aside: Path) -> Iterator[Path]:
    return itertools.chain([aside], (aside.with_name(f"{aside.name}.{number}") for number in itertools.count(2)))


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names have the same bytes; of links, whether they lead to the same place."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.samefile(other) or (one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False))


def _name_again(place: Path, name: Path) -> None:
    try:
        name.hardlink_to(place)
    except FileExistsError:
        raise
    except OSError:
        name.touch(exist_ok=False)  # a copy never writes into what another run has put there
        try:
            shutil.copy2(place, name)
            _synced(name)
        except OSError:
            name.unlink()
            raise


def _synced(path: Path) -> os.stat_result:
    """Makes a file's bytes durable, and tells what it is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)
