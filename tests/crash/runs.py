"""Calls of the real command in processes of their own, many at once: each is a fork of one that is ready."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PATIENCE = 120
"""Seconds after which a test gives up waiting for what should have happened long ago."""
_PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what it said; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str


class Running:
    """A run that was begun."""

    def __init__(self, runs: Runs, number: int, pid: int, said: Path) -> None:
        self._runs = runs
        self._number = number
        self._said = said
        self.pid = pid

    def send_signal(self, number: signal.Signals) -> None:
        """Sends the process a signal, if it still runs."""
        if not self.has_ended:
            os.kill(self.pid, number)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._runs.has_ended(self._number)

    def ended(self) -> Ended:
        """How it ended, once it has."""
        code = self._runs.code(self._number)
        out, err = (self._said.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".out", ".err"))
        return Ended(code, out, err)


class Runs:
    """Where runs are begun; made by `served`."""

    def __init__(self, server: subprocess.Popen[bytes], folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._numbers = itertools.count()
        self._codes: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self._pending = b""

    def start(
        self,
        folder: Path,
        *calls: Sequence[str],
        environment: Mapping[str, str] | None = None,
        **wishes: Any,  # noqa: ANN401
    ) -> Running:
        """Begins a process in which calls of the command are made, one after the other as long as they end with 0.

        Args:
            folder: Where they are made.
            calls: The arguments of each.
            environment: Variables that are set for them.
            wishes: What `switch` is to do.
        """
        number = next(self._numbers)
        said = self._folder / str(number)
        order = {
            "number": number,
            "folder": str(folder),
            "calls": calls,
            "environment": dict(environment or {}),
            "out": f"{said}.out",
            "err": f"{said}.err",
            "wishes": {"fired": f"{said}.fired", **wishes},
        }
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        self._server.stdin.flush()
        while number not in self._pids:
            self._hear()
        return Running(self, number, self._pids[number], said)

    def code(self, number: int) -> int:
        """The exit code of a run, once it has ended."""
        while number not in self._codes:
            self._hear()
        return self._codes[number]

    def has_ended(self, number: int) -> bool:
        """Whether a run is known to have ended."""
        while self._has_news(0):
            self._hear()
        return number in self._codes

    @property
    def count_fired(self) -> int:
        """How many switches were thrown so far."""
        return sum(1 for _ in self._folder.glob("*.fired"))

    def _has_news(self, seconds: float) -> bool:
        assert self._server.stdout is not None
        return bool(select.select([self._server.stdout], [], [], seconds)[0])

    def _hear(self) -> None:
        assert self._server.stdout is not None
        assert self._has_news(PATIENCE), "a run neither ended nor went on"
        read = os.read(self._server.stdout.fileno(), 1 << 16)
        assert read, "what carries out the runs has died"
        *lines, self._pending = (self._pending + read).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "pid" in told:
                self._pids[told["number"]] = told["pid"]
            else:
                self._codes[told["number"]] = told["code"]

    def end(self) -> None:
        """Kills the runs that still run."""
        for number, pid in self._pids.items():
            if not self.has_ended(number):
                os.kill(pid, signal.SIGKILL)
                self.code(number)


def environment_in(home: Path) -> dict[str, str]:
    """The environment of a user that nobody has set up, on a machine without proxies."""
    ours = ("JWSTSYNC_", "MAST_", "XDG_")
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(ours) and name.upper() not in proxies
    }
    return {
        **kept,
        "HOME": str(home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "OPENBLAS_NUM_THREADS": "1",  # numpy begins threads otherwise, and a process with threads can not be forked
        "PYTHONPATH": str(_PROJECT),
    }


@contextmanager
def served(folder: Path) -> Iterator[Runs]:
    """Runs whose output and home lie in a folder."""
    said, home = folder / "said", folder / "home"
    said.mkdir()
    home.mkdir()
    command = [sys.executable, "-m", "tests.crash.switch", "--serve"]
    with subprocess.Popen(
        command, cwd=_PROJECT, env=environment_in(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        runs = Runs(server, said)
        try:
            yield runs
        finally:
            runs.end()
            assert server.stdin is not None
            server.stdin.close()
