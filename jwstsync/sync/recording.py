"""What a run records: each file in its journal, and now and then all of them in lockfile and local record.

What is to be recorded is decided elsewhere; in which order, and onto what, here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jwstsync.core.after import lockfile_after
from jwstsync.core.layout import TRASH
from jwstsync.core.plan import ActionKind
from jwstsync.store.commit import Committer
from jwstsync.store.files import disk_errors
from jwstsync.store.fold import fold, lockfile_name, recover, remember, with_room
from jwstsync.store.journal import Journal, journal_folder
from jwstsync.store.lockfiles import lockfile_digest, read_lockfile, read_resolved
from jwstsync.store.origins import Origins
from jwstsync.store.parts import Parts
from jwstsync.store.record import Entry, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.merge import Merge
    from jwstsync.core.plan import Plan
    from jwstsync.store.tree import Tree


class Recording:
    """What one run records of the files that it puts in place or finds there.

    Args:
        tree: Where the files are.
        lockfile: Where it is written which bytes they are.
        keeps_lockfile: Whether that must not change.

    Attributes:
        recovered: How many products of runs that were cut off have been recorded at the start.
        lockfile: What was locked then.
        merge: How that came of two sides; None where the file has no conflicts, or must not change.
        committer: What gives files their names, each with a line in the journal.
    """

    def __init__(self, tree: Tree, lockfile: Path, *, keeps_lockfile: bool) -> None:
        self._tree = tree
        self._path = lockfile
        self._keeps_lockfile = keeps_lockfile
        self.recovered = 0 if keeps_lockfile else recover(tree, lockfile)
        self.merge: Merge | None = None
        if keeps_lockfile:
            self.lockfile, self._digest = read_lockfile(lockfile)
        else:
            self.lockfile, self._digest, self.merge = read_resolved(lockfile)
        self._suspects = tree.suspects()  # which the plan hashes; what is noted later, it knows nothing of
        self._name = lockfile_name(tree, lockfile)
        self._origins = Origins(tree, self._name)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.committer = Committer(tree, self._new_journal(), self._name, tree.state_folder / TRASH / stamp)
        self._parts = Parts(tree.parts_folder)
        self._folded = self._remembered = 0
        self._gone: list[ProductPath] = []
        self._confirmed_is_remembered = False

    def _new_journal(self) -> Journal:
        return Journal(journal_folder(self._tree.state_folder, self._name), self._digest)

    def forget(self, paths: Iterable[ProductPath]) -> None:
        """Has the record say nothing any more of files that were put into the trash."""
        self._gone += paths

    def paths_of(self, plan: Plan) -> set[str]:
        """The paths of products: those of the plan, and those that any run below this root has recorded.

        Raises:
            StoreError: The record can not be read.
        """
        with disk_errors("local state"):
            return {*read_record(self._tree.record_file), *(action.path for action in plan.actions)}

    def fold(self, plan: Plan) -> None:
        """Brings lockfile and record up to what has been put in place so far, if that is more than they say.

        The record comes first, then the lockfile, and only then another journal, which continues that lockfile: cut
        off between any two of them, the next run finds all that it needs. A lockfile that must not change, or that
        somebody else wrote meanwhile, is left alone, and the journal goes on as it is.

        Args:
            plan: What is to happen.

        Raises:
            StoreError: Something can not be written; what can be recovered stays so.
        """
        if self._keeps_lockfile:
            return
        with self.committer.paused():
            if self._folded < len(self.committer.lines):
                self._remember(plan)
                self._fold(plan)

    def settle(self, plan: Plan) -> bool:
        """Brings lockfile and record up to all that was done, and tells whether the lockfile is still the run's own.

        Raises:
            StoreError: Something can not be read or written.
        """
        if self._keeps_lockfile:
            return lockfile_digest(self._path) == self._digest
        with self.committer.paused():
            self._remember(plan)
            return self._fold(plan)

    def _fold(self, plan: Plan) -> bool:
        landed: dict[str, LockedProduct] = {line.locked.uri: line.locked for line in self.committer.lines}
        content = lockfile_after(plan, landed)
        digest = with_room(lambda: fold(self._path, self._digest, content), self._parts.sweep)
        if digest is None:
            return False
        self._digest, self._folded = digest, len(self.committer.lines)
        before, self.committer.journal = self.committer.journal, self._new_journal()
        before.remove()
        return True

    def _remember(self, plan: Plan) -> None:
        lines = self.committer.lines[self._remembered :]
        entries = [line.entry for line in lines]
        left = [*self._gone, *(line.left for line in lines if line.left is not None)]
        whole: set[str] = set()
        if not self._confirmed_is_remembered:
            entries = [*self._confirmed(plan), *entries]
            whole |= self._suspects & {action.path for action in plan.of(ActionKind.KEEP)}
        with_room(lambda: remember(self._tree, entries, whole, left), self._parts.sweep)
        self._remembered, self._confirmed_is_remembered = len(self.committer.lines), True

    def close(self, plan: Plan, *, begun: bool) -> bool:
        """Records what was done: in the lockfile, unless it must not change, and locally.

        Args:
            plan: What was to happen.
            begun: Whether anything was; a plan that was only looked at changes no lockfile.

        Returns:
            Whether the lockfile says it, if it may.

        Raises:
            StoreError: It can not be written; the journal stays for the next run.
        """
        with self.committer.paused():
            self._remember(plan)
            folded = not begun or self._keeps_lockfile or self._is_folded() or self._fold(plan)
            self.committer.journal.remove()
        return folded

    def forget_scripts(self) -> None:
        """Clears away what scripts noted of the files that they brought, once all of these are recorded."""
        self._origins.forget_notes()

    def _is_folded(self) -> bool:
        return 0 < self._folded == len(self.committer.lines) and lockfile_digest(self._path) == self._digest

    def _confirmed(self, plan: Plan) -> Iterator[Entry]:
        """What was hashed for the plan and found whole, so that it need not be hashed again."""
        for action in plan.of(ActionKind.KEEP):
            locked, present = action.locked, action.present
            if locked is not None and present is not None and not present.untouched:
                yield Entry(
                    path=action.path,
                    uri=locked.uri,
                    proposal=action.proposal,
                    lockfile=self._name,
                    size=locked.size,
                    mtime_ns=present.mtime_ns,
                    sha256=locked.sha256,
                    md5=present.md5 or "",
                    origin=self._origins.of(action.path, locked.sha256, present.mtime_ns),
                )
