"""`jwstsync clean`: what it shows, asks and removes; and what it leaves alone."""

from __future__ import annotations

import io
import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.store.owners import own_name
from tests.cli.archive import DOWNLOAD, FIRST, SIZE, Held, product_name, product_path
from tests.cli.calls import ONE, Called, Desk, ended, fits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jwstsync.sandbox import Sandbox
    from tests.cli.terminals import Terminal

KEEPING = ONE.replace("version = 1\n", 'version = 1\ndestination.on_update = "keep"\n')
DAY = 86_400.0
KEY = "0123456789abcdef01234567"


def state(desk: Desk) -> Path:
    """The local state."""
    return desk.root / ".jwstsync"


def left(desk: Desk) -> list[str]:
    """What lies in the folders that are cleaned."""
    folders = [state(desk) / name for name in ("trash", "parts", "versions", "script")]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(path.relative_to(state(desk)).as_posix() for path in found)


def put(desk: Desk, path: str, content: bytes = b"12345", *, age: float = 0) -> Path:
    """Puts a file into the local state, last written to so many seconds ago."""
    place = state(desk) / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    at = time.time() - age
    os.utime(place, (at, at))
    return place


@pytest.fixture
def littered(synced: Desk, archive: Sandbox) -> Desk:
    """A desk where a file was repaired, one was updated and kept, and a download was left."""
    os.truncate(synced.root / product_path(FIRST, "rate"), 1000)
    archive.remake(product_name(FIRST), cal_ver="1.20.0")
    synced.write(KEEPING)
    synced.call("apply")
    put(synced, f"parts/{KEY}.free.part")
    put(synced, f"parts/{KEY}.free.note", b"{}")
    return synced


def shown(trash: str = "1 file, 1.0 kB", parts: str = "1 file, 7 B", versions: str = "1 file, 8.6 kB") -> list[str]:
    """The lines that tell what there is."""
    return [
        f"  trash     {trash:>20}   replaced files",
        f"  parts     {parts:>20}   unfinished downloads",
        f"  versions  {versions:>20}   old versions",
    ]


def test_all_of_it(littered: Desk) -> None:
    """It shows what there is of each kind, removes it with its folders, and leaves products and records."""
    before = littered.snapshot()
    first = littered.call("clean", "-y")
    again = littered.call("clean", "-y")

    assert first.out.splitlines() == [
        f"jwstsync clean: {state(littered)}",
        *shown(),
        "Removed: 3 files, 9.6 kB.",
    ]
    assert (first.code, first.err) == (ExitCode.OK, "")
    assert [path.name for kind in ("trash", "parts", "versions") for path in (state(littered) / kind).iterdir()] == []
    assert again.out.splitlines()[1:] == [*shown(*["0 files, 0 B"] * 3), "Removed: 0 files, 0 B."]
    assert littered.snapshot() == before
    assert littered.call("plan", "--check").code == ExitCode.OK
    assert littered.call("status", "--json").document["versions"] == {"files": 0, "bytes": 0}


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (("--trash",), {"trash"}),
        (("--parts",), {"parts"}),
        (("--versions",), {"versions"}),
        (("--trash", "--versions"), {"trash", "versions"}),
    ],
)
def test_kinds(littered: Desk, options: Sequence[str], kinds: set[str]) -> None:
    """Where some are named, the others are neither shown nor removed."""
    before = left(littered)
    called = littered.call("clean", "-y", *options)

    assert {line.split()[0] for line in called.out.splitlines()[1:-1]} == kinds
    assert left(littered) == [path for path in before if path.partition("/")[0] not in kinds]


def test_programs_are_told(littered: Desk) -> None:
    """One document says what was removed of each kind."""
    called = littered.call("clean", "-y", "--json")

    assert called.document == {
        "schema": "jwstsync.clean/1",
        "removed": {
            "trash": {"files": 1, "bytes": 1000},
            "parts": {"files": 1, "bytes": 7},
            "versions": {"files": 1, "bytes": SIZE},
        },
        "errors": [],
    }
    assert fits(littered.call("schema", "clean").document, called.document)


