"""`jwstsync login`, `whoami` and `logout`: whose the token is, and where it is kept."""

from __future__ import annotations

import io
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from keyring.errors import KeyringLocked, NoKeyringError

from jwstsync.errors import ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN
from tests.cli.calls import PATIENCE, Called, Desk
from tests.keyrings import BACKEND, FILE, MemoryKeyring, keyring_in_use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.sandbox import Sandbox
    from tests.cli.terminals import Terminal

REPOSITORY = Path(__file__).parents[2]
ENTRY = "astroquery:mast.stsci.edu.token masttoken"
SECRET = "0123456789abcdef0123456789abcdef"
NO_KEYRING, LOCKED = NoKeyringError(), KeyringLocked("locked")


@pytest.fixture
def kept() -> Iterator[MemoryKeyring]:
    """An empty keyring."""
    with keyring_in_use(MemoryKeyring()) as kept:
        yield kept


def typed_in(desk: Desk, text: str | bytes, *arguments: str) -> Called:
    """Logs in with this on stdin."""
    content = text if isinstance(text, bytes) else text.encode()
    desk.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return desk.call("login", "--token-stdin", *arguments)


def asked_who(archive: Sandbox) -> list[str | None]:
    """The tokens that the archive was shown, in the form that they were sent in."""
    return [one.headers.get("Authorization") for one in archive.requests if one.path == "/whoami"]


async def nobody_home(request: web.Request) -> web.StreamResponse | None:
    """A fault: the archive does not say whose a token is."""
    return web.Response(status=503) if request.path == "/whoami" else None


# --- login


def test_a_good_token_is_stored(desk: Desk, archive: Sandbox, kept: MemoryKeyring) -> None:
    """Its owner is greeted by name; the token lies where astroquery looks for it, and is asked about once."""
    called = typed_in(desk, f"{TOKEN}\n")

    assert called == Called(ExitCode.OK, "Welcome, Sandbox User: the token is stored.\n", "")
    assert kept.entries == {("astroquery:mast.stsci.edu.token", "masttoken"): TOKEN}
    assert asked_who(archive) == [f"token {TOKEN}"]


def test_a_stored_token_is_used(desk: Desk, kept: MemoryKeyring) -> None:
    """What login stores, whoami finds, and logout removes."""
    assert typed_in(desk, TOKEN).code == ExitCode.OK
    known = desk.call("whoami")
    removed, again = desk.call("logout"), desk.call("logout")

    assert (
        known.out
        == "Sandbox User (sandbox.user@example.org), by the token from keyring\nscopes: mast:exclusive_access\n"
    )
    assert removed == Called(ExitCode.OK, "The token is removed from the keyring.\n", "")
    assert again == Called(ExitCode.OK, "There was no token in the keyring.\n", "")
    assert kept.entries == {}


def test_a_token_may_just_be_checked(desk: Desk, kept: MemoryKeyring) -> None:
    """With --no-store the keyring is not touched."""
    called = typed_in(desk, TOKEN, "--no-store")

    assert called == Called(ExitCode.OK, "Welcome, Sandbox User: the token is good.\n", "")
    assert kept.asked == 0


@pytest.mark.parametrize("token", [EXPIRED_TOKEN, SECRET])
def test_a_token_that_is_not_good_is_not_stored(desk: Desk, archive: Sandbox, kept: MemoryKeyring, token: str) -> None:
    """Exit code 8, with what to do; the token that was stored before stays."""
    typed_in(desk, STRANGER_TOKEN)
    refused = typed_in(desk, token)

    assert refused == Called(
        ExitCode.TOKEN,
        "",
        f"jwstsync: {archive.url} refused the MAST token (not stored): it has expired, or is none; "
        "expected one from https://auth.mast.stsci.edu/token\n",
    )
    assert kept.token == STRANGER_TOKEN


def test_a_token_that_can_not_be_checked_is_not_stored(desk: Desk, archive: Sandbox, kept: MemoryKeyring) -> None:
    """An archive that does not answer ends a login with exit code 4."""
    archive.fault = nobody_home
    failed = typed_in(desk, TOKEN)

    assert (failed.code, failed.out) == (ExitCode.ARCHIVE, "")
    assert failed.err.startswith(f"jwstsync: {archive.url}/whoami: 503 ")
    assert kept.entries == {}


