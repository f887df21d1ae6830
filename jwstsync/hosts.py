"""Which hosts may be shown the token that is meant for the archive."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from yarl import URL

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAST = URL("https://mast.stsci.edu")


def may_see_token(url: URL, archive: URL) -> bool:
    """Whether a token for the archive may go with a request.

    It may to the archive's own scheme, host and port, and over https to hosts under the same registrable name, such as
    stsci.edu. Addresses of machines, and names like localhost, have none.
    """
    if url.origin() == archive.origin():
        return True
    name = _registrable_name(archive)
    return url.scheme == "https" and name is not None and name == _registrable_name(url)


def is_for_mast_tokens(archive: URL) -> bool:
    """Whether an archive is MAST itself, or a stand-in on this machine."""
    return may_see_token(archive, MAST) or _is_loopback(archive.host or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _registrable_name(url: URL) -> str | None:
    name: str | None = _suffixes().privatesuffix(url.raw_host or "")
    return name


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - its list takes 0.1 s to read, and few runs need it

    return PublicSuffixList(accept_unknown=False)
