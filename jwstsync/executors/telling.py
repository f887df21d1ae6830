"""The order in which outcomes are told: failures for want of the host count in a row, so none overtakes a success."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.executors import Cause, Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.executors import Outcome


class Telling:
    """Tells of outcomes, from whatever thread, one after the other.

    Args:
        tell: Who is told.
    """

    def __init__(self, tell: Callable[[Outcome], None]) -> None:
        self._tell = tell
        self._lock = Lock()
        self._come: set[str] = set()
        self._held: list[tuple[Failed, set[str]]] = []

    def come(self, uri: str) -> None:
        """All bytes of a product are here; what comes of it is known only later."""
        with self._lock:
            self._come.add(uri)

    def back(self, uri: str) -> None:
        """More bytes of a product are to come after all."""
        with self._lock:
            self._settled(uri)

    def tell(self, outcome: Outcome) -> None:
        """Tells of an outcome; of a failure for want of the host after all that had come by then."""
        with self._lock:
            self._come.discard(outcome.fetch.uri)
            if isinstance(outcome, Failed) and outcome.cause is Cause.HOST:
                self._held.append((outcome, set(self._come)))
            else:
                self._tell(outcome)
            self._settled(outcome.fetch.uri)

    def _settled(self, uri: str) -> None:
        self._come.discard(uri)
        for _, waits_for in self._held:
            waits_for.discard(uri)
        while self._held and not self._held[0][1]:
            self._tell(self._held.pop(0)[0])
