"""What a sandbox holds, as three plain tables: observations, the products they list, and keywords of FITS files.

A catalogue does not change. Which making of a product is served at the moment is the holdings' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jwstsync.sandbox.columns import KEYWORDS, OBSERVATIONS, PRODUCTS
from jwstsync.sandbox.content import FITS_BLOCK, Making
from jwstsync.sandbox.keywords import keywords_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwstsync.sandbox.columns import Columns, Row, Value

_OTHER_SIZE = 640
_MADE = 60620.0  # MJD; for products of which no keyword row says when they were made

_OBSERVATION: Row = {
    "intentType": "science",
    "obs_collection": "JWST",
    "provenance_name": "CALJWST",
    "instrument_name": "NIRCAM/IMAGE",
    "project": "JWST",
    "dataproduct_type": "image",
    "calib_level": 3,
    "dataRights": "PUBLIC",
    "mtFlag": False,
}
_PRODUCT: Row = {
    "type": "S",
    "productType": "SCIENCE",
    "project": "CALJWST",
    "prvversion": "1.19.1",
    "calib_level": 2,
}
_FROM_PARENT = ("obs_id", "obs_collection", "dataproduct_type", "proposal_id", "dataRights", "filters")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a sandbox holds.

    Attributes:
        observations: Observation rows, every column.
        products: Product rows by the ``parent_obsid`` that lists them, every column. A product stands once for each
            time that it is listed.
        keywords: Keyword rows by file name, every column; several of one file are its makings, the oldest first.
        makings: The known makings of each product by file name, the oldest first.
        filenames: The file name that each ``dataURI`` stands for.
        exclusive: The file names of products that are not public.
    """

    observations: tuple[Row, ...]
    products: Mapping[int, tuple[Row, ...]]
    keywords: Mapping[str, tuple[Row, ...]]
    makings: Mapping[str, tuple[Making, ...]]
    filenames: Mapping[str, str]
    exclusive: frozenset[str]

    @classmethod
    def from_rows(
        cls,
        observations: Iterable[Mapping[str, Any]],
        products: Iterable[Mapping[str, Any]],
        keywords: Iterable[Mapping[str, Any]] | None = None,
    ) -> Catalogue:
        """A catalogue of plain rows, with MAST's column names.

        Args:
            observations: Each needs ``obsid`` (a number), ``obs_id`` and ``proposal_id``; other columns that are not
                given are those of a public level-3 NIRCam image, or null.
            products: Each needs ``productFilename`` and ``parent_obsid``; what is not given is taken from the parent,
                or is that of a calibrated science product of the smallest size. A ``size`` or ``prvversion`` of None
                is listed as null.
            keywords: Each needs ``filename``, and ``instrume``, which decides the service. ``fileSize``, where given,
                says what is served, whatever the listing states; ``checksum`` is always that of the bytes. Several
                rows of one file are its makings, the oldest first. None makes one row for each FITS file that is
                listed; an empty list leaves the keyword services without rows.

        Raises:
            ValueError: A column is unknown or missing, or a FITS file is not a whole number of 2,880-byte blocks.
        """
        known = tuple(_observation(row) for row in observations)
        parents = {row["obsid"]: row for row in known}
        listed = [_product(row, parents) for row in products]
        once = {str(row["productFilename"]): row for row in reversed(listed)}  # the first row of each product
        described = _described(once, parents) if keywords is None else _by_filename(keywords)
        return cls(
            observations=known,
            products=_by_parent(listed),
            keywords=described,
            makings={name: _makings(row, _parent_of(row, parents), described.get(name)) for name, row in once.items()},
            filenames={str(row["dataURI"]): str(row["productFilename"]) for row in listed},
            exclusive=frozenset(name for name, row in once.items() if row["dataRights"] != "PUBLIC"),
        )

    def joined_with(self, other: Catalogue) -> Catalogue:
        """Both catalogues in one; where they share a product, the other's stands."""
        return Catalogue(
            observations=self.observations + other.observations,
            products={**self.products, **other.products},
            keywords={**self.keywords, **other.keywords},
            makings={**self.makings, **other.makings},
            filenames={**self.filenames, **other.filenames},
            exclusive=self.exclusive | other.exclusive,
        )


