"""A verification that goes round: which file is next, what is known of the rest, and what follows from it.

A round ends when every locked file has been hashed, however many runs that takes. Hashing is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jwstsync.core.access import Access
from jwstsync.core.goal import goal_of
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.plan import Plan, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jwstsync.core.disk import FileState
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.plan import Action


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was hashed.

    Attributes:
        path: Below the root.
        size: In bytes.
        mtime_ns: Its modification time, in nanoseconds since 1970.
        sha256: The hash of its bytes; empty where they could not be read.
        at_ns: When that was, in nanoseconds since 1970.
    """

    path: ProductPath
    size: int
    mtime_ns: int
    sha256: str
    at_ns: int

    def fits(self, state: FileState) -> bool:
        """Whether the file is still the same, as far as size and time tell."""
        return (self.size, self.mtime_ns) == (state.size, state.mtime_ns)


@dataclass(frozen=True, slots=True)
class Verification:
    """What has been found so far in a round.

    Attributes:
        plan: What `apply` would do about the products that were looked at; those that are whole it keeps.
        remaining: The products that this round has not come to yet.
    """

    plan: Plan
    remaining: Sequence[LockedProduct] = ()

    @property
    def differences(self) -> list[Action]:
        """What is missing or wrong."""
        return self.plan.differences


def recalled(disk: Mapping[ProductPath, FileState], seen: Mapping[ProductPath, Seen]) -> dict[ProductPath, FileState]:
    """The states with the hashes that were seen, and no others: a verification trusts no other memory."""
    return {path: replace(state, sha256=_recalled(state, seen.get(path))) for path, state in disk.items()}


def _recalled(state: FileState, seen: Seen | None) -> str | None:
    return seen.sha256 if seen is not None and seen.fits(state) else None


def verification_of(lockfile: Lockfile, disk: Mapping[ProductPath, FileState]) -> Verification:
    """What is known by now; what is missing or has another size is wrong without being hashed.

    Args:
        lockfile: What is locked.
        disk: What stands at its paths, with the hashes of what this round has come to.
    """
    remaining = tuple(one for one in lockfile if _is_unclear(one, disk.get(one.path)))
    uris = {one.uri for one in remaining}
    known = Lockfile({uri: one for uri, one in lockfile.products.items() if uri not in uris})
    return Verification(decide(goal_of(None, known), known, disk, Access()), remaining)


def _is_unclear(locked: LockedProduct, state: FileState | None) -> bool:
    return state is not None and state.size == locked.size and state.sha256 is None


def longest_ago_first(
    products: Iterable[LockedProduct], disk: Mapping[ProductPath, FileState], before: Mapping[ProductPath, Seen]
) -> list[LockedProduct]:
    """The order to hash in: first what was hashed, or else written, longest ago.

    So a verification that is always cut short comes to every file in the end, also where new ones keep coming.

    Args:
        products: What is to be hashed.
        disk: What stands at their paths.
        before: What earlier rounds have seen.
    """

    def last(path: ProductPath) -> int:
        seen = before.get(path)
        return seen.at_ns if seen is not None and seen.fits(disk[path]) else disk[path].mtime_ns

    return sorted(products, key=lambda one: (last(one.path), one.path))
