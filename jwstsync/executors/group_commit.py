"""Commits landings of many transfers in groups: whatever is ready when the disk is free goes in one synced step."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeAlias

from jwstsync.store.files import TOO_MANY_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jwstsync.executors.pacing import Timing
    from jwstsync.store.commit import Committer, Landing

    Ended: TypeAlias = Callable[[OSError | None], None]
    Waiting: TypeAlias = tuple[Landing, Ended]

_LANDING = 256
"""Verified products that wait for their names; they share the syncs of their group."""


class GroupCommit:
    """The queue before a committer, and the thread that carries it out.

    Args:
        committer: What gives the landings their names, one group at a time.
        timing: What is known of time.
        stopped: Set when the run is to end soon.
        failed: Told of an error that nobody foresaw; what waits is left then.
    """

    def __init__(
        self, committer: Committer, timing: Timing, stopped: threading.Event, failed: Callable[[Exception], None]
    ) -> None:
        self._committer = committer
        self._timing = timing
        self._stopped = stopped
        self._failed = failed
        self._ready: queue.Queue[Waiting | None] = queue.Queue(_LANDING)
        self._finished = False
        self._thread = threading.Thread(target=self._run, name="commits")

    def start(self) -> None:
        """Begins to commit."""
        self._thread.start()

    def add(self, landing: Landing, ended: Ended) -> None:
        """Has a landing get its name soon; ``ended`` is told, in the committing thread, what stood against it."""
        self._ready.put((landing, ended))

    def finish(self) -> None:
        """Ends when all that was added has been committed."""
        self._ready.put(None)
        self._thread.join()

    def _run(self) -> None:
        left: list[Waiting] = []
        while group := left or self._next_group():
            try:
                left = self._left(group)
            except Exception as error:  # noqa: BLE001 - a bug: whoever runs the downloads is to hear of it
                self._failed(error)
                left = []

    def _next_group(self) -> list[Waiting]:
        """What is ready by now; at least one, unless there comes no more."""
        group: list[Waiting] = []
        while not self._finished and not (group and self._ready.empty()):
            if (waiting := self._ready.get()) is None:
                self._finished = True
            else:
                group.append(waiting)
        return group

    def _left(self, group: Sequence[Waiting]) -> list[Waiting]:
        """Commits a group, and gives what could not be committed as too many files are open."""
        results = self._results([landing for landing, _ in group])
        left = []
        for waiting, error in zip(group, results, strict=True):
            if error is not None and error.errno in TOO_MANY_FILES and not self._stopped.is_set():
                left.append(waiting)
            else:
                waiting[1](error)
        if left:
            self._timing.sleep(self._timing.chance(), self._stopped)
        return left

    def _results(self, landings: Sequence[Landing]) -> Sequence[OSError | None]:
        try:
            return self._committer.commit(landings)
        except OSError as error:
            return [error] * len(landings)
