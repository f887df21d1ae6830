"""One run at a time on a destination, as far as the file system can tell; nothing else depends on it."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from jwstsync.errors import RunLockedError
from jwstsync.store.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def run_lock(state_folder: Path, timeout: float) -> Iterator[None]:
    """Holds the destination for the time of a run. The file stays: to unlink it would let two runs in.

    Args:
        state_folder: The local state folder, which is there.
        timeout: How many seconds to wait for another run.

    Raises:
        RunLockedError: Another run is at work; names it.
        StoreError: The lock can not be written.
    """
    lock = FileLock(state_folder / "run.lock")
    holder = state_folder / "run.json"
    with disk_errors("run lock"):
        try:
            lock.acquire(timeout=timeout, poll_interval=0.2)
        except Timeout:
            raise RunLockedError(_refusal(state_folder.parent, holder)) from None
    try:
        with disk_errors("run lock"):
            holder.write_text(json.dumps(_myself()), encoding="utf-8")
        yield
    finally:
        lock.release()


def _myself() -> dict[str, str | int]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["jwstsync", *sys.argv[1:]]),
    }


def _refusal(root: Path, holder: Path) -> str:
    try:
        known = json.loads(holder.read_text(encoding="utf-8"))
        who = "host {host}, pid {pid}, since {since}: {command}".format(**known)
    except (OSError, ValueError, LookupError, TypeError):
        who = "not known yet"
    return f"{root}: another run is at work here ({who}); wait for it, or set --lock-timeout"
