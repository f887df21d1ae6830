"""Servers that fail in ways of their own, below HTTP, and a clock that costs no time."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST_REQUEST = 1 << 16


@contextmanager
def sending(first: bytes, forever: bytes = b"") -> Iterator[str]:
    """A server that sends everybody the same: ``first``, then ``forever`` again and again, or nothing more."""
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, stopping, first, forever))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopping.set()
            socket.create_connection(listener.getsockname()).close()  # one more, so that it looks up
            thread.join()


def _serve(listener: socket.socket, stopping: threading.Event, first: bytes, forever: bytes) -> None:
    while not stopping.is_set():
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client has had enough
            connection.recv(_LARGEST_REQUEST)
            connection.sendall(first)
            while forever:
                connection.sendall(forever)
            while connection.recv(_LARGEST_REQUEST):
                pass


class Clock:
    """Stands in for `time`: only pauses pass on it.

    Attributes:
        pauses: Every pause, in seconds.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """The time as far as it was slept away."""
        return sum(self.pauses)

    time = monotonic

    def sleep(self, seconds: float) -> None:
        """Passes the time at once."""
        self.pauses.append(seconds)
