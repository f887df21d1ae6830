"""Calls of the command: in this process or as a process of its own, with what they said and how they ended."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jwstsync.cli.main import run
from tests.cli.archive import EXCLUSIVE, FIRST, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

COMMAND = (sys.executable, "-m", "jwstsync")
PATIENCE = 60  # seconds, after which a process hangs
_OURS = ("JWSTSYNC_", "MAST_", "GITHUB_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
FREE = 85_400_000_000  # bytes free on the disk, in calls in this process


_Validator: Any = import_module("jsonschema").Draft202012Validator  # it comes without types
_EVENTS = _Validator(
    json.loads((Path(__file__).parents[2] / "schema" / "events.schema.json").read_text(encoding="utf-8"))
)


def fits(schema: object, document: object) -> bool:
    """Whether a document is as a JSON Schema has it."""
    return bool(_Validator(schema).is_valid(document))


def manifest_text(*blocks: str, head: str = "") -> str:
    """A manifest: ``head`` in its place, and blocks of proposals (of which ``id = `` may be left out)."""
    return "\n".join(["version = 1", head, *(f"[[proposal]]\n{block}" for block in blocks)]) + "\n"


ONE = manifest_text(f'id = {FIRST}\nname = "First Light"\ninclude = [{{ extension = "fits" }}]')
"""Four products."""
BOTH = manifest_text(f'id = [{FIRST}, {SECOND}]\ninclude = [{{ productFilename = "*_cal.fits" }}]')
"""One product of each public proposal."""
CLOSED = manifest_text(f'id = [{FIRST}, {EXCLUSIVE}]\ninclude = [{{ productFilename = "*_i2d.fits" }}]')
"""One public product, and one under exclusive access."""


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Takes away what the machine and its user would bring in."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name.upper() in _PROXIES:
            monkeypatch.delenv(name)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "CACHE", "DATA", "STATE"):
        (home / kind.lower()).mkdir()
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@dataclass(frozen=True, slots=True)
class Called:
    """How a call ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON of each line on stdout, which is short, and as the repository's schema has it."""
        assert all(len(line.encode()) < 4096 for line in self.out.splitlines(keepends=True))
        found = [json.loads(line) for line in self.out.splitlines()]
        for event in found:
            _EVENTS.validate(event)
        return found

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]


@dataclass
class Desk:
    """A folder with a manifest, from which the command is called.

    Attributes:
        folder: Where the calls are made.
    """

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    _spawned: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def in_folder(
        cls, folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> Iterator[Desk]:
        """A desk in a new folder, apart from machine and user; processes that still run in the end are killed."""
        isolate(monkeypatch, folder.with_name("home"))
        (folder / ".git").mkdir(parents=True)  # what lies above is not searched for a manifest
        monkeypatch.chdir(folder)
        desk = cls(folder, monkeypatch, capture)
        yield desk
        for process in desk._spawned:
            process.kill()
            ended(process)

    @property
    def lockfile(self) -> Path:
        """The lockfile."""
        return self.folder / "jwstsync.lock"

    @property
    def root(self) -> Path:
        """Where the products are."""
        return self.folder / "mastDownload"

    @property
    def cache(self) -> Path:
        """The user's cache folder for this program."""
        return Path(os.environ["XDG_CACHE_HOME"]) / "jwstsync"

    def write(self, text: str, name: str = "jwstsync.toml") -> Path:
        """Writes a manifest, or another file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def read(self, path: str) -> bytes:
        """What stands in a file below the root."""
        return (self.root / path).read_bytes()

    def set(self, **variables: str) -> None:
        """Sets environment variables for the calls to come."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def call(self, *arguments: str) -> Called:
        """Calls the command in this process, on a disk that always has as much free."""
        with self.monkeypatch.context() as patch:
            usage = shutil.disk_usage(self.folder)._replace(free=FREE)
            patch.setattr("jwstsync.store.tree.shutil.disk_usage", lambda _: usage)
            self.capture.readouterr()
            code = run(arguments)
        out, err = self.capture.readouterr()
        return Called(int(code), out, err)

    def spawn(self, *arguments: str, command: Sequence[str] = COMMAND, **streams: Any) -> subprocess.Popen[str]:  # noqa: ANN401
        """Begins the command as a process of its own, whose stdout and stderr are pipes.

        Args:
            arguments: Those of the command.
            command: What is called with them.
            streams: Others than the pipes, as `subprocess.Popen` takes them.
        """
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([*command, *arguments], cwd=self.folder, text=True, **{**pipes, **streams})
        self._spawned.append(process)
        return process

    def process(self, *arguments: str, command: Sequence[str] = COMMAND, **streams: Any) -> Called:  # noqa: ANN401
        """Calls the command as a process of its own, as `spawn` does."""
        return ended(self.spawn(*arguments, command=command, **streams))

    def shell(self, line: str, *arguments: str) -> Called:
        """Runs a line of bash, where "$@" is the command with these arguments."""
        return self.process(*arguments, command=("bash", "-c", line, "bash", *COMMAND))

    def snapshot(self) -> dict[str, str]:
        """The hash of every file in the folder, local state aside, by path."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".jwstsync" not in path.parts
        }


def ended(process: subprocess.Popen[str]) -> Called:
    """How a process ended, once it has."""
    out, err = process.communicate(timeout=PATIENCE)
    return Called(process.returncode, out or "", err or "")
