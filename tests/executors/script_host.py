"""A host to run scripts on, with commands that note how they are called, and an archive with its faults."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import TRASH, ProductPath
from jwstsync.core.lockfile import LockedProduct
from jwstsync.core.selection import Selected
from jwstsync.executors.script import script_text
from jwstsync.sandbox import Catalogue, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jwstsync.sandbox import Fault

BASH = os.environ.get("SCRIPT_BASH") or shutil.which("bash") or "bash"  # another one can be had: see CONTRIBUTING.md
PATIENCE = 30  # seconds, for what comes at once unless something is broken
SCRIPT = "get products.sh"
LOCKFILE = "0123456789abcdef"
ROOT = "mast Down'load $HOME"
NAME = "image_cal.fits"
_NOTED = """#!/bin/sh
printf '%s\\n' "$@" >>"$NOTES/${0##*/}"
env >>"$NOTES/environments"
"""


def archive(*names: str, exclusive: Sequence[str] = (), blocks: int = 3) -> Sandbox:
    """A sandbox that holds these products of proposal 1, FITS files of so many blocks."""
    return Sandbox(
        catalogue=Catalogue.from_rows(
            [{"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1"}],
            [
                {
                    "productFilename": name,
                    "parent_obsid": 1,
                    "size": 2880 * blocks if name.endswith(".fits") else 640,
                    "dataRights": "EXCLUSIVE_ACCESS" if name in exclusive else "PUBLIC",
                }
                for name in names
            ],
        )
    )


def fetch_of(
    name: str,
    content: bytes = b"",
    *,
    path: str | None = None,
    size: int | None = None,
    md5: bool = False,
    pinned: bool = False,
    replaces: bool = False,
) -> Fetch:
    """The fetch of a product; of the bytes that are expected only the number is known without ``md5`` or ``pinned``."""
    size = len(content) if size is None else size
    wanted = Selected(
        uri=f"mast:JWST/product/{name}",
        path=ProductPath(path or f"JWST/jw00001-o001/{name}"),
        proposal=1,
        size=size or None,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest() if md5 else None,
    )
    sha256 = hashlib.sha256(content).hexdigest()
    locked = LockedProduct(uri=wanted.uri, path=wanted.path, proposal=1, size=size, sha256=sha256) if pinned else None
    return Fetch(wanted, locked, replaces=replaces, aside=None if replaces else TRASH)


def pinned(sandbox: Sandbox) -> Fetch:
    """The fetch of the sandbox's one product, as it is locked."""
    return fetch_of(NAME, sandbox.content(NAME), pinned=True)


def plain(sandbox: Sandbox) -> Fetch:
    """The fetch of the sandbox's one product, of which only the size is known."""
    return fetch_of(NAME, sandbox.content(NAME))


def first(count: int, answer: Callable[[], web.StreamResponse]) -> Fault:
    """A fault that answers the first ``count`` requests."""
    left = iter(range(count))

    async def fault(_request: web.Request) -> web.StreamResponse | None:
        return None if next(left, None) is None else answer()

    return fault


def cut_off(content: bytes, at: int) -> Fault:
    """A fault that breaks off whole products in the middle, and lets what is gone on with pass."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "Range" in request.headers:
            return None
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        response.force_close()
        await response.prepare(request)
        await response.write(content[:at])
        return response

    return fault


def redirects(places: dict[str, str]) -> Fault:
    """A fault that points from one address to another."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        place = places.get(request.path)
        headers = {"Location": (place or "") + f"?{request.query_string}"}
        return None if place is None else web.Response(status=302, headers=headers, text="it has moved")

    return fault


