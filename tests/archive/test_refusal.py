"""Whether the owner of a token may have a product: what is asked, who sees the token, and what is no refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.sandbox import STRANGER_TOKEN, TOKEN, Catalogue, Sandbox
from tests.archive.answers import answers, archive_at, text
from tests.archive.servers import sending
from tests.archive.test_whoami import says

if TYPE_CHECKING:
    from collections.abc import Iterator

DOWNLOAD = "/api/v0.1/Download/file"
URI = "mast:JWST/product/a+b_cal.fits"


@pytest.fixture
def closed() -> Iterator[Sandbox]:
    """An archive with one product, which is not public."""
    observation = {"obsid": 1, "obs_id": "jw01345-o001", "proposal_id": "1345", "dataRights": "EXCLUSIVE_ACCESS"}
    product = {"parent_obsid": 1, "productFilename": "a+b_cal.fits", "size": 2880 * 100}
    with Sandbox(catalogue=Catalogue.from_rows([observation], [product])) as sandbox:
        yield sandbox


@pytest.mark.parametrize(("token", "said"), [(TOKEN, None), (STRANGER_TOKEN, "the archive answered 401 Unauthorized")])
def test_the_archive_says_who_may_have_it(closed: Sandbox, token: str, said: str | None) -> None:
    """One byte is asked for, in this program's name; whoever has the right is not refused."""
    assert archive_at(closed.url).refusal(URI, token) == said
    [asked] = closed.requests

    assert (asked.method, asked.path, asked.uri) == ("GET", DOWNLOAD, URI)
    assert asked.headers["Range"] == "bytes=0-0"
    assert asked.headers["Authorization"] == f"token {token}"
    assert asked.headers["User-Agent"].startswith("jwstsync/1.2.3 ")


@pytest.mark.parametrize(("status", "refused"), [(401, True), (403, True), (404, False), (500, False), (200, False)])
def test_only_refusals_are_refusals(closed: Sandbox, status: int, refused: bool) -> None:  # noqa: FBT001 - a table
    """Whatever else is wrong the download will find out."""
    closed.fault = answers(text("words", status), DOWNLOAD)

    assert (archive_at(closed.url).refusal(URI, TOKEN) is not None) is refused


def test_the_token_is_not_in_the_words(closed: Sandbox) -> None:
    """A server that repeats what it was shown does not bring it into a message."""

    async def repeating(request: web.Request) -> web.Response:
        return web.Response(status=403, reason=f"no {request.headers['Authorization']}")

    closed.fault = answers(repeating, DOWNLOAD)
    assert archive_at(closed.url).refusal(URI, TOKEN) == "the archive answered 403 no token (token)"


def test_a_redirect_is_followed_without_the_token(closed: Sandbox) -> None:
    """Another host is asked as a download would ask it, and its refusal counts; it does not see the token."""
    with Sandbox() as other:
        closed.fault = answers(says("", 302, Location=f"{other.url}/file?signed=a%2Bb"), DOWNLOAD)
        other.fault = answers(text("no", 403), "/file")
        said = archive_at(closed.url).refusal(URI, TOKEN)
        [asked] = other.requests

    assert said == "the archive answered 403 Forbidden"
    assert "Authorization" not in asked.headers


def test_redirects_have_an_end(closed: Sandbox) -> None:
    """A server that points to itself, or to nowhere, refuses nothing."""
    for place in (DOWNLOAD, "http://[nowhere"):
        closed.fault = answers(says("", 302, Location=place), DOWNLOAD)
        assert archive_at(closed.url).refusal(URI, TOKEN) is None


def test_no_answer_is_no_refusal() -> None:
    """A server that is not there, or says nothing, is left to the download."""
    assert archive_at("http://127.0.0.1:9").refusal(URI, TOKEN) is None
    with sending(b"") as url:
        assert archive_at(url, timeout=0.2).refusal(URI, TOKEN) is None
