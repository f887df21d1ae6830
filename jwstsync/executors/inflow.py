"""What comes for one span, on its way from the network to the part: written in batches of some size.

Encrypted bytes come in records of 16 kB; to write and hash each by itself would cost more than to put them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.executors.transfer import Span, Transfer

BATCH = 1 << 18
"""Bytes that are written at once."""
_LONGEST_WAIT = 0.5  # seconds after which what has come is written, however little it is


class Inflow:
    """The bytes of one body for one span.

    Args:
        transfer: Whose span it is.
        span: Where the bytes go.
        clock: The seconds since some moment.
    """

    def __init__(self, transfer: Transfer, span: Span, clock: Callable[[], float]) -> None:
        self._transfer = transfer
        self._span = span
        self._clock = clock
        self._chunks: list[bytes] = []
        self._size = 0
        self._since = clock()
        span.ahead = 0

    def take(self, chunk: bytes) -> bool:
        """Takes the next bytes as far as the span goes, and tells whether they were the last of it."""
        room = len(chunk) if self._span.end is None else self._span.left
        self._chunks.append(chunk if room >= len(chunk) else chunk[:room])
        self._size += len(self._chunks[-1])
        self._span.ahead += len(self._chunks[-1])
        return self._span.come

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._size >= BATCH or (self._size > 0 and self._clock() - self._since >= _LONGEST_WAIT)

    def write(self) -> None:
        """Writes what has come; what can not be written is gone, and nothing may come after it.

        Raises:
            OSError: The disk is full, say.
        """
        chunks, self._chunks, self._size = self._chunks, [], 0
        self._since = self._clock()
        if chunks:
            self._transfer.write(self._span, chunks[0] if len(chunks) == 1 else b"".join(chunks))
