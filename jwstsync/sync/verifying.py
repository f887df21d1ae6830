"""Hashing every locked file, several at once, in rounds that may take many runs.

What is read is the disk alone: the network is not used, no run is locked out, and files that a run replaces meanwhile
are judged by what that run says of them. What is wrong is noted, so that the next plan hashes it, and `apply` repairs
it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.core.amounts import counted, parse_duration
from jwstsync.core.fetch import Fetch
from jwstsync.core.goal import as_locked
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.plan import ActionKind
from jwstsync.core.rounds import Seen, Verification, longest_ago_first, recalled, verification_of
from jwstsync.errors import StoreError, UsageError
from jwstsync.store.files import disk_errors
from jwstsync.store.fold import lockfile_name, read_locked
from jwstsync.store.journal import lockfile_key
from jwstsync.store.rounds import Rounds
from jwstsync.store.tree import Tree
from jwstsync.sync.clock import Clock
from jwstsync.sync.feedback import Feedback, Silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.core.disk import FileState
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.manifest import Manifest

_MOST_AT_ONCE = 8  # more threads than that only make a disk's head wander
_NOTE_EVERY = 10.0  # seconds; the list of suspects is written as a whole
_LOOKS = 5  # at a tree that a run is changing; what is not settled then, another verification comes to


class Verifying:
    """One verification: what it begins with, then `carry_out`.

    Args:
        manifest: Whose lockfile and root.
        time_limit: Seconds after which no further file is begun, or a text such as ``2h``.
        restart: Begin a new round, whatever the last one had come to.
        feedback: Who is told how it goes on.
        clock: What is known of time.

    Raises:
        JwstsyncError: The lockfile is not valid, or something can not be read.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        time_limit: float | str | None = None,
        restart: bool = False,
        feedback: Feedback | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._ends_at = None if time_limit is None else self._clock.now() + _seconds(time_limit)
        self._lockfile = Path(manifest.lockfile)
        self._feedback = feedback or Silence()
        self._tree = Tree(Path(manifest.root))
        key = lockfile_key(lockfile_name(self._tree, self._lockfile))
        self._rounds = Rounds(self._tree.state_folder / "verified" / f"{key}.jsonl")
        self._unreadable: dict[ProductPath, Seen] = {}
        self._stopped = False
        self._suspects: list[ProductPath] = []
        self._noted_at = -_NOTE_EVERY
        self._notes = True
        self._lock = Lock()
        self._disk, self._found = self._looked()
        if self._rounds.seen and (restart or not self._found.remaining):  # it was killed as it ended
            with self._noting():
                self._rounds.end_round()
            self._disk, self._found = self._looked()

    @property
    def waiting(self) -> Sequence[LockedProduct]:
        """What is still to be hashed in this round, in that order."""
        return longest_ago_first(self._found.remaining, self._disk, self._rounds.before)

    @property
    def came_to(self) -> int:
        """How many files this round has come to by now."""
        return sum(state.sha256 is not None for state in self._disk.values())

    @property
    def begun_at(self) -> float | None:
        """When the first of these was hashed, in seconds since 1970; None where the round has yet to begin."""
        seen = self._rounds.seen.values()
        return min(one.at_ns for one in seen) / 1e9 if self.came_to else None

    def stop(self) -> None:
        """Ends `carry_out` soon. May be called from a signal handler, or another thread."""
        self._stopped = True

    def carry_out(self) -> Verification:
        """Hashes what is waiting, and tells what is known of all files then.

        Raises:
            StoreError: A folder can not be searched.
        """
        try:
            for _ in range(_LOOKS):
                if self._is_over or not self._found.remaining:
                    break
                self._hash(self.waiting)
                self._disk, self._found = self._looked()
            self._note()
        finally:
            self._rounds.close()
        return self._found

    @property
    def _is_over(self) -> bool:
        return self._stopped or (self._ends_at is not None and self._clock.now() >= self._ends_at)

    def _looked(self) -> tuple[dict[ProductPath, FileState], Verification]:
        """What stands on the disk now, and what is known of it.

        A run may put files in place after the lockfile was read. So what seems wrong is looked at once more, and that
        takes no time.
        """
        lockfile = read_locked(self._tree, self._lockfile)
        disk = self._observed(lockfile)
        found = verification_of(lockfile, disk)
        if not found.differences:
            return disk, found
        doubtful = {action.uri for action in found.differences}
        now = read_locked(self._tree, self._lockfile).products
        again = Lockfile({uri: now[uri] for uri in doubtful & now.keys()})
        settled = {uri: one for uri, one in lockfile.products.items() if uri not in doubtful}
        left = {action.path for action in found.differences}
        disk = {path: state for path, state in disk.items() if path not in left} | self._observed(again)
        return disk, verification_of(Lockfile.of([*settled.values(), *again]), disk)

    def _observed(self, lockfile: Lockfile) -> dict[ProductPath, FileState]:
        observed = self._tree.observe([one.path for one in lockfile])
        return recalled(observed, {**self._rounds.seen, **self._unreadable})

    def _hash(self, products: Sequence[LockedProduct]) -> None:
        self._feedback.phase(f"hashing {counted(len(products), 'file')}")
        with self._noting():
            self._tree.prepare()
        todo = iter(products)
        at_once = min(_MOST_AT_ONCE, max(2, os.cpu_count() or 1), len(products))
        with ThreadPoolExecutor(at_once, thread_name_prefix="hash") as pool:
            try:
                for one in [pool.submit(self._hash_each, todo) for _ in range(at_once)]:
                    one.result()
            except BaseException:  # Ctrl-C comes here where nobody receives it as a signal
                self.stop()
                raise

    def _hash_each(self, todo: Iterator[LockedProduct]) -> None:
        """What one thread does: the next file, until none is left or the time is over."""
        try:
            while (product := self._next(todo)) is not None:
                fetch = Fetch(as_locked(product), product)
                self._feedback.started(fetch, product.size)
                try:
                    self._look_at(fetch, product)
                finally:
                    self._feedback.ended(fetch)
        except BaseException:
            self.stop()
            raise

    def _next(self, todo: Iterator[LockedProduct]) -> LockedProduct | None:
        with self._lock:
            return None if self._is_over else next(todo, None)

    def _look_at(self, fetch: Fetch, product: LockedProduct) -> None:
        state = self._disk[product.path]
        sha256 = self._sha256(fetch)
        if sha256 is None or self._stopped:
            return  # what was replaced meanwhile has another time, so that the next look does not take this for it
        seen = Seen(product.path, state.size, state.mtime_ns, sha256, self._clock.nanoseconds)
        if not sha256:
            self._unreadable[product.path] = seen
        with self._noting():
            if sha256:
                self._rounds.add(seen)
        with self._noting():
            if sha256 != product.sha256:
                self._suspect(product.path)

    def _sha256(self, fetch: Fetch) -> str | None:
        """The hash of a file; None where it is gone, empty where it can not be read."""
        passed = partial(self._feedback.received, fetch)
        try:
            digest = self._tree.digest(fetch.path, lambda: self._stopped, passed=passed, with_md5=False)
        except StoreError as error:
            self._feedback.warn(str(error))
            return ""
        return None if digest is None else digest.sha256

    def _suspect(self, path: ProductPath) -> None:
        """Notes soon that a file is wrong: a verification that is killed has found it all the same."""
        with self._lock:
            self._suspects.append(path)
            if self._clock.now() - self._noted_at >= _NOTE_EVERY:
                self._noted_at = self._clock.now()
                self._tree.suspect(self._suspects, [])
                self._suspects.clear()

    def _note(self) -> None:
        """Notes what is wrong and what is not, and ends the round if it has come to everything."""
        plan = self._found.plan
        paths = {action.path for action in plan.actions}
        with self._noting():
            self._tree.suspect((action.path for action in plan.of(ActionKind.REPAIR)), paths)
            if self._rounds.seen and not self._found.remaining:
                self._rounds.end_round(paths)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Lets a place that can not be written spoil nothing: what is found is told all the same."""
        try:
            with disk_errors("local state"):
                yield
        except StoreError as error:
            if self._notes:
                self._notes = False
                self._feedback.warn(f"{error}; what is found is not noted, and another verification begins anew")


def _seconds(time_limit: float | str) -> float:
    try:
        return parse_duration(time_limit)
    except ValueError as error:
        raise UsageError(f"time_limit = {time_limit!r}: {error}") from None


def verify(
    manifest: Manifest,
    *,
    time_limit: float | str | None = None,
    restart: bool = False,
    feedback: Feedback | None = None,
    clock: Clock | None = None,
) -> Verification:
    """What is missing or wrong when every locked file is hashed; noted, so that the next `apply` repairs it.

    Args:
        manifest: Whose lockfile and root.
        time_limit: Seconds after which no further file is begun, or a text such as ``2h``; another call goes on there.
        restart: Begin a new round, whatever the last one had come to.
        feedback: Who is told how it goes on.
        clock: What is known of time.

    Raises:
        JwstsyncError: The lockfile is not valid, or something can not be read.
    """
    return Verifying(manifest, time_limit=time_limit, restart=restart, feedback=feedback, clock=clock).carry_out()
