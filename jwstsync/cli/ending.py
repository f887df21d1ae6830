"""How a call ends that does not come to its end: with which exit code, and what is said."""

from __future__ import annotations

from dataclasses import dataclass

import click

from jwstsync.errors import ExitCode, JwstsyncError


@dataclass(frozen=True, slots=True)
class Ending:
    """The exit code of a call, and why it ended so."""

    code: ExitCode
    text: str


def ending_of(error: BaseException) -> Ending:
    """How a call ends in which ``error`` was raised."""
    if isinstance(error, JwstsyncError):
        return Ending(error.exit_code, str(error))
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return Ending(ExitCode.INTERRUPTED, "interrupted")
    return Ending(ExitCode.BUG, f"a bug: {error!r}; please report it with the lines above")
