"""The decision: what has to happen to each product, from what is selected, what is locked and what is on the disk.

Pure: the caller observes the disk (and hashes what `paths_to_hash` names) before, and carries the plan out after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING

from jwstsync.core.comparison import Basis, Change, changed_in_archive, changes, compared_by
from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import TRASH, version_folder
from jwstsync.core.lockfile import LockedProduct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jwstsync.core.disk import FileState
    from jwstsync.core.goal import Goal
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.offers import Left
    from jwstsync.core.selection import Selected


class ActionKind(StrEnum):
    """What happens to a product. `MOVE` and `PRUNE` have their place here and are not planned yet."""

    KEEP = "keep"
    FETCH = "fetch"
    UPDATE = "update"
    REPAIR = "repair"
    ADOPT = "adopt"
    MOVE = "move"
    WITHHOLD = "withhold"
    DROP = "drop"
    PRUNE = "prune"


class Reason(StrEnum):
    """Why; for people and for JSON, nothing decides on it."""

    NEW = "new"
    MISSING = "missing"
    CHANGED = "changed"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    MODIFIED = "modified"
    PRESENT = "present"
    OFFERED = "offered"
    EXCLUSIVE_ACCESS = "exclusive_access"
    UNSELECTED = "unselected"
    GONE = "gone"


MARKS = {
    ActionKind.FETCH: "+",
    ActionKind.UPDATE: "~",
    ActionKind.REPAIR: "!",
    ActionKind.ADOPT: "<",
    ActionKind.MOVE: ">",
    ActionKind.WITHHOLD: "?",
    ActionKind.DROP: ".",
    ActionKind.PRUNE: "-",
    ActionKind.KEEP: "=",
}
TRANSFERS = frozenset({ActionKind.FETCH, ActionKind.UPDATE, ActionKind.REPAIR})
"""The actions that download."""
DIFFERENCES = frozenset(ActionKind) - {ActionKind.KEEP, ActionKind.WITHHOLD}
"""The actions that `apply` would carry out."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the user has a right to: ``mode`` is the manifest's ``exclusive_access``, ``token`` whether there is one."""

    mode: str = "auto"
    token: bool = False

    def allows(self, product: Selected) -> bool:
        """Whether it makes sense to ask the archive for the product."""
        return product.public or (self.token and self.mode != "skip")


@dataclass(slots=True, unsafe_hash=True)  # changed by nobody; frozen, 100,000 of them take 0.1 s more to make
class Action:
    """What happens to one product, and why. ``wanted`` is None for a drop, ``locked`` for what was not locked.

    ``on_update`` is the manifest's: whether the old version is kept where an update replaces it.
    """

    kind: ActionKind
    reason: Reason | None
    wanted: Selected | None
    locked: LockedProduct | None
    present: FileState | None = None
    pinned: bool = False
    on_update: str = "replace"

    @property
    def uri(self) -> str:
        """The product's name in the archive."""
        return self._subject.uri

    @property
    def path(self) -> ProductPath:
        """Where it belongs below the root."""
        return self._subject.path

    @property
    def proposal(self) -> int:
        """The proposal that it is counted under."""
        return self._subject.proposal

    @property
    def size(self) -> int | None:
        """Its bytes: the locked ones where these are wanted, else the stated ones."""
        if self.locked is not None and self.kind not in {ActionKind.UPDATE, ActionKind.ADOPT}:
            return self.locked.size
        return self.present.size if self.kind is ActionKind.ADOPT and self.present else self._subject.size

    @property
    def _subject(self) -> Selected | LockedProduct:
        subject = self.wanted or self.locked
        assert subject is not None  # noqa: S101 - an action is always about a product
        return subject

    @property
    def changes_lockfile(self) -> bool:
        """Whether the lockfile would say something else once this is done; what is kept may be known better now."""
        if self.kind is ActionKind.WITHHOLD:
            return False
        return not self.pinned or self.locked is None or self.fetch.refreshed(self.locked) != self.locked

    @property
    def fetch(self) -> Fetch:
        """The bytes to be fetched, or to be found in place, for this action."""
        assert self.wanted is not None  # noqa: S101 - a drop fetches nothing
        pinned = self.locked if self.pinned else None
        return Fetch(self.wanted, pinned, replaces=self.kind is ActionKind.UPDATE, aside=self._aside)

    @property
    def compared_by(self) -> Basis | None:
        """By what archive and lockfile were compared; None where one of them has nothing to say."""
        return compared_by(self.wanted, self.locked) if self.wanted and self.locked else None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the archive states otherwise since it has made the product anew; nothing where it has not."""
        return changes(self.wanted, self.locked) if self.wanted and self.locked and not self.pinned else ()

    @property
    def _aside(self) -> str | None:
        """Where what stands in its place goes: only the locked bytes are a version, whatever else somebody may miss."""
        if self.locked is None or self.present is None or self.present.sha256 != self.locked.sha256:
            return TRASH
        return version_folder(self.locked.cal_ver, self.locked.sha256) if self.on_update == "keep" else None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every selected or locked product with its one action, by proposal and URI, and the goal behind it.

    ``token_problem`` tells why the user's token, where one is needed, is refused; ``left`` is what was found elsewhere
    under a product's name, and is not taken.
    """

    actions: Sequence[Action]
    goal: Goal
    token_problem: str | None = None
    left: Sequence[Left] = ()

    def of(self, *kinds: ActionKind) -> list[Action]:
        """The actions of these kinds."""
        return [action for action in self.actions if action.kind in kinds]

    @property
    def transfers(self) -> list[Action]:
        """The actions that download."""
        return self.of(*TRANSFERS)

    @property
    def needs_token(self) -> bool:
        """Whether anything that is to be downloaded is under exclusive access."""
        return any(action.wanted is not None and not action.wanted.public for action in self.transfers)

    @property
    def differences(self) -> list[Action]:
        """The actions that `apply` would carry out."""
        return self.of(*DIFFERENCES)

    @property
    def stale(self) -> int:
        """How many products wait to be made anew in the archive."""
        return sum(action.wanted is not None and action.wanted.stale for action in self.actions)

    @property
    def changes_lockfile(self) -> list[Action]:
        """The actions after which the lockfile would say something else."""
        return [action for action in self.actions if action.changes_lockfile]


