"""Who is told how a run goes on; nobody, unless somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jwstsync.executors import Watch

if TYPE_CHECKING:
    from jwstsync.core.events import QueryState
    from jwstsync.core.fetch import Fetch
    from jwstsync.executors import Setback


class Feedback(Watch, Protocol):
    """Who is told how a run goes on."""

    def phase(self, text: str) -> None:
        """Something that may take a while begins."""
        ...

    def hashed(self, count: int) -> None:
        """A file of so many bytes has been hashed."""
        ...

    def warn(self, text: str) -> None:
        """Something that the user should know, and that stops nothing."""
        ...

    def query(self, proposal: int, state: QueryState, *, products: int | None = None, error: str | None = None) -> None:
        """A question about a proposal has begun, is answered with so many products, or failed; from any thread."""
        ...


class Silence:
    """Feedback that tells nobody."""

    def phase(self, text: str) -> None:
        """Says nothing."""

    def hashed(self, count: int) -> None:
        """Says nothing."""

    def warn(self, text: str) -> None:
        """Says nothing."""

    def query(self, proposal: int, state: QueryState, *, products: int | None = None, error: str | None = None) -> None:
        """Says nothing."""

    def started(self, fetch: Fetch, size: int | None, resumed: int = 0) -> None:
        """Says nothing."""

    def retried(self, fetch: Fetch, setback: Setback) -> None:
        """Says nothing."""

    def received(self, fetch: Fetch, count: int) -> None:
        """Says nothing."""

    def ended(self, fetch: Fetch) -> None:
        """Says nothing."""
