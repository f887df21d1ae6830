"""How a run ended: what became of each action, and which exit code follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.core.plan import ActionKind
from jwstsync.core.retry import HOST_FAILURES
from jwstsync.errors import ExitCode, gravest
from jwstsync.executors import REFUSALS, Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jwstsync.core.documents import OutcomeName
    from jwstsync.core.offers import Left
    from jwstsync.core.plan import Action, Plan
    from jwstsync.store.sources import Way


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one action.

    Attributes:
        action: What was to happen.
        outcome: ``done``, ``failed``, ``deferred`` or ``withheld``.
        error: Why it is not done.
        cause: The kind of failure.
        fetched: The bytes that were downloaded and put in place for it.
        unconfirmed: Whether these are not what the archive's checksum says, which nothing has confirmed.
        source: The file elsewhere whose bytes were brought in for it.
        way: How they were.
    """

    action: Action
    outcome: OutcomeName
    error: str | None = None
    cause: Cause | None = None
    fetched: int = 0
    unconfirmed: bool = False
    source: str | None = None
    way: Way | None = None

    @property
    def refused(self) -> bool:
        """Whether the archive would not give out what it was asked for, because nobody without a right may have it."""
        if self.action.kind is ActionKind.WITHHOLD:
            return False
        exclusive = self.action.wanted is not None and not self.action.wanted.public
        return self.outcome == "withheld" or (exclusive and self.cause in REFUSALS)


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended.

    Attributes:
        plan: What was to happen.
        results: What became of every action but those that keep.
        exit_code: What the command line ends with.
        left: The files elsewhere that have a product's name and stay where they are.
    """

    plan: Plan
    results: Sequence[Result]
    exit_code: ExitCode
    left: Sequence[Left] = ()

    @property
    def fetched_bytes(self) -> int:
        """The bytes of the products that were downloaded."""
        return sum(result.fetched for result in self.results)


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


def report_of(
    plan: Plan,
    results: Iterable[Result],
    exclusive_access: str,
    *,
    token_is_refused: bool = False,
    left: Sequence[Left] = (),
) -> Report:
    """How a run ended that went so far.

    Args:
        plan: What was to happen.
        results: What has become of it.
        exclusive_access: As the manifest has it.
        token_is_refused: Whether there is a token, and it is of no use.
        left: The files elsewhere that were looked at, and not taken.
    """
    told = tuple(results)
    codes = [*_exit_codes(plan, told, exclusive_access), *([ExitCode.TOKEN] if token_is_refused else [])]
    return Report(plan, told, gravest(codes), (*plan.left, *left))


def _exit_codes(plan: Plan, results: Sequence[Result], exclusive_access: str) -> Iterator[ExitCode]:
    yield from plan_exit_codes(plan)
    if gave_up(results):
        yield ExitCode.ARCHIVE
    yield from (_EXIT_CODES[result.cause] for result in results if result.cause is not None)
    if exclusive_access == "fetch" and plan.of(ActionKind.WITHHOLD):
        yield ExitCode.TOKEN


def plan_exit_codes(plan: Plan) -> Iterator[ExitCode]:
    """What is wrong with a plan already, whatever becomes of it."""
    if plan.goal.failed or plan.goal.disbelieved:
        yield ExitCode.ARCHIVE
    if plan.goal.refused:
        yield ExitCode.PRODUCTS_FAILED
    if plan.token_problem:
        yield ExitCode.TOKEN


def gave_up(results: Iterable[Result]) -> bool:
    """Whether a run was stopped because the archive's host could not be reached any more."""
    in_a_row = 0
    for result in results:
        in_a_row = 0 if result.outcome == "done" else in_a_row + (result.cause is Cause.HOST)
        if in_a_row >= HOST_FAILURES:
            return True
    return False