def paths_to_hash(goal: Goal, lockfile: Lockfile, disk: Mapping[ProductPath, FileState]) -> set[ProductPath]:
    """The files whose bytes have to be known before `decide` can tell: right in size, and not known as they stand."""
    found = set()
    for wanted in goal.products.values():
        locked, state = lockfile.products.get(wanted.uri), disk.get(wanted.path)
        if locked is not None and state is not None and _unclear(wanted, locked, state):
            found.add(wanted.path)
    return found


def _unclear(wanted: Selected, locked: LockedProduct, state: FileState) -> bool:
    if not changed_in_archive(wanted, locked):
        return state.size == locked.size and state.sha256 is None
    old = state.sha256 == locked.sha256
    return wanted.md5 is not None and state.md5 is None and state.size == wanted.size and not old


def decide(
    goal: Goal, lockfile: Lockfile, disk: Mapping[ProductPath, FileState], access: Access, on_update: str = "replace"
) -> Plan:
    """What has to happen to each product.

    Args:
        goal: What the set should hold.
        lockfile: What is locked.
        disk: What stands at the goal's paths, with the hashes that `paths_to_hash` asks for; an absent path is free.
        access: What the user has a right to.
        on_update: Whether an update keeps the old version, as the manifest has it.
    """
    dropped = [one for one in lockfile if one.uri not in goal.products]
    subjects: list[Selected | LockedProduct] = [*goal.products.values(), *dropped]
    subjects.sort(key=attrgetter("proposal", "uri"))
    old = lockfile.products
    actions = [
        _drop(one, goal) if isinstance(one, LockedProduct) else _action(one, old.get(one.uri), disk, access, on_update)
        for one in subjects
    ]
    return Plan(tuple(actions), goal)


def _drop(locked: LockedProduct, goal: Goal) -> Action:
    return Action(ActionKind.DROP, Reason.GONE if locked.uri in goal.gone else Reason.UNSELECTED, None, locked)


def _action(
    wanted: Selected,
    locked: LockedProduct | None,
    disk: Mapping[ProductPath, FileState],
    access: Access,
    on_update: str,
) -> Action:
    state = disk.get(wanted.path)
    pinned = locked is not None and not changed_in_archive(wanted, locked)
    reason: Reason | None
    if locked is None:
        kind, reason = _decide_new(wanted, state)
    elif pinned:
        kind, reason = _decide_locked(locked, state)
    else:
        kind, reason = _decide_changed(wanted, locked, state)
    if kind in TRANSFERS and not access.allows(wanted):
        kind, reason = ActionKind.WITHHOLD, Reason.EXCLUSIVE_ACCESS
    return Action(kind, reason, wanted, locked, state, pinned, on_update)


def _decide_new(wanted: Selected, state: FileState | None) -> tuple[ActionKind, Reason]:
    if state is not None and _fits(wanted, state):
        return ActionKind.ADOPT, Reason.PRESENT
    return ActionKind.FETCH, Reason.NEW


def _fits(wanted: Selected, state: FileState) -> bool:
    """Whether a file can be the product as stated; what is not known yet is found out when it is adopted."""
    return (
        state.size >= 0 and wanted.size in {None, state.size} and (state.md5 is None or wanted.md5 in {None, state.md5})
    )


def _decide_changed(wanted: Selected, locked: LockedProduct, state: FileState | None) -> tuple[ActionKind, Reason]:
    """Only bytes that are surely not the locked ones are taken for the new ones."""
    if state is not None and wanted.size is not None and _fits(wanted, state):
        confirmed = wanted.md5 is not None and state.md5 == wanted.md5
        if confirmed or (wanted.md5 is None and state.size != locked.size):
            return ActionKind.ADOPT, Reason.PRESENT
    return ActionKind.UPDATE, Reason.CHANGED


def _decide_locked(locked: LockedProduct, state: FileState | None) -> tuple[ActionKind, Reason | None]:
    if state is None:
        return ActionKind.FETCH, Reason.MISSING
    if state.size == locked.size and state.sha256 == locked.sha256:
        return ActionKind.KEEP, None
    if state.size < locked.size:
        return ActionKind.REPAIR, Reason.TRUNCATED
    return ActionKind.REPAIR, Reason.DAMAGED if state.untouched else Reason.MODIFIED
