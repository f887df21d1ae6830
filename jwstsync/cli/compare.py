"""The commands that compare and change nothing: plan and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from jwstsync.cli.explain import show_explanations
from jwstsync.cli.github import errors_told, tell_plan
from jwstsync.cli.options import Command, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.progress import Progress
from jwstsync.cli.saved import check_out, save
from jwstsync.cli.session import Session, session_of
from jwstsync.cli.show import show_plan, warn_of_access, warn_of_limit
from jwstsync.cli.text import age_text
from jwstsync.errors import ExitCode, UsageError, gravest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwstsync.core.documents import Subject
    from jwstsync.core.orphans import Prune
    from jwstsync.core.plan import Plan
    from jwstsync.sync.planning import Mode

LOCKED = option("--locked", is_flag=True, help="Ask the archive, but fail if the lockfile would change.")
FROZEN = option("--frozen", is_flag=True, help="Never ask: make the disk equal the lockfile.")
ALLOW_EMPTY = option("--allow-empty", is_flag=True, help="Believe a proposal that had products and now lists none.")

PRUNE = option("--prune", is_flag=True, help="Put what jwstsync wrote and nothing locks any more into the trash.")
MAX_PRUNE = option(
    "--max-prune",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --prune: at most so many files.",
)


def prune_of(context: click.Context, *, prune: bool, max_prune: int | None) -> Prune | None:
    """What is to be pruned.

    Raises:
        UsageError: It is told how much, and not that anything is.
    """
    from jwstsync.core.orphans import Prune

    if not prune and context.get_parameter_source("max_prune") is ParameterSource.COMMANDLINE:
        raise UsageError("--max-prune: expected --prune with it")
    return Prune(max_prune) if prune else None


ADOPT_FROM = option(
    "--adopt-from",
    type=click.Path(exists=True, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="Take products from files anywhere below DIR, where their bytes fit; may be repeated.",
)


def mode_of(context: click.Context, modes: Mapping[str, bool]) -> Mode:
    """The mode that is asked for; a flag wins over the environment.

    Args:
        context: The call, which knows where each option comes from.
        modes: Whether each mode is asked for, by its option's name.

    Raises:
        UsageError: More than one is.
    """
    from jwstsync.sync.planning import Mode

    asked = [name for name, wanted in modes.items() if wanted]
    flags = [name for name in asked if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    named = flags or asked
    if len(named) > 1:
        raise UsageError(f"--{named[0]} and --{named[1]}: expected one of them")
    return Mode(named[0]) if named else Mode.DEFAULT


@click.command(
    cls=Command,
    examples=(
        ("jwstsync plan", "what is missing, and how much it is"),
        ("jwstsync plan --check", "for CI: exit 1 if anything is"),
        ("jwstsync plan --out plan.json", "save it for a review, and for apply"),
        ("jwstsync plan --explain '*_i2d.fits'", "which rule took or left a product"),
    ),
)
@option("--check", is_flag=True, help="Exit 1 if apply would do anything.")
@LOCKED
@FROZEN
@option("--offline", is_flag=True, help="Use no network at all, but the archive's last answers.")
@ALLOW_EMPTY
@PRUNE
@MAX_PRUNE
@ADOPT_FROM
@option("--out", metavar="FILE", help="Save the plan in FILE too, for `jwstsync apply FILE`.")
@option("--explain", metavar="NAME", help="Tell which rule took or left a product (a file name or a glob), and why.")
@click.pass_context
@errors_told("plan")
def plan(
    context: click.Context,
    /,
    *,
    check: bool,
    allow_empty: bool,
    prune: bool,
    max_prune: int | None,
    adopt_from: tuple[str, ...],
    out: str | None,
    explain: str | None,
    **modes: bool,
) -> int:
    """Show what apply would do."""
    from jwstsync.sync.choices import Choices
    from jwstsync.sync.planning import Mode, check_locked
    from jwstsync.sync.planning import plan as make_plan

    mode, output = mode_of(context, modes), Output(globals_of(context))
    pruning = prune_of(context, prune=prune, max_prune=max_prune)
    if explain is not None and mode in {Mode.FROZEN, Mode.OFFLINE}:
        raise UsageError(f"--explain and --{mode}: expected one of them, since --explain asks the archive")
    with session_of(context) as session:
        if out is not None:
            check_out(context, out, session.manifest)
        if explain is not None:
            return show_explanations(output, session, explain, verbose=globals_of(context).verbose)
        found = make_plan(
            session.manifest,
            mode,
            allow_empty=allow_empty,
            adopt_from=adopt_from,
            feedback=Progress(output),
            settings=session.settings,
            prune=pruning,
        )
        if mode is Mode.OFFLINE:
            output.message(_offline_text(found, session.manifest.archive.url))
        _show(context, session, found, "jwstsync.plan/1", locked=mode is Mode.LOCKED)
        warn_of_access(output, found)
        if not output.as_json:
            warn_of_limit(output, session, found, pruning)
        tell_plan(found, code := _exit_code(found, check=check))
        if mode is Mode.LOCKED:
            check_locked(found)
        if out is not None:
            save(output, out, session.manifest, found, Choices(mode, allow_empty, pruning))
    return code


@click.command(
    cls=Command,
    examples=(
        ("jwstsync status", "what is missing here, or is not as it is locked"),
        ("jwstsync status --check", "for CI: exit 1 if anything is"),
    ),
)
@option("--check", is_flag=True, help="Exit 1 if anything differs.")
@click.pass_context
def status(context: click.Context, *, check: bool) -> int:
    """Compare the lockfile with the disk, without the network."""
    from pathlib import Path

    from jwstsync.store.tree import Tree
    from jwstsync.sync.planning import status as compare

    with session_of(context, asks=False) as session:
        feedback = Progress(Output(globals_of(context)))
        found = compare(session.manifest, feedback=feedback, settings=session.settings)
        kept = Tree(Path(session.manifest.root)).kept_versions()
        _show(context, session, found, "jwstsync.status/1", versions=kept)
    return _exit_code(found, check=check)


def _show(
    context: click.Context,
    session: Session,
    found: Plan,
    subject: Subject,
    *,
    locked: bool = False,
    versions: tuple[int, int] | None = None,
) -> None:
    options = globals_of(context)
    show_plan(Output(options), session, found, subject, verbose=options.verbose, locked=locked, versions=versions)


def _offline_text(found: Plan, url: str) -> str:
    """What a plan without a network was made of."""
    import time
    from datetime import UTC, datetime

    if found.goal.kept_at is None:
        return f"no network, and no answer of {url} is kept for this: comparing lockfile and disk"
    came = datetime.fromtimestamp(found.goal.kept_at, UTC)
    return f"no network: by the answers of {came:%Y-%m-%d %H:%M} UTC, {age_text(time.time() - came.timestamp())} old"


def _exit_code(found: Plan, *, check: bool) -> ExitCode:
    from jwstsync.sync.report import plan_exit_codes

    differs = [ExitCode.DIFFERENCES] if check and found.differences else []
    return gravest([*plan_exit_codes(found), *differs])
