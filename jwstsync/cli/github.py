"""What GitHub Actions is told of `plan` and `apply`: a summary of the step, and annotations for what failed.

The summary is appended to the file that ``GITHUB_STEP_SUMMARY`` names. Annotations go to stderr, so that stdout stays
the answer: the runner reads both streams (actions/runner, src/Runner.Worker/Handlers/ScriptHandler.cs).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.cli.ending import ending_of
from jwstsync.cli.output import complain, instruct
from jwstsync.errors import ExitCode, InvalidFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jwstsync.cli.annotations import Annotation
    from jwstsync.core.plan import Plan
    from jwstsync.sync.report import Report

MOST = 900_000
"""The bytes of all summaries of one step; above 1 MiB GitHub shows none of them."""


def in_github() -> bool:
    """Whether this runs in a step of a GitHub workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def tell_plan(plan: Plan, code: ExitCode, command: str = "plan") -> None:
    """Tells GitHub, if it runs this, of a plan and the exit code that follows from it."""
    if not in_github():
        return
    from jwstsync.cli.annotations import annotations_of
    from jwstsync.cli.failures import plan_failures
    from jwstsync.cli.render import work_text
    from jwstsync.cli.summaries import plan_page
    from jwstsync.sync.clock import mjd_now

    ending = work_text(plan) if code else None
    _annotate(annotations_of(command, plan_failures(plan), plan.goal.warnings, ending))
    _summarise(lambda most: plan_page(plan, command, now=mjd_now(), most=most))


def tell_report(report: Report, code: ExitCode) -> None:
    """Tells GitHub, if it runs this, what a run did and with which exit code it ends."""
    if not in_github():
        return
    from jwstsync.cli.annotations import annotations_of
    from jwstsync.cli.failures import run_failures
    from jwstsync.cli.render import report_line
    from jwstsync.cli.summaries import report_page
    from jwstsync.sync.clock import mjd_now

    stopped = code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    ending = report_line(report, stopped=stopped) if code else None
    _annotate(annotations_of("apply", run_failures(report), report.plan.goal.warnings, ending))
    _summarise(lambda most: report_page(report, code, now=mjd_now(), most=most))


@contextmanager
def errors_told(command: str) -> Iterator[None]:
    """Tells GitHub, if it runs this, of an error that ends a command early."""
    try:
        yield
    except BaseException as error:
        if in_github():
            _tell_error(command, error)
        raise


def _tell_error(command: str, error: BaseException) -> None:
    from jwstsync.cli.annotations import error_annotations
    from jwstsync.cli.summaries import error_page

    code, text = ending_of(error)
    problems, file = (
        (error.problems, str(Path(error.path).absolute())) if isinstance(error, InvalidFileError) else ((), "")
    )
    _annotate(error_annotations(command, text, problems, file))
    _summarise(lambda most: error_page(command, code, text, most=most))


def _annotate(annotations: Iterable[Annotation]) -> None:
    for one in annotations:
        instruct(one.line)


def _summarise(page: Callable[[int], str]) -> None:
    """Appends a page to the step's summary, as long as it may be; what stands in the way is no reason to fail."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("ab") as file:
            file.write(page(MOST - file.tell()).encode())
    except OSError as error:
        complain(f"GITHUB_STEP_SUMMARY={path}: not written: {error.strerror or error}")
