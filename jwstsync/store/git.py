"""What git is told of lockfiles, in ``.gitattributes`` and in the clone's configuration, and what it knows of one."""

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


def unmerged(path: Path) -> tuple[bytes, bytes, bytes] | None:
    """The versions of a file that git is in the middle of merging: the common one, or nothing, ours and theirs.

    None where git is not, or is not there, or one side has no such file.
    """
    listed = _run(path.parent, "ls-files", "--unmerged", "-z", "--", path.name)
    stages: dict[str, bytes] = {}
    for entry in [] if listed is None else listed.stdout.split(b"\0"):
        _, _, name = entry.partition(b" ")
        blob, _, stage = name.partition(b"\t")[0].decode().partition(" ")
        content = _run(path.parent, "cat-file", "blob", blob) if blob else None
        if content is not None and content.returncode == 0:
            stages[stage] = content.stdout
    return (stages.get("1", b""), stages["2"], stages["3"]) if stages.keys() >= {"2", "3"} else None


def _git(folder: Path, *arguments: str) -> str:
    """What git says; nothing where it refuses.

    Raises:
        UsageError: There is no git.
    """
    said = _run(folder, *arguments)
    if said is None:
        raise UsageError("--git: git was not found; expected it to be installed")
    return said.stdout.decode(errors="replace").strip()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    try:
        return subprocess.run(  # noqa: S603 - git, with arguments of ours
            ["git", "-C", str(folder.absolute()), "--literal-pathspecs", *arguments],  # noqa: S607 - the user's own git
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except FileNotFoundError:
        return None


def _append(file: Path, line: str) -> None:
    with disk_errors("git attributes"):
        before = read_or_none(file) or b""
        end = b"" if before.endswith(b"\n") or not before else b"\n"
        write_whole(file, before + end + line.encode() + b"\n")


def _pattern(name: str) -> str:
    """A file name as ``.gitattributes`` names just that file, in the folder that it is in."""
    plain = "/" + _GLOB.sub(r"\\\g<0>", name)
    return '"' + re.sub(r'["\\]', r"\\\g<0>", plain) + '"' if re.search(r'[\s"]', name) else plain
