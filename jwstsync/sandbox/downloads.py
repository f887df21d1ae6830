"""Downloads: whole products or one range of them, streamed, with the headers that let a client resume.

Which products there are and who may have them is told by the holdings and the tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiohttp import web

from jwstsync.sandbox import tokens
from jwstsync.sandbox.content import date_of, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.sandbox.content import Making
    from jwstsync.sandbox.holdings import Holdings

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES = {"fits": "application/fits", "jpg": "image/jpeg", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a product: from ``start`` up to ``stop``."""

    start: int
    stop: int


async def send(request: web.Request, holdings: Holdings) -> web.StreamResponse:
    """The product that the query's ``uri`` names: 400 without one, 404 where there is none, 401 without a right."""
    uri = request.query.get("uri")
    if uri is None:
        return web.Response(status=400, text="uri: expected the dataURI of a product\n")
    making = holdings.by_uri(uri)
    if making is None:
        return web.Response(status=404, text=f"{uri}: not found\n")
    if not holdings.is_public(making) and not tokens.gives_right(tokens.token_of(request)):
        return web.Response(status=401, text=f"{uri}: exclusive access, expected a token with a right to it\n")
    return await _send(request, making)


async def _send(request: web.Request, making: Making) -> web.StreamResponse:
    headers = _headers(making)
    span = wanted(request.headers, headers, making.size) if request.method == "GET" else None
    if span is not None and span.start >= span.stop:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{making.size}"})
    return await _stream(request, making, headers, span)


async def _stream(
    request: web.Request, making: Making, headers: Mapping[str, str], span: Span | None
) -> web.StreamResponse:
    start, stop = (0, making.size) if span is None else (span.start, span.stop)
    response = web.StreamResponse(status=200 if span is None else 206, headers=headers)
    response.content_length = stop - start
    if span is not None:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{making.size}"
    await response.prepare(request)
    if request.method == "GET":
        for piece in pieces(making, start, stop):
            await response.write(piece)
    await response.write_eof()
    return response


def _headers(making: Making) -> dict[str, str]:
    made = date_of(making.date_mjd).replace(microsecond=0)
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": _TYPES.get(making.filename.rpartition(".")[2], "text/plain"),
        "ETag": f'"{making.fingerprint()}"',
        "Last-Modified": format_datetime(made, usegmt=True),
    }


def wanted(asked: Mapping[str, str], headers: Mapping[str, str], size: int) -> Span | None:
    """The one range that a request asks for; an empty one if it lies outside, None for the whole.

    A range that is not understood, several ranges, or one for bytes that have changed since (``If-Range``) ask for the
    whole, as RFC 9110 has it.
    """
    found = _RANGE.fullmatch(asked.get("Range", ""))
    if found is None or found.groups() == ("", "") or not _unchanged(asked, headers):
        return None
    first, last = found.groups()
    if not first:
        return Span(max(size - int(last), 0), size)
    if last and int(last) < int(first):
        return None
    return Span(int(first), min(int(last) + 1, size) if last else size)


def _unchanged(asked: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    condition = asked.get("If-Range")
    return condition is None or condition in {headers["ETag"], headers["Last-Modified"]}
