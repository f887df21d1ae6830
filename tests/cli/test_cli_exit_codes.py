"""Exit codes that scripts and cron jobs build on: rights, limits, bugs, signals, and several at once.

Those of other kinds stand with what causes them.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import click
import pytest

from jwstsync.cli.main import run
from jwstsync.cli.stopping import StoppedError, Stopping
from jwstsync.errors import ExitCode
from jwstsync.sandbox import STRANGER_TOKEN, TOKEN
from tests.cli.archive import EXCLUSIVE, FIRST, SECOND, no_answer_about, no_download_of, product_name
from tests.cli.calls import BOTH, CLOSED, ONE, Desk

if TYPE_CHECKING:
    from aiohttp import web

    from jwstsync.sandbox import Fault, Sandbox

SECRET = "secret-token"


def with_access(access: str) -> str:
    """A manifest of a public and an exclusive product."""
    return CLOSED.replace("[[proposal]]", f'[archive]\nexclusive_access = "{access}"\n\n[[proposal]]')


@pytest.mark.parametrize(
    ("access", "token", "code", "end"),
    [
        ("auto", None, ExitCode.OK, "Done: 1 fetched, 1 withheld; 8.6 kB downloaded."),
        ("auto", STRANGER_TOKEN, ExitCode.OK, "Done: 1 fetched, 1 withheld; 8.6 kB downloaded."),
        ("auto", TOKEN, ExitCode.OK, "Done: 2 fetched; 17.3 kB downloaded."),
        ("skip", TOKEN, ExitCode.OK, "Done: 1 fetched, 1 withheld; 8.6 kB downloaded."),
        ("fetch", None, ExitCode.TOKEN, "Done: 1 fetched, 1 withheld; 8.6 kB downloaded."),
        ("fetch", STRANGER_TOKEN, ExitCode.TOKEN, "Done: 1 fetched, 1 failed; 8.6 kB downloaded."),
        ("fetch", TOKEN, ExitCode.OK, "Done: 2 fetched; 17.3 kB downloaded."),
        ("error", TOKEN, ExitCode.OK, "Done: 2 fetched; 17.3 kB downloaded."),
    ],
)
def test_rights(desk: Desk, access: str, token: str | None, code: ExitCode, end: str) -> None:
    """The manifest says whether it is a failure that a product is not public; public ones are fetched anyway."""
    desk.write(with_access(access))
    if token is not None:
        desk.set(MAST_API_TOKEN=token)
    applied = desk.call("apply")

    assert (applied.code, applied.out.splitlines()[-1]) == (code, end)


def test_rights_that_all_hangs_on(desk: Desk) -> None:
    """With "error" nothing is fetched if one product can not be had; which one is said; the plan just shows it."""
    desk.write(with_access("error"))
    before = desk.snapshot()
    refused = desk.call("apply")

    assert refused.code == ExitCode.TOKEN
    assert refused.err == (
        f"jwstsync: exclusive access: withhold {product_name(EXCLUSIVE, 'i2d')} can not be had; "
        "expected a token with the right\n"
    )
    assert desk.snapshot() == before
    assert desk.call("plan").code == ExitCode.OK


def test_rights_that_a_token_has_not(desk: Desk, archive: Sandbox) -> None:
    """With "error" the archive is asked for one byte of one product of each proposal, and nothing is fetched."""
    desk.write(with_access("error").replace("_i2d.fits", "_*.fits"))
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    before, heard = desk.snapshot(), len(archive.requests)
    refused = desk.call("apply")
    [asked] = [one for one in archive.requests[heard:] if one.uri]

    assert refused.code == ExitCode.TOKEN
    assert refused.err.startswith(f"jwstsync: exclusive access: fetch {product_name(EXCLUSIVE, 'cal')}, ")
    assert ": the archive answered 401 Unauthorized; expected a token with the right\n" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert asked.uri == f"mast:JWST/product/{product_name(EXCLUSIVE, 'cal')}"
    assert asked.headers["Range"] == "bytes=0-0"
    assert desk.snapshot() == before


def test_refusals_are_told_once_a_proposal(desk: Desk) -> None:
    """With "fetch" all exclusive products of a proposal fail for one reason; programs hear of each."""
    desk.write(with_access("fetch").replace("_i2d.fits", "_*.fits"))
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    refused, again = desk.call("apply"), desk.call("apply", "--json")

    assert (refused.code, again.code) == (ExitCode.TOKEN, ExitCode.TOKEN)
    [line] = [line for line in refused.err.splitlines() if "failed" in line]
    assert line.startswith(f"jwstsync: failed: 4 products of proposal {EXCLUSIVE}: the archive answered 401 ")
    assert [one["outcome"] for one in again.events if one["type"] == "product"] == ["failed"] * 4
    assert again.err == ""


def test_a_token_that_can_not_be_one(desk: Desk) -> None:
    """It is refused before it is sent, and never repeated."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=f"{SECRET}\n{SECRET}")
    refused = desk.call("apply")

    assert refused.code == ExitCode.TOKEN
    assert refused.err.startswith("jwstsync: MAST token from MAST_API_TOKEN: expected at most 4096 printable ASCII")
    assert SECRET not in refused.err + refused.out


