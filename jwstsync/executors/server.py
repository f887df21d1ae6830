"""Where products are downloaded from, and how it is talked to."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from jwstsync.hosts import may_see_token

_READ_BUFFER = 1 << 20
_CONNECT_TIMEOUT = 30.0  # seconds
_LONGEST_SILENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Server:
    """Where products are downloaded from, and how it is talked to.

    Attributes:
        url: The archive's server; only it, and hosts that belong to it, are sent the token.
        agent: How this program names itself.
        connections: How many downloads at once.
        timeout: Seconds of a query; a download without a byte for this long, or for 60 s, has stalled.
        token: The MAST token, if there is one.
        use_checksums: Whether a checksum that the archive states has to fit.
        limit_rate: Bytes a second at most, in all.
    """

    url: str
    agent: str
    connections: int
    timeout: float
    token: str | None = field(default=None, repr=False)
    use_checksums: bool = True
    limit_rate: float | None = None

    def address(self, uri: str) -> URL:
        """Where a product is downloaded; ``:`` and ``/`` of its name stay as they are."""
        return URL(f"{self.url}/api/v0.1/Download/file").with_query(uri=uri)

    @property
    def silence(self) -> float:
        """Seconds without a byte after which a connection is dead."""
        return min(self.timeout, _LONGEST_SILENCE)

    def session(self) -> aiohttp.ClientSession:
        """A session without aiohttp's limit of 300 s for a whole download, and with one for silence."""
        connect = min(_CONNECT_TIMEOUT, self.timeout)
        return aiohttp.ClientSession(
            headers={"User-Agent": self.agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=self.silence),
            connector=aiohttp.TCPConnector(limit=self.connections),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            middlewares=[self._authorized],
            trust_env=True,
        )

    async def _authorized(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sends the token to whom it is for, also after a redirect, and nothing that aiohttp found in ~/.netrc."""
        request.headers.popall("Authorization", None)
        if self.token and may_see_token(request.url, URL(self.url)):
            request.headers["Authorization"] = f"token {self.token}"
        return await handler(request)
