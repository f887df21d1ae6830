"""What a run of a program costs: wall time, CPU time and peak memory of it and of all that it starts. Linux only.

CPU time is what the kernel counts for the program and for the children it has waited for. A process that outlives its
parent becomes a child of this one (``PR_SET_CHILD_SUBREAPER``) and is waited for and counted after the run; it adds to
the CPU time, not to the wall time.

Peak memory is ``VmHWM``, the most that was resident, read from ``/proc`` about every 20 ms; what is allocated in the
last 20 ms of a process is missed. It is kept for each process, since the kernel's own maximum (``ru_maxrss``) would mix
the program with its children, and with this process before ``exec``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from resource import struct_rusage

_INTERVAL = 0.020  # seconds
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost. Times in seconds, memory in bytes.

    Attributes:
        wall: From its start to the end of its main process.
        cpu: User and system time of all its processes.
        main_peak: The most memory that its main process held.
        child_peak: The most memory that any one of its other processes held; 0 where there is none.
    """

    wall: float
    cpu: float
    main_peak: int
    child_peak: int


class RunError(Exception):
    """A program that ended with an error; the message has the end of what it said."""


def cost_of(arguments: Sequence[str], *, folder: Path, environment: dict[str, str]) -> Cost:
    """Runs a program in a folder and tells what it cost.

    Raises:
        RunError: It did not end with 0.
    """
    _adopt_orphans()
    log = folder / "said.txt"
    with log.open("wb") as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _killed_with_us(process.pid), _watched(process.pid) as peaks:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            cpu = _seconds(usage) + _cpu_of_orphans(process.pid)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RunError(f"ended with {process.returncode}: {log.read_text(errors='replace')[-500:].strip()}")
    main_peak = peaks.pop(process.pid, 0)
    return Cost(wall, cpu, main_peak, max(peaks.values(), default=0))


@cache
def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


@contextmanager
def _killed_with_us(session: int) -> Iterator[None]:
    """A session of its own hears no Ctrl-C: whatever ends this process has to end it too."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGKILL)
        raise


def _cpu_of_orphans(session: int) -> float:
    seconds = 0.0
    while True:
        try:
            seconds += _seconds(os.wait4(-session, 0)[2])
        except ChildProcessError:
            return seconds


def _seconds(usage: struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _watched(root: int) -> Iterator[dict[int, int]]:
    """Fills a dictionary with the peak memory of each process below ``root``, for as long as the context is open.

    A child counts from the second time that it is seen: at the first it may be a copy of its parent, before ``exec``.
    """
    peaks: dict[int, int] = {}
    ended = threading.Event()

    def watch() -> None:
        seen = {root}
        while not ended.wait(_INTERVAL):
            alive = set(_tree(root))
            for pid in alive & seen:
                _note_peak(peaks, pid)
            seen = alive

    _note_peak(peaks, root)
    thread = threading.Thread(target=watch, name="memory")
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _tree(root: int) -> Iterator[int]:
    yield root
    try:
        for thread in Path(f"/proc/{root}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))
    except (FileNotFoundError, ProcessLookupError):  # ended while it was looked at
        return


def _note_peak(peaks: dict[int, int], pid: int) -> None:
    """Keeps the latest figure: it never sinks, but for the ``exec`` that makes a copy of a process another program."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            peaks[pid] = int(line.split()[1]) * 1024
