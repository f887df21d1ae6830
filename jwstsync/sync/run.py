"""One run on a destination: plan, check, act, record."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from jwstsync.core.after import lockfile_after
from jwstsync.core.plan import Access, Action, ActionKind, Plan, queue_order
from jwstsync.core.retry import HOST_FAILURES
from jwstsync.errors import ExitCode, LimitError, TokenError, gravest
from jwstsync.executors import Cause, Done, Executor, Failed, Outcome
from jwstsync.settings import Settings, read_settings
from jwstsync.store.commit import Committer, Landing
from jwstsync.store.fold import fold, lockfile_name, recover, remember
from jwstsync.store.formats import format_problem
from jwstsync.store.journal import Journal, journal_folder
from jwstsync.store.lockfiles import read_lockfile
from jwstsync.store.parts import Parts
from jwstsync.store.record import ADOPTED, Entry
from jwstsync.store.runlock import run_lock
from jwstsync.store.tree import Tree
from jwstsync.sync.feedback import Feedback, Silence
from jwstsync.sync.gather import AGENT
from jwstsync.sync.planning import Mode, Question, check_locked, limit_problem, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwstsync.archive import Archive
    from jwstsync.core.documents import OutcomeName
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.manifest import Manifest
    from jwstsync.store.hashing import Digest

    MakeExecutor: TypeAlias = Callable[[Manifest, str | None, Parts, Committer], Executor]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one action.

    Attributes:
        action: What was to happen.
        outcome: ``done``, ``failed``, ``deferred`` or ``withheld``.
        error: Why it is not done.
        cause: The kind of failure.
        fetched: The bytes that were downloaded and put in place for it.
    """

    action: Action
    outcome: OutcomeName
    error: str | None = None
    cause: Cause | None = None
    fetched: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended.

    Attributes:
        plan: What was to happen.
        results: What became of every action but those that keep.
        exit_code: What the command line ends with.
    """

    plan: Plan
    results: Sequence[Result]
    exit_code: ExitCode

    @property
    def fetched_bytes(self) -> int:
        """The bytes of the products that were downloaded."""
        return sum(result.fetched for result in self.results)


class Run:
    """One run on a destination that is locked for it: first its `plan`, then `carry_out`, at last what is recorded.

    Made by `open_run`.
    """

    def __init__(self, question: Question, tree: Tree, make_executor: MakeExecutor | None) -> None:
        self._question = question
        self._manifest = question.manifest
        self._mode = question.mode
        self._feedback = question.feedback
        self._tree = tree
        self._lockfile_path = Path(self._manifest.lockfile)
        recovered = 0 if self.keeps_lockfile else recover(tree, self._lockfile_path)
        if recovered:
            self._feedback.phase(f"recovered {recovered} products of a run that was cut off")
        self._lockfile, self._digest = read_lockfile(self._lockfile_path)
        self.plan, self._token = question.answer(tree, self._lockfile)
        self._results: list[Result] = []
        self._committer = self._new_committer()
        self._make_executor = make_executor or download_executor
        self._executor: Executor | None = None
        self._stopping = False
        self._begun = False

    @property
    def keeps_lockfile(self) -> bool:
        """Whether the lockfile must not change."""
        return self._mode is not Mode.DEFAULT

    def _new_committer(self) -> Committer:
        name = lockfile_name(self._tree, self._lockfile_path)
        self._journal = Journal(journal_folder(self._tree.state_folder, name), self._digest)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Committer(self._tree, self._journal, name, self._tree.state_folder / "trash" / stamp)

    def check(self) -> None:
        """Refuses what must not be carried out, before anything is fetched.

        Raises:
            DifferencesError: The lockfile would change, and must not.
            ArchiveError: An answer is not believed, and the lockfile must not change.
            TokenError: Something can not be had, and ``exclusive_access = "error"``.
            LimitError: The plan would fetch more than allowed, or than the disk takes.
        """
        if self._mode is Mode.LOCKED:
            check_locked(self.plan)
        withheld = self.plan.of(ActionKind.WITHHOLD)
        if withheld and self._manifest.archive.exclusive_access == "error":
            raise TokenError(f"exclusive access: {named(withheld)} can not be had; expected a token with the right")
        problem = limit_problem(self.plan, self._manifest)
        if problem is not None:
            raise LimitError(problem)

    def stop(self) -> None:
        """Ends `carry_out` soon, keeping what is done. May be called from a signal handler."""
        self._stopping = True
        if self._executor is not None:
            self._executor.stop()

    def carry_out(self, limit: int | None = None) -> Iterator[Result]:
        """Does what the plan says, and tells what became of each action but those that keep.

        Args:
            limit: How many products to fetch at most.

        Raises:
            JwstsyncError: As `check`.
        """
        self.check()
        self._begun = True
        for result in self._carried_out(limit):
            self._results.append(result)
            yield result

    def _carried_out(self, limit: int | None) -> Iterator[Result]:
        yield from (Result(action, "done") for action in self.plan.of(ActionKind.DROP))
        yield from (Result(action, "withheld", "exclusive access") for action in self.plan.of(ActionKind.WITHHOLD))
        unfit = []
        for action in self.plan.of(ActionKind.ADOPT):
            result = self._adopted(action)
            if result is None:
                unfit.append(action)
            else:
                yield result
        waiting = [*self.plan.transfers, *unfit]
        chosen = waiting if limit is None else waiting[:limit]
        yield from self._fetched({action.uri: action for action in chosen})
        yield from (Result(action, "deferred", "left by --limit") for action in waiting[len(chosen) :])

    def _fetched(self, actions: dict[str, Action]) -> Iterator[Result]:
        if not actions:
            return
        fetches = queue_order(action.fetch for action in actions.values())
        token = self._token or (self._question.token() if self._mode is Mode.FROZEN else None)
        self._executor = self._make_executor(self._manifest, token, Parts(self._tree.parts_folder), self._committer)
        if self._stopping:
            self._executor.stop()
        for outcome in self._executor.run(fetches, self._feedback):
            yield self._result(actions[outcome.fetch.uri], outcome)

    def _result(self, action: Action, outcome: Outcome) -> Result:
        if isinstance(outcome, Done):
            return Result(action, "done", fetched=outcome.locked.size)
        if not isinstance(outcome, Failed):
            return Result(action, "deferred", outcome.why)
        exclusive = action.wanted is not None and not action.wanted.public
        refused = outcome.cause in {Cause.UNAUTHORIZED, Cause.FORBIDDEN}
        if refused and exclusive and self._manifest.archive.exclusive_access == "auto":
            return Result(action, "withheld", outcome.error)
        cause = Cause.UNAUTHORIZED if refused and exclusive else outcome.cause
        return Result(action, "failed", outcome.error, cause)

    def _adopted(self, action: Action) -> Result | None:
        """Records a file that is in place already; None where its bytes are not right and it has to be fetched."""
        if self._stopping:
            return Result(action, "deferred", "stopped before it was tried")
        digest = self._tree.digest(action.path)
        if digest is None or not self._is_right(action, digest):
            return None if self._access_allows(action) else Result(action, "withheld", "exclusive access")
        self._feedback.hashed(digest.size)
        locked = action.fetch.locks(size=digest.size, sha256=digest.sha256, md5=digest.md5)
        [error] = self._committer.commit([Landing(None, locked, digest)])
        return Result(action, "done") if error is None else Result(action, "failed", str(error), Cause.DISK)

    def _is_right(self, action: Action, digest: Digest) -> bool:
        md5 = None if self._manifest.archive.checksums == "ignore" else action.fetch.md5
        place = self._tree.place(action.path)
        return md5 in {None, digest.md5} and format_problem(place, action.path.rpartition("/")[2]) is None

    def _access_allows(self, action: Action) -> bool:
        access = Access(self._manifest.archive.exclusive_access, token=self._token is not None)
        return action.wanted is not None and access.allows(action.wanted)

    def close(self) -> None:
        """Records what was done, if anything was begun: in the lockfile, unless it must not change, and locally.

        Raises:
            StoreError: It can not be written; the journal stays for the next run.
        """
        landed: dict[str, LockedProduct] = {line.locked.uri: line.locked for line in self._committer.lines}
        content = lockfile_after(self.plan, landed)
        if self._begun and not self.keeps_lockfile and not fold(self._lockfile_path, self._digest, content):
            self._feedback.warn(f"{self._lockfile_path}: changed during the run and left as it is; run again")
        entries = [*self._confirmed(), *(line.entry for line in self._committer.lines)]
        remember(self._tree, entries, {action.path for action in self.plan.of(ActionKind.KEEP)})
        self._journal.remove()
        if self._begun and all(result.outcome in {"done", "withheld"} for result in self._results):
            Parts(self._tree.parts_folder).sweep()
        withheld = self.plan.of(ActionKind.WITHHOLD)
        if self._begun and withheld and self._manifest.archive.exclusive_access == "fetch":
            self._feedback.warn(f"{len(withheld)} exclusive products need a token; expected one in MAST_API_TOKEN")
        if self._gave_up:
            url = self._manifest.archive.url
            self._feedback.warn(f"{url}: {HOST_FAILURES} products in a row could not be had; the rest is left")

    @property
    def _gave_up(self) -> bool:
        """Whether the run was stopped because the archive's host could not be reached any more."""
        in_a_row = 0
        for result in self._results:
            in_a_row = 0 if result.outcome == "done" else in_a_row + (result.cause is Cause.HOST)
            if in_a_row >= HOST_FAILURES:
                return True
        return False

    def report(self) -> Report:
        """How the run ended, as far as it went."""
        return Report(self.plan, tuple(self._results), gravest(self._exit_codes()))

    def _exit_codes(self) -> Iterator[ExitCode]:
        yield from plan_exit_codes(self.plan)
        if self._gave_up:
            yield ExitCode.ARCHIVE
        yield from (_EXIT_CODES[result.cause] for result in self._results if result.cause is not None)
        if self._manifest.archive.exclusive_access == "fetch" and self.plan.of(ActionKind.WITHHOLD):
            yield ExitCode.TOKEN

    def _confirmed(self) -> Iterator[Entry]:
        """What was hashed for the plan and found whole, so that it need not be hashed again."""
        name = lockfile_name(self._tree, self._lockfile_path)
        for action in self.plan.of(ActionKind.KEEP):
            locked, present = action.locked, action.present
            if locked is not None and present is not None and not present.untouched:
                yield Entry(
                    path=action.path,
                    uri=locked.uri,
                    proposal=action.proposal,
                    lockfile=name,
                    size=locked.size,
                    mtime_ns=present.mtime_ns,
                    sha256=locked.sha256,
                    md5=present.md5 or "",
                    origin=ADOPTED,
                )


