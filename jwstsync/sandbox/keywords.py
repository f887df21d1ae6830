"""The keyword row of a FITS file, worked out from its name and its product row; and which service answers with it.

JWST file names carry observation, visit and detector. What a name does not say is null.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwstsync.sandbox.columns import Row

_EXPOSURE = re.compile(r"jw\d{5}(?P<observtn>\d{3})(?P<visit>\d{3})_\d{5}_\d{5}(-seg\d{3})?_(?P<detector>[a-z0-9]+)_.*")
_GUIDE_STAR = re.compile(r"jw\d{5}(?P<observtn>\d{3})(?P<visit>\d{3})_gs-(?P<kind>[a-z0-9]+)_.*")
_STAGE_3 = re.compile(r"jw\d{5}-o(?P<observtn>\d{3})_.*")
_EXPOSURE_TYPES = {"MIRI": "MIR", "NIRCAM": "NRC", "NIRSPEC": "NRS", "NIRISS": "NIS", "FGS": "FGS"}
_LEVELS = {"rate": "2a", "rateints": "2a", "crf": "2c", "crfints": "2c"}
_CONTEXT = "jwst_1303.pmap"
_DATA_PROCESSING = "2024_3a"
_MADE = 60620.0  # MJD


def service_of(row: Row) -> str:
    """The last part of the name of the service that answers with a keyword row."""
    guiding = "_gs-" in str(row["filename"])
    return "GuideStar" if guiding else str(row["instrume"]).capitalize()


def keywords_of(product: Row, observation: Row) -> dict[str, str | int | float | bool | None]:
    """The keyword row of a FITS file.

    Args:
        product: Its product row.
        observation: The observation that lists it; empty where it is not known.
    """
    name = str(product["productFilename"])
    found = _EXPOSURE.fullmatch(name) or _GUIDE_STAR.fullmatch(name) or _STAGE_3.fullmatch(name)
    said = found.groupdict() if found else {}
    instrument, _, mode = str(observation.get("instrument_name") or "").partition("/")
    calibrated = product["prvversion"] is not None
    guiding = said.get("kind")
    exposed = f"FGS_{guiding}".upper() if guiding else f"{_EXPOSURE_TYPES.get(instrument)}_{mode}"
    return {
        "filename": name,
        "fileSetName": _file_set(name),
        "productLevel": _level(product),
        "instrume": "FGS" if guiding else instrument or None,
        "detector": said["detector"].upper() if "detector" in said else None,
        "exp_type": exposed if guiding or instrument in _EXPOSURE_TYPES else None,
        "program": product["proposal_id"],
        "observtn": _number(said.get("observtn")),
        "visit": _number(said.get("visit")),
        "fileSize": product["size"],
        "date_mjd": _MADE,
        "cal_ver": product["prvversion"],
        "crds_ctx": _CONTEXT if calibrated else None,
        "sdp_ver": _DATA_PROCESSING,
        "publicReleaseDate_mjd": observation.get("t_obs_release"),
        "ingestCompletionDate_mjd": _MADE,
        "isRestricted": False,
        "isStale": False,
    }


def _file_set(name: str) -> str:
    """The part that all products of one exposure or observation share."""
    stem = name.removesuffix(".fits")
    return "_".join(stem.split("_")[:3]) if _EXPOSURE.fullmatch(name) else stem.rpartition("_")[0]


def _level(product: Row) -> str:
    suffix = str(product["productFilename"]).removesuffix(".fits").rpartition("_")[2]
    by_level = {1: "1b", 2: _LEVELS.get(suffix, "2b")}
    return by_level.get(int(product["calib_level"] or 0), "3")


def _number(digits: str | None) -> str | None:
    return None if digits is None else str(int(digits))
