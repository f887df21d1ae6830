"""What scripts keep below the state folder to go on with, in a folder of their own: parts, and notes about them.

Once their products are recorded nobody needs it. A script may still be at work there, which it tells by a folder
``run.*`` with a list of its processes in ``owners``: host and process number, a line each.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from jwstsync.store.origins import NOTES, OUTCOMES
from jwstsync.store.owners import is_alive, is_fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = "script"


def clear_scripts(state_folder: Path) -> None:
    """Removes what scripts left, unless one is at work; what can not be removed stays.

    Of scripts that were killed it keeps the notes of what they put in place, as `origins` reads them.
    """
    folder = state_folder / _FOLDER
    if any(_is_at_work(run) for run in folder.glob("run.*")):
        return
    for note in folder.glob(OUTCOMES):  # what a script does itself at its end
        with suppress(OSError):
            (state_folder / NOTES).mkdir(exist_ok=True)
            note.rename(state_folder / NOTES / f"{note.parent.name}{note.suffix}")
    shutil.rmtree(folder, ignore_errors=True)


def _is_at_work(run: Path) -> bool:
    """Whether a script may be: of one on another host nobody here can say that it ended, until it is a day old."""
    if not any(is_fresh(path) for path in (run, *run.glob("*"))):
        return False
    owners = list(_owners(run))
    return not owners or any(host != os.uname().nodename or is_alive(process) for host, process in owners)


def _owners(run: Path) -> Iterator[tuple[str, int]]:
    try:
        lines = (run / "owners").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        host, _, process = line.rpartition(" ")
        if process.isascii() and process.isdigit():
            yield host, int(process)
