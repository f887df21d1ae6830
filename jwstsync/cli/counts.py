"""How much has come: counted by whoever transfers, read now and then by whoever shows it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.cli.text import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.core.fetch import Fetch


@dataclass(slots=True)
class Running:
    """A file on its way: what has come of it, and how much it is, as far as known."""

    name: str
    size: int | None
    received: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How it stands: the files that have ended, the bytes that have come, and the files under way by URI."""

    ended: int
    received: int
    running: Mapping[str, Running]


class Counts:
    """Counts what transfers tell, from whatever threads they run in.

    Bytes are told for every chunk: they are added to their file's own number, which one thread at a time changes, so
    that no lock is needed. A file that has ended may begin again; it counts once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._ended: dict[str, int] = {}
        self._settled = 0

    def started(self, fetch: Fetch, size: int | None) -> None:
        """A transfer begins, or begins anew with what may be another size."""
        with self._lock:
            self._settled -= self._ended.pop(fetch.uri, 0)
            self._running.setdefault(fetch.uri, Running(name_of(fetch.path), size)).size = size

    def received(self, fetch: Fetch, count: int) -> None:
        """So many more bytes have come; negative when bytes are thrown away."""
        running = self._running.get(fetch.uri)
        if running is not None:
            running.received += count

    def ended(self, fetch: Fetch) -> None:
        """The transfer is over."""
        with self._lock:
            running = self._running.pop(fetch.uri, None)
            received = self._ended.pop(fetch.uri, 0) if running is None else running.received
            self._settled += 0 if running is None else received
            self._ended[fetch.uri] = received

    def snapshot(self) -> Snapshot:
        """How it stands now."""
        with self._lock:
            running = dict(self._running)
            received = self._settled + sum(one.received for one in running.values())
            return Snapshot(len(self._ended), received, running)
