"""A manifest and its lockfile compared as they stand in a repository, without archive, data and environment."""

from __future__ import annotations

from pathlib import Path

from jwstsync.core.agreement import disagreements
from jwstsync.settings import Settings
from jwstsync.store.lockfiles import NO_LOCKFILE, read_lockfile
from jwstsync.sync.gather import load_manifest


def check_files(path: Path) -> tuple[int | None, list[str]]:
    """How many products the lockfile of a manifest locks, and where it does not match; None where there is none.

    Raises:
        InvalidFileError: The manifest or the lockfile is not valid.
        StoreError: The lockfile can not be read.
    """
    manifest = load_manifest(path, Settings())
    lockfile, digest = read_lockfile(Path(manifest.lockfile))
    problems = [f"{manifest.lockfile}: {problem}" for problem in disagreements(manifest, lockfile)]
    return None if digest == NO_LOCKFILE else len(lockfile), problems
