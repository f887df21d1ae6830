"""How fetches are carried out: one interface, one file for each way to do it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from jwstsync.store.files import DISK_FULL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.lockfile import LockedProduct


class Cause(StrEnum):
    """Why a fetch failed."""

    HOST = "host"
    BUSY = "busy"
    NETWORK = "network"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BYTES = "bytes"
    MISMATCH = "mismatch"
    DISK = "disk"
    DISK_FULL = "disk_full"


REFUSALS = frozenset({Cause.UNAUTHORIZED, Cause.FORBIDDEN})
"""The causes that another token may be of help against."""


def disk_cause(error: OSError) -> Cause:
    """What an error of the disk counts as: nothing fits any more, or just this file does not.

    A file that is too large for the file system or for a limit (EFBIG) leaves room for smaller ones.
    """
    return Cause.DISK_FULL if error.errno in DISK_FULL else Cause.DISK


@dataclass(frozen=True, slots=True)
class Done:
    """The product is in place and verified; ``locked`` is what the lockfile is to say of it."""

    fetch: Fetch
    locked: LockedProduct


@dataclass(frozen=True, slots=True)
class Failed:
    """The product could not be had; what stood at its place still does."""

    fetch: Fetch
    cause: Cause
    error: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The product was not tried, or put off."""

    fetch: Fetch
    why: str


Outcome: TypeAlias = Done | Failed | Deferred


@dataclass(frozen=True, slots=True)
class Setback:
    """What broke a transfer that is tried again.

    Attributes:
        error: What went wrong.
        in_a_row: How many tries in a row broke without a byte more than ever before.
        pause: Seconds until the next try.
        whole_host: Whether nothing is asked of the server meanwhile.
    """

    error: str
    in_a_row: int
    pause: float
    whole_host: bool


class Watch(Protocol):
    """Who is told how transfers go on, from whatever thread they run in."""

    def started(self, fetch: Fetch, size: int | None, resumed: int = 0) -> None:
        """Bytes begin to come, of ``size`` in all as far as known; those of ``resumed`` are here from before.

        The latter are told of as received too. It may begin anew.
        """
        ...

    def retried(self, fetch: Fetch, setback: Setback) -> None:
        """The transfer broke, and is tried again."""
        ...

    def received(self, fetch: Fetch, count: int) -> None:
        """So many more bytes have come; negative when bytes are thrown away."""
        ...

    def ended(self, fetch: Fetch) -> None:
        """The transfer is over, for good or ill."""
        ...


class Executor(Protocol):
    """A way to carry out fetches."""

    def run(self, fetches: Sequence[Fetch], watch: Watch) -> Iterator[Outcome]:
        """One outcome for each fetch, as soon as it is known. One product's failure never stops the others."""
        ...

    def stop(self) -> None:
        """Ends the run soon: what is not done is `Deferred`. May be called from a signal handler."""
        ...
