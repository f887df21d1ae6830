"""HTTP as a client of the archive needs it: limits on every request and its answer, and a pause between polls.

astroquery sets no time limit on its requests, and polls by posting the same body again at once. What is asked, and what
comes of it, is `mast`'s business; the JSON of an answer is read here, once.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json
from requests import Response
from requests.adapters import HTTPAdapter

from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

    from requests import PreparedRequest
    from typing_extensions import Buffer

CONNECT_TIMEOUT = 30.0  # seconds
FIRST_POLL_PAUSE = 0.2  # seconds; astroquery itself asks again at once
LONGEST_POLL_PAUSE = 5.0  # seconds
SHORTEST_TRY = 30.0  # seconds; less is not worth parting
LARGEST_ANSWER = 2**29  # bytes, with all pages; 50,000 rows are some 50 MB
_CHUNK = 2**20  # bytes


@dataclass
class Allowance:
    """What one query may take, with all its tries and polls: seconds, and bytes in memory.

    A try may take a share of the time that is left, if the rest is worth another: an archive that has lost a query lets
    its client poll for ever, and answers when it is asked anew.

    Attributes:
        timeout: Seconds for the whole query.
        largest: Bytes of an answer.
        tries: How many tries there have been, in all queries.
        polls: How often the question was asked again because it was still being worked on.
    """

    timeout: float
    largest: int = field(default_factory=lambda: LARGEST_ANSWER)
    tries: int = 0
    polls: int = 0
    _end: float = 0.0
    _try_end: float = 0.0
    _bytes: int = 0

    def restart(self) -> None:
        """A query begins."""
        self._end = time.monotonic() + self.timeout

    def begin_try(self, share: float) -> None:
        """It is asked, or asked again.

        Args:
            share: How much of the time that is left it may take.
        """
        left = self.remaining()
        self._try_end = time.monotonic() + (left * share if left * (1 - share) >= SHORTEST_TRY else left)
        self._bytes = self.polls = 0
        self.tries += 1

    def remaining(self) -> float:
        """Seconds that are left for the query; none or fewer when they are over."""
        return self._end - time.monotonic()

    def left(self) -> float:
        """Seconds that are left for this try.

        Raises:
            TimeoutError: None are.
        """
        seconds = self._try_end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def spend(self, count: int) -> None:
        """Takes in so many bytes.

        Raises:
            ArchiveError: They are more than any answer has.
        """
        self._bytes += count
        if self._bytes > self.largest:
            raise ArchiveError(f"answer of more than {self.largest} bytes")

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        time.sleep(seconds)


class Answer(Response):
    """A response whose JSON is read once: astroquery looks for the status in it before the rows are taken."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        vars(self).update(vars(response))
        self._document: list[Any] = []

    def json(self, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        """The document; the text that it was read from is given up."""
        if not self._document:
            self._document.append(self._read(**kwargs))
            self._content = b""
        return self._document[0]

    def _read(self, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        try:
            return from_json(self.content)  # takes a third of the time, and keeps equal texts once
        except ValueError:  # also for what the slower reader takes, such as half of a surrogate pair
            return super().json(**kwargs)


class PoliteAdapter(HTTPAdapter):
    """Gives every request a time limit, and the server a pause between polls.

    astroquery sets no time limit on its requests, and polls by posting the same body again at once.
    """

    def __init__(self, allowance: Allowance) -> None:
        super().__init__()
        self._allowance = allowance
        self._last_asked: tuple[int, object] | None = None
        self._pause = FIRST_POLL_PAUSE

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - passed on
        """Sends one request within the time that is left."""
        self._wait_before(request.body)
        left = self._allowance.left()
        kwargs["timeout"] = (min(CONNECT_TIMEOUT, left), left)
        response = super().send(request, *args, **kwargs)
        response._content = b"".join(self._received(response))  # noqa: SLF001 - else it is read without a limit
        return Answer(response)

    def _received(self, response: Response) -> Iterator[bytes]:
        for chunk in response.iter_content(_CHUNK):
            self._allowance.spend(len(chunk))
            yield chunk

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        """Connections whose answers are read within the time that is left."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = partial(_bounded, type(pool).ConnectionCls, self._allowance)
        return pool

    def _wait_before(self, body: object) -> None:
        asked = (self._allowance.tries, body)
        if asked != self._last_asked:
            self._last_asked, self._pause = asked, FIRST_POLL_PAUSE
            self._allowance.polls = 0
            return
        self._allowance.polls += 1
        self._allowance.sleep(min(self._pause, self._allowance.left()))
        self._pause = min(self._pause * 1.5, LONGEST_POLL_PAUSE)


def _bounded(connect: Callable[..., Any], allowance: Allowance, **address: Any) -> Any:  # noqa: ANN401 - urllib3's
    connection = connect(**address)
    connection.response_class = partial(_BoundedResponse, allowance)
    return connection


class _BoundedResponse(HTTPResponse):
    """A response that is read within the time that is left, headers and body, however slowly it drips."""

    def __init__(self, allowance: Allowance, connected: socket, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(connected, **kwargs)
        self.fp = io.BufferedReader(_BoundedStream(self.fp.detach(), connected, allowance))


class _BoundedStream(io.RawIOBase):
    """What comes from a socket, each time waited for no longer than the time that is left."""

    def __init__(self, stream: io.RawIOBase, connected: socket, allowance: Allowance) -> None:
        self._stream = stream
        self._connected = connected
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        self._connected.settimeout(self._allowance.left())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
