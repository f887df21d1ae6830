"""Proposal 5398, a survey with NIRCam's wide field slitless spectroscopy: 95 products, 12 of them made anew.

Names, sizes, dates, pipeline versions and reference contexts are those that the archive's keyword service gave from
September 2025 to July 2026. The observations that list them, their elements and their group ids are made up, and so is
that seven of them are not public before next year.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING

from jwstsync.sandbox.scale import scaled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwstsync.sandbox.columns import Row

_PROPOSAL = "5398"
_FIRST_GROUP = 231_000_000  # of the observations; their numbers are added
_FIRST_EXPOSURE_GROUP = 231_010_000
_PLANNED = 600  # the number of an observation that has not been made

# When the observations that are not public yet will be: month, day and hour of one year.
_RELEASES = {
    24: (2, 4, 0),
    26: (2, 11, 12),
    27: (2, 11, 12),
    512: (4, 14, 6),
    514: (4, 14, 6),
    517: (10, 20, 18),
    518: (10, 20, 18),
}
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_LEVELS = {"cal": "2b", "rate": "2a", "rateints": "2a"}


def rows(*, full_size: bool, year: int) -> tuple[list[Row], list[Row], list[Row]]:
    """The observation rows, the product rows, and the keyword rows: two for a file that was made anew.

    Args:
        full_size: Sizes as in the archive; else a 64th.
        year: Between February and October of it the observations become public that are not public yet.
    """
    releases = {number: _mjd(year, *moment) for number, moment in _RELEASES.items()}
    text = resources.files(__package__).joinpath("data/survey.csv").read_text("utf-8")
    keywords = [_keywords(facts, releases, full_size=full_size) for facts in csv.DictReader(text.splitlines())]
    last = {str(row["filename"]): row for row in keywords}.values()
    numbers = sorted({int(str(row["observtn"])) for row in last})
    observations = [_observation(number, releases.get(number)) for number in numbers]
    return [*observations, _planned()], _products(last), keywords


def _mjd(year: int, month: int, day: int, hour: int) -> float:
    return (datetime(year, month, day, hour, tzinfo=UTC) - _MJD_EPOCH) / timedelta(days=1)


def _keywords(facts: Mapping[str, str], releases: Mapping[int, float], *, full_size: bool) -> Row:
    exposure, activity, number, detector, suffix = facts["filename"].removesuffix(".fits").split("_")
    observation = int(exposure[7:10])
    return {
        "filename": facts["filename"],
        "ArchiveFileID": int(facts["ArchiveFileID"]),
        "fileSetName": f"{exposure}_{activity}_{number}",
        "productLevel": _LEVELS[suffix],
        "instrume": "NIRCAM",
        "detector": detector.upper(),
        "exp_type": facts["exp_type"],
        "program": _PROPOSAL,
        "observtn": str(observation),
        "visit": str(int(exposure[10:])),
        "fileSize": scaled(facts["filename"], int(facts["fileSize"]), full_size=full_size),
        "date_mjd": float(facts["date_mjd"]),
        "cal_ver": facts["cal_ver"],
        "crds_ctx": facts["crds_ctx"],
        "sdp_ver": facts["sdp_ver"],
        "asntable": facts["asntable"] or None,
        "publicReleaseDate_mjd": releases.get(observation, float(facts["publicReleaseDate_mjd"])),
        "ingestCompletionDate_mjd": float(facts["ingestCompletionDate_mjd"]),
        "isRestricted": False,  # also where it is not public, as in the archive
        "isStale": False,
    }


def _observation(number: int, released: float | None) -> Row:
    return {
        "obsid": _FIRST_GROUP + number,
        "objID": 2 * _FIRST_GROUP + number,
        "obs_id": f"jw05398-o{number:03}_t001_nircam_f444w-grismr",
        "proposal_id": _PROPOSAL,
        "instrument_name": "NIRCAM/WFSS",
        "filters": "F444W;GRISMR",
        "dataproduct_type": "spectrum",
        "wavelength_region": "INFRARED",
        "t_obs_release": released,
        "dataRights": "PUBLIC" if released is None else "EXCLUSIVE_ACCESS",
    }


def _planned() -> Row:
    """An observation that has not been made: no products, no data."""
    name = f"jw05398{_PLANNED}001_xx101_00001_nircam"
    return {**_observation(_PLANNED, None), "calib_level": -1, "obs_id": name}


def _products(last: Iterable[Row]) -> list[Row]:
    exposures: dict[str, int] = {}
    listed: list[Row] = []
    for row in last:
        exposure = str(row["filename"]).rpartition("_")[0]
        group = exposures.setdefault(exposure, _FIRST_EXPOSURE_GROUP + len(exposures))
        listed.append(
            {
                "productFilename": row["filename"],
                "parent_obsid": _FIRST_GROUP + int(str(row["observtn"])),
                "obsID": group,
                "obs_id": exposure,
                "size": row["fileSize"],
                "prvversion": row["cal_ver"],
                "dataproduct_type": "image" if row["exp_type"] == "NRC_IMAGE" else "spectrum",
                "description": f"exposure (L{row['productLevel']})",
            }
        )
    return listed
