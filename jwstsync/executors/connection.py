"""A connection to a server: asks for an address and gives the answer as it comes; redirects are followed.

It is made by http.client, which knows TLS and proxies, and waited for: whoever asks does so in a thread of its own, and
another thread may end it. How an answer is read is the business of `response`, what it means that of `answers`; who is
shown the token is said in `server`.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from jwstsync.executors import Cause
from jwstsync.executors.answers import RefusalError, SetbackError
from jwstsync.executors.response import BROKEN, Response, Wire, text_of
from jwstsync.hosts import PORTS, origin_of
from jwstsync.store.files import TOO_MANY_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.executors.server import Server
    from jwstsync.hosts import Origin

_MEMORY = 1 << 18  # bytes of a body that are written at once
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_ALLOWED = "!#$%&'()*+,/:;=?@[]~"  # in an address, besides letters, digits and -._; RFC 3986, 2.2 and 2.3
_ENDS_LINE = re.compile(r"[\r\n\x00]")


@dataclass(slots=True)
class _Line:
    """A way to one origin.

    Attributes:
        connection: What makes it.
        headers: What is sent along.
        whole: Whether addresses are sent whole, for a proxy.
        wire: What is open.
    """

    connection: HTTPConnection
    headers: dict[str, str]
    whole: bool
    wire: Wire | None = None

    def close(self) -> None:
        """Gives up what is open."""
        self.wire = None
        self.connection.close()


class Connection:
    """One connection to a server, and to wherever it sends its clients.

    Args:
        server: Which one.

    Attributes:
        memory: For what comes over it.
    """

    def __init__(self, server: Server) -> None:
        self.memory = memoryview(bytearray(_MEMORY))
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
            target = response.headers.get("location") if response.status in _REDIRECTS else None
            if target is None:
                return response
            response.finish()
            address = _joined(address, target)
        raise RefusalError(Cause.NETWORK, f"sent on {_MOST_REDIRECTS} times; expected the file")

    def abort(self) -> None:
        """Has whoever asks or reads at this moment end soon; for another thread, or a signal handler."""
        self._aborted = True
        _shut(self._socket)

    def close(self) -> None:
        """Gives up everything that is open."""
        for line in self._lines.values():
            line.close()

    def _answer(self, method: str, address: str, headers: Mapping[str, str]) -> Response:
        parts = urlsplit(address)
        line = self._line(address)
        parts = parts._replace(path=parts.path or "/", fragment="")
        target = (parts if line.whole else parts._replace(scheme="", netloc="")).geturl()
        head = _head(method, target, line.headers | dict(headers))
        if line.wire is not None and not line.wire.is_quiet:
            line.close()  # by the server, or it sent more than it was asked for
        kept = line.wire is not None
        try:
            return self._answered(line, head, headers, has_body=method != "HEAD")
        except _BrokenError:
            if not kept or self._aborted:
                raise
        return self._answered(line, head, headers, has_body=method != "HEAD")  # what was kept open had been closed

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

    def _answered(self, line: _Line, head: bytes, asked: Mapping[str, str], *, has_body: bool) -> Response:
        wire = line.wire or self._connected(line)
        self._socket = line.connection.sock
        if self._aborted:
            _shut(self._socket)
        try:
            wire.send(head)
            return Response(wire, asked, line.close, has_body=has_body)
        except TimeoutError as error:
            line.close()
            raise SetbackError(f"no byte came for {self._server.silence:g} s", cause=Cause.HOST) from error
        except BROKEN as error:
            line.close()
            raise _BrokenError(f"the connection broke: {text_of(error)}") from error

    def _connected(self, line: _Line) -> Wire:
        connection = line.connection
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise SetbackError("not connected: nobody answered in time", cause=Cause.HOST) from error
        except (OSError, HTTPException, UnicodeError) as error:  # the last for what can be no host's name
            connection.close()
            if isinstance(error, OSError) and error.errno in TOO_MANY_FILES:
                raise
            where = f"{connection.host}:{connection.port}"
            raise SetbackError(f"not connected: {where}: {text_of(error)}", cause=Cause.HOST) from error
        line.wire = Wire(connection.sock, self._server.silence)
        return line.wire


class _BrokenError(SetbackError):
    """The connection broke before an answer began."""


def _new_line(server: Server, origin: Origin) -> _Line:
    scheme, host, port = origin
    name = f"[{host}]" if ":" in host else host
    headers = {
        "Host": name if port == PORTS[scheme] else f"{name}:{port}",
        "User-Agent": server.agent,
        "Accept-Encoding": "identity",
        **server.authorization(origin),
    }
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


def _joined(address: str, target: str) -> str:
    """Where a redirect leads.

    Raises:
        RefusalError: It leads nowhere.
    """
    try:
        return urljoin(address, quote(target, safe=_ALLOWED))
    except ValueError:
        raise RefusalError(Cause.NETWORK, f"sent on to {target!r}: expected an address") from None


def _head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """A request without a body.

    Raises:
        RefusalError: A line of it would not be one line.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any(map(_ENDS_LINE.search, lines)):
        raise RefusalError(Cause.NETWORK, "not asked: expected an address and headers of one line each")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
