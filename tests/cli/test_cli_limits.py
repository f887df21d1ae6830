"""`jwstsync apply` within limits: products, bytes a second, time. It ends cleanly and says what remains."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sync.clock import Clock
from tests.cli.archive import DOWNLOAD, no_download_of, product_name
from tests.cli.calls import ONE, Called, Desk
from tests.executors.bench import FakeTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aiohttp import web

    from jwstsync.sandbox import Sandbox

FIRST = 1111
ONE_BY_ONE = ONE.replace("[[proposal]]", "[limits]\nconnections = 1\n\n[[proposal]]")
LEFT = "left: 2 products, 17.3 kB to fetch; run again to go on\n"


class TimeIsOver:
    """A clock whose alarm rings when the archive is asked for the third product, and an archive that never gives it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._asked = 0
        self._ring: Callable[[], None] | None = None

    @property
    def clock(self) -> Clock:
        """What the run knows of it."""
        return Clock(now=lambda: 0.0, alarm=self._alarm)

    @contextmanager
    def _alarm(self, seconds: float, ring: Callable[[], None]) -> Iterator[None]:
        self.seconds.append(seconds)
        self._ring = ring
        yield

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Rings, and answers nothing."""
        self._asked += request.path == DOWNLOAD
        if self._asked == 3 and self._ring is not None:
            self._ring()
            await asyncio.Event().wait()
        return None


@pytest.fixture
def time(desk: Desk, archive: Sandbox) -> TimeIsOver:
    """Time is over while the third product is on its way."""
    archive.fault = over = TimeIsOver()
    desk.write(ONE_BY_ONE)
    desk.monkeypatch.setattr("jwstsync.sync.run.Clock", lambda: over.clock)
    return over


@pytest.mark.parametrize(
    ("arguments", "variables", "seconds"),
    [
        (("--max-duration", "5h"), {}, 18000),
        ((), {"JWSTSYNC_MAX_DURATION": "1h30m"}, 5400),
        (("--max-duration", "90"), {"JWSTSYNC_MAX_DURATION": "1h30m"}, 90),
    ],
    ids=["flag", "variable", "both"],
)
def test_time_that_is_over(
    desk: Desk, archive: Sandbox, time: TimeIsOver, arguments: Sequence[str], variables: dict[str, str], seconds: float
) -> None:
    """The transfer under way is stopped, what is done is locked, what remains is said, and it is a success."""
    desk.set(**variables)
    applied = desk.call("apply", *arguments)
    archive.fault = None
    rest = desk.call("apply")

    assert time.seconds[0] == seconds
    assert (applied.code, applied.err) == (ExitCode.OK, LEFT)
    assert applied.out.endswith("\nDone: 2 fetched, 2 left for another run; 17.3 kB downloaded.\n")
    assert rest.out.endswith("\nDone: 2 fetched, 2 kept; 17.3 kB downloaded.\n")


@pytest.mark.usefixtures("time")
def test_programs_are_told_why_it_was_left(desk: Desk) -> None:
    """A product that was under way and one that was not tried are deferred, with the reason."""
    *_, third, fourth, summary = desk.call("apply", "--json", "--max-duration", "5h").events

    assert [third["error"], fourth["error"]] == [
        "--max-duration: stopped before it was whole",
        "--max-duration: stopped before it was tried",
    ]
    assert (summary["exit_code"], summary["counts"]["deferred"]) == (0, 2)


def test_what_remains_of_a_limited_number(desk: Desk) -> None:
    """It is said how many products and bytes; and nothing once nothing remains."""
    limited, rest = desk.call("apply", "--limit", "2"), desk.call("apply", "--limit", "2")

    assert (limited.code, limited.err) == (ExitCode.OK, LEFT)
    assert (rest.code, rest.err) == (ExitCode.OK, "")
    assert desk.call("apply", "--limit", "2", "-q") == Called(0, "", "")


def test_a_limited_run_in_which_a_product_fails(desk: Desk, archive: Sandbox) -> None:
    """Exit code 3, and both are said: what failed, and what remains."""
    archive.fault = no_download_of(product_name(FIRST))
    applied = desk.call("apply", "--limit", "2")

    assert applied.code == ExitCode.PRODUCTS_FAILED
    assert LEFT in applied.err
    assert applied.err.endswith("what failed is tried again by: jwstsync apply\n")


@pytest.mark.parametrize(
    ("arguments", "variables"), [(("--limit-rate", "100B"), {}), ((), {"JWSTSYNC_LIMIT_RATE": "100"})]
)
def test_a_limited_rate(clone: Desk, arguments: Sequence[str], variables: dict[str, str]) -> None:
    """Four files of 8,640 bytes at 100 bytes a second last 345.6 s, by a clock that does not make anybody wait."""
    clone.write(ONE_BY_ONE)
    clone.set(**variables)
    time = FakeTime()
    clone.monkeypatch.setattr("jwstsync.executors.download.Timing", lambda: time.timing)
    applied = clone.call("apply", "--frozen", *arguments)

    assert (applied.code, applied.err) == (ExitCode.OK, "")
    assert time.now == pytest.approx(345.6)


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("--limit-rate", "20M"), {}, "Invalid value for '--limit-rate': '20M': expected bytes a second, more than 0"),
        (("--max-duration", "0h"), {}, "Invalid value for '--max-duration': '0h': expected a time above 0"),
        ((), {"JWSTSYNC_MAX_DURATION": "soon"}, "Invalid value for JWSTSYNC_MAX_DURATION: 'soon': expected a time"),
    ],
)
def test_limits_that_make_no_sense(bare: Desk, arguments: Sequence[str], variables: dict[str, str], words: str) -> None:
    """The option or variable is named, with what would be right."""
    bare.set(**variables)
    refused = bare.call("apply", *arguments)

    assert refused.code == ExitCode.INVALID
    assert words in refused.err


@pytest.mark.parametrize("name", ["--limit-rate", "--max-duration"])
def test_a_script_keeps_no_limits(desk: Desk, name: str) -> None:
    """It is refused to ask for a script and a limit; a limit of the environment is for runs, and hinders no script."""
    refused = desk.call("apply", "--script", "get.sh", name, "90")
    desk.set(**{f"JWSTSYNC{name.upper().replace('--', '_').replace('-', '_')}": "90"})

    assert refused.code == ExitCode.INVALID
    assert refused.err.startswith(f"jwstsync: --script and {name}: expected one of them")
    assert desk.call("apply", "--script", "get.sh").code == ExitCode.OK
