"""Folders that runs made and that have become empty.

jwstsync made what holds only files that it wrote, by the record. Only an empty folder can be removed at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.core.layout import ProductPath, folders_of
from jwstsync.store.files import sync_folder
from jwstsync.store.record import WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jwstsync.store.record import Entry
    from jwstsync.store.tree import Tree


def remove_emptied(tree: Tree, left: Iterable[ProductPath], record: Mapping[ProductPath, Entry]) -> None:
    """Removes the folders that files have left, as far as they are empty and nobody else's; never through a link.

    Args:
        tree: Where they are; its root stays.
        left: The files that are gone.
        record: What is remembered, of these files too.
    """
    written = {path for path in left if path in record and record[path].origin == WRITTEN}
    if not written:
        return
    of_others = {folder for path, entry in record.items() if entry.origin != WRITTEN for folder in folders_of(path)}
    emptied = {folder for path in written for folder in folders_of(path)} - of_others
    for folder in sorted(emptied, key=lambda folder: folder.count("/"), reverse=True):
        if not tree.is_linked(ProductPath(folder)):
            _remove(tree.root / folder)


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # not empty, not ours to remove, or gone
        return
    sync_folder(folder.parent)
