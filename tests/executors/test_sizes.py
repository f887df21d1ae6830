"""Sizes that no listing states are asked for without a download, and as politely as downloads are."""

from __future__ import annotations

import asyncio
import errno
import threading
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors.connection import Connection
from jwstsync.executors.server import Server
from jwstsync.executors.sizes import SizeQuestions
from tests.executors.bench import AGENT, FakeTime
from tests.executors.fault_server import FaultServer, raw, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.executors.fault_server import Answer

NAMES = [f"{number}_asn.json" for number in range(30)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A server, reached without a proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with FaultServer() as server:
        yield server


def head(size: int | str | None, *lines: str, status: str = "200 OK") -> Answer:
    """An answer without a body, which states its length."""
    length = [] if size is None else [f"Content-Length: {size}"]
    return raw("\r\n".join([f"HTTP/1.1 {status}", *length, *lines, "Connection: close", "", ""]).encode())


def questions(server: FaultServer, time: FakeTime | None = None, **facts: str | int) -> SizeQuestions:
    """Somebody who asks the server."""
    settings = {"url": server.url, "agent": AGENT, "connections": 4, "timeout": 30.0, **facts}
    return SizeQuestions(Server(**settings), (time or FakeTime()).timing)  # type: ignore[arg-type]


def asked(questions: SizeQuestions, *names: str) -> dict[str, int]:
    """What comes of asking, by name."""
    found = questions.ask(f"mast:JWST/product/{name}" for name in names)
    return {uri.rpartition("/")[2]: size for uri, size in found.items()}


def test_sizes_come_without_a_download(server: FaultServer) -> None:
    """Many are asked for, each once; what has no length, is encoded or is not to be had has none."""
    for name in NAMES:
        server.answer(name, head(int(name.partition("_")[0])))
    server.answer(NAMES[3], head(None))
    server.answer(NAMES[4], head(4, "Content-Encoding: gzip"))
    server.answer(NAMES[5], head(5, status="404 Not Found"))
    server.answer(NAMES[6], head(6, status="401 Unauthorized"))
    sizes = asked(questions(server), *NAMES)

    assert sizes == {name: number for number, name in enumerate(NAMES) if number not in {3, 4, 5, 6}}
    assert len(server.requests) == len(NAMES)
    assert {one.headers["user-agent"].split()[0] for one in server.requests} == {AGENT.split()[0]}
    assert server.busiest <= 4


def test_a_length_that_is_no_number_is_no_size(server: FaultServer) -> None:
    """Such an answer is none; it is asked for again, as in a download."""
    server.answer(NAMES[0], head("many"), head(7))
    server.answer(NAMES[1], head("many"))

    assert asked(questions(server, FakeTime()), *NAMES[:2]) == {NAMES[0]: 7}


def test_a_loop_that_runs_already_is_no_obstacle(server: FaultServer) -> None:
    """As in a notebook."""
    server.answer(NAMES[0], head(7))

    async def cell() -> dict[str, int]:
        return asked(questions(server), NAMES[0])

    assert asyncio.run(cell()) == {NAMES[0]: 7}


def test_the_token_goes_to_the_archive_alone(server: FaultServer) -> None:
    """With the question, and not with the one that a redirect leads to elsewhere."""
    with FaultServer() as other:
        server.answer(NAMES[0], redirect(f"{other.url}/{NAMES[0]}"))
        other.answer(NAMES[0], head(7))
        sizes = asked(questions(server, token="a-token"), NAMES[0])

        assert sizes == {NAMES[0]: 7}
        assert [one.headers.get("authorization") for one in server.requests] == ["token a-token"]
        assert [one.headers.get("authorization") for one in other.requests] == [None]


def test_a_busy_server_is_left_alone_for_a_while(server: FaultServer) -> None:
    """Retry-After counts for all questions; other troubles are waited out with growing pauses."""
    time = FakeTime()
    server.answer(NAMES[0], head(0, "Retry-After: 30", status="429 Too Many Requests"), head(7))
    trouble = head(0, status="500 Internal Server Error")
    server.answer(NAMES[1], trouble, trouble, head(8))

    assert asked(questions(server, time, connections=1), NAMES[0], NAMES[1]) == {NAMES[0]: 7, NAMES[1]: 8}
    assert time.slept == [30.0, 0.5, 1.0]


def test_a_server_that_is_not_there_is_not_asked_for_ever(server: FaultServer) -> None:
    """After ten products in a row nothing more is asked; one that has an answer begins the count anew."""
    for name in NAMES:
        server.answer(name, head(0, status="500 Internal Server Error"))
    server.answer(NAMES[8], head(8))
    sizes = asked(questions(server, connections=1), *NAMES)

    assert sizes == {NAMES[8]: 8}
    assert {one.name for one in server.requests} == set(NAMES[:19])


def test_it_can_be_stopped(server: FaultServer) -> None:
    """Before it begins, and while an answer is waited for."""
    before = questions(server)
    before.stop()
    assert asked(before, NAMES[0]) == {}
    assert server.requests == []

    gate = server.gate()
    during = questions(server, connections=1)

    async def waits(_: asyncio.StreamWriter) -> None:
        await gate.passed()

    def stop() -> None:
        gate.wait_for_arrival()
        during.stop()

    server.answer(NAMES[0], head(7))
    server.answer(NAMES[1], waits)
    stopper = threading.Thread(target=stop)
    stopper.start()
    assert asked(during, NAMES[0], NAMES[1], NAMES[2]) == {NAMES[0]: 7}
    stopper.join()
    assert len(server.requests) == 2


def test_a_bug_is_raised(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not pass for an answer that did not come."""
    monkeypatch.setattr(Server, "address", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        asked(questions(server), NAMES[0])


def test_too_many_open_files_leave_it_unknown(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no reason to end a run: its form decides on the file."""

    def get(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Connection, "get", get)

    assert asked(questions(server), *NAMES) == {}
