"""`jwstsync verify`: cut short and gone on with, killed, interrupted, beside a run; and the repair after it."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from jwstsync.cli import progress
from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from jwstsync.sync import verifying
from jwstsync.sync.verifying import Verifying
from tests.cli.archive import DOWNLOAD, FIRST, SIZE, Held, catalogue, product_name, product_path
from tests.cli.calls import Called, Desk, ended, fits
from tests.sync.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.lockfile import LockedProduct
    from tests.cli.terminals import Terminal

UNCAL, RATE, CAL, I2D = (product_path(FIRST, suffix) for suffix in ("uncal", "rate", "cal", "i2d"))
KILLED = """\
import os, signal, sys
from jwstsync.sandbox import Sandbox
from jwstsync.sync import verifying
verifying._MOST_AT_ONCE = 1
look, left = verifying.Verifying._look_at, iter((1, 2))
def look_at(*arguments):
    next(left, None) or os.kill(os.getpid(), signal.SIGKILL)
    look(*arguments)
verifying.Verifying._look_at = look_at
from jwstsync.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def age(desk: Desk) -> None:
    """Gives the files times, so that they are hashed in the order cal, i2d, rate, uncal."""
    for at, path in enumerate((CAL, I2D, RATE, UNCAL), 1):
        os.utime(desk.root / path, (at, at))


def flip(desk: Desk, path: str) -> None:
    """Changes one byte of a file, which keeps its size and time."""
    place = desk.root / path
    stated, content = place.stat(), bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    os.utime(place, ns=(stated.st_atime_ns, stated.st_mtime_ns))


