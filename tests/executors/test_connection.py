"""How a server is reached: over TLS, through proxies, and again where it has closed what was kept open."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trustme

from jwstsync.executors import Cause, Deferred, Failed
from jwstsync.executors.answers import RefusalError
from jwstsync.executors.connection import Connection
from jwstsync.executors.server import Server
from tests.executors.bench import Bench, Counts, bench_at, fits, names
from tests.executors.fault_server import PATIENCE, FaultServer, cut_off, held, raw, redirect, stalled, whole

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch

CONTENT = fits("right", blocks=200)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The same over https, with a certificate that the environment says to trust."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("NO_PROXY", "*")
    with FaultServer(context) as server:
        yield Bench(tmp_path, server)


def test_files_come_over_tls(secure: Bench) -> None:
    """Several files over several connections are whole, with the token."""
    fetches = [secure.offer(f"{name}.fits", CONTENT) for name in "abc"]

    assert names(secure.fetched(*fetches, token="a-token")) == ["a.fits", "b.fits", "c.fits"]
    assert secure.files == {f"{name}.fits": CONTENT for name in "abc"}
    assert {one.headers["authorization"] for one in secure.server.requests} == {"token a-token"}


@pytest.mark.parametrize("sent", [b"", CONTENT[:100]])
def test_silence_over_tls_is_a_setback(secure: Bench, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """A server that says nothing, or no more, is given up there as well."""
    monkeypatch.setattr(Server, "silence", 0.05)
    fetch = secure.offer("a.fits", CONTENT, stalled(sent, len(CONTENT)))

    assert secure.fetched(fetch) == [Failed(fetch, Cause.HOST, "no byte came for 0.05 s")]


def test_strangers_are_not_trusted(secure: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose certificate nobody vouches for is not asked for anything."""
    monkeypatch.delenv("SSL_CERT_FILE")
    [failed] = secure.fetched(secure.offer("a.fits", CONTENT), token="a-token")

    assert isinstance(failed, Failed)
    assert failed.cause is Cause.HOST
    assert "certificate verify failed" in failed.error
    assert secure.server.requests == []


def test_a_stop_ends_what_comes_over_tls(secure: Bench) -> None:
    """A stop while a body is held back does not wait for it."""
    gate = secure.server.gate()
    fetch = secure.offer("a.fits", CONTENT, held(CONTENT, gate, 100))
    executor = secure.executor()

    def stop() -> None:
        gate.wait_for_arrival()
        executor.stop()

    threading.Thread(target=stop).start()

    assert names(executor.run([fetch], secure.watch), Deferred) == ["a.fits"]


