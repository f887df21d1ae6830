"""Who is told how a run goes on; nobody, unless somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jwstsync.executors import Watch

if TYPE_CHECKING:
    from jwstsync.core.fetch import Fetch


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


class Silence:
    """Feedback that tells nobody."""

    def phase(self, text: str) -> None:
        """Says nothing."""

    def hashed(self, count: int) -> None:
        """Says nothing."""

    def warn(self, text: str) -> None:
        """Says nothing."""

    def started(self, fetch: Fetch, size: int | None) -> None:
        """Says nothing."""

    def received(self, fetch: Fetch, count: int) -> None:
        """Says nothing."""

    def ended(self, fetch: Fetch) -> None:
        """Says nothing."""
