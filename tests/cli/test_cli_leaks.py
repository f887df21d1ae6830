"""The token appears nowhere: whatever the tool does with it, all that it says and leaves behind is searched."""

from __future__ import annotations

import base64
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.errors import ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN
from tests.cli.archive import DOWNLOAD, EXCLUSIVE, FIRST, Held, no_download_of, product_name
from tests.cli.calls import Called, Desk, ended, manifest_text
from tests.keyrings import BACKEND, FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.sandbox import Sandbox

SECRET = "0123456789abcdef0123456789abcdef"
SECRETS = (TOKEN, STRANGER_TOKEN, EXPIRED_TOKEN, SECRET)
ALL = f'id = [{FIRST}, {EXCLUSIVE}]\ninclude = [{{ extension = "fits" }}]'
REPOSITORY = Path(__file__).parents[2]
WITH_A_BUG = """
import logging
import sys

from jwstsync.cli.main import run
from jwstsync.executors.engine import Engine
from jwstsync.settings import read_settings


def broken(self, *_):
    raise ZeroDivisionError(f"{self._server} {read_settings()}")


logging.basicConfig(level=logging.DEBUG)
Engine._land = broken
sys.exit(run(sys.argv[1:]))
"""
TALKATIVE = """
import logging
import sys

from jwstsync.cli.main import run

logging.basicConfig(level=logging.DEBUG)
sys.exit(run(sys.argv[1:]))
"""
RUNS = [
    (("plan",), TOKEN, ExitCode.OK),
    (("plan", "-v", "--json"), TOKEN, ExitCode.OK),
    (("plan", "--explain", "*_cal.fits"), TOKEN, ExitCode.OK),
    (("apply", "-v"), TOKEN, ExitCode.OK),
    (("apply", "--json", "-v"), TOKEN, ExitCode.OK),
    (("apply", "-v"), STRANGER_TOKEN, ExitCode.OK),
    (("apply", "-v"), EXPIRED_TOKEN, ExitCode.TOKEN),
    (("apply", "--json"), f"{SECRET}\n{SECRET}", ExitCode.TOKEN),
    (("apply", "--script", "fetch.sh"), TOKEN, ExitCode.OK),
    (("apply", "--script", "-"), TOKEN, ExitCode.OK),
    (("whoami",), TOKEN, ExitCode.OK),
    (("whoami", "--json", "-v"), TOKEN, ExitCode.OK),
    (("whoami",), SECRET, ExitCode.TOKEN),
    (("logout",), TOKEN, ExitCode.OK),
]


@pytest.fixture
def desk(desk: Desk) -> Iterator[Desk]:
    """A desk with public and exclusive products to fetch one by one; all that is left in the end is searched."""
    desk.write(manifest_text(ALL, head='[archive]\nexclusive_access = "fetch"\n\n[limits]\nconnections = 1\n'))
    desk.set(PYTHONPATH=str(REPOSITORY), PYTHON_KEYRING_BACKEND=BACKEND, **{FILE: str(desk.folder.parent / "keyring")})
    yield desk
    left = [path for path in desk.folder.parent.rglob("*") if path.is_file() and path.name != "keyring"]
    assert left
    assert [path for path in left if tells(path.read_bytes())] == []


def tells(text: bytes) -> bool:
    """Whether a token stands somewhere, plain or as headers and addresses may have it."""
    forms = [form for secret in SECRETS for form in (secret.encode(), base64.b64encode(secret.encode()))]
    return any(form in text for form in forms)


def check(called: Called, code: ExitCode) -> Called:
    """A call that has ended so, and said nothing of a token."""
    assert called.code == code, called.err
    assert not tells((called.out + called.err).encode())
    return called


def allow_all(desk: Desk) -> None:
    """Lets the manifest be content with what can be had."""
    manifest = desk.folder / "jwstsync.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"fetch"', '"auto"'), encoding="utf-8")


@pytest.mark.parametrize(("arguments", "token", "code"), RUNS)
def test_no_run_tells(desk: Desk, arguments: tuple[str, ...], token: str, code: ExitCode) -> None:
    """Neither with a good token nor with one that is refused or can be none."""
    allow_all(desk)
    desk.set(MAST_API_TOKEN=token)
    check(desk.process(*arguments, command=(sys.executable, "-c", TALKATIVE)), code)


