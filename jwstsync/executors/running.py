"""The transfers that have begun and not ended, and what of them a free connection may fetch.

For whoever holds the engine's books: nothing here is safe to be changed by two threads at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwstsync.executors.transfer import Span, Transfer
    from jwstsync.store.hashing import Digest

WORTH_SHARING = 32_000_000
"""Bytes still to come of a file that several connections may share."""
_LEAST_SHARE = 1 / 8
"""Of that: what is less is not worth a request of its own."""


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

    def shared(self, connections: int) -> tuple[Transfer, Span] | None:
        """A piece of a large file, taken, where one is worth it.

        All that is still to come of large files is cut at once so that each connection can have an equal part of it:
        three files on four connections end at the same time.
        """
        able = [transfer for transfer in self._coming.values() if _is_worth_sharing(transfer)]
        least = int(WORTH_SHARING * _LEAST_SHARE)
        piece = max(least, -(-sum(_left_of(transfer) for transfer in able) // connections))
        for transfer in able:
            for span in [span for span in transfer.spans if span.left >= piece + least]:
                transfer.cut(span, piece, least)
        return self.left_over() if able else None


def _is_worth_sharing(transfer: Transfer) -> bool:
    return transfer.version.ranges and not transfer.over and _left_of(transfer) >= WORTH_SHARING


def _left_of(transfer: Transfer) -> int:
    return sum(span.left for span in transfer.spans)
