"""What comes for one span, on its way from the network to the part: written in batches, one while the next one comes.

A batch costs one change of threads however many chunks it has, and its bytes are all that is kept in memory.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.executors.transfer import Span, Transfer

BATCH = 1 << 20
"""Bytes that are written at once; smaller products are never written in pieces."""
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
        self._write: asyncio.Future[int] | None = None
        span.ahead = 0

    def take(self, chunk: bytes) -> bool:
        """Takes the next bytes as far as the span goes; False where it goes no further than that."""
        room = len(chunk) if self._span.end is None else self._span.left
        self._chunks.append(chunk if room >= len(chunk) else chunk[:room])
        self._size += len(self._chunks[-1])
        self._span.ahead += len(self._chunks[-1])
        return room >= len(chunk)

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._size >= BATCH or (self._size > 0 and self._clock() - self._since >= _LONGEST_WAIT)

    def rest(self) -> list[bytes]:
        """What is still to be written, and no longer this object's business."""
        chunks, self._chunks, self._size = self._chunks, [], 0
        return chunks

    async def write(self) -> None:
        """Begins to write what has come, once what came before is written.

        Raises:
            OSError: What came before could not be written.
        """
        await self.settle()
        self._since = self._clock()
        loop = asyncio.get_running_loop()
        self._write = loop.run_in_executor(None, self._transfer.write, self._span, self.rest())

    async def settle(self) -> None:
        """Waits until all that was begun is written, also where it is cancelled meanwhile.

        Raises:
            OSError: It could not be written.
        """
        write, self._write = self._write, None
        if write is None:
            return
        try:
            await asyncio.wait([write])
        except asyncio.CancelledError:
            self._write = write
            raise
        try:
            write.result()
        except OSError:
            self.rest()  # what came after must never be written in the place of what was not
            raise

    async def drain(self) -> None:
        """Writes all that has come, so that it is not lost.

        Raises:
            OSError: It could not be written.
        """
        await self.write()
        await self.settle()
