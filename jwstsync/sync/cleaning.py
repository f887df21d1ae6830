"""Removing what the local state holds and nobody needs for sure, once somebody has agreed to it."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.store.leftovers import Kind, Leftover, leftovers, links
from jwstsync.store.runlock import run_lock
from jwstsync.store.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from jwstsync.core.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What can be removed at a destination that is locked for it. Made by `open_cleaning`.

    Attributes:
        state_folder: Where it all lies.
        found: What can be removed.
        links: Folders that are links, and are left alone.
    """

    state_folder: Path
    found: Sequence[Leftover]
    links: Sequence[Path]

    def carry_out(self) -> Iterator[tuple[Leftover, str | None]]:
        """Removes what was found, and tells of each what stood against it."""
        for one in self.found:
            try:
                one.remove()
            except OSError as error:
                yield one, f"{error.filename}: {error.strerror}"
            else:
                yield one, None


@contextmanager
def open_cleaning(
    manifest: Manifest,
    kinds: Collection[Kind] = tuple(Kind),
    *,
    older_than: float | None = None,
    lock_timeout: float = 0,
) -> Iterator[Cleaning]:
    """What can be removed, while no run is at work there. Nothing is begun where there is no local state.

    Args:
        manifest: Whose root.
        kinds: What is to be removed.
        older_than: For how many seconds nobody may have needed it; None takes everything.
        lock_timeout: Seconds to wait for a run.

    Raises:
        JwstsyncError: A run is at work, or a folder can not be searched.
    """
    tree = Tree(Path(manifest.root))
    there = tree.state_folder.is_dir()
    with run_lock(tree.state_folder, lock_timeout) if there else nullcontext():
        newest = None if older_than is None else time.time() - older_than
        found = leftovers(tree, kinds)
        old = [one for one in found if newest is None or one.at <= newest]
        yield Cleaning(tree.state_folder, old, links(tree, kinds))
