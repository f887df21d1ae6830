"""Products, their bytes, and a root to put them in: what the store's tests begin with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import settings

from jwstsync.core.layout import TRASH, ProductPath
from jwstsync.store.commit import Committer, Landing, landing_of_part
from jwstsync.store.fold import lockfile_name
from jwstsync.store.hashing import Digest
from jwstsync.store.journal import Journal, JournalLine, journal_folder
from jwstsync.store.lockfiles import NO_LOCKFILE
from jwstsync.store.record import WRITTEN, Entry
from jwstsync.store.tree import Tree
from tests.core.strategies import locked, md5_of, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.lockfile import LockedProduct

NAME = "a.fits"
OLD = b"the bytes of the first version"
NEW = b"the bytes of the second one"
MTIME_NS = 1_700_000_000_123_456_789
on_disk = settings(max_examples=30, deadline=None)
"""For properties whose every example is written to the disk, which takes as long as it takes."""


def path_of(name: str = NAME) -> ProductPath:
    """Where these tests put a product."""
    return ProductPath(f"JWST/obs/{name}")


def product(name: str = NAME, content: bytes = NEW) -> LockedProduct:
    """A product as it is locked."""
    return locked(content, uri=f"mast:JWST/product/{name}", path=path_of(name))


def digest_of(content: bytes) -> Digest:
    """The digest that these bytes have."""
    return Digest(len(content), sha256_of(content), md5_of(content))


def entry(name: str = NAME, content: bytes = NEW, mtime_ns: int = MTIME_NS) -> Entry:
    """What is remembered of a product that was written."""
    return Entry(
        path=path_of(name),
        uri=f"mast:JWST/product/{name}",
        proposal=2733,
        lockfile="../jwstsync.lock",
        size=len(content),
        mtime_ns=mtime_ns,
        sha256=sha256_of(content),
        md5=md5_of(content),
        origin=WRITTEN,
    )


def line(name: str = NAME, content: bytes = NEW, mtime_ns: int = MTIME_NS) -> JournalLine:
    """What a journal says of a product."""
    return JournalLine(product(name, content), entry(name, content, mtime_ns))


class Destination:
    """A prepared root, and the name of the lockfile beside it."""

    def __init__(self, folder: Path) -> None:
        self.tree = Tree(folder / "root")
        self.tree.prepare()
        self.lockfile = folder / "jwstsync.lock"
        self.trash = self.tree.state_folder / "trash" / "now"

    @property
    def journals(self) -> Path:
        """Where the journals for the lockfile lie."""
        return journal_folder(self.tree.state_folder, lockfile_name(self.tree, self.lockfile))

    def place(self, name: str = NAME) -> Path:
        """Where a product lives."""
        return self.tree.place(path_of(name))

    def put(self, content: bytes, name: str = NAME) -> Path:
        """Puts a file in a product's place, as somebody else would."""
        place = self.place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def landing(self, name: str = NAME, content: bytes = NEW, *, aside: str | None = TRASH) -> Landing:
        """Verified bytes in a part, ready to be committed."""
        part = self.tree.parts_folder / f"{name}.part"
        part.write_bytes(content)
        descriptor = os.open(part, os.O_RDONLY)
        try:
            return landing_of_part(part, descriptor, product(name, content), digest_of(content), aside=aside)
        finally:
            os.close(descriptor)

    def committer(self, continues: str = NO_LOCKFILE) -> tuple[Committer, Journal]:
        """What a run on the lockfile commits with."""
        journal = Journal(self.journals, continues)
        return Committer(self.tree, journal, lockfile_name(self.tree, self.lockfile), self.trash), journal

    def cut_off_run(self, *landings: Landing, continues: str = NO_LOCKFILE) -> None:
        """A run that commits and is killed before it folds."""
        self.committer(continues)[0].commit(landings)
