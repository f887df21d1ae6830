"""What comes for one span, on its way from the network to the part: written in batches of some size.

They are written from the memory that they came into: to copy them would cost as much as to read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.executors.transfer import Span, Transfer

_LONGEST_WAIT = 0.5  # seconds after which what has come is written, however little it is


class Inflow:
    """The bytes of one body for one span.

    Args:
        transfer: Whose span it is.
        span: Where the bytes go.
        clock: The seconds since some moment.
        memory: Where they come; when it is full, it is written.
    """

    def __init__(self, transfer: Transfer, span: Span, clock: Callable[[], float], memory: memoryview) -> None:
        self._transfer = transfer
        self._span = span
        self._clock = clock
        self._memory = memory
        self._size = 0
        self._since = clock()
        span.ahead = 0

    @property
    def room(self) -> memoryview:
        """Where the next bytes are to be put."""
        return self._memory[self._size :]

    def take(self, count: int) -> bool:
        """Takes the next bytes, as far as the span goes, and tells whether they were the last of it."""
        fit = count if self._span.end is None else min(count, self._span.left)
        self._size += fit
        self._span.ahead += fit
        return self._span.come

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        full = self._size == len(self._memory)
        return full or (self._size > 0 and self._clock() - self._since >= _LONGEST_WAIT)

    def write(self) -> None:
        """Writes what has come; what can not be written is gone, and nothing may come after it.

        Raises:
            OSError: The disk is full, say.
        """
        come, self._size = self._memory[: self._size], 0
        self._since = self._clock()
        if come:
            self._transfer.write(self._span, come)
