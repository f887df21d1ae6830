"""`--adopt-from` and `--move`: what comes from elsewhere is shown before, told after, and what stays there is named."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from tests.cli.archive import DOWNLOAD, FIRST, SIZE, SUFFIXES, URI, product_name, product_path
from tests.cli.calls import Called, Desk, fits

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.sandbox import Sandbox

UNCAL, RATE, CAL, I2D = (product_name(FIRST, suffix) for suffix in SUFFIXES)


@pytest.fixture
def old(desk: Desk, archive: Sandbox) -> Path:
    """A folder beside the root with two products, and one that is cut."""
    folder = desk.folder / "old"
    (folder / "deep").mkdir(parents=True)
    (folder / RATE).write_bytes(archive.content(RATE))
    (folder / "deep" / CAL).write_bytes(archive.content(CAL))
    (folder / I2D).write_bytes(archive.content(I2D)[:100])
    return folder


def downloads(archive: Sandbox) -> list[str]:
    """The names of what was downloaded."""
    return sorted(str(one.uri).removeprefix(URI) for one in archive.requests if one.path == DOWNLOAD)


def left_line(old: Path) -> str:
    """What is said of the file that is cut."""
    return f"jwstsync: left as it is: {old / I2D}: 100 bytes, {SIZE} are stated\n"


def test_a_plan_says_what_comes_from_elsewhere(desk: Desk, old: Path) -> None:
    """How many files and bytes, what is left to fetch then, from where each comes, and what can not be taken."""
    called = desk.call("plan", "--adopt-from", "old")

    assert called == Called(
        ExitCode.OK,
        "jwstsync plan: 1 proposal, 4 products selected of 5\n"
        "  +   2  fetch     17.3 kB   1111 First Light: 1 i2d, 1 uncal\n"
        f"          {I2D}  8.6 kB  (new)\n"
        f"          {UNCAL}  8.6 kB  (new)\n"
        "  <   2  adopt     17.3 kB   1111 First Light: 1 cal, 1 rate\n"
        f"          {CAL}  8.6 kB  (from {old}/deep/{CAL})\n"
        f"          {RATE}  8.6 kB  (from {old}/{RATE})\n"
        "  2 files brought in from elsewhere, 17.3 kB; 2 left to fetch, 17.3 kB\n"
        "Plan: 2 to fetch, 17.3 kB, 2 to adopt; 85.4 GB free.\n",
        left_line(old),
    )


def test_a_plan_for_programs(desk: Desk, old: Path) -> None:
    """Each action says where it comes from, and what stays is listed with its reason; all as the schema has it."""
    document = desk.call("plan", "--json", "--adopt-from", "old").document

    assert fits(desk.call("schema", "plan").document, document)
    sources = {action["path"].rpartition("/")[2]: action["source"] for action in document["actions"]}
    assert sources == {UNCAL: None, I2D: None, RATE: str(old / RATE), CAL: str(old / "deep" / CAL)}
    assert document["left"] == [{"uri": URI + I2D, "source": str(old / I2D), "error": f"100 bytes, {SIZE} are stated"}]


@pytest.mark.parametrize("move", [False, True])
def test_it_is_brought_in(desk: Desk, archive: Sandbox, old: Path, *, move: bool) -> None:
    """What fits is not downloaded; the end says how it came, and a move leaves what does not fit."""
    called = desk.call("apply", "--adopt-from", "old", *(["--move"] if move else []))

    assert called.code == ExitCode.OK
    assert called.out.endswith("Done: 2 fetched, 2 adopted; 17.3 kB downloaded.\n")
    said, line = called.err.splitlines(keepends=True)
    assert said == left_line(old)
    assert line.startswith("brought in from elsewhere: 2 files (2 by ")
    assert downloads(archive) == [I2D, UNCAL]
    assert all(desk.read(product_path(FIRST, one)) == archive.content(product_name(FIRST, one)) for one in SUFFIXES)
    assert sorted(path.name for path in old.rglob("*.fits")) == ([I2D] if move else sorted([CAL, RATE, I2D]))
    assert desk.call("plan", "--check").code == ExitCode.OK


def test_a_run_for_programs(desk: Desk, archive: Sandbox, old: Path) -> None:
    """Each product says where it came from; each file that stays has a line of its own, found wrong before or after."""
    (old / "deep" / CAL).write_bytes(archive.content(CAL)[:-1] + b"?")
    called = desk.call("apply", "--json", "--adopt-from", "old")

    products = [event for event in called.events if event["type"] == "product"]
    assert {one["uri"].removeprefix(URI): (one["action"], one["outcome"], one["source"]) for one in products} == {
        RATE: ("adopt", "done", str(old / RATE)),
        **dict.fromkeys((CAL, I2D, UNCAL), ("fetch", "done", None)),
    }
    assert [event for event in called.events if event["type"] == "left"] == [
        {"type": "left", "uri": URI + I2D, "source": str(old / I2D), "error": f"100 bytes, {SIZE} are stated"},
        {
            "type": "left",
            "uri": URI + CAL,
            "source": str(old / "deep" / CAL),
            "error": "its bytes have not the archive's checksum",
        },
    ]
    assert (called.events[-1]["type"], called.events[-1]["bytes"]) == ("summary", 3 * SIZE)


def test_the_question_says_what_comes_from_elsewhere(desk: Desk, old: Path) -> None:
    """Somebody who is asked sees what would be brought in and what is left to fetch, also where little is said."""
    desk.monkeypatch.setattr("jwstsync.cli.output.is_terminal", lambda _: True)
    for arguments, words in (
        ((), "2 files brought in from elsewhere, 17.3 kB; 2 left to fetch, 17.3 kB"),
        (("-q",), "2 to fetch, 17.3 kB, 2 to adopt: do this?"),
    ):
        desk.monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        called = desk.call("apply", "--adopt-from", str(old), "--move", "--color", "never", *arguments)
        assert called.code == ExitCode.DIFFERENCES
        assert words in called.out + called.err
    assert len(list(old.rglob("*.fits"))) == 3


def test_several_folders(desk: Desk, archive: Sandbox, old: Path) -> None:
    """The option may be repeated, and the environment may name several."""
    (desk.folder / "more").mkdir()
    (old / RATE).rename(desk.folder / "more" / RATE)
    summary = desk.call("plan", "--json", "--adopt-from", "old", "--adopt-from", "more").document["summary"]
    desk.set(JWSTSYNC_ADOPT_FROM=os.pathsep.join([str(old), str(desk.folder / "more")]))

    assert summary["adopt"] == {"files": 2, "bytes": 2 * SIZE}
    assert desk.call("apply").code == ExitCode.OK
    assert downloads(archive) == [I2D, UNCAL]


def test_locked_products_come_from_elsewhere(clone: Desk, archive: Sandbox) -> None:
    """After a fresh clone, with no question to the archive at all."""
    (clone.folder / "old").mkdir()
    for suffix in SUFFIXES:
        (clone.folder / "old" / product_name(FIRST, suffix)).write_bytes(archive.content(product_name(FIRST, suffix)))
    before = clone.lockfile.read_bytes()
    called = clone.call("apply", "--frozen", "--adopt-from", "old")

    assert (called.code, called.out.splitlines()[-1]) == (ExitCode.OK, "Done: 4 adopted.")
    assert (archive.requests, clone.lockfile.read_bytes()) == ([], before)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--move",), "--move: expected --adopt-from DIR with it"),
        (("--adopt-from", "gone"), "Directory 'gone' does not exist"),
        (("--adopt-from", "jwstsync.toml"), "Directory 'jwstsync.toml' is a file"),
        (("--adopt-from", ".", "--script", "a.sh"), "--script and --adopt-from: expected one of them"),
    ],
)
def test_what_makes_no_sense(bare: Desk, arguments: tuple[str, ...], words: str) -> None:
    """It is said before anything is asked."""
    called = bare.call("apply", *arguments)

    assert called.code == ExitCode.INVALID
    assert words in called.err
