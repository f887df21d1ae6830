"""Plans and reports as pages of Markdown, for the summary of a job; no I/O here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jwstsync.cli.failures import plan_failures, run_failures
from jwstsync.cli.markdown import Table, escaped, page
from jwstsync.cli.render import notes, report_line, total, work_text
from jwstsync.cli.text import name_of
from jwstsync.core.amounts import size_text
from jwstsync.core.plan import MARKS, Action, ActionKind, Plan
from jwstsync.core.withheld import access_text, withheld_text
from jwstsync.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.cli.failures import Failure
    from jwstsync.core.documents import OutcomeName
    from jwstsync.sync.report import Report, Result

_OUTCOMES: Sequence[OutcomeName] = ("done", "failed", "deferred", "withheld")


def plan_page(plan: Plan, command: str, *, now: float, most: int) -> str:
    """What a plan comes to.

    Args:
        plan: What would happen.
        command: Which command made it.
        now: The time, in MJD.
        most: The bytes that the page may take.
    """
    groups = [(kind, plan.of(kind)) for kind in MARKS]
    counts = [(kind.value, f"{len(actions):,}", size_text(total(actions))) for kind, actions in groups if actions]
    withheld = plan.of(ActionKind.WITHHOLD)
    updates = plan.of(ActionKind.UPDATE)
    tables = [
        Table("", "action", ("action", ">products", ">size"), counts, len(counts)),
        _failures(list(plan_failures(plan))),
        _warnings(plan),
        Table("Made anew", "updated product", _UPDATE, map(_update, updates), len(updates)),
        _withheld([(action, None) for action in withheld], now),
    ]
    return page(_head(command, f"{work_text(plan)}.", withheld, now), tables, most)


def report_page(report: Report, code: ExitCode, *, now: float, most: int) -> str:
    """What a run did.

    Args:
        report: How it ended.
        code: The exit code.
        now: The time, in MJD.
        most: The bytes that the page may take.
    """
    stopped = code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    updates = [result for result in report.results if result.action.kind is ActionKind.UPDATE]
    withheld = [result for result in report.results if result.outcome == "withheld"]
    counts = list(_counts(report))
    tables = [
        Table("", "action", ("action", *(f">{one}" for one in _OUTCOMES), ">size"), counts, len(counts)),
        _failures(list(run_failures(report))),
        _warnings(report.plan),
        Table("Made anew", "updated product", (*_UPDATE, "outcome"), map(_outcome, updates), len(updates)),
        _withheld([(one.action, one.error) for one in withheld], now),
    ]
    line = report_line(report, stopped=stopped)
    planned = [one.action for one in withheld if one.action.kind is ActionKind.WITHHOLD]
    return page(_head("apply", f"{line} Exit code {code:d}.", planned, now), tables, most)


def error_page(command: str, code: ExitCode, error: str, *, most: int) -> str:
    """Why a command ended early: a line for each line of the error."""
    lines = error.splitlines()
    table = Table("", "problem", ("problem",), ([line] for line in lines), len(lines))
    return page(_head(command, f"Ended early, with exit code {code:d}.", [], 0), [table], most)


def _head(command: str, line: str, withheld: Sequence[Action], now: float) -> list[str]:
    products = [action.wanted for action in withheld if action.wanted]
    more = ["", escaped(withheld_text(products, now))] if products else []
    return [f"## jwstsync {command}", "", escaped(line), *more]


def _counts(report: Report) -> Iterator[tuple[str, ...]]:
    """For each action, what became of it, and how much of it is done."""
    told = Counter((result.action.kind, result.outcome) for result in report.results)
    for kind in MARKS:
        done = [one.action for one in report.results if one.action.kind is kind and one.outcome == "done"]
        numbers = [told[kind, outcome] for outcome in _OUTCOMES]
        if kind is ActionKind.KEEP:
            done = report.plan.of(kind)
            numbers[0] = len(done)
        if any(numbers):
            yield kind.value, *(f"{number:,}" for number in numbers), size_text(total(done))


def _failures(failures: Sequence[Failure]) -> Table:
    rows = ((str(one.proposal or ""), one.product or "", one.error) for one in failures)
    return Table("Failures", "failure", ("proposal", "product", "error"), rows, len(failures))


def _warnings(plan: Plan) -> Table:
    told = [*plan.goal.warnings, *notes(plan)]
    return Table("Warnings", "warning", ("warning",), ([text] for text in told), len(told))


def _withheld(withheld: Sequence[tuple[Action, str | None]], now: float) -> Table:
    """The products that can not be had, each with the archive's words where it was asked."""
    rows = ((name_of(action.path), str(action.proposal), error or _access(action, now)) for action, error in withheld)
    return Table("Withheld", "withheld product", ("product", "proposal", "why"), rows, len(withheld))


def _access(action: Action, now: float) -> str:
    return access_text(action.wanted, now) if action.wanted else ""


_UPDATE = ("product", "proposal", "pipeline version", "CRDS context", ">size")


def _update(action: Action) -> tuple[str, ...]:
    """What has changed of a product; what has not is told as it is."""
    changed = {change.fact: (change.locked, change.archive) for change in action.changes}
    locked = action.locked
    version = _change(changed.get("cal_ver"), locked.cal_ver if locked else None)
    context = _change(changed.get("crds_ctx"), locked.crds_ctx if locked else None)
    sizes = changed.get("size", (None, None))
    size = " -> ".join(size_text(int(one)) for one in sizes if one is not None) or _size(action.size)
    return name_of(action.path), str(action.proposal), version, context, size


def _change(change: tuple[str | int, str | int] | None, now: str | None) -> str:
    return f"{change[0]} -> {change[1]}" if change else (now or "")


def _size(size: int | None) -> str:
    return "" if size is None else size_text(size)


def _outcome(result: Result) -> tuple[str, ...]:
    return (*_update(result.action), result.outcome)
