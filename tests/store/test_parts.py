"""Parts: claimed by one run each, kept with what is known of them, and believed only as far as that can be true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from jwstsync.store.parts import Note, Parts

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.store.parts import Part

URI = "mast:JWST/product/a.fits"
CONTENT = b"0123456789"
ETAG = '"v1"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where parts lie."""
    (tmp_path / "parts").mkdir()
    return tmp_path / "parts"


def written(part: Part, content: bytes = CONTENT) -> Part:
    """A part with bytes and their note."""
    part.path.write_bytes(content)
    part.remember([(0, len(content))], etag=ETAG, length=20)
    return part


def left(folder: Path) -> None:
    """A part that an earlier run left."""
    parts = Parts(folder)
    parts.release(written(parts.claim(URI)))


def orphaned(folder: Path, pid: int) -> Path:
    """The part of a run with this process id that ended without leaving it."""
    part = written(Parts(folder).claim(URI))
    orphan = part.path.with_name(part.path.name.replace(f"-{os.getpid()}-", f"-{pid}-"))
    part.path.rename(orphan)
    part.note_path.rename(orphan.with_suffix(".note"))
    return orphan


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that is no more."""
    return int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"]))


def names(folder: Path) -> list[str]:
    """What kinds of file lie there."""
    return sorted(path.suffix for path in folder.iterdir())


def test_new_part_is_empty(folder: Path) -> None:
    """A product that nobody has begun has no bytes, no note, and no file yet."""
    part = Parts(folder).claim(URI)

    assert part.note == Note()
    assert not part.path.exists()


def test_left_part_is_claimed_by_rename(folder: Path) -> None:
    """What a run left is the next one's own: the very same file under another name, with its note."""
    left(folder)
    [free] = folder.glob("*.part")
    inode = free.stat().st_ino

    part = Parts(folder).claim(URI)

    assert part.note == Note(((0, 10),), ETAG, 20)
    assert part.path.read_bytes() == CONTENT
    assert part.path.stat().st_ino == inode
    assert sorted(folder.iterdir()) == sorted([part.path, part.note_path])


def test_part_is_claimed_once(folder: Path) -> None:
    """Of many runs that want one part at once one has it, and the others begin parts of their own."""
    left(folder)
    runs = [Parts(folder) for _ in range(8)]
    ready = threading.Barrier(len(runs))
    claimed: list[Part] = []

    def claim(parts: Parts) -> None:
        ready.wait(30)
        claimed.append(parts.claim(URI))

    threads = [threading.Thread(target=claim, args=[parts]) for parts in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({part.path for part in claimed}) == len(runs)
    assert [part.note for part in claimed if part.note.ranges] == [Note(((0, 10),), ETAG, 20)]


def test_orphan_is_copied(folder: Path, dead_pid: int) -> None:
    """The part of a run that is dead is gone on with in a copy; the orphan itself is not written to."""
    orphan = orphaned(folder, dead_pid)

    part = Parts(folder).claim(URI)
    with part.path.open("r+b") as file:
        file.write(b"other")

    assert part.note == Note(((0, 10),), ETAG, 20)
    assert part.path.read_bytes() == b"other" + CONTENT[5:]
    assert orphan.read_bytes() == CONTENT


def test_part_at_work_is_left_alone(folder: Path) -> None:
    """The part of a run that is alive is neither claimed nor copied."""
    orphaned(folder, os.getppid())

    assert Parts(folder).claim(URI).note == Note()


def test_part_of_another_host_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch, dead_pid: int) -> None:
    """Nobody here can say whether a run on another host is dead, so its part is left alone, also by a sweep."""
    orphan = orphaned(folder, dead_pid)
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    parts = Parts(folder)

    assert parts.claim(URI).note == Note()
    parts.sweep()
    assert orphan.exists()


@pytest.mark.parametrize("host", [None, "elsewhere"])
def test_part_that_nobody_touched_for_a_day_is_an_orphan(
    folder: Path, monkeypatch: pytest.MonkeyPatch, host: str | None
) -> None:
    """Process ids and hosts come again, in containers at once: a part that rests for a day holds nothing up."""
    orphan = orphaned(folder, os.getppid())
    if host is not None:
        monkeypatch.setattr("socket.gethostname", lambda: host)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    parts = Parts(folder)

    part = parts.claim(URI)

    assert part.note == Note(((0, 10),), ETAG, 20)
    parts.sweep()
    assert (orphan.exists(), part.path.exists()) == (False, True)


