"""One run on a destination: plan, check, act, record."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from jwstsync.core.adoption import instead_of
from jwstsync.core.amounts import parse_duration, parse_rate
from jwstsync.core.checksums import Trust
from jwstsync.core.plan import TRANSFERS, ActionKind
from jwstsync.errors import LimitError, StoreError, TokenError, UsageError
from jwstsync.executors import Cause, Done, Executor
from jwstsync.settings import Settings, read_settings
from jwstsync.store.parts import Parts
from jwstsync.store.runlock import run_lock
from jwstsync.store.scripts import clear_scripts
from jwstsync.store.tree import Tree
from jwstsync.sync.adopting import Adopting, Terms
from jwstsync.sync.clock import Clock
from jwstsync.sync.closing import closing_warnings
from jwstsync.sync.feedback import Feedback, Silence
from jwstsync.sync.fetching import Fetching, download_executor
from jwstsync.sync.merging import merge_lines
from jwstsync.sync.moving import Moving
from jwstsync.sync.offering import folders, left_text
from jwstsync.sync.planning import Mode, Question, check_frozen, check_locked, limit_problem
from jwstsync.sync.pruning import pruned
from jwstsync.sync.recording import Recording
from jwstsync.sync.report import Report, Result, report_of
from jwstsync.sync.results import Results
from jwstsync.sync.rights import refused_rights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from jwstsync.archive import Archive
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.orphans import Prune
    from jwstsync.core.plan import Action, Plan
    from jwstsync.store.commit import Committer

    MakeExecutor: TypeAlias = Callable[[Manifest, str | None, Parts, Committer, Trust], Executor]


FOLD_EVERY = 600.0
"""Seconds after which what has been done is written into the lockfile, though the run goes on."""


class Run:
    """One run on a destination that is locked for it: first its `plan`, then `carry_out`, at last what is recorded.

    Made by `open_run`.

    Args:
        question: What is to be found out first.
        tree: Where the files are.
        make_executor: What fetches.
        clock: What is known of time.
        ends_at: When, by that clock, the run has to end; None is never.
        move: Whether files elsewhere go once they are adopted.
    """

    def __init__(
        self,
        question: Question,
        tree: Tree,
        make_executor: MakeExecutor,
        clock: Clock,
        ends_at: float | None,
        *,
        move: bool,
    ) -> None:
        self._question = question
        self._manifest = question.manifest
        self._mode = question.mode
        self._feedback = question.feedback
        self._tree = tree
        self._recording = Recording(tree, Path(self._manifest.lockfile), keeps_lockfile=self.keeps_lockfile)
        if self._recording.recovered:
            self._feedback.phase(f"recovered {self._recording.recovered} products of a run that was cut off")
        if self._recording.merge:
            self._feedback.warn("\n".join(merge_lines(self._recording.merge, self._manifest.lockfile.name)))
        self.plan, self._token = question.answer(tree, self._recording.lockfile)
        self._meaning = Results(self._manifest, self._mode, self._token, clock, self.plan.goal)
        self._results: list[Result] = []
        self._committer = self._recording.committer
        self._moving = Moving(tree, self._committer)
        terms = Terms(self._manifest, self._token, move=move, stays=self._recording.paths_of(self.plan) if move else ())
        self._adopting = Adopting(tree, Parts(tree.parts_folder), self._committer, terms, self._feedback)
        self._make_executor = make_executor
        self._clock = clock
        self._ends_at = ends_at
        self._folded_at = clock.now()
        self._folded_at_stop = False
        self._executor: Fetching | None = None
        self._stopping = self._out_of_time = False
        self._begun = self._rights_are_checked = False

    @property
    def keeps_lockfile(self) -> bool:
        """Whether the lockfile must not change."""
        return self._mode is not Mode.DEFAULT

    def check(self) -> None:
        """Refuses what must not be carried out, before anything is fetched.

        Raises:
            DifferencesError: The lockfile would change, and must not.
            ArchiveError: An answer is not believed, and the lockfile must not change.
            TokenError: Something can not be had, and ``exclusive_access = "error"``.
            LimitError: The plan would fetch more than allowed or than the disk takes, or prune more than is meant.
        """
        if self._mode is Mode.LOCKED:
            check_locked(self.plan)
        if self.plan.access_problem and self._manifest.archive.exclusive_access == "error":
            raise TokenError(self.plan.access_problem)
        self._check_limits(self.plan)
        self._check_rights()

    def _check_limits(self, plan: Plan) -> None:
        problem = limit_problem(plan, self._manifest, self._question.prune)
        if problem is not None:
            raise LimitError(problem)

    def _check_rights(self) -> None:
        """Where all has to come or nothing, has the archive asked once for each proposal's exclusive products.

        Raises:
            TokenError: Some of them can not be had.
        """
        if self._rights_are_checked:
            return
        problem = refused_rights(self.plan, self._question, self._token, self._clock.mjd())
        if problem is not None:
            raise TokenError(problem)
        self._rights_are_checked = True

    def stop(self) -> None:
        """Ends `carry_out` soon, keeping what is done. May be called from a signal handler, or another thread."""
        self._stopping = True
        self._adopting.stop()
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
        with self._alarm():
            for result in self._carried_out(limit):
                self._results.append(result)
                self._fold_at_times()
                yield result

    def _fold_at_times(self) -> None:
        """Folds the journal if it is time, or if the run is being stopped: a second signal may end it at once."""
        first_of_a_stop = self._stopping and not self._folded_at_stop
        if first_of_a_stop or self._clock.now() - self._folded_at >= FOLD_EVERY:
            self._folded_at, self._folded_at_stop = self._clock.now(), self._stopping
            try:
                self._recording.fold(self.plan)
            except StoreError as error:
                self._feedback.warn(f"{error}; tried again later")

    def _alarm(self) -> AbstractContextManager[None]:
        """While it lasts, the end of the time stops the run, from another thread."""
        if self._ends_at is None:
            return nullcontext()
        left = self._ends_at - self._clock.now()
        if left > 0:
            return self._clock.alarm(left, self._end_of_time)
        self._end_of_time()
        return nullcontext()

    def _end_of_time(self) -> None:
        self._out_of_time = True
        self.stop()

    def _carried_out(self, limit: int | None) -> Iterator[Result]:
        yield from (Result(action, "done") for action in self.plan.of(ActionKind.DROP))
        yield from self._moving.results(self.plan.actions, lambda: self._stopping)
        yield from map(self._meaning.withheld, self._left(ActionKind.WITHHOLD))
        unfit: list[Action] = []
        yield from self._adopted(unfit)
        waiting = [*self._left(*TRANSFERS), *unfit]
        if unfit and not self._stopping:
            self._check_limits(replace(self.plan, actions=waiting))
        chosen = waiting if limit is None else waiting[:limit]
        yield from self._fetched({action.uri: action for action in chosen})
        yield from (Result(action, "deferred", "left by --limit") for action in waiting[len(chosen) :])
        yield from pruned(self.plan, self._tree, self._recording, lambda: self._stopping)

    def _left(self, *kinds: ActionKind) -> list[Action]:
        """The actions of these kinds, but for those that a file stands in the way of which could not be moved."""
        return [action for action in self.plan.of(*kinds) if action.uri not in self._moving.settled]

    def _adopted(self, unfit: list[Action]) -> Iterator[Result]:
        """Adopts; what has to be fetched all the same, because its bytes are not right, is added to ``unfit``."""
        for action, result in self._adopting.run(self._left(ActionKind.ADOPT)):
            if result is not None:
                yield self._in_time(result)
                if result.cause is Cause.DISK_FULL:
                    self.stop()
                continue
            instead = instead_of(action)
            if self._meaning.may_be_fetched(instead):
                unfit.append(instead)
            else:
                yield self._meaning.withheld(instead)
        if self._adopting.left:
            self._feedback.warn(left_text(self._adopting.left))

    def _fetched(self, actions: dict[str, Action]) -> Iterator[Result]:
        if not actions:
            return
        parts, make = Parts(self._tree.parts_folder), self._make_executor
        self._executor = Fetching(
            lambda token: make(self._manifest, token, parts, self._committer, self._trust), self._token
        )
        if self._stopping:
            self._executor.stop()
        for outcome in self._executor.run([action.fetch for action in actions.values()], self._feedback):
            action = actions[outcome.fetch.uri]
            if isinstance(outcome, Done):
                self._recording.forget(self._moving.put_away_old(action))
            yield self._in_time(self._meaning.of(action, outcome))

    @property
    def _trust(self) -> Trust:
        """What is known of the archive's checksums before anything is fetched."""
        locked = (*self._recording.lockfile, *(line.locked for line in self._committer.lines))
        return Trust.of(self._manifest.archive.checksums, confirmed=any(one.md5 for one in locked))

    def _in_time(self, result: Result) -> Result:
        """What became of an action, with the end of the time as the reason if it came too late."""
        late = self._out_of_time and result.outcome == "deferred"
        return replace(result, error=f"--max-duration: {result.error}") if late else result

    def close(self) -> None:
        """Records what was done, if anything was begun: in the lockfile, unless it must not change, and locally.

        Raises:
            StoreError: It can not be written; the journal stays for the next run.
        """
        if not self._recording.close(self.plan, begun=self._begun):
            path = self._manifest.lockfile
            self._feedback.warn(f"{path}: changed during the run and left as it is; run again")
        if self._begun:
            clear_scripts(self._tree.state_folder)
        if self._begun and all(result.outcome in {"done", "withheld"} for result in self._results):
            Parts(self._tree.parts_folder).sweep()
            self._recording.forget_scripts()
        said = closing_warnings(self.plan, self._results, self._manifest, self._trust, begun=self._begun)
        for warning in said:
            self._feedback.warn(warning)

    def report(self) -> Report:
        """How the run ended, as far as it went."""
        mode, refused = self._manifest.archive.exclusive_access, self._token.problem is not None
        return report_of(self.plan, self._results, mode, token_is_refused=refused, left=self._adopting.left)