class Held:
    """An archive that sends the beginning of the first product that is asked for, and no more until it is told to."""

    def __init__(self, sandbox: Sandbox, *, at: int = 3000, etag: str | None = None) -> None:
        self._at = at
        self._headers = {"ETag": etag} if etag else {}
        self.asked = threading.Event()
        self._sandbox = sandbox
        self._release = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        sandbox.fault = self._fault

    async def _fault(self, request: web.Request) -> web.StreamResponse | None:
        if self.asked.is_set() or "uri" not in request.query:
            return None
        content = self._sandbox.content(request.query["uri"].rpartition("/")[2])
        self._loop = asyncio.get_running_loop()
        response = web.StreamResponse(headers={"Content-Length": str(len(content)), **self._headers})
        await response.prepare(request)
        await response.write(content[: self._at])
        self.asked.set()
        await self._release.wait()
        await response.write(content[self._at :])
        return response

    def release(self) -> None:
        """Sends the rest."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._release.set)


@dataclass(frozen=True)
class Host:
    """A folder with a script in it, and commands that stand before those of the system.

    Attributes:
        folder: Where the script is run.
        commands: ``curl`` and ``sleep``: the one notes its arguments, the other also comes back at once.
        notes: What was noted, one file a command.
        variables: What else stands in the environment.
    """

    folder: Path
    commands: Path
    notes: Path
    variables: dict[str, str]

    @classmethod
    def below(cls, folder: Path) -> Host:
        """A host in a new folder."""
        host = cls(folder / "host", folder / "commands", folder / "notes", {})
        for one in (host.folder, host.commands, host.notes):
            one.mkdir()
        host.command("curl", f'{_NOTED}exec {shutil.which("curl")} "$@"\n')
        host.command("sleep", _NOTED)
        return host

    def command(self, name: str, text: str) -> None:
        """Puts a command before those of the system."""
        (self.commands / name).write_text(text, encoding="utf-8")
        (self.commands / name).chmod(0o755)

    def noted(self, command: str) -> list[str]:
        """The arguments that a command was called with, all calls together."""
        file = self.notes / command
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def write(self, fetches: Sequence[Fetch], url: str, *, proven: bool = True, shows_token: bool = True) -> None:
        """Writes the script of these fetches."""
        text = script_text(
            fetches, archive_url=url, root=ROOT, lockfile=LOCKFILE, proven=proven, shows_token=shows_token
        )
        (self.folder / SCRIPT).write_text(text, encoding="utf-8")

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Starts the script as the leader of a process group."""
        return subprocess.Popen(
            [BASH, SCRIPT, *options],
            cwd=self.folder,
            env={
                "PATH": f"{self.commands}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "NOTES": str(self.notes),
                **self.variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs the script to its end."""
        with self.start(*options) as process:
            stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def fetch(self, fetch: Fetch, sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
        """One run of the script of one fetch."""
        self.write([fetch], sandbox.url)
        return self.run()

    def place(self, fetch: Fetch) -> Path:
        """Where a product belongs."""
        return self.folder / ROOT / fetch.path

    @property
    def state(self) -> Path:
        """Where the script keeps what it needs to go on."""
        return self.folder / ROOT / ".jwstsync" / "script"

    def products(self) -> set[str]:
        """The paths of all that has a final name."""
        root = self.folder / ROOT
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {str(path) for path in found if path.parts[0] != ".jwstsync"}

    def left_behind(self) -> list[Path]:
        """What is left below the state folder but for notes of what was put in place."""
        return [path for path in self.state.parent.iterdir() if path.name != "fetched"]

    def noted_products(self) -> list[str]:
        """The paths that these notes have for the lockfile of the script, in order."""
        notes = [path.read_text(encoding="utf-8").splitlines() for path in self.state.parent.glob("fetched/*")]
        assert {note[0] for note in notes} == {f"of\t{LOCKFILE}"}
        lines = [line for note in notes for line in note]
        return sorted(line.removeprefix("done\t") for line in lines if line.startswith("done\t"))

    def trash(self) -> list[bytes]:
        """The contents of what was put aside."""
        folder = self.folder / ROOT / ".jwstsync" / "trash"
        return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
