"""jwstsync with a switch on every call that changes the disk: at a chosen one the process is killed, or the call fails.

Run as a program it carries out the command in this process, as the environment's `SWITCH` says:

    SWITCH='{"step": "renamed", "fault": "kill after", "fired": "/tmp/fired"}' python -m tests.crash.switch apply

Only what is changed below the folder that it is called in counts. With ``--serve`` it stays, and carries out calls that
are asked for on its standard input, each in a fork of its own: that saves the second or two in which Python begins and
the command's libraries are imported.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import re
import resource
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import jwstsync

if TYPE_CHECKING:
    from collections.abc import Mapping

KILL_BEFORE, KILL_AFTER, RAISE = "kill before", "kill after", "raise"
FULL = ("ENOSPC", "EDQUOT", "EROFS")
FAULTS = (KILL_BEFORE, KILL_AFTER, RAISE, *FULL)

_BY_DESCRIPTOR = ("write", "pwrite", "writev", "pwritev", "fsync", "fdatasync", "ftruncate", "posix_fallocate")
_BY_NAME = ("mkdir", "unlink", "remove", "rmdir", "utime", "chmod")
_TO_NAME = ("replace", "rename", "link", "symlink")
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_STEPS: Final[Mapping[str, tuple[str, str]]] = {
    "part begun": ("open", r"parts/[^/]*\.part"),
    "part written": ("p?write", r"parts/[^/]*\.part"),
    "part synced": ("fsync|fdatasync", r"parts/[^/]*\.part"),
    "part noted": ("replace|rename", r"parts/[^/]*\.note"),
    "folder made": ("mkdir", r"/JWST(/[^/]*)?"),
    "journal begun": ("open", r"journal/.*\.jsonl"),
    "journal line written": ("write", r"journal/.*\.jsonl"),
    "journal synced": ("fsync|fdatasync", r"journal/.*\.jsonl"),
    "put aside": ("link", r"trash/.*"),
    "renamed": ("replace|rename", r"/JWST/[^/]*/[^/]*"),
    "folder synced": ("fsync", r"/JWST/[^/]*"),
    "lockfile begun": ("open", r"/\.jwstsync\.lock\..*"),
    "lockfile written": ("write", r"/\.jwstsync\.lock\..*"),
    "lockfile synced": ("fsync", r"/\.jwstsync\.lock\..*"),
    "lockfile renamed": ("replace|rename", r"/jwstsync\.lock"),
    "lockfile's folder synced": ("fsync", r""),
    "record written": ("write", r"/\.record\.jsonl\..*"),
    "record synced": ("fsync", r"/\.record\.jsonl\..*"),
    "record renamed": ("replace|rename", r"/record\.jsonl"),
    "journal removed": ("unlink|remove", r"journal/.*\.jsonl"),
    "made room": ("rename", r"moves/.*"),
    "folder emptied": ("rmdir", r".*"),
    "gone": ("unlink|remove", r"\.fits"),
}
"""What each step of a commit and of a fold is: a call, and the end of the name of the file that it changes."""
LAYOUT_STEPS = ("made room", "folder emptied", "gone")
"""What only runs come to for which the layout or the rules have changed."""
STEPS = tuple(step for step in _STEPS if step not in {*LAYOUT_STEPS, "part noted"})  # which only large files come to


@dataclass(frozen=True, slots=True)
class Call:
    """A call that changes the disk: its name, the file that it changes, and the one that it takes away from there."""

    name: str
    path: str
    source: str | None = None

    def is_step(self, step: str, folder: str) -> bool:
        """Whether this is the step of that name, below a folder."""
        names, path = _STEPS[step]
        named = re.escape(folder) + ("" if not path else ".*" + path)
        return re.fullmatch(names, self.name) is not None and re.fullmatch(named, self.path) is not None


Stand: TypeAlias = Callable[[Call, Callable[[], Any]], Any]
"""Given a call and what makes it, makes it or not, and gives what comes of it."""


class Switch:
    """Stands before the calls of this process that change the disk below one folder.

    Args:
        folder: Where changes count.
        fault: What happens at the chosen call; one of `FAULTS`.
        step: Which calls count; every one, if it is None.
        number: Which of them is chosen, from 0.
        fired: A file that is made when it happens, outside of the folder.
    """

    def __init__(self, *, folder: str, fault: str, step: str | None = None, number: int = 0, fired: str) -> None:
        self._folder = folder
        self._fault = fault
        self._step = step
        self._left = number
        self._fired = fired
        self._lock = threading.Lock()

    def __call__(self, call: Call, real: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        """Makes the call, unless it is the chosen one."""
        if not self._is_chosen(call):
            return real()
        Path(self._fired).touch()
        if self._fault == KILL_AFTER:
            with suppress(OSError):  # what is refused is over as well
                real()
        if self._fault in {KILL_BEFORE, KILL_AFTER}:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fault == RAISE:
            raise RuntimeError("a bug")
        code = getattr(errno, self._fault)
        raise OSError(code, os.strerror(code), call.path)

    def _is_chosen(self, call: Call) -> bool:
        if self._step is not None and not call.is_step(self._step, self._folder):
            return False
        with self._lock:
            self._left -= 1
            return self._left == -1


class Teller:
    """Tells of every call that is one step, once it is made.

    Args:
        folder: Where changes count.
        step: Which calls are told.
        to: A pipe with a name, to which the file that was changed is written as a line.
    """

    def __init__(self, folder: str, step: str, to: str) -> None:
        self._folder = folder
        self._step = step
        self._pipe = os.open(to, os.O_WRONLY)

    def __call__(self, call: Call, real: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        """Makes the call."""
        made = real()
        if call.is_step(self._step, self._folder):
            os.write(self._pipe, f"{call.path}\n".encode())
        return made


def watch(folder: str, stand: Stand, patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Has every call of this process that changes something below a folder pass through ``stand``, from now on.

    Args:
        folder: Where changes count.
        stand: Given a call and what makes it.
        patch: Sets the attributes of modules; by default for good.
    """
    wrapping = _Wrapping(folder, stand)
    opened = wrapping.file_opened(io.open)
    for name in _BY_DESCRIPTOR:
        patch(os, name, wrapping.of_descriptor(name, getattr(os, name)))
    for name in _BY_NAME:
        patch(os, name, wrapping.of_name(name, getattr(os, name)))
    for name in _TO_NAME:
        patch(os, name, wrapping.to_name(name, getattr(os, name)))
    patch(os, "open", wrapping.opened(os.open))
    patch(io, "open", opened)
    patch(builtins, "open", opened)


