"""What a server's answer to a download means: go on, start over, try again later, or give up."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jwstsync.core.retry import LONGEST_RETRY_AFTER, retry_after
from jwstsync.executors import Cause
from jwstsync.executors.transfer import Version

if TYPE_CHECKING:
    from jwstsync.executors.response import Response
    from jwstsync.executors.transfer import Span, Transfer

_OK, _PARTIAL, _RANGE_NOT_SATISFIABLE = 200, 206, 416
_BUSY = frozenset({429, 503})
_AGAIN = frozenset({408, 425}) | _BUSY
_SERVER_ERROR = 500
_FINAL = {401: Cause.UNAUTHORIZED, 403: Cause.FORBIDDEN, 404: Cause.NOT_FOUND}
_WORDS = 200  # characters of an answer that are shown
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


class RefusalError(Exception):
    """The product is not to be had; trying again would not help."""

    def __init__(self, cause: Cause, error: str) -> None:
        super().__init__(error)
        self.cause = cause


class SetbackError(Exception):
    """The transfer broke, and may be tried again.

    Attributes:
        cause: What it counts as, if it stays so.
        wait: Seconds that the server asks for.
        whole_host: Whether everything from this server has to wait.
        starts_over: Whether what has come so far is of no use.
    """

    def __init__(
        self,
        error: str,
        *,
        cause: Cause = Cause.NETWORK,
        wait: float | None = None,
        whole_host: bool = False,
        starts_over: bool = False,
    ) -> None:
        super().__init__(error)
        self.cause = cause
        self.wait = wait
        self.whole_host = whole_host
        self.starts_over = starts_over


def version_of(response: Response) -> Version:
    """Which bytes a whole answer (200) brings. A weak entity tag does not prove that bytes are the same (RFC 9110)."""
    etag = response.headers.get("etag", "")
    strong = etag if etag.startswith('"') and etag.endswith('"') and len(etag) > 1 else None
    ranges = strong is not None and response.headers.get("accept-ranges", "").lower() == "bytes"
    return Version(strong, response.length, ranges=ranges)


def check_answer(response: Response, transfer: Transfer, span: Span) -> Version | None:
    """Whether the body is what was asked for: None for the span's bytes, a version for a body that starts over.

    Raises:
        RefusalError: The product is not to be had.
        SetbackError: It may be had later.
    """  # noqa: DOC501 - `no_body` makes one of these
    if response.status not in {_OK, _PARTIAL}:
        raise no_body(response)
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise SetbackError(f"came encoded ({encoding}); expected the file's own bytes", cause=Cause.BYTES)
    if response.status == _OK:
        return _whole_version(response, transfer.version)
    transfer.learn(span, _whole_length(response, transfer.version, span))
    transfer.joined = transfer.joined or transfer.version.etag is None
    return None


def _whole_version(response: Response, before: Version) -> Version:
    """The version of a whole answer; the same whole in place of a range that was asked for ends all ranges."""
    version = version_of(response)
    in_vain = "Range" in response.asked and version.etag == before.etag
    return replace(version, ranges=version.ranges and not in_vain)


def _whole_length(response: Response, version: Version, span: Span) -> int | None:
    """The length of the whole that a part of it states; the part has to be the one that was asked for.

    Raises:
        SetbackError: It is of another version, or another part.
    """
    header = response.headers.get("content-range", "")
    etag = response.headers.get("etag")
    if version.etag is not None and etag not in {None, version.etag}:
        raise SetbackError("came with another version of the file", starts_over=True)
    found = _CONTENT_RANGE.fullmatch(header)
    length = None if found is None or found[3] == "*" else int(found[3])
    fits = found is not None and int(found[1]) == span.position <= int(found[2])
    if not fits or (version.length is not None and length not in {None, version.length}):
        raise SetbackError(f"came with Content-Range {header!r}; expected bytes from {span.position}", starts_over=True)
    return length


def no_body(response: Response) -> RefusalError | SetbackError:
    """What an answer means that brings no product."""
    said = _said(response)
    status = response.status
    if status == _RANGE_NOT_SATISFIABLE:
        return SetbackError(said, starts_over=True)
    if status not in _AGAIN and status < _SERVER_ERROR:
        return RefusalError(_FINAL.get(status, Cause.NETWORK), said)
    wait = retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    if wait is not None and wait > LONGEST_RETRY_AFTER:
        return RefusalError(Cause.BUSY, f"{said}, to be tried again in {wait:.0f} s")
    host = status in _BUSY or status >= _SERVER_ERROR
    return SetbackError(said, cause=Cause.HOST if host else Cause.NETWORK, wait=wait, whole_host=status in _BUSY)


def _said(response: Response) -> str:
    """What the archive says when it gives no product, in its own words."""
    body = (response.read(4 * _WORDS)).decode(errors="replace")
    words = " ".join(body.split())[:_WORDS]
    shown = f" ({words})" if words.isprintable() and words and "<" not in words else ""
    return f"the archive answered {response.status} {response.reason}{shown}"
