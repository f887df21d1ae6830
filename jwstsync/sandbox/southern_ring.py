"""Proposal 2733, the Southern Ring Nebula: the archive's own observations, and what they list.

Taken from the archive are the observation rows, and the names, sizes and group ids of the 80 calibrated products of
the F1130W observation. All else (the other exposures, previews, guide-star files, associations) is made after their
pattern, so that the F1130W observation lists 3,470 rows as it does in the archive.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

from jwstsync.sandbox.scale import scaled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jwstsync.sandbox.columns import Row, Value

_VERSION = "1.16.1"
_RECOMMENDED = "Minimum Recommended Products"
_STAMP = "20241031t204417"
_FIRST_GROUP = 87_610_000  # of the exposures that are made up

# The activity in which each filter was used, and the detectors of its exposures.
_SHORT = ("nrca1", "nrcb1")
_LONG = ("nrcalong", "nrcblong")
_ACTIVITIES = {
    "F212N": ("02101", _SHORT),
    "F444W;F405N": ("02101", _LONG),
    "F187N": ("02103", _SHORT),
    "F444W;F470N": ("02103", _LONG),
    "F090W": ("02105", _SHORT),
    "F356W": ("02105", _LONG),
    "F770W": ("02101", ("mirimage",)),
    "F1280W": ("02105", ("mirimage",)),
    "F1800W": ("02107", ("mirimage",)),
}
_VISITS = {"MIRI/IMAGE": ("jw02733002001", "jw02733002002"), "NIRCAM/IMAGE": ("jw02733001001",)}

_MIRI_UNCAL_SIZE = 128_960_640
_NIRCAM_SIZES = {
    "uncal": 41_996_160,
    "o001_crf": 117_573_120,
    "cal": 117_567_360,
    "i2d": 117_590_400,
    "rate": 83_966_400,
    "rateints": 83_960_640,
}
_STAGE_3_SIZES = {"i2d.fits": 100_802_880, "i2d.jpg": 524_288, "segm.fits": 34_560_000, "cat.ecsv": 262_144}
_PREVIEWED = ("uncal", "rate", "cal", "i2d")
_PREVIEW_SIZE = 131_072
_THUMBNAIL_SIZE = 16_384
_ASSOCIATION_SIZE = 1428
_POOL_SIZE = 15_449

_DESCRIPTIONS = {
    "uncal": "exposure (L1b): uncalibrated exposure",
    "rate": "exposure (L2a): count rate averaged over integrations",
    "rateints": "exposure (L2a): count rate of each integration",
    "cal": "exposure (L2b): calibrated exposure",
    "crf": "exposure (L2c): calibrated exposure with outliers flagged",
    "i2d": "rectified and resampled image",
    "segm": "source/target (L3) : segmentation map",
    "cat": "source/target (L3) : source catalog",
}

# When each visit began, and how often it made each kind of guide-star product: 401 files in the two MIRI visits.
_GUIDED = {
    "jw02733001001": (datetime(2022, 6, 3, 16, 2, 11, tzinfo=UTC), (1, 1, 1, 3, 5)),
    "jw02733002001": (datetime(2022, 6, 12, 11, 54, 6, tzinfo=UTC), (1, 3, 3, 31, 48)),
    "jw02733002002": (datetime(2022, 6, 12, 14, 31, 40, tzinfo=UTC), (1, 2, 2, 30, 47)),
}
_BETWEEN_GUIDING = timedelta(seconds=97)


@dataclass(frozen=True, slots=True)
class _Guiding:
    """A kind of guide-star product, with the size of each file that one making of it leaves."""

    kind: str
    words: str
    sizes: Mapping[str, int]


_GUIDING = (
    _Guiding(
        "id",
        "identification",
        {"image_cal": 34_560_000, "image_uncal": 17_280_000, "stacked_cal": 8_640_000, "stacked_uncal": 4_320_000},
    ),
    _Guiding("acq1", "acquisition 1", {"cal": 1_252_800, "uncal": 642_240}),
    _Guiding("acq2", "acquisition 2", {"cal": 984_960, "uncal": 509_760}),
    _Guiding("track", "tracking", {"cal": 2_494_080, "stream": 800_640, "uncal": 915_840}),
    _Guiding("fg", "fine guiding", {"cal": 3_070_080, "uncal": 1_080_000}),
)


@dataclass(frozen=True, slots=True)
class _Exposure:
    """One exposure of one detector.

    Attributes:
        name: What its products' names begin with.
        group: The group id of its products.
        parent: The group id of the observation that lists them.
        sizes: Bytes of its FITS files, by suffix.
    """

    name: str
    group: int
    parent: int
    sizes: Mapping[str, int]

    def product(self, filename: str, size: int | None, **columns: Value) -> dict[str, Value]:
        """The row of one of its products."""
        return {
            "productFilename": filename,
            "size": size,
            "obs_id": self.name,
            "obsID": self.group,
            "parent_obsid": self.parent,
            "prvversion": _VERSION,
            **columns,
        }


def rows(*, full_size: bool) -> tuple[list[Row], list[Row]]:
    """The observation rows and the product rows.

    Args:
        full_size: Sizes as in the archive; else a 64th.
    """
    facts = json.loads(resources.files(__package__).joinpath("data/southern-ring.json").read_text("utf-8"))
    observations = [{**facts["shared"], **row} for row in facts["observations"]]
    outreach = [_outreach(row) for row in facts["outreach"]]
    groups = itertools.count(_FIRST_GROUP)
    listed = [
        row for observation in observations for row in _listed(observation, _exposures(observation, facts, groups))
    ]
    return outreach + observations, [_sized(row, full_size=full_size) for row in listed]


def _outreach(facts: Row) -> Row:
    """An outreach image, which the archive files under the same proposal."""
    unknown = dict.fromkeys(("provenance_name", "instrument_name", "mtFlag"))
    return {**unknown, "obs_collection": "OPO", "project": "OPO", "proposal_id": "2733", **facts}


def _sized(row: dict[str, Any], *, full_size: bool) -> Row:
    size = row["size"]
    return row if size is None else {**row, "size": scaled(row["productFilename"], size, full_size=full_size)}


def _exposures(observation: Mapping[str, Any], facts: Mapping[str, Any], groups: Iterator[int]) -> list[_Exposure]:
    miri_sizes = {"uncal": _MIRI_UNCAL_SIZE, **facts["sizes"]}
    if observation["filters"] not in _ACTIVITIES:  # F1130W
        known = facts["exposures"].items()
        return [_Exposure(name, group, observation["obsid"], miri_sizes) for name, group in known]
    activity, detectors = _ACTIVITIES[observation["filters"]]
    sizes = miri_sizes if "mirimage" in detectors else _NIRCAM_SIZES
    names = itertools.product(_VISITS[observation["instrument_name"]], ("00001", "00002"), detectors)
    return [
        _Exposure(f"{visit}_{activity}_{number}_{detector}", next(groups), observation["obsid"], sizes)
        for visit, number, detector in names
    ]


def _listed(observation: Mapping[str, Any], exposures: Sequence[_Exposure]) -> Iterator[dict[str, Any]]:
    """What one observation lists: guide stars once for each exposure in F1130W, once for each visit elsewhere."""
    yield from _stage_3(observation)
    visits: set[str] = set()
    for exposure in exposures:
        visit = exposure.name.partition("_")[0]
        yield from _science(exposure)
        yield from _previews(exposure)
        yield from _information(exposure)
        if visit not in visits or observation["filters"] == "F1130W":
            yield from _guide_stars(exposure, visit)
        visits.add(visit)


def _science(exposure: _Exposure) -> Iterator[dict[str, Any]]:
    for suffix, size in exposure.sizes.items():
        kind = suffix.rpartition("_")[2]
        raw = {"calib_level": 1, "prvversion": None} if kind == "uncal" else {}
        description = _DESCRIPTIONS[kind]
        yield exposure.product(f"{exposure.name}_{suffix}.fits", size, description=description, **raw)


def _previews(exposure: _Exposure) -> Iterator[dict[str, Any]]:
    for kind in _PREVIEWED:
        level = 1 if kind == "uncal" else 2
        about = {"calib_level": level, "productSubGroupDescription": None, "description": "Preview-Full"}
        preview, thumbnail = f"{exposure.name}_{kind}.jpg", f"{exposure.name}_{kind}_thumb.jpg"
        yield exposure.product(preview, _PREVIEW_SIZE, **about, productType="PREVIEW")
        yield exposure.product(thumbnail, _THUMBNAIL_SIZE, **about, productType="THUMBNAIL")


def _information(exposure: _Exposure) -> Iterator[dict[str, Any]]:
    """The association that made the exposure's products, and the pool that it was drawn from."""
    association = f"{_observation_number(exposure.name)}_{_STAMP}_image2_{exposure.group % 100_000:05}_asn.json"
    yield exposure.product(association, _ASSOCIATION_SIZE, productType="INFO", description=_generator("generator"))
    yield exposure.product(_pool(), _POOL_SIZE, productType="INFO", description=_generator("pool"))


