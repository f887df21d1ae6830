"""Where products are downloaded from, and how it is talked to."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from jwstsync.core.checksums import CONFIRMED, Trust
from jwstsync.hosts import may_see_token

_READ_BUFFER = 1 << 18
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
        use_checksums: Whether a checksum that the archive states is looked at.
        trust: What is known of these checksums.
        limit_rate: Bytes a second at most, in all.
    """

    url: str
    agent: str
    connections: int
    timeout: float
    token: str | None = field(default=None, repr=False)
    use_checksums: bool = True
    trust: Trust = CONFIRMED
    limit_rate: float | None = None

    def address(self, uri: str) -> URL:
        """Where a product is downloaded; ``:`` and ``/`` of its name stay as they are."""
        return URL(f"{self.url}/api/v0.1/Download/file").with_query(uri=uri)

    @property
    def silence(self) -> float:
        """Seconds without a byte after which a connection is dead."""
        return min(self.timeout, _LONGEST_SILENCE)

    def session(self) -> aiohttp.ClientSession:
        """A session without aiohttp's limit of 300 s for a whole download, and with one for silence.

        The environment's proxies are looked up here, once: ``trust_env`` would have aiohttp look through the whole
        environment, and read ~/.netrc, for every request. A redirect takes the proxy of the archive's own address.
        """
        connect = min(_CONNECT_TIMEOUT, self.timeout)
        return aiohttp.ClientSession(
            headers={"User-Agent": self.agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=self.silence),
            connector=aiohttp.TCPConnector(limit=self.connections),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            middlewares=[self._authorized],
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._proxy(),
        )

    def _proxy(self) -> URL | None:
        """The proxy that the environment names for the archive, with the name and password in its address."""
        url = URL(self.url)
        address = getproxies().get(url.scheme)
        host = url.host or ""
        port = f":{url.explicit_port}" if url.explicit_port else ""
        if not address or proxy_bypass((f"[{host}]" if port and ":" in host else host) + port):
            return None
        return URL(address if "://" in address else f"http://{address}")  # curl takes it so too

    async def _authorized(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sends the token to whom it is for, also after a redirect, and nothing that was found in an address."""
        request.headers.popall("Authorization", None)
        if self.token and may_see_token(request.url, URL(self.url)):
            request.headers["Authorization"] = f"token {self.token}"
        return await handler(request)
