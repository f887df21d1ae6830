"""The command that acts: apply, as a download or as a script."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from jwstsync.cli.compare import ADOPT_FROM, ALLOW_EMPTY, FROZEN, LOCKED, MAX_PRUNE, PRUNE, mode_of, prune_of
from jwstsync.cli.github import errors_told, tell_plan, tell_report
from jwstsync.cli.options import Amount, Command, Seconds, check_folder, globals_of, option
from jwstsync.cli.progress import Progress
from jwstsync.cli.run_output import run_output
from jwstsync.cli.saved import Reviewed, reviewed
from jwstsync.cli.session import Session, session_of
from jwstsync.cli.show import show_plan, warn_of, warn_of_access
from jwstsync.cli.stopping import Stopping
from jwstsync.core.amounts import counted, parse_duration, parse_rate
from jwstsync.errors import ExitCode, UsageError, gravest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.core.plan import Plan
    from jwstsync.settings import Settings
    from jwstsync.sync.choices import Choices
    from jwstsync.sync.report import Report, Result
    from jwstsync.sync.run import Run


@click.command(
    cls=Command,
    examples=(
        ("jwstsync apply", "show the plan, ask, fetch what is missing"),
        ("jwstsync apply -y --limit 5", "try it with five files"),
        ("jwstsync apply --max-duration 5h", "for a night: end cleanly, go on tomorrow"),
        ("jwstsync apply --adopt-from ~/old", "take what is there already, fetch the rest"),
        ("jwstsync apply --frozen", "exactly what is locked, without asking the archive"),
        ("jwstsync apply --prune", "also put away what no rule selects any more"),
        ("jwstsync apply plan.json", "exactly what `plan --out plan.json` has saved"),
        ("jwstsync apply --script fetch.sh", "write a script for a host without Python"),
    ),
)
@click.argument("plan_file", required=False, metavar="[PLAN]")
@option("-y", "--yes", is_flag=True, help="Do not ask.")
@option("--limit", type=click.IntRange(min=0), metavar="N", help="Fetch at most N products.")
@option(
    "--limit-rate",
    type=Amount("rate", parse_rate),
    metavar="RATE",
    help="Fetch at most so many bytes a second in all, such as 20MB.",
)
@option(
    "--max-duration",
    type=Amount("time", parse_duration),
    metavar="TIME",
    help="After so long, such as 5h or 1h30m, end and keep what is done.",
)
@option("--script", metavar="FILE", help="Write a bash + curl script that fetches the difference ('-': to stdout).")
@option(
    "--script-format",
    type=click.Choice(["bash", "aria2"]),
    default="bash",
    help="What to write: a bash + curl script, or an input file of aria2.",
)
@ADOPT_FROM
@option("--move", is_flag=True, help="Move files from there, in place of linking or copying them.")
@LOCKED
@FROZEN
@ALLOW_EMPTY
@PRUNE
@MAX_PRUNE
@option(
    "--lock-timeout",
    type=Seconds(min=0),
    default=0,
    metavar="S",
    help="Seconds to wait for another run (default: 0).",
)
@click.pass_context
@errors_told("apply")
def apply(
    context: click.Context,
    /,
    *,
    plan_file: str | None,
    yes: bool,
    script: str | None,
    script_format: str,
    limit: int | None,
    limit_rate: float | None,
    max_duration: float | None,
    adopt_from: tuple[str, ...],
    move: bool,
    lock_timeout: float,
    allow_empty: bool,
    prune: bool,
    max_prune: int | None,
    **modes: bool,
) -> int:
    """Make the disk what the manifest says, and record it in the lockfile.

    In a terminal it shows the plan and asks; elsewhere it goes ahead. With PLAN, a file that `plan --out` wrote, it
    does just that and asks nothing; or nothing at all, if something has changed that matters.
    """
    from jwstsync.sync.choices import Choices

    if move and not adopt_from and context.get_parameter_source("move") is ParameterSource.COMMANDLINE:
        raise UsageError("--move: expected --adopt-from DIR with it")
    choices = Choices(mode_of(context, modes), allow_empty, prune_of(context, prune=prune, max_prune=max_prune))
    call = _Call(context, choices, adopt_from, plan_file, move=move)
    if script is None:
        if context.get_parameter_source("script_format") is ParameterSource.COMMANDLINE:
            raise UsageError("--script-format: expected together with --script FILE")
        return call.fetch(_Bounds(limit, limit_rate, max_duration, lock_timeout), yes=yes)
    for name in ("limit", "limit_rate", "max_duration", "adopt_from", "prune"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"--script and --{name.replace('_', '-')}: expected one of them")
    return call.write_script(script, script_format)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How much a run may take: products, bytes a second, and seconds; then the seconds that it waits for another."""

    limit: int | None
    limit_rate: float | None
    max_duration: float | None
    lock_timeout: float


