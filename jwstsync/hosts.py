"""Which hosts may be shown the token that is meant for the archive."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port of a server."""

MAST = "https://mast.stsci.edu"
PORTS = {"http": 80, "https": 443}
"""Where a server listens whose address names no port."""
_PLAIN = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
"""A server's name and port as every library reads them: without a user's name, backslashes, or letters beyond ASCII."""


def origin_of(url: str) -> Origin:
    """Where an address leads.

    Raises:
        ValueError: It is not one of http or https, or not one that everybody reads in the same way.
    """
    parts = urlsplit(url)
    port = PORTS.get(parts.scheme)
    if port is None or not _PLAIN.fullmatch(parts.netloc):
        raise ValueError(f"{url!r}: expected http or https, and a plain host")
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or port


def may_see_token(origin: Origin, archive: Origin) -> bool:
    """Whether a token for the archive may go with a request.

    It may to the archive's own scheme, host and port, and over https to hosts under the same registrable name, such as
    stsci.edu. Addresses of machines, and names like localhost, have none.
    """
    if origin == archive:
        return True
    name = _registrable_name(archive[1])
    return origin[0] == "https" and name is not None and name == _registrable_name(origin[1])


def is_for_mast_tokens(url: str) -> bool:
    """Whether an archive is MAST itself, or a stand-in on this machine."""
    try:
        origin = origin_of(url)
    except ValueError:
        return False
    return may_see_token(origin, origin_of(MAST)) or _is_loopback(origin[1])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _registrable_name(host: str) -> str | None:
    name: str | None = _suffixes().privatesuffix(host)
    return name


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - its list takes 0.1 s to read, and few runs need it

    return PublicSuffixList(accept_unknown=False)
