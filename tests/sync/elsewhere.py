"""Files that somebody has elsewhere, of the products of a made-up archive."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from tests.sync.fakes import FakeArchive, Product, fits

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.store.sources import Way
    from jwstsync.sync.report import Report

A, B, C, X = (f"{letter}_nrca1_cal.fits" for letter in "abcx")  # names of which the keywords tell checksums
CONTENT = {A: fits("a"), B: fits("b", blocks=2), C: fits("c")}


class Elsewhere:
    """A folder with files that somebody has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, path: str, content: bytes) -> Path:
        """Puts a file there."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    @property
    def state(self) -> dict[str, tuple[int, int, bytes]]:
        """Everything about its files that nobody may change: mode, time and bytes."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def three_products() -> FakeArchive:
    """An archive of three public products of two proposals, which states their checksums."""
    return FakeArchive(*(Product(name, content, 2 if name == C else 1) for name, content in CONTENT.items()))


def all_of_them(folder: Path) -> Elsewhere:
    """All three products below a folder, each in another kind of tree."""
    elsewhere = Elsewhere(folder)
    elsewhere.put(f"mastDownload/JWST/jw00001/{A}", CONTENT[A])
    elsewhere.put(B, CONTENT[B])
    elsewhere.put(f"02733/obs2/MIRI/{C}", CONTENT[C])
    return elsewhere


def ways(report: Report) -> dict[str, Way | None]:
    """How each product came, by file name."""
    return {result.action.path.rpartition("/")[2]: result.way for result in report.results}


def refused(*_: object, **__: object) -> None:
    """What a file system says that can not, or another one."""
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