@pytest.mark.parametrize(("status", "code"), [(401, ExitCode.TOKEN), (403, ExitCode.PRODUCTS_FAILED)])
def test_public_products_that_are_refused(clone: Desk, archive: Sandbox, status: int, code: ExitCode) -> None:
    """A refusal of what should be public is a failure, never a product withheld."""
    archive.fault = no_download_of(product_name(FIRST), status=status)
    applied = clone.call("apply")

    assert applied.code == code
    assert applied.out.endswith("\nDone: 3 fetched, 1 failed; 25.9 kB downloaded.\n")


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (
            'max_download = "20 kB"',
            "max_download = 20.0 kB (20,000 bytes): the plan would fetch 34.6 kB (34,560 bytes)",
        ),
        (
            'reserve_disk = "200 GB"',
            "85.4 GB (85,400,000,000 bytes) free, of which limits.reserve_disk = 200 GB (200,000,000,000 bytes)",
        ),
    ],
)
def test_limits(desk: Desk, limit: str, words: str) -> None:
    """A plan beyond a limit is not begun, and it is said once which; the plan itself says so and is no failure."""
    desk.write(ONE.replace("[[proposal]]", f"[limits]\n{limit}\n\n[[proposal]]"))
    before = desk.snapshot()
    refused, planned = desk.call("apply"), desk.call("plan")

    assert (refused.code, planned.code) == (ExitCode.LIMIT, ExitCode.OK)
    assert words in refused.err
    assert len(refused.err.splitlines()) == 1
    assert planned.err.endswith("; apply would refuse\n")
    assert desk.snapshot() == before


def test_several_at_once(clone: Desk, archive: Sandbox) -> None:
    """The gravest speaks: bytes that differ, before an archive without an answer, before products that fail."""
    archive.fault = no_download_of(product_name(FIRST))
    archive.remake(product_name(FIRST, "rate"))
    frozen = clone.call("apply", "--frozen")
    clone.write(BOTH)
    archive.fault = both(archive.fault, no_answer_about(SECOND))
    applied = clone.call("apply")

    assert frozen.code == ExitCode.BYTES_DIFFER
    assert frozen.err.count("jwstsync: failed: ") == 2
    assert applied.code == ExitCode.ARCHIVE
    assert applied.err.count("jwstsync: failed: ") == 1


def both(one: Fault, other: Fault) -> Fault:
    """A fault of two."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return await one(request) or await other(request)

    return fault


def test_bugs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has foreseen ends with its own code, with what is needed to report it on stderr alone."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("jwstsync.sync.planning.decide", broken)
    failed = desk.call("plan")

    assert (failed.code, failed.out) == (ExitCode.BUG, "")
    assert failed.err.startswith("Traceback (most recent call last):\n")
    assert failed.err.endswith(
        "\njwstsync: a bug: ZeroDivisionError('by zero'); please report it with the lines above\n"
    )


def test_interruptions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command that only looks at once."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jwstsync.sync.planning.decide", interrupted)
    ended = desk.call("plan")

    assert (ended.code, ended.out, ended.err.strip()) == (ExitCode.INTERRUPTED, "", "jwstsync: interrupted")


def test_a_command_without_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends well without saying how is a success."""
    monkeypatch.setattr("jwstsync.cli.main.command.main", lambda *_, **__: None)

    assert run([]) == ExitCode.OK


def send(number: signal.Signals) -> None:
    """Sends this process a signal."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_the_first_signal(number: signal.Signals, code: ExitCode) -> None:
    """While there is something to end it asks for that, once, and is remembered."""
    stops: list[int] = []
    with Stopping() as stopping, stopping.cleanly(lambda: stops.append(1)):
        send(number)

    assert (stops, stopping.code) == ([1], code)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGINT, signal.SIGINT), ExitCode.INTERRUPTED),
        ((signal.SIGINT, signal.SIGTERM), ExitCode.INTERRUPTED),
        ((signal.SIGTERM, signal.SIGINT), ExitCode.TERMINATED),
    ],
)
def test_the_second_signal(numbers: tuple[signal.Signals, ...], code: ExitCode) -> None:
    """It stops what is going on, with the code of the first."""
    stops: list[int] = []

    def run_and_receive() -> None:
        with Stopping() as stopping, stopping.cleanly(lambda: stops.append(1)):
            for number in numbers:
                send(number)

    with pytest.raises(StoppedError) as stopped:
        run_and_receive()

    assert (stops, stopped.value.exit_code) == ([1], code)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_when_there_is_nothing_to_end(number: signal.Signals, code: ExitCode) -> None:
    """Before and after the part that can be ended, the first signal stops at once."""

    def run_and_receive() -> None:
        with Stopping() as stopping:
            with stopping.cleanly(lambda: None):
                pass
            send(number)

    with pytest.raises(StoppedError) as before, Stopping():
        send(number)
    with pytest.raises(StoppedError) as after:
        run_and_receive()

    assert (before.value.exit_code, after.value.exit_code) == (code, code)


def test_signals_are_given_back() -> None:
    """After a run they do what they did before, also after one that failed; and its own error is passed on."""
    known = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Stopping():
        pass
    with pytest.raises(ZeroDivisionError), Stopping():
        raise ZeroDivisionError
    with pytest.raises(StoppedError, match="interrupted"), Stopping():
        raise click.Abort

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == known
