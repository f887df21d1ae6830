"""HTTP as a client of the archive needs it: a time limit on every request, and a pause between polls.

astroquery sets no time limit on its requests, and polls by posting the same body again at once. What is asked, and what
comes of it, is `mast`'s business.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from requests import PreparedRequest, Response
    from typing_extensions import Buffer

CONNECT_TIMEOUT = 30.0  # seconds
FIRST_POLL_PAUSE = 0.2  # seconds; astroquery itself asks again at once
LONGEST_POLL_PAUSE = 5.0  # seconds


@dataclass
class Deadline:
    """The time that is left for one query."""

    timeout: float
    _end: float = 0.0

    def restart(self) -> None:
        """A query begins."""
        self._end = time.monotonic() + self.timeout

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class PoliteAdapter(HTTPAdapter):
    """Gives every request a time limit, and the server a pause between polls.

    astroquery sets no time limit on its requests, and polls by posting the same body again at once.
    """

    def __init__(self, clock: Deadline) -> None:
        super().__init__()
        self._clock = clock
        self._last_body: object = None
        self._pause = FIRST_POLL_PAUSE

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - passed on
        """Sends one request within the time that is left."""
        self._wait_before(request.body)
        left = self._clock.left()
        kwargs["timeout"] = (min(CONNECT_TIMEOUT, left), left)
        return super().send(request, *args, **kwargs)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        """Connections whose answers are read within the time that is left."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = partial(_bounded, type(pool).ConnectionCls, self._clock)
        return pool

    def _wait_before(self, body: object) -> None:
        if body is None or body != self._last_body:
            self._last_body, self._pause = body, FIRST_POLL_PAUSE
            return
        time.sleep(min(self._pause, self._clock.left()))
        self._pause = min(self._pause * 1.5, LONGEST_POLL_PAUSE)


def _bounded(connect: Callable[..., Any], clock: Deadline, **address: Any) -> Any:  # noqa: ANN401 - urllib3's
    connection = connect(**address)
    connection.response_class = partial(_BoundedResponse, clock)
    return connection


class _BoundedResponse(HTTPResponse):
    """A response that is read within the time that is left, headers and body, however slowly it drips."""

    def __init__(self, clock: Deadline, connected: socket, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(connected, **kwargs)
        self.fp = io.BufferedReader(_BoundedStream(self.fp.detach(), connected, clock))


class _BoundedStream(io.RawIOBase):
    """What comes from a socket, each time waited for no longer than the time that is left."""

    def __init__(self, stream: io.RawIOBase, connected: socket, clock: Deadline) -> None:
        self._stream = stream
        self._connected = connected
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        self._connected.settimeout(self._clock.left())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
