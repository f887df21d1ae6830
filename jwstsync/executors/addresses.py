"""What scripts and input files of other programs have in common: where products are, and what their names may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from jwstsync.errors import UsageError

if TYPE_CHECKING:
    from jwstsync.core.fetch import Fetch

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z0-9_.~:/-]+")  # what stays itself; nearly all names do
_URL = re.compile(r"https?://[^\s\"\\]+")
_SUM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
SUM_KINDS = {32: "md5", 64: "sha256"}
"""Kinds of checksums, by hex digits."""


def clean(what: str, text: str) -> str:
    """The text, as it is.

    Raises:
        UsageError: A control character stands in it.
    """
    if _CONTROL.search(text):
        raise UsageError(f"{what} {text!r}: expected no control characters")
    return text


def checked_url(url: str) -> str:
    """The archive's address, without a slash at its end.

    Raises:
        UsageError: It is not one.
    """
    if not _URL.fullmatch(clean("archive url", url)):
        raise UsageError(f"archive url {url!r}: expected http:// or https:// and a host")
    return url.rstrip("/")


def quoted_uri(fetch: Fetch) -> str:
    """A product's name in the archive, as it stands in an address."""
    uri = fetch.uri
    return uri if _PLAIN.fullmatch(uri) else quote(clean("uri", uri), safe=":/")


def known_sum(fetch: Fetch) -> str | None:
    """The checksum that the bytes must have: the SHA-256 of locked bytes, else the archive's MD5.

    Raises:
        UsageError: It has another form than these have.
    """
    known = fetch.sha256 or fetch.md5
    if known is not None and not _SUM.fullmatch(known):
        raise UsageError(f"checksum {known!r} of {fetch.uri!r}: expected 32 or 64 lower-case hex digits")
    return known
