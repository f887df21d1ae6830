"""Answers as they come over a socket: heads, bodies, and what is no HTTP."""

from __future__ import annotations

import errno
import itertools
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import pytest
from httptools import HttpParserError, HttpParserUpgrade

from jwstsync.executors import Cause
from jwstsync.executors import response as reading
from jwstsync.executors.answers import SetbackError
from jwstsync.executors.response import Response, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE, SILENCE = 30.0, 0.05  # seconds
OK = b"HTTP/1.1 200 OK\r\n"


class Line:
    """Both ends of a connection, and how often it was given up.

    Attributes:
        ours: The end that is read.
        theirs: The server's end.
        silence: How long the server may be silent.
    """

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.given_up = 0
        self.silence = PATIENCE

    def answer(self, data: bytes, *, ends: bool = True, has_body: bool = True) -> Response:
        """What is made of bytes, and of the end of the connection after them."""
        self.theirs.sendall(data)
        if ends:
            self.theirs.shutdown(socket.SHUT_WR)
        return Response(Wire(self.ours, self.silence), {}, self.give_up, has_body=has_body)

    def give_up(self) -> None:
        """Counts."""
        self.given_up += 1


@pytest.fixture
def line() -> Iterator[Line]:
    """A connection on which nothing was said yet."""
    line = Line()
    with line.ours, line.theirs:
        yield line


def body(response: Response, most: int = 4) -> bytes:
    """All that comes, so many bytes at a time at most."""
    pieces = list(iter(lambda: response.read(most), b""))
    assert all(len(piece) <= most for piece in pieces)
    return b"".join(pieces)


