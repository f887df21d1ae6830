"""What whoever watches is told of transfers: begun, so many bytes, over."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwstsync.executors import Setback, Watch
    from jwstsync.executors.transfer import Span, Transfer, Version


class Account:
    """Keeps whoever watches in step with the transfers; what several threads have to say, it says one after the other.

    Args:
        watch: Who is told.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = RLock()

    def begin(self, transfer: Transfer, *, anew: bool) -> None:
        """A body begins to come, for another version of the product or for more of the same."""
        with self._lock:
            if anew or not transfer.counted:
                size = transfer.version.length or transfer.fetch.size
                self._watch.started(transfer.fetch, size, transfer.arrived)
                self.update(transfer)

    def update(self, transfer: Transfer) -> None:
        """Tells of the bytes that have come, or were thrown away, since the last time."""
        with self._lock:
            if count := transfer.arrived - transfer.counted:
                transfer.counted += count
                self._watch.received(transfer.fetch, count)

    def start_over(self, transfer: Transfer, span: Span, version: Version) -> None:
        """Throws away what has come of a transfer, and takes it back."""
        transfer.restart(version, span)
        self.update(transfer)

    def set_back(self, transfer: Transfer, setback: Setback) -> None:
        """The transfer broke, and is tried again, unless it has ended meanwhile."""
        with self._lock:
            if not transfer.over:
                self._watch.retried(transfer.fetch, setback)

    def end(self, transfer: Transfer) -> None:
        """The transfer is over, for good or ill."""
        with self._lock:
            self._watch.ended(transfer.fetch)
