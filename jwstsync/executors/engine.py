"""Several connections that carry out fetches: tries again, shares large files among idle connections, stops cleanly.

Each connection has a thread, which asks, writes and hashes. It goes on to the next fetch as soon as a body has come;
what is left to do for it (judge, sync, give it its name) goes on beside, for a bounded number of products at once.
What the threads have in common is changed by whoever holds the books.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from jwstsync.core.checksums import Belief
from jwstsync.executors import Cause, Deferred, Done, Failed, Outcome, Setback, disk_cause
from jwstsync.executors.account import Account
from jwstsync.executors.answers import RefusalError, SetbackError
from jwstsync.executors.beside import Beside
from jwstsync.executors.connection import Connection
from jwstsync.executors.exchange import AbandonedError, Exchange
from jwstsync.executors.group_commit import GroupCommit
from jwstsync.executors.running import Running
from jwstsync.executors.telling import Telling
from jwstsync.executors.transfer import Span, Transfer, Version
from jwstsync.executors.verdict import DoubtError, DoubtfulError, Judge
from jwstsync.store.files import TOO_MANY_FILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.core.checksums import Trust
    from jwstsync.core.fetch import Fetch
    from jwstsync.executors import Watch
    from jwstsync.executors.pacing import Timing
    from jwstsync.executors.server import Server
    from jwstsync.store.commit import Committer, Landing
    from jwstsync.store.hashing import Digest
    from jwstsync.store.parts import Parts

_OF_NO_USE = frozenset({Cause.BYTES, Cause.MISMATCH, Cause.NOT_FOUND, Cause.FORBIDDEN, Cause.DISK})
"""Causes after which the bytes that have come are thrown away."""
_SETTLING = 16
"""Bodies that have come and are being judged and synced: they wait for the disk together."""
_GRACE = 2.0
"""Seconds that a stop waits for connections; one that looks for a name or is being made can not be ended."""


_STOP, _SLOT_ENDED = range(2)


class Engine:
    """Carries out fetches over several connections.

    Args:
        server: Where from.
        parts: Where bytes are kept until they are verified.
        committer: What gives them their names.
        watch: Who is told how it goes on.
        tell: Who is told what became of each fetch, by one thread at a time.
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
        self._telling = Telling(tell)
        self._timing = timing
        self._stopped = threading.Event()
        self._commits = GroupCommit(committer, timing, self._stopped, self._failed)
        self._judge = Judge(use_checksums=server.use_checksums, trust=server.trust)
        self._books = threading.Condition(threading.RLock())
        self._running = Running()
        self._opening = 0
        self._exhausted = False
        self._bugs: list[BaseException] = []
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._room = threading.Semaphore(_SETTLING)
        self._beside = Beside(_SETTLING + 2, self._failed)  # two more: for notes
        self._connections = [Connection(server) for _ in range(server.connections)]
        self._exchange = Exchange(server, timing, self._stopped, self._account, began=self._wake, wrote=self._note)

    def stop(self) -> None:
        """Ends the run soon; what is not done is left for later, with the bytes that have come.

        May be called from a signal handler, whatever it interrupts.
        """
        self._signals.put(_STOP)

    def run(self, next_fetch: Callable[[], Fetch | None]) -> None:
        """Carries out one fetch after the other, until None comes; a bug in one thread ends them all, and is raised."""
        self._commits.start()
        for connection in self._connections:
            threading.Thread(target=self._slot, args=(connection, next_fetch), name="connection", daemon=True).start()
        self._wait_for_slots()
        self._beside.end()
        self._commits.finish()
        self._leave_all()
        if self._bugs:
            raise self._bugs[0]

    def _wait_for_slots(self) -> None:
        running, patience = len(self._connections), None
        while running:
            try:
                signal = self._signals.get(timeout=patience and max(0.0, patience - time.monotonic()))
            except queue.Empty:
                return
            if signal == _SLOT_ENDED:
                running -= 1
            elif patience is None:
                patience = time.monotonic() + _GRACE
                self._halt()

    def _halt(self) -> None:
        self._stopped.set()
        with self._books:
            for transfer in self._running.transfers.values():
                transfer.hurried = True
            self._books.notify_all()
        for connection in self._connections:
            connection.abort()

    def _failed(self, bug: BaseException) -> None:
        self._bugs.append(bug)
        self.stop()

    def _slot(self, connection: Connection, next_fetch: Callable[[], Fetch | None]) -> None:
        try:
            while (work := self._next_work(next_fetch)) is not None:
                self._carry(connection, *work)
        except BaseException as bug:  # noqa: BLE001 - raised again at the end of the run
            self._failed(bug)
        finally:
            connection.close()
            self._signals.put(_SLOT_ENDED)

    def _give_back(self, span: Span) -> None:
        with self._books:
            span.taken = False
            self._books.notify_all()

    def _wake(self) -> None:
        with self._books:
            self._books.notify_all()

    def _next_work(self, next_fetch: Callable[[], Fetch | None]) -> tuple[Transfer, Span] | None:
        """A new fetch; else, for an idle connection, a span that nobody fetches or a piece of one that is long."""
        while True:
            with self._books:
                found = self._chosen(next_fetch)
            if found is None or isinstance(found, tuple):
                return found
            if (transfer := self._opened(found)) is not None:
                return transfer, transfer.spans[0]

    def _chosen(self, next_fetch: Callable[[], Fetch | None]) -> tuple[Transfer, Span] | Fetch | None:
        while not self._stopped.is_set():
            work = (
                self._running.left_over() or self._begun(next_fetch) or self._running.shared(self._server.connections)
            )
            if work is not None:
                return work
            if not self._opening and self._running.only_doubtful:
                if not self._running.doubtful:
                    self._books.notify_all()
                    return None
                self._weigh(self._judge.trust.ended())
            else:
                self._books.wait()
        return None

    def _begun(self, next_fetch: Callable[[], Fetch | None]) -> Fetch | None:
        fetch = None if self._exhausted else next_fetch()
        self._exhausted = fetch is None
        self._opening += fetch is not None
        return fetch

    def _opened(self, fetch: Fetch) -> Transfer | None:
        """A transfer whose first span is taken; None where the disk has no room for it."""
        transfer = error = None
        try:
            transfer = Transfer(fetch, self._parts.claim(fetch.uri), self._judge.knows_hash_of(fetch))
            transfer.spans[0].taken = True
        except OSError as refused:
            error = refused
        with self._books:
            self._opening -= 1
            if transfer is not None:
                self._running.begin(transfer)
            self._books.notify_all()
        if error is not None:
            self._tell(_disk_failure(fetch, error))
        return transfer

    def _carry(self, connection: Connection, transfer: Transfer, span: Span) -> None:
        """Has the bytes of one span come, with as many tries as it has patience for; the rest goes on beside."""
        while transfer.wants(span) and not self._stopped.is_set():
            try:
                if not span.come:
                    self._exchange.stream(connection, transfer, span)
            except AbandonedError:
                break
            except (RefusalError, SetbackError, OSError) as error:
                span.ahead = 0
                if transfer.wants(span) and not self._stopped.is_set():
                    self._after(transfer, span, error)
            else:
                self._room.acquire()
                self._telling.come(transfer.fetch.uri)
                with self._books:
                    self._running.note_come(transfer)
                self._beside.begin(self._settle, transfer, span)
                return
        self._give_back(span)

    def _note(self, transfer: Transfer) -> None:
        """Has the bytes that are here noted beside the part from time to time, for the case of a crash."""
        with self._books:
            if transfer.worth_noting:
                self._beside.begin(_noted, transfer.noting())

    def _settle(self, transfer: Transfer, span: Span) -> None:
        """Brings home what has come: the last one of a transfer's spans judges the whole and has it land."""
        try:
            landing = self._judged(transfer, span)
        except DoubtError:
            self._start_over(transfer, span)
        except DoubtfulError as error:
            transfer.close()
            with self._books:
                self._running.doubtful[transfer.fetch.uri] = transfer, error.digest
                self._weigh(self._judge.trust.doubted())
        except RefusalError as error:
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
        except OSError as error:
            self._end(transfer, _disk_failure(transfer.fetch, error))
        else:
            if landing is not None:
                self._land(transfer, landing)
                return
        finally:
            self._room.release()
            self._give_back(span)
        self._telling.back(transfer.fetch.uri)

    def _judged(self, transfer: Transfer, span: Span) -> Landing | None:
        """The landing of a product that is whole and believed, once its bytes are durable.

        Raises:
            OSError: They can not be read or synced.
        """
        if not transfer.concludes(span):
            return None
        while (digest := transfer.digest()) is not None:
            try:
                landing = transfer.landing(self._judge.believed(transfer, digest))
            except OSError as error:
                if error.errno not in TOO_MANY_FILES or self._stopped.is_set():
                    raise
                self._timing.sleep(self._timing.chance(), self._stopped)
            else:
                if self._judge.confirms(transfer.fetch, landing.digest):
                    self._weigh(self._judge.trust.matched())
                return landing
        return None

    def _weigh(self, trust: Trust) -> None:
        """Takes note of what the archive's checksums are worth now, and decides on the doubtful products, if it can."""
        with self._books:
            self._judge.trust = trust
            if trust.belief is Belief.OPEN:
                return
            doubtful, self._running.doubtful = self._running.doubtful, {}
        for transfer, digest in doubtful.values():
            if trust.belief is Belief.ASIDE:
                self._beside.begin(self._accept, transfer, digest)
            else:
                self._end(transfer, Failed(transfer.fetch, Cause.MISMATCH, "bytes differ from the archive's checksum"))

    def _accept(self, transfer: Transfer, digest: Digest) -> None:
        try:
            landing = transfer.landing(digest)
        except OSError as error:
            self._end(transfer, _disk_failure(transfer.fetch, error))
        else:
            self._land(transfer, landing)

    def _land(self, transfer: Transfer, landing: Landing) -> None:
        def ended(error: OSError | None) -> None:
            if error is None:
                self._end(transfer, Done(transfer.fetch, landing.locked))
            else:
                self._end(transfer, _disk_failure(transfer.fetch, error, "not put in place"))

        self._commits.add(landing, ended)

    def _after(self, transfer: Transfer, span: Span, error: RefusalError | SetbackError | OSError) -> None:
        if isinstance(error, RefusalError):
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
        elif isinstance(error, SetbackError):
            self._after_setback(transfer, span, error)
        elif error.errno in TOO_MANY_FILES:
            self._timing.sleep(self._timing.chance(), self._stopped)
        else:
            self._end(transfer, _disk_failure(transfer.fetch, error))

    def _after_setback(self, transfer: Transfer, span: Span, error: SetbackError) -> None:
        if error.starts_over or not transfer.resumable:
            self._start_over(transfer, span)
        span.patience = span.patience.after(transfer.received)  # bytes that are thrown away are no progress
        if span.patience.exhausted:
            self._end(transfer, Failed(transfer.fetch, error.cause, str(error)))
            return
        pause = self._timing.pauses.before_next(span.patience.setbacks, self._timing.chance())
        wait = error.wait if error.wait is not None else pause
        self._account.set_back(transfer, Setback(str(error), span.patience.setbacks, wait, error.whole_host))
        if error.whole_host:
            self._exchange.host.rest_for(wait)
        self._timing.sleep(wait, self._stopped)

    def _start_over(self, transfer: Transfer, span: Span) -> None:
        with self._books:
            self._running.begin(transfer)
        try:
            self._account.start_over(transfer, span, Version())
        except OSError as error:
            self._end(transfer, _disk_failure(transfer.fetch, error))

    def _tell(self, outcome: Outcome) -> None:
        self._telling.tell(outcome)
        if isinstance(outcome, Failed) and outcome.cause is Cause.DISK_FULL:
            self.stop()

    def _end(self, transfer: Transfer, outcome: Done | Failed) -> None:
        """The end of one product: what has come of it stays for the next run, unless it can be of no use."""
        with self._books:
            if transfer.over:  # another of its spans has met the same end
                return
            transfer.over = True
        if isinstance(outcome, Failed):
            self._leave(transfer, keep=outcome.cause not in _OF_NO_USE)
        else:
            transfer.part.forget()
        self._account.end(transfer)
        self._tell(outcome)
        with self._books:
            self._running.end(transfer)
            self._books.notify_all()

    def _leave(self, transfer: Transfer, *, keep: bool) -> None:
        keep = keep and transfer.resumable
        transfer.leave(noted=keep)
        with suppress(OSError):
            if keep and transfer.part.note.ranges:
                self._parts.release(transfer.part)
            else:
                self._parts.discard(transfer.part)

    def _leave_all(self) -> None:
        with self._books:
            left = self._running.end_all()
        for transfer in left:
            self._leave(transfer, keep=True)
            self._account.end(transfer)
            self._telling.tell(Deferred(transfer.fetch, "stopped before it was whole"))


def _noted(note: Callable[[], None]) -> None:
    with suppress(OSError):  # a disk that is full says so to whoever writes bytes
        note()


def _disk_failure(fetch: Fetch, error: OSError, what: str = "not written") -> Failed:
    return Failed(fetch, disk_cause(error), f"{what}: {error.strerror or error}")