@contextmanager
def open_run(
    manifest: Manifest,
    mode: Mode = Mode.DEFAULT,
    *,
    allow_empty: bool = False,
    adopt_from: Iterable[str | Path] = (),
    move: bool = False,
    lock_timeout: float = 0,
    limit_rate: float | str | None = None,
    max_duration: float | str | None = None,
    archive: Archive | None = None,
    feedback: Feedback | None = None,
    make_executor: MakeExecutor | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    prune: Prune | None = None,
) -> Iterator[Run]:
    """A run with its plan made; what it has done is recorded at the end, however it ends.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked, and whether the lockfile may change.
        allow_empty: Believe a proposal that had products and now lists none.
        adopt_from: Folders below which products may be, to be brought in place of a download.
        move: Whether files go from there once they are in place; otherwise they stay.
        lock_timeout: Seconds to wait for another run on this destination.
        limit_rate: Bytes a second to download at most, all connections together, or a text such as ``20 MB``.
        max_duration: Seconds from now after which it ends cleanly, or a text such as ``5h``.
        archive: Whom to ask; by default the manifest's.
        feedback: Who is told how it goes on.
        make_executor: What fetches; by default a download, which alone keeps to ``limit_rate``.
        settings: Where a token is found; by default the environment's.
        clock: What is known of time.
        prune: That files are to be pruned; by default none is.

    Raises:
        JwstsyncError: Another run is at work, the archive can not be asked, or a file not be read or written.
    """
    clock = clock or Clock()
    duration = _amount("max_duration", max_duration, parse_duration)
    ends_at = None if duration is None else clock.now() + duration
    download = partial(download_executor, limit_rate=_amount("limit_rate", limit_rate, parse_rate))
    check_frozen(manifest, mode)
    tree = Tree(Path(manifest.root))
    tree.prepare()
    feedback, settings = feedback or Silence(), settings or read_settings()
    question = Question(manifest, mode, allow_empty, archive, feedback, settings, folders(adopt_from), prune)
    with run_lock(tree.state_folder, lock_timeout):
        run = Run(question, tree, make_executor or download, clock, ends_at, move=move)
        try:
            yield run
        finally:
            run.close()


