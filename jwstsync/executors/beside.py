"""Work that goes on beside the connections, in threads of its own, and is waited for at the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Beside:
    """Threads for work that nobody waits for until the end.

    Args:
        most: How much of it goes on at once.
        failed: Told of an error that nobody foresaw.
    """

    def __init__(self, most: int, failed: Callable[[BaseException], None]) -> None:
        self._pool = ThreadPoolExecutor(most, "beside")
        self._failed = failed
        self._changed = Condition()
        self._going_on = 0
        self._over = False

    def begin(self, work: Callable[..., None], *arguments: object) -> None:
        """Begins some work; after the end, for those who come too late, this is nothing."""
        with self._changed:
            if not self._over:
                self._going_on += 1
                self._pool.submit(self._carry_out, work, arguments)

    def end(self) -> None:
        """Waits for all that goes on, and for what that begins; from then on nothing is begun any more."""
        with self._changed:
            while self._going_on:
                self._changed.wait()
            self._over = True
        self._pool.shutdown()

    def _carry_out(self, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
        try:
            work(*arguments)
        except BaseException as bug:  # noqa: BLE001 - raised again at the end of the run
            self._failed(bug)
        finally:
            with self._changed:
                self._going_on -= 1
                self._changed.notify_all()