@pytest.mark.parametrize(
    "text",
    [
        f"{SECRET}\n{SECRET}",
        f"{SECRET}\r{SECRET}",
        f"{SECRET} {SECRET}",
        f"{SECRET}\x1b[31m",
        f"{SECRET}\x00",
        f"{SECRET}caf\xe9",
        SECRET.encode() + b"\xff\xfe",
        SECRET * 200,
        SECRET * 10_000,
    ],
)
def test_what_can_be_no_token(desk: Desk, archive: Sandbox, kept: MemoryKeyring, text: str | bytes) -> None:
    """It is neither sent nor stored nor repeated: exit code 8."""
    refused = typed_in(desk, text)

    assert refused == Called(
        ExitCode.TOKEN,
        "",
        "jwstsync: MAST token from stdin: expected at most 4096 printable ASCII characters "
        "without blanks and line ends\n",
    )
    assert (archive.requests, kept.asked) == ([], 0)


def test_blanks_around_a_token_do_no_harm(desk: Desk, kept: MemoryKeyring) -> None:
    """A file may end in line ends, also in those of another system."""
    assert typed_in(desk, f"  {TOKEN}\r\n\n").code == ExitCode.OK
    assert kept.token == TOKEN


@pytest.mark.parametrize("text", ["", "\n", " \t\r\n"])
def test_nothing_on_stdin_is_wrong_usage(desk: Desk, text: str) -> None:
    """A secret that is not set in CI comes as nothing: exit code 2."""
    called = typed_in(desk, text)

    assert called == Called(
        ExitCode.INVALID, "", "jwstsync: --token-stdin: expected a token on stdin, which was empty\n"
    )


def test_no_stdin_at_all_is_wrong_usage(desk: Desk) -> None:
    """Under some daemons there is none."""
    desk.monkeypatch.setattr(sys, "stdin", None)

    assert desk.call("login", "--token-stdin").code == ExitCode.INVALID


def test_nobody_to_ask_is_wrong_usage(desk: Desk, archive: Sandbox) -> None:
    """Without a terminal a login says how to go on, whatever the environment holds: exit code 2."""
    desk.set(MAST_API_TOKEN=TOKEN)
    called = desk.call("login")

    assert called == Called(ExitCode.INVALID, "", "jwstsync: login: expected a terminal to ask in, or --token-stdin\n")
    assert archive.requests == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NO_KEYRING, "this host has no keyring"),
        (LOCKED, "the keyring can not be used (KeyringLocked: locked)"),
        (RuntimeError(f"no {TOKEN}\nhere"), "the keyring can not be used (RuntimeError: no (token))"),
    ],
)
def test_a_host_without_a_keyring_is_no_error(desk: Desk, error: Exception, words: str) -> None:
    """The token is good, and where else to put it is said."""
    with keyring_in_use(MemoryKeyring(error)):
        called = typed_in(desk, TOKEN)

    assert called == Called(
        ExitCode.OK,
        "Welcome, Sandbox User: the token is good.\n",
        f"jwstsync: {words}: the token is not stored; set it as MAST_API_TOKEN\n",
    )


def test_a_token_that_will_not_be_used_is_said(desk: Desk, kept: MemoryKeyring) -> None:
    """The environment goes before the keyring."""
    desk.set(MAST_API_TOKEN=EXPIRED_TOKEN)
    called = typed_in(desk, TOKEN)

    assert (called.code, kept.token) == (ExitCode.OK, TOKEN)
    assert called.err == "jwstsync: MAST_API_TOKEN is set too, and goes before the token in the keyring\n"


def test_a_login_for_programs(desk: Desk, kept: MemoryKeyring) -> None:
    """With --json all is said in one document, in which the token does not stand."""
    stored, checked = typed_in(desk, TOKEN, "--json"), typed_in(desk, TOKEN, "--json", "--no-store")
    facts = {
        "schema": "jwstsync.login/1",
        "anonymous": False,
        "name": "Sandbox User",
        "account": "sandbox.user@example.org",
        "scopes": ["mast:exclusive_access"],
    }

    assert (stored.document, stored.err) == (facts | {"stored": True}, "")
    assert checked.document == facts | {"stored": False}
    assert kept.token == TOKEN


PROMPT = "MAST token (not shown): "


def with_file_keyring(desk: Desk) -> Path:
    """The file in which processes find a keyring from now on."""
    path = desk.folder.parent / "keyring"
    desk.set(PYTHON_KEYRING_BACKEND=BACKEND, PYTHONPATH=str(REPOSITORY), **{FILE: str(path)})
    return path