# --- who is asked


@pytest.mark.parametrize("options", [(), ("--json",), ("-q",)])
def test_nobody_can_be_asked(littered: Desk, options: Sequence[str]) -> None:
    """Elsewhere than in a terminal -y is needed, and nothing is removed without it."""
    before = left(littered)

    assert littered.call("clean", *options) == Called(
        ExitCode.INVALID, "", "jwstsync: clean: nobody can be asked here; expected -y, or a terminal\n"
    )
    assert left(littered) == before


@pytest.mark.parametrize(("answer", "code"), [("y", ExitCode.OK), ("n", ExitCode.DIFFERENCES)])
def test_somebody_is_asked(littered: Desk, answer: str, code: ExitCode) -> None:
    """In a terminal it asks once it has shown what there is; after a no nothing is removed."""
    before = left(littered)
    littered.monkeypatch.setattr("jwstsync.cli.output.is_terminal", lambda _: True)
    littered.monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    called = littered.call("clean", "--color", "never")

    assert called.code == code
    assert called.out.splitlines()[1:4] == shown()
    assert called.err.startswith("Remove 3 files, 9.6 kB for good? [y/N]: ")
    assert left(littered) == ([] if answer == "y" else before)


def test_nothing_is_asked_where_there_is_nothing(full: Desk, terminal: Terminal) -> None:
    """It just ends."""
    process = terminal.run(full, "clean")

    assert terminal.read().endswith("\nRemoved: 0 files, 0 B.\n")
    assert process.wait(60) == ExitCode.OK


def test_somebody_leaves_at_the_question(littered: Desk, terminal: Terminal) -> None:
    """Nothing is removed."""
    before = left(littered)
    process = terminal.run(littered, "clean")
    terminal.read("[y/N]: ")
    terminal.type("\x04")
    terminal.read()

    assert process.wait(60) == ExitCode.INTERRUPTED
    assert left(littered) == before


# --- how old


def test_what_is_old_enough(full: Desk) -> None:
    """Of the trash the time in its folder's name counts, whoever wrote it; of a part, when it was last written to."""
    for stamp in ("20200101T000000.000000Z", "20200101T000000", "99990101T000000", "mine", "20209901T000000"):
        put(full, f"trash/{stamp}/JWST/obs/a.fits", age=30 * DAY)
    put(full, f"parts/{KEY}.free.part", age=8 * DAY)
    put(full, f"parts/{KEY[::-1]}.free.part", age=6 * DAY)
    full.call("clean", "-y", "--older-than", "7d")

    assert left(full) == [
        f"parts/{KEY[::-1]}.free.part",
        "trash/20209901T000000/JWST/obs/a.fits",
        "trash/99990101T000000/JWST/obs/a.fits",
        "trash/mine/JWST/obs/a.fits",
    ]


@pytest.mark.parametrize(("days", "removed"), [(6, 0), (8, 3)])
def test_how_long_ago_an_old_version_was_put_aside(littered: Desk, days: int, removed: int) -> None:
    """That counts, and not when it was downloaded."""
    for path in (state(littered) / "versions").rglob("*.fits"):
        os.utime(path, (0, 0))
    later = SimpleNamespace(time=lambda: time.time() + days * DAY)
    littered.monkeypatch.setattr("jwstsync.sync.cleaning.time", later)
    called = littered.call("clean", "-y", "--older-than", "7d")

    assert called.out.splitlines()[-1].startswith(f"Removed: {removed} file")


# --- what is left alone


