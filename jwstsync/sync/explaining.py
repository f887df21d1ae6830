"""Why products are selected or left out: the archive is asked as for a plan, and about more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.explanation import Explanation, explain
from jwstsync.core.rules import EVERYTHING
from jwstsync.store.lockfiles import read_lockfile
from jwstsync.sync.feedback import Silence
from jwstsync.sync.gather import gather, open_archive

if TYPE_CHECKING:
    from jwstsync.archive import Archive
    from jwstsync.core.manifest import Manifest
    from jwstsync.sync.feedback import Feedback


def explanations(
    manifest: Manifest, pattern: str, *, archive: Archive | None = None, feedback: Feedback | None = None
) -> tuple[list[Explanation], dict[int, str]]:
    """Why the products whose file names match a glob are selected or left out.

    Unlike for a plan, the products of all executed observations are asked for: a name that a block's ``observations``
    leaves out is to be explained too.

    Returns:
        The explanations in the order of the names, and the errors of the proposals that could not be asked.

    Raises:
        ArchiveError: Nothing could be asked.
        JwstsyncError: The lockfile can not be read.
    """
    archive = archive or open_archive(manifest.archive.url, manifest.archive.timeout)
    locked = read_lockfile(Path(manifest.lockfile))[0]
    every_observation = replace(
        manifest, blocks=tuple(replace(block, observations=EVERYTHING) for block in manifest.blocks)
    )
    listings, failed = gather(every_observation, archive, feedback or Silence())
    return explain(manifest, listings, pattern, locked), failed
