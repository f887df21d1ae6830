"""The server itself: it starts, records, meets faults, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from aiohttp import web

from jwstsync.sandbox import TOKEN, Sandbox, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

DOWNLOAD = "/api/v0.1/Download/file"
CAL = "mast:JWST/product/jw02733002001_02103_00001_mirimage_cal.fits"


def test_nothing_is_left_when_it_stops() -> None:
    """The thread has ended, the port is free, and the connections of clients are closed."""
    before = threading.enumerate()
    with requests.Session() as client:
        with Sandbox() as sandbox:
            assert client.get(f"{sandbox.url}/whoami", timeout=30).status_code == 200
        assert threading.enumerate() == before
        with pytest.raises(requests.ConnectionError):
            client.get(f"{sandbox.url}/whoami", timeout=30)


def test_it_may_be_started_again() -> None:
    """A sandbox that was down comes back as it was, at the same port where one was chosen."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    sandbox = Sandbox(port=port)
    with sandbox:
        sandbox.remove(CAL.rpartition("/")[2])
    with sandbox:
        assert sandbox.url == f"http://127.0.0.1:{port}"
        assert requests.head(f"{sandbox.url}{DOWNLOAD}?uri={CAL}", timeout=30).status_code == 404


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    """Whoever asks for a port that is taken is told at once."""
    port = int(sandbox.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"), Sandbox(port=port):
        pass


def test_everything_asked_is_recorded_in_order() -> None:
    """The record has method, path, service, uri, headers and params of each request, also of those that fail."""
    with Sandbox() as sandbox:
        query = {"service": "Mast.Caom.Products", "params": {"obsid": "1"}}
        requests.post(
            f"{sandbox.url}/portal/Mashup/Mashup.asmx/columnsconfig",
            data="colConfigId=Mast.Caom.Cone",
            timeout=30,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        requests.post(f"{sandbox.url}/api/v0/invoke", data={"request": json.dumps(query)}, timeout=30)
        requests.get(f"{sandbox.url}/whoami", headers={"Authorization": f"token {TOKEN}"}, timeout=30)
        requests.head(f"{sandbox.url}{DOWNLOAD}?uri={CAL}", timeout=30)
        requests.get(f"{sandbox.url}/nowhere", timeout=30)
        seen = sandbox.requests

    assert [(request.method, request.path) for request in seen] == [
        ("POST", "/portal/Mashup/Mashup.asmx/columnsconfig"),
        ("POST", "/api/v0/invoke"),
        ("GET", "/whoami"),
        ("HEAD", DOWNLOAD),
        ("GET", "/nowhere"),
    ]
    assert [request.service for request in seen[:3]] == ["Mast.Caom.Cone", "Mast.Caom.Products", None]
    assert [request.params for request in seen[:3]] == [None, {"obsid": "1"}, None]
    assert seen[2].headers["Authorization"] == f"token {TOKEN}"
    assert seen[3].uri == CAL


def test_a_fault_takes_the_place_of_an_answer() -> None:
    """A response that the fault returns is sent, None lets the normal answer through, and a fault can be taken away."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503, headers={"Retry-After": "1"}) if request.path == DOWNLOAD else None

    with Sandbox() as sandbox:
        sandbox.fault = fault
        faulty = requests.get(f"{sandbox.url}{DOWNLOAD}?uri={CAL}", timeout=30)
        assert (faulty.status_code, faulty.headers["Retry-After"]) == (503, "1")
        assert requests.get(f"{sandbox.url}/whoami", timeout=30).json()["anon"] is True
        assert sandbox.fault is fault

        sandbox.fault = None
        assert requests.get(f"{sandbox.url}{DOWNLOAD}?uri={CAL}", timeout=30).status_code == 200


def test_it_stops_while_an_answer_is_under_way() -> None:
    """An answer that never ends does not keep the sandbox from stopping."""
    begun = threading.Event()

    async def stalled(_: web.Request) -> web.StreamResponse | None:
        begun.set()
        await asyncio.Event().wait()
        return None

    with Sandbox() as sandbox:
        sandbox.fault = stalled
        address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        client = socket.create_connection(address)
        client.sendall(b"GET /whoami HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        begun.wait()
    with client:
        assert client.recv(1) == b""


@pytest.fixture
def unclosed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was found, once the test is over, to be thrown away without having been closed."""
    found: list[str] = []
    gc.collect()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda unraisable: found.append(str(unraisable.exc_value)))
        yield found
        gc.collect()
    assert found == []


@pytest.mark.usefixtures("unclosed")
def test_clients_that_come_as_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is let in at the last moment is let go as well, and no socket of theirs stays open."""
    busy, go_on = threading.Event(), threading.Event()

    async def fault(_: web.Request) -> web.StreamResponse | None:
        busy.set()
        go_on.wait(30)  # and with it the whole loop
        return None

    def tell(loop: asyncio.BaseEventLoop, *what: Any) -> asyncio.Handle:  # noqa: ANN401 - whatever it is told
        handle = told(loop, *what)
        go_on.set()  # the sandbox has been told to stop
        return handle

    told = asyncio.BaseEventLoop.call_soon_threadsafe
    with contextlib.ExitStack() as clients, Sandbox() as sandbox:
        sandbox.fault = fault
        address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        first, *_ = [clients.enter_context(socket.create_connection(address)) for _ in range(2)]
        first.sendall(b"GET /whoami HTTP/1.1\r\nHost: here\r\n\r\n")
        assert busy.wait(30)
        for _ in range(20):
            clients.enter_context(socket.create_connection(address))
        monkeypatch.setattr(asyncio.BaseEventLoop, "call_soon_threadsafe", tell)


@pytest.mark.usefixtures("unclosed")
def test_a_client_that_takes_nothing() -> None:
    """What it has not taken when the sandbox stops is not sent any more."""
    with contextlib.ExitStack() as clients, Sandbox(full_size=True) as sandbox:
        address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        client = clients.enter_context(socket.create_connection(address))
        client.sendall(f"GET {DOWNLOAD}?uri={CAL} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        assert client.recv(1) == b"H"


def test_whoami_tells_anonymous_callers_from_known_ones(sandbox: Sandbox) -> None:
    """Without a good token a caller is anonymous and has no scopes; with one it has a name."""
    anonymous = requests.get(f"{sandbox.url}/whoami", timeout=30).json()
    known = requests.get(f"{sandbox.url}/whoami", headers={"Authorization": f"token {TOKEN}"}, timeout=30).json()

    assert set(anonymous) == set(known) == {"anon", "attrib", "eppn", "ezid", "scopes", "session", "token"}
    assert (anonymous["anon"], anonymous["scopes"], anonymous["attrib"]) == (True, [], {})
    assert (known["anon"], known["attrib"]["display_name"]) == (False, "Sandbox User")


def test_it_serves_in_the_foreground_until_it_is_interrupted() -> None:
    """The address is announced once it can be reached, and Ctrl-C ends it without an error."""
    before = threading.enumerate()
    reached = []

    def reach(url: str) -> None:
        reached.append(requests.get(f"{url}/whoami", timeout=30).status_code)
        os.kill(os.getpid(), signal.SIGINT)

    def announce(url: str) -> None:
        visitor.append(threading.Thread(target=reach, args=(url,)))
        visitor[0].start()

    visitor: list[threading.Thread] = []
    serve(port=0, full_size=False, announce=announce)
    visitor[0].join()

    assert reached == [200]
    assert threading.enumerate() == before


def test_importing_it_is_cheap() -> None:
    """Neither numpy nor astropy is imported with the sandbox, nor anything of the rest of jwstsync."""
    script = "import sys, jwstsync.sandbox; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()

    assert not {"numpy", "astropy", "astroquery"} & set(imported)
    assert {name.split(".")[1] for name in imported if name.startswith("jwstsync.")} == {"sandbox"}