_EXIT_CODES = {
    Cause.HOST: ExitCode.PRODUCTS_FAILED,
    Cause.BUSY: ExitCode.PRODUCTS_FAILED,
    Cause.NETWORK: ExitCode.PRODUCTS_FAILED,
    Cause.UNAUTHORIZED: ExitCode.TOKEN,
    Cause.FORBIDDEN: ExitCode.PRODUCTS_FAILED,
    Cause.NOT_FOUND: ExitCode.PRODUCTS_FAILED,
    Cause.BYTES: ExitCode.PRODUCTS_FAILED,
    Cause.MISMATCH: ExitCode.BYTES_DIFFER,
    Cause.DISK: ExitCode.PRODUCTS_FAILED,
    Cause.DISK_FULL: ExitCode.LIMIT,
}


def plan_exit_codes(plan: Plan) -> Iterator[ExitCode]:
    """What is wrong with a plan already, whatever becomes of it."""
    if plan.goal.failed or plan.goal.disbelieved:
        yield ExitCode.ARCHIVE
    if plan.goal.refused:
        yield ExitCode.PRODUCTS_FAILED


def download_executor(manifest: Manifest, token: str | None, parts: Parts, committer: Committer) -> Executor:
    """The executor that downloads from the manifest's archive."""
    from jwstsync.executors.download import DownloadExecutor  # noqa: PLC0415 - aiohttp takes 0.3 s
    from jwstsync.executors.server import Server  # noqa: PLC0415

    server = Server(
        url=manifest.archive.url,
        agent=AGENT,
        connections=manifest.limits.connections,
        timeout=manifest.archive.timeout,
        token=token,
        use_checksums=manifest.archive.checksums != "ignore",
    )
    return DownloadExecutor(server, parts, committer)


