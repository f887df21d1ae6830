"""A small archive for the tests of the command line: three proposals, the last under exclusive access."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from aiohttp import web

from jwstsync.sandbox import Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.sandbox import Fault
    from jwstsync.sandbox.columns import Row

FIRST, SECOND, EXCLUSIVE = 1111, 2222, 3333
RELEASE = 97_964.0  # MJD of 2127-02-04: what is said of a release changes once it has passed
SIZE = 8640  # bytes of every FITS file
INVOKE, DOWNLOAD = "/api/v0/invoke", "/api/v0.1/Download/file"
SUFFIXES = ("uncal", "rate", "cal", "i2d")
_PATIENCE = 60  # seconds, after which nobody comes
URI = "mast:JWST/product/"


def product_name(proposal: int, suffix: str = "cal") -> str:
    """The file name of one of a proposal's products."""
    return f"jw{proposal:05}001001_02101_00001_nrca1_{suffix}.fits"


def product_path(proposal: int, suffix: str = "cal") -> str:
    """Where it lies below the root."""
    return f"JWST/jw{proposal:05}001001_02101_00001_nrca1/{product_name(proposal, suffix)}"


def catalogue(*, more: int = 0) -> Catalogue:
    """The archive's tables.

    Args:
        more: So many more products of the first proposal, ``..._extra00.fits`` and so on.
    """
    observations: list[Row] = [
        {
            "obsid": proposal,
            "obs_id": f"jw{proposal:05}-o001_t001_nircam_f200w",
            "proposal_id": str(proposal),
            "filters": "F200W",
            "target_name": "NGC-3132",
            "t_obs_release": RELEASE if proposal == EXCLUSIVE else 59_773.5,
            "dataRights": "EXCLUSIVE_ACCESS" if proposal == EXCLUSIVE else "PUBLIC",
        }
        for proposal in (FIRST, SECOND, EXCLUSIVE)
    ]
    products = [row for proposal in (FIRST, SECOND, EXCLUSIVE) for row in _products(proposal)]
    products += [{"productFilename": product_name(FIRST, f"extra{n:02}"), **_of(FIRST)} for n in range(more)]
    return Catalogue.from_rows(observations, products)


def _products(proposal: int) -> Iterator[Row]:
    for suffix in SUFFIXES:
        level = {"uncal": 1, "i2d": 3}.get(suffix, 2)
        yield {"productFilename": product_name(proposal, suffix), "calib_level": level, **_of(proposal)}
    name = product_name(proposal).replace("_cal.fits", "_cal.jpg")
    yield {"productFilename": name, "productType": "PREVIEW", **_of(proposal)}


def _of(proposal: int) -> Row:
    return {"parent_obsid": proposal, "obs_id": product_name(proposal).removesuffix("_cal.fits")}


def no_answer_about(proposal: int) -> Fault:
    """A fault: the archive has an error to say of one proposal."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        form = await request.post() if request.path == INVOKE else {}
        asked = str(form.get("request", ""))
        if f"%22{proposal}%22" not in asked and f'"{proposal}"' not in asked:
            return None
        return web.json_response({"status": "ERROR", "msg": "database session was killed", "data": [], "fields": []})

    return fault


def no_download_of(*names: str, status: int = 404) -> Fault:
    """A fault: these products can not be downloaded."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        wanted = request.query.get("uri", "").removeprefix(URI) in names
        return web.Response(status=status, text="not today") if wanted else None

    return fault


class Held:
    """A fault that keeps some requests waiting for ever.

    Args:
        path: The address that they ask.
        name: The end of the product's name, for downloads.
    """

    def __init__(self, path: str, name: str = "") -> None:
        self._begun = threading.Event()
        self._path = path
        self._name = name

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Waits, if this is one of them."""
        if request.path == self._path and request.query.get("uri", "").endswith(self._name):
            self._begun.set()
            await asyncio.Event().wait()
        return None

    def wait(self) -> None:
        """Returns once the first of them has come."""
        assert self._begun.wait(_PATIENCE)
