"""The commands about the user's token: login, whoami, logout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from jwstsync.cli.options import Command, globals_of, option
from jwstsync.cli.output import Output, is_terminal
from jwstsync.cli.session import archive_settings
from jwstsync.errors import ExitCode, TokenError, UsageError

if TYPE_CHECKING:
    from jwstsync.archive.auth import Found, Identity
    from jwstsync.core.token_documents import Facts

_LONGEST_INPUT = 1 << 16  # bytes


@click.command(
    cls=Command,
    examples=(
        ("jwstsync login", "asks for the token, which is not shown"),
        ("jwstsync login --token-stdin <token.txt", "takes it from a file"),
    ),
)
@option("--token-stdin", is_flag=True, help="Read the token from stdin.")
@option("--no-store", is_flag=True, help="Only check it.")
@click.pass_context
def login(context: click.Context, *, token_stdin: bool, no_store: bool) -> int:
    """Check a MAST token and store it in the keyring, where astroquery looks for it too.

    Tokens are made at https://auth.mast.stsci.edu/token. Where there is no keyring, set MAST_API_TOKEN instead; it goes
    before the keyring's. No command takes a token as an argument: everybody on a host can see those.
    """
    from jwstsync.archive.auth import plain_token

    options = globals_of(context)
    output = Output(options)
    token = plain_token(*_entered(output, token_stdin=token_stdin))
    if options.sandbox:
        _check_made_up(token)
    with archive_settings(options) as (url, timeout, settings):
        identity = _identity(url, timeout, token, "not stored")
    trouble = (
        _kept(output, token, set_elsewhere=settings.token is not None) if not (no_store or options.sandbox) else ""
    )
    if output.as_json:
        from jwstsync.core.token_documents import login_document

        output.document(login_document(_facts(identity), stored=trouble is None))
    output.answer(f"Welcome, {_name(identity)}: the token is {'stored' if trouble is None else 'good'}.")
    return ExitCode.OK


def _entered(output: Output, *, token_stdin: bool) -> tuple[str, str]:
    """What is said to be a token, and where it comes from.

    Raises:
        UsageError: There is nobody to ask, or nothing on stdin.
    """
    if output.interactive:
        return ask_for_token(), "the terminal"
    if not token_stdin:
        raise UsageError("login: expected a terminal to ask in, or --token-stdin")
    if is_terminal(sys.stdin):
        raise UsageError("--token-stdin: expected a file or a pipe on stdin")
    text = sys.stdin.buffer.read(_LONGEST_INPUT).decode(errors="replace") if sys.stdin else ""
    if not text.strip():
        raise UsageError("--token-stdin: expected a token on stdin, which was empty")
    return text, "stdin"


def ask_for_token() -> str:
    """What somebody types, without showing it."""
    text: str = click.prompt("MAST token (not shown)", hide_input=True, err=True)
    return text


def _check_made_up(token: str) -> None:
    """Keeps real tokens from a stand-in.

    Raises:
        TokenError: It is none of those that a stand-in knows.
    """
    from jwstsync.sandbox import TOKEN, TOKENS

    if token not in TOKENS:
        raise TokenError(
            f"--sandbox: your token is not shown to a stand-in; expected one that it knows, such as {TOKEN}"
        )


def _kept(output: Output, token: str, *, set_elsewhere: bool) -> str | None:
    """Stores a good token; why not, where that can not be, which is said and no failure."""
    from jwstsync.archive.auth import store_token

    trouble = store_token(token)
    if trouble is not None:
        output.warning(f"{trouble}: the token is not stored; set it as MAST_API_TOKEN")
    elif set_elsewhere:
        output.warning("MAST_API_TOKEN is set too, and goes before the token in the keyring")
    return trouble


@click.command(cls=Command, examples=(("jwstsync whoami", "exit code 8 if a token is set that is not good any more"),))
@click.pass_context
def whoami(context: click.Context) -> int:
    """Tell whose token is used, and what it is good for.

    It is that in MAST_API_TOKEN, or else the keyring's. Whoever has none is anonymous, and may have what is public.
    """
    from jwstsync.archive.auth import Identity, find_token
    from jwstsync.settings import read_settings

    options = globals_of(context)
    output = Output(options)
    if options.sandbox and (own := read_settings().token) is not None:
        _check_made_up(own)
    with archive_settings(options) as (url, timeout, settings):
        found = find_token(settings.token, keyring=settings.keyring)
        identity = Identity(anonymous=True)
        if found.token is not None:
            identity = _identity(url, timeout, found.token, f"it is from {found.source}")
    if output.as_json:
        from jwstsync.core.token_documents import whoami_document

        output.document(whoami_document(_facts(identity), found.source or None))
    for line in _identity_lines(identity, found):
        output.answer(line)
    return ExitCode.OK


def _identity(url: str, timeout: float, token: str, remark: str) -> Identity:
    """Who the owner of a good token is.

    Raises:
        ArchiveError: The archive could not be asked.
        TokenError: The token is not good.
    """
    from jwstsync.archive.auth import refusal
    from jwstsync.sync.gather import open_archive

    identity = open_archive(url, timeout).whoami(token)
    if identity.anonymous:
        raise TokenError(refusal(url, remark))
    return identity


def _identity_lines(identity: Identity, found: Found) -> list[str]:
    if found.token is None:
        trouble = f" ({found.trouble})" if found.trouble else ""
        return [f"anonymous: no token in MAST_API_TOKEN or the keyring{trouble}; what is public needs none"]
    account = f" ({identity.account})" if identity.account else ""
    scopes = ", ".join(identity.scopes) or "none"
    return [f"{_name(identity)}{account}, by the token from {found.source}", f"scopes: {scopes}"]


def _name(identity: Identity) -> str:
    return identity.name or identity.account or "somebody without a name"


def _facts(identity: Identity) -> Facts:
    return {
        "anonymous": identity.anonymous,
        "name": identity.name,
        "account": identity.account,
        "scopes": [*identity.scopes],
    }


@click.command(cls=Command, examples=(("jwstsync logout", "a token in MAST_API_TOKEN stays there"),))
@click.pass_context
def logout(context: click.Context) -> int:
    """Remove the token from the keyring; astroquery then has none there either."""
    from jwstsync.archive.auth import remove_token
    from jwstsync.settings import read_settings

    options = globals_of(context)
    output, environment = Output(options), read_settings().token is not None
    removed, trouble = (False, None) if options.sandbox else remove_token()
    if output.as_json:
        from jwstsync.core.token_documents import logout_document

        output.document(logout_document(removed=removed, environment=environment))
    if removed:
        output.answer("The token is removed from the keyring.")
    else:
        output.answer(f"There was no token in the keyring{f' ({trouble})' if trouble else ''}.")
    if environment:
        output.warning("MAST_API_TOKEN is still set, and is used as long as it is")
    return ExitCode.OK
