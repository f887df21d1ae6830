"""The command as a process of its own: signals, two runs at once, streams that are closed, and what it imports."""

from __future__ import annotations

import os
import signal
import sys

import pytest
import tomli

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from tests.cli.archive import DOWNLOAD, FIRST, INVOKE, SIZE, Held, catalogue
from tests.cli.calls import ONE, Called, Desk, ended

ONE_BY_ONE = ONE.replace("[[proposal]]", "[limits]\nconnections = 1\n\n[[proposal]]")
STOPS = [(signal.SIGINT, ExitCode.INTERRUPTED, "interrupted"), (signal.SIGTERM, ExitCode.TERMINATED, "terminated")]
PIPE = 1 << 16
"""Bytes that a pipe of Linux holds."""
HEAVY = {"astroquery", "astropy", "numpy", "aiohttp"}
LISTING = """
import sys
from jwstsync.cli.main import run

code = run(sys.argv[1:])
print(*sys.modules, sep="\\n", file=sys.stderr)
sys.exit(code)
"""
DEAF = """
import sys
from jwstsync.cli.main import run
from jwstsync.sync.run import Run

Run.stop = lambda self: print("deaf", file=sys.stderr, flush=True)
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def held(archive: Sandbox) -> Held:
    """The archive gives two products, one after the other, and holds back the third."""
    archive.fault = held = Held(DOWNLOAD, "_rate.fits")
    return held


def there(desk: Desk) -> list[str]:
    """The ends of the names of the files that are there; all of them are whole."""
    files = sorted(desk.root.rglob("*.fits"))
    assert all(file.stat().st_size == SIZE for file in files)
    return [file.name.rpartition("_")[2] for file in files]


def locked(desk: Desk) -> list[str]:
    """The ends of the names of the locked products."""
    products = tomli.loads(desk.lockfile.read_text(encoding="utf-8"))["product"]
    return [one["path"].rpartition("_")[2] for one in products]


@pytest.mark.parametrize(("number", "code", "_word"), STOPS)
def test_a_run_is_stopped_in_the_middle(
    desk: Desk, archive: Sandbox, held: Held, number: signal.Signals, code: ExitCode, _word: str
) -> None:
    """What is done is kept and locked, the exit code tells the signal, and the next run does the rest."""
    desk.write(ONE_BY_ONE)
    process = desk.spawn("apply")
    held.wait()
    process.send_signal(number)
    stopped = ended(process)
    kept = [there(desk), locked(desk)]
    archive.fault = None
    heard = len(archive.requests)
    rest = desk.call("apply")

    assert (stopped.code, stopped.err) == (code, "")
    assert stopped.out.endswith("\nStopped: 2 fetched, 2 left for another run; 17.3 kB downloaded.\n")
    assert kept == [["cal.fits", "i2d.fits"]] * 2
    assert rest.out.endswith("\nDone: 2 fetched, 2 kept; 17.3 kB downloaded.\n")
    assert sum(request.path == DOWNLOAD for request in archive.requests[heard:]) == 2


def test_a_stopped_run_tells_programs(clone: Desk, held: Held) -> None:
    """What is not done is deferred, and the summary comes all the same."""
    clone.write(ONE_BY_ONE)
    process = clone.spawn("apply", "--json", "--frozen")
    held.wait()
    process.send_signal(signal.SIGINT)
    *_, third, fourth, summary = ended(process).events

    assert [third["outcome"], fourth["outcome"]] == ["deferred", "deferred"]
    assert summary == {
        "type": "summary",
        "exit_code": 130,
        "counts": {"done": 2, "failed": 0, "deferred": 2, "withheld": 0},
        "bytes": 2 * SIZE,
        "unconfirmed": 0,
        "error": None,
    }


@pytest.mark.parametrize(("number", "code", "word"), STOPS)
def test_the_second_signal_stops_at_once(
    clone: Desk, held: Held, number: signal.Signals, code: ExitCode, word: str
) -> None:
    """Also where the first has not got through; what is done is kept, and the code is that of the first."""
    clone.write(ONE_BY_ONE)
    process = clone.spawn("apply", "--json", "--frozen", command=(sys.executable, "-c", DEAF))
    assert process.stderr is not None
    held.wait()
    process.send_signal(number)
    heard = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    stopped = ended(process)
    *told, summary = stopped.events
    untold = summary["counts"]["done"] - sum(event.get("outcome") == "done" for event in told)

    assert (heard, stopped.code, stopped.err) == ("deaf\n", code, f"jwstsync: {word}\n")
    assert (summary["exit_code"], summary["error"]) == (code, word)
    assert untold in {0, 1}  # it may be stopped between the count and the line
    assert there(clone) == ["cal.fits", "i2d.fits"]


@pytest.mark.parametrize(("number", "code", "word"), STOPS)
def test_a_run_is_stopped_before_there_is_a_plan(
    desk: Desk, archive: Sandbox, number: signal.Signals, code: ExitCode, word: str
) -> None:
    """While the archive is asked there is nothing to keep: the run ends at once, and nothing was changed."""
    archive.fault = held = Held(INVOKE)
    before = desk.snapshot()
    process = desk.spawn("apply")
    held.wait()
    process.send_signal(number)
    stopped = ended(process)

    assert (stopped.code, stopped.out) == (code, "")
    assert stopped.err.strip() == f"jwstsync: {word}"
    assert desk.snapshot() == before


def test_a_comparison_is_stopped(desk: Desk, archive: Sandbox) -> None:
    """Ctrl-C ends `plan` without a traceback."""
    archive.fault = held = Held(INVOKE)
    process = desk.spawn("plan")
    held.wait()
    process.send_signal(signal.SIGINT)
    stopped = ended(process)

    assert (stopped.code, stopped.out, stopped.err.strip()) == (130, "", "jwstsync: interrupted")


def test_a_run_is_killed(desk: Desk, archive: Sandbox, held: Held) -> None:
    """After kill -9 the next run knows what was done and downloads only the rest."""
    desk.write(ONE_BY_ONE)
    process = desk.spawn("apply")
    held.wait()
    while len(there(desk)) < 2:  # they land while the third is asked for
        os.sched_yield()
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    archive.fault = None
    rest = desk.call("apply")

    assert rest.out.endswith("\nDone: 2 fetched, 2 kept; 17.3 kB downloaded.\n")
    assert there(desk) == locked(desk) == ["cal.fits", "i2d.fits", "rate.fits", "uncal.fits"]


def test_two_runs_at_once(clone: Desk, archive: Sandbox, held: Held) -> None:
    """The second is told who is at work, and changes nothing; what only looks works meanwhile; waiting helps."""
    first = clone.spawn("apply", "--frozen")
    held.wait()
    second, looking = clone.call("apply"), [clone.call(name) for name in ("plan", "status", "verify")]
    third = clone.spawn("apply", "--frozen", "--lock-timeout", "60")
    archive.fault = None
    first.send_signal(signal.SIGINT)
    codes = [ended(first).code, ended(third).code]

    assert (second.code, second.out) == (ExitCode.RUN_LOCKED, "")
    assert "mastDownload: another run is at work here (host " in second.err
    assert f", pid {first.pid}, since " in second.err
    assert second.err.endswith(": jwstsync apply --frozen); wait for it, or set --lock-timeout\n")
    assert [one.code for one in looking] == [ExitCode.OK, ExitCode.OK, ExitCode.DIFFERENCES]
    assert codes == [ExitCode.INTERRUPTED, ExitCode.OK]
    assert len(there(clone)) == 4


def unread(desk: Desk, *arguments: str) -> Called:
    """Calls the command with a stdout that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    process = desk.spawn(*arguments, stdout=writer)
    os.close(writer)
    return ended(process)


