"""The decision: what has to happen to each product, from what is selected, what is locked and what is on the disk.

Pure: the caller observes the disk (and hashes what `paths_to_hash` names) before, and carries the plan out after.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from jwstsync.core.comparison import Basis, Change, changed_in_archive, changes, compared_by
from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import TRASH, same_place, version_folder
from jwstsync.core.lockfile import LockedProduct
from jwstsync.core.moves import sources

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jwstsync.core.access import Access
    from jwstsync.core.disk import FileState, Remembered
    from jwstsync.core.goal import Goal
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.offers import Left
    from jwstsync.core.selection import Selected


class ActionKind(StrEnum):
    """What happens to a product, or to a file that was one."""

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
    LAYOUT = "layout"
    OFFERED = "offered"
    EXCLUSIVE_ACCESS = "exclusive_access"
    UNSELECTED = "unselected"
    GONE = "gone"
    ORPHAN = "orphan"


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
_NOWHERE: Mapping[str, Sequence[ProductPath]] = MappingProxyType({})


@dataclass(slots=True, unsafe_hash=True)  # changed by nobody; frozen, 100,000 of them take 0.1 s more to make
class Action:
    """What happens to one product, and why. ``wanted`` is None for a drop, ``locked`` for what was not locked.

    ``on_update`` is the manifest's: whether the old version is kept where an update replaces it. ``source`` is where
    the product's file stands, if that is not where it belongs; ``in_the_way`` is what stands there then.
    """

    kind: ActionKind
    reason: Reason | None
    wanted: Selected | None
    locked: LockedProduct | None
    present: FileState | None = None
    pinned: bool = False
    on_update: str = "replace"
    source: ProductPath | None = None
    orphan: Remembered | None = None
    in_the_way: FileState | None = None

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
    def _subject(self) -> Selected | LockedProduct | Remembered:
        subject = self.wanted or self.locked or self.orphan
        assert subject is not None  # noqa: S101 - an action is always about a product
        return subject

    @property
    def changes_lockfile(self) -> bool:
        """Whether the lockfile would say something else once this is done; what is kept may be known better now."""
        if self.kind is ActionKind.WITHHOLD:
            return self.moves
        if self.kind is ActionKind.PRUNE:
            return self.locked is not None
        if not self.pinned or self.locked is None:
            return True
        confirmed = self.wanted.md5 if self.wanted and self.kind in TRANSFERS else None  # by the bytes that come
        return self.fetch.refreshed(self.locked, confirmed or self._md5_of_locked) != self.locked

    @property
    def remade(self) -> bool:
        """Whether the archive has made it anew since it was locked, whether it can be had or not."""
        return self.locked is not None and self.wanted is not None and not self.pinned

    @property
    def moves(self) -> bool:
        """Whether the locked bytes stand elsewhere, and get their place before anything else happens to the product."""
        return self.source is not None and self._is_whole

    @property
    def fetch(self) -> Fetch:
        """The bytes to be fetched, or to be found in place, for this action."""
        assert self.wanted is not None  # noqa: S101 - a drop fetches nothing
        pinned = self.locked if self.pinned else None
        return Fetch(self.wanted, pinned, replaces=self.kind is ActionKind.UPDATE, aside=self._aside)

    def refreshed(self, locked: LockedProduct) -> LockedProduct:
        """What is locked, as far as it is known better now."""
        return self.fetch.refreshed(locked, self._md5_of_locked)

    @property
    def _md5_of_locked(self) -> str | None:
        """That of the locked bytes, where they are here."""
        return self.present.md5 if self.present and self._is_whole else None

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
        if self.locked is None or not self._is_whole:
            return TRASH
        if self.on_update == "keep":
            return version_folder(self.locked.cal_ver, self.locked.sha256)
        return None if self.source is None else TRASH  # until it has moved, a stranger may stand in its place

    @property
    def _is_whole(self) -> bool:
        return self.locked is not None and self.present is not None and self.present.sha256 == self.locked.sha256


@dataclass(frozen=True, slots=True)
class Spared:
    """A file that nothing locks and that is not pruned, and why."""

    path: ProductPath
    why: Literal["changed", "adopted", "foreign", "linked"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Every selected or locked product with its one action, by proposal and URI, and the goal behind it.

    Attributes:
        actions: Those, and the files that are pruned.
        goal: What the set should hold.
        token_problem: Why the user's token, where one is needed, is refused.
        access_problem: What is wanted of exclusive products and can not be had.
        left: What was found elsewhere under a product's name, and is not taken.
        spared: What nothing locks and stays all the same, where files are to be pruned.
        doubt: Why nothing is pruned, though it was asked for.
    """

    actions: Sequence[Action]
    goal: Goal
    token_problem: str | None = None
    access_problem: str | None = None
    left: Sequence[Left] = ()
    spared: Sequence[Spared] = ()
    doubt: str | None = None

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
        return [action for action in self.actions if action.kind in DIFFERENCES or action.moves]

    @property
    def stale(self) -> int:
        """How many products wait to be made anew in the archive."""
        return sum(action.wanted is not None and action.wanted.stale for action in self.actions)

    @property
    def changes_lockfile(self) -> list[Action]:
        """The actions after which the lockfile would say something else."""
        return [action for action in self.actions if action.changes_lockfile]


