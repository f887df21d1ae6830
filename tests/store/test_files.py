"""Files written whole: the old bytes or the new ones, whatever happens in between."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from jwstsync.errors import ExitCode, StoreError
from jwstsync.store.files import disk_errors, read_or_none, sync_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
WRITES_TOO_MUCH = """
import pathlib, resource, sys
from jwstsync.store.files import write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(pathlib.Path(sys.argv[1]), bytes(100_000))
except OSError as error:
    print(error.strerror)
"""


def full_disk(*_: object) -> NoReturn:
    """What a system call does when nothing fits any more."""
    raise FULL


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with old bytes, alone in its folder."""
    path = tmp_path / "jwstsync.lock"
    path.write_bytes(b"old")
    return path


def test_new_bytes_stand_alone(file: Path) -> None:
    """The new bytes are at the name, and nothing else is left in the folder."""
    write_whole(file, b"new")

    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_keeps_the_old_bytes(file: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A disk that fails at the sync or at the rename leaves the old bytes and no rubbish."""
    monkeypatch.setattr(os, call, full_disk)

    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"new")

    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_refused_write_keeps_the_old_bytes(file: Path) -> None:
    """Where the operating system itself stops a write half-way, the old bytes stay and no rubbish does."""
    command = [sys.executable, "-c", WRITES_TOO_MUCH, str(file)]

    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert told.strip() == os.strerror(errno.EFBIG)
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_interrupt_keeps_the_old_bytes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle leaves the old bytes and no rubbish."""

    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"new")

    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_bytes_are_durable_before_the_name_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are synced before the rename and the folder after it, so that a loss of power tears nothing."""
    steps: list[str] = []

    def noted(call: str) -> Callable[..., None]:
        real: Callable[..., None] = getattr(os, call)

        def note(*arguments: object) -> None:
            steps.append(call)
            real(*arguments)

        return note

    for call in ("fsync", "replace"):
        monkeypatch.setattr(os, call, noted(call))
    write_whole(file, b"new")

    assert steps == ["fsync", "replace", "fsync"]


def test_folder_that_can_not_be_synced_is_left_at_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses to sync folders is no reason to fail."""
    monkeypatch.setattr(os, "fsync", full_disk)

    sync_folder(tmp_path)


def test_folder_that_went_away_is_left_at_that(tmp_path: Path) -> None:
    """A folder that somebody removed has no names to make durable."""
    sync_folder(tmp_path / "gone")


def test_refusal_names_the_file(tmp_path: Path) -> None:
    """What the operating system refuses is told with the file that it is about, and ends the run with exit code 5."""
    missing = tmp_path / "missing"

    with (
        pytest.raises(StoreError, match=r"^record: .*/missing: No such file or directory$") as caught,
        disk_errors("record"),
    ):
        missing.read_bytes()

    assert caught.value.exit_code is ExitCode.LIMIT


def test_refusal_without_a_file_is_told_too() -> None:
    """A refusal that names no file is told with what it was about, also where the system has no words for it."""
    with pytest.raises(StoreError, match=r"^record: No space left on device$"), disk_errors("record"):
        full_disk()
    with pytest.raises(StoreError, match=r"^record: odd$"), disk_errors("record"):
        raise OSError("odd")


def test_absent_file_is_none(tmp_path: Path) -> None:
    """A file that is not there has no bytes; one that is there and empty has none either, and is told apart."""
    (tmp_path / "empty").touch()

    assert read_or_none(tmp_path / "absent") is None
    assert read_or_none(tmp_path / "empty") == b""