@contextmanager
def proxy() -> Iterator[tuple[int, list[str]]]:
    """A proxy that knows CONNECT alone: its port, and the heads of what it was asked."""
    heads: list[str] = []

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1 << 16)
        heads.append(head.decode())
        host, _, port = head.split()[1].decode().partition(":")
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=pass_on, args=(server, client))
            back.start()
            pass_on(client, server)
            back.join(PATIENCE)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1], heads
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def test_a_proxy_passes_tls_on(secure: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy learns where to, with its own password, and nothing of the request; the server learns no password."""
    monkeypatch.delenv("NO_PROXY")
    with proxy() as (port, heads):
        monkeypatch.setenv("https_proxy", f"http://me:se%20cret@127.0.0.1:{port}")
        outcomes = secure.fetched(secure.offer("a.fits", CONTENT), token="a-token")

    assert names(outcomes) == ["a.fits"]
    assert secure.files == {"a.fits": CONTENT}
    [head] = heads
    assert head.startswith(f"CONNECT 127.0.0.1:{secure.server.port} ")
    assert f"Proxy-Authorization: Basic {b64encode(b'me:se cret').decode()}" in head
    assert "a-token" not in head
    assert all("proxy-authorization" not in one.headers for one in secure.server.requests)


def test_a_connection_that_was_closed_meanwhile_is_made_again(bench: Bench) -> None:
    """A server may close what it seemed to keep open; the next product is asked for again at once."""
    closing = raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT) + CONTENT)
    fetches = [bench.offer("a.fits", CONTENT, closing), bench.offer("b.fits", CONTENT)]

    assert names(bench.fetched(*fetches, connections=1)) == ["a.fits", "b.fits"]
    assert bench.time.slept == []


@pytest.mark.parametrize("kind", ["bench", "secure"])
def test_connections_are_kept_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Products, failures and redirects that come one after the other share a connection, encrypted or not."""
    bench: Bench = request.getfixturevalue(kind)
    made: list[object] = []
    create = socket.create_connection

    def counted(address: tuple[str, int], *rest: object) -> socket.socket:
        made.append(address)
        return create(address, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", counted)
    fetches = [
        bench.offer("a.fits", CONTENT),
        bench.offer("b.fits", CONTENT, whole(b"not here", "404 Not Found")),
        bench.offer("c.fits", CONTENT, whole(b"over there", "302 Found", location="d.fits")),
        bench.offer("d.fits", CONTENT),
    ]
    outcomes = bench.fetched(*fetches, connections=1)

    assert names(outcomes) == ["a.fits", "c.fits", "d.fits"]
    assert len(made) == 1
    assert {one.headers["host"] for one in bench.server.requests} == {f"127.0.0.1:{bench.server.port}"}


def test_a_disk_that_fails_a_new_beginning_fails_its_product(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part can not be cut for another try, its product fails, and the next one comes."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "ftruncate", refuse)
    broken = bench.offer("a.fits", CONTENT, cut_off(CONTENT[:2880], len(CONTENT) - 2880), whole(CONTENT))
    failed, done = bench.fetched(broken, bench.offer("b.fits", CONTENT), connections=1)

    assert isinstance(failed, Failed)
    assert failed.cause is Cause.DISK
    assert names([done]) == ["b.fits"]


@pytest.mark.parametrize("value", ["a\r\nHost: other", "a\nb", "a\0b"])
def test_a_header_is_one_line(bench: Bench, value: str) -> None:
    """Whatever a server or a file has brought in, no header makes another, and nothing is asked."""
    connection = Connection(Server(bench.server.url, "jwstsync/0 (test)", 1, 1.0))

    with pytest.raises(RefusalError, match="expected an address and headers of one line each"):
        connection.get(f"{bench.server.url}/a.fits", {"If-Range": value})
    assert bench.server.requests == []


@pytest.mark.parametrize("target", ["http://[x/", "http://a..b/", f"http://{'a' * 64}/", "https://.example.org/"])
def test_a_redirect_to_nowhere_fails_its_product_alone(bench: Bench, target: str) -> None:
    """What no library reads as an address ends neither the run nor the products after it."""
    fetches = [bench.offer("a.fits", CONTENT, redirect(target)), bench.offer("b.fits", CONTENT)]
    failed, done = bench.fetched(*fetches, connections=1)

    assert isinstance(failed, Failed)
    assert names([done]) == ["b.fits"]


@pytest.mark.parametrize(("end", "target"), [("", "/"), ("?x=1", "/?x=1"), ("/d.fits#there", "/d.fits")])
def test_an_address_is_asked_as_browsers_do(bench: Bench, end: str, target: str) -> None:
    """One without a path is that of the root, and a fragment is nobody's business but ours."""
    fetch = bench.offer("a.fits", CONTENT, redirect(bench.server.url + end))
    bench.server.answer(target.rpartition("/")[2], whole(CONTENT))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.server.requests[-1].target == target


def test_an_answer_that_nobody_asked_for_is_nobodys(bench: Bench) -> None:
    """What a server sends behind a long body is not taken for the answer to the next question."""
    wrong = fits("wrong", blocks=200)

    async def doubled(writer: asyncio.StreamWriter) -> None:
        await whole(CONTENT)(writer)
        await whole(wrong)(writer)

    fetches = [bench.offer("a.fits", CONTENT, doubled), bench.offer("b.fits", CONTENT)]

    assert names(bench.fetched(*fetches, connections=1)) == ["a.fits", "b.fits"]
    assert bench.files == {"a.fits": CONTENT, "b.fits": CONTENT}


def test_a_body_that_a_stop_ends_is_not_whole(bench: Bench) -> None:
    """Where a body ends with its connection, and the run ends the connection, that is not the end of the body."""
    gate = bench.server.gate()

    async def begun(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + CONTENT[:100])
        await writer.drain()
        await gate.passed()

    executor = bench.executor(connections=1)

    class Stopping(Counts):
        def received(self, fetch: Fetch, count: int) -> None:
            super().received(fetch, count)
            executor.stop()

    outcomes = list(executor.run([bench.offer("a.txt", CONTENT, begun, size=None)], Stopping()))

    assert names(outcomes, Deferred) == ["a.txt"]
    assert bench.files == {}
