"""Which files are pruned: those that jwstsync wrote for a lockfile and that nothing locks or selects any more.

What is remembered of files, and how they stand, is found out by the caller. Nothing is pruned where an answer is
missing or hard to believe: what the archive did not say is no reason to take a file away.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from jwstsync.core.layout import same_place
from jwstsync.core.plan import Action, ActionKind, Reason, Spared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jwstsync.core.disk import FileState, Remembered
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.plan import Plan

FREELY = 100
"""So many files are pruned at most without a word more."""
FEW = 10
"""So many are, whatever part of the set they are."""
LARGEST_PART = 10
"""Of more than these few, one in so many of the set."""


@dataclass(frozen=True, slots=True)
class Prune:
    """That files are to be pruned: at most ``most`` of them, or what the guard lets through."""

    most: int | None = None


def unwanted(
    plan: Plan, lockfile: Lockfile, remembered: Iterable[Remembered], elsewhere: Iterable[ProductPath] = ()
) -> list[Remembered]:
    """The files that nothing locks or selects once a plan has been carried out, in the order of their paths.

    Args:
        plan: What is to happen.
        lockfile: What was locked before.
        remembered: The files that runs on this lockfile have left.
        elsewhere: What other lockfiles lock below the same root.
    """
    taken = {same_place(path) for path in (*plan.goal.paths, *_still_locked(plan, lockfile), *elsewhere)}
    refused = {one.uri for one in plan.goal.refused}
    found = (one for one in remembered if same_place(one.path) not in taken and one.uri not in refused)
    return sorted(found, key=lambda one: one.path)


def _still_locked(plan: Plan, lockfile: Lockfile) -> Iterator[ProductPath]:
    """Where products are locked that have not got another place for sure, and where their files stand."""
    leaving = {action.uri for action in plan.of(ActionKind.DROP, ActionKind.KEEP)}
    yield from (one.path for one in lockfile if one.uri not in leaving)
    yield from (action.source for action in plan.actions if action.source is not None)


def doubt(plan: Plan, lockfile: Lockfile, orphans: Iterable[Remembered], *, allow_empty: bool) -> str | None:
    """Why nothing is pruned, or None.

    Keyword services that did not answer are no reason: rules take no keywords, and nothing is selected by them. A
    proposal that had products and now lists none may be believed for the lockfile; files are only taken away by a later
    run, which finds it so again.
    """
    if plan.goal.failed:
        return f"{_proposals(plan.goal.failed)}: could not be asked"
    empty, thin = plan.goal.empty & lockfile.proposals, frozenset[int]()
    if not allow_empty:
        theirs = {one.proposal for one in orphans}
        empty |= plan.goal.empty & theirs
        thin = plan.goal.thin & theirs
    if empty:
        return f"{_proposals(empty)}: had products, and now lists none"
    return f"{_proposals(thin)}: one query for its products brought none (--allow-empty believes it)" if thin else None


def _proposals(ids: Iterable[int]) -> str:
    return "proposal " + ", ".join(map(str, sorted(ids)))


def with_prunes(
    plan: Plan,
    orphans: Iterable[Remembered],
    disk: Mapping[ProductPath, FileState],
    linked: Collection[ProductPath] = (),
    beside: Iterable[ProductPath] = (),
) -> Plan:
    """The plan with what is pruned, and what stays though nothing locks it.

    A dropped product whose file is pruned has that action alone: it leaves the lockfile all the same.

    Args:
        plan: What else is to happen.
        orphans: The files in question, as `unwanted` finds them.
        disk: How they stand, hashed where size or time is not as remembered; what is gone is left out.
        linked: Those that are links, or are reached through one.
        beside: The files of nobody in the folders of those that are pruned.
    """
    pruned: list[Remembered] = []
    spared: list[Spared] = []
    for one in orphans:
        if state := disk.get(one.path):
            why = _why_it_stays(one, state, is_linked=one.path in linked)
            if why is None:
                pruned.append(one)
            else:
                spared.append(Spared(one.path, why))
    spared += [Spared(path, "foreign") for path in beside]
    dropped = {action.path: action for action in plan.of(ActionKind.DROP)}
    prunes = [_prune(one, disk[one.path], dropped.pop(one.path, None)) for one in pruned]
    kept = [action for action in plan.actions if action.kind is not ActionKind.DROP]
    actions = sorted((*kept, *dropped.values(), *prunes), key=lambda action: (action.proposal, action.uri, action.path))
    return replace(plan, actions=tuple(actions), spared=tuple(spared))


def _why_it_stays(
    one: Remembered, state: FileState, *, is_linked: bool
) -> Literal["changed", "adopted", "linked"] | None:
    if is_linked:
        return "linked"
    if (state.size, state.sha256) != (one.size, one.sha256):
        return "changed"
    return None if one.written else "adopted"


def _prune(one: Remembered, state: FileState, drop: Action | None) -> Action:
    locked = drop.locked if drop else None
    return Action(ActionKind.PRUNE, Reason.ORPHAN, None, locked, state, orphan=one)


def prune_problem(plan: Plan, prune: Prune) -> str | None:
    """What stands against pruning so many files at once, or None."""
    count = len(plan.of(ActionKind.PRUNE))
    if prune.most is not None:
        return f"--max-prune {prune.most}: the plan would prune {count} files" if count > prune.most else None
    locked = sum(action.locked is not None for action in plan.actions)
    if count <= FEW or (count <= FREELY and count * LARGEST_PART <= locked):
        return None
    return f"prune: {count} files, of {locked} that are locked; expected --max-prune {count} if so many are meant"


def spared_texts(spared: Iterable[Spared]) -> Iterator[str]:
    """What stays of what nothing locks, in words: a few names for each reason."""
    reasons = {
        "changed": "changed since jwstsync wrote them",
        "adopted": "not written by jwstsync, but found in place",
        "foreign": "not jwstsync's, beside what is pruned",
        "linked": "links, or reached through one",
    }
    listed = list(spared)
    counts = Counter[str](one.why for one in listed)
    for why, words in reasons.items():
        names = [one.path for one in listed if one.why == why][:5]
        more = f" and {counts[why] - len(names):,} more" if counts[why] > len(names) else ""
        if names:
            yield f"not pruned: {counts[why]:,} {words}: {', '.join(names)}{more}"
