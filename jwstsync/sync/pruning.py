"""Finds the files that are pruned, and puts them into the trash at the end of a run.

Which they are is decided in `core.orphans`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.core.amounts import counted
from jwstsync.core.disk import Remembered
from jwstsync.core.orphans import doubt, unwanted, with_prunes
from jwstsync.core.plan import ActionKind
from jwstsync.errors import LockfileError
from jwstsync.executors import disk_cause
from jwstsync.store.clearing import put_away
from jwstsync.store.files import disk_errors
from jwstsync.store.lockfiles import read_lockfile
from jwstsync.store.record import WRITTEN, read_record
from jwstsync.sync.report import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jwstsync.core.disk import FileState
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.plan import Action, Plan
    from jwstsync.store.record import Entry
    from jwstsync.store.tree import Tree
    from jwstsync.sync.feedback import Feedback
    from jwstsync.sync.recording import Recording

_AT_ONCE = 256
"""Files that share their syncs, and between which a run can be stopped."""


def planned(
    plan: Plan, lockfile: Lockfile, tree: Tree, lockfile_name: str, feedback: Feedback, *, allow_empty: bool
) -> Plan:
    """The plan with what is to be pruned.

    Args:
        plan: What else is to happen.
        lockfile: What is locked.
        tree: Where the files are.
        lockfile_name: The lockfile, as the record has it.
        feedback: Who is told of files that have to be hashed.
        allow_empty: Whether proposals that list nothing are believed.

    Raises:
        StoreError: A file can not be read.
    """
    with disk_errors("local state"):
        record = read_record(tree.record_file)
    own = (_remembered(entry) for entry in record.values() if entry.lockfile == lockfile_name)
    others = {entry.lockfile for entry in record.values()} - {lockfile_name}
    try:
        locked = [path for name in sorted(others) for path in _locked_by(tree.root / name)]
    except LockfileError as error:
        return replace(plan, doubt=f"another lockfile of this root is not valid: {error}")
    orphans = unwanted(plan, lockfile, own, locked)
    problem = doubt(plan, lockfile, orphans, allow_empty=allow_empty)
    if problem is not None:
        return replace(plan, doubt=problem)
    disk = tree.observe(one.path for one in orphans)
    linked = {path for path in disk if tree.is_linked(path)}
    unknown = [one.path for one in orphans if one.path not in linked and _is_unclear(one, disk.get(one.path))]
    if unknown:
        feedback.phase(f"hashing {counted(len(unknown), 'file')}")
        disk = tree.hashed(disk, unknown, feedback.hashed)
    found = with_prunes(plan, orphans, disk, linked)
    of_somebody = {*record, *plan.goal.paths, *(one.path for one in lockfile), *locked}
    beside = [path for path in tree.beside(one.path for one in found.of(ActionKind.PRUNE)) if path not in of_somebody]
    return with_prunes(plan, orphans, disk, linked, beside)


def _remembered(entry: Entry) -> Remembered:
    written = entry.origin == WRITTEN
    return Remembered(entry.path, entry.uri, entry.proposal, entry.size, entry.sha256, written=written)


def _locked_by(lockfile: Path) -> list[ProductPath]:
    return [one.path for one in read_lockfile(lockfile)[0]]


def _is_unclear(one: Remembered, state: FileState | None) -> bool:
    return state is not None and state.size == one.size and state.sha256 is None


def pruned(plan: Plan, tree: Tree, recording: Recording, stopped: Callable[[], bool]) -> Iterator[Result]:
    """Puts the files of a plan that are pruned into the trash, and tells what becomes of each.

    Args:
        plan: What is to happen; all else has.
        tree: Where the files are.
        recording: Makes the lockfile say so first: what it locks is not taken away.
        stopped: Asked now and then; once it says yes, nothing more is pruned.

    Raises:
        StoreError: The lockfile can not be read or written.
    """
    actions = plan.of(ActionKind.PRUNE)
    if not actions:
        return
    if stopped():
        yield from (Result(action, "deferred", "stopped before it was pruned") for action in actions)
        return
    if not recording.settle(plan):
        yield from (Result(action, "deferred", "the lockfile was changed during the run") for action in actions)
        return
    for start in range(0, len(actions), _AT_ONCE):
        some = actions[start : start + _AT_ONCE]
        if stopped():
            yield from (Result(action, "deferred", "stopped before it was pruned") for action in some)
        else:
            yield from _some_pruned(some, tree, recording)


def _some_pruned(actions: Sequence[Action], tree: Tree, recording: Recording) -> Iterator[Result]:
    states = tree.observe(action.path for action in actions)
    same = [action for action in actions if action.path in states and _is_as_planned(action, states[action.path])]
    errors = put_away(tree, [action.path for action in same], recording.committer.trash)
    outcomes = {action.path: error for action, error in zip(same, errors, strict=True)}
    recording.forget(path for path, error in outcomes.items() if error is None)
    for action in actions:
        if action.path not in outcomes:
            yield Result(action, "deferred", "changed during the run")
        elif error := outcomes[action.path]:
            yield Result(action, "failed", f"not pruned: {error.strerror or error}", disk_cause(error))
        else:
            yield Result(action, "done")


def _is_as_planned(action: Action, state: FileState) -> bool:
    assert action.present is not None  # noqa: S101 - what is not there is not pruned
    return (state.size, state.mtime_ns) == (action.present.size, action.present.mtime_ns)