WHOLE = {
    "stated": OK + b"Content-Length: 10\r\n\r\n0123456789",
    "in chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\nETag: late\r\n\r\n",
    "to the end": OK + b"Connection: close\r\n\r\n0123456789",
    "of old": b"HTTP/1.0 200 OK\r\n\r\n0123456789",
    "after a promise": b"HTTP/1.1 103 Early\r\nETag: early\r\n\r\n" + OK + b"Content-Length: 10\r\n\r\n0123456789",
    "in filled-up chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nA   \r\n0123456789\r\n0\r\n\r\n",
    "without words": b"HTTP/1.1 200\r\nContent-Length: 10\r\n\r\n0123456789",
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_every_kind_of_body_is_read_to_its_end(line: Line, data: bytes) -> None:
    """However a server says where a body ends, its bytes come, and nothing of the head or of what follows."""
    response = line.answer(data)

    assert response.status == 200
    assert response.reason in {"OK", ""}
    assert "etag" not in response.headers
    assert body(response) == b"0123456789"
    assert response.read(4) == b""


@pytest.mark.parametrize("cut", range(1, len(WHOLE["in chunks"])))
def test_it_does_not_matter_where_the_network_cuts(line: Line, cut: int) -> None:
    """A head or a chunk that comes in two pieces is the same."""
    data = WHOLE["in chunks"]
    line.ours.settimeout(0)

    class InTwo(Wire):
        pieces: ClassVar[list[bytes]] = [data[:cut], data[cut:]]

        def wait(self, latest: float | None = None) -> None:
            pass

        def read_piece_into(self, room: memoryview) -> int:
            piece = self.pieces.pop(0) if self.pieces else b""
            room[: len(piece)] = piece
            return len(piece)

    response = Response(InTwo(line.ours, PATIENCE), {}, line.give_up)

    assert (response.status, response.reason) == (200, "OK")
    assert body(response) == b"0123456789"


@pytest.mark.parametrize("key", ["stated", "in chunks", "after a promise", "without words"])
def test_a_connection_is_kept_after_a_whole_body(line: Line, key: str) -> None:
    """It is of use again once the last byte has come, not before; whether anybody wants the bytes does not matter."""
    response = line.answer(WHOLE[key][:-1], ends=False)
    response.read(4)
    response.close()
    assert line.given_up == 1

    line.theirs.sendall(WHOLE[key][-1:])
    body(response)
    response.close()
    assert line.given_up == 1

    line.answer(WHOLE[key], ends=False).close()
    assert line.given_up == 1


@pytest.mark.parametrize("key", ["to the end", "of old"])
def test_a_connection_that_ends_with_its_body_is_given_up(line: Line, key: str) -> None:
    """Where a server closes the connection nobody tries to use it again."""
    response = line.answer(WHOLE[key])
    body(response)
    response.close()

    assert line.given_up == 1


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nETag: other\r\n\r\n", b"nonsense"])
def test_more_than_was_asked_for_is_not_read(line: Line, more: bytes) -> None:
    """What comes behind an answer, unasked, changes nothing in it, and the connection is not used again."""
    response = line.answer(WHOLE["stated"] + more, ends=False)

    assert (response.status, response.reason) == (200, "OK")
    assert "etag" not in response.headers
    assert body(response) == b"0123456789"
    response.close()
    assert line.given_up == 1


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_bodies_are_not_waited_for(line: Line, status: str) -> None:
    """Whatever length they state."""
    response = line.answer(f"HTTP/1.1 {status}\r\nContent-Length: 7\r\n\r\n".encode(), ends=False)

    assert response.read(4) == b""
    response.close()
    assert not line.given_up


def test_a_head_alone_is_not_waited_for(line: Line) -> None:
    """Who asks by HEAD learns the length, and waits for no body."""
    response = line.answer(OK + b"Content-Length: 7\r\n\r\n", ends=False, has_body=False)

    assert (response.headers["content-length"], response.length) == ("7", 0)
    assert response.read(4) == b""


@pytest.mark.parametrize(
    ("head", "given_up"),
    [
        (OK + b"Content-Length: 7\r\n\r\n", 0),
        (OK + b"\r\n", 0),
        (OK + b"Connection: close\r\n\r\n", 1),
        (b"HTTP/1.0 200 OK\r\n\r\n", 1),
        (OK + b"Content-Length: 7\r\n\r\n0123456", 1),
    ],
)
def test_a_connection_is_kept_after_a_head(line: Line, head: bytes, given_up: int) -> None:
    """Whether it states a length or not, unless the server ends it, or sends a body that should not be."""
    line.answer(head, ends=False, has_body=False).close()

    assert line.given_up == given_up


def test_names_of_headers_have_no_case(line: Line) -> None:
    """The first of several with one name counts, without the space around it."""
    response = line.answer(OK + b"eTAG:  one \r\nETag: two\r\nContent-Length: 0\r\n\r\n")

    assert response.headers == {"etag": "one", "content-length": "0"}


NO_HTTP = {
    "nothing": (b"", ConnectionError),
    "half a head": (OK + b"Content-", ConnectionError),
    "only a promise": (b"HTTP/1.1 100 Continue\r\n\r\n", ConnectionError),
    "another protocol": (b"220 ftp.example.org ready\r\n", HttpParserError),
    "another one on demand": (
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        HttpParserUpgrade,
    ),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", HttpParserError),
    "no number": (OK + b"Content-Length: many\r\n\r\n", HttpParserError),
    "length and chunks": (OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", HttpParserError),
}


@pytest.mark.parametrize(("data", "error"), NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_answer_is_none(line: Line, data: bytes, error: type[Exception]) -> None:
    """Nothing is made of what is not HTTP, or can be read in two ways."""
    with pytest.raises(error):
        line.answer(data)


def test_a_head_without_end_is_given_up(line: Line) -> None:
    """It may not fill the memory."""

    class Endless(Wire):
        def wait(self, latest: float | None = None) -> None:
            pass

        def read_piece_into(self, room: memoryview) -> int:
            room[:] = (b"X: y\r\n" * len(room))[: len(room)] if self.begun else OK.ljust(len(room), b"a")
            self.begun = True
            return len(room)

        begun = False

    with pytest.raises(HttpParserError, match="have an end"):
        Response(Endless(line.ours, PATIENCE), {}, line.give_up)


@pytest.mark.parametrize("endless", [b"0\r\n" + b"X: y\r\n" * 60_000, b"7;" + b"x" * 400_000])
def test_what_follows_a_chunk_has_an_end(line: Line, endless: bytes) -> None:
    """Trailers and extensions neither fill the memory nor keep anybody waiting for ever."""

    def send() -> None:
        with suppress(OSError):  # nobody takes all of it
            line.theirs.sendall(endless)

    thread = threading.Thread(target=send)
    response = line.answer(OK + b"Transfer-Encoding: chunked\r\n\r\n", ends=False)
    thread.start()

    with pytest.raises(SetbackError, match="have an end"):
        response.read(4)
    line.ours.close()
    thread.join()


def test_a_server_that_says_nothing_is_not_waited_for(line: Line) -> None:
    """Before an answer, and in the middle of a body."""
    line.silence = SILENCE
    with pytest.raises(TimeoutError):
        line.answer(b"", ends=False)

    response = line.answer(OK + b"Content-Length: 7\r\n\r\n012", ends=False)
    assert response.read(4) == b"012"
    with pytest.raises(SetbackError, match=r"no byte came for 0\.05 s") as setback:
        response.read(4)
    assert setback.value.cause is Cause.HOST


def test_what_drips_is_not_waited_for(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that comes byte by byte, and an encrypted record, count as silence while they are not whole."""
    seconds = itertools.count(step=0.01)
    monkeypatch.setattr(reading, "monotonic", lambda: next(seconds))

    class Drips(Wire):
        come = 0

        def wait(self, latest: float | None = None) -> None:
            pass

        def read_piece_into(self, room: memoryview) -> int:
            room[:1] = OK[self.come : self.come + 1] or b"X"
            self.come += 1
            return 1

    with pytest.raises(TimeoutError):
        Response(Drips(line.ours, SILENCE), {}, line.give_up)

    class Record:
        """A socket to which half a record has come."""

        def __getattr__(self, name: str) -> object:
            return getattr(line.ours, name)

        def recv_into(self, _: memoryview) -> int:
            raise ssl.SSLWantReadError

    line.theirs.sendall(b"half")
    with pytest.raises(TimeoutError):
        Wire(Record(), SILENCE).read_piece_into(memoryview(bytearray(9)))  # type: ignore[arg-type]


def test_a_chunk_that_breaks_off_is_a_setback(line: Line) -> None:
    """What had come before is given first."""
    response = line.answer(OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n012")

    assert response.read(4) == b"012"
    with pytest.raises(SetbackError, match="the connection broke: closed before the end"):
        response.read(4)


def test_an_error_after_some_bytes_is_not_lost(line: Line) -> None:
    """What had been decrypted before a record was found to be broken is given, and then it is said what happened."""

    class Records:
        """A socket whose second record is broken."""

        pieces: ClassVar[list[bytes]] = [OK + b"Content-Length: 9\r\n\r\n", b"012", b""]

        def __getattr__(self, name: str) -> object:
            return getattr(line.ours, name)

        def recv_into(self, room: memoryview) -> int:
            piece = self.pieces.pop(0)
            if not piece:
                raise OSError(errno.EIO, "bad record")
            room[: len(piece)] = piece
            return len(piece)

        def read(self, _: int, room: memoryview) -> int:
            return self.recv_into(room)

    line.theirs.sendall(b"there is something")
    wire = Wire(records := Records(), PATIENCE)  # type: ignore[arg-type]
    wire._tls = records  # type: ignore[assignment] # noqa: SLF001 - as one of TLS
    response = Response(wire, {}, line.give_up)

    assert response.read(9) == b"012"
    with pytest.raises(SetbackError, match="the connection broke: bad record"):
        response.read(6)
