"""The lockfile once a plan has been carried out, wholly or in part. Writing it is the store's business."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.core.layout import same_place
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwstsync.core.layout import ProductPath
    from jwstsync.core.plan import Action, Plan


def lockfile_after(plan: Plan, landed: Mapping[str, LockedProduct]) -> Lockfile:
    """The lockfile once a plan has been carried out as far as it went.

    Args:
        plan: What was to happen.
        landed: The entries of the products that were fetched or adopted, by URI.
    """
    settled = [entry for action in plan.actions if (entry := landed.get(action.uri) or _kept(action))]
    waiting = {
        same_place(locked.path): (locked, action.path)
        for action in plan.actions
        if (locked := action.locked)
        and action.kind not in {ActionKind.KEEP, ActionKind.DROP, ActionKind.PRUNE}
        and action.uri not in landed
    }
    return Lockfile.of([*settled, *_waiting(waiting, [same_place(entry.path) for entry in settled])])


def _kept(action: Action) -> LockedProduct | None:
    if action.kind is not ActionKind.KEEP or action.locked is None:
        return None
    return action.refreshed(action.locked)


def _waiting(waiting: dict[str, tuple[LockedProduct, ProductPath]], taken: list[str]) -> Iterator[LockedProduct]:
    """What was locked and is still to come; where its old place is taken now, it is locked at its new one.

    Args:
        waiting: By its old place, what is locked and its new path.
        taken: The places of what is settled.
    """
    while taken:
        if displaced := waiting.pop(taken.pop(), None):
            locked, path = displaced
            yield replace(locked, path=path)
            taken.append(same_place(path))  # which may be the old place of yet another
    yield from (locked for locked, _ in waiting.values())
