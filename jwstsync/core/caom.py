"""The archive's records in our spelling: the only place that knows both MAST's column names and ours.

Facts about the columns are from MAST's CAOM field descriptions
(https://mast.stsci.edu/api/v0/_c_a_o_mfields.html and https://mast.stsci.edu/api/v0/_productsfields.html) and from real
rows of 2023 to 2026, those of the keywords too. How the rows are got, and how nulls arrive in them, is the archive
adapter's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None

PUBLIC = "PUBLIC"
JWST = "JWST"
PLANNED = -1
MINIMUM_RECOMMENDED = "Minimum Recommended Products"
LARGEST_SIZE = 10**15  # bytes; the largest JWST products are some GB, so more than this is no size


class Kind(StrEnum):
    """How a column's values are compared in a rule."""

    TEXT = "text"
    JOINED = "joined"  # several texts joined by ";"
    NUMBER = "number"
    SIZE = "size"  # bytes
    TIME = "time"  # days, MJD, UTC
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a CAOM table.

    Attributes:
        name: MAST's spelling, the one users write.
        attribute: Ours, the attribute of `Observation` or `ProductRow`.
        kind: How its values compare.
        description: What it holds, with its unit.
        example: A value that a rule could name.
    """

    name: str
    attribute: str
    kind: Kind
    description: str
    example: str | int | float | bool


# Changed by nobody; frozen, each of the records that follow takes three times as long to make.
@dataclass(slots=True, unsafe_hash=True)
class Observation:
    """One row of the observation table. Angles in degrees, times in MJD, exposures in seconds, wavelengths in nm.

    ``group_id`` is MAST's ``obsid``, the "Product Group ID"; ``obs_id`` is the observation's name.
    """

    group_id: int
    obs_id: str
    obs_collection: str | None = None
    intent_type: str | None = None
    provenance_name: str | None = None
    instrument_name: str | None = None
    project: str | None = None
    filters: str | None = None
    wavelength_region: str | None = None
    target_name: str | None = None
    target_classification: str | None = None
    ra: float | None = None
    dec: float | None = None
    dataproduct_type: str | None = None
    proposal_pi: str | None = None
    calib_level: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exposure_time: float | None = None
    wavelength_min: float | None = None
    wavelength_max: float | None = None
    obs_title: str | None = None
    released_at: float | None = None
    proposal_id: str | None = None
    proposal_type: str | None = None
    sequence_number: int | None = None
    region: str | None = None
    jpeg_url: str | None = None
    data_url: str | None = None
    data_rights: str | None = None
    moving_target: bool | None = None
    source_density: float | None = None
    object_id: str | None = None


@dataclass(slots=True, unsafe_hash=True)
class ProductRow:
    """One row of the product table: a product as one parent observation lists it. ``size`` is the stated one, in bytes.

    ``group_id`` is MAST's ``obsID``, ``parent_group_id`` its ``parent_obsid``.
    """

    data_uri: str
    filename: str
    group_id: int
    parent_group_id: int
    obs_id: str
    obs_collection: str | None = None
    dataproduct_type: str | None = None
    description: str | None = None
    type: str | None = None
    product_type: str | None = None
    product_group: str | None = None
    product_subgroup: str | None = None
    documentation_url: str | None = None
    project: str | None = None
    cal_ver: str | None = None
    proposal_id: str | None = None
    size: int | None = None
    data_rights: str | None = None
    calib_level: int | None = None
    filters: str | None = None


@dataclass(slots=True, unsafe_hash=True)
class KeywordRow:
    """One row of an instrument's keyword table: what the archive says of a FITS file beyond the product listing.

    ``size`` in bytes, ``made_at`` and ``released_at`` in MJD; ``stale`` says that it waits to be made anew. None is
    what the row leaves out or garbles.
    """

    filename: str
    size: int | None = None
    md5: str | None = None
    made_at: float | None = None
    cal_ver: str | None = None
    crds_ctx: str | None = None
    released_at: float | None = None
    stale: bool | None = None


def _by_name(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


OBSERVATION_COLUMNS = _by_name(
    Column("intentType", "intent_type", Kind.TEXT, "science or calibration", "science"),
    Column("obs_collection", "obs_collection", Kind.JOINED, "mission; always JWST here", "JWST"),
    Column("provenance_name", "provenance_name", Kind.TEXT, "pipeline", "CALJWST"),
    Column("instrument_name", "instrument_name", Kind.JOINED, "instrument with its mode", "MIRI/IMAGE"),
    Column("project", "project", Kind.TEXT, "processing project", "JWST"),
    Column("filters", "filters", Kind.JOINED, "optical elements, joined by ;", "F1130W"),
    Column("wavelength_region", "wavelength_region", Kind.JOINED, "energy band", "INFRARED"),
    Column("target_name", "target_name", Kind.TEXT, "target as the proposal names it", "NGC-3132"),
    Column("target_classification", "target_classification", Kind.TEXT, "kind of target", "*Planetary nebulae"),
    Column("obs_id", "obs_id", Kind.TEXT, "the observation's name", "jw02733-o002_*"),
    Column("s_ra", "ra", Kind.NUMBER, "right ascension, degrees", "151..152"),
    Column("s_dec", "dec", Kind.NUMBER, "declination, degrees", "-41..-40"),
    Column("dataproduct_type", "dataproduct_type", Kind.TEXT, "image, cube, spectrum, timeseries", "image"),
    Column("proposal_pi", "proposal_pi", Kind.TEXT, "principal investigator", "Pontoppidan*"),
    Column(
        "calib_level",
        "calib_level",
        Kind.NUMBER,
        "1 uncalibrated, 2 calibrated, 3 combined, 4 contributed",
        3,
    ),
    Column("t_min", "started_at", Kind.TIME, "start, MJD or a date (UTC)", ">=2022-07-01"),
    Column("t_max", "ended_at", Kind.TIME, "end, MJD or a date (UTC)", "<2023-07-01"),
    Column("t_exptime", "exposure_time", Kind.NUMBER, "exposure time, seconds", ">=1000"),
    Column("em_min", "wavelength_min", Kind.NUMBER, "shortest wavelength, nm", ">=5000"),
    Column("em_max", "wavelength_max", Kind.NUMBER, "longest wavelength, nm", "<=28000"),
    Column("obs_title", "obs_title", Kind.TEXT, "the proposal's title", "*Early Release*"),
    Column(
        "t_obs_release",
        "released_at",
        Kind.TIME,
        "when it is or was public, MJD or a date (UTC)",
        "<2023-01-01",
    ),
    Column("proposal_id", "proposal_id", Kind.TEXT, "proposal, without leading zeros", "2733"),
    Column("proposal_type", "proposal_type", Kind.TEXT, "GO, GTO, COM, CAL, ...", "GO"),
    Column("sequence_number", "sequence_number", Kind.NUMBER, "sequence number", 1),
    Column("s_region", "region", Kind.TEXT, "footprint", "POLYGON*"),
    Column("jpegURL", "jpeg_url", Kind.TEXT, "preview", "*.jpg"),
    Column("dataURL", "data_url", Kind.TEXT, "main product", "*_i2d.fits"),
    Column("dataRights", "data_rights", Kind.TEXT, "PUBLIC or EXCLUSIVE_ACCESS", "PUBLIC"),
    Column("mtFlag", "moving_target", Kind.FLAG, "a moving target", False),  # noqa: FBT003
    Column("srcDen", "source_density", Kind.NUMBER, "source density", ">0"),
    Column("obsid", "group_id", Kind.TEXT, "product group id", "87602450"),
    Column("objID", "object_id", Kind.TEXT, "the archive's row id", "1059207132"),
)

PRODUCT_COLUMNS = _by_name(
    Column("obsID", "group_id", Kind.TEXT, "product group id", "87599771"),
    Column("obs_collection", "obs_collection", Kind.JOINED, "mission; always JWST here", "JWST"),
    Column("dataproduct_type", "dataproduct_type", Kind.TEXT, "image, cube, spectrum, timeseries", "image"),
    Column("obs_id", "obs_id", Kind.TEXT, "the observation's name", "jw02733002001_*"),
    Column("description", "description", Kind.TEXT, "what it is, in words", "FGS guide star*"),
    Column("type", "type", Kind.TEXT, "S simple, D derived, C composite", "S"),
    Column("dataURI", "data_uri", Kind.TEXT, "the product's name in the archive", "mast:JWST/product/*_cal.fits"),
    Column("productType", "product_type", Kind.TEXT, "SCIENCE, AUXILIARY, INFO, PREVIEW, ...", "SCIENCE"),
    Column("productGroupDescription", "product_group", Kind.TEXT, "recommended or not", MINIMUM_RECOMMENDED),
    Column("productSubGroupDescription", "product_subgroup", Kind.TEXT, "UNCAL, RATE, CAL, I2D, ...", "I2D"),
    Column("productDocumentationURL", "documentation_url", Kind.TEXT, "its description on the web", "https://*"),
    Column("project", "project", Kind.TEXT, "pipeline", "CALJWST"),
    Column("prvversion", "cal_ver", Kind.TEXT, "pipeline version", "1.18.*"),
    Column("proposal_id", "proposal_id", Kind.TEXT, "proposal, without leading zeros", "2733"),
    Column("productFilename", "filename", Kind.TEXT, "file name", "*_cal.fits"),
    Column("size", "size", Kind.SIZE, "bytes, or with a unit", "<100 MB"),
    Column("parent_obsid", "parent_group_id", Kind.TEXT, "group id of the observation that lists it", "87602450"),
    Column("dataRights", "data_rights", Kind.TEXT, "PUBLIC or EXCLUSIVE_ACCESS", "PUBLIC"),
    Column(
        "calib_level",
        "calib_level",
        Kind.NUMBER,
        "1 uncalibrated, 2 calibrated, 3 combined, 4 contributed",
        2,
    ),
    Column("filters", "filters", Kind.JOINED, "optical elements, joined by ;", "F1130W"),
)

# What is asked for, and no more. Dates as MJD: plain ones can arrive as /Date(ms)/. isRestricted is left out: it is
# False on exclusive rows too.
KEYWORD_COLUMNS = _by_name(
    Column("filename", "filename", Kind.TEXT, "file name", "jw01345001001_02101_00001_nrca1_cal.fits"),
    Column("fileSize", "size", Kind.SIZE, "bytes", 117_573_120),
    Column("checksum", "md5", Kind.TEXT, "32 hexadecimal digits", "d41d8cd98f00b204e9800998ecf8427e"),
    Column("date_mjd", "made_at", Kind.TIME, "when it was made, MJD", 60_950.6),
    Column("cal_ver", "cal_ver", Kind.TEXT, "pipeline version", "1.19.1"),
    Column("crds_ctx", "crds_ctx", Kind.TEXT, "CRDS context", "jwst_1413.pmap"),
    Column("publicReleaseDate_mjd", "released_at", Kind.TIME, "when it is or was public, MJD", 60_950.6),
    Column("isStale", "stale", Kind.FLAG, "waits to be made anew", False),  # noqa: FBT003
)
PROGRAM = "program"  # what keyword tables call a proposal
_GUIDE_STAR = "_gs-"
_NAME_PARTS = 10_000  # a large proposal has a thousand observations, whose names all begin in another way
_SERVICES = {
    "Nircam": re.compile("nircam|nrc[ab]([1-5]|long)"),
    "Nirspec": re.compile("nirspec|nrs[12]?"),
    "Niriss": re.compile("niriss|nis"),
    "Miri": re.compile("miri|mirimage|mirifu(long|short)"),
    "Fgs": re.compile("fgs|guider[12]"),
}


def keyword_service(filename: str, instrument_name: str | None) -> str | None:
    """The last part of the name of the keyword service that knows a FITS file.

    Detector or instrument stand between underscores in most file names; where they do not, the parent observation's
    instrument tells.
    """
    name = filename.casefold()
    if _GUIDE_STAR in name:
        return "GuideStar"
    for part in name.partition(".")[0].split("_"):
        if service := _service_of(part):
            return service
    return _service_of((instrument_name or "").partition("/")[0].casefold())


@lru_cache(_NAME_PARTS)
def _service_of(part: str) -> str | None:
    return next((service for service, pattern in _SERVICES.items() if pattern.fullmatch(part)), None)


def is_public(data_rights: str | None) -> bool:
    """Whether anybody may download it; any value but PUBLIC, null too, is taken as exclusive access."""
    return data_rights == PUBLIC
