"""Where products of earlier runs lie: by the record, by what runs that were cut off noted, and put aside in between.

Only hints: a file that is found there counts once its bytes are known.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from jwstsync.core.layout import MOVES, STATE_FOLDER, ProductPath
from jwstsync.store.files import disk_errors
from jwstsync.store.journal import journal_folder, read_journal
from jwstsync.store.record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.store.tree import Tree


def known_places(tree: Tree, lockfile_name: str, uris: Iterable[str]) -> dict[str, list[ProductPath]]:
    """Where runs on one lockfile have left these products, by URI.

    Raises:
        StoreError: What is remembered can not be read.
    """
    found: dict[str, list[ProductPath]] = {uri: [] for uri in uris}
    with disk_errors("local state"):
        left = moves_left(tree)
        keys = (
            {_key(uri): uri for uri in found} if left else {}
        )  # there may be 100,000 of these, and seldom any of those
        for path in left:
            uri = keys.get(path.rpartition("/")[2].partition(".")[0])
            if uri is not None:
                found[uri].append(path)
        journals = sorted(journal_folder(tree.state_folder, lockfile_name).glob("*.jsonl"))
        noted = [line.entry for path in journals for line in read_journal(path)[1]]
        for entry in (*noted, *read_record(tree.record_file).values()):
            if entry.lockfile == lockfile_name and entry.uri in found:
                found[entry.uri].append(entry.path)
    return found


def place_aside(uri: str) -> ProductPath:
    """A free place for a product that has to make room before it can have its own; `known_places` finds it again."""
    return ProductPath(f"{STATE_FOLDER}/{MOVES}/{_key(uri)}.{secrets.token_hex(4)}")


def moves_left(tree: Tree) -> list[ProductPath]:
    """What was put aside so."""
    return sorted(ProductPath(f"{STATE_FOLDER}/{MOVES}/{one.name}") for one in (tree.state_folder / MOVES).glob("*"))


def _key(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()[:24]
