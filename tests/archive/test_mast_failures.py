"""MAST that fails: whatever is wrong is one error with one clear line."""

from __future__ import annotations

import json
import math
import re
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.core.caom import PRODUCT_COLUMNS
from jwstsync.errors import ArchiveError
from jwstsync.sandbox import Sandbox
from tests.archive.answers import (
    COLUMNS_CONFIG,
    GROUPS,
    PRODUCT,
    PROPOSAL,
    Answer,
    answers,
    archive_at,
    catalogue,
    declared,
    table,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def error_of(asked: Callable[[], object]) -> str:
    """The text of the error that a question ends in."""
    with pytest.raises(ArchiveError) as caught:
        asked()
    return str(caught.value)


async def torn(request: web.Request) -> web.StreamResponse:
    """Breaks off in the middle of the body."""
    response = web.StreamResponse()
    response.content_length = 1000
    await response.prepare(request)
    await response.write(b"{")
    await hung_up(request)
    return response


async def hung_up(request: web.Request) -> web.StreamResponse:
    """Closes the connection in place of an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


FAILED = {"status": "ERROR", "msg": "database session killed"}
NO_PARENT = {**PRODUCT, "parent_obsid": None}
NO_PARENT_COLUMN = {"obsID": "string", "dataURI": "string"}
PRODUCT_TYPES = declared(PRODUCT_COLUMNS)

FAILURES = {
    "http 500": (text("boom", status=500), "500 Server Error: Internal Server Error"),
    "http 404": (text("gone", status=404), "404 Client Error"),
    "its own error": (text(json.dumps(FAILED)), "database session killed"),
    "an error in many lines": (
        text(json.dumps({**FAILED, "msg": "\x1b[31mfirst\n\nsecond\x00"})),
        r": .31mfirst second \(tried 6 times\)$",
    ),
    "an error without words": (text(json.dumps({**FAILED, "msg": "\n"})), r": RemoteServiceError \(tried 6 times\)$"),
    "a long error": (text(json.dumps({**FAILED, "msg": "x" * 9999})), r": x{300} \(tried 6 times\)$"),
    "a page": (text("<html>down for maintenance</html>"), r"not understood \(JSONDecodeError: Expecting value"),
    "an empty body": (text(""), r"not understood \(JSONDecodeError: Expecting value"),
    "an empty object": (text("{}"), r"not understood \(KeyError: 'status'"),
    "null": (text("null"), r"not understood \(TypeError"),
    "a list": (text("[1]"), r"not understood \(AttributeError"),
    "no data": (text('{"status": "COMPLETE", "fields": []}'), r"not understood \(KeyError: .*'data'"),
    "no fields": (text('{"status": "COMPLETE", "data": []}'), r"not understood \(KeyError: .*fields"),
    "null for fields": (text('{"status": "COMPLETE", "data": [], "fields": null}'), r"not understood \(TypeError"),
    "no paging number": (
        text('{"status": "COMPLETE", "data": [], "fields": [], "paging": {}}'),
        r"not understood \(KeyError: 'pagesFiltered'",
    ),
    "not the encoding it says": (
        text("plain", encoding="gzip"),
        ": Error -3 while decompressing data: incorrect header check$",
    ),
    "half a body": (torn, r": IncompleteRead\(1 bytes read, 999 more expected\) \(tried 6 times\)$"),
    "no response": (hung_up, r"not reached \(Remote end closed connection"),
    "no parent": (table(PRODUCT_TYPES, PRODUCT, NO_PARENT), "column parent_obsid: expected a product group id"),
    "no parent column": (table(NO_PARENT_COLUMN, PRODUCT), "column parent_obsid: expected it in every answer"),
    "a parent that is no number": (
        table(PRODUCT_TYPES, {**PRODUCT, "parent_obsid": "jw01345-o001"}),
        "column parent_obsid = 'jw01345-o001': expected a whole number",
    ),
    "a size that is text": (
        table(PRODUCT_TYPES, {**PRODUCT, "size": "big"}),
        "column size = 'big': expected a whole number",
    ),
    "a size in parts": (
        table(PRODUCT_TYPES, {**PRODUCT, "size": 2880.5}),
        "column size = '2880.5': expected a whole number",
    ),
    "a name that is none": (
        table(PRODUCT_TYPES, {**PRODUCT, "productFilename": ["a", "b"]}),
        r"column productFilename = .*: expected a text",
    ),
    "a row that is none": (
        text(json.dumps({"status": "COMPLETE", "fields": [{"name": name} for name in PRODUCT], "data": [[1]]})),
        r"not understood \(AttributeError",
    ),
    "a size without end": (
        table({**PRODUCT_TYPES, "size": "float"}, {**PRODUCT, "size": math.inf}),
        "column size = 'inf': expected a whole number",
    ),
}


@pytest.mark.parametrize(("answer", "said"), FAILURES.values(), ids=FAILURES)
def test_whatever_is_wrong_with_an_answer_is_one_clear_line(sandbox: Sandbox, answer: Answer, said: str) -> None:
    """Never another exception, never a second line or a control character; with the server and what was asked."""
    sandbox.fault = answers(answer)
    archive = archive_at(sandbox.url)
    error = error_of(lambda: archive.products([9_000, 9_001]))

    assert error.startswith(f"{sandbox.url}: products of 2 observations from 9000: ")
    assert error.isprintable()
    assert re.search(said, error)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(text("boom", status=500), "500 Server Error"), (text("{}"), "proposal_id"), (text("null"), "not understood")],
)
def test_a_failure_before_the_query_is_told_as_well(sandbox: Sandbox, answer: Answer, said: str) -> None:
    """The client first asks which columns there are, and stumbles in other ways if that fails."""
    sandbox.fault = answers(answer, COLUMNS_CONFIG)
    error = error_of(lambda: archive_at(sandbox.url).observations(PROPOSAL))

    assert error.startswith(f"{sandbox.url}: observations of proposal 1345: ")
    assert said in error
    assert error.isprintable()


def test_a_page_that_fails_fails_the_list() -> None:
    """Half a list is no list: a product would seem to be gone."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        page = re.search(r'"page": (\d+),', str((await request.post()).get("request")))
        return await text(json.dumps(FAILED))(request) if page and int(page[1]) > 1 else None

    with Sandbox(catalogue=catalogue(), page_cap=7) as sandbox:
        sandbox.fault = fault
        error = error_of(lambda: archive_at(sandbox.url).observations(PROPOSAL))

    assert "database session killed" in error


def test_a_failure_does_not_spoil_the_next_question(sandbox: Sandbox) -> None:
    """Proposals are asked one after the other: what one of them met leaves nothing behind."""
    archive = archive_at(sandbox.url)
    for answer in (text("boom", status=500), text("{}"), torn):
        sandbox.fault = answers(answer)
        error_of(lambda: archive.observations(PROPOSAL))
        sandbox.fault = None
        assert [one.group_id for one in archive.observations(PROPOSAL)] == GROUPS


def test_a_server_that_is_not_there_is_told() -> None:
    """A refused connection names the server and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    error = error_of(lambda: archive_at(url).observations(PROPOSAL))

    assert re.fullmatch(rf"{url}: observations of proposal 1345: not reached \(.*Connection refused\)", error)


def test_a_server_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows is a server that is not reached."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = error_of(lambda: archive_at("http://nowhere.invalid").observations(PROPOSAL))

    assert error.startswith("http://nowhere.invalid: observations of proposal 1345: not reached (")
    assert error.endswith("Name or service not known)")
