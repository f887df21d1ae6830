"""Files that leave their places for the trash: first a second name there that lasts, then the first one goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.store.commit import name_aside
from jwstsync.store.files import sync_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jwstsync.core.layout import ProductPath
    from jwstsync.store.tree import Tree


def put_away(tree: Tree, paths: Sequence[ProductPath], trash: Path) -> list[OSError | None]:
    """Puts files into the trash, and tells for each what stood against it.

    Args:
        tree: Where they are.
        paths: Where in it.
        trash: The folder that takes them, under their paths.
    """
    unsynced: set[str] = set()
    results: list[OSError | None] = []
    for path in paths:
        try:
            name_aside(tree.place(path), trash / path, unsynced)
        except OSError as error:
            results.append(error)
        else:
            results.append(None)
    for folder in unsynced:
        sync_folder(folder)
    results = [error or _removed(tree.place(path)) for path, error in zip(paths, results, strict=True)]
    for folder in {str(tree.place(path).parent) for path in paths}:
        sync_folder(folder)
    return results


def _removed(place: Path) -> OSError | None:
    try:
        place.unlink()
    except OSError as error:
        return error
    return None