def paths_to_hash(
    goal: Goal,
    lockfile: Lockfile,
    disk: Mapping[ProductPath, FileState],
    places: Mapping[str, Sequence[ProductPath]] = _NOWHERE,
) -> set[ProductPath]:
    """The files whose bytes have to be known before `decide` can tell: right in size, and not known as they stand."""
    locked_by = lockfile.products
    found = set()
    for uri, wanted in goal.products.items() if locked_by else ():
        locked, state = locked_by.get(uri), disk.get(wanted.path)
        if locked is None or state is None or (state.sha256 is not None and state.md5 is not None):
            continue
        if _unclear(wanted, locked, state):
            found.add(wanted.path)
    for uri, some in places.items():
        size = lockfile.products[uri].size
        found |= {path for path in some if (state := disk.get(path)) and state.size == size and state.sha256 is None}
    return found


def _unclear(wanted: Selected, locked: LockedProduct, state: FileState) -> bool:
    if not changed_in_archive(wanted, locked):
        return state.size == locked.size and state.sha256 is None
    old = state.sha256 == locked.sha256
    return wanted.md5 is not None and state.md5 is None and state.size == wanted.size and not old


def decide(
    goal: Goal,
    lockfile: Lockfile,
    disk: Mapping[ProductPath, FileState],
    access: Access,
    on_update: str = "replace",
    places: Mapping[str, Sequence[ProductPath]] = _NOWHERE,
) -> Plan:
    """What has to happen to each product.

    Args:
        goal: What the set should hold.
        lockfile: What is locked.
        disk: What stands at the goal's paths and at ``places``, with the hashes that `paths_to_hash` asks for; an
            absent path is free.
        access: What the user has a right to.
        on_update: Whether an update keeps the old version, as the manifest has it.
        places: Where else the bytes of a product may stand, as `old_places` has it.
    """
    dropped = [one for one in lockfile if one.uri not in goal.products]
    subjects: list[Selected | LockedProduct] = [*goal.products.values(), *dropped]
    subjects.sort(key=attrgetter("uri"))  # which most are already
    subjects.sort(key=attrgetter("proposal"))
    old = lockfile.products
    moving = sources(goal, lockfile, disk, places)
    leaving = set(moving.values())
    standing = {path: state for path, state in disk.items() if path not in leaving} if leaving else disk
    actions = [
        _drop(one, goal)
        if isinstance(one, LockedProduct)
        else _action(one, old.get(one.uri), standing.get(one.path), access, on_update)
        for one in subjects
    ]
    if places:
        wanted = {same_place(path) for path in goal.paths}
        actions = [_with_source(one, moving, disk, wanted, access) for one in actions]
    return Plan(tuple(actions), goal)


def _drop(locked: LockedProduct, goal: Goal) -> Action:
    return Action(ActionKind.DROP, Reason.GONE if locked.uri in goal.gone else Reason.UNSELECTED, None, locked)


def _action(
    wanted: Selected, locked: LockedProduct | None, state: FileState | None, access: Access, on_update: str
) -> Action:
    pinned = locked is not None and not changed_in_archive(wanted, locked)
    if pinned and locked and state and state.sha256 == locked.sha256 and state.size == locked.size:
        return Action(ActionKind.KEEP, None, wanted, locked, state, True, on_update)  # noqa: FBT003 - as nearly always
    if locked is None:
        kind, reason = _decide_new(wanted, state)
    elif pinned:
        kind, reason = _decide_missing(locked, state)
    else:
        kind, reason = _decide_changed(wanted, locked, state)
    if not wanted.public and kind in TRANSFERS and not access.allows(wanted):
        kind, reason = ActionKind.WITHHOLD, Reason.EXCLUSIVE_ACCESS
    return Action(kind, reason, wanted, locked, state, pinned, on_update)


def _with_source(
    action: Action,
    moving: Mapping[str, ProductPath],
    disk: Mapping[ProductPath, FileState],
    wanted: Collection[str],
    access: Access,
) -> Action:
    """The action for a product whose file stands elsewhere: as if it stood in its place, but that it moves first.

    New bytes that are in place already stay there. A file that is not whole stays where it is until it is replaced, and
    so belongs to the product only where no other is wanted.
    """
    if action.wanted is None or action.locked is None or action.kind in {ActionKind.KEEP, ActionKind.ADOPT}:
        return action
    source = moving.get(action.uri)
    old = action.locked.path
    if source is None and (action.present or same_place(old) in wanted or not _is_file(disk.get(old))):
        return action
    found = _action(action.wanted, action.locked, disk[source or old], access, action.on_update)
    found = replace(found, source=source or old, in_the_way=action.present)
    return replace(found, kind=ActionKind.MOVE, reason=Reason.LAYOUT) if found.kind is ActionKind.KEEP else found


def _is_file(state: FileState | None) -> bool:
    return state is not None and state.size >= 0


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


def _decide_missing(locked: LockedProduct, state: FileState | None) -> tuple[ActionKind, Reason]:
    if state is None:
        return ActionKind.FETCH, Reason.MISSING
    if state.size < locked.size:
        return ActionKind.REPAIR, Reason.TRUNCATED
    return ActionKind.REPAIR, Reason.DAMAGED if state.untouched else Reason.MODIFIED