def _observation_number(exposure: str) -> str:
    """The observation that an exposure's name tells: ``jw02733-o002``."""
    return f"{exposure[:7]}-o{exposure[7:10]}"


def _generator(part: str) -> str:
    return f"source/target (L3) : association {part}"


def _pool() -> str:
    return f"jw02733_{_STAMP}_pool.csv"


def _guide_stars(exposure: _Exposure, visit: str) -> Iterator[dict[str, Any]]:
    begun, numbers = _GUIDED[visit]
    for guiding, number in zip(_GUIDING, numbers, strict=True):
        for turn, (suffix, size) in itertools.product(range(number), guiding.sizes.items()):
            stamp = "1" if guiding.kind == "id" else (begun + turn * _BETWEEN_GUIDING).strftime("%Y%j%H%M%S")
            calibrated = suffix.endswith("cal") and not suffix.endswith("uncal")
            yield exposure.product(
                f"{visit}_gs-{guiding.kind}_{stamp}_{suffix}.fits",
                size,
                productType="AUXILIARY",
                productSubGroupDescription=f"GS-{guiding.kind}".upper(),
                description=f"FGS guide star {guiding.words}",
                calib_level=2 if calibrated else 1,
                prvversion=_VERSION if calibrated else None,
            )


def _stage_3(observation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    whole = _Exposure(observation["obs_id"], observation["obsid"], observation["obsid"], {})
    common: dict[str, Value] = {"type": "D", "calib_level": 3, "productGroupDescription": _RECOMMENDED}
    for ending, size in _STAGE_3_SIZES.items():
        kind = ending.partition(".")[0]
        about = {**common, "description": _DESCRIPTIONS[kind], "productType": _stage_3_type(ending)}
        yield whole.product(f"{whole.name}_{ending}", size, **about)
    association = f"{whole.name[:12]}_{_STAMP}_image3_{whole.group % 100_000:05}_asn.json"
    yield whole.product(association, None, **common, productType="INFO", description=_generator("generator"))
    yield whole.product(_pool(), _POOL_SIZE, **common, productType="INFO", description=_generator("pool"))


def _stage_3_type(ending: str) -> str:
    return {"i2d.jpg": "PREVIEW", "cat.ecsv": "CATALOG"}.get(ending, "SCIENCE")
