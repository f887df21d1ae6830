"""Progress: what is counted, what the bars and lines make of it, and that nothing of it is shown to programs."""

from __future__ import annotations

import io
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from jwstsync.cli import progress
from jwstsync.cli.bars import Bars
from jwstsync.cli.counts import Counts
from jwstsync.cli.options import Globals
from jwstsync.cli.output import Output
from jwstsync.cli.progress import Lines, Progress, Ticker
from jwstsync.cli.text import time_text
from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import ProductPath
from jwstsync.core.selection import Selected

if TYPE_CHECKING:
    from tests.cli.calls import Desk


def fetch(name: str, size: int = 100) -> Fetch:
    """A product to fetch."""
    return Fetch(Selected(uri=f"mast:{name}", path=ProductPath(f"JWST/{name}_cal.fits"), proposal=1, size=size))


A, B = fetch("a"), fetch("b")


class Time:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def standing(counts: Counts) -> tuple[int, int, dict[str, int]]:
    """The files that have ended, the bytes that have come, and those of each file under way."""
    now = counts.snapshot()
    return now.ended, now.received, {one.name: one.received for one in now.running.values()}


# --- counts


def test_bytes_are_counted_by_file_and_in_all() -> None:
    """What a file has brought stays counted when it ends; bytes that are thrown away are taken off again."""
    counts = Counts()
    counts.started(A, 100)
    counts.started(B, None)
    counts.received(A, 60)
    counts.received(B, 30)
    counts.received(B, -30)
    counts.received(B, 10)
    assert standing(counts) == (0, 70, {"a_cal.fits": 60, "b_cal.fits": 10})

    counts.ended(A)
    assert standing(counts) == (1, 70, {"b_cal.fits": 10})


def test_a_transfer_that_begins_anew_is_the_same_file() -> None:
    """Its size may be another one; what has come of it stays, until it is told that it is thrown away."""
    counts = Counts()
    counts.started(A, 100)
    counts.received(A, 60)
    counts.started(A, 80)

    assert standing(counts) == (0, 60, {"a_cal.fits": 60})
    assert counts.snapshot().running[A.uri].size == 80


def test_a_file_that_comes_again_counts_once() -> None:
    """One that was ended and begins again, as after a stop, brings its bytes anew."""
    counts = Counts()
    for bytes_of_it in (60, 90):
        counts.started(A, 100)
        assert standing(counts) == (0, 0, {"a_cal.fits": 0})
        counts.received(A, bytes_of_it)
        counts.ended(A)
        counts.ended(A)
        assert standing(counts) == (1, bytes_of_it, {})


def test_what_never_began_can_end() -> None:
    """A product that fails before its first byte is done with; bytes of nobody count nowhere."""
    counts = Counts()
    counts.received(A, 60)
    counts.ended(A)

    assert standing(counts) == (1, 0, {})