def test_while_an_apply_is_at_work(desk: Desk, archive: Sandbox) -> None:
    """It is told who, exit code 7, and nothing is removed; or it waits for it."""
    archive.fault = held = Held(DOWNLOAD, product_name(FIRST))
    process = desk.spawn("apply")
    held.wait()
    put(desk, "trash/20200101T000000/a.fits")
    refused = desk.call("clean", "-y")
    waiting = desk.spawn("clean", "-y", "--lock-timeout", "60")
    archive.fault = None
    process.terminate()

    assert (refused.code, refused.out) == (ExitCode.RUN_LOCKED, "")
    assert f", pid {process.pid}, since " in refused.err
    assert ended(process).code == ExitCode.TERMINATED
    assert ended(waiting).code == ExitCode.OK
    assert "trash/20200101T000000/a.fits" not in left(desk)


def test_parts_that_somebody_uses(full: Desk) -> None:
    """What a live run has claimed stays, and what a script has just written to, or noted; what dead ones left goes."""
    live = f"parts/{KEY}.{own_name()}.part"
    put(full, live, age=30 * DAY)
    put(full, f"parts/{KEY}.0-x.part")
    put(full, "parts/a-note-alone.note")
    put(full, "script/parts/new.part")
    put(full, "script/parts/old.part", age=2 * DAY)
    put(full, "script/run.1.1/outcome.0", age=2 * DAY)
    called = full.call("clean", "-y")

    assert called.out.splitlines()[-1] == "Removed: 3 files, 15 B."
    assert left(full) == [live, "script/parts/new.part", "script/run.1.1/outcome.0"]


def test_links_are_not_followed(full: Desk, tmp_path: Path) -> None:
    """What is put aside may be a link: it goes, and what it leads to stays."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "folder").mkdir(parents=True)
    (elsewhere / "folder" / "kept.fits").write_bytes(b"kept")
    folder = state(full) / "trash" / "20200101T000000"
    folder.mkdir(parents=True)
    (folder / "folder").symlink_to(elsewhere / "folder")
    (folder / "file").symlink_to(elsewhere / "folder" / "kept.fits")
    (state(full) / "parts" / "linked.part").symlink_to(elsewhere / "folder" / "kept.fits")
    (folder / "nowhere").symlink_to(elsewhere / "nothing")
    called = full.call("clean", "-y")

    assert called.out.splitlines()[-1].startswith("Removed: 4 files, ")
    assert left(full) == []
    assert (elsewhere / "folder" / "kept.fits").read_bytes() == b"kept"


@pytest.mark.parametrize("kind", ["trash", "parts", "versions"])
def test_a_folder_that_is_a_link_is_left_alone(full: Desk, tmp_path: Path, kind: str) -> None:
    """It is named, and what it leads to stays."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{KEY}.free.part").write_bytes(b"kept")
    if (state(full) / kind).is_dir():
        (state(full) / kind).rmdir()
    (state(full) / kind).symlink_to(elsewhere)
    called = full.call("clean", "-y")

    assert called.err == f"jwstsync: {state(full) / kind}: a link, and left alone; expected a folder\n"
    assert (elsewhere / f"{KEY}.free.part").is_file()


def test_where_there_is_no_local_state(bare: Desk) -> None:
    """There is nothing to remove, and nothing is begun."""
    assert bare.call("clean", "-y").out.endswith("\nRemoved: 0 files, 0 B.\n")
    assert not bare.root.exists()


def test_what_can_not_be_removed(littered: Desk) -> None:
    """It is named and stays, the rest goes, and that is no success."""
    unlink = os.unlink

    def refuse(path: str, *arguments: object, **choices: object) -> None:
        if "trash" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, *arguments, **choices)  # type: ignore[arg-type]

    littered.monkeypatch.setattr(os, "unlink", refuse)
    called = littered.call("clean", "-y")
    [kept] = left(littered)

    assert called.code == ExitCode.LIMIT
    assert called.out.splitlines()[-1] == "Removed: 2 files, 8.6 kB."
    assert called.err == f"jwstsync: {state(littered) / kept}: Permission denied; left where it is\n"
