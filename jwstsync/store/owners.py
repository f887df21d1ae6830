"""Names that tell which run a file is of, so that what a dead run left can be told from what a live one needs.

Nothing here relies on locks, which do nothing on some network file systems.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from pathlib import Path

LONGEST_REST = 24 * 3600.0
"""Seconds after which a file that nobody has touched is nobody's: no transfer rests so long, and process ids and hosts
come again, as in containers."""


def own_name() -> str:
    """A name that this process alone has given, ``<host>-<pid>-<random>``, without dots."""
    return f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def is_owned(path: Path, owner: str) -> bool:
    """Whether the run of that name may still need a file; of one on another host nobody here can say that it ended."""
    host, _, rest = owner.partition("-")
    pid = rest.partition("-")[0]
    if not (pid.isascii() and pid.isdigit()):
        return False
    return (host != _host() or is_alive(int(pid))) and is_fresh(path)


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def is_fresh(path: Path) -> bool:
    """Whether somebody touched a file so lately that it may still be in use."""
    try:
        return time.time() - path.stat().st_ctime < LONGEST_REST
    except OSError:  # its run has just put it in place
        return True


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number on this host; one that has ended, and waits to be noticed, is none."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:  # no Linux, or it is over by now
        return True
    return state not in {b"Z", b"X"}
