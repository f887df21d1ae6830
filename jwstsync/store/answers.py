"""The archive's last answers, kept in the user's cache folder for plans without a network.

One packed JSON file for each proposal's listing and each keyword question, by the archive's address. What is read is
not trusted more than the archive is: a file that is broken, too large, or of another archive counts as none. Whether
an answer is good enough for a manifest is decided elsewhere. No token is ever in it.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from jwstsync.core.caom import KeywordRow, Observation, ProductRow  # noqa: TC001 - pydantic reads them
from jwstsync.core.keywords import KeywordQuestion  # noqa: TC001 - as above
from jwstsync.core.selection import Listing
from jwstsync.store.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_FILE = 2**28  # bytes, packed
LARGEST_TEXT = 2**30  # bytes
_LATEST = 253_402_300_799.0  # the last second of the year 9999

_Time = Annotated[float, Field(ge=0, le=_LATEST, allow_inf_nan=False)]
_Kept = TypeVar("_Kept", "KeptListing", "KeptKeywords")


@dataclass(frozen=True, slots=True)
class KeptListing:
    """What an archive listed for a proposal.

    Attributes:
        url: The archive's address.
        kept_at: When the answer came, in seconds since 1970, UTC.
        proposal: The proposal.
        groups: The group ids of the observations whose products were asked for.
        observations: The proposal's observations.
        rows: The product rows of those asked for.
        version: Of this format.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: str
    kept_at: _Time
    proposal: int
    groups: list[int]
    observations: list[Observation]
    rows: list[ProductRow]
    version: Literal[1] = 1

    @property
    def listing(self) -> Listing:
        """As the archive gave it."""
        return Listing(self.proposal, self.observations, self.rows)


@dataclass(frozen=True, slots=True)
class KeptKeywords:
    """What a keyword service said; as `KeptListing`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: str
    kept_at: _Time
    question: KeywordQuestion
    rows: list[KeywordRow]
    version: Literal[1] = 1


class Answers:
    """The kept answers of one archive.

    Args:
        cache_folder: The user's, for this program.
        url: The archive's address.
    """

    def __init__(self, cache_folder: Path, url: str) -> None:
        self._folder = cache_folder / "answers" / hashlib.sha256(url.encode()).hexdigest()[:16]
        self._url = url

    def keep_listing(self, listing: Listing, groups: Sequence[int], now: float) -> None:
        """Keeps what an archive lists, in place of what it listed before; what can not be written is left at that."""
        kept = KeptListing(
            self._url, now, listing.proposal, list(groups), list(listing.observations), list(listing.rows)
        )
        self._write(_listing_name(listing.proposal), _listings(), kept)

    def keep_keywords(self, question: KeywordQuestion, rows: Sequence[KeywordRow], now: float) -> None:
        """Keeps what a keyword service says, likewise."""
        kept = KeptKeywords(self._url, now, question, list(rows))
        self._write(_keywords_name(question), _keywords(), kept)

    def listing(self, proposal: int) -> KeptListing | None:
        """What was listed last for a proposal, if it is kept."""
        kept = self._read(_listing_name(proposal), _listings())
        return kept if kept is not None and kept.proposal == proposal else None

    def keywords(self, question: KeywordQuestion) -> KeptKeywords | None:
        """What a keyword service said last, if it is kept."""
        kept = self._read(_keywords_name(question), _keywords())
        return kept if kept is not None and kept.question == question else None

    def _write(self, name: str, adapter: TypeAdapter[_Kept], kept: _Kept) -> None:
        with suppress(OSError, ValueError):  # a full disk, or a name that is no text; a plan is none the worse for it
            content = adapter.dump_json(kept, exclude_none=True)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._folder / name, gzip.compress(content, compresslevel=1, mtime=0))

    def _read(self, name: str, adapter: TypeAdapter[_Kept]) -> _Kept | None:
        try:
            kept = adapter.validate_json(_text(self._folder / name), strict=True)
        except (OSError, EOFError, zlib.error, ValidationError):
            return None
        return kept if kept.url == self._url else None


def _listing_name(proposal: int) -> str:
    return f"proposal-{proposal}.json.gz"


def _keywords_name(question: KeywordQuestion) -> str:
    return f"keywords-{question.proposal}-{question.service}.json.gz"


@cache
def _listings() -> TypeAdapter[KeptListing]:
    return TypeAdapter(KeptListing)


@cache
def _keywords() -> TypeAdapter[KeptKeywords]:
    return TypeAdapter(KeptKeywords)


def _text(path: Path) -> bytes:
    """The text of a packed file; empty, and so nothing, where it is larger than any that was written here."""
    with path.open("rb") as file, gzip.open(file) as unpacked:
        if path.stat().st_size > LARGEST_FILE:
            return b""
        text = unpacked.read(LARGEST_TEXT + 1)
    return text if len(text) <= LARGEST_TEXT else b""
