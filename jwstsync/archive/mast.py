"""MAST, asked through astroquery: the only module that imports it, and only when a question is asked.

Only a proposal and ``obs_collection`` go to the archive; every finer choice is made on the rows. Every request has
a time limit, and whatever goes wrong leaves here as `ArchiveError`. What the rows mean is `jwstsync.core.caom`'s.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote_plus

import requests

from jwstsync.archive.auth import Identity, ask_for_product, ask_who, hidden
from jwstsync.archive.quiet import no_warnings
from jwstsync.archive.rows import Table, keyword_records, records, table_of
from jwstsync.archive.transport import CONNECT_TIMEOUT, Allowance, PoliteAdapter
from jwstsync.archive.tries import innermost, is_timeout, tries
from jwstsync.core.caom import (
    JWST,
    KEYWORD_COLUMNS,
    OBSERVATION_COLUMNS,
    PRODUCT_COLUMNS,
    PROGRAM,
    KeywordRow,
    Observation,
    ProductRow,
)
from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Not checked against the live archive: how many observations one product request bears. STScI's notebooks advise
# groups of five, astroquery's development version sends 500; large proposals time out without batches.
OBSERVATIONS_PER_REQUEST = 25
KEYWORDS = "Mast.Jwst.Filtered"
WHOAMI_TIMEOUT = 30.0  # seconds; a run does not wait longer for this
LARGEST_IDENTITY = 1 << 20  # bytes
_T = TypeVar("_T")


class MastArchive:
    """The MAST archive, or one that speaks like it. It may be asked by several threads at once.

    Args:
        url: The server, such as https://mast.stsci.edu.
        timeout: Seconds for one query with all its tries and polls.
        agent: How this program names itself to the server.
    """

    def __init__(self, url: str, *, timeout: float, agent: str) -> None:
        self._url = url
        self._timeout = timeout
        self._agent = agent
        self._clients = threading.local()

    def observations(self, proposal_id: int) -> list[Observation]:
        """The JWST observations of a proposal, planned ones included, in the archive's order.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """

        def ask(client: _Client) -> list[Observation]:
            pages = client.caom.query_criteria_async(proposal_id=str(proposal_id), obs_collection=JWST)
            return records(client.table(pages), OBSERVATION_COLUMNS, Observation)

        return self._answer(f"observations of proposal {proposal_id}", ask)

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """The product rows of these observations, one for each parent that lists a product.

        They are asked for in batches; where one takes too long, it and those after it have half as many observations.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        rows: list[ProductRow] = []
        start, size = 0, OBSERVATIONS_PER_REQUEST
        while start < len(group_ids):
            batch = group_ids[start : start + size]
            try:
                rows += self._products_of(batch)
                start += len(batch)
            except _TooSlowError:
                size = len(batch) // 2
        return rows

    def whoami(self, token: str) -> Identity:
        """Whom the archive takes the owner of a token for.

        Not through astroquery: it sets no time limit, and shows the token to whatever host a redirect leads to.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        allowance = Allowance(min(self._timeout, WHOAMI_TIMEOUT), LARGEST_IDENTITY)
        allowance.restart()
        allowance.begin_try(1)
        try:
            with requests.Session() as session:
                _limit(session, allowance, self._agent)
                return ask_who(session, f"{self._url}/whoami", token)
        except Exception as error:  # noqa: BLE001 - as below; the texts of its causes may hold the token
            raise ArchiveError(hidden(f"{self._url}/whoami: {_told(error, allowance.timeout)}", token)) from None

    def refusal(self, uri: str, token: str) -> str | None:
        """In which words the owner of a token is refused a product; None where they are not.

        Not through astroquery either. One byte is asked for, as a download asks, and no more than headers read. That
        there is no answer, or another one, is no refusal: a download will find out what it means.
        """
        address = f"{self._url}/api/v0.1/Download/file?uri={quote_plus(uri, safe=':/')}"
        try:
            with requests.Session() as session:
                session.headers["User-Agent"] = f"{self._agent} {session.headers['User-Agent']}"
                said = ask_for_product(session, address, token, min(self._timeout, WHOAMI_TIMEOUT))
        except (OSError, ValueError):
            return None
        return None if said is None else f"the archive answered {hidden(said, token)}"

    def _products_of(self, batch: Sequence[int]) -> list[ProductRow]:
        def ask(client: _Client) -> list[ProductRow]:
            pages = client.caom.get_product_list_async([str(group_id) for group_id in batch])
            return records(client.table(pages), PRODUCT_COLUMNS, ProductRow)

        what = f"products of {len(batch)} observations from {batch[0]}"
        return self._answer(what, ask, of_many=len(batch) > 1)

    def keywords(self, service: str, proposal_id: int) -> list[KeywordRow]:
        """The rows that an instrument's keyword service has of a proposal.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        wanted = [{"paramName": PROGRAM, "values": [str(proposal_id)]}]
        params = {"columns": ",".join(KEYWORD_COLUMNS), "filters": wanted}

        def ask(client: _Client) -> list[KeywordRow]:
            return keyword_records(client.table(client.keywords.service_request_async(f"{KEYWORDS}.{service}", params)))

        return self._answer(f"{service} keywords of proposal {proposal_id}", ask)

    def _answer(self, what: str, ask: Callable[[_Client], _T], *, of_many: bool = False) -> _T:
        """What comes of a question, asked again while that may help.

        Raises:
            _TooSlowError: There was no answer in time, and less can be asked for at once.
            ArchiveError: There is no answer.
        """
        attempts = None
        try:
            client = self._connected()
            client.allowance.restart()
            attempts = tries(client.allowance, of_many=of_many)
            with no_warnings():  # astroquery warns of empty answers, which are answers here
                return attempts(ask, client)
        except Exception as error:  # astroquery passes on whatever a strange answer makes it stumble over
            if of_many and is_timeout(error):
                raise _TooSlowError from error
            count = attempts.statistics.get("attempt_number", 1) if attempts else 1
            polling = attempts is not None and client.allowance.polls > 0
            said = _told(error, self._timeout, polling=polling) + (f" (tried {count} times)" if count > 1 else "")
            raise ArchiveError(f"{self._url}: {what}: {said}") from error

    def _connected(self) -> _Client:
        """This thread's client, pointed at this archive: its addresses are fixed when astroquery is imported."""
        client: _Client | None = getattr(self._clients, "own", None)
        if client is None:
            from astroquery.mast import MastClass, ObservationsClass  # noqa: PLC0415 - takes a second and 77 MB

            self._clients.own = client = _Client(ObservationsClass(), MastClass(), Allowance(self._timeout))
            portal = client.caom._portal_api_connection  # noqa: SLF001 - there is no public way to another server
            portal.MAST_REQUEST_URL = f"{self._url}/api/v0/invoke"
            portal.COLUMNS_CONFIG_URL = f"{self._url}/portal/Mashup/Mashup.asmx/columnsconfig"
            portal.MAST_DOWNLOAD_URL = f"{self._url}/api/v0.1/Download/file"
            portal.MAST_BUNDLE_URL = f"{self._url}/api/v0.1/Download/bundle"
            portal.TIMEOUT = self._timeout
            portal._column_configs = {}  # noqa: SLF001 - shared by all servers otherwise
            _limit(portal._session, client.allowance, self._agent)  # noqa: SLF001 - as above
            client.keywords._portal_api_connection = portal  # noqa: SLF001 - set up once for both
        return client