def test_counts_of_several_threads_add_up() -> None:
    """Each file is told of by one thread, and nothing is lost between them."""
    counts = Counts()
    fetches = [fetch(str(number)) for number in range(4)]

    def transfer(one: Fetch) -> None:
        counts.started(one, None)
        for _ in range(5000):
            counts.received(one, 1)
        counts.ended(one)

    threads = [threading.Thread(target=transfer, args=[one]) for one in fetches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert standing(counts) == (4, 20_000, {})


# --- bars


def drawn(bars: Bars) -> list[list[str]]:
    """The words of each bar, without the bar."""
    console = Console(file=io.StringIO(), width=200, no_color=True)
    console.print(bars.drawn())
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return [[word for word in line.split() if not set(word) <= set("━╸╺")] for line in lines]


def test_bars_tell_bytes_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the whole run and for each file under way, smoothed over the last half minute; a file that ends has none."""
    monkeypatch.setenv("COLUMNS", "120")
    time, counts = Time(), Counts()
    bars = Bars(counts, 2, 2_000_000, colored=False, clock=time)
    assert drawn(bars) == [["0", "of", "2", "files", "0.0/2.0", "MB", "?", "-:--:--"]]

    for one in (A, B):
        counts.started(one, 1_000_000)
    for second in range(4):
        time.now = float(second)
        drawn(bars)
        counts.received(A, 100_000)
        counts.received(B, 50_000)
    time.now = 4.0
    assert drawn(bars) == [
        ["0", "of", "2", "files", "0.6/2.0", "MB", "150.0", "kB/s", "0:00:10"],
        ["a_cal.fits", "0.4/1.0", "MB", "100.0", "kB/s", "0:00:06"],
        ["b_cal.fits", "0.2/1.0", "MB", "50.0", "kB/s", "0:00:16"],
    ]

    counts.ended(A)
    assert [line[0] for line in drawn(bars)] == ["1", "b_cal.fits"]


def test_bars_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has a line with its whole name and its bytes; speed and time left are told of the whole run."""
    monkeypatch.setenv("COLUMNS", "80")
    counts = Counts()
    name = "jw02733002001_02103_00001_mirimage_o002_cal.fits"
    bars = Bars(counts, 2, 900_000, colored=False, clock=Time())
    counts.started(fetch(name.removesuffix("_cal.fits")), 463_700)
    console = Console(file=io.StringIO(), width=80, no_color=True)
    console.print(bars.drawn())

    assert isinstance(console.file, io.StringIO)
    whole, one = (line.split() for line in console.file.getvalue().splitlines())
    assert (whole[:4], whole[-4:]) == (["0", "of", "2", "files"], ["0.0/900.0", "kB", "?", "-:--:--"])
    assert (one[0], one[-2:]) == (name, ["0.0/463.7", "kB"])


def test_a_size_that_is_not_known_is_learned() -> None:
    """A file of which nobody stated the size gets its bar's length when the server tells it."""
    counts = Counts()
    bars = Bars(counts, 1, 0, colored=False, clock=Time())
    counts.started(A, None)
    assert drawn(bars)[1][:3] == ["a_cal.fits", "0/?", "bytes"]

    counts.started(A, 300)
    assert drawn(bars)[1][:3] == ["a_cal.fits", "0/300", "bytes"]


def test_bars_are_shown_as_long_as_the_run_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a terminal they are drawn from the first to the last moment, around what is said meanwhile."""
    monkeypatch.setattr("jwstsync.cli.output.is_terminal", lambda _: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(Output(Globals(color="never"))) as shown:
        shown.expect(2, 200)
        shown.started(A, 100)
        shown.received(A, 60)
        shown.warn("something is odd")
        shown.ended(A)
    said = capsys.readouterr()

    assert said.out == ""
    assert "something is odd" in said.err
    assert "1 of 2 files" in said.err


def test_no_bars_for_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fetches nothing draws nothing."""
    monkeypatch.setattr("jwstsync.cli.output.is_terminal", lambda _: True)
    with Progress(Output(Globals())) as shown:
        shown.expect(0, 0)

    assert capsys.readouterr() == ("", "")


# --- lines


def test_lines_tell_what_came_since_the_last() -> None:
    """Files and bytes in all, the speed of the last minute, and the time left at that speed."""
    time, counts, said = Time(), Counts(), list[str]()
    lines = Lines(counts, 2, 10_000_000, said.append, time)
    time.now = 60
    lines.tell()
    assert said == []  # nothing has begun: it may still be hashing

    counts.started(A, 5_000_000)
    counts.received(A, 1_200_000)
    time.now = 120
    lines.tell()
    counts.received(A, 3_600_000)
    time.now = 180
    lines.tell()
    time.now = 240
    lines.tell()
    counts.received(A, 5_200_000)
    counts.ended(A)
    time.now = 244
    lines.tell()

    assert said == [
        "0 of 2 files, 1.2 MB of 10.0 MB, 20.0 kB/s, 7 min left",
        "0 of 2 files, 4.8 MB of 10.0 MB, 60.0 kB/s, 1 min left",
        "0 of 2 files, 4.8 MB of 10.0 MB, 0 B/s",
        "1 of 2 files, 10.0 MB of 10.0 MB, 1.3 MB/s",
    ]


def test_lines_of_files_whose_size_nobody_states() -> None:
    """What is not known is not made up."""
    time, counts, said = Time(), Counts(), list[str]()
    lines = Lines(counts, 1, 0, said.append, time)
    counts.started(A, None)
    counts.received(A, 60_000)
    time.now = 60
    lines.tell()

    assert said == ["0 of 1 files, 60.0 kB, 1.0 kB/s"]


@pytest.mark.parametrize(
    ("options", "lines"), [(Globals(), True), (Globals(quiet=True), False), (Globals(as_json=True), False)]
)
def test_lines_are_for_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: Globals, *, lines: bool
) -> None:
    """Without a terminal there is a line now and then; with -q and for programs there is none."""
    told = threading.Event()
    tell = Lines.tell

    def noted(self: Lines) -> None:
        tell(self)
        told.set()

    monkeypatch.setattr(progress, "_PAUSE", 0)
    monkeypatch.setattr(Lines, "tell", noted)
    with Progress(Output(options)) as shown:
        shown.started(A, 100)
        shown.expect(2, 1000)
        assert options.as_json or told.wait(60)
        shown.hashed(100)
    said = capsys.readouterr()

    assert said.out == ""
    assert ("0 of 2 files, 0 B of 1.0 kB, 0 B/s\n" in said.err) == lines
    assert ("100 B hashed\n" in said.err) == lines


def test_programs_are_told_nothing_but_events(clone: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, nothing of the progress comes between them, nor on stderr."""
    monkeypatch.setattr(progress, "_PAUSE", 0)
    called = clone.call("apply", "--frozen", "--json")

    assert called.err == ""
    kinds = Counter(event["type"] for event in called.events)
    assert kinds == {"version": 1, "planned": 1, "start": 4, "product": 4, "summary": 1}


def test_a_ticker_ends_when_it_is_closed() -> None:
    """It calls again and again, and not once more after that."""
    calls = threading.Semaphore(0)
    ticker = Ticker(0, calls.release)
    assert all(calls.acquire(timeout=60) for _ in range(3))

    ticker.close()
    assert "progress" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (44.6, "45 s"),
        (60, "1 min"),
        (3540, "59 min"),
        (3599, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    """In the units that matter."""
    assert time_text(seconds) == text
