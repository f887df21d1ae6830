"""A proposal to ask about, and answers that a sandbox is made to give in place of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import web

from jwstsync.archive.mast import MastArchive
from jwstsync.core.caom import Column, Kind
from jwstsync.sandbox import Catalogue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

Answer: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"

INVOKE = "/api/v0/invoke"
COLUMNS_CONFIG = "/portal/Mashup/Mashup.asmx/columnsconfig"
PROPOSAL = 1345
GROUPS = list(range(9_000, 9_060))
OBSERVATION = {"obsid": 9_000, "obs_id": "jw01345-o001"}
PRODUCT = {
    "obsID": 17,
    "parent_obsid": 9_000,
    "obs_id": "jw01345001001_02101_00001_nrca1",
    "dataURI": "mast:JWST/product/a_cal.fits",
    "productFilename": "a_cal.fits",
}
_TYPES = {Kind.NUMBER: "float", Kind.TIME: "float", Kind.SIZE: "int", Kind.FLAG: "boolean"}
_WHOLE = {"calib_level", "sequence_number", "size"}


def catalogue() -> Catalogue:
    """A proposal of 60 observations, each of which lists two products, one of them its own."""
    observations = [
        {"obsid": group, "obs_id": f"jw01345-o{group % 1000:03}", "proposal_id": str(PROPOSAL)} for group in GROUPS
    ]
    own = [{"productFilename": f"jw01345{group}_cal.fits", "parent_obsid": group, "obsID": 17} for group in GROUPS]
    shared = [{"productFilename": "jw01345_pool.csv", "parent_obsid": group} for group in GROUPS]
    other = [{"obsid": 1, "obs_id": "jw01346-o001", "proposal_id": "1346"}]
    outreach = [{"obsid": 2, "obs_id": "carina", "proposal_id": str(PROPOSAL), "obs_collection": "OPO"}]
    return Catalogue.from_rows(observations + other + outreach, own + shared)


def archive_at(url: str, timeout: float = 60) -> MastArchive:
    """An archive that is asked in a test's name."""
    return MastArchive(url, timeout=timeout, agent="jwstsync/1.2.3")


def answers(answer: Answer, path: str = INVOKE) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    """A fault: at one address, this answer in place of the sandbox's."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return await answer(request) if request.path == path else None

    return fault


def text(body: str, status: int = 200, encoding: str = "identity") -> Answer:
    """Answers with a text, encoded as it is whatever is said of it."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status, headers={"Content-Encoding": encoding})

    return answer


def table(types: Mapping[str, str], *rows: Mapping[str, Any]) -> Answer:
    """Answers with a table: rows as JSON, and the types that the archive would declare for their columns."""
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return text(json.dumps({"status": "COMPLETE", "msg": "", "data": rows, "fields": fields, "paging": None}))


def declared(columns: Mapping[str, Column]) -> dict[str, str]:
    """The types that the archive declares; ids are strings although their values are numbers."""
    return {
        name: "int" if column.attribute in _WHOLE else _TYPES.get(column.kind, "string")
        for name, column in columns.items()
    }
