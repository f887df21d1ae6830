"""Two lockfiles that come from one, brought together: a three-way merge by URI that always gives a valid lockfile.

What both sides made of one product is decided by its bytes. Where they differ, ours stays, marked ``recheck``, so that
the next plan that asks the archive does not take it for what is there. How a text with conflict markers is read is the
business of `conflicts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from jwstsync.core.layout import ProductPath, folders_of, same_place
from jwstsync.core.lockfile import LockedProduct, Lockfile

if TYPE_CHECKING:
    from collections.abc import Iterable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Merge:
    """What came of a merge.

    Attributes:
        lockfile: What is locked now.
        rechecked: The URIs of which both sides have other bytes; ours stayed, marked.
        revived: The URIs that one side removed and the other changed; they stayed.
        displaced: The URIs for which no place is left, because ours has it for another product.
        torn: The URIs that conflict markers run through, which are left out; only with ``by_lines``.
        by_lines: Whether it comes of a text that git has merged by lines, so that all of it is marked.
    """

    lockfile: Lockfile
    rechecked: tuple[str, ...] = ()
    revived: tuple[str, ...] = ()
    displaced: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()
    by_lines: bool = False


class _Statement(NamedTuple):
    """What the archive stated of the bytes; known together, and of no use apart."""

    md5: str | None
    stated_size: int | None
    cal_ver: str | None
    crds_ctx: str | None
    recheck: bool | None


def merged(base: Lockfile, ours: Lockfile, theirs: Lockfile) -> Merge:
    """The union of two lockfiles, without what one side removed and the other left as it was.

    Args:
        base: What both come from; an empty one where that is not known, so that nothing counts as removed.
        ours: The side that stays where both have changed the same.
        theirs: The other side.
    """
    found: dict[str, LockedProduct] = {}
    rechecked, revived = [], []
    for uri in sorted({*ours.products, *theirs.products}):
        before, one, other = (side.products.get(uri) for side in (base, ours, theirs))
        if other in {one, before}:
            product = one
        elif one == before:
            product = other
        elif one is None or other is None:
            product = one or other
            revived.append(uri)
        else:
            product = _both_changed(before, one, other)
            rechecked += [uri] if _differ(before, one, other) else []
        if product is not None:
            found[uri] = product
    placed = _placed(found.values(), ours)
    displaced = tuple(uri for uri in found if uri not in placed.products)
    return Merge(placed, tuple(rechecked), tuple(revived), displaced)


def _both_changed(before: LockedProduct | None, ours: LockedProduct, theirs: LockedProduct) -> LockedProduct:
    """One entry of two that differ from each other, and both from what was before."""
    old = None if before is None else _bytes(before)
    if _differ(before, ours, theirs):
        product = replace(ours, recheck=True)
    elif _bytes(ours) == _bytes(theirs):
        known = _statement(before) if before is not None and old == _bytes(ours) else None
        product = _with(ours, _chosen(known, _statement(ours), _statement(theirs)))
    else:
        product = theirs if _bytes(ours) == old else ours
    ids = (None if before is None else before.proposal, ours.proposal, theirs.proposal)
    paths = (None if before is None else before.path, ours.path, theirs.path)
    return replace(product, proposal=_changed(*ids, min(ids[1:])), path=_changed(*paths, ours.path))


def _differ(before: LockedProduct | None, ours: LockedProduct, theirs: LockedProduct) -> bool:
    """Whether each side has bytes of its own, which are not those from before."""
    versions = {_bytes(one) for one in (before, ours, theirs) if one is not None}
    return _bytes(ours) != _bytes(theirs) and len(versions) == (2 if before is None else 3)


def _bytes(product: LockedProduct) -> tuple[int, str]:
    return product.size, product.sha256


def _statement(product: LockedProduct) -> _Statement:
    return _Statement(*(getattr(product, name) for name in _Statement._fields))


def _with(product: LockedProduct, statement: _Statement) -> LockedProduct:
    return replace(product, **statement._asdict())


def _chosen(before: _Statement | None, ours: _Statement, theirs: _Statement) -> _Statement:
    """What is stated of bytes that both sides have: what changed, or else what tells more, whichever side it is on."""

    def rank(one: _Statement) -> tuple[bool, int, str]:
        return not one.recheck, sum(value is not None for value in one), repr(one)

    return _changed(before, ours, theirs, max(ours, theirs, key=rank))


def _changed(before: _T | None, ours: _T, theirs: _T, otherwise: _T) -> _T:
    """The value that one side alone changed, or that both have; else ``otherwise``."""
    if theirs in {before, ours}:
        return ours
    return theirs if ours == before else otherwise


def _placed(products: Iterable[LockedProduct], ours: Lockfile) -> Lockfile:
    """All products for which there is a place: what ours has keeps its own, and the rest come in the order of URIs."""
    places: set[str] = set()
    folders: set[str] = set()
    placed: list[LockedProduct] = []
    arriving: list[LockedProduct] = []

    def put(product: LockedProduct) -> None:
        place = same_place(product.path)
        places.add(place)
        folders.update(folders_of(place))
        placed.append(product)

    for product in products:
        if _path_in(ours, product) == product.path:
            put(product)
        else:
            arriving.append(product)
    for product in arriving:
        for path in filter(None, (product.path, _path_in(ours, product))):
            place = same_place(path)
            if place not in places and place not in folders and places.isdisjoint(folders_of(place)):
                put(replace(product, path=path))
                break
    return Lockfile.of(placed)


def _path_in(lockfile: Lockfile, product: LockedProduct) -> ProductPath | None:
    known = lockfile.products.get(product.uri)
    return None if known is None else known.path
