"""What the set should hold: what is selected, put together with what is locked where the archive gives no good answer.

Decides who gets a path that two products claim, and which answers are not believed. The disk is not looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jwstsync.core.layout import ProductPath, folders_of, same_place
from jwstsync.core.selection import Refused, Selected

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from jwstsync.core.lockfile import LockedProduct, Lockfile
    from jwstsync.core.selection import Selection


@dataclass(frozen=True, slots=True)
class Goal:
    """What the set should hold, before the disk is looked at.

    Attributes:
        products: What is selected, and what is locked where the archive's answer is missing or makes no sense.
        refused: What can not be taken; it stays as it is locked, if it is.
        disbelieved: Proposals that had products and now list none.
        failed: Proposals whose query failed, with the error.
        listed: How many product rows each proposal lists.
        gone: The locked products that the archive no longer lists, as far as it was asked.
        idle_rules: The rules that take no listed product.
        warnings: What could not be found out, for people.
        kept_at: When the oldest of the answers came, in seconds since 1970, where they were kept.
        empty: The proposals that list nothing, believed or not.
        thin: The proposals of which one query for products brought none, though others did.
    """

    products: Mapping[str, Selected]
    refused: Sequence[Refused] = ()
    disbelieved: frozenset[int] = frozenset()
    failed: Mapping[int, str] = field(default_factory=dict)
    listed: Mapping[int, int] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    idle_rules: Sequence[str] = ()
    warnings: Sequence[str] = ()
    kept_at: float | None = None
    empty: frozenset[int] = frozenset()
    thin: frozenset[int] = frozenset()

    @property
    def paths(self) -> list[ProductPath]:
        """The paths that the decision depends on."""
        return [one.path for one in self.products.values()]


def goal_of(selection: Selection | None, lockfile: Lockfile, *, allow_empty: bool = False) -> Goal:
    """What the set should hold.

    Args:
        selection: What the manifest selects in the archive now; None for just what is locked.
        lockfile: What is locked.
        allow_empty: Believe a proposal that had products and now lists none.
    """
    if selection is None:
        return Goal({one.uri: as_locked(one) for one in lockfile})
    disbelieved = suddenly_empty(selection, lockfile, allow_empty=allow_empty)
    products = dict(selection.products)
    unanswered, unsure = disbelieved.union(selection.failed), selection.unsure
    for one in lockfile if unanswered or unsure else ():
        if one.proposal in unanswered or (one.proposal in unsure and one.uri not in selection.uris):
            products[one.uri] = _still(one, products.get(one.uri))
    refused = list(selection.refused)
    _carry(products, refused, lockfile)
    while losers := list(_collisions(products.values(), lockfile)):
        refused += losers
        _carry(products, losers, lockfile)
    gone = frozenset(one.uri for one in lockfile if one.proposal in selection.complete) - selection.uris
    return Goal(
        products,
        tuple(refused),
        disbelieved,
        selection.failed,
        selection.listed,
        gone,
        selection.idle_rules,
        selection.warnings,
        selection.kept_at,
        selection.empty,
        selection.thin,
    )


def suddenly_empty(selection: Selection, lockfile: Lockfile, *, allow_empty: bool) -> frozenset[int]:
    """The proposals that had products and now list none, unless that is believed."""
    return lockfile.proposals & selection.empty if selection.empty and not allow_empty else frozenset()


def _still(locked: LockedProduct, wanted: Selected | None) -> Selected:
    """What a proposal without a good answer keeps; where others select it, it is still counted under the smallest."""
    return as_locked(locked) if wanted is None else replace(wanted, proposal=min(wanted.proposal, locked.proposal))


def _carry(products: dict[str, Selected], refused: Iterable[Refused], lockfile: Lockfile) -> None:
    """Puts what is locked in the place of what is refused."""
    for one in refused:
        products.pop(one.uri, None)
        if one.uri in lockfile.products:
            locked = as_locked(lockfile.products[one.uri])
            products[one.uri] = replace(locked, public=one.public, released_at=one.released_at)


def as_locked(locked: LockedProduct) -> Selected:
    """What is locked, as if the archive still stated it so; as public, which the lockfile does not tell."""
    return Selected(
        uri=locked.uri,
        path=locked.path,
        proposal=locked.proposal,
        size=locked.size if locked.stated_size is None else locked.stated_size,
        md5=locked.md5,
        cal_ver=locked.cal_ver,
        crds_ctx=locked.crds_ctx,
        carried=True,
    )


def _collisions(products: Collection[Selected], lockfile: Lockfile) -> Iterator[Refused]:
    """The products that would share a place or need it for a folder; what is locked there already stays."""
    taken = {same_place(one.path) for one in products}
    above = {place.rpartition("/")[0] for place in taken}
    folders = _with_those_above(above)
    if len(taken) == len(products) and folders.isdisjoint(taken):
        return  # as nearly always
    places: dict[str, list[Selected]] = {}
    for one in products:
        places.setdefault(same_place(one.path), []).append(one)
    files = {place for place in folders & places.keys() if any(_holds(lockfile, one) for one in places[place])}
    for place, rivals in places.items():
        if len(rivals) > 1 or place in folders or not files.isdisjoint(folders_of(place)):
            for one in rivals:
                if not _holds(lockfile, one):
                    error = f"path {one.path!r}: another product has it"
                    yield Refused(one.uri, one.proposal, error, one.public, one.released_at)


def _holds(lockfile: Lockfile, wanted: Selected) -> bool:
    locked = lockfile.products.get(wanted.uri)
    return locked is not None and locked.path == wanted.path


def _with_those_above(folders: set[str]) -> set[str]:
    """Folders and all that they lie in."""
    found, level = set(folders), folders
    while level := {folder.rpartition("/")[0] for folder in level} - found:
        found |= level
    return found
