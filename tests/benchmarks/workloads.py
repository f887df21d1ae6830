"""What is downloaded: the workloads, and a data folder that holds their files.

A data folder is made once and used again for as long as it is whole. The files are FITS in form, of random bytes, and
lie in the tree that jwstsync's default layout makes, so that a plain copy of the tree is the limit of any download. How
they are served is the business of `nginx`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from jwstsync.core.layout import DEFAULT_LAYOUT, product_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PROPOSAL = 1234
_FITS_BLOCK = 2880  # bytes; FITS standard 4.0, section 3.1
_CARD = 80  # bytes
_MANY = 100  # from so many files on a scale changes their number, below it their size
_RANDOM = os.urandom(8_000_000)
_CATALOGUE = "catalogue.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Files to download, and over what kind of line.

    Attributes:
        key: Its letter.
        count: The number of files.
        size: Bytes of each file.
        slow: Whether each answer is late and each connection capped.
        tls: Whether it is served by https.
    """

    key: str
    count: int
    size: int
    slow: bool = False
    tls: bool = False

    @property
    def title(self) -> str:
        """The workload in words."""
        line = ", 50 ms before each answer and 8 MB/s a connection" if self.slow else ""
        return f"({self.key}) {self.count:,} files of {_shown(self.size)}{line}{', TLS' if self.tls else ''}"

    def scaled(self, scale: float) -> Workload:
        """A smaller or larger one of the same kind: fewer files where there are many, else smaller files."""
        if self.count >= _MANY:
            return replace(self, count=max(1, round(self.count * scale)))
        return replace(self, size=_whole_blocks(self.size * scale))


@dataclass(frozen=True, slots=True)
class Product:
    """One file of a workload."""

    name: str
    size: int
    sha256: str
    md5: str

    @property
    def uri(self) -> str:
        """Its name in the archive."""
        return f"mast:JWST/product/{self.name}"

    @property
    def path(self) -> str:
        """Its place in the tree."""
        obs_id = self.name.rpartition("_")[0]
        return product_path(DEFAULT_LAYOUT, {"obs_collection": "JWST", "obs_id": obs_id, "filename": self.name})


@dataclass(frozen=True, slots=True)
class Holdings:
    """The files of a workload on the disk, below ``tree`` at their paths."""

    tree: Path
    products: Sequence[Product]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(product.size for product in self.products)


def _whole_blocks(size: float) -> int:
    return max(2, round(size / _FITS_BLOCK)) * _FITS_BLOCK


def _shown(size: int) -> str:
    return f"{size / 1e6:.3g} MB" if size >= 100_000 else f"{size / 1e3:.3g} kB"


WORKLOADS = {
    workload.key: workload
    for workload in (
        Workload(key="a", count=6, size=_whole_blocks(256e6)),
        Workload(key="b", count=2_000, size=_whole_blocks(1e6)),
        Workload(key="c", count=10_000, size=_whole_blocks(10e3)),
        Workload(key="d", count=200, size=_whole_blocks(1e6), slow=True),
        Workload(key="e", count=3, size=_whole_blocks(64e6), slow=True),
        Workload(key="t", count=6, size=_whole_blocks(256e6), tls=True),
    )
}


def holdings_of(workload: Workload, data: Path) -> Holdings:
    """The files of a workload, made below ``data`` where they are not whole there yet."""
    folder = data / f"{workload.count}x{workload.size}"
    holdings = _kept(folder)
    if holdings is None:
        shutil.rmtree(folder, ignore_errors=True)
        holdings = _made(folder, workload)
    return holdings


def _kept(folder: Path) -> Holdings | None:
    try:
        listed = json.loads((folder / _CATALOGUE).read_bytes())
        holdings = Holdings(folder / "tree", [Product(**row) for row in listed])
        sizes = [(holdings.tree / product.path).stat().st_size for product in holdings.products]
    except FileNotFoundError:
        return None
    return holdings if sizes == [product.size for product in holdings.products] else None


def _made(folder: Path, workload: Workload) -> Holdings:
    holdings = Holdings(folder / "tree", [_written(folder / "tree", workload, n) for n in range(1, workload.count + 1)])
    rows = [asdict(product) for product in holdings.products]
    (folder / _CATALOGUE).write_text(json.dumps(rows))  # last: a folder without it is not whole
    return holdings


def _written(tree: Path, workload: Workload, number: int) -> Product:
    name = f"jw{PROPOSAL:05}001001_00001_{number:05}_nrca1_cal.fits"
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    product = Product(name, workload.size, "", "")
    target = tree / product.path
    target.parent.mkdir(parents=True)
    with target.open("wb") as file:
        for piece in _content(number, name, workload.size):
            file.write(piece)
            sha256.update(piece)
            md5.update(piece)
    return replace(product, sha256=sha256.hexdigest(), md5=md5.hexdigest())


def _content(number: int, name: str, size: int) -> Iterator[bytes | memoryview]:
    """A FITS file of one row of random bytes, which begins elsewhere in the random block for each number."""
    rest = size - _FITS_BLOCK
    cards = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", f"NAXIS1  = {rest}", f"FILENAME= '{name}'", "END"]
    yield "".join(card.ljust(_CARD) for card in cards).ljust(_FITS_BLOCK).encode()
    start = number * 7919 % len(_RANDOM)
    while rest:
        piece = memoryview(_RANDOM)[start : start + rest]
        yield piece
        rest -= len(piece)
        start = 0
