"""MAST on a bad day: what is asked again, how often and after which pauses, and batches that shrink."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.archive import transport, tries
from jwstsync.errors import ArchiveError, ExitCode
from tests.archive.answers import COLUMNS_CONFIG, GROUPS, INVOKE, PROPOSAL, Answer, answers, archive_at, text
from tests.archive.test_mast_failures import hung_up, torn

if TYPE_CHECKING:
    from jwstsync.sandbox import Sandbox
    from tests.archive.servers import Clock

KILLED = json.dumps({"status": "ERROR", "msg": "database session killed"})
EXECUTING = json.dumps({"status": "EXECUTING"})


@dataclass
class Moody:
    """A fault: so many bad answers, then the true ones.

    Attributes:
        answer: The bad answer.
        count: How many there are left.
        path: Where they are given.
    """

    answer: Answer
    count: int
    path: str = INVOKE
    _given: list[str] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Answers badly, while it lasts."""
        if request.path != self.path or self.count == 0:
            return None
        self.count -= 1
        return await self.answer(request)


@pytest.fixture
def patient(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Pauses as they are, on a clock on which they cost nothing."""
    monkeypatch.setattr(tries, "LONGEST_PAUSE", 30.0)
    return clock


@pytest.mark.parametrize("path", [INVOKE, COLUMNS_CONFIG])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(text("boom", status=500), id="500"),
        pytest.param(text("maintenance", status=503), id="503"),
        pytest.param(text("slowly", status=429), id="429"),
        pytest.param(hung_up, id="no response"),
        pytest.param(torn, id="half a body"),
    ],
)
def test_what_passes_is_asked_again(sandbox: Sandbox, clock: Clock, answer: Answer, path: str) -> None:
    """After a few failures that may pass, the answer is as if nothing had been."""
    sandbox.fault = Moody(answer, 3, path)

    assert [one.group_id for one in archive_at(sandbox.url).observations(PROPOSAL)] == GROUPS
    assert len(clock.pauses) == 3


def test_an_error_of_its_own_is_asked_again(sandbox: Sandbox, clock: Clock) -> None:
    """A killed database session comes with status ERROR and HTTP 200; asked anew, the archive answers."""
    sandbox.fault = Moody(text(KILLED), 2)

    assert len(archive_at(sandbox.url).keywords("Nircam", PROPOSAL)) == len(GROUPS)
    assert len(clock.pauses) == 2


@pytest.mark.parametrize(
    "answer", [text("gone", status=404), text("what?", status=400), text("<html>"), text('{"status": "COMPLETE"}')]
)
def test_what_does_not_pass_is_not_asked_again(sandbox: Sandbox, clock: Clock, answer: Answer) -> None:
    """A refusal or nonsense comes again; it is said at once."""
    before = len(sandbox.requests)
    sandbox.fault = answers(answer)
    with pytest.raises(ArchiveError):
        archive_at(sandbox.url).products([9_000])

    assert [one.path for one in sandbox.requests[before:]] == [COLUMNS_CONFIG, INVOKE]
    assert clock.pauses == []


def test_pauses_between_tries_grow(sandbox: Sandbox, patient: Clock) -> None:
    """Six tries in all, each pause about twice as long as the last, then exit code 4 with reason and number."""
    sandbox.fault = answers(text(KILLED))
    with pytest.raises(ArchiveError, match=r"session killed \(tried 6 times\)$") as caught:
        archive_at(sandbox.url).observations(PROPOSAL)

    assert caught.value.exit_code is ExitCode.ARCHIVE
    assert [int(pause) for pause in patient.pauses] == [1, 2, 4, 8, 16]


def test_tries_end_with_the_time_for_the_query(sandbox: Sandbox, patient: Clock) -> None:
    """No pause is begun that would outlast the limit."""
    sandbox.fault = answers(text(KILLED))
    with pytest.raises(ArchiveError, match=r"session killed \(tried 3 times\)$"):
        archive_at(sandbox.url, timeout=7).observations(PROPOSAL)  # pauses of 1, 2 and 4 s, and up to 1 s more each

    assert sum(patient.pauses) < 7


def test_a_server_that_says_when_is_believed(sandbox: Sandbox, patient: Clock) -> None:
    """Retry-After is waited out, unless that is longer than the query may take."""

    async def later(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "77"})

    sandbox.fault = Moody(later, 1)
    assert len(archive_at(sandbox.url, timeout=600).products(GROUPS[:1])) == 2
    assert patient.pauses == [77]

    sandbox.fault = Moody(later, 1)
    with pytest.raises(ArchiveError, match=r"503 Server Error"):
        archive_at(sandbox.url, timeout=60).products(GROUPS[:1])
    assert patient.pauses == [77]


def test_a_query_that_was_lost_is_asked_anew(sandbox: Sandbox, patient: Clock) -> None:
    """Polled for three quarters of the time in vain, the archive is asked again, and answers."""
    lost: list[str] = []

    async def losing(request: web.Request) -> web.StreamResponse | None:
        asked = str((await request.post()).get("request"))
        if request.path != INVOKE or (lost and asked not in lost):
            return None
        lost.append(asked)
        return await text(EXECUTING)(request)

    sandbox.fault = losing
    assert len(archive_at(sandbox.url, timeout=600).observations(PROPOSAL)) == len(GROUPS)
    assert len(set(lost)) == 1
    assert 450 <= sum(patient.pauses) < 460


class TooSlow:
    """A fault: batches of more than so many observations are never answered.

    Attributes:
        asked: How many observations each new batch had.
    """

    def __init__(self, most: int, answer: Answer) -> None:
        self.asked: list[int] = []
        self._most = most
        self._answer = answer
        self._seen: set[str] = set()

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Keeps a large batch waiting."""
        if request.path != INVOKE:
            return None
        asked = str((await request.post()).get("request"))
        count = json.loads(asked)["params"]["obsid"].count(",") + 1
        if asked not in self._seen:
            self._seen.add(asked)
            self.asked.append(count)
        return await self._answer(request) if count > self._most else None


@pytest.mark.parametrize("answer", [text(EXECUTING), text("gateway", status=504)], ids=["polls", "gateway"])
def test_batches_that_are_too_slow_shrink(sandbox: Sandbox, clock: Clock, answer: Answer) -> None:
    """They are halved until they are answered, and stay so for the rest; all rows come, each once."""
    sandbox.fault = slow = TooSlow(7, answer)
    rows = archive_at(sandbox.url, timeout=600).products(GROUPS)

    assert slow.asked == [25, 12, *[6] * 10]
    assert sorted(row.parent_group_id for row in rows if row.filename == "jw01345_pool.csv") == GROUPS
    assert len(rows) == 2 * len(GROUPS)
    assert clock.monotonic() < 2 * 151


def test_a_single_observation_that_is_too_slow_is_an_error(sandbox: Sandbox, clock: Clock) -> None:
    """Less can not be asked for: it is tried within the limit, and told."""
    sandbox.fault = slow = TooSlow(0, text(EXECUTING))
    with pytest.raises(
        ArchiveError, match=r": products of 1 observations from 9000: still executing the query after 600 s \(tried"
    ):
        archive_at(sandbox.url, timeout=600).products(GROUPS)

    assert slow.asked[:5] == [25, 12, 6, 3, 1]
    assert set(slow.asked[5:]) == {1}
    assert clock.monotonic() == pytest.approx(4 * 150 + 600, abs=1)


def test_an_endless_answer_is_cut_off(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much comes, packed or not, no more is kept than any answer has."""
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 10**6)

    async def bomb(_: web.Request) -> web.Response:
        response = web.Response(body=b" " * 10**7)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    sandbox.fault = answers(bomb)
    with pytest.raises(ArchiveError, match=r"answer of more than 1000000 bytes$"):
        archive_at(sandbox.url).products([9_000])