def _amount(name: str, value: float | str | None, parse: Callable[[object], float]) -> float | None:
    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise UsageError(f"{name} = {value!r}: {error}") from None


def apply(
    manifest: Manifest,
    mode: Mode = Mode.DEFAULT,
    *,
    limit: int | None = None,
    limit_rate: float | str | None = None,
    max_duration: float | str | None = None,
    allow_empty: bool = False,
    adopt_from: Iterable[str | Path] = (),
    move: bool = False,
    lock_timeout: float = 0,
    archive: Archive | None = None,
    feedback: Feedback | None = None,
    make_executor: MakeExecutor | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    prune: Prune | None = None,
) -> Report:
    """Makes the disk what the manifest says, and records it in the lockfile.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked, and whether the lockfile may change.
        limit: How many products to fetch at most.
        limit_rate: Bytes a second to download at most, all connections together, or a text such as ``20 MB``.
        max_duration: Seconds after which it ends cleanly, or a text such as ``5h``; what is left is deferred.
        allow_empty: Believe a proposal that had products and now lists none.
        adopt_from: Folders below which products may be, to be brought in place of a download.
        move: Whether files go from there once they are in place; otherwise they stay.
        lock_timeout: Seconds to wait for another run on this destination.
        archive: Whom to ask; by default the manifest's.
        feedback: Who is told how it goes on.
        make_executor: What fetches; by default a download, which alone keeps to ``limit_rate``.
        settings: Where a token is found; by default the environment's.
        clock: What is known of time.
        prune: That files are to be pruned; by default none is.

    Raises:
        JwstsyncError: The run is refused, another is at work, or the archive can not be asked. What failed for single
            products is in the report instead.
    """
    with open_run(
        manifest,
        mode,
        allow_empty=allow_empty,
        adopt_from=adopt_from,
        move=move,
        lock_timeout=lock_timeout,
        limit_rate=limit_rate,
        max_duration=max_duration,
        archive=archive,
        feedback=feedback,
        make_executor=make_executor,
        settings=settings,
        clock=clock,
        prune=prune,
    ) as run:
        for _ in run.carry_out(limit):
            pass
    return run.report()
