"""One product on its way: which bytes are here, who fetches the others, and which version of the product they are of.

No network here: `engine` asks, this keeps the books. A span is fetched by one connection; an idle connection may take
over the later half of one that is worth it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.core.retry import Patience
from jwstsync.store.hashing import Digest, Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwstsync.core.plan import Fetch
    from jwstsync.store.parts import Part, Range

WORTH_SPLITTING = 32 << 20
"""Bytes still to come in a span that two connections may share."""
_NOTED_EVERY = 64 << 20  # bytes between two notes of what is durable
_CHUNK = 1 << 20


@dataclass(slots=True, eq=False)
class Span:
    """Bytes up to ``end`` (None: as far as the body goes), of which those before ``position`` are written."""

    position: int
    end: int | None
    taken: bool = False
    patience: Patience = field(default_factory=Patience)

    @property
    def done(self) -> bool:
        """Whether all of it is written, as far as its end is known."""
        return self.end is not None and self.position >= self.end

    @property
    def left(self) -> int:
        """Bytes still to come; 0 where the end is not known."""
        return 0 if self.end is None else self.end - self.position


@dataclass(frozen=True, slots=True)
class Version:
    """Which bytes the server has: their entity tag, if it is a strong one, their number, and whether ranges work."""

    etag: str | None = None
    length: int | None = None
    ranges: bool = False


@dataclass(slots=True, eq=False)
class Transfer:
    """The way of one product into its part.

    Attributes:
        fetch: What is wanted.
        part: Where the bytes go.
        version: Which bytes they are, as far as the server has said.
        hash_is_known: Whether the whole is held to a hash, so that bytes may be joined that nothing else proves.
        spans: What is still to come, and by whom.
        over: Whether it has ended, for good or ill.
        concluded_by: The span whose connection judges the whole.
        previous: What a first download was that is not believed.
        length_was_told: Whether the server said how long the whole is.
        counted: The bytes that whoever watches was told of.
    """

    fetch: Fetch
    part: Part
    hash_is_known: bool
    version: Version = field(default_factory=Version)
    spans: list[Span] = field(default_factory=list)
    over: bool = False
    concluded_by: Span | None = None
    previous: Digest | None = None
    length_was_told: bool = False
    counted: int = 0
    _descriptor: int = -1
    _hasher: Hasher = field(default_factory=Hasher)
    _noted: int = 0
    _beginnings: int = 0
    _lock: Lock = field(default_factory=Lock)

    def open(self) -> None:
        """Opens the part. What is in it counts only if the whole can be proved to be one version.

        Raises:
            OSError: It can not be written.
        """
        note = self.part.note
        useful = bool(note.ranges) and (note.etag is not None or self.hash_is_known)
        if useful:
            self.version = Version(note.etag, note.length)
            self.length_was_told = note.length is not None
            self.spans = list(_missing(note.ranges, note.length)) or [Span(note.length or 0, note.length)]
        else:
            self.part.forget()
            self.spans = [Span(0, None)]
        self._noted = self.received
        self._descriptor = os.open(self.part.path, os.O_RDWR | os.O_CREAT, 0o666)
        os.ftruncate(self._descriptor, max((end for _, end in note.ranges), default=0) if useful else 0)

    def close(self) -> None:
        """Closes the part's file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def restart(self, version: Version, span: Span) -> None:
        """Throws away what has come, for another version of the product; ``span`` is all that is left to fetch."""
        with self._lock:
            span.position, span.end = 0, version.length
            self.version = version
            self.length_was_told = version.length is not None
            self.spans, self.concluded_by = [span], None
            self._hasher, self._noted = Hasher(), 0
            self._beginnings += 1
            os.ftruncate(self._descriptor, 0)
            self.part.forget()

    def learn(self, span: Span, length: int | None) -> None:
        """Takes note that ranges work, and how long the whole is, from an answer that fits."""
        self.version = replace(self.version, ranges=self.version.etag is not None)
        if self.version.length is None and length is not None:
            self.version = replace(self.version, length=length)
            self.length_was_told = True
            span.end = length

    def wants(self, span: Span) -> bool:
        """Whether the bytes of a span are still of use."""
        return not self.over and any(span is one for one in self.spans)

    @property
    def resumable(self) -> bool:
        """Whether what has come can be gone on with, and be proved to be one version."""
        return self.received > 0 and (self.version.etag is not None or self.hash_is_known)

    @property
    def received(self) -> int:
        """The bytes that are here."""
        return sum(end - start for start, end in self.ranges)

    @property
    def ranges(self) -> list[Range]:
        """Which bytes are here, in their order."""
        if self.version.length is None:
            return [(0, span.position) for span in self.spans[:1] if span.position]
        gaps = sorted((span.position, span.end or self.version.length) for span in self.spans if not span.done)
        starts = [0, *(end for _, end in gaps)]
        ends = [*(start for start, _ in gaps), self.version.length]
        return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return all(span.done for span in self.spans)

    def write(self, span: Span, chunk: bytes) -> int:
        """Writes the next bytes of a span, as far as it goes, and tells how many.

        Raises:
            OSError: The disk is full, say.
        """
        view = memoryview(chunk)
        if span.end is not None:
            view = view[: span.left]
        written = 0
        while written < len(view):
            written += os.pwrite(self._descriptor, view[written:], span.position + written)
        if span.position == self._hasher.size:
            self._hasher.update(view)
        span.position += written
        return written

    def split(self, span: Span) -> Span:
        """The later half of a span, as one of its own."""
        if span.end is None:
            raise ValueError("a span without an end has no half")
        middle = span.position + span.left // 2
        later = Span(middle, span.end, taken=True)
        span.end = middle
        self.spans.append(later)
        return later

    @property
    def worth_noting(self) -> bool:
        """Whether so much has come since the last note that a crash would be a pity."""
        return self.version.etag is not None and self.received - self._noted >= _NOTED_EVERY

    def noting(self) -> Callable[[], None]:
        """What makes the bytes that are here now durable, and notes them beside the part; for any thread.

        Calling it raises OSError when the disk is full, say.
        """
        ranges, version, beginning = self.ranges, self.version, self._beginnings
        self._noted = self.received

        def note() -> None:
            with self._lock:
                if beginning == self._beginnings:
                    self.part.remember(ranges, etag=version.etag, length=version.length)

        return note

    def leave(self, *, noted: bool) -> None:
        """Closes the part, where possible with a last note of what is in it."""
        with self._lock:
            self._beginnings += 1  # no other note is written from now on
            if noted:
                with suppress(OSError):
                    self.part.remember(self.ranges, etag=self.version.etag, length=self.version.length)
        self.close()

    @property
    def in_order(self) -> bool:
        """Whether every byte that is here was hashed as it came."""
        return self._hasher.size == self.version.length

    def digest(self) -> Digest:
        """The digest of the whole; what did not come in order is read again, unless it is over before.

        Raises:
            OSError: It can not be read.
        """
        while not self.over and (chunk := os.pread(self._descriptor, _CHUNK, self._hasher.size)):
            self._hasher.update(chunk)
        return self._hasher.digest()


def _missing(ranges: Sequence[Range], length: int | None) -> Iterator[Span]:
    position = 0
    for start, end in sorted(ranges):
        if start > position:
            yield Span(position, start)
        position = max(position, end)
    if length is None or position < length:
        yield Span(position, length)
