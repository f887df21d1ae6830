"""What went wrong in a plan or a run, in one form for all who list it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.cli.text import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.core.plan import Plan
    from jwstsync.sync.report import Report


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong.

    Attributes:
        kind: What failures are alike by.
        product: The product's file name; None where a whole proposal or the token is meant.
        proposal: The proposal.
        error: Why.
    """

    kind: str
    product: str | None
    proposal: int | None
    error: str


def plan_failures(plan: Plan) -> Iterator[Failure]:
    """What is wrong with a plan, whatever becomes of it."""
    from jwstsync.sync.planning import disbelief

    if plan.token_problem:
        yield Failure("token", None, None, plan.token_problem)
    for proposal, error in plan.goal.failed.items():
        yield Failure(f"query {proposal}", None, proposal, error)
    if plan.goal.disbelieved:
        yield Failure("empty", None, min(plan.goal.disbelieved), disbelief(plan))
    for one in plan.goal.refused:
        yield Failure("refused", name_of(one.uri), one.proposal, one.error)


def run_failures(report: Report) -> Iterator[Failure]:
    """What went wrong in a run, and in its plan."""
    yield from plan_failures(report.plan)
    for result in report.results:
        if result.outcome == "failed":
            yield Failure(str(result.cause), name_of(result.action.path), result.action.proposal, str(result.error))
