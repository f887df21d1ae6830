"""How a call ends that does not come to its end: with which exit code, and what is said."""

from __future__ import annotations

import click

from jwstsync.errors import ExitCode, JwstsyncError


def ending_of(error: BaseException) -> tuple[ExitCode, str]:
    """The exit code of a call in which ``error`` was raised, and why it ended so."""
    if isinstance(error, JwstsyncError):
        return error.exit_code, str(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return ExitCode.INTERRUPTED, "interrupted"
    return ExitCode.BUG, f"a bug: {error!r}; please report it with the lines above"
