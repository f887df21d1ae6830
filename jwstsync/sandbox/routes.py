"""The addresses that a sandbox answers, and the record of what it was asked.

Under ``/sandbox/`` are those that the archive has not: they make products anew, or take them away. What the answers say
is worked out by the services and the downloads.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import web

from jwstsync.sandbox import bundle, downloads, services, tokens

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from jwstsync.sandbox.content import Making
    from jwstsync.sandbox.holdings import Holdings

Fault: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Given a request, the response to send in place of the normal answer, or None for the normal one."""

INVOKE = "/api/v0/invoke"
COLUMNS_CONFIG = "/portal/Mashup/Mashup.asmx/columnsconfig"
DOWNLOAD = "/api/v0.1/Download/file"
BUNDLE = "/api/v0.1/Download/bundle.sh"
WHOAMI = "/whoami"
_LARGEST_BODY = 64 * 2**20  # bytes; lists of tens of thousands of products are posted


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came.

    Attributes:
        method: GET, HEAD or POST.
        path: Without the query.
        service: The service that was invoked, or whose columns were asked for.
        uri: The query's ``uri``: what was downloaded.
        headers: As sent.
        params: The params of an invoked service.
    """

    method: str
    path: str
    service: str | None
    uri: str | None
    headers: dict[str, str]
    params: dict[str, Any] | None


class Routes:
    """What is answered at each address.

    Args:
        holdings: What there is.
        polls: How often a query answers that it is still executing before it is complete.
        page_cap: No page of an answer is larger than this.
    """

    def __init__(self, holdings: Holdings, *, polls: int, page_cap: int) -> None:
        self.received: list[Received] = []
        self.fault: Fault | None = None
        self._holdings = holdings
        self._polls = polls
        self._page_cap = page_cap
        self._polled: Counter[str] = Counter()

    def application(self) -> web.Application:
        """The application to serve."""
        application = web.Application(middlewares=[self._front], client_max_size=_LARGEST_BODY)
        application.add_routes(
            [
                web.post(INVOKE, self._invoke),
                web.post(COLUMNS_CONFIG, self._columns_config),
                web.get(DOWNLOAD, self._download),
                web.post(BUNDLE, self._bundle),
                web.get(WHOAMI, self._whoami),
                web.post("/sandbox/remake", self._remake),
                web.post("/sandbox/remove", self._remove),
                web.post("/sandbox/rewind", self._rewind),
                web.post("/sandbox/catch-up", self._catch_up),
            ]
        )
        return application

    @web.middleware
    async def _front(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every request passes here: it is recorded, may meet a fault, and is answered."""
        self.received.append(await _received(request))
        response = None if self.fault is None else await self.fault(request)
        return await handler(request) if response is None else response

    async def _invoke(self, request: web.Request) -> web.Response:
        text = str((await request.post()).get("request", ""))
        query = _parsed(text)
        if query is None:
            return web.json_response(services.refusal("request: expected a JSON object in the form's field"))
        if self._executing(text):
            return web.json_response({"status": "EXECUTING", "msg": "", "data": [], "fields": [], "paging": None})
        return web.json_response(text=await asyncio.to_thread(self._answered, query))

    def _executing(self, query: str) -> bool:
        """Whether a query is to be asked again; the same text is the same query."""
        self._polled[query] += 1
        if self._polled[query] <= self._polls:
            return True
        del self._polled[query]
        return False

    def _answered(self, query: dict[str, Any]) -> str:
        return json.dumps(services.answer(self._holdings, query, self._page_cap))

    async def _columns_config(self, request: web.Request) -> web.Response:
        return web.json_response(services.columns_config(str((await request.post()).get("colConfigId", ""))))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await downloads.send(request, self._holdings)

    async def _bundle(self, request: web.Request) -> web.Response:
        uris = [str(uri) for uri in (await request.post()).getall("uri", [])]
        url = str(request.url.with_path(DOWNLOAD))
        return web.Response(text=bundle.script(self._holdings.catalogue, uris, url))

    async def _whoami(self, request: web.Request) -> web.Response:
        return web.json_response(tokens.who(tokens.token_of(request)))

    async def _remake(self, request: web.Request) -> web.Response:
        asked = request.query
        try:
            making = self._holdings.remake(
                asked.get("name", ""),
                cal_ver=asked.get("cal_ver"),
                crds_ctx=asked.get("crds_ctx"),
                same_size=asked.get("same_size", "true") != "false",
            )
        except KeyError as error:
            return web.Response(status=404, text=f"{error.args[0]}\n")
        return web.json_response(_summary(making))

    async def _remove(self, request: web.Request) -> web.Response:
        name = request.query.get("name", "")
        try:
            self._holdings.remove(name)
        except KeyError as error:
            return web.Response(status=404, text=f"{error.args[0]}\n")
        return web.json_response({"removed": name})

    async def _rewind(self, _: web.Request) -> web.Response:
        self._holdings.rewind()
        return web.json_response({"rewound": True})

    async def _catch_up(self, _: web.Request) -> web.Response:
        return web.json_response([_summary(making) for making in self._holdings.catch_up()])


async def _received(request: web.Request) -> Received:
    form = await request.post() if request.path in {INVOKE, COLUMNS_CONFIG} else {}
    query = _parsed(str(form.get("request", ""))) or {}
    service, params = query.get("service") or form.get("colConfigId"), query.get("params")
    return Received(
        method=request.method,
        path=request.path,
        service=None if service is None else str(service),
        uri=request.query.get("uri"),
        headers=dict(request.headers),
        params=params if isinstance(params, dict) else None,
    )


def _parsed(text: str) -> dict[str, Any] | None:
    """The JSON object in a text, if it is one."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _summary(making: Making) -> dict[str, object]:
    return {"name": making.filename, "size": making.size, "cal_ver": making.cal_ver, "crds_ctx": making.crds_ctx}
