"""The command that hashes: verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Amount, Command, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.cli.progress import Progress
from jwstsync.cli.session import Session, session_of
from jwstsync.cli.stopping import Stopping
from jwstsync.cli.text import age_text
from jwstsync.core.amounts import counted, parse_duration, size_text
from jwstsync.errors import ExitCode, gravest

if TYPE_CHECKING:
    from jwstsync.core.rounds import Verification
    from jwstsync.sync.verifying import Verifying


@click.command(
    cls=Command,
    examples=(
        ("jwstsync verify", "hash every locked file; exit 1 if one is wrong"),
        ("jwstsync verify --time-limit 2h", "every night a part, until all have had their turn"),
        ("jwstsync verify || jwstsync apply", "repair what is missing, cut short, damaged or modified"),
    ),
)
@option(
    "--time-limit",
    type=Amount("time", parse_duration),
    metavar="TIME",
    help="After so long, such as 2h, begin no further file; the next verify goes on there.",
)
@option("--restart", is_flag=True, help="Hash all files, also those that an unfinished verify came to.")
@click.pass_context
def verify(context: click.Context, *, time_limit: float | None, restart: bool) -> int:
    """Hash every locked file; what is wrong, the next apply repairs.

    The network is not used, and an apply may run meanwhile. One that was stopped goes on where it was, and what it had
    found wrong still counts. When all files have been hashed, the next one begins anew.
    """
    from jwstsync.sync.verifying import Verifying

    output = Output(globals_of(context))
    with Stopping() as stopping, session_of(context, asks=False) as session:
        with Progress(output) as progress:
            verifying = Verifying(session.manifest, time_limit=time_limit, restart=restart, feedback=progress)
            _tell_begin(output, verifying)
            waiting = verifying.waiting
            progress.expect(len(waiting), sum(one.size for one in waiting))
            with stopping.cleanly(verifying.stop):
                found = verifying.carry_out()
        _show(output, session, found, verbose=globals_of(context).verbose)
    differs = [ExitCode.DIFFERENCES] if found.differences else []
    return gravest([*differs, *([stopping.code] if stopping.code else [])])


def _tell_begin(output: Output, verifying: Verifying) -> None:
    import time

    if verifying.begun_at is None or output.as_json:
        return
    age = age_text(time.time() - verifying.begun_at)
    before = f"{counted(verifying.came_to, 'file')} hashed before, the first {age} ago"
    output.message(f"going on: {before}; {len(verifying.waiting):,} left")


def _show(output: Output, session: Session, found: Verification, *, verbose: bool) -> None:
    from pathlib import Path

    from jwstsync.cli import render
    from jwstsync.core.documents import plan_document
    from jwstsync.store.tree import Tree
    from jwstsync.sync.clock import mjd_now

    if output.as_json:
        document = plan_document(found.plan, "jwstsync.verify/1", all_actions=verbose, remaining=found.remaining)
        output.document(document)
        return
    for line in render.verification_lines(found, session.manifest, verbose=verbose, now=mjd_now()):
        output.answer(line)
    output.answer(render.closing_line(found.plan, "verify", Tree(Path(session.manifest.root)).free_bytes()))
    if found.remaining:
        size = size_text(sum(one.size for one in found.remaining))
        output.message(f"left: {counted(len(found.remaining), 'file')}, {size} to hash; run again to go on")
    if found.differences:
        output.message(render.REPAIR_HINT)
    if not found.plan.actions and not found.remaining:
        output.message("nothing is locked yet: jwstsync apply locks what it fetches")
