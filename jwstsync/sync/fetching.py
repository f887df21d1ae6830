"""Fetching: by which executor, and with the token once it is needed: what is refused before comes again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.core.checksums import CONFIRMED
from jwstsync.core.fetch import queue_order
from jwstsync.executors import REFUSALS, Deferred, Failed
from jwstsync.sync.gather import AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwstsync.core.checksums import Trust
    from jwstsync.core.fetch import Fetch
    from jwstsync.core.manifest import Manifest
    from jwstsync.executors import Executor, Outcome, Setback, Watch
    from jwstsync.executors.server import Server
    from jwstsync.executors.sizes import SizeQuestions
    from jwstsync.store.commit import Committer
    from jwstsync.store.parts import Parts
    from jwstsync.sync.feedback import Feedback
    from jwstsync.sync.token import Token


class Fetching:
    """An executor that is given the token only when something needs it.

    A lockfile does not tell what is under exclusive access. Where the token was not looked for before, it is when the
    first product is refused; what is under way then is stopped, and all that is left comes again.

    Args:
        make: Makes an executor with a token, or with none.
        token: The user's token.
    """

    def __init__(self, make: Callable[[str | None], Executor], token: Token) -> None:
        self._make = make
        self._token = token
        self._executor: Executor | None = None
        self._stopping = False

    def stop(self) -> None:
        """Ends the run soon; what is not done is deferred. May be called from a signal handler."""
        self._stopping = True
        if self._executor is not None:
            self._executor.stop()

    def run(self, fetches: Sequence[Fetch], watch: Feedback) -> Iterator[Outcome]:
        """One outcome for each fetch, as soon as it is known."""
        waiting = list(fetches)
        while waiting:
            again: list[Fetch] = []
            self._executor = executor = self._make(self._token.find() if self._token.sought else None)
            if self._stopping:
                executor.stop()
            for outcome in executor.run(queue_order(waiting), _Discreet(watch, self._token)):
                if not (_is_left(outcome) if again else self._needs_token(outcome, watch)):
                    yield outcome
                    continue
                again.append(outcome.fetch)
                executor.stop()
            waiting = again

    def _needs_token(self, outcome: Outcome, watch: Feedback) -> bool:
        """Whether a product is the first to be refused, and there is a token that may help."""
        if self._token.sought or not _is_refused(outcome):
            return False
        found = self._token.find_late() is not None
        if not found and self._token.problem is None:
            watch.warn(f"a token is needed; {self._token.expected}")
        return found


class _Discreet:
    """Has whoever watches told all but the token, even if the archive has repeated it."""

    def __init__(self, watch: Watch, token: Token) -> None:
        self._watch = watch
        self._token = token
        self.started, self.received, self.ended = watch.started, watch.received, watch.ended

    def retried(self, fetch: Fetch, setback: Setback) -> None:
        """The transfer broke, and is tried again."""
        self._watch.retried(fetch, replace(setback, error=self._token.hidden(setback.error)))


def _is_left(outcome: Outcome) -> bool:
    """Whether a product is still to come when an executor was stopped because of the token."""
    return _is_refused(outcome) or isinstance(outcome, Deferred)


def _is_refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.cause in REFUSALS


def download_executor(
    manifest: Manifest,
    token: str | None,
    parts: Parts,
    committer: Committer,
    trust: Trust,
    limit_rate: float | None = None,
) -> Executor:
    """The executor that downloads from the manifest's archive, at most so many bytes a second."""
    from jwstsync.executors.download import DownloadExecutor  # noqa: PLC0415 - its HTTP client takes time to load

    return DownloadExecutor(_server(manifest, token, trust, limit_rate), parts, committer)


def size_questions(manifest: Manifest, token: str | None) -> SizeQuestions:
    """Who asks the manifest's archive how many bytes it would serve."""
    from jwstsync.executors.sizes import SizeQuestions  # noqa: PLC0415 - as above

    return SizeQuestions(_server(manifest, token))


def _server(manifest: Manifest, token: str | None, trust: Trust = CONFIRMED, limit_rate: float | None = None) -> Server:
    from jwstsync.executors.server import Server  # noqa: PLC0415 - as above

    return Server(
        url=manifest.archive.url,
        agent=AGENT,
        connections=manifest.limits.connections,
        timeout=manifest.archive.timeout,
        token=token,
        use_checksums=manifest.archive.checksums != "ignore",
        trust=trust,
        limit_rate=limit_rate,
    )
