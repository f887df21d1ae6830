"""MAST, asked through astroquery: the only module that imports it, and only when a question is asked.

Only ``proposal_id`` and ``obs_collection`` go to the archive; every finer choice is made on the rows. Every request has
a time limit, and whatever goes wrong leaves here as `ArchiveError`. What the rows mean is `jwstsync.core.caom`'s.
"""

from __future__ import annotations

import io
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from jwstsync.archive.auth import Identity, ask_who, hidden
from jwstsync.core.caom import (
    JWST,
    OBSERVATION_COLUMNS,
    PRODUCT_COLUMNS,
    Column,
    Kind,
    Observation,
    ProductRow,
    Value,
)
from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from socket import socket

    from requests import PreparedRequest, Response
    from typing_extensions import Buffer

# Not checked against the live archive: how many observations one product request bears. STScI's notebooks advise
# groups of five, astroquery's development version sends 500; large proposals time out without batches.
OBSERVATIONS_PER_REQUEST = 25
CONNECT_TIMEOUT = 30.0  # seconds
FIRST_POLL_PAUSE = 0.2  # seconds; astroquery itself asks again at once
LONGEST_POLL_PAUSE = 5.0  # seconds
WHOAMI_TIMEOUT = 30.0  # seconds; a run does not wait longer for this
_WHOLE = frozenset({"group_id", "parent_group_id", "calib_level", "size", "sequence_number"})
_REQUIRED = frozenset({"group_id", "parent_group_id"})
_NAMES = frozenset({"data_uri", "filename", "obs_id"})

_Record = TypeVar("_Record", Observation, ProductRow)


