"""MAST that keeps its clients waiting: pauses between polls, and the time limit of every request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import urllib3
from aiohttp import web

from jwstsync.errors import ArchiveError
from jwstsync.sandbox import Sandbox
from tests.archive.answers import COLUMNS_CONFIG, GROUPS, INVOKE, PROPOSAL, answers, archive_at, catalogue, text
from tests.archive.servers import sending

if TYPE_CHECKING:
    import socket

    from tests.archive.servers import Clock

SHORT = 0.2  # seconds; long enough to be asked, short enough to wait for


def test_pauses_between_polls_grow(clock: Clock) -> None:
    """A query under way is asked after 0.2 s at first, then ever more slowly, but at least every 5 s."""
    with Sandbox(catalogue=catalogue(), polls=12) as sandbox:
        found = archive_at(sandbox.url).observations(PROPOSAL)

    assert [one.group_id for one in found] == GROUPS
    assert len(clock.pauses) == 12
    assert clock.pauses[0] == 0.2
    assert clock.pauses[-1] == clock.pauses[-2] == 5
    assert clock.pauses == sorted(clock.pauses)
    assert len(set(clock.pauses)) > 8


def test_the_next_query_is_polled_afresh(clock: Clock) -> None:
    """Each query, and each page of one, begins with the short pause again, and none is made before a first request."""
    with Sandbox(catalogue=catalogue(), polls=2, page_cap=30) as sandbox:
        archive = archive_at(sandbox.url)
        archive.observations(PROPOSAL)
        archive.products(GROUPS[:2])

    assert clock.pauses == pytest.approx([0.2, 0.3] * 3)


def test_a_query_that_never_ends_is_given_up(sandbox: Sandbox, clock: Clock) -> None:
    """Polling ends when the time for the query is over, to the second, and is told with server and time."""
    sandbox.fault = answers(text('{"status": "EXECUTING"}'))

    with pytest.raises(
        ArchiveError, match=rf"^{sandbox.url}: observations of proposal 1345: still executing the query after 90 s$"
    ):
        archive_at(sandbox.url, timeout=90).observations(PROPOSAL)

    assert sum(clock.pauses) == pytest.approx(90)
    assert max(clock.pauses) == 5


def test_every_query_has_its_own_time(clock: Clock) -> None:
    """The limit is for one query with its polls: a list of products in many requests may take longer."""
    with Sandbox(catalogue=catalogue(), polls=8) as sandbox:
        rows = archive_at(sandbox.url, timeout=12).products(GROUPS)

    assert len(rows) == 2 * len(GROUPS)
    assert clock.monotonic() > 12


def test_a_longer_time_than_the_clients_own_is_given(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would give up after 600 s; where the user has more patience, that counts."""
    from astroquery.mast import discovery_portal

    monkeypatch.setattr(discovery_portal, "time", clock)
    with Sandbox(catalogue=catalogue(), polls=150) as sandbox:
        found = archive_at(sandbox.url, timeout=1000).observations(PROPOSAL)

    assert [one.group_id for one in found] == GROUPS
    assert clock.time() > 600


def test_the_clients_import_is_no_part_of_the_query(
    sandbox: Sandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow disk it takes longer than a short limit, and nobody was asked yet."""
    from astroquery import mast

    client = mast.ObservationsClass

    def slowly() -> object:
        clock.sleep(90)
        return client()

    monkeypatch.setattr(mast, "ObservationsClass", slowly)
    assert len(archive_at(sandbox.url, timeout=1).observations(PROPOSAL)) == len(GROUPS)


CONTINUING = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "forever"),
    [
        pytest.param(b"", b"", id="silence"),
        pytest.param(b"HTTP/1.1 2", b"", id="silence in the first line"),
        pytest.param(b"", CONTINUING, id="headers without end"),
        pytest.param(CHUNKED + b"1\r\n{\r\n", b"", id="silence in the body"),
        pytest.param(CHUNKED, b"1\r\n \r\n", id="chunks without end"),
        pytest.param(LONG, b" ", id="a byte at a time"),
    ],
)
def test_every_request_has_a_time_limit(first: bytes, forever: bytes) -> None:
    """However a server keeps a request waiting, it ends with the time for the query, told with server and time."""
    with sending(first, forever) as url:
        archive = archive_at(url, timeout=SHORT)
        with pytest.raises(ArchiveError, match=rf"^{url}: products of 1 observations from 7: no answer in {SHORT} s$"):
            archive.products([7])


@pytest.mark.parametrize("path", [COLUMNS_CONFIG, INVOKE])
def test_no_address_is_waited_for_without_end(sandbox: Sandbox, path: str) -> None:
    """The limit holds for what astroquery asks first as for the query itself."""

    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    sandbox.fault = answers(never, path)
    with pytest.raises(ArchiveError, match=f"no answer in {SHORT} s"):
        archive_at(sandbox.url, timeout=SHORT).observations(PROPOSAL)


@pytest.mark.parametrize(("timeout", "said"), [(600, "30"), (5, "5")])
def test_a_server_that_can_not_be_connected_is_given_up_early(
    timeout: float, said: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute is enough for a connection, whatever a query may take; told with server and time."""
    waited = []

    def hanging(_address: tuple[str, int], timeout: float, **_: object) -> socket.socket:
        waited.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(urllib3.util.connection, "create_connection", hanging)
    with pytest.raises(ArchiveError, match=f"^http://127.0.0.1:9: .*: not reached in {said} s$"):
        archive_at("http://127.0.0.1:9", timeout=timeout).observations(PROPOSAL)

    assert waited == [float(said)]
    assert not clock.pauses
