"""A connection to a server: asks for an address and gives the answer as it comes; redirects are followed.

By http.client, which blocks: whoever asks does so in a thread of its own, and another thread may end it. What an
answer means is said in `answers`; who is shown the token, in `server`.
"""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from jwstsync.executors import Cause
from jwstsync.executors.answers import RefusalError, SetbackError
from jwstsync.hosts import origin_of
from jwstsync.store.files import TOO_MANY_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.executors.server import Server
    from jwstsync.hosts import Origin

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_UNREAD = 1 << 16  # bytes of a body nobody wants that are read all the same, as a new connection would take longer
_ALLOWED = "!#$%&'()*+,/:;=?@[]~"  # in an address, besides letters, digits and -._; RFC 3986, 2.2 and 2.3


class Response:
    """An answer whose body is still to be read.

    Args:
        found: As http.client gives it.
        line: The connection that it comes over.
        asked: The headers that were sent for it.
        silence: Seconds without a byte after which it is given up.

    Attributes:
        status: The status code.
        reason: What the server says beside it.
        headers: By name, whatever its case.
        asked: The headers that were sent for it.
        length: The bytes of the body, as far as the server states them.
    """

    def __init__(self, found: HTTPResponse, line: HTTPConnection, asked: Mapping[str, str], silence: float) -> None:
        self.status = found.status
        self.reason = found.reason
        self.headers = found.headers
        self.asked = asked
        self.length = found.length
        self._found = found
        self._line = line
        self._silence = silence
        self._setback: SetbackError | None = None
        self._arrivals = select.poll()
        if not found.isclosed():
            self._arrivals.register(found.fileno(), select.POLLIN)

    def read(self, most: int) -> bytes:
        """The next bytes, as many as have come but at most so many; nothing at the end of the body.

        Encrypted bytes come in records of 16 kB: to see to each by itself would cost more than all the rest.

        Raises:
            SetbackError: The connection broke, or nothing came for too long; what had come before was given.
        """
        chunks = [self._next(most)]
        size = len(chunks[0])
        while chunks[-1] and size < most and self._has_come():
            try:
                chunks.append(self._next(most - size))
            except SetbackError as setback:
                self._setback = setback
                break
            size += len(chunks[-1])
        return chunks[0] if size == len(chunks[0]) else b"".join(chunks)

    def _has_come(self) -> bool:
        """Whether something can be read without waiting; not certain where bytes have been read ahead."""
        return not self._found.isclosed() and bool(self._arrivals.poll(0))

    def _next(self, most: int) -> bytes:
        if self._setback is not None:
            raise self._setback
        try:
            return self._found.read1(most)
        except TimeoutError as error:
            raise SetbackError(f"no byte came for {self._silence:g} s", cause=Cause.HOST) from error
        except (OSError, HTTPException, ValueError) as error:
            raise SetbackError(f"the connection broke: {_text(error)}") from error

    def close(self) -> None:
        """Ends it; a body that was not read to its end takes the connection with it."""
        if not self._found.isclosed() and self._found.length != 0:
            self._line.close()
        self._found.close()

    def finish(self) -> None:
        """Ends it; a short body is read to its end first, so that the connection can be used again."""
        if self._found.length is not None and self._found.length <= _UNREAD:
            with suppress(SetbackError):
                while self.read(_UNREAD):
                    pass
        self.close()


@dataclass(slots=True)
class _Line:
    """A way to one origin: the connection, what is sent along, and whether addresses are sent whole, for a proxy."""

    connection: HTTPConnection
    headers: dict[str, str]
    whole: bool


