"""What plan and apply do with tokens: good, without the right, expired, and such that can be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.errors import ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN, Sandbox
from jwstsync.sync.clock import Clock
from tests.cli.archive import DOWNLOAD, EXCLUSIVE, FIRST, RELEASE, SUFFIXES, no_download_of, product_name, product_path
from tests.cli.calls import CLOSED, PATIENCE, Desk, manifest_text
from tests.keyrings import MemoryKeyring, keyring_in_use

if TYPE_CHECKING:
    from tests.cli.terminals import Terminal

SECRET = "0123456789abcdef0123456789abcdef"
ALL = 'include = [{ extension = "fits" }]'


def manifest(access: str = "auto", block: str = f"id = [{FIRST}, {EXCLUSIVE}]\n{ALL}") -> str:
    """A manifest of four public products and four exclusive ones, fetched one by one."""
    head = f'[archive]\nexclusive_access = "{access}"\n\n[limits]\nconnections = 1\n'
    return manifest_text(block, head=head)


def asked(archive: Sandbox, path: str) -> list[str | None]:
    """The tokens that came with the requests to an address."""
    return [one.headers.get("Authorization") for one in archive.requests if one.path == path]


def refusal(archive: Sandbox) -> str:
    """What is said of a token that is not good any more."""
    return (
        f"jwstsync: {archive.url} refused the MAST token (from MAST_API_TOKEN): it has expired, or is none; "
        "expected one from https://auth.mast.stsci.edu/token\n"
    )


@pytest.mark.parametrize(
    ("access", "code", "end"),
    [
        ("auto", ExitCode.OK, "Done: 4 fetched, 4 withheld; 34.6 kB downloaded."),
        ("fetch", ExitCode.TOKEN, "Done: 4 fetched, 4 failed; 34.6 kB downloaded."),
    ],
)
def test_without_the_right_one_refusal_is_enough(
    desk: Desk, archive: Sandbox, access: str, code: ExitCode, end: str
) -> None:
    """The rest of the proposal is not tried, and the public products come."""
    desk.write(manifest(access))
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    applied = desk.call("apply")

    assert (applied.code, applied.out.splitlines()[-1]) == (code, end)
    assert len(asked(archive, DOWNLOAD)) == 5
    assert asked(archive, "/whoami") == [f"token {STRANGER_TOKEN}"]


def test_events_tell_what_was_not_tried(desk: Desk) -> None:
    """Each product has its own line, with why."""
    desk.write(manifest(block=f"id = {EXCLUSIVE}\n{ALL}"))
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    called = desk.call("apply", "--json")
    events, [summary] = called.told("product"), called.told("summary")

    assert summary["counts"] == {"done": 0, "failed": 0, "deferred": 0, "withheld": 4}
    assert sum(event["error"].startswith("the archive answered 401") for event in events) == 1
    assert sum(event["error"].startswith("not tried, as another exclusive product of") for event in events) == 3


@pytest.mark.parametrize("access", ["auto", "fetch"])
def test_an_expired_token_is_said_first(desk: Desk, archive: Sandbox, access: str) -> None:
    """Once, with what to do; the public products come, nothing else is tried, and the exit code is 8."""
    desk.write(manifest(access))
    desk.set(MAST_API_TOKEN=EXPIRED_TOKEN)
    applied = desk.call("apply")

    assert applied.code == ExitCode.TOKEN
    assert applied.err == refusal(archive)
    assert applied.out.endswith("\nDone: 4 fetched, 4 withheld; 34.6 kB downloaded.\n")
    assert asked(archive, DOWNLOAD) == [None] * 4
    paths = [one.path for one in archive.requests]
    assert paths.index("/whoami") < paths.index(DOWNLOAD)


def test_an_expired_token_under_error(desk: Desk, archive: Sandbox) -> None:
    """Why nothing is fetched is said before what can not be had."""
    desk.write(manifest("error"))
    desk.set(MAST_API_TOKEN=EXPIRED_TOKEN)
    before = desk.snapshot()
    refused = desk.call("apply")

    assert refused.code == ExitCode.TOKEN
    assert refused.err.startswith(f"{refusal(archive)}jwstsync: exclusive access: withhold jw03333")
    assert (desk.snapshot(), asked(archive, DOWNLOAD)) == (before, [])


def test_a_plan_with_an_expired_token(desk: Desk, archive: Sandbox) -> None:
    """It shows what apply would do, says why, and exits 8; nothing is refused where nothing needs the token."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=EXPIRED_TOKEN)
    planned, told = desk.call("plan"), desk.call("plan", "--json")
    desk.write(manifest(block=f"id = {FIRST}\n{ALL}"))
    public = desk.call("plan")

    assert (planned.code, planned.err) == (ExitCode.TOKEN, refusal(archive))
    assert "  ?   1  withhold" in planned.out
    assert (told.code, told.document["summary"]["withhold"]["files"]) == (ExitCode.TOKEN, 1)
    assert (public.code, public.err) == (ExitCode.OK, "")
    assert len(asked(archive, "/whoami")) == 2


