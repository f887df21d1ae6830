"""The lockfile on the disk: what is written is read again, damage is told, and nothing is written without need."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.errors import ExitCode, LockfileError, StoreError
from jwstsync.store.lockfiles import NO_LOCKFILE, lockfile_digest, read_lockfile, write_lockfile
from tests.core.strategies import lockfile_products
from tests.store.destination import on_disk, product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE = Lockfile.of([product("a.fits")])
TWO = Lockfile.of([product("a.fits"), product("b.fits")])


@pytest.fixture
def lockfile(tmp_path: Path) -> Path:
    """Where a lockfile is to be; alone in its folder."""
    return tmp_path / "mirror.lock"


def test_no_lockfile_locks_nothing(lockfile: Path) -> None:
    """Where there is no lockfile nothing is locked, and its digest says so."""
    assert read_lockfile(lockfile) == (Lockfile(), NO_LOCKFILE)
    assert lockfile_digest(lockfile) == NO_LOCKFILE


def test_empty_lockfile_is_not_begun(lockfile: Path) -> None:
    """A run that locks nothing leaves no lockfile behind, but empties one that is there."""
    assert write_lockfile(lockfile, Lockfile()) == NO_LOCKFILE
    assert not lockfile.exists()

    write_lockfile(lockfile, ONE)
    write_lockfile(lockfile, Lockfile())
    assert read_lockfile(lockfile)[0] == Lockfile()


@on_disk
@given(lockfile_products)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, products: list[LockedProduct]) -> None:
    """Any lockfile comes back as it was written, with the digest of its bytes."""
    path = tmp_path_factory.getbasetemp() / "any.lock"
    written = Lockfile.of(products)

    path.touch()
    told = write_lockfile(path, written)

    found, digest = read_lockfile(path)
    assert found == written
    assert told == digest == lockfile_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_state_is_not_written_again(lockfile: Path) -> None:
    """A lockfile that already says so keeps its very file, so that a run that changes nothing touches nothing."""
    digest = write_lockfile(lockfile, TWO)
    before = lockfile.stat()

    assert write_lockfile(lockfile, Lockfile.of(reversed(list(TWO)))) == digest

    after = lockfile.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_different_state_is_written_whole(lockfile: Path) -> None:
    """A changed lockfile gets its name by a rename: whoever reads the old one reads it to its end."""
    write_lockfile(lockfile, ONE)
    with lockfile.open("rb") as reader:
        write_lockfile(lockfile, TWO)
        assert b"b.fits" not in reader.read()

    assert read_lockfile(lockfile)[0] == TWO
    assert list(lockfile.parent.iterdir()) == [lockfile]


def test_lockfile_is_called_by_its_name(lockfile: Path) -> None:
    """The first line names the very file, since a lockfile has its manifest's name."""
    write_lockfile(lockfile, ONE)

    assert lockfile.read_text().startswith("# mirror.lock is written by jwstsync.")


def test_full_disk_keeps_the_old_lockfile(lockfile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room keeps the lockfile that stood there, and says so."""
    write_lockfile(lockfile, ONE)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="lockfile: No space left"):
        write_lockfile(lockfile, TWO)

    assert read_lockfile(lockfile)[0] == ONE
    assert list(lockfile.parent.iterdir()) == [lockfile]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"version = 1\n[[product", "not TOML", id="cut off"),
        pytest.param(b"version = 2\n", "upgrade jwstsync", id="later version"),
        pytest.param(b"", "expected version = 1", id="empty"),
        pytest.param(b"version = 1\n# caf\xe9\n", "not UTF-8 text; restore it from version control", id="not UTF-8"),
    ],
)
def test_damaged_lockfile_is_refused(lockfile: Path, content: bytes, words: str) -> None:
    """A lockfile that is not valid ends the run with exit code 2, named, and with what would be right."""
    lockfile.write_bytes(content)

    with pytest.raises(LockfileError) as caught:
        read_lockfile(lockfile)

    assert caught.value.exit_code is ExitCode.INVALID
    assert str(caught.value).startswith(f"{lockfile}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("use", [read_lockfile, lockfile_digest, lambda path: write_lockfile(path, ONE)])
def test_what_can_not_be_read_is_told(lockfile: Path, use: Callable[[Path], object]) -> None:
    """A folder in the lockfile's place is told by name, and is left as it is."""
    lockfile.mkdir()

    with pytest.raises(StoreError, match=r"lockfile: .*mirror.lock: Is a directory"):
        use(lockfile)

    assert lockfile.is_dir()