class Connection:
    """One connection to a server, and to wherever it sends its clients.

    Args:
        server: Which one.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lines: dict[Origin, _Line] = {}
        self._socket: socket.socket | None = None
        self._aborted = False

    def get(self, address: str, headers: Mapping[str, str], *, method: str = "GET") -> Response:
        """The answer to a request, after redirects.

        Raises:
            RefusalError: It leads nowhere.
            SetbackError: There is none, or the connection broke.
            OSError: Too many files are open.
        """
        for _ in range(_MOST_REDIRECTS):
            response = self._answer(method, address, headers)
            target = response.headers.get("Location") if response.status in _REDIRECTS else None
            if target is None:
                return response
            response.finish()
            address = urljoin(address, quote(target, safe=_ALLOWED))
        raise RefusalError(Cause.NETWORK, f"sent on {_MOST_REDIRECTS} times; expected the file")

    def abort(self) -> None:
        """Has whoever asks or reads at this moment end soon; for another thread, or a signal handler."""
        self._aborted = True
        _shut(self._socket)

    def close(self) -> None:
        """Gives up everything that is open."""
        for line in self._lines.values():
            line.connection.close()

    def _answer(self, method: str, address: str, headers: Mapping[str, str]) -> Response:
        parts = urlsplit(address)
        line = self._line(address)
        target = address if line.whole else parts._replace(scheme="", netloc="", fragment="").geturl()
        kept = line.connection.sock is not None
        try:
            found = self._found(line, method, target, headers)
        except _BrokenError:
            if not kept or self._aborted:
                raise
            found = self._found(line, method, target, headers)  # the server had closed what was kept open
        if found.length is None and not found.chunked and (stated := found.headers.get("Content-Length")):
            line.connection.close()
            raise SetbackError(f"the connection broke: Content-Length {stated!r}")
        return Response(found, line.connection, headers, self._server.silence)

    def _line(self, address: str) -> _Line:
        """The way to where an address leads, made when it is first asked for.

        Raises:
            RefusalError: It is no address that can be asked.
        """
        try:
            origin = origin_of(address)
        except ValueError as error:
            raise RefusalError(Cause.NETWORK, f"sent on to {error}") from None
        if origin not in self._lines:
            self._lines[origin] = _new_line(self._server, origin)
        return self._lines[origin]

    def _found(self, line: _Line, method: str, target: str, headers: Mapping[str, str]) -> HTTPResponse:
        connection = line.connection
        if connection.sock is None:
            self._connect(connection)
        self._socket = connection.sock
        if self._aborted:
            _shut(self._socket)
        try:
            connection.request(method, target, headers=line.headers | dict(headers))
            return connection.getresponse()
        except TimeoutError as error:
            connection.close()
            raise SetbackError(f"no byte came for {self._server.silence:g} s", cause=Cause.HOST) from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise _BrokenError(f"the connection broke: {_text(error)}") from error

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise SetbackError("not connected: nobody answered in time", cause=Cause.HOST) from error
        except (OSError, HTTPException) as error:
            connection.close()
            if isinstance(error, OSError) and error.errno in TOO_MANY_FILES:
                raise
            where = f"{connection.host}:{connection.port}"
            raise SetbackError(f"not connected: {where}: {_text(error)}", cause=Cause.HOST) from error
        connection.sock.settimeout(self._server.silence)


class _BrokenError(SetbackError):
    """The connection broke before an answer began."""


def _new_line(server: Server, origin: Origin) -> _Line:
    scheme, host, port = origin
    headers = {"User-Agent": server.agent, "Accept-Encoding": "identity", **server.authorization(origin)}
    proxy = server.proxy(origin)
    at, at_port = (host, port) if proxy is None else (proxy.host, proxy.port)
    if scheme == "https":
        connection = HTTPSConnection(at, at_port, timeout=server.connect_timeout, context=server.tls_context)
        if proxy is not None:
            connection.set_tunnel(host, port, proxy.headers)
        return _Line(connection, headers, whole=False)
    if proxy is not None:
        headers |= proxy.headers
    return _Line(HTTPConnection(at, at_port, timeout=server.connect_timeout), headers, whole=proxy is not None)


def _shut(opened: socket.socket | None) -> None:
    """Ends what waits on a socket; that of TLS too, without its own farewell."""
    if opened is not None:
        with suppress(OSError):
            socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _text(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
