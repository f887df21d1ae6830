"""The command in a terminal: it shows the plan, asks, and shows bars; what is piped stays free of them."""

from __future__ import annotations

import asyncio
import io
import signal
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.cli import progress
from jwstsync.errors import ExitCode
from tests.cli.archive import FIRST, SIZE, product_path
from tests.cli.calls import ONE, PATIENCE, Desk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.sandbox import Sandbox
    from tests.cli.terminals import Terminal

PLAN = "jwstsync plan: 1 proposal, 4 products locked"
QUESTION = "Do this? [y/N]: "


def test_somebody_says_no(clone: Desk, terminal: Terminal) -> None:
    """The plan is shown, the question asked, and after a no nothing was changed."""
    before = clone.snapshot()
    process = terminal.run(clone, "apply", "--frozen")
    asked = terminal.read(QUESTION)
    terminal.type("n\n")
    rest = terminal.read()

    assert asked.startswith(PLAN)
    assert process.wait(PATIENCE) == ExitCode.DIFFERENCES
    assert "nothing was changed" in rest
    assert clone.snapshot() == before


def test_somebody_says_yes(clone: Desk, terminal: Terminal) -> None:
    """After a yes bars are shown, and at the end what was done."""
    process = terminal.run(clone, "apply", "--frozen")
    terminal.read(QUESTION)
    terminal.type("y\n")
    rest = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.OK
    assert "4 of 4 files" in rest
    assert rest.endswith("Done: 4 fetched; 34.6 kB downloaded.\n")
    assert (clone.root / product_path(FIRST)).is_file()


@pytest.mark.parametrize(("answer", "code"), [("n", ExitCode.DIFFERENCES), ("y", ExitCode.OK)])
def test_the_question(clone: Desk, answer: str, code: ExitCode) -> None:
    """It stands on stderr, so that the answer can be piped; a no is answered, a yes is carried out."""
    clone.monkeypatch.setattr("jwstsync.cli.output.is_terminal", lambda _: True)
    clone.monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    called = clone.call("apply", "--frozen", "--color", "never")

    assert called.code == code
    assert called.out.startswith(PLAN)
    assert "Do this?" not in called.out
    assert "Do this? [y/N]:" in called.err
    assert ("nothing was changed\n" in called.err) == (answer == "n")
    assert called.out.endswith("\nDone: 4 fetched; 34.6 kB downloaded.\n") == (answer == "y")


def test_what_would_be_refused_is_not_asked_about(clone: Desk) -> None:
    """A limit is told before somebody has to say yes."""
    clone.write(ONE.replace("[[proposal]]", "[limits]\nmax_download = 1\n\n[[proposal]]"))
    clone.monkeypatch.setattr("jwstsync.cli.output.is_terminal", lambda _: True)
    clone.monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    called = clone.call("apply", "--frozen")

    assert (called.code, QUESTION in called.err) == (ExitCode.LIMIT, False)


@pytest.mark.parametrize(
    ("arguments", "done"),
    [(("-y",), "4 fetched"), (("-y", "-q"), ""), (("--json",), '"exit_code": 0')],
    ids=["yes", "quiet", "json"],
)
def test_nobody_is_asked(clone: Desk, terminal: Terminal, arguments: Sequence[str], done: str) -> None:
    """With -y the run goes ahead, and so it does for programs."""
    process = terminal.run(clone, "apply", "--frozen", *arguments)
    shown = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.OK
    assert QUESTION not in shown
    assert done in shown if done else not shown


def test_nothing_is_asked_where_there_is_nothing_to_do(full: Desk, terminal: Terminal) -> None:
    """A run that would change nothing just ends."""
    process = terminal.run(full, "apply", "--frozen")

    assert terminal.read().endswith("\nDone: 4 kept.\n")
    assert process.wait(PATIENCE) == ExitCode.OK


def test_the_question_of_a_quiet_run(clone: Desk, terminal: Terminal) -> None:
    """With -q it tells itself what there is to do."""
    process = terminal.run(clone, "apply", "--frozen", "-q")
    asked = terminal.read("[y/N]: ")
    terminal.type("y\n")
    terminal.read()

    assert asked == "4 to fetch, 34.6 kB: do this? [y/N]: "
    assert process.wait(PATIENCE) == ExitCode.OK


