"""Git repositories that hold lockfiles, and the git that is installed here."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.core.lockfile import Lockfile, format_lockfile, parse_lockfile
from tests.cli.calls import COMMAND, PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.lock_histories import History

NAME = "jwstsync.lock"
MANIFEST = "version = 1\n[[proposal]]\nid = 2733\ninclude = [{}]\n"


@dataclass
class Repository:
    """A git repository with a manifest and a lockfile."""

    folder: Path

    @classmethod
    def begun(cls, folder: Path) -> Repository:
        """A new one with a manifest, in which nothing is committed yet."""
        folder.mkdir()
        made = cls(folder)
        made.git("init", "--quiet")
        (folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
        return made

    def git(self, *arguments: str, check: bool = True, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """A call of git, which has so many seconds."""
        command = ["git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", *arguments]
        return subprocess.run(command, cwd=self.folder, check=check, capture_output=True, text=True, timeout=patience)

    def jwstsync(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A call of jwstsync."""
        return subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, check=False, capture_output=True, text=True, timeout=PATIENCE
        )

    @property
    def lockfile(self) -> Path:
        """The lockfile."""
        return self.folder / NAME

    @property
    def locked(self) -> Lockfile:
        """What is locked."""
        return parse_lockfile(self.lockfile.read_text(encoding="utf-8"), NAME)

    def commit(self, lockfile: Lockfile) -> None:
        """Commits a lockfile."""
        self.lockfile.write_text(format_lockfile(lockfile, NAME), encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "lock")

    def diverge(self, history: History) -> None:
        """Makes two branches of a history, and goes to ours."""
        self.git("checkout", "--quiet", "--orphan", "base")
        self.commit(history.base)
        for name in ("theirs", "ours"):
            self.git("checkout", "--quiet", "-B", name, "base")
            self.commit(getattr(history, name))
        self.git("branch", "--quiet", "-D", "base")

    def merge(self, *choices: str) -> subprocess.CompletedProcess[str]:
        """Merges their branch into ours."""
        return self.git(*choices, "merge", "--quiet", "--no-edit", "theirs", check=False)
