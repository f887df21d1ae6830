"""Where products are downloaded from, and how it is talked to."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from jwstsync.core.checksums import CONFIRMED, Trust
from jwstsync.hosts import PORTS, Origin, may_see_token, origin_of

if TYPE_CHECKING:
    from ssl import SSLContext

_CONNECT_TIMEOUT = 30.0  # seconds
_LONGEST_SILENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Proxy:
    """What stands between this machine and a server.

    Attributes:
        host: Its name.
        port: Where it listens.
        headers: What it is sent, and the server is not.
    """

    host: str
    port: int
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
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

    def address(self, uri: str) -> str:
        """Where a product is downloaded; ``:`` and ``/`` of its name stay as they are."""
        return f"{self.url}/api/v0.1/Download/file?uri={quote_plus(uri, safe=':/')}"

    @property
    def silence(self) -> float:
        """Seconds without a byte after which a connection is dead."""
        return min(self.timeout, _LONGEST_SILENCE)

    @property
    def connect_timeout(self) -> float:
        """Seconds after which a connection is not made."""
        return min(_CONNECT_TIMEOUT, self.timeout)

    @cached_property
    def tls_context(self) -> SSLContext:
        """Whom to trust: what the system does, or the environment's ``SSL_CERT_FILE`` says."""
        import ssl  # noqa: PLC0415 - only where it is needed

        return ssl.create_default_context()

    @cached_property
    def _proxies(self) -> dict[str, str]:
        return getproxies()

    def proxy(self, origin: Origin) -> Proxy | None:
        """The proxy that the environment names for a server, if any; one without a scheme is meant as http.

        Raises:
            ValueError: It is not an address.
        """
        scheme, host, port = origin
        address = self._proxies.get(scheme)
        bracketed = f"[{host}]" if ":" in host else host
        if not address or proxy_bypass(f"{bracketed}:{port}"):
            return None
        parts = urlsplit(address if "://" in address else f"http://{address}")  # curl takes it so too
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers = {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"} if parts.username else {}
        return Proxy(parts.hostname or "", parts.port or PORTS.get(parts.scheme, 80), headers)

    def authorization(self, origin: Origin) -> dict[str, str]:
        """The header with the token, for a server that may see it; nothing for all others."""
        if not self.token or not may_see_token(origin, origin_of(self.url)):
            return {}
        return {"Authorization": f"token {self.token}"}
