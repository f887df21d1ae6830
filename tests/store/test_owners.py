"""Whether whoever a file is of may still need it."""

from __future__ import annotations

import os
import subprocess

from jwstsync.store.owners import is_alive


def test_who_is_alive() -> None:
    """This process is; one that has ended is not, even before its parent has taken notice."""
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(process.pid)
    assert not is_alive(process.pid)
    assert is_alive(os.getpid())