class MastArchive:
    """The MAST archive, or one that speaks like it.

    Args:
        url: The server, such as https://mast.stsci.edu.
        timeout: Seconds for one query with all its polls.
        agent: How this program names itself to the server.
    """

    def __init__(self, url: str, *, timeout: float, agent: str) -> None:
        self._url = url
        self._clock = _Deadline(timeout)
        self._agent = agent
        self._client: Any = None

    def observations(self, proposal_id: int) -> list[Observation]:
        """The JWST observations of a proposal, planned ones included, in the archive's order.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        with self._question(f"observations of proposal {proposal_id}") as client:
            table = client.query_criteria(proposal_id=str(proposal_id), obs_collection=JWST)
            return _records(table, OBSERVATION_COLUMNS, Observation)

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """The product rows of these observations, one for each parent that lists a product.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        rows = []
        for start in range(0, len(group_ids), OBSERVATIONS_PER_REQUEST):
            batch = [str(group_id) for group_id in group_ids[start : start + OBSERVATIONS_PER_REQUEST]]
            with self._question(f"products of {len(batch)} observations from {batch[0]}") as client:
                table = client.get_product_list(batch)
                rows += _records(table, PRODUCT_COLUMNS, ProductRow)
        return rows

    def whoami(self, token: str) -> Identity:
        """Whom the archive takes the owner of a token for.

        Not through astroquery: it sets no time limit, and shows the token to whatever host a redirect leads to.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        clock = _Deadline(min(self._clock.timeout, WHOAMI_TIMEOUT))
        clock.restart()
        try:
            with requests.Session() as session:
                _limit(session, clock, self._agent)
                return ask_who(session, f"{self._url}/whoami", token)
        except Exception as error:  # noqa: BLE001 - as below; the texts of its causes may hold the token
            raise ArchiveError(hidden(f"{self._url}/whoami: {_told(error, clock.timeout)}", token)) from None

    @contextmanager
    def _question(self, what: str) -> Iterator[Any]:
        try:
            client = self._connected()
            self._clock.restart()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # astroquery warns of empty answers, which are answers here
                yield client
        except Exception as error:  # astroquery passes on whatever a strange answer makes it stumble over
            raise ArchiveError(f"{self._url}: {what}: {_told(error, self._clock.timeout)}") from error

    def _connected(self) -> Any:  # noqa: ANN401 - astroquery has no types
        """The client, pointed at this archive: its addresses are fixed when astroquery is imported."""
        if self._client is None:
            from astroquery.mast import ObservationsClass  # noqa: PLC0415 - takes a second and 77 MB

            client = ObservationsClass()
            portal = client._portal_api_connection  # noqa: SLF001 - there is no public way to another server
            portal.MAST_REQUEST_URL = f"{self._url}/api/v0/invoke"
            portal.COLUMNS_CONFIG_URL = f"{self._url}/portal/Mashup/Mashup.asmx/columnsconfig"
            portal.MAST_DOWNLOAD_URL = f"{self._url}/api/v0.1/Download/file"
            portal.MAST_BUNDLE_URL = f"{self._url}/api/v0.1/Download/bundle"
            portal.TIMEOUT = self._clock.timeout
            portal._column_configs = {}  # noqa: SLF001 - shared by all servers otherwise
            _limit(portal._session, self._clock, self._agent)  # noqa: SLF001 - as above
            self._client = client
        return self._client


def _limit(session: requests.Session, clock: _Deadline, agent: str) -> None:
    """Gives a session its manners: a name, and an end to waiting."""
    session.headers["User-Agent"] = f"{agent} {session.headers['User-Agent']}"
    for scheme in ("https://", "http://"):
        session.mount(scheme, _PoliteAdapter(clock))


@dataclass
class _Deadline:
    """The time that is left for one query."""

    timeout: float
    _end: float = 0.0

    def restart(self) -> None:
        self._end = time.monotonic() + self.timeout

    def left(self) -> float:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _PoliteAdapter(HTTPAdapter):
    """Gives every request a time limit, and the server a pause between polls.

    astroquery sets no time limit on its requests, and polls by posting the same body again at once.
    """

    def __init__(self, clock: _Deadline) -> None:
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


def _bounded(connect: Callable[..., Any], clock: _Deadline, **address: Any) -> Any:  # noqa: ANN401 - urllib3's
    connection = connect(**address)
    connection.response_class = partial(_BoundedResponse, clock)
    return connection


class _BoundedResponse(HTTPResponse):
    """A response that is read within the time that is left, headers and body, however slowly it drips."""

    def __init__(self, clock: _Deadline, connected: socket, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(connected, **kwargs)
        self.fp = io.BufferedReader(_BoundedStream(self.fp.detach(), connected, clock))


class _BoundedStream(io.RawIOBase):
    """What comes from a socket, each time waited for no longer than the time that is left."""

    def __init__(self, stream: io.RawIOBase, connected: socket, clock: _Deadline) -> None:
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


def _records(table: Any, columns: Mapping[str, Column], record: type[_Record]) -> list[_Record]:  # noqa: ANN401
    """The rows of an astropy table as records; columns that are absent are null, unknown ones are passed over."""
    known = [column for column in columns.values() if column.name in table.colnames]
    absent = [column.name for column in columns.values() if column.attribute in _REQUIRED and column not in known]
    if absent and len(table):
        raise ArchiveError(f"column {absent[0]}: expected it in every answer")
    names = [column.attribute for column in known]
    values = [[_value(value, column) for value in table[column.name].tolist()] for column in known]
    blank = dict.fromkeys(_NAMES & {column.attribute for column in columns.values()}, "")
    return [record(**{**blank, **dict(zip(names, row, strict=True))}) for row in zip(*values, strict=True)]


def _value(value: Value, column: Column) -> Value:
    """A cell in our spelling: None for every kind of null, whole numbers whole, proposals without leading zeros."""
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN is astroquery's null float
        return _null(column)
    try:
        return _typed(value, column)
    except (TypeError, ValueError, OverflowError):
        kind = "whole number" if column.attribute in _WHOLE else column.kind
        raise ArchiveError(f"column {column.name} = {str(value)[:60]!r}: expected a {kind}") from None


def _null(column: Column) -> Value:
    if column.attribute in _REQUIRED:
        raise ArchiveError(f"column {column.name}: expected a product group id in every row, not null")
    return "" if column.attribute in _NAMES else None


def _typed(value: str | float | bool, column: Column) -> Value:  # noqa: FBT001
    if column.attribute in _WHOLE:
        return int(value)
    if column.kind in {Kind.NUMBER, Kind.TIME, Kind.SIZE}:
        return float(value)
    if column.kind is Kind.FLAG:
        return bool(value)
    text = str(value)
    return text.lstrip("0") or "0" if column.attribute == "proposal_id" else text


def _told(error: Exception, timeout: float) -> str:
    """What went wrong, in one line."""
    inmost = _innermost(error)
    if isinstance(error, requests.ConnectTimeout):
        return f"not reached in {min(CONNECT_TIMEOUT, timeout):g} s"
    if isinstance(inmost, TimeoutError):
        return f"no answer in {timeout:g} s"
    if isinstance(error, requests.ConnectionError):
        return f"not reached ({_words(inmost)})"
    if isinstance(error, LookupError | TypeError | AttributeError | ValueError):
        return f"answer not understood ({type(error).__name__}: {_words(error)})"
    return _words(inmost if isinstance(error, requests.RequestException) else error)


def _innermost(error: BaseException) -> BaseException:
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error


def _words(error: BaseException) -> str:
    """The text of an error without line ends and control characters, which may be the server's."""
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return " ".join(text.split())[:300] or type(error).__name__
