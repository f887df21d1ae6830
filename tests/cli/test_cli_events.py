"""`apply --json`: all that happens in a run, as it happens, a line for each event."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from jwstsync.cli.options import Globals
from jwstsync.cli.stream import Stream
from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import ProductPath
from jwstsync.core.selection import Selected
from jwstsync.errors import ExitCode
from jwstsync.executors import Setback
from jwstsync.sandbox import TOKEN, Catalogue, Sandbox
from tests.cli.archive import EXCLUSIVE, FIRST, SECOND, SIZE, URI, no_answer_about, product_name, product_path
from tests.cli.calls import BOTH, CLOSED, PATIENCE, Called, Desk, ended

if TYPE_CHECKING:
    from collections.abc import Mapping

CAL, RATE = product_name(FIRST), product_name(FIRST, "rate")
LARGE = 28_800_000  # bytes, more than may wait in the buffers of a connection
NOTHING = {"files": 0, "bytes": 0}


def kinds(called: Called) -> list[str]:
    """The types of the events, in their order."""
    return [event["type"] for event in called.events]


class Faults:
    """Has the first download of some products answered so; those that follow are served."""

    def __init__(self, answers: Mapping[str, web.Response]) -> None:
        self._answers = dict(answers)

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """The answer, once."""
        return self._answers.pop(request.query.get("uri", "").removeprefix(URI), None)


def test_a_run_from_its_first_question_to_its_last_product(desk: Desk) -> None:
    """Who speaks, what is asked and answered, what is planned, what begins and what became of it, and the end."""
    called = desk.call("apply", "--json")
    told = called.events

    assert kinds(called)[:4] == ["version", "query", "query", "planned"]
    assert [told[1], told[2]] == [
        {"type": "query", "proposal": FIRST, "state": state, "products": products, "error": None}
        for state, products in (("begun", None), ("answered", 5))
    ]
    assert told[3]["to_fetch"] == told[3]["summary"]["fetch"] == {"files": 4, "bytes": 4 * SIZE}
    assert [amount for name, amount in told[3]["summary"].items() if name != "fetch"] == [NOTHING] * 8
    assert sorted(kinds(called)[4:-1]) == ["product"] * 4 + ["start"] * 4
    for product in called.told("product"):
        [start] = [one for one in called.told("start") if one["uri"] == product["uri"]]
        assert told.index(start) < told.index(product)
        assert (start["path"], start["size"], start["resumed"]) == (product["path"], SIZE, 0)
    assert (kinds(called)[-1], called.err) == ("summary", "")


def test_nothing_is_asked_and_nothing_done(full: Desk) -> None:
    """A frozen run has no query, and what is there begins nothing; the plan counts it."""
    called = full.call("apply", "--json", "--frozen")

    assert kinds(called) == ["version", "planned", "summary"]
    assert called.events[1]["summary"]["keep"] == {"files": 4, "bytes": 4 * SIZE}


def test_a_proposal_that_can_not_be_asked(desk: Desk, archive: Sandbox) -> None:
    """It fails, and then what is locked of it is kept; the warning on stderr is an event too."""
    desk.write(BOTH)
    desk.call("apply")
    archive.fault = no_answer_about(SECOND)
    called = desk.call("apply", "--json")
    states = {one["state"]: one for one in called.told("query") if one["proposal"] == SECOND}

    assert [*states] == ["begun", "failed", "kept"]
    assert "database session was killed" in states["failed"]["error"]
    assert states["kept"]["error"] == states["failed"]["error"]
    [warning] = called.told("warning")
    assert called.err == f"jwstsync: {warning['message']}\n"
    stays = "what is locked of it stays, and can be had without asking: --frozen"
    assert warning["message"] == f"{states['failed']['error']}; {stays}"
    assert kinds(called).index("planned") < kinds(called).index("warning")


def test_an_answer_that_is_not_believed(desk: Desk, archive: Sandbox) -> None:
    """A proposal that suddenly lists nothing is answered, and what is locked of it is kept."""
    desk.call("apply")
    names = [product_name(FIRST, one) for one in ("uncal", "rate", "cal", "i2d")]
    for name in [*names, CAL.replace(".fits", ".jpg")]:
        archive.remove(name)
    called = desk.call("apply", "--json")

    assert [(one["state"], one["products"]) for one in called.told("query")] == [
        ("begun", None),
        ("answered", 0),
        ("kept", None),
    ]
    assert "now lists none" in called.told("query")[-1]["error"]
    assert "now lists none" in called.told("warning")[0]["message"]


def test_downloads_that_are_tried_again(desk: Desk, archive: Sandbox) -> None:
    """Which product, why, after how long, and whether all wait for the server; it comes all the same."""
    busy = web.Response(status=503, headers={"Retry-After": "0"})
    archive.fault = Faults({CAL: busy, RATE: web.Response(status=500, text="tired")})
    called = desk.call("apply", "--json")
    told = {one["uri"].removeprefix(URI): one for one in called.told("retry")}

    assert told.keys() == {CAL, RATE}
    assert told[CAL] == {
        "type": "retry",
        "uri": URI + CAL,
        "path": product_path(FIRST),
        "proposal": FIRST,
        "error": "the archive answered 503 Service Unavailable",
        "setbacks": 1,
        "pause": 0.0,
        "whole_host": True,
    }
    assert told[RATE]["error"] == "the archive answered 500 Internal Server Error (tired)"
    assert (told[RATE]["whole_host"], 0 <= told[RATE]["pause"] < 0.5) == (False, True)
    assert [one["outcome"] for one in called.told("product")] == ["done"] * 4


def test_the_token_is_in_no_event(desk: Desk, archive: Sandbox) -> None:
    """An archive that repeats it when it fails is not quoted."""

    class Repeating(Faults):
        async def __call__(self, request: web.Request) -> web.StreamResponse | None:
            if (answer := await super().__call__(request)) is not None:
                answer = web.Response(status=500, text=f"what is {request.headers['Authorization']}")
            return answer

    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=TOKEN)
    archive.fault = Repeating({product_name(EXCLUSIVE, "i2d"): web.Response()})
    called = desk.call("apply", "--json")

    [retry] = called.told("retry")
    assert "(what is token " in retry["error"]
    assert TOKEN not in called.out + called.err


@pytest.fixture
def large(bare: Desk) -> Any:  # noqa: ANN401 - an iterator
    """A desk with a manifest of one large product, and an archive that has it."""
    observations = [{"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}]
    rows = [{"parent_obsid": FIRST, "productFilename": CAL, "size": LARGE}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, rows)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        yield bare


def test_progress_and_what_it_is_gone_on_with(large: Desk) -> None:
    """A slow download tells how far it is; a run that is stopped then is gone on with by the next, which says so."""
    process = large.spawn("apply", "--json", "--limit-rate", "250kB")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if json.loads(line)["type"] == "progress":
            break
    process.send_signal(signal.SIGINT)
    rest = ended(process)
    stopped = Called(rest.code, "".join(lines) + rest.out, rest.err)
    again = large.call("apply", "--json")

    assert (stopped.code, stopped.err) == (ExitCode.INTERRUPTED, "")
    progress = stopped.told("progress")[0]
    assert {**progress, "received": 0} == {
        "type": "progress",
        "uri": URI + CAL,
        "path": product_path(FIRST).replace("jw01111001001_02101_00001_nrca1/", "jw01111-o001/"),
        "size": LARGE,
        "received": 0,
    }
    assert 0 < progress["received"] < LARGE
    [start] = again.told("start")
    assert progress["received"] <= start["resumed"] < LARGE
    assert [one["outcome"] for one in again.told("product")] == ["done"]


def test_a_script_has_a_plan_too(desk: Desk) -> None:
    """What is asked and planned is told as for a run; nothing begins."""
    called = desk.call("apply", "--json", "--script", "get.sh")

    assert kinds(called) == ["version", "query", "query", "planned", "summary"]
    assert called.events[3]["to_fetch"]["files"] == 4


def test_people_are_told_as_before(desk: Desk, archive: Sandbox) -> None:
    """Without --json there is no event, whatever happens."""
    archive.fault = Faults({CAL: web.Response(status=503, headers={"Retry-After": "0"})})
    called = desk.call("apply")

    assert called.err == ""
    assert '"type"' not in called.out


# --- the lines


def test_each_line_is_written_at_once(clone: Desk) -> None:
    """A pipe gets each line whole, in one piece: lines of several threads can not mix, and none waits for another."""
    ours, theirs = os.pipe2(os.O_DIRECT)  # of which each read gives what one write brought
    process = clone.spawn("apply", "--json", "--frozen", stdout=theirs)
    os.close(theirs)
    pieces = []
    while piece := os.read(ours, 1 << 16):
        pieces.append(piece.decode())
    os.close(ours)

    assert process.wait(PATIENCE) == ExitCode.OK
    assert len(Called(0, "".join(pieces), "").events) == len(pieces)
    assert all(piece.endswith("}\n") for piece in pieces)


def test_a_reader_that_goes_away(clone: Desk) -> None:
    """The run goes on to its end, and says nothing more; all files come."""
    called = clone.shell('set -o pipefail; "$@" | head -n 3', "apply", "--json", "--frozen")

    assert (called.code, called.err) == (ExitCode.OK, "")
    assert [json.loads(line)["type"] for line in called.out.splitlines()][:2] == ["version", "planned"]
    assert len([*clone.root.rglob("*.fits")]) == 4


def test_events_that_can_not_be_written(clone: Desk) -> None:
    """A full disk under stdout ends the run, with its own code, and before anything is fetched."""
    called = clone.shell('"$@" >/dev/full', "apply", "--json", "--frozen")

    assert (called.code, called.err) == (
        ExitCode.LIMIT,
        "jwstsync: stdout: not written: No space left on device\n",
    )


FETCH = Fetch(Selected(uri=URI + CAL, path=ProductPath(product_path(FIRST)), proposal=FIRST, size=SIZE))


def test_events_of_several_threads(capfd: pytest.CaptureFixture[str]) -> None:
    """Each is told once, as a line of its own."""
    stream = Stream(Globals(as_json=True))

    def tell() -> None:
        for _ in range(100):
            stream.started(FETCH, SIZE)
            stream.retried(FETCH, Setback("broken", 1, 0.5, whole_host=False))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(kinds(Called(0, capfd.readouterr().out, ""))) == ["retry"] * 400 + ["start"] * 400


def test_nothing_comes_after_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    """The summary is the last line, also where a run is ended at once and its threads have something to say still."""
    stream = Stream(Globals(as_json=True))
    stream.end(ExitCode.INTERRUPTED, "interrupted")
    stream.started(FETCH, SIZE)
    stream.retried(FETCH, Setback("broken", 1, 0.5, whole_host=False))

    assert kinds(Called(0, capfd.readouterr().out, "")) == ["summary"]


def test_progress_by_the_clock(capfd: pytest.CaptureFixture[str]) -> None:
    """It is told once a second at most, with what is here from before; not of what is done."""
    times = iter([0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 9.0])
    stream = Stream(Globals(as_json=True), clock=lambda: next(times))
    stream.started(FETCH, SIZE, 1000)
    stream.received(FETCH, 1000)
    for _ in range(4):
        stream.received(FETCH, 10)
    stream.ended(FETCH)
    stream.received(FETCH, 10)
    told = Called(0, capfd.readouterr().out, "")

    assert kinds(told) == ["start", "progress", "progress"]
    assert [one["received"] for one in told.told("progress")] == [1020, 1040]
