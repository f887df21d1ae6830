"""The run lock: one run at a time, told apart across processes, freed by death, and never unlinked."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import RunLockedError, StoreError
from jwstsync.store.runlock import run_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDS = """
import pathlib, sys
from jwstsync.store.runlock import run_lock
folder = pathlib.Path(sys.argv.pop(1))
with run_lock(folder, 0):
    print("held", flush=True)
    sys.stdin.read()
"""
TRIES = """
import pathlib, sys
from jwstsync.errors import JwstsyncError
from jwstsync.store.runlock import run_lock
try:
    with run_lock(pathlib.Path(sys.argv[1]), 0):
        pass
except JwstsyncError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A root's state folder."""
    folder = tmp_path / "root" / ".jwstsync"
    folder.mkdir(parents=True)
    return folder


@contextmanager
def other_run(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLDS, str(state), "apply", "-f", "two words.toml"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_second_process_is_refused(state: Path) -> None:
    """A second process gets exit code 7 and hears who is at work: host, process, since when, and with what command."""
    with run_lock(state, 0):
        tried = subprocess.run([sys.executable, "-c", TRIES, str(state)], check=False, capture_output=True, text=True)

    assert tried.returncode == 7
    assert f"{state.parent}: another run is at work here" in tried.stdout
    assert f"host {socket.gethostname()}, pid {os.getpid()}, since 20" in tried.stdout


def test_refusal_names_the_other_run(state: Path) -> None:
    """The command of the run at work is told as it could be typed, and its start as a time in UTC."""
    with other_run(state) as process:
        with pytest.raises(RunLockedError) as caught, run_lock(state, 0):
            pass
        process.communicate()

    pattern = rf"pid {process.pid}, since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00: jwstsync apply -f 'two words.toml'\)"
    assert re.search(pattern, str(caught.value))
    assert "set --lock-timeout" in str(caught.value)


def test_waiting_run_gets_its_turn(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that may wait goes on as soon as the other one has ended."""
    pauses = []
    with other_run(state) as process:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            process.communicate()

        monkeypatch.setattr(time, "sleep", pause)
        with run_lock(state, 600):
            assert process.returncode == 0

    assert pauses


def test_waiting_in_vain_is_refused(state: Path) -> None:
    """A run that has waited its time is refused as if it had not waited."""
    with other_run(state) as process:
        with pytest.raises(RunLockedError, match=f"pid {process.pid}"), run_lock(state, 0.01):
            pass
        process.communicate()


def test_death_frees_the_lock(state: Path) -> None:
    """A run that was killed stands in nobody's way."""
    with other_run(state) as process:
        process.kill()
        process.wait()

        with run_lock(state, 0):
            assert json.loads((state / "run.json").read_text())["pid"] == os.getpid()


def test_two_runs_in_one_process_exclude_each_other(state: Path) -> None:
    """The library refuses a second run in the same process too, and lets it in once the first has ended."""
    with run_lock(state, 0), pytest.raises(RunLockedError), run_lock(state, 0):
        pass
    with run_lock(state, 0):
        pass


def test_lock_is_freed_by_an_error(state: Path) -> None:
    """A run that ends with an error frees the destination, and the error is its own."""
    with pytest.raises(ZeroDivisionError), run_lock(state, 0):
        raise ZeroDivisionError
    with run_lock(state, 0):
        pass


def test_lock_file_is_never_unlinked(state: Path) -> None:
    """The file that is locked stays one and the same, since two runs could get in if it were made anew."""
    with run_lock(state, 0):
        during = (state / "run.lock").stat().st_ino
    with run_lock(state, 0):
        pass

    assert (state / "run.lock").stat().st_ino == during


@pytest.mark.parametrize("known", ["", "{", "[]", "{}", '{"host": "h"}', "null"])
def test_unknown_holder_is_refused_all_the_same(state: Path, known: str) -> None:
    """A run that has the lock and has not said yet who it is excludes the others like any other."""
    with run_lock(state, 0):
        (state / "run.json").write_text(known)
        with pytest.raises(RunLockedError, match=r"at work here \(not known yet\)"), run_lock(state, 0):
            pass


def test_lock_that_can_not_be_written_is_told(state: Path) -> None:
    """A folder in the place of a lock's file ends the run, and what was locked is freed."""
    (state / "run.json").mkdir()

    with pytest.raises(StoreError, match=r"run lock: .*run.json: Is a directory"), run_lock(state, 0):
        pass

    (state / "run.json").rmdir()
    with run_lock(state, 0):
        pass


def test_lock_that_can_not_be_made_is_told(state: Path) -> None:
    """A folder where the lock itself should be ends the run and is named."""
    (state / "run.lock").mkdir()

    with pytest.raises(StoreError, match=r"run lock: .*run.lock"), run_lock(state, 0):
        pass