def test_orphan_that_can_not_be_copied_is_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, dead_pid: int
) -> None:
    """Where there is no room for a copy the product begins anew."""
    orphaned(folder, dead_pid)

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("shutil.copyfileobj", refuse)
    monkeypatch.setattr("fcntl.ioctl", refuse)

    part = Parts(folder).claim(URI)

    assert part.note == Note()
    assert not part.path.exists()


def test_note_of_another_file_is_ignored(folder: Path) -> None:
    """A note that was made for another inode says nothing of this one."""
    left(folder)
    [free] = folder.glob("*.part")
    free.rename(folder / "old")
    free.write_bytes(CONTENT)

    assert Parts(folder).claim(URI).note == Note()


@pytest.mark.parametrize(
    "changes",
    [
        {"ranges": [[0, 11]]},
        {"ranges": [[-1, 5]]},
        {"ranges": [[5, 5]]},
        {"ranges": [[0]]},
        {"ranges": 5},
        {"etag": 5},
        {"etag": 'W/"v1"'},
        {"etag": '"v1"\r\nX: y'},
        {"length": "20"},
        {"length": 9},
        {"inode": None},
    ],
)
def test_nonsense_in_a_note_is_ignored(folder: Path, changes: dict[str, Any]) -> None:
    """A note that can not be true, or is not what a run writes, counts as none."""
    left(folder)
    [note] = folder.glob("*.note")
    note.write_text(json.dumps(json.loads(note.read_bytes()) | changes))

    assert Parts(folder).claim(URI).note == Note()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_torn_note_is_ignored(folder: Path, content: bytes) -> None:
    """Bytes that are no note count as none."""
    left(folder)
    [note] = folder.glob("*.note")
    note.write_bytes(content)

    assert Parts(folder).claim(URI).note == Note()


def test_note_survives_a_crash_after_the_claim(folder: Path) -> None:
    """A run that claims a part and dies at once leaves it as good as it was."""
    left(folder)
    part = Parts(folder).claim(URI)

    assert json.loads(part.note_path.read_bytes())["inode"] == part.path.stat().st_ino


def test_note_is_made_after_its_bytes_are_durable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note that could be read before its bytes were on the disk is never written."""
    part = Parts(folder).claim(URI)

    def fail(_: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fdatasync", fail)
    with suppress(OSError):
        written(part)

    assert part.note == Note()
    assert names(folder) == [".part"]


def test_released_part_can_be_claimed_again(folder: Path) -> None:
    """A part that was left can be had again in the same run."""
    parts = Parts(folder)
    parts.release(written(parts.claim(URI)))

    assert parts.claim(URI).note.ranges == ((0, 10),)


def test_part_without_a_note_is_not_left(folder: Path) -> None:
    """Bytes of which nothing is known are of use to nobody, and are removed in place of being left."""
    parts = Parts(folder)
    part = parts.claim(URI)
    part.path.write_bytes(CONTENT)

    parts.release(part)

    assert names(folder) == []


def test_discarded_part_leaves_nothing(folder: Path) -> None:
    """A part that is thrown away goes with its note, and may be thrown away twice."""
    parts = Parts(folder)
    part = written(parts.claim(URI))

    parts.discard(part)
    parts.discard(part)

    assert names(folder) == []


def test_sweep_removes_what_nobody_claims(folder: Path, dead_pid: int) -> None:
    """A sweep removes free parts, orphans and litter; the parts of runs at work stay, whichever run sweeps."""
    orphaned(folder, dead_pid)
    left(folder)
    (folder / "litter").write_bytes(b"")
    (folder / "a.b.c").write_bytes(b"")
    (folder / f"a.b-{10**30}-c.part").write_bytes(b"")
    (folder / "folder").mkdir()
    parts = Parts(folder)
    mine = written(parts.claim("mast:mine"))
    other = written(Parts(folder).claim("mast:other"))

    parts.sweep()

    kept = {mine.path, mine.note_path, other.path, other.note_path, folder / "folder", folder / f"a.b-{10**30}-c.part"}
    assert set(folder.iterdir()) == kept