@pytest.mark.parametrize(
    "token",
    [
        f"{SECRET}\n{SECRET}",
        f"{SECRET}\r{SECRET}",
        f"{SECRET}\x1b[2J",
        f"{SECRET} {SECRET}",
        f"{SECRET}\xe9",
        " ",
        SECRET * 200,
    ],
)
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_token_that_can_be_none(desk: Desk, archive: Sandbox, command: str, token: str) -> None:
    """Exit code 8, before anything is fetched; it is neither sent nor shown."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=token)
    before = desk.snapshot()
    refused = desk.call(command)

    assert (refused.code, refused.out, desk.snapshot()) == (ExitCode.TOKEN, "", before)
    assert refused.err == (
        "jwstsync: MAST token from MAST_API_TOKEN: expected at most 4096 printable ASCII characters "
        "without blanks and line ends\n"
    )
    assert asked(archive, "/whoami") + asked(archive, DOWNLOAD) == []


def test_an_empty_token_is_none(desk: Desk, archive: Sandbox) -> None:
    """CI sets the variable to nothing where a secret is missing: as without a token."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN="")

    assert desk.call("apply").code == ExitCode.OK
    assert asked(archive, "/whoami") == []


def test_blanks_around_a_token_are_no_part_of_it(desk: Desk, archive: Sandbox) -> None:
    """A secret often ends in a line end."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=f" {TOKEN}\r\n")

    assert desk.call("apply").out.endswith("\nDone: 2 fetched; 17.3 kB downloaded.\n")
    assert set(asked(archive, DOWNLOAD)) == {f"token {TOKEN}"}


def test_an_archive_that_can_not_check(desk: Desk, archive: Sandbox) -> None:
    """A token that can not be checked is used, and that it was not checked is said."""

    async def down(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503) if request.path == "/whoami" else None

    archive.fault = down
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=TOKEN)
    applied = desk.call("apply")

    assert (applied.code, applied.out.splitlines()[-1]) == (ExitCode.OK, "Done: 2 fetched; 17.3 kB downloaded.")
    assert applied.err.endswith("; the token could not be checked, and is used as it is\n")


def test_a_fresh_clone_finds_the_token_in_the_keyring(desk: Desk, archive: Sandbox) -> None:
    """With --frozen it is looked for once a product is refused, and is used from then on."""
    desk.write(manifest())
    desk.set(MAST_API_TOKEN=TOKEN)
    desk.call("apply")
    desk.monkeypatch.delenv("MAST_API_TOKEN")
    for product in desk.root.rglob("*.fits"):
        product.unlink()
    before = len(archive.requests)
    with keyring_in_use(MemoryKeyring(token=TOKEN)) as kept:
        applied = desk.call("apply", "--frozen")
    requests = archive.requests[before:]

    assert (applied.code, applied.err) == (ExitCode.OK, "")
    assert applied.out.endswith("\nDone: 8 fetched; 69.1 kB downloaded.\n")
    assert desk.read(product_path(EXCLUSIVE)) == archive.content(product_name(EXCLUSIVE))
    assert [one.path for one in requests].count("/whoami") == 1
    assert kept.asked == 1


def test_a_frozen_run_without_a_token(desk: Desk, archive: Sandbox) -> None:
    """What it can not have fails, and that a token is needed is said once."""
    desk.write(manifest())
    desk.set(MAST_API_TOKEN=TOKEN)
    desk.call("apply")
    desk.monkeypatch.delenv("MAST_API_TOKEN")
    for product in desk.root.rglob("*.fits"):
        product.unlink()
    applied = desk.call("apply", "--frozen")

    assert applied.code == ExitCode.TOKEN
    assert applied.err.count("a token is needed; expected one in MAST_API_TOKEN, or stored by `jwstsync login`") == 1
    assert applied.out.endswith("\nDone: 4 fetched, 4 failed; 34.6 kB downloaded.\n")
    assert asked(archive, "/whoami") == [f"token {TOKEN}"]


def test_somebody_is_asked_for_a_token_that_is_needed(desk: Desk, terminal: Terminal) -> None:
    """In a terminal, where the manifest insists on exclusive products; what is typed is used, and not shown."""
    desk.write(manifest("fetch"))
    process = terminal.run(desk, "apply")
    terminal.read("MAST token (not shown): ")
    terminal.type(f"{TOKEN}\n")
    shown = terminal.read("Do this? [y/N]: ")
    terminal.type("y\n")
    shown += terminal.read()

    assert process.wait(PATIENCE) == ExitCode.OK
    assert shown.endswith("Done: 8 fetched; 69.1 kB downloaded.\n")
    assert TOKEN not in shown


def test_nobody_is_asked_for_the_token_of_a_stand_in(bare: Desk, terminal: Terminal) -> None:
    """With --sandbox a real token could only be shown to the wrong one."""
    block = 'id = 5398\ninclude = [{ productFilename = "jw05398024*_cal.fits" }]'
    bare.write(manifest("fetch", block))
    process = terminal.run(bare, "apply", "--sandbox")
    shown = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.TOKEN
    assert "MAST token (" not in shown


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_refused_is_said_once_a_proposal(desk: Desk, archive: Sandbox, status: int) -> None:
    """In the archive's words, with a release date that has passed; each is asked for once at most, and no more."""
    desk.monkeypatch.setattr("jwstsync.sync.run.Clock", lambda: Clock(mjd=lambda: RELEASE + 0.5))
    archive.fault = no_download_of(*(product_name(EXCLUSIVE, suffix) for suffix in SUFFIXES), status=status)
    desk.write(manifest("auto"))
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    applied = desk.call("apply")

    assert (applied.code, applied.out.splitlines()[-1]) == (
        ExitCode.OK,
        "Done: 4 fetched, 4 withheld; 34.6 kB downloaded.",
    )
    assert applied.err.startswith(f"withheld: 4 products of proposal {EXCLUSIVE}: the archive answered {status} ")
    assert applied.err.endswith(
        " (not today); its release date 2127-02-04 has passed: files take a while to move to the public store\n"
    )
    asked_for = [one.uri for one in archive.requests if one.path == DOWNLOAD]
    assert len(asked_for) == len(set(asked_for))
