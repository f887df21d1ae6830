"""What git is told of lockfiles: that jwstsync merges them, in ``.gitattributes`` and in the clone's configuration."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from jwstsync.errors import UsageError
from jwstsync.store.files import disk_errors, read_or_none, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DRIVER = "jwstsync"
_GLOB = re.compile(r"[*?\[\]\\]")


def enrol(lockfile: Path, command: Sequence[str]) -> list[str]:
    """Has git merge a lockfile with jwstsync, and gives what was written for it; nothing where all was said already.

    Args:
        lockfile: Where it is, or will be.
        command: What runs jwstsync on this machine.

    Raises:
        UsageError: There is no git, or no repository.
        StoreError: ``.gitattributes`` can not be written.
    """
    folder = lockfile.parent
    if _git(folder, "rev-parse", "--is-inside-work-tree") != "true":
        raise UsageError(f"--git: {folder.absolute()}: expected a folder in a git repository: `git init` makes one")
    written = []
    if not _git(folder, "check-attr", "merge", "--", lockfile.name).endswith(f": merge: {DRIVER}"):
        line = f"{_pattern(lockfile.name)} merge={DRIVER}"
        _append(folder / ".gitattributes", line)
        written.append(f"{folder / '.gitattributes'}: {line}")
    for key, value in (
        (f"merge.{DRIVER}.name", "jwstsync's lockfiles, by product"),
        (f"merge.{DRIVER}.driver", f"{shlex.join(command)} lock merge %O %A %B %P"),
    ):
        if _git(folder, "config", "--local", "--get", key) != value:
            _git(folder, "config", "--local", key, value)
            written.append(f"git config {key}: {value}")
    return written


def _git(folder: Path, *arguments: str) -> str:
    """What git says; nothing where it refuses."""
    try:
        said = subprocess.run(  # noqa: S603 - git, with arguments of ours
            ["git", "-C", str(folder.absolute()), *arguments],  # noqa: S607 - the user's own git
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise UsageError("--git: git was not found; expected it to be installed") from None
    return said.stdout.strip()


def _append(file: Path, line: str) -> None:
    with disk_errors("git attributes"):
        before = read_or_none(file) or b""
        end = b"" if before.endswith(b"\n") or not before else b"\n"
        write_whole(file, before + end + line.encode() + b"\n")


def _pattern(name: str) -> str:
    """A file name as ``.gitattributes`` names just that file, in the folder that it is in."""
    plain = "/" + _GLOB.sub(r"\\\g<0>", name)
    return '"' + re.sub(r'["\\]', r"\\\g<0>", plain) + '"' if re.search(r'[\s"]', name) else plain
