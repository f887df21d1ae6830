"""What a lockfile holds, summed up: proposals, pipeline versions, CRDS contexts, and the oldest and newest products.

A lockfile has no times, so that the same state gives the same bytes. What it can tell of age is by which pipeline a
product was made, and in that pipeline by which CRDS context: the numbers of both grow with time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jwstsync.core.lockfile import LockedProduct

_CONTEXT = re.compile(r"jwst_([0-9]{1,9})\.pmap", re.ASCII)
_LONGEST = 40  # characters; no version of the pipeline is longer, and a lockfile's may be anything
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Share(Generic[Key]):
    """The products that have something in common, and their bytes."""

    key: Key
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Age:
    """The products that one pipeline version made by one CRDS context, where both can be known.

    Attributes:
        cal_ver: The pipeline version.
        crds_ctx: The CRDS context; None where it is not locked, or has no number.
        paths: Where the products belong below the root.
        bytes: Their sizes together.
    """

    cal_ver: str
    crds_ctx: str | None
    paths: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a lockfile holds.

    Attributes:
        files: How many products.
        bytes: Their sizes together.
        proposals: By proposal.
        cal_vers: By pipeline version, the oldest first; what is unknown or can not be compared stands at the end.
        crds_ctxs: By CRDS context, likewise.
        oldest: What was made longest ago; None where no version can be compared.
        newest: What was made last; None where no version can be compared.
        recheck: How many are marked for a fresh look by a merge.
    """

    files: int
    bytes: int
    proposals: tuple[Share[int], ...]
    cal_vers: tuple[Share[str | None], ...]
    crds_ctxs: tuple[Share[str | None], ...]
    oldest: Age | None
    newest: Age | None
    recheck: int


def inventory_of(lockfile: Iterable[LockedProduct]) -> Inventory:
    """What these products are, summed up."""
    products = list(lockfile)
    return Inventory(
        files=len(products),
        bytes=sum(product.size for product in products),
        proposals=_shares(products, lambda product: product.proposal, lambda proposal: proposal),
        cal_vers=_shares(products, lambda product: product.cal_ver, _version_order),
        crds_ctxs=_shares(products, lambda product: product.crds_ctx, _context_order),
        oldest=_age(products, min),
        newest=_age(products, max),
        recheck=sum(product.recheck is not None for product in products),
    )


def _shares(
    products: Iterable[LockedProduct], key_of: Callable[[LockedProduct], Key], order: Callable[[Key], Any]
) -> tuple[Share[Key], ...]:
    sizes: dict[Key, list[int]] = defaultdict(list)
    for product in products:
        sizes[key_of(product)].append(product.size)
    keys = sorted(sizes, key=order)
    return tuple(Share(key, len(sizes[key]), sum(sizes[key])) for key in keys)


def _version_order(cal_ver: str | None) -> tuple[bool, Version, bool, str]:
    version = _version(cal_ver)
    return version is None, version or Version("0"), cal_ver is None, cal_ver or ""


def _context_order(crds_ctx: str | None) -> tuple[bool, int, bool, str]:
    number = _context(crds_ctx)
    return number is None, number or 0, crds_ctx is None, crds_ctx or ""


@lru_cache  # there are few
def _version(cal_ver: str | None) -> Version | None:
    if cal_ver is None or len(cal_ver) > _LONGEST:
        return None
    try:
        return Version(cal_ver)
    except InvalidVersion:
        return None


@lru_cache
def _context(crds_ctx: str | None) -> int | None:
    found = _CONTEXT.fullmatch(crds_ctx or "")
    return int(found[1]) if found else None


def _age(products: Sequence[LockedProduct], first: Callable[..., str]) -> Age | None:
    """The products of the smallest or the largest version, and among these of such a context."""
    versions = {product.cal_ver for product in products if product.cal_ver and _version(product.cal_ver) is not None}
    if not versions:
        return None
    cal_ver = first(versions, key=_version_order)
    of_version = [product for product in products if product.cal_ver == cal_ver]
    contexts = {one.crds_ctx for one in of_version if one.crds_ctx and _context(one.crds_ctx) is not None}
    crds_ctx = first(contexts, key=_context_order) if contexts else None
    found = [product for product in of_version if crds_ctx is None or product.crds_ctx == crds_ctx]
    return Age(cal_ver, crds_ctx, tuple(product.path for product in found), sum(product.size for product in found))
