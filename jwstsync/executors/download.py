"""Downloads over HTTP: the engine in threads of its own, so that the caller just iterates.

Which products, and what the lockfile says of them, is decided elsewhere.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING

from jwstsync.core.access import with_a_chance
from jwstsync.core.retry import HOST_FAILURES
from jwstsync.executors import REFUSALS, Cause, Deferred, Done, Failed, Outcome
from jwstsync.executors.engine import Engine
from jwstsync.executors.pacing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwstsync.core.fetch import Fetch
    from jwstsync.executors import Watch
    from jwstsync.executors.server import Server
    from jwstsync.store.commit import Committer
    from jwstsync.store.parts import Parts


class DownloadExecutor:
    """Carries out fetches by downloading.

    Args:
        server: Where from.
        parts: Where bytes are kept until they are verified.
        committer: What gives them their names.
        timing: What is known of time.
    """

    def __init__(self, server: Server, parts: Parts, committer: Committer, timing: Timing | None = None) -> None:
        self._server = server
        self._parts = parts
        self._committer = committer
        self._timing = timing or Timing()
        self._stopping = False
        self._stop: Callable[[], object] = _nothing

    def stop(self) -> None:
        """Ends the run soon; what is not done is deferred."""
        self._stopping = True
        self._stop()

    def run(self, fetches: Sequence[Fetch], watch: Watch) -> Iterator[Outcome]:
        """One outcome for each fetch, as soon as it is known."""
        outcomes: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
        waiting = _Waiting(fetches)
        thread = threading.Thread(target=self._loop, args=(waiting, watch, outcomes.put), name="downloads")
        thread.start()
        unreached = 0
        try:
            while (outcome := outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
                unreached = _unreached(unreached, outcome)
                if unreached >= HOST_FAILURES:
                    self.stop()
        finally:
            self.stop()
            thread.join()
        yield from (Deferred(fetch, "stopped before it was tried") for fetch in waiting.rest())

    def _loop(self, waiting: _Waiting, watch: Watch, tell: Callable[[Outcome | BaseException | None], None]) -> None:
        def told(outcome: Outcome) -> None:
            tell(outcome)
            for other in waiting.given_up(outcome):
                watch.ended(other.fetch)
                tell(other)

        try:
            engine = Engine(self._server, self._parts, self._committer, watch, told, self._timing)
            self._stop = engine.stop
            if not self._stopping:
                engine.run(waiting.next)
        except BaseException as error:  # noqa: BLE001 - raised again where the outcomes are read
            tell(error)
        tell(None)


class _Waiting:
    """The fetches that nobody has begun yet."""

    def __init__(self, fetches: Sequence[Fetch]) -> None:
        self._fetches = deque(fetches)
        self._lock = threading.Lock()

    def next(self) -> Fetch | None:
        """The next fetch, or None when there is no more."""
        with self._lock:
            return self._fetches.popleft() if self._fetches else None

    def rest(self) -> list[Fetch]:
        """What was never begun."""
        return list(self._fetches)

    def given_up(self, outcome: Outcome) -> list[Failed]:
        """What is not tried because of an outcome; it waits no longer."""
        if not isinstance(outcome, Failed) or outcome.cause not in REFUSALS:
            return []
        with self._lock:
            left, hopeless = with_a_chance(self._fetches, outcome.fetch)
            self._fetches = deque(left)
        proposal = outcome.fetch.wanted.proposal
        why = f"not tried, as another exclusive product of proposal {proposal} was refused: {outcome.error}"
        return [Failed(fetch, outcome.cause, why) for fetch in hopeless]


def _unreached(before: int, outcome: Outcome) -> int:
    """How many products in a row failed for want of the host."""
    if isinstance(outcome, Done):
        return 0
    return before + (isinstance(outcome, Failed) and outcome.cause is Cause.HOST)


def _nothing() -> None:
    """What there is to stop when nothing runs."""
