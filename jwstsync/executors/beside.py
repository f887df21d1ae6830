"""Work that goes on beside the connections, in threads of its own, and is waited for at the end.

A pool of concurrent.futures would do it too, but makes a future with a lock for each piece of work, which nobody asks:
a tenth of all the time that small files take.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Work: TypeAlias = tuple[Callable[..., None], tuple[object, ...]]


class Beside:
    """Threads for work that nobody waits for until the end.

    Args:
        most: How much of it goes on at once.
        failed: Told of an error that nobody foresaw.
    """

    def __init__(self, most: int, failed: Callable[[BaseException], None]) -> None:
        self._most = most
        self._failed = failed
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._nothing_left = threading.Condition()
        self._left = 0
        self._over = False

    def begin(self, work: Callable[..., None], *arguments: object) -> None:
        """Begins some work; after the end, for those who come too late, this is nothing."""
        with self._nothing_left:
            if self._over:
                return
            self._left += 1
            if self._left > len(self._threads) < self._most:
                self._threads.append(threading.Thread(target=self._carry_out, name="beside", daemon=True))
                self._threads[-1].start()
        self._queue.put((work, arguments))

    def end(self) -> None:
        """Waits for all that goes on, and for what that begins; from then on nothing is begun any more."""
        with self._nothing_left:
            self._nothing_left.wait_for(lambda: not self._left)
            self._over = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _carry_out(self) -> None:
        while (found := self._queue.get()) is not None:
            work, arguments = found
            try:
                work(*arguments)
            except BaseException as bug:  # noqa: BLE001 - raised again at the end of the run
                self._failed(bug)
            del found, work, arguments  # nothing is kept alive while there is nothing to do
            self._end_one()

    def _end_one(self) -> None:
        with self._nothing_left:
            self._left -= 1
            if not self._left:
                self._nothing_left.notify_all()
