"""Whose a token is: what the archive's answer means, to whom the token is shown, and how long is waited."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.archive.auth import Identity
from jwstsync.errors import ArchiveError, ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN, Sandbox
from tests.archive.answers import answers, archive_at
from tests.archive.servers import sending

if TYPE_CHECKING:
    from pathlib import Path

    from tests.archive.answers import Answer

WHOAMI = "/whoami"
SHORT = 0.2  # seconds


def says(body: str, status: int = 200, **headers: str) -> Answer:
    """An answer with this text."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    return answer


def shown(sandbox: Sandbox) -> list[str | None]:
    """What was shown with each request since."""
    return [one.headers.get("Authorization") for one in sandbox.requests if one.path.startswith(WHOAMI)]


@pytest.mark.parametrize(
    ("token", "identity"),
    [
        (TOKEN, Identity(False, "Sandbox User", "sandbox.user@example.org", ("mast:exclusive_access",))),  # noqa: FBT003
        (EXPIRED_TOKEN, Identity(anonymous=True)),
        ("never-issued", Identity(anonymous=True)),
    ],
)
def test_the_archive_says_whose_a_token_is(sandbox: Sandbox, token: str, identity: Identity) -> None:
    """A good token has an owner; with any other one is anonymous."""
    assert archive_at(sandbox.url).whoami(token) == identity


def test_somebody_without_rights_is_somebody() -> None:
    """What a token gives a right to is only seen when it is used."""
    with Sandbox() as sandbox:
        identity = archive_at(sandbox.url).whoami(STRANGER_TOKEN)
        [asked] = sandbox.requests

    assert (identity.anonymous, identity.name) == (False, "Sandbox Stranger")
    assert asked.headers["Authorization"] == f"token {STRANGER_TOKEN}"
    assert asked.headers["User-Agent"].startswith("jwstsync/1.2.3 ")
    assert "Cookie" not in asked.headers


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_may_be_refused_by_status(sandbox: Sandbox, status: int) -> None:
    """An archive that refuses to answer to a token refuses the token."""
    sandbox.fault = answers(says("expired", status), WHOAMI)

    assert archive_at(sandbox.url).whoami(TOKEN) == Identity(anonymous=True)


@pytest.mark.parametrize(
    "body",
    [
        '{"anon": false}',
        '{"anon": false, "attrib": null, "scopes": null, "eppn": null}',
        '{"anon": false, "attrib": [], "scopes": {"a": 1}, "eppn": 5}',
        '{"anon": false, "attrib": {"display_name": 7}, "scopes": [1, null, ""], "eppn": ""}',
    ],
)
def test_what_is_left_out_is_not_known(sandbox: Sandbox, body: str) -> None:
    """Only whether one is anonymous has to be said."""
    sandbox.fault = answers(says(body), WHOAMI)

    assert archive_at(sandbox.url).whoami(TOKEN) == Identity(anonymous=False)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("<html></html>", 200, "answer not understood"),
        ("", 200, "answer not understood"),
        ("[]", 200, "expected a JSON object that says whether one is anonymous"),
        ('{"anon": "no"}', 200, "expected a JSON object that says whether one is anonymous"),
        ("{}" + " " * (1 << 20), 200, "answer of more than 1048576 bytes"),
        ("down", 503, "503 Server Error"),
        ("gone", 404, "404 Client Error"),
    ],
)
def test_no_answer_is_no_refusal(sandbox: Sandbox, body: str, status: int, words: str) -> None:
    """An archive that does not say whose a token is says nothing against it: exit code 4."""
    sandbox.fault = answers(says(body, status), WHOAMI)

    with pytest.raises(ArchiveError, match=f"^{sandbox.url}/whoami: {words}") as caught:
        archive_at(sandbox.url).whoami(TOKEN)
    assert caught.value.exit_code is ExitCode.ARCHIVE


def test_an_archive_that_is_not_there() -> None:
    """It is said that it was not reached."""
    with pytest.raises(ArchiveError, match=r"^http://127.0.0.1:9/whoami: not reached"):
        archive_at("http://127.0.0.1:9").whoami(TOKEN)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_nobody_waits_for_ever(beginning: bytes) -> None:
    """A server that says nothing, or does not come to an end, is given up after the time limit."""
    with sending(beginning) as url, pytest.raises(ArchiveError, match=r"/whoami: no answer in 0\.2 s$"):
        archive_at(url, timeout=SHORT).whoami(TOKEN)


def test_a_token_in_an_answer_is_not_repeated(sandbox: Sandbox) -> None:
    """A server that echoes what it was shown does not bring the token into names or messages."""
    sandbox.fault = answers(
        says(f'{{"anon": false, "eppn": "{TOKEN}", "attrib": {{"display_name": "{TOKEN}"}}}}'), WHOAMI
    )
    identity = archive_at(sandbox.url).whoami(TOKEN)
    sandbox.fault = answers(raising_reason, WHOAMI)
    with pytest.raises(ArchiveError) as caught:
        archive_at(sandbox.url).whoami(TOKEN)

    assert TOKEN not in repr(identity)
    assert "(token)" in str(caught.value)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


async def raising_reason(request: web.Request) -> web.Response:
    """An error whose words are what came in."""
    return web.Response(status=500, reason=f"bad {request.headers['Authorization']}")


def test_redirects_within_the_archive_are_followed(sandbox: Sandbox) -> None:
    """The token goes along to another address of the same server."""
    before = len(shown(sandbox))

    async def elsewhere(request: web.Request) -> web.StreamResponse | None:
        if request.path == WHOAMI and "there" not in request.query:
            return web.Response(status=302, headers={"Location": f"{WHOAMI}?there"})
        return None

    sandbox.fault = elsewhere
    assert not archive_at(sandbox.url).whoami(TOKEN).anonymous
    assert shown(sandbox)[before:] == [f"token {TOKEN}"] * 2


def test_no_other_host_sees_the_token(sandbox: Sandbox) -> None:
    """Where the archive points elsewhere, nothing is asked there, and it is said why."""
    with Sandbox() as other:
        sandbox.fault = answers(says("", 302, Location=f"{other.url}{WHOAMI}"), WHOAMI)
        with pytest.raises(ArchiveError, match=r"/whoami: redirects to a host that must not see the token$"):
            archive_at(sandbox.url).whoami(TOKEN)
        assert other.requests == []


def test_redirects_have_an_end(sandbox: Sandbox) -> None:
    """A server that points to itself is not asked for ever."""
    sandbox.fault = answers(says("", 302, Location=WHOAMI), WHOAMI)
    before = len(shown(sandbox))

    with pytest.raises(ArchiveError, match=r"/whoami: redirects too often$"):
        archive_at(sandbox.url).whoami(TOKEN)
    assert len(shown(sandbox)) - before == 6


def test_passwords_of_other_programs_stay_where_they_are(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ~/.netrc with an entry for the archive neither goes there nor stands in the token's way."""
    (tmp_path / "netrc").write_text("default login anonymous password me@example.org\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    archive_at(sandbox.url).whoami(TOKEN)

    assert shown(sandbox)[-1] == f"token {TOKEN}"
