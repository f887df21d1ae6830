"""The transfers that have begun and not ended, and what of them a free connection may fetch.

For whoever holds the engine's books: nothing here is safe to be changed by two threads at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.executors.transfer import WORTH_SPLITTING, Span, Transfer

if TYPE_CHECKING:
    from jwstsync.store.hashing import Digest


class Running:
    """The transfers of a run.

    Attributes:
        transfers: Those that have not ended, by URI.
        doubtful: Those of them that wait, complete, for word of the archive's checksums, with the digest of each.
    """

    def __init__(self) -> None:
        self.transfers: dict[str, Transfer] = {}
        self.doubtful: dict[str, tuple[Transfer, Digest]] = {}
        self._coming: dict[str, Transfer] = {}

    @property
    def only_doubtful(self) -> bool:
        """Whether nothing is under way any more but what waits for word."""
        return len(self.transfers) == len(self.doubtful)

    def begin(self, transfer: Transfer) -> None:
        """Bytes of a transfer are to come, for the first time or again."""
        self.transfers[transfer.fetch.uri] = self._coming[transfer.fetch.uri] = transfer

    def note_come(self, transfer: Transfer) -> None:
        """Takes note of a transfer of which no more bytes are to come, if that is so."""
        if transfer.come:
            self._coming.pop(transfer.fetch.uri, None)

    def end(self, transfer: Transfer) -> None:
        """A transfer is over."""
        self.transfers.pop(transfer.fetch.uri, None)
        self._coming.pop(transfer.fetch.uri, None)

    def end_all(self) -> list[Transfer]:
        """Those that had not ended; they are over now."""
        left, self.transfers, self._coming = list(self.transfers.values()), {}, {}
        for transfer in left:
            transfer.over = True
        return left

    def left_over(self) -> tuple[Transfer, Span] | None:
        """A span that nobody fetches, taken."""
        for transfer in self._coming.values():
            for span in transfer.spans:
                if not span.taken and not span.done and not transfer.over:
                    span.taken = True
                    return transfer, span
        return None

    def half(self) -> tuple[Transfer, Span] | None:
        """The later half of the span of which most is still to come, taken; None where none is worth it."""
        able = (transfer for transfer in self._coming.values() if transfer.version.ranges and not transfer.over)
        spans = [(span.left, transfer, span) for transfer in able for span in transfer.spans]
        longest = max(spans, key=lambda entry: entry[0], default=None)
        if longest is None or longest[0] < max(2, WORTH_SPLITTING):
            return None
        return longest[1], longest[1].split(longest[2])
