"""Everything that jwstsync raises on purpose, each with the exit code that it ends a run with.

A message names the thing first, then what would be right. What is raised by other libraries becomes one of these at the
border where it happens. Which exit code wins when several apply is decided here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """The exit codes of the command line."""

    OK = 0
    DIFFERENCES = 1
    INVALID = 2
    PRODUCTS_FAILED = 3
    ARCHIVE = 4
    LIMIT = 5
    BYTES_DIFFER = 6
    RUN_LOCKED = 7
    TOKEN = 8
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


# A run that stopped early says why it stopped; of the rest, the gravest speaks.
_GRAVEST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.INVALID,
    ExitCode.RUN_LOCKED,
    ExitCode.BUG,
    ExitCode.BYTES_DIFFER,
    ExitCode.LIMIT,
    ExitCode.TOKEN,
    ExitCode.ARCHIVE,
    ExitCode.PRODUCTS_FAILED,
    ExitCode.DIFFERENCES,
)


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """The one exit code for a run in which all of ``codes`` happened."""
    happened = set(codes)
    return next((code for code in _GRAVEST_FIRST if code in happened), ExitCode.OK)


class JwstsyncError(Exception):
    """Anything jwstsync raises on purpose."""

    exit_code: ExitCode = ExitCode.BUG


class UsageError(JwstsyncError):
    """An option or a combination of options that makes no sense."""

    exit_code = ExitCode.INVALID


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a manifest, a lockfile or a saved plan.

    Attributes:
        key: The TOML key path, such as ``proposal[0].include[1].calib_level``; empty for the file as a whole.
        value: What stands there, as TOML or JSON text; empty where nothing stands there.
        expected: What would be right.
    """

    key: str
    value: str
    expected: str

    def __str__(self) -> str:
        named = " = ".join(part for part in (self.key, self.value) if part)
        return f"{named}: {self.expected}" if named else self.expected


class InvalidFileError(JwstsyncError):
    """A manifest, lockfile or saved plan that is not valid.

    Attributes:
        path: The file, as it is to be named to the user.
        problems: All that is wrong, in the order of the file.
    """

    exit_code = ExitCode.INVALID

    def __init__(self, path: str, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


class ManifestError(InvalidFileError):
    """A manifest that is not valid, or is not there."""


class LockfileError(InvalidFileError):
    """A lockfile that is not valid, or of a later version."""


class SavedPlanError(InvalidFileError):
    """A file that is no saved plan, or is damaged, or of a later version."""


class StalePlanError(JwstsyncError):
    """A saved plan that is no longer what would be done."""

    exit_code = ExitCode.INVALID


class UnsafeNameError(JwstsyncError):
    """A name from the archive or a lockfile that must not become a path."""

    exit_code = ExitCode.PRODUCTS_FAILED


class ArchiveError(JwstsyncError):
    """The archive could not be reached, or answered with an error or with nonsense."""

    exit_code = ExitCode.ARCHIVE


class LimitError(JwstsyncError):
    """A run refused by a limit: disk space, ``max_download``, or how much may be pruned."""

    exit_code = ExitCode.LIMIT


class RunLockedError(JwstsyncError):
    """Another run is at work on the destination."""

    exit_code = ExitCode.RUN_LOCKED


class TokenError(JwstsyncError):
    """A token is missing, expired or without the right."""

    exit_code = ExitCode.TOKEN


class DifferencesError(JwstsyncError):
    """``--locked``: the lockfile would change."""

    exit_code = ExitCode.DIFFERENCES


class StoreError(JwstsyncError):
    """The destination can not be read or written as a whole (permissions, a file where a folder should be)."""

    exit_code = ExitCode.LIMIT
