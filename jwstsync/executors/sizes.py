"""How many bytes the archive would serve for a product, where no listing states it: asked by HEAD, so nothing comes.

It is talked to as downloads do: over the same connections, with the same rests and the same patience.
"""

from __future__ import annotations

import queue
import re
from collections import deque
from contextlib import closing
from threading import Event, Thread
from typing import TYPE_CHECKING

from jwstsync.core.retry import HOST_FAILURES, Patience
from jwstsync.executors import Cause
from jwstsync.executors.answers import RefusalError, SetbackError, no_body
from jwstsync.executors.connection import Connection
from jwstsync.executors.pacing import Host, Timing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.executors.server import Server

_OK = 200
_LENGTH = re.compile("[0-9]{1,18}")
_ENDED, _STOP = object(), object()


class SizeQuestions:
    """Asks a server how many bytes products have.

    Args:
        server: Which one.
        timing: What is known of time.
    """

    def __init__(self, server: Server, timing: Timing | None = None) -> None:
        self._server = server
        self._timing = timing or Timing()
        self._stopping = False
        self._stopped = Event()
        self._host = Host(self._timing, None, self._stopped)
        self._unreached = 0
        self._said: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._connections = [Connection(server) for _ in range(server.connections)]

    def stop(self) -> None:
        """Asks no more. May be called from a signal handler, or another thread."""
        self._stopping = True
        self._said.put(_STOP)

    def ask(self, uris: Iterable[str]) -> dict[str, int]:
        """The sizes by URI, as far as the archive tells them; after ten failures for want of the host none is asked."""
        waiting, sizes = deque(uris), dict[str, int]()
        if self._stopping:
            return sizes
        for connection in self._connections:
            Thread(target=self._slot, args=(connection, waiting), name="sizes", daemon=True).start()
        try:
            running = len(self._connections)
            while running and (said := self._said.get()) is not _STOP:
                if isinstance(said, BaseException):
                    raise said
                running -= said is _ENDED
                if isinstance(said, tuple):
                    sizes.update([said])
        finally:
            self._halt()
        return sizes

    def _halt(self) -> None:
        """Has all threads end soon; none is waited for, since one that is being connected can not be ended."""
        self._stopped.set()
        for connection in self._connections:
            connection.abort()

    def _slot(self, connection: Connection, waiting: deque[str]) -> None:
        try:
            while not self._stopped.is_set() and self._unreached < HOST_FAILURES:
                try:
                    uri = waiting.popleft()
                except IndexError:
                    break
                self._tell(connection, uri)
        except BaseException as bug:  # noqa: BLE001 - raised again by whoever asked
            self._said.put(bug)
        finally:
            connection.close()
            self._said.put(_ENDED)

    def _tell(self, connection: Connection, uri: str) -> None:
        try:
            size = self._size(connection, uri)
            self._unreached = 0
        except (RefusalError, OSError):  # the latter where too many files are open
            return
        except SetbackError as error:
            self._unreached += error.cause is Cause.HOST
            return
        if size is not None:
            self._said.put((uri, size))

    def _size(self, connection: Connection, uri: str) -> int | None:
        patience = Patience()
        while True:
            try:
                return self._stated(connection, uri)
            except SetbackError as error:
                patience = patience.after(0)
                if patience.exhausted or self._stopped.is_set():
                    raise
                self._rest(error, patience)

    def _rest(self, error: SetbackError, patience: Patience) -> None:
        wait = error.wait
        if wait is None:
            wait = self._timing.pauses.before_next(patience.setbacks, self._timing.chance())
        if error.whole_host:
            self._host.rest_for(wait)
        self._timing.sleep(wait, self._stopped)

    def _stated(self, connection: Connection, uri: str) -> int | None:
        self._host.rested()
        with closing(connection.get(self._server.address(uri), {}, method="HEAD")) as response:
            if response.status != _OK:
                raise no_body(response)
            own = response.headers.get("content-encoding", "identity").lower() == "identity"
            length = response.headers.get("content-length", "")
            return int(length) if own and _LENGTH.fullmatch(length) else None
