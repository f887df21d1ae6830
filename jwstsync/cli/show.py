"""A plan as an answer: text for people, or the JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.core.amounts import counted

if TYPE_CHECKING:
    from jwstsync.cli.output import Output
    from jwstsync.cli.session import Session
    from jwstsync.core.documents import Subject
    from jwstsync.core.orphans import Prune
    from jwstsync.core.plan import Plan


def show_plan(
    output: Output,
    session: Session,
    plan: Plan,
    subject: Subject,
    *,
    verbose: bool,
    locked: bool = False,
    versions: tuple[int, int] | None = None,
) -> None:
    """Prints a plan, and what is wrong with it to stderr; also how many old versions are kept, if that is asked for.

    Where the lockfile must not change (``locked``), every product is listed after which it would.
    """
    if output.as_json:
        from jwstsync.core.documents import plan_document
        from jwstsync.sync.garbage import seldom_collected

        with seldom_collected():
            output.document(plan_document(plan, subject, all_actions=verbose, versions=versions))
    else:
        title = subject.partition(".")[2].partition("/")[0]
        _show_text(output, session, plan, title, verbose=verbose, locked=locked)
        if versions and versions[0]:
            output.answer(versions_line(*versions))
    warn_of(output, plan, locked=locked)


def _show_text(output: Output, session: Session, plan: Plan, title: str, *, verbose: bool, locked: bool) -> None:
    from pathlib import Path

    from jwstsync.cli import render
    from jwstsync.store.tree import Tree
    from jwstsync.sync.clock import mjd_now

    for line in render.plan_lines(plan, session.manifest, title, verbose=verbose, now=mjd_now(), locked=locked):
        output.answer(line)
    output.answer(render.closing_line(plan, title, Tree(Path(session.manifest.root)).free_bytes()))
    hint = render.hint(plan)
    if hint is not None and title == "plan":
        output.message(hint)
    if title == "status" and plan.differences:
        output.message(render.REPAIR_HINT)
    for note in render.notes(plan):
        output.message(note)
    if not plan.actions and not plan.goal.listed:
        output.message("nothing is locked yet: jwstsync apply locks what it fetches")


def versions_line(files: int, size: int) -> str:
    """What the old versions take."""
    from jwstsync.core.amounts import size_text
    from jwstsync.core.layout import STATE_FOLDER, VERSIONS

    return f"Old versions: {counted(files, 'file')}, {size_text(size)} in {STATE_FOLDER}/{VERSIONS}."


def warn_of_limit(output: Output, session: Session, plan: Plan, prune: Prune | None) -> None:
    """Says on stderr which limit would make apply refuse."""
    from jwstsync.sync.planning import limit_problem

    problem = limit_problem(plan, session.manifest, prune)
    if problem is not None:
        output.warning(f"{problem}; apply would refuse")


def warn_of_access(output: Output, plan: Plan) -> None:
    """Says on stderr what apply would say of exclusive products that it should fetch and can not."""
    if plan.access_problem:
        output.warning(f"{plan.access_problem}; apply ends with exit code 8")


def warn_of(output: Output, plan: Plan, *, locked: bool = False) -> None:
    """Says on stderr what the plan could not take into account.

    That a proposal's answer is not believed is left to the error that it is where the lockfile must not change.
    """
    from jwstsync.sync.offering import left_text
    from jwstsync.sync.planning import disbelief

    if plan.left:
        output.warning(left_text(plan.left))
    if plan.token_problem:
        output.warning(plan.token_problem)
    for error in plan.goal.failed.values():
        output.warning(f"{error}; what is locked of it stays, and can be had without asking: --frozen")
    if plan.goal.disbelieved and not locked:
        output.warning(disbelief(plan))
    if plan.doubt:
        output.warning(f"nothing is pruned: {plan.doubt}")
    for refused in plan.goal.refused:
        output.warning(f"refused: {refused.uri}: {refused.error}")
    for proposal, rows in plan.goal.listed.items():
        if not rows and proposal not in plan.goal.disbelieved:
            nothing = f"proposal {proposal}: the archive lists nothing that the manifest asks for"
            output.warning(f"{nothing}; `jwstsync search {proposal}` shows what it has")