def _limit(session: requests.Session, allowance: Allowance, agent: str) -> None:
    """Gives a session its manners: a name and an end to waiting, without copies of answers for astroquery's log."""
    session.hooks["response"].clear()
    session.headers["User-Agent"] = f"{agent} {session.headers['User-Agent']}"
    for scheme in ("https://", "http://"):
        session.mount(scheme, PoliteAdapter(allowance))


@dataclass(frozen=True, slots=True)
class _Client:
    """astroquery's two clients, which share a connection: one for observations and products, one for keywords.

    They keep what they are asked in themselves, and are not for two threads at once.
    """

    caom: Any
    keywords: Any
    allowance: Allowance

    def table(self, pages: Sequence[requests.Response]) -> Table:
        """The rows of an answer. Not as astroquery's tables: one garbled cell in a column spoils the whole of these."""
        portal = self.caom._portal_api_connection  # noqa: SLF001 - as above
        return table_of(pages, portal._column_configs.get(portal._current_service) or {})  # noqa: SLF001 - as above


class _TooSlowError(Exception):
    """A batch of products was not answered in time."""


def _told(error: Exception, timeout: float, *, polling: bool = False) -> str:
    """What went wrong, in one line; ``polling`` says that the archive had answered, and was not done."""
    inmost = innermost(error)
    if isinstance(error, requests.ConnectTimeout):
        return f"not reached in {min(CONNECT_TIMEOUT, timeout):g} s"
    if isinstance(inmost, TimeoutError):
        return f"still executing the query after {timeout:g} s" if polling else f"no answer in {timeout:g} s"
    if isinstance(error, requests.ConnectionError):
        return f"not reached ({_words(inmost)})"
    if isinstance(error, LookupError | TypeError | AttributeError | ValueError):
        return f"answer not understood ({type(error).__name__}: {_words(error)})"
    return _words(inmost if isinstance(error, requests.RequestException) else error)


def _words(error: BaseException) -> str:
    """The text of an error without line ends and control characters, which may be the server's."""
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return " ".join(text.split())[:300] or type(error).__name__