@pytest.mark.parametrize("arguments", ["plan --frozen", "plan --frozen --json", "status -v", "schema manifest"])
def test_a_reader_that_has_gone(full: Desk, arguments: str) -> None:
    """Where nobody reads the answer any more, there is nothing to complain of."""
    assert unread(full, *arguments.split()) == Called(ExitCode.OK, "", "")


def test_help_for_nobody(bare: Desk) -> None:
    """It ends without a word."""
    assert unread(bare, "--help").err == ""


@pytest.mark.parametrize("arguments", ["apply --frozen", "apply --frozen --json"])
def test_a_run_whose_reader_has_gone(clone: Desk, arguments: str) -> None:
    """What was asked for is done all the same."""
    assert unread(clone, *arguments.split()) == Called(ExitCode.OK, "", "")
    assert len(there(clone)) == 4


def test_the_first_line_is_enough(full: Desk) -> None:
    """`jwstsync plan | head -1` is a good pipeline."""
    piped = full.shell('set -o pipefail; "$@" | head -1', "plan", "--frozen")

    assert piped == Called(ExitCode.OK, "jwstsync plan: 1 proposal, 4 products locked\n", "")


def test_the_first_of_many_lines_is_enough(bare: Desk) -> None:
    """Also where the reader goes while most is still to be written, more than a pipe holds; and a run goes on."""
    bare.write(ONE.replace("[[proposal]]", "[limits]\nconnections = 8\n\n[[proposal]]"))
    with Sandbox(catalogue=catalogue(more=150)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        planned = bare.shell('set -o pipefail; "$@" | head -1', "plan", "--json")
        searched = bare.shell('set -o pipefail; "$@" | head -1', "search", str(FIRST), "--products")
        nobody = unread(bare, "search", str(FIRST), "--json")
        applied = bare.shell('set -o pipefail; "$@" | head -1', "apply", "--json")
    size = len(bare.call("plan", "--frozen", "--json", "-v").out)

    assert size > PIPE
    assert planned == Called(ExitCode.OK, "{\n", "")
    assert (searched.code, searched.out[:14], searched.err) == (ExitCode.OK, f"proposal {FIRST}:", "")
    assert nobody == Called(ExitCode.OK, "", "")
    assert (applied.code, applied.out.count("\n"), applied.err) == (ExitCode.OK, 1, "")
    assert len(there(bare)) == 154


@pytest.mark.parametrize("closing", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(clone: Desk, closing: str) -> None:
    """Under cron there may be no stdin, no stdout, no stderr: the run does not ask, and does what is to be done."""
    called = clone.shell(f'"$@" {closing}', "apply", "--frozen")

    assert (called.code, called.err) == (ExitCode.OK, "")
    assert called.out.endswith("\nDone: 4 fetched; 34.6 kB downloaded.\n") == (" >&-" not in f" {closing}")
    assert len(there(clone)) == 4


def test_an_answer_that_can_not_be_written(full: Desk) -> None:
    """A full disk under stdout is told, not passed over."""
    called = full.shell('"$@" >/dev/full', "status")

    assert (called.code, called.err) == (
        ExitCode.LIMIT,
        "jwstsync: stdout: not written: No space left on device\n",
    )


def test_messages_that_can_not_be_written(full: Desk) -> None:
    """A full disk under stderr stops nothing."""
    (full.folder / "jwstsync.lock").unlink()

    assert full.shell('"$@" 2>/dev/full', "status").code == ExitCode.OK


def test_a_terminal_that_has_not_all_characters(clone: Desk) -> None:
    """What its encoding lacks becomes a question mark."""
    clone.write(ONE.replace("First Light", "Sun \u2609"))
    clone.set(PYTHONIOENCODING="latin-1")
    called = clone.process("plan", "--frozen")

    assert "   1111 Sun ?: 1 cal, 1 i2d, 1 rate, 1 uncal\n" in called.out
    assert (called.code, called.err) == (ExitCode.OK, "")


def imported(desk: Desk, script: str, *arguments: str) -> set[str]:
    """The names of all modules that a fresh process has imported in the end."""
    called = desk.process(*arguments, command=(sys.executable, "-c", script))
    assert called.code == ExitCode.OK
    return set(called.err.splitlines())


@pytest.mark.parametrize("arguments", ["status", "show", "verify", "schema manifest", "schema events", "plan --frozen"])
def test_what_needs_no_archive_imports_no_client(full: Desk, arguments: str) -> None:
    """It does not wait for astroquery, numpy or aiohttp, nor for bars that it does not show."""
    packages = {name.partition(".")[0] for name in imported(full, LISTING, *arguments.split())}

    assert "pydantic" in packages
    needless = {"keyring"} if arguments == "show" else {"keyring", "rich"}  # which makes the table that `show` is
    assert not packages & {*HEAVY, *needless}


@pytest.mark.parametrize("arguments", ["--help", "--version", "plan --help", "apply --help"])
def test_help_imports_next_to_nothing(bare: Desk, arguments: str) -> None:
    """Of all that the project depends on it needs click alone."""
    packages = {name.partition(".")[0] for name in imported(bare, LISTING, *arguments.split())}

    assert "click" in packages
    assert not packages & {*HEAVY, "pydantic", "rich", "keyring", "requests", "tomli", "tomli_w", "platformdirs"}


def test_no_plugin_of_pydantics_is_looked_for(full: Desk) -> None:
    """What other packages say of themselves is not read, and their code not run, to check a manifest."""
    said = full.folder / "other" / "other-1.dist-info"
    said.mkdir(parents=True)
    said.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n", encoding="utf-8")
    said.joinpath("entry_points.txt").write_text("[pydantic]\nother = other\n", encoding="utf-8")
    said.with_name("other.py").write_text("raise SystemExit(99)\n", encoding="utf-8")
    full.set(PYTHONPATH=str(said.parent))

    assert full.process("status").code == 0


def test_importing_the_package(bare: Desk) -> None:
    """The package itself imports nothing until a name is used."""
    modules = imported(bare, "import sys, jwstsync; print(*sys.modules, sep='\\n', file=sys.stderr)")

    assert {name for name in modules if name.startswith("jwstsync")} == {"jwstsync"}
