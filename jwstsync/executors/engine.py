"""Several connections that carry out fetches: tries again, shares large files among idle connections, stops cleanly.

One event loop's worth of downloading; `download` runs it in a thread, or several of them in worker processes.
"""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import aiohttp

from jwstsync.executors import Cause, Deferred, Done, Failed, Outcome, disk_cause
from jwstsync.executors.answers import RefusalError, SetbackError, check_answer
from jwstsync.executors.group_commit import GroupCommit, finished
from jwstsync.executors.pacing import Host, Pace
from jwstsync.executors.transfer import WORTH_SPLITTING, Span, Transfer, Version
from jwstsync.store.commit import Landing
from jwstsync.store.formats import format_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.core.plan import Fetch
    from jwstsync.executors import Watch
    from jwstsync.executors.pacing import Timing
    from jwstsync.executors.server import Server
    from jwstsync.store.commit import Committer
    from jwstsync.store.hashing import Digest
    from jwstsync.store.parts import Parts

_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_OF_NO_USE = frozenset({Cause.BYTES, Cause.MISMATCH, Cause.NOT_FOUND, Cause.FORBIDDEN, Cause.DISK})
"""Causes after which the bytes that have come are thrown away."""


class Source(Protocol):
    """Where an engine gets its fetches."""

    async def next(self) -> Fetch | None:
        """The next fetch, or None when there is no more."""
        ...


class _AbandonedError(Exception):
    """The bytes of this span are no longer wanted."""


