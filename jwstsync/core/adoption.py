"""Adoptions: which of the products to fetch may be had from files elsewhere, and whether bytes are the product.

Pure, as the plan is: who calls has found the files before, and hashes them after.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from jwstsync.core.offers import Left, Offer
from jwstsync.core.plan import TRANSFERS, Action, ActionKind, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.plan import Plan

_TO_BE_HAD = TRANSFERS | {ActionKind.WITHHOLD}


@dataclass(slots=True, unsafe_hash=True)
class Offered(Action):
    """An adoption of bytes that lie elsewhere.

    Attributes:
        offers: The files that may have them, in the order in which they are tried.
        instead: What is done if none of them has.
    """

    offers: tuple[Offer, ...] = ()
    instead: Action | None = None

    @property
    def size(self) -> int | None:
        """The bytes of the file that is tried first."""
        return self.offers[0].size


def names_to_find(plan: Plan) -> set[str]:
    """The file names of what is to be fetched, and of what can not be had from the archive."""
    return {_name(action) for action in plan.of(*_TO_BE_HAD)}


def with_offers(plan: Plan, offers: Mapping[str, Sequence[Offer]]) -> Plan:
    """The plan with adoptions in place of what files elsewhere may spare.

    Args:
        plan: What would happen without them.
        offers: What was found, by file name.
    """
    if not offers:
        return plan
    found = [(action, _offers_of(action, offers)) for action in plan.actions]
    actions = tuple(_with(action, some) for action, some in found)
    return replace(plan, actions=actions, left=tuple(one for action, some in found for one in _left(action, some)))


def _offers_of(action: Action, offers: Mapping[str, Sequence[Offer]]) -> list[Offer]:
    """The files with a product's name, those that need no copy first; what stands in its own place is none."""
    if action.kind not in _TO_BE_HAD:
        return []
    found = (offer for offer in offers.get(_name(action), ()) if offer.inside != action.path)
    return sorted(found, key=lambda offer: offer.copied)


def _with(action: Action, offers: Sequence[Offer]) -> Action:
    fitting = tuple(offer for offer in offers if _misfit(action, offer) is None)
    if not fitting:
        return action
    facts = {field.name: getattr(action, field.name) for field in fields(Action)}
    facts |= {"kind": ActionKind.ADOPT, "reason": Reason.OFFERED}
    return Offered(**facts, offers=fitting, instead=action)


def _left(action: Action, offers: Sequence[Offer]) -> Iterator[Left]:
    for offer in offers:
        if (why := _misfit(action, offer)) is not None:
            yield Left(action.uri, offer.path, why)


def _misfit(action: Action, offer: Offer) -> str | None:
    """What can be said against a file without reading it.

    Where the archive has made a product anew, only bytes that are surely not the locked ones are taken for it.
    """
    fetch, locked = action.fetch, action.locked
    if fetch.size not in {None, offer.size}:
        return _size_text(offer.size, fetch)
    if locked is None or action.pinned or fetch.md5 is not None:
        return None
    if fetch.size is None or fetch.size == locked.size:
        return "nothing tells it from the version that is locked"
    return None


def objection(fetch: Fetch, *, size: int, sha256: str, md5: str, served: int | None, use_checksums: bool) -> str | None:
    """What speaks against bytes that are to be adopted, or None: a hash or a checksum alone, else their number.

    Args:
        fetch: What they are to be.
        size: How many they are.
        sha256: Their SHA-256.
        md5: Their MD5.
        served: How many the archive would serve, where it states no size and was asked.
        use_checksums: Whether a checksum that the archive states is looked at.
    """
    if fetch.sha256 is not None:
        return None if sha256 == fetch.sha256 else "its bytes are not those that are locked"
    if fetch.md5 is not None and use_checksums:
        return None if md5 == fetch.md5 else "its bytes have not the archive's checksum"
    if fetch.size is None:
        return None if served in {None, size} else f"{size} bytes, the archive serves {served}"
    return None if size == fetch.size else _size_text(size, fetch)


def instead_of(action: Action) -> Action:
    """What is done in place of an adoption whose bytes turn out to be others."""
    if isinstance(action, Offered) and action.instead is not None:
        return action.instead
    if action.locked is None:
        return replace(action, kind=ActionKind.FETCH, reason=Reason.NEW)
    return replace(action, kind=ActionKind.UPDATE, reason=Reason.CHANGED)


def bytes_to_copy(plan: Plan) -> int:
    """The bytes that adoptions bring onto the root's file system."""
    return sum(action.size or 0 for action in offered(plan) if action.offers[0].copied)


def offered(plan: Plan) -> list[Offered]:
    """The adoptions of bytes that lie elsewhere."""
    return [action for action in plan.of(ActionKind.ADOPT) if isinstance(action, Offered)]


def _size_text(size: int, fetch: Fetch) -> str:
    return f"{size} bytes, {fetch.size} are {'locked' if fetch.pinned else 'stated'}"


def _name(action: Action) -> str:
    return action.path.rpartition("/")[2]