class _Wrapping:
    """Makes calls of the operating system pass through somebody."""

    def __init__(self, folder: str, stand: Stand) -> None:
        self._folder = folder
        self._stand = stand

    def _passed(self, call: Call, real: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        inside = call.path == self._folder or call.path.startswith(self._folder + "/")
        return self._stand(call, real) if inside else real()

    def of_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A call on an open file."""

        def called(descriptor: int, *rest: object, **named: object) -> object:
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            return self._passed(Call(name, path), lambda: real(descriptor, *rest, **named))

        return called

    def of_name(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A call on a name."""

        def called(path: Any, *rest: object, **named: object) -> object:  # noqa: ANN401 - a path of any type
            return self._passed(Call(name, _absolute(path)), lambda: real(path, *rest, **named))

        return called

    def to_name(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A call that gives a name to what has another."""

        def called(source: Any, target: Any, *rest: object, **named: object) -> object:  # noqa: ANN401 - as above
            call = Call(name, _absolute(target), _absolute(source))
            return self._passed(call, lambda: real(source, target, *rest, **named))

        return called

    def opened(self, real: Callable[..., int]) -> Callable[..., int]:
        """Opening a file; only what may change it counts."""

        def called(path: Any, flags: int, *rest: Any, **named: Any) -> int:  # noqa: ANN401 - as above
            if not flags & _CHANGING or named.get("dir_fd") is not None:
                return real(path, flags, *rest, **named)
            opened: int = self._passed(Call("open", _absolute(path)), lambda: real(path, flags, *rest, **named))
            return opened

        return called

    def file_opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Python's `open`, whose own writes would not be seen."""

        def called(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
            if isinstance(file, int) or not set(mode) & set("wax+") or not _absolute(file).startswith(self._folder):
                return real(file, mode, buffering, *rest, **named)
            raw = _Raw(os.fspath(file), mode.replace("b", "").replace("t", ""), opener=os.open)
            if "b" in mode:
                return io.BufferedWriter(raw)
            return io.TextIOWrapper(io.BufferedWriter(raw), *rest, **named)

        return called


class _Raw(io.FileIO):
    """A file whose writes are calls of `os`."""

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - whatever has bytes
        """Writes what the system takes."""
        return os.write(self.fileno(), content)


def _absolute(path: Any) -> str:  # noqa: ANN401 - a path of any type
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are to stay as they are


def lock_nothing(*_: object) -> None:
    """What `flock` does on some network file systems."""


def link_nothing(*_: object, **__: object) -> NoReturn:
    """What `link` does between file systems, and on those that know no second names."""
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def begin(wishes: Mapping[str, Any]) -> None:
    """Makes this process as a call wants it: its switch, its limits, and whether locks and links work."""
    if wishes.get("no_flock"):
        fcntl.flock = lock_nothing
    if wishes.get("no_link"):
        os.link = link_nothing
    if wishes.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (wishes["largest_file"], wishes["largest_file"]))
    if wishes.get("tell"):
        watch(str(Path.cwd()), Teller(str(Path.cwd()), wishes["step"], wishes["tell"]))
    if wishes.get("trace"):
        from tests.crash.power import record

        record(Path.cwd(), Path(wishes["trace"]))
    if wishes.get("fault"):
        chosen = {name: wishes[name] for name in ("fault", "step", "number", "fired") if name in wishes}
        watch(str(Path.cwd()), Switch(folder=str(Path.cwd()), **chosen))


def serve() -> None:
    """Carries out calls that come as lines of JSON, and tells the process of each, and how it ended."""
    import astroquery.mast  # noqa: F401 - what runs import when they need it

    from jwstsync.cli.main import run

    for module in pkgutil.walk_packages(jwstsync.__path__, "jwstsync."):
        importlib.import_module(module.name)
    gc.freeze()
    assert threading.active_count() == len(os.listdir("/proc/self/task")) == 1, "a fork needs a single thread"  # noqa: PTH208
    orders, answers = os.dup(0), os.dup(1)
    running: dict[int, tuple[int, int]] = {}
    pending = b""
    while True:
        ready, _, _ = select.select([orders, *running], [], [])
        for descriptor in ready:
            if descriptor in running:
                number, pid = running.pop(descriptor)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.close(descriptor)
                _tell(answers, {"number": number, "code": code})
        if orders not in ready:
            continue
        read = os.read(orders, 1 << 16)
        if not read:
            return
        *lines, pending = (pending + read).split(b"\n")
        for line in lines:
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                for descriptor in (orders, answers, *running):
                    os.close(descriptor)
                _carry_out(order, run)
            running[os.pidfd_open(pid)] = (order["number"], pid)
            _tell(answers, {"number": order["number"], "pid": pid})


def _tell(answers: int, told: Mapping[str, int]) -> None:
    os.write(answers, json.dumps(told).encode() + b"\n")


def _carry_out(order: Mapping[str, Any], run: Callable[[list[str]], int]) -> NoReturn:
    for descriptor, path in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    code = -1
    try:
        begin(order["wishes"])
        for arguments in order["calls"]:
            code = run(arguments)
            if code:
                break
    except BaseException:  # noqa: BLE001 - nothing may go back to where the calls are served
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


def main() -> None:
    """Carries out one call, or many."""
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    from jwstsync.cli.main import run

    begin(json.loads(os.environ.pop("SWITCH")))
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