def _full(row: Row, defaults: Row, columns: Columns, needed: tuple[str, ...]) -> dict[str, Value]:
    """The row with every column.

    Raises:
        ValueError: It has a column that there is not, or lacks one that is needed.
    """
    unknown = row.keys() - columns.keys()
    if unknown:
        raise ValueError(f"column {min(unknown)!r}: expected one of {', '.join(columns)}")
    missing = [name for name in needed if name not in row]
    if missing:
        raise ValueError(f"column {missing[0]!r}: expected in every row")
    return {**dict.fromkeys(columns), **defaults, **row}


def _observation(row: Row) -> Row:
    return _full(row, _OBSERVATION, OBSERVATIONS, ("obsid", "obs_id", "proposal_id"))


def _product(row: Row, parents: Mapping[Value, Row]) -> dict[str, Value]:
    parent = parents.get(row.get("parent_obsid"), {})
    filename = str(row.get("productFilename"))
    inherited: dict[str, Value] = {
        **{name: parent.get(name) for name in _FROM_PARENT},
        **_PRODUCT,
        "obsID": row.get("parent_obsid"),
        "dataURI": f"mast:JWST/product/{filename}",
        "productSubGroupDescription": filename.rpartition(".")[0].rpartition("_")[2].upper(),
        "size": _smallest(filename),
    }
    return _full(row, inherited, PRODUCTS, ("productFilename", "parent_obsid"))


def _smallest(filename: str) -> int:
    return 3 * FITS_BLOCK if filename.endswith(".fits") else _OTHER_SIZE


def _parent_of(product: Row, parents: Mapping[Value, Row]) -> Row:
    return parents.get(product["parent_obsid"], {})


def _described(once: Mapping[str, Row], parents: Mapping[Value, Row]) -> dict[str, tuple[Row, ...]]:
    """A keyword row for each FITS file, worked out from what is listed."""
    fits = (row for name, row in once.items() if name.endswith(".fits"))
    return _by_filename(keywords_of(row, _parent_of(row, parents)) for row in fits)


def _by_filename(keywords: Iterable[Row]) -> dict[str, tuple[Row, ...]]:
    grouped: dict[str, list[Row]] = {}
    for row in keywords:
        grouped.setdefault(str(row.get("filename")), []).append(_full(row, {}, KEYWORDS, ("filename", "instrume")))
    return {name: tuple(rows) for name, rows in grouped.items()}


def _by_parent(listed: Iterable[Row]) -> dict[int, tuple[Row, ...]]:
    grouped: dict[int, list[Row]] = {}
    for row in listed:
        grouped.setdefault(int(row["parent_obsid"] or 0), []).append(row)
    return {number: tuple(rows) for number, rows in grouped.items()}


def _makings(product: Row, parent: Row, described: Iterable[Row] | None) -> tuple[Making, ...]:
    told: Iterable[Row | None] = (None,) if described is None else described
    return tuple(_making(product, parent, number, row) for number, row in enumerate(told, start=1))


def _making(product: Row, parent: Row, number: int, keywords: Row | None) -> Making:
    """The making that a keyword row tells of, or the product row where there is none.

    Raises:
        ValueError: It is FITS, and not of whole blocks.
    """
    told = keywords or {"cal_ver": product["prvversion"]}
    filename = str(product["productFilename"])
    size = int(told.get("fileSize") or product["size"] or _smallest(filename))
    if filename.endswith(".fits") and size % FITS_BLOCK:
        raise ValueError(f"{filename}: expected whole blocks of {FITS_BLOCK} bytes, not {size}")
    return Making(
        filename=filename,
        number=number,
        size=size,
        date_mjd=float(told.get("date_mjd") or _MADE),
        cal_ver=_text(told.get("cal_ver")),
        crds_ctx=_text(told.get("crds_ctx")),
        sdp_ver=_text(told.get("sdp_ver")),
        instrument=_text(told.get("instrume") or parent.get("instrument_name")),
        proposal=_text(product["proposal_id"]),
    )


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