class _Call:
    """One call of apply."""

    def __init__(
        self,
        context: click.Context,
        choices: Choices,
        adopt_from: Sequence[str],
        plan_file: str | None,
        *,
        move: bool,
    ) -> None:
        self._context = context
        self._options = globals_of(context)
        self._output = run_output(self._options)
        self._choices = choices
        self._adopt_from = adopt_from
        self._move = move
        self._plan_file = plan_file
        self._reviewed: Reviewed | None = None

    def write_script(self, target: str, form: str) -> int:
        """Writes a script of the difference; the lockfile stays as it is.

        Raises:
            UsageError: It would be of no use, or there is no place for it.
        """
        with self._output.telling():
            self._check_script(target)
            return self._write_script(target, form)

    def _check_script(self, target: str) -> None:
        from jwstsync.sync.script import STDOUT

        if self._options.sandbox:
            raise UsageError(
                "--script and --sandbox: expected a stand-in that stays, such as `jwstsync sandbox` serves"
            )
        if self._output.as_json and target == STDOUT:
            raise UsageError("--json and --script -: expected a file for the script, since the events are on stdout")
        check_folder(target)

    def _write_script(self, target: str, form: str) -> int:
        from jwstsync.sync.planning import named
        from jwstsync.sync.report import plan_exit_codes
        from jwstsync.sync.script import STDOUT, Form, plan_of_script, write_script

        with session_of(self._context) as session:
            self._open_plan(session)
            found = plan_of_script(
                session.manifest,
                self._choices.mode,
                allow_empty=self._choices.allow_empty,
                feedback=self._output.feedback(Progress(self._output)),
                settings=session.settings,
            )
            self._check_plan(found)
            self._output.planned(found)
            warn_of(self._output, found, locked=self._locked)
            if session.manifest.archive.exclusive_access != "error":
                warn_of_access(self._output, found)
            mode, named_archive = self._choices.mode, session.settings.archive_url
            script = write_script(session.manifest, found, mode, target, Form(form), named_archive=named_archive)
        if target == STDOUT:
            click.echo(script.text.encode(), nl=False)
        else:
            how = {"bash": "bash", "aria2": "aria2c -j 4 -i"}[form]
            self._output.answer(
                f"Wrote {target}: {counted(script.count, 'product')}; run it with: {how} {shlex.quote(target)}"
            )
        for reason, actions in script.left_out.items():
            self._output.warning(f"left out: {named(actions)}: {reason}")
        self._output.refused(found.goal.refused)
        code = gravest(plan_exit_codes(found))
        tell_plan(found, code, "apply --script")
        self._output.end(code)
        return code

    def fetch(self, bounds: _Bounds, *, yes: bool) -> int:
        """Makes it so."""
        with self._output.telling(), Stopping() as stopping, session_of(self._context) as session:
            self._open_plan(session)
            ask = self._output.interactive and not yes and self._reviewed is None
            return self._carry_out(session, stopping, bounds, ask=ask)

    def _open_plan(self, session: Session) -> None:
        """Lets a saved plan, if one was named, say what shapes the run, and nothing else."""
        if self._plan_file is not None:
            self._reviewed = reviewed(self._context, self._plan_file, session.manifest)
            self._choices, self._adopt_from, self._move = self._reviewed.choices, (), False

    def _check_plan(self, plan: Plan) -> None:
        if self._reviewed is not None:
            self._reviewed.check(plan)

    def _carry_out(self, session: Session, stopping: Stopping, bounds: _Bounds, *, ask: bool) -> int:
        from jwstsync.sync.run import open_run

        with (
            Progress(self._output) as progress,
            open_run(
                session.manifest,
                self._choices.mode,
                allow_empty=self._choices.allow_empty,
                lock_timeout=bounds.lock_timeout,
                limit_rate=bounds.limit_rate,
                max_duration=bounds.max_duration,
                adopt_from=self._adopt_from,
                move=self._move,
                feedback=self._output.feedback(progress),
                settings=self._may_ask(session) if ask else session.settings,
                prune=self._choices.prune,
            ) as run,
        ):
            self._check_plan(run.plan)
            self._show(session, run.plan)
            run.check()
            if ask and run.plan.differences and not self._agreed(run.plan, stopping):
                return ExitCode.DIFFERENCES
            progress.expect(*_expected(run, bounds.limit))
            with stopping.cleanly(run.stop):
                for result in run.carry_out(bounds.limit):
                    self._tell(result)
            report = run.report()
        return self._tell_end(report, gravest([report.exit_code, *([stopping.code] if stopping.code else [])]))

    def _may_ask(self, session: Session) -> Settings:
        """The settings, with somebody to ask for a token; none is shown to a stand-in."""
        from jwstsync.cli.access import ask_for_token

        return session.settings if self._options.sandbox else replace(session.settings, ask_token=ask_for_token)

    def _show(self, session: Session, plan: Plan) -> None:
        if self._output.as_json:
            self._output.planned(plan)
            warn_of(self._output, plan, locked=self._locked)
        else:
            verbose = self._options.verbose
            show_plan(self._output, session, plan, "jwstsync.plan/1", verbose=verbose, locked=self._locked)

    @property
    def _locked(self) -> bool:
        return self._choices.mode == "locked"

    def _agreed(self, plan: Plan, stopping: Stopping) -> bool:
        from jwstsync.cli.render import work_text

        question = f"{work_text(plan)}: do this?" if self._options.quiet else "Do this?"
        agreed = click.confirm(question, err=True)
        stopping.check()
        if not agreed:
            self._output.message("nothing was changed")
        return agreed

    def _tell(self, result: Result) -> None:
        self._output.result(result)
        if result.outcome == "failed" and not result.refused and not self._output.as_json:
            self._output.warning(f"failed: {result.action.path}: {result.error}")

    def _tell_end(self, report: Report, code: ExitCode) -> int:
        from jwstsync.cli.render import brought_line, refusal_lines, remaining_line, report_line

        self._output.refused(report.plan.goal.refused)
        self._output.left(report.left)
        stopped = code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
        self._output.answer(report_line(report, stopped=stopped))
        brought = brought_line(report)
        for line in [*([brought] if brought else []), *refusal_lines(report, "withheld")]:
            self._output.message(line)
        for line in () if self._output.as_json else refusal_lines(report, "failed"):
            self._output.warning(line)
        remaining = remaining_line(report)
        if remaining is not None and not stopped:
            self._output.message(remaining)
        if code is ExitCode.PRODUCTS_FAILED:
            self._output.message(f"what failed is tried again by: {self._same_call()}")
        tell_report(report, code)
        self._output.end(code)
        return code

    def _same_call(self) -> str:
        """The command that goes on with this run, and may change no more than it could."""
        import shlex

        mode = self._choices.mode.value
        words = [self._plan_file] if self._plan_file else [] if mode == "default" else [f"--{mode}"]
        return shlex.join(["jwstsync", "apply", *words])


def _expected(run: Run, limit: int | None) -> tuple[int, int]:
    transfers = run.plan.transfers if limit is None else run.plan.transfers[:limit]
    return len(transfers), sum(action.size or 0 for action in transfers)