@pytest.mark.parametrize("arguments", [(), ("--token-stdin",)])
def test_somebody_types_a_token(desk: Desk, terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """In a terminal it is asked for, and not shown."""
    kept = with_file_keyring(desk)
    process = terminal.run(desk, "login", *arguments)
    asked = terminal.read(PROMPT)
    terminal.type(f" {TOKEN}\n")
    shown = terminal.read()

    assert (process.wait(PATIENCE), asked) == (ExitCode.OK, PROMPT)
    assert shown == "\nWelcome, Sandbox User: the token is stored.\n"
    assert json.loads(kept.read_text(encoding="utf-8")) == {ENTRY: TOKEN}


def test_somebody_types_no_token(desk: Desk, terminal: Terminal) -> None:
    """What is mistyped is refused without being shown."""
    process = terminal.run(desk, "login")
    terminal.read(PROMPT)
    terminal.type(f"{SECRET} {SECRET}\n")
    shown = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.TOKEN
    assert "jwstsync: MAST token from the terminal: expected at most 4096 printable ASCII" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-D"])
def test_somebody_thinks_better_of_it(desk: Desk, terminal: Terminal, archive: Sandbox, how: str) -> None:
    """The login ends, and nothing was asked or stored."""
    kept = with_file_keyring(desk)
    process = terminal.run(desk, "login")
    terminal.read(PROMPT)
    if how == "Ctrl-D":
        terminal.type("\x04")
    else:
        process.send_signal(signal.SIGINT)
        terminal.type("\n")  # wakes Python where the signal came just before it began to read
    shown = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.INTERRUPTED
    assert "Traceback" not in shown
    assert (archive.requests, kept.exists()) == ([], False)


# --- whoami


def test_nobody_without_a_token(desk: Desk, archive: Sandbox, kept: MemoryKeyring) -> None:
    """Being anonymous is no error, and needs no question to the archive."""
    called, told = desk.call("whoami"), desk.call("whoami", "--json")

    assert called == Called(
        ExitCode.OK, "anonymous: no token in MAST_API_TOKEN or the keyring; what is public needs none\n", ""
    )
    nobody: dict[str, object] = {"anonymous": True, "name": None, "account": None, "scopes": [], "source": None}
    assert told.document == {"schema": "jwstsync.whoami/1", **nobody}
    assert (archive.requests, kept.asked) == ([], 2)


@pytest.mark.parametrize("error", [NO_KEYRING, LOCKED, RuntimeError("any")])
def test_nobody_without_a_keyring(desk: Desk, error: Exception) -> None:
    """Why the keyring was of no help is said."""
    with keyring_in_use(MemoryKeyring(error)):
        called = desk.call("whoami")

    assert (called.code, called.err) == (ExitCode.OK, "")
    assert called.out.startswith("anonymous: no token in MAST_API_TOKEN or the keyring (th")


def test_the_environment_goes_first(desk: Desk, kept: MemoryKeyring) -> None:
    """The keyring is not even looked into."""
    kept.set_password("astroquery:mast.stsci.edu.token", "masttoken", TOKEN)
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    called = desk.call("whoami", "--json")

    assert called.document["name"] == "Sandbox Stranger"
    assert called.document["source"] == "MAST_API_TOKEN"
    assert kept.asked == 1


@pytest.mark.parametrize("token", [EXPIRED_TOKEN, SECRET])
def test_a_refused_token_is_an_error(desk: Desk, archive: Sandbox, token: str) -> None:
    """Exit code 8; where it comes from and what to do is said, also with --json."""
    desk.set(MAST_API_TOKEN=token)
    refused = desk.call("whoami")

    assert refused == Called(
        ExitCode.TOKEN,
        "",
        f"jwstsync: {archive.url} refused the MAST token (it is from MAST_API_TOKEN): it has expired, or is none; "
        "expected one from https://auth.mast.stsci.edu/token\n",
    )
    assert desk.call("whoami", "--json") == refused


@pytest.mark.parametrize("token", [f"{SECRET}\n{SECRET}", f"{SECRET}\xe9", " ", SECRET * 200])
def test_a_malformed_token_is_an_error(desk: Desk, archive: Sandbox, token: str) -> None:
    """It is not sent: exit code 8."""
    desk.set(MAST_API_TOKEN=token)
    refused = desk.call("whoami")

    assert (refused.code, refused.out, archive.requests) == (ExitCode.TOKEN, "", [])
    assert refused.err.startswith("jwstsync: MAST token from MAST_API_TOKEN: expected at most 4096 printable ASCII")
    assert SECRET not in refused.err


def test_an_archive_that_does_not_say(desk: Desk, archive: Sandbox) -> None:
    """It is not known whose a token is: exit code 4."""
    archive.fault = nobody_home
    desk.set(MAST_API_TOKEN=TOKEN)

    assert desk.call("whoami").code == ExitCode.ARCHIVE


def test_a_name_that_would_move_the_cursor(desk: Desk, archive: Sandbox) -> None:
    """What the archive calls somebody is only shown."""

    async def named(request: web.Request) -> web.StreamResponse | None:
        facts = {"anon": False, "attrib": {"display_name": "\x1b[2J\nBobby"}, "scopes": ["a\rb"]}
        return web.json_response(facts) if request.path == "/whoami" else None

    archive.fault = named
    desk.set(MAST_API_TOKEN=TOKEN)

    assert desk.call("whoami").out == "?[2J?Bobby, by the token from MAST_API_TOKEN\nscopes: a?b\n"


# --- logout


def test_a_token_that_stays_is_said(desk: Desk, kept: MemoryKeyring) -> None:
    """A logout can not reach into the environment."""
    kept.set_password("astroquery:mast.stsci.edu.token", "masttoken", TOKEN)
    desk.set(MAST_API_TOKEN=TOKEN)
    called = desk.call("logout")

    assert called == Called(
        ExitCode.OK,
        "The token is removed from the keyring.\n",
        "jwstsync: MAST_API_TOKEN is still set, and is used as long as it is\n",
    )
    assert kept.entries == {}
    told = desk.call("logout", "--json").document
    assert told == {"schema": "jwstsync.logout/1", "removed": False, "environment": True}


def test_nothing_to_log_out_of(desk: Desk) -> None:
    """On a host without a keyring there is nothing to remove."""
    with keyring_in_use(MemoryKeyring(NO_KEYRING)):
        called = desk.call("logout")

    assert called == Called(ExitCode.OK, "There was no token in the keyring (this host has no keyring).\n", "")


def test_a_keyring_that_stays_shut(desk: Desk) -> None:
    """A token that may still be there is no success: exit code 8."""
    with keyring_in_use(MemoryKeyring(LOCKED)):
        called = desk.call("logout")

    assert called.code == ExitCode.TOKEN
    assert called.err == ("jwstsync: the keyring can not be used (KeyringLocked: locked); it may still hold a token\n")


# --- a stand-in


def test_a_stand_in_is_not_shown_a_real_token(bare: Desk, kept: MemoryKeyring) -> None:
    """With --sandbox no real token is shown, looked for, stored or removed."""
    kept.set_password("astroquery:mast.stsci.edu.token", "masttoken", SECRET)
    bare.set(MAST_API_TOKEN=SECRET)
    refused, known = typed_in(bare, SECRET, "--sandbox"), typed_in(bare, TOKEN, "--sandbox")
    asked, left = bare.call("whoami", "--sandbox"), bare.call("logout", "--sandbox")
    bare.monkeypatch.delenv("MAST_API_TOKEN")
    anonymous = bare.call("whoami", "--sandbox")

    assert (refused.code, asked.code) == (ExitCode.TOKEN, ExitCode.TOKEN)
    assert refused.err == asked.err
    assert refused.err.startswith(
        "jwstsync: --sandbox: your token is not shown to a stand-in; expected one that it knows"
    )
    assert known == Called(ExitCode.OK, "Welcome, Sandbox User: the token is good.\n", "")
    assert (anonymous.code, anonymous.out.partition(":")[0]) == (ExitCode.OK, "anonymous")
    assert left.out == "There was no token in the keyring.\n"
    assert (kept.token, kept.asked) == (SECRET, 1)


@pytest.mark.parametrize(
    ("token", "code"), [(TOKEN, ExitCode.OK), (STRANGER_TOKEN, ExitCode.OK), (EXPIRED_TOKEN, ExitCode.TOKEN)]
)
def test_a_stand_in_knows_its_own(bare: Desk, token: str, code: ExitCode) -> None:
    """Its tokens, good and bad, are there to try things out."""
    bare.set(MAST_API_TOKEN=token)

    assert bare.call("--sandbox", "whoami").code == code
