"""Whether the archive gives out the exclusive products of a plan, found out before anything is fetched.

Rights are given by proposal: one product of each is asked for, and a single byte of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.core.withheld import overdue_text
from jwstsync.sync.planning import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.core.plan import Action, Plan
    from jwstsync.sync.planning import Question
    from jwstsync.sync.token import Token


def refused_rights(plan: Plan, question: Question, token: Token, now: float) -> str | None:
    """What a token gives no right to, where all has to come or nothing; the archive is asked. Else None.

    Args:
        plan: What there is to fetch.
        question: What was asked for it.
        token: The token, which is not looked for here.
        now: The time, an MJD.
    """
    archive = question.manifest.archive
    found = token.find() if token.sought else None
    if found is None or archive.exclusive_access != "error":
        return None
    question.feedback.phase(f"asking {archive.url} for the exclusive products")
    return rights_problem(plan, lambda uri: question.refusal(uri, found), now)


def rights_problem(plan: Plan, refusal: Callable[[str], str | None], now: float) -> str | None:
    """What can not be had of a plan, a line a proposal, in the archive's words; None where all can.

    Args:
        plan: What there is to fetch.
        refusal: Tells in which words the archive refuses a product, by its URI.
        now: The time, an MJD.
    """
    lines = []
    for proposal, actions in _exclusive(plan).items():
        first = actions[0].wanted
        if first is None or (said := refusal(first.uri)) is None:
            continue
        overdue = overdue_text(first, now)
        words = f"{said}; {overdue}" if overdue else said
        what = f"exclusive access: {named(actions)} of proposal {proposal} can not be had"
        lines.append(f"{what}: {words}; expected a token with the right")
    return "\n".join(lines) or None


def _exclusive(plan: Plan) -> dict[int, list[Action]]:
    """What is to be downloaded and is not public, by proposal."""
    found: dict[int, list[Action]] = {}
    for action in plan.transfers:
        if action.wanted is not None and not action.wanted.public:
            found.setdefault(action.proposal, []).append(action)
    return found
