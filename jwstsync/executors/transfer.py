"""One product on its way: which bytes are here, who fetches the others, and which version of the product they are of.

No network here: `engine` asks, this keeps the books. A span is fetched by one connection; idle connections take pieces
that are cut from those of others. Each span is written by one thread at a time; the books of a transfer are
for whoever holds the engine's.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from jwstsync.core.retry import Patience
from jwstsync.store.commit import landing_of_part
from jwstsync.store.formats import open_file_problem
from jwstsync.store.hashing import Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwstsync.core.fetch import Fetch
    from jwstsync.store.commit import Landing
    from jwstsync.store.hashing import Digest
    from jwstsync.store.parts import Part, Range

_NOTED_EVERY = 64 << 20  # bytes between two notes of what is durable
_CHUNK = 1 << 20


@dataclass(slots=True, eq=False)
class Span:
    """Bytes up to ``end`` (None: as far as the body goes).

    Those before ``position`` are written, and ``ahead`` more have come and are about to be.
    """

    position: int
    end: int | None
    ahead: int = 0
    taken: bool = False
    patience: Patience = field(default_factory=Patience)

    @property
    def done(self) -> bool:
        """Whether all of it is written, as far as its end is known."""
        return self.end is not None and self.position >= self.end

    @property
    def come(self) -> bool:
        """Whether all of it has come, as far as its end is known."""
        return self.end is not None and not self.left

    @property
    def left(self) -> int:
        """Bytes still to come; 0 where the end is not known."""
        return 0 if self.end is None else max(0, self.end - self.position - self.ahead)


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
        hash_is_known: Whether the whole is held to a hash, so that bytes may be joined that nothing else proves.
        version: Which bytes they are, as far as the server has said.
        spans: What is still to come, and by whom.
        over: Whether it has ended, for good or ill.
        hurried: Whether there is no time to read again what was not hashed as it came.
        concluded_by: The span whose connection judges the whole.
        previous: What a first download was that is not believed.
        length_was_told: Whether the server said how long the whole is.
        joined: Whether bytes of an earlier run, or of answers without a tag, are in it: only a hash tells if they fit.
        counted: The bytes that whoever watches was told of.
    """

    fetch: Fetch
    part: Part
    hash_is_known: bool
    version: Version = field(default_factory=Version)
    spans: list[Span] = field(default_factory=list)
    over: bool = False
    hurried: bool = False
    concluded_by: Span | None = None
    previous: Digest | None = None
    length_was_told: bool = False
    joined: bool = False
    counted: int = 0
    _descriptor: int = -1
    _begun: bool = False
    _hasher: Hasher = field(init=False)
    _noted: int = 0
    _beginnings: int = 0
    _writing: Lock = field(default_factory=Lock)
    _noting: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Begins with what the part's note promises, where the whole can be proved to be one version."""
        note = self.part.note
        if note.ranges and (note.etag is not None or self.hash_is_known):
            self.version = Version(note.etag, note.length)
            self.length_was_told = note.length is not None
            self.joined = True
            self.spans = list(_missing(note.ranges, note.length)) or [Span(note.length or 0, note.length)]
        else:
            self.part.forget()
            self.spans = [Span(0, None)]
        self._hasher = self._new_hasher()
        self._noted = self.received

    def _new_hasher(self) -> Hasher:
        return Hasher(with_md5=self.fetch.pinned_md5 is None)

    def _open(self) -> int:
        """The part's file; when it is opened for the first time, what lies behind the noted ranges is cut off."""
        if self._descriptor < 0:
            noted = max((end for _, end in self.part.note.ranges), default=0)
            anew = os.O_TRUNC if not noted and not self._begun else 0
            self._descriptor = os.open(self.part.path, os.O_RDWR | os.O_CREAT | anew, 0o666)
            if noted and not self._begun:
                os.ftruncate(self._descriptor, noted)
            self._begun = True
        return self._descriptor

    def close(self) -> None:
        """Closes the part's file; no note of it is written from now on."""
        with self._noting, self._writing:
            self._beginnings += 1
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def restart(self, version: Version, span: Span) -> None:
        """Throws away what has come, for another version of the product; ``span`` is all that is left to fetch."""
        with self._noting, self._writing:
            if self.over:
                return
            span.position, span.end, span.ahead = 0, version.length, 0
            self.version = version
            self.length_was_told = version.length is not None
            self.joined = False
            self.spans, self.concluded_by = [span], None
            self._hasher, self._noted = self._new_hasher(), 0
            self._beginnings += 1
            self.part.forget()
            if self._descriptor >= 0:
                os.ftruncate(self._descriptor, 0)

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
        """The bytes that are written."""
        return sum(end - start for start, end in self.ranges)

    @property
    def arrived(self) -> int:
        """The bytes that are written or about to be."""
        length = self.version.length
        if length is None:
            return self.received + sum(span.ahead for span in self.spans)
        return length - sum(span.left for span in self.spans)

    @property
    def ranges(self) -> list[Range]:
        """Which bytes are written, in their order."""
        if self.version.length is None:
            return [(0, span.position) for span in self.spans[:1] if span.position]
        gaps = sorted((span.position, span.end or self.version.length) for span in self.spans if not span.done)
        starts = [0, *(end for _, end in gaps)]
        ends = [*(start for start, _ in gaps), self.version.length]
        return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]

    @property
    def come(self) -> bool:
        """Whether every byte has come."""
        return all(span.come for span in self.spans)

    def write(self, span: Span, chunk: memoryview) -> int:
        """Writes and hashes the next bytes of a span, and tells how many; 0 where they are no longer wanted.

        For any thread; one at a time for each span.

        Raises:
            OSError: The disk is full, say.
        """
        with self._writing:
            if not self.wants(span):
                return 0
            beginning, hasher, start = self._beginnings, self._hasher, span.position
            written = _write_all(self._open(), chunk, start)
        if hasher.size == start:
            hasher.update(chunk)
        with self._writing:
            if beginning != self._beginnings:
                return 0
            span.position += written
            span.ahead -= written
            return written

    def cut(self, span: Span, piece: int, least: int) -> None:
        """Leaves a span so many of the bytes still to come; the others become spans of that length, or a little more.

        Args:
            span: What is cut.
            piece: The bytes of each.
            least: A rest that is shorter goes with the last of them.

        Raises:
            ValueError: Its end is not known.
        """
        if span.end is None:
            raise ValueError("a span without an end can not be cut")
        end = span.end
        span.end = start = end - span.left + piece
        while start < end:
            stop = start + piece if end - start >= piece + least else end
            self.spans.append(Span(start, stop))
            start = stop

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
            with self._noting:
                if beginning == self._beginnings:
                    self.part.remember(ranges, etag=version.etag, length=version.length)

        return note

    def leave(self, *, noted: bool) -> None:
        """Closes the part, where possible with a last note of what is in it."""
        self.close()
        if noted:
            with suppress(OSError):
                self.part.remember(self.ranges, etag=self.version.etag, length=self.version.length)

    def concludes(self, span: Span) -> bool:
        """Whether every byte is written, and it is for the connection of this span to judge the whole."""
        with self._writing:
            if self.over or not all(one.done for one in self.spans) or self.concluded_by not in {None, span}:
                return False
            self.concluded_by = span
            return True

    def digest(self) -> Digest | None:
        """The digest of the whole; what did not come in order is read again. None where there is no time for it.

        Raises:
            OSError: It can not be read.
        """
        while chunk := os.pread(self._open(), _CHUNK, self._hasher.size):
            if self.over or self.hurried:
                return None
            self._hasher.update(chunk)
        return self._hasher.digest()

    def format_problem(self, size: int) -> str | None:
        """What is wrong with the form of the whole, whose length this is, or None.

        Raises:
            OSError: It can not be read.
        """
        return open_file_problem(self._open(), self.fetch.path.rpartition("/")[2], size)

    def landing(self, digest: Digest) -> Landing:
        """The landing of bytes that are believed, once they are durable; the part is closed then.

        Raises:
            OSError: They can not be synced; the part is as it was.
        """
        fetch = self.fetch
        locked = fetch.locks(size=digest.size, sha256=digest.sha256, md5=digest.md5)
        landing = landing_of_part(self.part.path, self._open(), locked, digest, aside=fetch.aside)
        self.close()
        return landing


def _write_all(descriptor: int, chunk: memoryview, position: int) -> int:
    written = os.pwrite(descriptor, chunk, position)
    while written < len(chunk):  # a disk that gets full takes a part, and says so only when it is asked again
        written += os.pwrite(descriptor, chunk[written:], position + written)
    return written


def _missing(ranges: Sequence[Range], length: int | None) -> Iterator[Span]:
    position = 0
    for start, end in sorted(ranges):
        if start > position:
            yield Span(position, start)
        position = max(position, end)
    if length is None or position < length:
        yield Span(position, length)