@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-D", "SIGTERM"])
def test_somebody_leaves_at_the_question(clone: Desk, terminal: Terminal, how: str) -> None:
    """The run ends with the code for it, and nothing was changed."""
    before = clone.snapshot()
    process = terminal.run(clone, "apply", "--frozen")
    terminal.read(QUESTION)
    if how == "Ctrl-D":
        terminal.type("\x04")
    else:
        process.send_signal(signal.SIGINT if how == "Ctrl-C" else signal.SIGTERM)
        terminal.type("\n")  # wakes Python where the signal came just before it began to read
    rest = terminal.read()

    assert process.wait(PATIENCE) == (ExitCode.TERMINATED if how == "SIGTERM" else ExitCode.INTERRUPTED)
    assert "Traceback" not in rest
    assert clone.snapshot() == before


def test_an_answer_that_is_piped(clone: Desk, terminal: Terminal) -> None:
    """Stdout has the plan and the end and nothing else, while the bars move on the terminal."""
    with (clone.folder / "log").open("w") as log:
        process = terminal.run(clone, "apply", "--frozen", "-y", stdout=log.fileno())
        shown = terminal.read()
    lines = (clone.folder / "log").read_text(encoding="utf-8").splitlines()

    assert process.wait(PATIENCE) == ExitCode.OK
    assert (lines[0], lines[-1], len(lines)) == (PLAN, "Done: 4 fetched; 34.6 kB downloaded.", 8)
    assert not any("\x1b" in line for line in lines)
    assert "4 of 4 files" in shown
    assert "Done" not in shown


class Halved:
    """A fault that sends the first half of one product, and no more."""

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Sends it, if this product is asked for."""
        if not request.query.get("uri", "").endswith("_rate.fits"):
            return None
        response = web.StreamResponse(headers={"Content-Length": str(SIZE)})
        await response.prepare(request)
        await response.write(b"SIMPLE  =".ljust(SIZE // 2))
        await asyncio.Event().wait()
        return response


@pytest.mark.parametrize("columns", ["64", "200"])
def test_bars_move_while_files_come(clone: Desk, archive: Sandbox, terminal: Terminal, columns: str) -> None:
    """There is a bar for the whole and one for the file under way, each with its name and the bytes that have come."""
    archive.fault = Halved()
    clone.set(COLUMNS=columns, TERM="xterm")
    process = terminal.run(clone, "apply", "--frozen", "-y", "--color", "never")
    name = product_path(FIRST, "rate").rpartition("/")[2]
    shown = terminal.read_all("3 of 4 files", name, "30.2/34.6 kB", "4.3/8.6 kB")
    process.send_signal(signal.SIGINT)
    rest = terminal.read()

    assert "Traceback" not in shown + rest
    assert rest.endswith("Stopped: 3 fetched, 1 left for another run; 25.9 kB downloaded.\n")
    assert process.wait(PATIENCE) == ExitCode.INTERRUPTED


def test_no_bars_without_a_terminal(clone: Desk, terminal: Terminal) -> None:
    """Where stderr is a file nobody is asked and no bar is drawn."""
    with (clone.folder / "log").open("w") as log:
        process = terminal.run(clone, "apply", "--frozen", stderr=log.fileno())
        shown = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.OK
    assert shown.endswith("\nDone: 4 fetched; 34.6 kB downloaded.\n")
    assert (clone.folder / "log").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("arguments", "variables", "colored"),
    [
        ((), {}, True),
        (("--color", "never"), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
    ],
)
def test_colors(
    clone: Desk, terminal: Terminal, arguments: Sequence[str], variables: dict[str, str], *, colored: bool
) -> None:
    """A terminal is given colors, unless NO_COLOR or the option has something against it."""
    clone.set(**variables)
    process = terminal.run(clone, "status", *arguments)

    assert ("\x1b[32m  +   4  fetch" in terminal.read()) == colored
    assert process.wait(PATIENCE) == ExitCode.OK


def test_what_takes_a_while_is_said_in_a_terminal(synced: Desk, terminal: Terminal) -> None:
    """Who waits is told for what; elsewhere nobody is."""
    process = terminal.run(synced, "plan")
    shown = terminal.read()

    assert "asking http://127.0.0.1:" in shown
    assert " about proposal 1111\n" in shown
    assert process.wait(PATIENCE) == ExitCode.OK
    assert synced.call("plan").err == ""


@pytest.fixture
def every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a minute passed between any two steps."""
    monkeypatch.setattr(progress, "_PAUSE", 0)


@pytest.mark.usefixtures("every_time")
def test_progress_of_hashing(full: Desk) -> None:
    """Terabytes take a while to hash: there is a line every minute too, and with -q there is none."""
    (full.root / ".jwstsync" / "record.jsonl").unlink()

    assert full.call("status").err == "8.6 kB hashed\n17.3 kB hashed\n25.9 kB hashed\n34.6 kB hashed\n"
    assert full.call("status", "-q").err == ""