class Engine:
    """Carries out fetches over several connections.

    Args:
        server: Where from.
        parts: Where bytes are kept until they are verified.
        committer: What gives them their names.
        watch: Who is told how it goes on.
        tell: Who is told what became of each fetch.
        timing: What is known of time.
    """

    def __init__(
        self,
        server: Server,
        parts: Parts,
        committer: Committer,
        watch: Watch,
        tell: Callable[[Outcome], None],
        timing: Timing,
    ) -> None:
        self._server = server
        self._parts = parts
        self._watch = watch
        self._tell = tell
        self._timing = timing
        self._commits = GroupCommit(committer)
        self._host = Host(timing, server.limit_rate)
        self._active: dict[str, Transfer] = {}
        self._opening = 0
        self._changes = 0
        self._changed = asyncio.Event()
        self._exhausted = False
        self._stopping = False
        self._slots: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        """Ends the run soon; what is not done is left for later, with the bytes that have come. From the loop only."""
        self._stopping = True
        for transfer in self._active.values():
            transfer.over = True
        for slot in self._slots:
            slot.cancel()

    async def run(self, source: Source) -> None:
        """Carries out all that the source gives; a bug in one connection ends them all, and is raised."""
        committing = asyncio.create_task(self._commits.run())
        async with self._server.session() as session:
            self._slots = [asyncio.create_task(self._slot(session, source)) for _ in range(self._server.connections)]
            if self._stopping:
                self.stop()
            _, going_on = await asyncio.wait(self._slots, return_when=asyncio.FIRST_EXCEPTION)
            if going_on:
                self.stop()
            results = await asyncio.gather(*self._slots, return_exceptions=True)
        committing.cancel()
        await asyncio.to_thread(self._leave_all)
        bugs = [result for result in results if isinstance(result, Exception)]
        if bugs:
            raise bugs[0]

    async def _slot(self, session: aiohttp.ClientSession, source: Source) -> None:
        while (work := await self._next_work(source)) is not None:
            transfer, span = work
            try:
                await self._carry(session, transfer, span)
            finally:
                span.taken = False
                self._wake()

    def _wake(self) -> None:
        self._changes += 1
        self._changed.set()

    async def _next_work(self, source: Source) -> tuple[Transfer, Span] | None:
        """A new fetch; else, for an idle connection, a span that nobody fetches or half of one that is long."""
        while not self._stopping:
            seen = self._changes
            work = self._left_over() or await self._begun(source) or self._half()
            if work is not None:
                return work
            if self._exhausted and not self._active and not self._opening:
                self._wake()
                return None
            while self._changes == seen:
                self._changed.clear()
                await self._changed.wait()
        return None

    async def _begun(self, source: Source) -> tuple[Transfer, Span] | None:
        while not self._exhausted:
            fetch = await source.next()
            if fetch is None:
                self._exhausted = True
                break
            transfer = await self._opened(fetch)
            if transfer is not None:
                transfer.spans[0].taken = True
                return transfer, transfer.spans[0]
        return None

    async def _opened(self, fetch: Fetch) -> Transfer | None:
        self._opening += 1
        try:
            while not self._stopping:
                try:
                    self._active[fetch.uri] = await finished(asyncio.to_thread(self._open, fetch))
                    return self._active[fetch.uri]
                except OSError as error:
                    if error.errno not in _TOO_MANY_FILES:
                        self._disk_failed(fetch, error)
                        return None
                    await finished(self._wait(self._timing.chance()))
        finally:
            self._opening -= 1
            self._wake()
        self._tell(Deferred(fetch, "stopped before it was tried"))
        return None

    def _open(self, fetch: Fetch) -> Transfer:
        known = fetch.sha256 is not None or (fetch.md5 is not None and self._server.use_checksums)
        transfer = Transfer(fetch, self._parts.claim(fetch.uri), known)
        try:
            transfer.open()
        except OSError:
            self._parts.release(transfer.part)
            raise
        return transfer

    async def _wait(self, seconds: float) -> None:
        await self._timing.sleep(seconds)

    def _left_over(self) -> tuple[Transfer, Span] | None:
        for transfer in self._active.values():
            for span in transfer.spans:
                if not span.taken and not span.done and not transfer.over:
                    span.taken = True
                    return transfer, span
        return None

    def _half(self) -> tuple[Transfer, Span] | None:
        able = (transfer for transfer in self._active.values() if transfer.version.ranges and not transfer.over)
        spans = [(span.left, transfer, span) for transfer in able for span in transfer.spans]
        longest = max(spans, key=lambda entry: entry[0], default=None)
        if longest is None or longest[0] < max(2, WORTH_SPLITTING):
            return None
        return longest[1], longest[1].split(longest[2])

    async def _carry(self, session: aiohttp.ClientSession, transfer: Transfer, span: Span) -> None:
        """Brings one span home, with as many tries as it has patience for; the last one concludes its transfer."""
        going_on = True
        while going_on and transfer.wants(span) and not self._stopping:
            try:
                if not span.done:
                    await self._stream(session, transfer, span)
                going_on = await self._conclude(transfer, span)
            except _AbandonedError:
                return
            except (RefusalError, SetbackError, OSError) as error:
                if transfer.wants(span):
                    await self._after(transfer, span, error)

    async def _stream(self, session: aiohttp.ClientSession, transfer: Transfer, span: Span) -> None:
        await self._host.rested()
        headers = _range_headers(transfer, span)
        try:
            async with session.get(self._server.address(transfer.fetch.uri), headers=headers) as response:
                if not transfer.wants(span):
                    raise _AbandonedError
                version = await check_answer(response, transfer, span)
                if version is not None:  # not split again, if a range was asked for in vain
                    self._start_over(transfer, span, replace(version, ranges=version.ranges and not headers))
                self._announce(transfer, anew=version is not None)
                await self._read(response, transfer, span)
        except aiohttp.ConnectionTimeoutError as error:
            raise SetbackError("not connected: nobody answered in time", cause=Cause.HOST) from error
        except TimeoutError as error:
            raise SetbackError(f"no byte came for {self._server.silence:g} s", cause=Cause.HOST) from error
        except aiohttp.ClientConnectorError as error:
            if error.errno in _TOO_MANY_FILES:
                raise OSError(error.errno, error.strerror) from error
            raise SetbackError(f"not connected: {_text(error)}", cause=Cause.HOST) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise SetbackError(f"the connection broke: {_text(error)}") from error

    def _announce(self, transfer: Transfer, *, anew: bool) -> None:
        """Tells whoever watches of a body that begins, and others that its transfer may be shared now."""
        if anew or not transfer.counted:
            self._watch.started(transfer.fetch, transfer.version.length or transfer.fetch.size)
            self._count(transfer, transfer.received)
        self._wake()

    def _count(self, transfer: Transfer, count: int) -> None:
        if count:
            transfer.counted += count
            self._watch.received(transfer.fetch, count)

    def _start_over(self, transfer: Transfer, span: Span, version: Version) -> None:
        transfer.restart(version, span)
        self._count(transfer, -transfer.counted)

    async def _read(self, response: aiohttp.ClientResponse, transfer: Transfer, span: Span) -> None:
        limit = self._server.limit_rate
        pace = Pace(self._timing, None if limit is None else limit / self._server.connections)
        async for chunk in response.content.iter_any():
            if not transfer.wants(span):
                raise _AbandonedError
            count = transfer.write(span, chunk)
            self._count(transfer, count)
            if count < len(chunk) or (span.done and response.content.total_bytes < (response.content_length or 0)):
                return  # the rest of the body is another connection's now
            pace.check(len(chunk))
            await self._host.took(len(chunk))
            if transfer.worth_noting:
                await finished(asyncio.to_thread(transfer.noting()))
        if not transfer.wants(span):
            raise _AbandonedError
        if span.end is None:
            transfer.learn(span, span.position)
            transfer.length_was_told = False  # the body may have ended early
        if not span.done:
            raise SetbackError(f"the body ended {span.left} bytes early")

    async def _conclude(self, transfer: Transfer, span: Span) -> bool:
        """Believes the bytes and gives them their name; True has them fetched once more, to see if they stay so."""
        if not transfer.complete or transfer.concluded_by not in {None, span}:
            return False
        transfer.concluded_by = span
        digest = transfer.digest() if transfer.in_order else await finished(asyncio.to_thread(transfer.digest))
        if transfer.over:
            return False
        form = format_problem(transfer.part.path, transfer.fetch.path.rpartition("/")[2])
        doubt = self._doubt(transfer, digest, form)
        if doubt is None or (form is None and digest == transfer.previous and doubt.cause is Cause.BYTES):
            await self._land(transfer, digest)
            return False
        if transfer.previous is not None:
            raise doubt
        transfer.previous = digest
        self._start_over(transfer, span, Version())
        return True

    def _doubt(self, transfer: Transfer, digest: Digest, form: str | None) -> RefusalError | None:
        """What speaks against the bytes: a checksum before the Content-Length before the stated size."""
        fetch = transfer.fetch
        if form is not None:
            return RefusalError(Cause.BYTES, f"the download {form}")
        if fetch.sha256 is not None:
            same = digest.sha256 == fetch.sha256
            return None if same else RefusalError(Cause.MISMATCH, "bytes differ from those that are locked")
        if fetch.md5 is not None and self._server.use_checksums:
            same = digest.md5 == fetch.md5
            return None if same else RefusalError(Cause.MISMATCH, "bytes differ from the archive's checksum")
        if transfer.length_was_told or fetch.size in {None, digest.size}:
            return None
        return RefusalError(Cause.BYTES, f"{digest.size} bytes came, {fetch.size} are stated")

    async def _land(self, transfer: Transfer, digest: Digest) -> None:
        fetch = transfer.fetch
        locked = fetch.locks(size=digest.size, sha256=digest.sha256, md5=digest.md5)
        transfer.close()
        landing = Landing(transfer.part.path, locked, digest, keeps_old=fetch.keeps_old)
        while (error := await self._commits.commit(landing)) is not None and error.errno in _TOO_MANY_FILES:
            await self._timing.sleep(self._timing.chance())
        if error is None:
            self._end(transfer, Done(fetch, locked))
        else:
            self._end(transfer, _disk_failure(fetch, error, "not put in place"))

    async def _after(self, transfer: Transfer, span: Span, error: RefusalError | SetbackError | OSError) -> None:
        if isinstance(error, RefusalError):
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
        elif isinstance(error, SetbackError):
            await self._after_setback(transfer, span, error)
        elif error.errno in _TOO_MANY_FILES:
            await self._timing.sleep(self._timing.chance())
        else:
            self._end(transfer, _disk_failure(transfer.fetch, error))

    async def _after_setback(self, transfer: Transfer, span: Span, error: SetbackError) -> None:
        if error.starts_over or not transfer.resumable:
            self._start_over(transfer, span, Version())
        span.patience = span.patience.after(transfer.received)  # bytes that are thrown away are no progress
        if span.patience.exhausted:
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
            return
        pause = self._timing.pauses.before_next(span.patience.setbacks, self._timing.chance())
        wait = error.wait if error.wait is not None else pause
        if error.whole_host:
            self._host.rest_for(wait)
        await self._timing.sleep(wait)

    def _disk_failed(self, fetch: Fetch, error: OSError) -> None:
        failed = _disk_failure(fetch, error)
        self._tell(failed)
        if failed.cause is Cause.DISK_FULL:
            self.stop()

    def _end(self, transfer: Transfer, outcome: Done | Failed) -> None:
        """The end of one product: what has come of it stays for the next run, unless it can be of no use."""
        transfer.over = True
        if isinstance(outcome, Failed):
            self._leave(transfer, keep=outcome.cause not in _OF_NO_USE)
        else:
            transfer.part.forget()
        self._active.pop(transfer.fetch.uri, None)
        self._watch.ended(transfer.fetch)
        self._tell(outcome)
        if isinstance(outcome, Failed) and outcome.cause is Cause.DISK_FULL:
            self.stop()

    def _leave(self, transfer: Transfer, *, keep: bool) -> None:
        keep = keep and transfer.resumable
        transfer.leave(noted=keep)
        with suppress(OSError):
            if keep and transfer.part.note.ranges:
                self._parts.release(transfer.part)
            else:
                self._parts.discard(transfer.part)

    def _leave_all(self) -> None:
        for transfer in list(self._active.values()):
            transfer.over = True
            self._leave(transfer, keep=True)
            self._watch.ended(transfer.fetch)
            self._tell(Deferred(transfer.fetch, "stopped before it was whole"))
        self._active.clear()


def _range_headers(transfer: Transfer, span: Span) -> dict[str, str]:
    length, etag = transfer.version.length, transfer.version.etag
    if not span.position and span.end == length:
        return {}
    last = "" if span.end is None else str(span.end - 1)
    condition = {"If-Range": etag} if etag else {}
    return {"Range": f"bytes={span.position}-{last}"} | condition


def _disk_failure(fetch: Fetch, error: OSError, what: str = "not written") -> Failed:
    return Failed(fetch, disk_cause(error), f"{what}: {error.strerror or error}")


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
