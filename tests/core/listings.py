"""Answers of the archive for the core's tests: a proposal with observations of every sort, and product rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from jwstsync.core.caom import Observation, ProductRow
from jwstsync.core.manifest import Manifest, parse_manifest
from jwstsync.core.selection import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

MIRI = Observation(
    10, "jw02733-o002_t001_miri", "JWST", instrument_name="MIRI/IMAGE", calib_level=3, released_at=59772.5
)
NIRCAM = Observation(20, "jw02733-o001_t001_nircam", "JWST", instrument_name="NIRCAM/IMAGE", calib_level=3)
EXPOSURE = Observation(30, "jw02733002001", "JWST", instrument_name="MIRI/IMAGE", calib_level=2)
PLANNED = Observation(1, "jw02733-o009", "JWST", instrument_name="MIRI/IMAGE", calib_level=-1)
HUBBLE = Observation(2, "hst_02733", "HST", instrument_name="WFPC2", calib_level=3)
OUTREACH = Observation(3, "outreach", None, calib_level=4)
OBSERVATIONS = (NIRCAM, HUBBLE, EXPOSURE, PLANNED, MIRI, OUTREACH)
EVERYTHING = "[[proposal]]\nid = 2733\ninclude = [{}]\n"


def manifest_of(blocks: str, layout: str = "{obs_id}/{filename}") -> Manifest:
    """A manifest with these blocks."""
    return parse_manifest(f"version = 1\ndestination.layout = '{layout}'\n{blocks}", PurePath("jwstsync.toml"))


def row(name: str, parent: int = 10, **changes: Any) -> ProductRow:  # noqa: ANN401 - fields of many types
    """A product row as one parent lists it."""
    made = ProductRow(
        f"mast:JWST/product/{name}",
        name,
        parent,
        parent,
        f"of_{name}",
        obs_collection="JWST",
        product_type="SCIENCE",
        cal_ver="1.16.1",
        proposal_id="2733",
        size=2880,
        data_rights="PUBLIC",
        calib_level=3,
    )
    return replace(made, **changes)


def listing_of(*rows: ProductRow, proposal: int = 2733, observations: Sequence[Observation] = OBSERVATIONS) -> Listing:
    """What the archive lists for one proposal."""
    return Listing(proposal, observations, rows)
