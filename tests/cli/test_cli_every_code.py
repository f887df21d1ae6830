"""Every exit code that the README lists, made for real: by the command as a process, or by the test that is named here.

The tests that are named make the code in a process too, and show more of what goes with it. How a code comes about in
detail stands with what causes it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN
from tests.cli import test_cli_leaks, test_cli_process
from tests.cli.archive import FIRST, SECOND, no_answer_about, no_download_of, product_name, product_path
from tests.cli.calls import BOTH, CLOSED, ONE, Called, Desk
from tests.crash import test_full_disk, test_interrupts, test_runs_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwstsync.sandbox import Sandbox

README = Path(__file__).parents[2] / "README.md"
NOWHERE = "http://127.0.0.1:9"  # where nobody listens


def done(desk: Desk, _archive: Sandbox) -> Iterator[Called]:
    """What was locked is fetched, and then there is nothing to do."""
    yield desk.process("apply", "--frozen")
    yield desk.process("status", "--check")


def differences(desk: Desk, archive: Sandbox) -> Iterator[Called]:
    """What is locked is not there, is damaged, or was made anew."""
    yield desk.process("plan", "--check", "--frozen")
    yield desk.process("status", "--check")
    assert desk.call("apply").code == ExitCode.OK
    (desk.root / product_path(FIRST)).write_bytes(b"not what it was")
    yield desk.process("verify")
    archive.remake(product_name(FIRST, "rate"))
    yield desk.process("apply", "--locked")


def invalid(desk: Desk, _archive: Sandbox) -> Iterator[Called]:
    """An option that there is not, a saved plan that is stale, a lockfile or a manifest that is not valid, and none."""
    yield desk.process("plan", "--chek")
    assert desk.call("plan", "--frozen", "--out", "plan.json").code == ExitCode.OK
    desk.write(BOTH)
    yield desk.process("apply", "plan.json")
    desk.lockfile.write_text("version = 9\n", encoding="utf-8")
    yield desk.process("status")
    desk.write(ONE.replace("include", "inclde"))
    yield desk.process("plan")
    (desk.folder / "jwstsync.toml").unlink()
    yield desk.process("plan")


def products_failed(desk: Desk, archive: Sandbox) -> Iterator[Called]:
    """The archive gives all products but one."""
    archive.fault = no_download_of(product_name(FIRST))
    yield desk.process("apply", "--frozen")


def unreached(desk: Desk, archive: Sandbox) -> Iterator[Called]:
    """The archive answers with an error, or not at all."""
    archive.fault = no_answer_about(SECOND)
    desk.write(BOTH)
    yield desk.process("plan", "--timeout", "1")
    desk.set(JWSTSYNC_ARCHIVE_URL=NOWHERE)
    yield desk.process("apply", "--timeout", "1")


def limits(desk: Desk, _archive: Sandbox) -> Iterator[Called]:
    """More is to be fetched than may be, or than the disk has room for."""
    desk.write(ONE.replace("[[proposal]]", '[limits]\nmax_download = "1 kB"\n\n[[proposal]]'))
    yield desk.process("apply", "--frozen")
    desk.write(ONE.replace("[[proposal]]", '[limits]\nreserve_disk = "1000000 TB"\n\n[[proposal]]'))
    yield desk.process("apply", "--frozen")


def bytes_differ(desk: Desk, archive: Sandbox) -> Iterator[Called]:
    """The archive has other bytes than those that are locked."""
    archive.remake(product_name(FIRST))
    yield desk.process("apply", "--frozen")


def tokens(desk: Desk, _archive: Sandbox) -> Iterator[Called]:
    """A token is missing, or has expired."""
    desk.write(CLOSED.replace("[[proposal]]", '[archive]\nexclusive_access = "fetch"\n\n[[proposal]]'))
    yield desk.process("apply")
    desk.set(MAST_API_TOKEN=EXPIRED_TOKEN)
    yield desk.process("whoami")


MADE: dict[ExitCode, Callable[[Desk, Sandbox], Iterator[Called]]] = {
    ExitCode.OK: done,
    ExitCode.DIFFERENCES: differences,
    ExitCode.INVALID: invalid,
    ExitCode.PRODUCTS_FAILED: products_failed,
    ExitCode.ARCHIVE: unreached,
    ExitCode.LIMIT: limits,
    ExitCode.BYTES_DIFFER: bytes_differ,
    ExitCode.TOKEN: tokens,
}
"""How a code is made here, by several calls of the command."""
MADE_ELSEWHERE: dict[ExitCode, tuple[Callable[..., None], ...]] = {
    ExitCode.LIMIT: (
        test_full_disk.test_a_disk_that_gets_full,
        test_cli_process.test_an_answer_that_can_not_be_written,
    ),
    ExitCode.PRODUCTS_FAILED: (test_full_disk.test_files_that_are_too_large,),
    ExitCode.RUN_LOCKED: (
        test_cli_process.test_two_runs_at_once,
        test_runs_at_once.test_one_works_and_the_others_are_told,
    ),
    ExitCode.BUG: (test_cli_leaks.test_no_bug_tells,),
    ExitCode.INTERRUPTED: (  # once, twice, and before there is anything to end
        test_cli_process.test_a_run_is_stopped_in_the_middle,
        test_cli_process.test_the_second_signal_stops_at_once,
        test_cli_process.test_a_run_is_stopped_before_there_is_a_plan,
        test_interrupts.test_one_signal_ends_a_run_cleanly,
    ),
    ExitCode.TERMINATED: (
        test_cli_process.test_a_run_is_stopped_in_the_middle,
        test_cli_process.test_the_second_signal_stops_at_once,
        test_cli_process.test_a_run_is_stopped_before_there_is_a_plan,
        test_interrupts.test_one_signal_ends_a_run_cleanly,
    ),
    ExitCode.OK: (  # also where the reader of a pipe has gone
        test_cli_process.test_the_first_line_is_enough,
        test_cli_process.test_the_first_of_many_lines_is_enough,
        test_cli_process.test_a_reader_that_has_gone,
        test_cli_process.test_a_run_whose_reader_has_gone,
    ),
}
"""The tests that make a code in a process of its own, with what goes with it."""


def test_every_code_is_made() -> None:
    """The README lists the codes that there are, and each is made by a process here or in a test that is named."""
    table = README.read_text(encoding="utf-8").partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    listed = [int(code) for cell in re.findall(r"^\| ([\d /]+) \|", table, re.MULTILINE) for code in cell.split(" / ")]

    assert listed == sorted(ExitCode)
    assert sorted(MADE.keys() | MADE_ELSEWHERE.keys()) == sorted(ExitCode)


@pytest.mark.parametrize("code", MADE, ids=lambda code: code.name)
def test_codes(clone: Desk, archive: Sandbox, code: ExitCode) -> None:
    """It ends a process; what went wrong is said on stderr, and never as a traceback."""
    for called in MADE[code](clone, archive):
        assert called.code == code, called.err
        assert "Traceback" not in called.err
        assert called.err or code in {ExitCode.OK, ExitCode.DIFFERENCES}
