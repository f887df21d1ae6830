"""The journal: what was written survives, what was torn is dropped, and a full disk spoils no line but its own."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.errors import StoreError
from jwstsync.store.journal import Journal, JournalLine, journal_folder, read_journal
from jwstsync.store.record import format_entry
from tests.core.strategies import locked_products, safe_paths
from tests.store.destination import line, on_disk
from tests.store.test_record import NONSENSE, entries

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "0123456789abcdef" * 4
A, B, C = line("a.fits"), line("b.fits"), line("c.fits")
fetched = st.builds(JournalLine, locked_products, entries)
moved = st.builds(JournalLine, locked_products, entries, st.none() | safe_paths, st.integers(0, 2**64 - 1))
journal_lines = st.lists(fetched | moved, min_size=1, max_size=4)


def only_file(folder: Path) -> Path:
    """The one journal in a folder."""
    [path] = folder.iterdir()
    return path


def written(folder: Path, *lines: JournalLine) -> Path:
    """A journal of these lines, left behind."""
    before = set(folder.iterdir()) if folder.exists() else set()
    Journal(folder, DIGEST).write(lines)
    [path] = set(folder.iterdir()) - before
    return path


class SmallDisk:
    """A disk that takes so many bytes, and then no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, descriptor: int, content: bytes) -> int:
        """As `os.write`: what fits is written, and it is an error when nothing does."""
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fits = self._write(descriptor, content[: self.room])
        self.room -= fits
        return fits


def test_journal_begins_with_its_first_line(tmp_path: Path) -> None:
    """A run that lands nothing leaves no journal, and none has to be removed."""
    journal = Journal(tmp_path / "journal", DIGEST)

    journal.remove()

    assert list(tmp_path.iterdir()) == []


def test_lines_come_back(tmp_path: Path) -> None:
    """What was written in several steps is read in order, with the lockfile that it continues."""
    journal = Journal(tmp_path, DIGEST)
    journal.write([A, B])
    journal.write([C])

    assert read_journal(only_file(tmp_path)) == (DIGEST, [A, B, C])


@on_disk
@given(journal_lines)
def test_any_lines_come_back(tmp_path_factory: pytest.TempPathFactory, lines: list[JournalLine]) -> None:
    """Whatever a product is called, the journal gives it back."""
    assert read_journal(written(tmp_path_factory.mktemp("any"), *lines)) == (DIGEST, lines)


def test_lines_are_durable_when_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing returns after the lines are synced, once for all of them."""
    sizes = []
    fdatasync = os.fdatasync

    def synced(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", synced)
    path = written(tmp_path, A, B)

    assert sizes == [path.stat().st_size]


@on_disk
@given(st.data())
def test_torn_journal_keeps_what_is_whole(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A journal that is cut off anywhere gives the lines that end before the cut, and no other."""
    path = written(tmp_path_factory.mktemp("torn"), A, B, C)
    content = path.read_bytes()
    cut = content[: data.draw(st.integers(0, len(content)))]

    path.write_bytes(cut)

    ends = cut.count(b"\n")
    assert read_journal(path) == ((DIGEST, [A, B, C][: ends - 1]) if ends else ("", []))


@pytest.mark.parametrize("head", [b"", b"null", b"[]", b"5", b"{}", b"\xff", b'{"continue', b"[" * 100_000])
def test_journal_of_an_unknown_lockfile_says_nothing(tmp_path: Path, head: bytes) -> None:
    """A journal whose first line is damaged continues no lockfile, so that none of its lines is folded."""
    path = written(tmp_path, A)
    path.write_bytes(head + b"\n" + path.read_bytes().partition(b"\n")[2])

    assert read_journal(path) == ("", [])


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_passed_over(tmp_path: Path, nonsense: bytes) -> None:
    """A line that makes no sense, as a whole or in its record, is dropped, and the others are not."""
    path = written(tmp_path, A, B)
    head, first, second, end = path.read_bytes().split(b"\n")
    in_record = json.dumps({**json.loads(first), "record": nonsense.decode("latin-1")}).encode()

    path.write_bytes(b"\n".join([head, first, nonsense, in_record, second, end]))

    assert read_journal(path) == (DIGEST, [A, B])


@pytest.mark.parametrize(
    "product",
    [
        pytest.param(None, id="null"),
        pytest.param("a text", id="a text"),
        pytest.param({}, id="no keys"),
        pytest.param({"uri": "mast:JWST/product/a.fits"}, id="keys missing"),
        pytest.param({"made": 2023}, id="a key too many"),
    ],
)
def test_line_without_a_product_is_passed_over(tmp_path: Path, product: object) -> None:
    """A line whose record is right and whose product makes no sense is dropped."""
    path = written(tmp_path, A)
    whole = {"lock": product, "record": format_entry(B.entry)}

    with path.open("a") as file:
        file.write(json.dumps(whole) + "\n")

    assert read_journal(path) == (DIGEST, [A])


@on_disk
@given(st.data())
def test_full_disk_spoils_only_what_it_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Lines that did not fit are refused and are not in the journal; those after them, once there is room, are."""
    folder = tmp_path_factory.mktemp("full")
    size = written(tmp_path_factory.mktemp("whole"), A, B).stat().st_size
    disk = SmallDisk(data.draw(st.integers(0, size - 1)))
    journal = Journal(folder, DIGEST)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", disk.write)
        with pytest.raises(OSError, match="No space left"):
            journal.write([A, B])
        disk.room = 10_000
        journal.write([C])

    assert read_journal(only_file(folder)) == (DIGEST, [C])


def test_slow_disk_gets_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the operating system takes a few bytes at a time, all of them are written."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content[:7])))

    assert read_journal(written(tmp_path, A, B)) == (DIGEST, [A, B])


def test_lines_that_are_not_durable_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that could not be synced are refused, and nobody reads them later."""

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    journal = Journal(tmp_path, DIGEST)
    journal.write([A])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            journal.write([B])

    assert read_journal(only_file(tmp_path)) == (DIGEST, [A])


def test_removed_journal_is_gone(tmp_path: Path) -> None:
    """A journal that was folded leaves nothing, and may be removed again; what is written after begins a new one."""
    journal = Journal(tmp_path, DIGEST)
    journal.write([A])

    journal.remove()
    journal.remove()
    assert list(tmp_path.iterdir()) == []

    journal.write([B])
    assert read_journal(only_file(tmp_path)) == (DIGEST, [B])


def test_each_run_has_its_own_journal(tmp_path: Path) -> None:
    """Two runs on one lockfile never write into one file, and each lockfile has a folder of its own."""
    assert written(tmp_path, A) != written(tmp_path, B)
    assert journal_folder(tmp_path, "../a.lock") == journal_folder(tmp_path, "../a.lock")
    assert journal_folder(tmp_path, "../a.lock") != journal_folder(tmp_path, "../b.lock")


def test_journal_that_can_not_be_begun_is_told(tmp_path: Path) -> None:
    """A file in the place of the journals' folder is an error, and stays."""
    (tmp_path / "journal").write_bytes(b"mine")

    with pytest.raises(OSError, match="journal"):
        Journal(tmp_path / "journal" / "0123", DIGEST).write([A])

    assert (tmp_path / "journal").read_bytes() == b"mine"


def test_journal_that_can_not_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has become read-only ends the run and is named; the journal stays for the next run."""
    journal = Journal(tmp_path, DIGEST)
    journal.write([A])

    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "unlink", refuse)

    with pytest.raises(StoreError, match=r"journal: .*jsonl: Read-only file system"):
        journal.remove()