@pytest.mark.parametrize(
    ("token", "code"), [(TOKEN, ExitCode.OK), (SECRET, ExitCode.TOKEN), (f"{SECRET} {SECRET}", ExitCode.TOKEN)]
)
def test_no_login_tells(desk: Desk, token: str, code: ExitCode) -> None:
    """What is read from stdin goes into the keyring if it is good, and nowhere else."""
    file = desk.folder.parent / "token"
    file.write_text(f"{token}\n", encoding="utf-8")
    with file.open() as stdin:
        process = desk.spawn("login", "--token-stdin", "-v", command=(sys.executable, "-c", TALKATIVE), stdin=stdin)
        check(ended(process), code)
    file.unlink()

    kept = desk.folder.parent / "keyring"
    assert kept.exists() == (code is ExitCode.OK)
    check(desk.process("apply", "-v"), ExitCode.OK if kept.exists() else ExitCode.TOKEN)
    check(desk.process("logout"), ExitCode.OK)


def test_no_failure_tells(desk: Desk, archive: Sandbox) -> None:
    """Not even where the archive repeats what it was shown, in the reason and in the text."""

    async def echo(request: web.Request) -> web.StreamResponse | None:
        shown = request.headers.get("Authorization", "")
        if request.path == DOWNLOAD:
            return web.Response(status=403, reason=f"no {shown}", text=f"{shown} has no right")
        return None

    archive.fault = echo
    desk.set(MAST_API_TOKEN=TOKEN)
    failed = check(desk.process("apply", "-v"), ExitCode.TOKEN)
    told = check(desk.process("apply", "--json"), ExitCode.TOKEN)

    assert "(token) has no right" in failed.err
    assert "(token) has no right" in told.out


def test_no_broken_download_tells(desk: Desk, archive: Sandbox) -> None:
    """Products that are not there, and the notes of what is left of others, do not either."""
    archive.fault = no_download_of(product_name(EXCLUSIVE), status=404)
    desk.set(MAST_API_TOKEN=TOKEN)

    check(desk.process("apply", "-v"), ExitCode.PRODUCTS_FAILED)


def test_no_bug_tells(desk: Desk) -> None:
    """A traceback has what went wrong, and what all is set to, but for the token."""
    desk.set(MAST_API_TOKEN=TOKEN)
    called = check(desk.process("apply", "-v", command=(sys.executable, "-c", WITH_A_BUG)), ExitCode.BUG)

    assert "Traceback" in called.err
    assert "Server(url='http://127.0.0.1:" in called.err
    assert "Settings(archive_url='http://127.0.0.1:" in called.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_interruption_tells(desk: Desk, archive: Sandbox, number: signal.Signals) -> None:
    """A run that is stopped leaves parts and notes, and was called with nothing that others must not see."""
    archive.fault = held = Held(DOWNLOAD, product_name(EXCLUSIVE, "rate"))
    desk.set(MAST_API_TOKEN=TOKEN)
    process = desk.spawn("apply", "-v")
    held.wait()
    lines = b"".join(command_lines(process.pid))
    process.send_signal(number)
    called = ended(process)

    assert b"jwstsync" in lines
    assert not tells(lines)
    assert not tells((called.out + called.err).encode())
    assert [one for one in archive.requests if one.headers.get("Authorization") == f"token {TOKEN}"]


def command_lines(pid: int) -> Iterator[bytes]:
    """The command lines of a process and of all that it has begun."""
    yield Path(f"/proc/{pid}/cmdline").read_bytes()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from command_lines(int(child))


def test_the_search_finds_what_it_looks_for(desk: Desk) -> None:
    """A search that finds nothing anywhere would prove nothing."""
    file = desk.write(f"Authorization: token {TOKEN}", "log")
    assert tells(file.read_bytes())
    file.unlink()

    with pytest.raises(AssertionError):
        check(Called(0, "", SECRET), ExitCode.OK)
