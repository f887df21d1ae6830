"""Folders that runs made and that have become empty.

jwstsync made what holds only files that it wrote, by the record. Only an empty folder can be removed at all.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jwstsync.core.layout import ProductPath, folders_of
from jwstsync.store.files import sync_folder
from jwstsync.store.record import WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jwstsync.store.record import Entry
    from jwstsync.store.tree import Tree


class OwnFolders:
    """The folders below a root that runs made.

    Args:
        tree: Where they are; its root stays.
        record: What is remembered, of files that are gone too.
    """

    def __init__(self, tree: Tree, record: Mapping[ProductPath, Entry]) -> None:
        self._tree = tree
        self._record = record

    @cached_property
    def _of_others(self) -> set[str]:
        others = (path for path, entry in self._record.items() if entry.origin != WRITTEN)
        return {folder for path in others for folder in folders_of(path)}

    def remove_emptied(self, left: Iterable[ProductPath]) -> None:
        """Removes the folders that files have left, as far as they are empty and nobody else's; never through a link.

        Args:
            left: The files that are gone.
        """
        written = {path for path in left if path in self._record and self._record[path].origin == WRITTEN}
        folders = {folder for path in written for folder in folders_of(path)}
        emptied = [folder for folder in folders if folder not in self._of_others]
        emptied.sort(key=lambda folder: folder.count("/"), reverse=True)
        places = [self._tree.root / one for one in emptied if not self._tree.is_linked(ProductPath(one))]
        removed = [place for place in places if _remove(place)]
        for folder in {place.parent for place in removed}:
            sync_folder(folder)


def _remove(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # not empty, not ours to remove, or gone
        return False
    return True
