"""How the questions about proposals go, told as they are answered: first the observations, then products in parts."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.sync.feedback import Feedback


class Queries:
    """Tells of each proposal once that it is asked about, and once how it went. For any thread.

    Args:
        feedback: Who is told.
    """

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback
        self._lock = Lock()
        self._parts: dict[int, int] = {}
        self._products: dict[int, int] = {}
        self._failed: set[int] = set()

    def begun(self, proposal: int) -> None:
        """A proposal is asked about."""
        self._feedback.query(proposal, "begun")

    @contextmanager
    def one_of(self, proposal: int) -> Iterator[None]:
        """While it lasts, one of the questions about a proposal is asked; the first that fails is told.

        Raises:
            ArchiveError: That which ended the question, as it came.
        """
        try:
            yield
        except ArchiveError as error:
            with self._lock:
                is_first = proposal not in self._failed
                self._failed.add(proposal)
            if is_first:
                self._feedback.query(proposal, "failed", error=str(error))
            raise

    def divided(self, proposal: int, parts: int) -> None:
        """The products of a proposal are asked for in so many parts; no part is an answer without products."""
        self._parts[proposal], self._products[proposal] = parts, 0
        if not parts:
            self._feedback.query(proposal, "answered", products=0)

    def came(self, proposal: int, products: int) -> None:
        """One of the parts has come, with so many products."""
        with self._lock:
            self._products[proposal] += products
            self._parts[proposal] -= 1
            is_whole = not self._parts[proposal]  # never where one of them has failed
        if is_whole:
            self._feedback.query(proposal, "answered", products=self._products[proposal])
