"""A stand-in for MAST with 120,000 product rows over 700 observations, as a process of its own.

Prints its address, serves until its input ends, and then prints what was asked of it, as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from jwstsync.sandbox import Catalogue, Sandbox
from jwstsync.sandbox.content import checksum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.sandbox.columns import Row

PROPOSAL = 4242
OBSERVATIONS = 700
ROWS = 120_000
_DETECTORS = ("nrca1", "nrcb2", "nrcalong", "mirimage")
_SUFFIXES = ("cal", "rate", "rateints", "i2d", "uncal")


def catalogue() -> Catalogue:
    """The proposal, with keywords for every FITS file."""
    observations = [
        {
            "obsid": group,
            "obs_id": f"jw{PROPOSAL:05}-o{group:03}_t001_nircam_f200w",
            "proposal_id": str(PROPOSAL),
            "instrument_name": "NIRCAM/IMAGE",
        }
        for group in range(1, OBSERVATIONS + 1)
    ]
    return Catalogue.from_rows(observations, list(_products()))


def _products() -> Iterator[Row]:
    for number in range(ROWS):
        group, within = number % OBSERVATIONS + 1, number // OBSERVATIONS
        exposure, rest = divmod(within, len(_DETECTORS) * len(_SUFFIXES))
        detector, suffix = _DETECTORS[rest % len(_DETECTORS)], _SUFFIXES[rest // len(_DETECTORS)]
        name = f"jw{PROPOSAL:05}{group:03}001_02101_{exposure + 1:05}_{detector}"
        yield {"parent_obsid": group, "obs_id": name, "productFilename": f"{name}_{suffix}.fits"}


def main() -> None:
    """Serves until the input ends."""
    held = catalogue()
    for makings in held.makings.values():
        checksum(makings[-1])  # an archive knows its checksums, and does not work them out when it is asked
    with Sandbox(catalogue=held) as sandbox:
        print(sandbox.url, flush=True)  # noqa: T201 - who waits for it reads it
        sys.stdin.read()
        asked = [one for one in sandbox.requests if one.params is not None]
    counts = [one.params["obsid"].count(",") + 1 for one in asked if one.params and "obsid" in one.params]
    summary = {"requests": len(asked), "product_requests": len(counts), "most_observations": max(counts, default=0)}
    print(json.dumps(summary))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