@contextmanager
def open_run(
    manifest: Manifest,
    mode: Mode = Mode.DEFAULT,
    *,
    allow_empty: bool = False,
    lock_timeout: float = 0,
    archive: Archive | None = None,
    feedback: Feedback | None = None,
    make_executor: MakeExecutor | None = None,
    settings: Settings | None = None,
) -> Iterator[Run]:
    """A run with its plan made; what it has done is recorded at the end, however it ends.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked, and whether the lockfile may change.
        allow_empty: Believe a proposal that had products and now lists none.
        lock_timeout: Seconds to wait for another run on this destination.
        archive: Whom to ask; by default the manifest's.
        feedback: Who is told how it goes on.
        make_executor: What fetches; by default a download.
        settings: Where a token is found; by default the environment's.

    Raises:
        JwstsyncError: Another run is at work, the archive can not be asked, or a file not be read or written.
    """
    tree = Tree(Path(manifest.root))
    tree.prepare()
    question = Question(manifest, mode, allow_empty, archive, feedback or Silence(), settings or read_settings())
    with run_lock(tree.state_folder, lock_timeout):
        run = Run(question, tree, make_executor)
        try:
            yield run
        finally:
            run.close()


def apply(
    manifest: Manifest,
    mode: Mode = Mode.DEFAULT,
    *,
    limit: int | None = None,
    allow_empty: bool = False,
    lock_timeout: float = 0,
    archive: Archive | None = None,
    feedback: Feedback | None = None,
    make_executor: MakeExecutor | None = None,
    settings: Settings | None = None,
) -> Report:
    """Makes the disk what the manifest says, and records it in the lockfile.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked, and whether the lockfile may change.
        limit: How many products to fetch at most.
        allow_empty: Believe a proposal that had products and now lists none.
        lock_timeout: Seconds to wait for another run on this destination.
        archive: Whom to ask; by default the manifest's.
        feedback: Who is told how it goes on.
        make_executor: What fetches; by default a download.
        settings: Where a token is found; by default the environment's.

    Raises:
        JwstsyncError: The run is refused, another is at work, or the archive can not be asked. What failed for single
            products is in the report instead.
    """
    with open_run(
        manifest,
        mode,
        allow_empty=allow_empty,
        lock_timeout=lock_timeout,
        archive=archive,
        feedback=feedback,
        make_executor=make_executor,
        settings=settings,
    ) as run:
        for _ in run.carry_out(limit):
            pass
    return run.report()
