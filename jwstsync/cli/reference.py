"""The commands that need no manifest and no archive: schema and sandbox."""

from __future__ import annotations

from importlib import import_module

import click

from jwstsync.cli.options import Command, globals_of, option
from jwstsync.cli.output import Output
from jwstsync.errors import ExitCode, UsageError

_MAKERS = {
    "manifest": ("jwstsync.core.manifest", "manifest_schema"),
    "lock": ("jwstsync.core.lockfile", "lockfile_schema"),
    "plan": ("jwstsync.core.documents", "plan_schema"),
    "events": ("jwstsync.core.events", "events_schema"),
    "search": ("jwstsync.core.looks", "search_schema"),
    "explain": ("jwstsync.core.looks", "explain_schema"),
    "show": ("jwstsync.core.looks", "show_schema"),
    "clean": ("jwstsync.core.documents", "clean_schema"),
    "export": ("jwstsync.core.documents", "export_schema"),
    "edit": ("jwstsync.core.documents", "edit_schema"),
    "sandbox": ("jwstsync.core.documents", "sandbox_schema"),
    "login": ("jwstsync.core.token_documents", "login_schema"),
    "whoami": ("jwstsync.core.token_documents", "whoami_schema"),
    "logout": ("jwstsync.core.token_documents", "logout_schema"),
    "lock-merge": ("jwstsync.core.lock_documents", "merge_schema"),
    "lock-check": ("jwstsync.core.lock_documents", "check_schema"),
    "saved-plan": ("jwstsync.core.saved", "saved_plan_schema"),
}


@click.command(
    cls=Command,
    examples=(
        ("jwstsync schema manifest >.jwstsync.schema.json", "for editors, as the first line of a manifest names it"),
        ("jwstsync schema events", "what each line of apply --json has"),
    ),
)
@click.argument("subject", metavar="NAME", type=click.Choice(list(_MAKERS)))
@click.pass_context
def schema(context: click.Context, subject: str) -> int:
    """Print the JSON Schema of manifests, lockfiles, or what a command prints with --json.

    NAME is one of manifest, lock, plan, events, search, explain, show, clean, export, edit, sandbox, login, whoami,
    logout, lock-merge, lock-check and saved-plan.

    That of plans is also that of `status` and `verify`; that of events is for each line of `apply`, that of
    explanations for `plan --explain`, that of edits for `init`, `add` and `remove`, and that of saved plans for what
    `plan --out` writes.
    """
    module, name = _MAKERS[subject]
    Output(globals_of(context)).small_document(getattr(import_module(module), name)())
    return ExitCode.OK


@click.command(
    cls=Command,
    examples=(
        ("jwstsync sandbox", "serve on port 8733"),
        ("export JWSTSYNC_ARCHIVE_URL=http://127.0.0.1:8733", "in another terminal: ask it in place of MAST"),
        (
            "curl -X POST 'http://127.0.0.1:8733/sandbox/remake?name=NAME'",
            "make the product of that file name anew, as MAST does every few months",
        ),
    ),
)
@option("--port", type=click.IntRange(0, 65535), default=8733, show_default=True, help="0 takes any that is free.")
@option("--full-size", is_flag=True, help="Serve files as large as the real ones, not 1/64 of them.")
@click.pass_context
def sandbox(context: click.Context, *, port: int, full_size: bool) -> int:
    """Serve a small stand-in for MAST on localhost, until Ctrl-C.

    It holds two proposals, 2733 and 5398. To use it from another terminal, set JWSTSYNC_ARCHIVE_URL to the address that
    it prints.
    """
    from jwstsync.core.documents import sandbox_document
    from jwstsync.sandbox import TOKEN, serve

    output = Output(globals_of(context))

    def announce(url: str) -> None:
        if output.as_json:
            output.document(sandbox_document(url, TOKEN))
        output.answer(f"Serving on {url}; the token {TOKEN!r} is accepted. Ctrl-C ends it.")

    try:
        serve(port=port, full_size=full_size, announce=announce)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror}; expected a free port, or 0 for any") from error
    return ExitCode.OK
