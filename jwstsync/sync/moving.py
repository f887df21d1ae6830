"""Carries out the moves of a plan: files whose bytes are locked get the names that a changed layout gives them.

In which order is decided in `core.moves`, how a file gets a name that survives a crash in `store.commit`.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from jwstsync.core.layout import same_place
from jwstsync.core.moves import Move, in_order
from jwstsync.core.plan import TRANSFERS, ActionKind
from jwstsync.executors import Cause, disk_cause
from jwstsync.store.clearing import put_away
from jwstsync.store.commit import landing_of_move
from jwstsync.store.files import disk_errors, make_folder
from jwstsync.store.fold import remember
from jwstsync.store.folders import OwnFolders
from jwstsync.store.hashing import hash_file
from jwstsync.store.places import moves_left, place_aside
from jwstsync.store.record import ADOPTED, known_hashes, read_record
from jwstsync.sync.report import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jwstsync.core.disk import FileState
    from jwstsync.core.layout import ProductPath
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.moves import Wave
    from jwstsync.core.plan import Action
    from jwstsync.store.commit import Committer, Landing
    from jwstsync.store.record import Entry
    from jwstsync.store.tree import Tree

_AT_ONCE = 256
"""Files that share the syncs of a group, and between which a run can be stopped."""
_TAKEN = "a product stands in its place that could not be moved"


class Moving:
    """The moves of one run.

    Args:
        tree: Where the files are.
        committer: What gives them their names.

    Attributes:
        settled: The products of which has been told what becomes of them, by URI.
    """

    def __init__(self, tree: Tree, committer: Committer) -> None:
        self._tree = tree
        self._committer = committer
        self._actions: dict[str, Action] = {}
        self._waiting: dict[str, Landing] = {}
        self._second_names: dict[str, Path] = {}
        self._taken: set[str] = set()
        self.settled: set[str] = set()

    @cached_property
    def _record(self) -> Mapping[ProductPath, Entry]:
        """What is remembered of the tree.

        Raises:
            StoreError: It can not be read.
        """
        with disk_errors("local state"):
            return read_record(self._tree.record_file)

    @cached_property
    def _folders(self) -> OwnFolders:
        return OwnFolders(self._tree, self._record)

    @cached_property
    def _own(self) -> Mapping[tuple[str, str], Entry]:
        """What runs on this lockfile have left, by URI and hash."""
        own = (entry for entry in self._record.values() if entry.lockfile == self._committer.lockfile_name)
        return {(entry.uri, entry.sha256): entry for entry in own}

    def results(self, actions: Sequence[Action], stopped: Callable[[], bool]) -> Iterator[Result]:
        """Moves what is to move, and tells what becomes of it, unless that is more than a move.

        Told is also what fails because a file could not be moved that stands in its place.

        Args:
            actions: All that is to happen.
            stopped: Asked now and then; once it says yes, no further file is moved.
        """
        self._actions = {action.uri: action for action in actions if action.moves}
        self._forget_what_could_be_mistaken()
        moved = 0
        for result in self._moved(stopped):
            moved += result.outcome == "done"
            if result.outcome != "done" or result.action.kind is ActionKind.MOVE:
                self.settled.add(result.action.uri)
                yield result
        for action in actions:
            if action.uri in self.settled:
                continue
            if action.kind is ActionKind.MOVE:
                self.settled.add(action.uri)
                yield Result(action, "deferred", "stopped before it was moved")
            elif action.kind in TRANSFERS and self._is_taken(action):
                self.settled.add(action.uri)
                yield Result(action, "failed", _TAKEN, Cause.DISK)
        if moved == len(self._actions):
            self._clear()

    def _forget_what_could_be_mistaken(self) -> None:
        """Has the record say nothing of a place whose file, cut off in mid-move, could be taken for the one before it.

        The record knows a file by size and time, so that it outlasts a copy of the tree to another disk. Two products
        of one size that came in one tick of the clock and exchange places are the same to it.
        """
        arrivals = [(action.path, action.present) for action in self._actions.values() if action.present]
        remember(self._tree, [], left=[path for path, one in arrivals if self._is_like_the_one_at(path, one)])

    def _is_like_the_one_at(self, path: ProductPath, state: FileState) -> bool:
        return known_hashes(self._record.get(path), state.size, state.mtime_ns) is not None

    def _moved(self, stopped: Callable[[], bool]) -> Iterator[Result]:
        moves = (Move(uri, one.source, one.path) for uri, one in self._actions.items() if one.source)
        for wave in in_order(moves):
            going_on = [move for move in wave.moves if move.uri not in self.settled]
            for start in range(0, len(going_on), _AT_ONCE):
                if not self._waiting and stopped():  # what has made room for others gets its place first
                    return
                yield from self._carried_out(replace(wave, moves=going_on[start : start + _AT_ONCE]))

    def _is_taken(self, action: Action) -> bool:
        return same_place(action.path) in self._taken

    def _carried_out(self, wave: Wave) -> Iterator[Result]:
        landings, errors = self._landings(wave)
        if not wave.aside:
            errors |= self._put(landings)
        self._folders.remove_emptied(one.left for one in landings.values() if one.left)
        for move in wave.moves:
            if error := errors.get(move.uri):
                self._give_back(move)
                self._taken.add(same_place(move.source))
                yield Result(
                    self._actions[move.uri], "failed", f"not moved: {error.strerror or error}", disk_cause(error)
                )
            elif not wave.aside:
                self._waiting.pop(move.uri, None)
                yield Result(self._actions[move.uri], "done")

    def _landings(self, wave: Wave) -> tuple[dict[str, Landing], dict[str, OSError]]:
        landings, errors = {}, {}
        for move in wave.moves:
            action = self._actions[move.uri]
            if self._is_taken(action) and not wave.aside:
                errors[move.uri] = OSError(errno.EBUSY, _TAKEN)
                continue
            try:
                landings[move.uri] = self._waiting.get(move.uri) or self._landing(action)
                if wave.aside:
                    landings[move.uri] = self._waiting[move.uri] = self._with_room_made(landings[move.uri])
            except OSError as error:
                errors[move.uri] = error
        return landings, errors

    def _landing(self, action: Action) -> Landing:
        assert action.source is not None  # noqa: S101 - it moves
        assert action.present is not None  # noqa: S101
        place, entry = self._tree.place(action.source), self._entry(action)
        is_shared = entry is not None and entry.lockfile != self._committer.lockfile_name
        left = None if is_shared else entry.path if entry else action.source
        origin = entry.origin if entry else ADOPTED
        landing = landing_of_move(place, _locked(action), action.present, origin=origin, left=left)
        if is_shared:
            return self._put_by(landing, stays=True)
        return self._second_name(landing) if place.is_symlink() else landing

    def _entry(self, action: Action) -> Entry | None:
        """What the record says of the file; of one that was put aside, what it said of its place before."""
        assert action.locked is not None  # noqa: S101 - it moves
        sha256 = action.locked.sha256
        entry = self._record.get(action.source) if action.source else None
        return entry if entry and entry.sha256 == sha256 else self._own.get((action.uri, sha256))

    def _second_name(self, landing: Landing) -> Landing:
        """The landing by a second name, for a file whose first one can not be taken away at once: a link, or far off.

        Raises:
            OSError: It can not be given, or the copy is not right.
        """
        assert landing.part is not None  # noqa: S101 - it moves
        named = self._put_by(landing, stays=True)
        assert named.part is not None  # noqa: S101
        if not named.part.samefile(landing.part) and hash_file(named.part).sha256 != landing.digest.sha256:
            named.part.unlink()
            raise OSError(errno.EIO, "its copy is not the same")
        self._second_names[landing.locked.uri] = landing.part
        return named

    def _with_room_made(self, landing: Landing) -> Landing:
        """The landing of a file that has left its place, and stands nowhere else than where it waits.

        Raises:
            OSError: It can not leave.
        """
        uri = landing.locked.uri
        if uri not in self._second_names:
            try:
                return self._put_by(landing, stays=False)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            landing = self._second_name(landing)
        self._second_names.pop(uri).unlink()
        return landing

    def _put_by(self, landing: Landing, *, stays: bool) -> Landing:
        return self._committer.put_by(landing, place_aside(landing.locked.uri), stays=stays)

    def _put(self, landings: Mapping[str, Landing]) -> dict[str, OSError]:
        """Gives files their names, and tells what stood against it; one on another disk is copied."""
        errors = self._committed(landings)
        far = {uri: landings[uri] for uri, error in errors.items() if error.errno == errno.EXDEV}
        copies = {}
        for uri, landing in far.items():
            try:
                copies[uri] = self._second_name(landing)
            except OSError as error:
                errors[uri] = error
        errors = {uri: error for uri, error in errors.items() if uri not in copies} | self._committed(copies)
        for uri in landings.keys() & self._second_names.keys() - errors.keys():
            with suppress(OSError):
                self._second_names.pop(uri).unlink()
        return errors

    def _committed(self, landings: Mapping[str, Landing]) -> dict[str, OSError]:
        try:
            results = self._committer.commit(list(landings.values()))
        except OSError as error:
            return dict.fromkeys(landings, error)
        return {uri: error for uri, error in zip(landings, results, strict=True) if error}

    def _give_back(self, move: Move) -> None:
        """Has a file that made room for others stand where it stood, if that is still free; the next run finds it."""
        landing, place = self._waiting.pop(move.uri, None), self._tree.place(move.source)
        if landing and landing.part and not os.path.lexists(place):
            with suppress(OSError):
                make_folder(place.parent, set())
                landing.part.rename(place)

    def _clear(self) -> None:
        """Puts into the trash what runs that were cut off have put aside and no product lacks."""
        if left := moves_left(self._tree):
            put_away(self._tree, left, self._committer.trash)

    def put_away_old(self, action: Action) -> list[ProductPath]:
        """Puts into the trash what stood at a product's old place and was not right, now that it has its new one."""
        if action.source is None or action.moves:
            return []
        [error] = put_away(self._tree, [action.source], self._committer.trash)
        return [] if error else [action.source]


def _locked(action: Action) -> LockedProduct:
    assert action.locked is not None  # noqa: S101 - it moves
    return action.refreshed(action.locked) if action.pinned else replace(action.locked, path=action.path)
