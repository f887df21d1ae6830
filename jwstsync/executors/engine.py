"""Several connections that carry out fetches: tries again, shares large files among idle connections, stops cleanly.

A connection goes on to the next fetch as soon as a body has come; what is left to do for it (write, judge, sync, give
it its name) goes on beside, for a bounded number of products at once. One event loop's worth of downloading; `download`
runs it in a thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from jwstsync.core.checksums import Belief
from jwstsync.executors import Cause, Deferred, Done, Failed, Outcome, disk_cause
from jwstsync.executors.account import Account
from jwstsync.executors.answers import RefusalError, SetbackError
from jwstsync.executors.exchange import TOO_MANY_FILES, AbandonedError, Exchange
from jwstsync.executors.group_commit import GroupCommit, finished
from jwstsync.executors.transfer import WORTH_SPLITTING, Span, Transfer, Version
from jwstsync.executors.verdict import DoubtError, DoubtfulError, Judge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import aiohttp

    from jwstsync.core.checksums import Trust
    from jwstsync.core.plan import Fetch
    from jwstsync.executors import Watch
    from jwstsync.executors.pacing import Timing
    from jwstsync.executors.server import Server
    from jwstsync.store.commit import Committer, Landing
    from jwstsync.store.hashing import Digest
    from jwstsync.store.parts import Parts

_OF_NO_USE = frozenset({Cause.BYTES, Cause.MISMATCH, Cause.NOT_FOUND, Cause.FORBIDDEN, Cause.DISK})
"""Causes after which the bytes that have come are thrown away."""
_SETTLING = 16
"""Bodies that have come and are being written, judged and synced: so many batches are in memory at the most."""
_LANDING = 256
"""Verified products that wait for their names; they share the syncs of their group."""


class Source(Protocol):
    """Where an engine gets its fetches."""

    async def next(self) -> Fetch | None:
        """The next fetch, or None when there is no more."""
        ...


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
        self._account = Account(watch)
        self._tell = tell
        self._timing = timing
        self._commits = GroupCommit(committer)
        self._judge = Judge(use_checksums=server.use_checksums, trust=server.trust)
        self._active: dict[str, Transfer] = {}
        self._doubtful: dict[str, tuple[Transfer, Digest]] = {}
        self._opening = 0
        self._changes = 0
        self._changed = asyncio.Event()
        self._settling = asyncio.Semaphore(_SETTLING)
        self._landing = asyncio.Semaphore(_LANDING)
        self._exhausted = False
        self._stopping = False
        self._slots: list[asyncio.Task[None]] = []
        self._beside: set[asyncio.Task[None]] = set()
        self._bugs: list[BaseException] = []
        self._exchange = Exchange(server, timing, self._account, began=self._wake, wrote=self._note)

    def stop(self) -> None:
        """Ends the run soon; what is not done is left for later, with the bytes that have come. From the loop only."""
        self._stopping = True
        for transfer in self._active.values():
            transfer.hurried = True
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
        while self._beside:  # one may begin another
            await asyncio.gather(*self._beside, return_exceptions=True)
        committing.cancel()
        await asyncio.to_thread(self._leave_all)
        self._bugs += [result for result in results if isinstance(result, Exception)]
        if self._bugs:
            raise self._bugs[0]

    def _begin_beside(self, work: Coroutine[None, None, None]) -> None:
        """Begins what goes on while its connection does something else; a bug in it ends the run."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._ended_beside)

    def _ended_beside(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._bugs.append(bug)
            self.stop()

    async def _slot(self, session: aiohttp.ClientSession, source: Source) -> None:
        while (work := await self._next_work(source)) is not None:
            transfer, span = work
            settled_beside = False
            try:
                settled_beside = await self._carry(session, transfer, span)
            finally:
                if not settled_beside:
                    self._give_back(span)

    def _give_back(self, span: Span) -> None:
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
            if self._exhausted and not self._opening and len(self._active) == len(self._doubtful) > 0:
                self._weigh(self._judge.trust.ended())
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
            left = self._parts.is_left(fetch.uri)
            transfer = await finished(asyncio.to_thread(self._open, fetch)) if left else self._open(fetch)
        except OSError as error:
            self._disk_failed(fetch, error)
            return None
        finally:
            self._opening -= 1
            self._wake()
        self._active[fetch.uri] = transfer
        return transfer

    def _open(self, fetch: Fetch) -> Transfer:
        return Transfer(fetch, self._parts.claim(fetch.uri), self._judge.knows_hash_of(fetch))

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

    async def _carry(self, session: aiohttp.ClientSession, transfer: Transfer, span: Span) -> bool:
        """Has the bytes of one span come, with as many tries as it has patience for.

        True where they have come, and what is left to do for them goes on beside.
        """
        while transfer.wants(span) and not self._stopping:
            try:
                rest = [] if span.come else await self._exchange.stream(session, transfer, span)
            except AbandonedError:
                break
            except (RefusalError, SetbackError, OSError) as error:
                span.ahead = 0
                if transfer.wants(span) and not self._stopping:
                    await self._after(transfer, span, error)
            else:
                await self._settling.acquire()
                self._begin_beside(self._settle(transfer, span, rest))
                return True
        return False

    def _note(self, transfer: Transfer) -> None:
        """Has the bytes that are here noted beside the part from time to time, for the case of a crash."""
        if transfer.worth_noting:
            self._begin_beside(self._noted(transfer))

    async def _noted(self, transfer: Transfer) -> None:
        with suppress(OSError):  # a disk that is full says so to whoever writes bytes
            await asyncio.to_thread(transfer.noting())

    async def _settle(self, transfer: Transfer, span: Span, rest: list[bytes]) -> None:
        """Brings home what has come: the last one of a transfer's spans judges the whole and has it land."""
        landing = None
        try:
            landing = await self._judged(transfer, span, rest)
            if landing is not None and self._judge.confirms(transfer.fetch, landing.digest):
                self._weigh(self._judge.trust.matched())
            if landing is not None:
                await self._landing.acquire()
        except DoubtError:
            self._account.start_over(transfer, span, Version())
        except DoubtfulError as error:
            transfer.close()
            self._doubtful[transfer.fetch.uri] = transfer, error.digest
            self._weigh(self._judge.trust.doubted())
        except RefusalError as error:
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
        except OSError as error:
            self._end(transfer, _disk_failure(transfer.fetch, error))
        finally:
            self._settling.release()
            self._give_back(span)
        if landing is not None:
            await self._land(transfer, landing)

    async def _judged(self, transfer: Transfer, span: Span, rest: list[bytes]) -> Landing | None:
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(None, self._judge_whole, transfer, span, rest)
            except OSError as error:
                if error.errno not in TOO_MANY_FILES:
                    raise
                await self._timing.sleep(self._timing.chance())

    def _judge_whole(self, transfer: Transfer, span: Span, rest: list[bytes]) -> Landing | None:
        """Writes the last bytes of a span. Where they are the last of all, the whole is judged and made durable."""
        if rest:
            transfer.write(span, rest)
            rest.clear()
        if not transfer.concludes(span) or (digest := transfer.digest()) is None:
            return None
        return transfer.landing(self._judge.believed(transfer, digest))

    def _weigh(self, trust: Trust) -> None:
        """Takes note of what the archive's checksums are worth now, and decides on the doubtful products, if it can."""
        self._judge.trust = trust
        if trust.belief is Belief.OPEN:
            return
        doubtful, self._doubtful = self._doubtful, {}
        for transfer, digest in doubtful.values():
            if trust.belief is Belief.ASIDE:
                self._begin_beside(self._accept(transfer, digest))
            else:
                self._end(transfer, Failed(transfer.fetch, Cause.MISMATCH, "bytes differ from the archive's checksum"))

    async def _accept(self, transfer: Transfer, digest: Digest) -> None:
        await self._landing.acquire()
        try:
            landing = await asyncio.to_thread(transfer.landing, digest)
        except OSError as error:
            self._landing.release()
            self._end(transfer, _disk_failure(transfer.fetch, error))
            self._wake()
        else:
            await self._land(transfer, landing)

    async def _land(self, transfer: Transfer, landing: Landing) -> None:
        try:
            while (error := await self._commits.commit(landing)) is not None and error.errno in TOO_MANY_FILES:
                await self._timing.sleep(self._timing.chance())
        finally:
            self._landing.release()
        if error is None:
            self._end(transfer, Done(transfer.fetch, landing.locked))
        else:
            self._end(transfer, _disk_failure(transfer.fetch, error, "not put in place"))
        self._wake()

    async def _after(self, transfer: Transfer, span: Span, error: RefusalError | SetbackError | OSError) -> None:
        if isinstance(error, RefusalError):
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
        elif isinstance(error, SetbackError):
            await self._after_setback(transfer, span, error)
        elif error.errno in TOO_MANY_FILES:
            await self._timing.sleep(self._timing.chance())
        else:
            self._end(transfer, _disk_failure(transfer.fetch, error))

    async def _after_setback(self, transfer: Transfer, span: Span, error: SetbackError) -> None:
        if error.starts_over or not transfer.resumable:
            self._account.start_over(transfer, span, Version())
        span.patience = span.patience.after(transfer.received)  # bytes that are thrown away are no progress
        if span.patience.exhausted:
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
            return
        pause = self._timing.pauses.before_next(span.patience.setbacks, self._timing.chance())
        wait = error.wait if error.wait is not None else pause
        if error.whole_host:
            self._exchange.host.rest_for(wait)
        await self._timing.sleep(wait)

    def _disk_failed(self, fetch: Fetch, error: OSError) -> None:
        failed = _disk_failure(fetch, error)
        self._tell(failed)
        if failed.cause is Cause.DISK_FULL:
            self.stop()

    def _end(self, transfer: Transfer, outcome: Done | Failed) -> None:
        """The end of one product: what has come of it stays for the next run, unless it can be of no use."""
        if transfer.over:  # another of its spans has met the same end
            return
        transfer.over = True
        if isinstance(outcome, Failed):
            self._leave(transfer, keep=outcome.cause not in _OF_NO_USE)
        else:
            transfer.part.forget()
        self._active.pop(transfer.fetch.uri, None)
        self._account.end(transfer)
        if isinstance(outcome, Failed) and outcome.cause is Cause.HOST:
            self._begin_beside(self._tell_after(outcome, {*self._beside}))
            return
        self._tell(outcome)
        if isinstance(outcome, Failed) and outcome.cause is Cause.DISK_FULL:
            self.stop()

    async def _tell_after(self, outcome: Failed, before: set[asyncio.Task[None]]) -> None:
        """Tells of a failure for want of the host after whatever came before it: such failures count in a row."""
        if before:
            await asyncio.wait(before)
        self._tell(outcome)

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
            self._account.end(transfer)
            self._tell(Deferred(transfer.fetch, "stopped before it was whole"))
        self._active.clear()


def _disk_failure(fetch: Fetch, error: OSError, what: str = "not written") -> Failed:
    return Failed(fetch, disk_cause(error), f"{what}: {error.strerror or error}")
