"""Which files a changed layout renames instead of having them downloaded again, and in which order.

Locked bytes may stand where they were locked, or where an earlier run has left them. The caller observes these places;
`plan` says what else happens to a product whose file moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.core.layout import folders_of, same_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jwstsync.core.disk import FileState
    from jwstsync.core.goal import Goal
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct, Lockfile


def lacking(goal: Goal, lockfile: Lockfile, disk: Mapping[ProductPath, FileState]) -> set[str]:
    """The products whose locked bytes are not known to stand where they are wanted."""
    return {
        locked.uri
        for locked in lockfile
        if (wanted := goal.products.get(locked.uri)) and not _has(disk.get(wanted.path), locked)
    }


def old_places(
    goal: Goal, lockfile: Lockfile, lacking: Iterable[str], known: Mapping[str, Iterable[ProductPath]]
) -> dict[str, tuple[ProductPath, ...]]:
    """Where else the locked bytes of products may stand, the likeliest place first.

    Args:
        goal: What the set should hold.
        lockfile: What is locked.
        lacking: The products whose bytes are looked for.
        known: Where earlier runs have left products, by URI.
    """
    found = {}
    for uri in lacking:
        locked, wanted, others = lockfile.products[uri].path, goal.products[uri].path, known.get(uri, ())
        if locked == wanted and not others:  # as nearly always
            continue
        if places := tuple(place for place in dict.fromkeys([locked, *others]) if place != wanted):
            found[uri] = places
    return found


def sources(
    goal: Goal,
    lockfile: Lockfile,
    disk: Mapping[ProductPath, FileState],
    places: Mapping[str, Sequence[ProductPath]],
) -> dict[str, ProductPath]:
    """Where the locked bytes stand of the products that lack them, as far as they are found.

    A file that another product has in its own place is nobody else's, though the bytes be the same.
    """
    if not places:
        return {}
    short = lacking(goal, lockfile, disk)
    here = (one.uri for one in lockfile if one.uri in goal.products and one.uri not in short)
    taken = {same_place(goal.products[uri].path) for uri in here}
    found = {}
    for uri in sorted(short & places.keys()):
        locked = lockfile.products[uri]
        for path in places[uri]:
            if _has(disk.get(path), locked) and same_place(path) not in taken:
                taken.add(same_place(path))
                found[uri] = path
                break
    return found


def _has(state: FileState | None, locked: LockedProduct) -> bool:
    return state is not None and (state.size, state.sha256) == (locked.size, locked.sha256)


@dataclass(frozen=True, slots=True)
class Move:
    """A file that gets another name: the product's URI, where it stands, and where it belongs."""

    uri: str
    source: ProductPath
    target: ProductPath


@dataclass(frozen=True, slots=True)
class Wave:
    """Moves that can be made side by side.

    Attributes:
        moves: In no order.
        aside: Whether they only make room: the files are put aside, and get their names in a later wave.
    """

    moves: Sequence[Move]
    aside: bool = False


def in_order(moves: Iterable[Move]) -> Iterator[Wave]:
    """The order in which no file takes a name that another still has, or a folder that another stands for.

    Files that wait for each other in a circle get their names once one of them has been put aside.
    """
    everything = sorted(moves, key=lambda move: move.target)
    blockers = _blockers(everything)
    free = [move for move in everything if not blockers[move.uri]]
    waiting = [move for move in everything if blockers[move.uri]]
    by_uri = {move.uri: move for move in waiting}
    left = {move.uri for move in free}
    if free:
        yield Wave(free)
    while waiting:
        ready = [move for move in waiting if blockers[move.uri] <= left]
        if ready:
            yield Wave(ready)
            waiting = [move for move in waiting if move not in ready]
            left |= {move.uri for move in ready}
        else:
            uri = _in_a_circle(waiting[0].uri, blockers, left)
            yield Wave([by_uri[uri]], aside=True)
            left.add(uri)


def _in_a_circle(uri: str, blockers: Mapping[str, set[str]], left: set[str]) -> str:
    """A product that waits for itself in the end; where nothing is ready, every way leads to one."""
    seen = set()
    while uri not in seen:
        seen.add(uri)
        uri = min(blockers[uri] - left)
    return uri


def _blockers(moves: Sequence[Move]) -> dict[str, set[str]]:
    """Whose files have to leave before each product has its place: what stands there, above it, or below it."""
    at = {same_place(move.source): move.uri for move in moves}
    targets = {same_place(move.target) for move in moves}
    below: dict[str, set[str]] = {}
    for place, uri in at.items():
        for folder in targets.intersection(folders_of(place)):
            below.setdefault(folder, set()).add(uri)
    found = {}
    for move in moves:
        place = same_place(move.target)
        standing = {at[one] for one in (place, *folders_of(place)) if one in at}
        found[move.uri] = standing | below.get(place, set())
    return found
