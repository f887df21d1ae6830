"""MAST, asked through astroquery: the only module that imports it, and only when a question is asked.

Only a proposal and ``obs_collection`` go to the archive; every finer choice is made on the rows. Every request has
a time limit, and whatever goes wrong leaves here as `ArchiveError`. What the rows mean is `jwstsync.core.caom`'s.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests

from jwstsync.archive.rows import keyword_records, records
from jwstsync.archive.transport import CONNECT_TIMEOUT, Deadline, PoliteAdapter
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
    from collections.abc import Iterator, Sequence

# Not checked against the live archive: how many observations one product request bears. STScI's notebooks advise
# groups of five, astroquery's development version sends 500; large proposals time out without batches.
OBSERVATIONS_PER_REQUEST = 25
KEYWORDS = "Mast.Jwst.Filtered"


class MastArchive:
    """The MAST archive, or one that speaks like it.

    Args:
        url: The server, such as https://mast.stsci.edu.
        timeout: Seconds for one query with all its polls.
        agent: How this program names itself to the server.
    """

    def __init__(self, url: str, *, timeout: float, agent: str) -> None:
        self._url = url
        self._clock = Deadline(timeout)
        self._agent = agent
        self._client: Any = None
        self._keyword_client: Any = None

    def observations(self, proposal_id: int) -> list[Observation]:
        """The JWST observations of a proposal, planned ones included, in the archive's order.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        with self._question(f"observations of proposal {proposal_id}") as client:
            table = client.query_criteria(proposal_id=str(proposal_id), obs_collection=JWST)
            return records(table, OBSERVATION_COLUMNS, Observation)

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
                rows += records(table, PRODUCT_COLUMNS, ProductRow)
        return rows

    def keywords(self, service: str, proposal_id: int) -> list[KeywordRow]:
        """The rows that an instrument's keyword service has of a proposal.

        Raises:
            ArchiveError: The archive could not be reached, or answered with an error or with nonsense.
        """
        with self._question(f"{service} keywords of proposal {proposal_id}"):
            wanted = {PROGRAM: [str(proposal_id)]}
            table = self._keyword_client.mast_query(
                f"{KEYWORDS}.{service}", columns=",".join(KEYWORD_COLUMNS), **wanted
            )
            return keyword_records(table)

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
            from astroquery.mast import MastClass, ObservationsClass  # noqa: PLC0415 - takes a second and 77 MB

            client = ObservationsClass()
            portal = client._portal_api_connection  # noqa: SLF001 - there is no public way to another server
            portal.MAST_REQUEST_URL = f"{self._url}/api/v0/invoke"
            portal.COLUMNS_CONFIG_URL = f"{self._url}/portal/Mashup/Mashup.asmx/columnsconfig"
            portal.MAST_DOWNLOAD_URL = f"{self._url}/api/v0.1/Download/file"
            portal.MAST_BUNDLE_URL = f"{self._url}/api/v0.1/Download/bundle"
            portal.TIMEOUT = self._clock.timeout
            portal._column_configs = {}  # noqa: SLF001 - shared by all servers otherwise
            session = portal._session  # noqa: SLF001 - as above
            session.headers["User-Agent"] = f"{self._agent} {session.headers['User-Agent']}"
            for scheme in ("https://", "http://"):
                session.mount(scheme, PoliteAdapter(self._clock))
            self._keyword_client = MastClass()
            self._keyword_client._portal_api_connection = portal  # noqa: SLF001 - set up once for both
            self._client = client
        return self._client


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
