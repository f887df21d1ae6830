"""A plan as a script that somebody else runs; nothing is fetched and nothing recorded here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.executors.script import script_text
from jwstsync.store.files import disk_errors, write_whole
from jwstsync.sync.planning import Mode, check_locked

if TYPE_CHECKING:
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Plan

STDOUT = "-"


def write_script(manifest: Manifest, plan: Plan, mode: Mode, target: str) -> str:
    """Writes a script that fetches what the plan would, and gives its text.

    Args:
        manifest: Whose root the script fills, relative to the folder it is run in.
        plan: What there is to fetch.
        mode: Whether the lockfile must not change.
        target: The file to write; ``-`` writes none.

    Raises:
        JwstsyncError: The lockfile would change and must not, or the file can not be written.
    """
    if mode is Mode.LOCKED:
        check_locked(plan)
    fetches = [action.fetch for action in plan.transfers]
    text = script_text(fetches, archive_url=manifest.archive.url, root=_root(manifest))
    if target != STDOUT:
        with disk_errors("script"):
            write_whole(Path(target), text.encode())
            Path(target).chmod(0o755)
    return text


def _root(manifest: Manifest) -> str:
    """The root as the manifest names it; that of a sandbox, which lies beside it, in the same way."""
    if not manifest.sandboxed:
        return manifest.destination.root
    absolute = Path(manifest.destination.root).is_absolute()
    return str(manifest.root) if absolute else os.path.relpath(manifest.root, manifest.source.parent)
