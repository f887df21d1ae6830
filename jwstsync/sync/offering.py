"""Files elsewhere that may spare downloads: looked for by name, and what is said of those that are not taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.adoption import names_to_find
from jwstsync.errors import UsageError
from jwstsync.store.files import disk_errors
from jwstsync.store.sources import find_offers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jwstsync.core.offers import Left, Offer
    from jwstsync.core.plan import Plan
    from jwstsync.sync.feedback import Feedback

_NAMED = 5  # files, or folders, in a message


def folders(named: Iterable[str | Path]) -> tuple[Path, ...]:
    """Folders that somebody has named.

    Raises:
        UsageError: One of them is none.
    """
    found = tuple(map(Path, named))
    for folder in found:
        if not folder.is_dir():
            raise UsageError(f"--adopt-from {folder}: expected a folder")
    return found


def offers_below(folders: Sequence[Path], plan: Plan, root: Path, feedback: Feedback) -> dict[str, list[Offer]]:
    """The files that have the name of a product that is to be had, by that name.

    Args:
        folders: Where they are looked for, and anywhere below.
        plan: What is to be had.
        root: Where the products belong.
        feedback: Who is told of folders that can not be searched.

    Raises:
        StoreError: Nobody can tell which file system the root is on.
    """
    names = names_to_find(plan)
    if not folders or not names:
        return {}
    feedback.phase(f"looking for {len(names)} products in {', '.join(map(str, folders))}")
    unread: list[str] = []
    with disk_errors("destination"):
        found = find_offers(folders, names, root, unread.append)
    if unread:
        feedback.warn(_few(unread))
    return found


def left_text(left: Sequence[Left]) -> str:
    """What is said of files that have a product's name and stay where they are."""
    return _few([f"left as it is: {one.path}: {one.why}" for one in left])


def _few(texts: Sequence[str]) -> str:
    """A few of these, one a line, and how many more there are."""
    more = len(texts) - _NAMED
    return "\n".join([*texts[:_NAMED], *([f"and {more} more"] if more > 0 else [])])