def trash(desk: Desk) -> dict[str, bytes]:
    """What was put aside, by its path below the folder of the run that did it."""
    folder = desk.root / ".jwstsync" / "trash"
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix().partition("/")[2]: path.read_bytes() for path in files}


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of what is hashed from now on, in order, one after the other."""
    paths = list[str]()
    look = Verifying._look_at  # noqa: SLF001 - the moment at which a file is hashed

    def look_at(self: Verifying, fetch: Fetch, product: LockedProduct) -> None:
        look(self, fetch, product)
        paths.append(product.path)

    monkeypatch.setattr(Verifying, "_look_at", look_at)
    monkeypatch.setattr(verifying, "_MOST_AT_ONCE", 1)
    return paths


def after(desk: Desk, hashed: list[str], count: int, what: Callable[[Verifying], object]) -> None:
    """Does something once so many files more have been hashed."""
    look, last = Verifying._look_at, len(hashed) + count  # noqa: SLF001 - as above

    def look_at(self: Verifying, fetch: Fetch, product: LockedProduct) -> None:
        look(self, fetch, product)
        if len(hashed) == last:
            what(self)

    desk.monkeypatch.setattr(Verifying, "_look_at", look_at)


def by_signals(*numbers: int) -> Callable[[Verifying], None]:
    """What sends signals to this process, the second once the first has arrived."""

    def send(current: Verifying) -> None:
        for number in numbers:
            os.kill(os.getpid(), number)
            while not current._stopped:  # noqa: SLF001 - the moment at which it has
                os.sched_yield()

    return send


# --- cut short


def test_a_time_limit(full: Desk, hashed: list[str]) -> None:
    """What remains is said, and is no failure; the next one hashes just that, and tells what it goes on with."""
    age(full)
    time = FakeClock()
    full.monkeypatch.setattr("jwstsync.sync.verifying.Clock", lambda: time.clock)
    after(full, hashed, 1, lambda _: time.go_on(7200))
    first = full.call("verify", "--time-limit", "2h")
    assert hashed == [CAL]
    assert first == Called(
        ExitCode.OK,
        "jwstsync verify: 1 proposal, 4 products locked\n  =   1  keep\nVerify: nothing to do; 85.4 GB free.\n",
        "left: 3 files, 25.9 kB to hash; run again to go on\n",
    )

    second = full.call("verify", "--time-limit", "2h")
    assert sorted(hashed) == sorted([CAL, I2D, RATE, UNCAL])
    assert "  =   4  keep\n" in second.out
    assert second.err == "going on: 1 file hashed before, the first less than a minute ago; 3 left\n"
    assert full.call("verify").err == ""
    assert len(hashed) == 8


def test_what_is_wrong_is_told_by_part_and_whole(full: Desk, hashed: list[str]) -> None:
    """What the first part has found is exit code 1 then, and counts when the rest is hashed; programs are told too."""
    age(full)
    flip(full, CAL)
    full.call("plan", "--frozen")
    after(full, hashed, 2, by_signals(signal.SIGTERM))
    part = full.call("verify", "--json")
    whole = full.call("verify", "--json")
    schema = full.call("schema", "plan").document

    assert part.code == ExitCode.TERMINATED
    assert part.document["remaining"] == {"files": 2, "bytes": 2 * SIZE}
    assert whole.code == ExitCode.DIFFERENCES
    assert whole.document["remaining"] == {"files": 0, "bytes": 0}
    for called, kept in ((part, 1), (whole, 3)):
        assert [(one["action"], one["path"]) for one in called.document["actions"]] == [("repair", CAL)]
        assert called.document["summary"]["keep"]["files"] == kept
        assert called.err == ""
        assert fits(schema, called.document)
    assert sorted(hashed) == sorted([CAL, I2D, RATE, UNCAL])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_keeps_what_was_verified(full: Desk, hashed: list[str], number: int, code: ExitCode) -> None:
    """Ctrl-C ends it soon, with what is known by then; no file is hashed twice."""
    age(full)
    (full.root / UNCAL).unlink()
    after(full, hashed, 1, by_signals(number))
    stopped = full.call("verify")

    assert stopped.code == code
    assert "  +   1  fetch      8.6 kB   1111 First Light: 1 uncal\n" in stopped.out
    assert stopped.err.startswith("left: ")
    assert full.call("verify").code == ExitCode.DIFFERENCES
    assert hashed == [CAL, I2D, RATE]


def test_a_second_signal_ends_it_at_once(full: Desk, hashed: list[str]) -> None:
    """Without a word of what was found, which is kept all the same."""
    age(full)
    after(full, hashed, 2, by_signals(signal.SIGINT, signal.SIGINT))
    stopped = full.call("verify")
    full.call("verify")

    assert stopped == Called(ExitCode.INTERRUPTED, "", "jwstsync: interrupted\n")
    assert hashed == [CAL, I2D, RATE, UNCAL]


def test_a_verification_is_killed(full: Desk, hashed: list[str]) -> None:
    """After kill -9 the next one hashes only the rest; what was found wrong until then, a plan knows already."""
    age(full)
    full.call("apply", "--frozen")
    flip(full, I2D)
    killed = full.process("verify", command=(sys.executable, "-c", KILLED))
    knowing = full.call("status", "--check")
    rest = full.call("verify")

    assert killed.code == -signal.SIGKILL
    assert (knowing.code, "(damaged)" in knowing.out) == (ExitCode.DIFFERENCES, True)
    assert hashed == [RATE, UNCAL]
    assert f"          {product_name(FIRST, 'i2d')}  8.6 kB  (damaged)\n" in rest.out


def test_restart(full: Desk, hashed: list[str]) -> None:
    """All files are hashed, whatever an unfinished verification came to."""
    age(full)
    after(full, hashed, 2, by_signals(signal.SIGTERM))
    full.call("verify")
    anew = full.call("verify", "--restart")

    assert hashed == [CAL, I2D, RATE, UNCAL, CAL, I2D]
    assert (anew.code, anew.err) == (ExitCode.OK, "")


@pytest.mark.parametrize("value", ["0", "soon", "-1h"])
def test_no_time_limit(full: Desk, value: str) -> None:
    """What is no time is refused, with what would be right."""
    refused = full.call("verify", "--time-limit", value)

    assert refused.code == ExitCode.INVALID
    assert "expected a time above 0" in refused.err


# --- progress


def test_bars(full: Desk, terminal: Terminal) -> None:
    """In a terminal it shows how far it is."""
    process = terminal.run(full, "verify")
    shown = terminal.read()

    assert process.wait(60) == ExitCode.OK
    assert "4 of 4 files" in shown
    assert shown.endswith(" free.\n")


def test_programs_are_told_nothing_in_between(full: Desk) -> None:
    """However long it takes."""
    full.monkeypatch.setattr(progress, "_PAUSE", 0)

    assert full.call("verify", "--json").err == ""
    assert full.call("verify", "-q") == Called(ExitCode.OK, "", "")


# --- while a run is at work, and after it


def test_while_an_apply_runs(desk: Desk, archive: Sandbox) -> None:
    """It takes no lock: what the run has updated is no damage, what it is still to fetch is missing."""
    desk.call("apply", "-q")
    archive.remake(product_name(FIRST))
    archive.remake(product_name(FIRST, "i2d"))
    (desk.root / RATE).unlink()
    archive.fault = held = Held(DOWNLOAD, product_name(FIRST, "rate"))
    process = desk.spawn("apply")
    held.wait()
    new = archive.content(product_name(FIRST)), archive.content(product_name(FIRST, "i2d"))
    while (desk.read(CAL), desk.read(I2D)) != new:
        os.sched_yield()
    meanwhile = desk.call("verify")
    archive.fault = None
    process.send_signal(signal.SIGINT)

    assert meanwhile.out.splitlines()[1:4] == [
        "  +   1  fetch      8.6 kB   1111 First Light: 1 rate",
        f"          {product_name(FIRST, 'rate')}  8.6 kB  (missing)",
        "  =   3  keep",
    ]
    assert ended(process).code == ExitCode.INTERRUPTED


def test_repair(synced: Desk, archive: Sandbox) -> None:
    """Flipped, cut and grown files are found and named, just these are fetched, and what they were is in the trash."""
    before = synced.snapshot()
    os.truncate(synced.root / UNCAL, 100)
    flip(synced, RATE)
    with (synced.root / CAL).open("ab") as file:
        file.write(b"more")
    (synced.root / I2D).unlink()
    wrong = {path: synced.read(path) for path in (UNCAL, RATE, CAL)}
    verified = synced.call("verify")
    applied = synced.call("apply")

    assert verified.code == ExitCode.DIFFERENCES
    for suffix, reason in (("uncal", "truncated"), ("rate", "damaged"), ("cal", "modified"), ("i2d", "missing")):
        assert f"          {product_name(FIRST, suffix)}  8.6 kB  ({reason})\n" in verified.out
    assert applied.out.endswith("\nDone: 1 fetched, 3 repaired; 34.6 kB downloaded.\n")
    assert synced.snapshot() == before
    assert trash(synced) == wrong
    assert sum(request.uri is not None for request in archive.requests) == 4
    assert synced.call("verify").code == ExitCode.OK


def test_a_repair_touches_nothing_else(synced: Desk, archive: Sandbox) -> None:
    """Of four files the one that is wrong is fetched."""
    flip(synced, RATE)
    synced.call("verify")
    synced.call("apply")

    assert [request.uri for request in archive.requests if request.uri] == [
        f"mast:JWST/product/{product_name(FIRST, 'rate')}"
    ]


def test_every_file_that_is_wrong_is_named(bare: Desk) -> None:
    """However many they are, where a plan would only count them."""
    with Sandbox(catalogue=catalogue(more=12)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        bare.call("apply", "-q")
    names = [path for path in bare.root.rglob("*.fits") if ".jwstsync" not in path.parts]
    for path in names:
        os.truncate(path, 1)
    told = bare.call("verify").out

    assert len(names) == 16
    assert all(f"{path.name}  8.6 kB  (truncated)" in told for path in names)
