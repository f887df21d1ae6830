"""What scripts leave below the state folder: cleared away, unless one may still be at work."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from jwstsync.store.scripts import clear_scripts

if TYPE_CHECKING:
    from pathlib import Path

TWO_DAYS = 2 * 86_400  # seconds
NOBODY = 2**22 + 1  # a process number that Linux gives to nobody


def left_by_a_script(state: Path, owners: str | None) -> Path:
    """A part, a note, and a run with these owners."""
    folder = state / "script"
    for name in ("parts", "sizes", "run.1.1"):
        (folder / name).mkdir(parents=True)
    (folder / "parts" / "a.part").write_bytes(b"half")
    if owners is not None:
        (folder / "run.1.1" / "owners").write_text(owners, encoding="utf-8")
    return folder


def test_what_no_script_needs_goes(tmp_path: Path) -> None:
    """Parts, notes and the runs of processes that have ended; and where there is nothing, nothing happens."""
    clear_scripts(tmp_path)
    left_by_a_script(tmp_path, f"{os.uname().nodename} {NOBODY}\n")
    (tmp_path / "record.jsonl").touch()
    clear_scripts(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["record.jsonl"]


def test_notes_of_killed_scripts_are_kept(tmp_path: Path) -> None:
    """What they put in place is to be known again, also by a run after the next."""
    folder = left_by_a_script(tmp_path, f"{os.uname().nodename} {NOBODY}\n")
    (folder / "run.1.1" / "outcome.3").write_text("of\tx\ndone\ta.fits\n", encoding="utf-8")
    clear_scripts(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")] == ["fetched/run.1.1.3"]
    assert (tmp_path / "fetched" / "run.1.1.3").read_text(encoding="utf-8").endswith("done\ta.fits\n")


@pytest.mark.parametrize("owners", ["HERE MYSELF\n", "elsewhere.example 1\n", "torn", None])
def test_a_script_at_work_is_left_alone(tmp_path: Path, owners: str | None) -> None:
    """Also where it runs on another host, or has not said yet whose it is; until it is surely over."""
    here = (("HERE", os.uname().nodename), ("MYSELF", str(os.getpid())))
    for word, fact in here:
        owners = owners and owners.replace(word, fact)
    folder = left_by_a_script(tmp_path, owners)
    clear_scripts(tmp_path)
    assert (folder / "parts" / "a.part").exists()


@pytest.mark.parametrize("alive", [True, False])
def test_a_run_of_long_ago_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, alive: bool) -> None:
    """Who has touched nothing for a day is gone, whoever has the number of its process now."""
    folder = left_by_a_script(tmp_path, f"{os.uname().nodename} {os.getpid() if alive else NOBODY}\n")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + TWO_DAYS)
    clear_scripts(tmp_path)
    assert not folder.exists()
