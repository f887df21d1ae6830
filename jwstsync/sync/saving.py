"""Saved plans: written for a review, and read again to be carried out, if nothing has changed meanwhile that matters.

What a saved plan holds, and what matters, is decided in the core.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.manifest_digest import manifest_digest
from jwstsync.core.saved import parse_saved, saved_document
from jwstsync.core.staleness import differences
from jwstsync.errors import (
    ArchiveError,
    JwstsyncError,
    Problem,
    SavedPlanError,
    StalePlanError,
    TokenError,
    UsageError,
)
from jwstsync.store.files import disk_errors, write_output
from jwstsync.sync.choices import Choices
from jwstsync.sync.garbage import seldom_collected
from jwstsync.sync.planning import disbelief

if TYPE_CHECKING:
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Plan
    from jwstsync.core.saved import SavedDocument, SavedPlan

_NAMED = 5  # differences in a message


def document_of(manifest: Manifest, plan: Plan, choices: Choices) -> SavedDocument:
    """The document of a plan that is saved."""
    return saved_document(plan, manifest.source.name, manifest_digest(manifest), choices.options)


def write_saved(path: Path, text: str) -> None:
    """Writes a saved plan, whole or not at all.

    Raises:
        StoreError: It can not be written.
    """
    with disk_errors("saved plan"):
        write_output(path, text.encode())


def check_target(path: Path, manifest: Manifest) -> None:
    """Refuses to write a plan over the manifest or the lockfile.

    Raises:
        UsageError: It would be.
    """
    target = path.resolve()
    for name, file in (("the manifest", manifest.source), ("the lockfile", manifest.lockfile)):
        if Path(file).resolve() == target:
            raise UsageError(f"--out {path}: is {name}; expected a file of its own")


def read_saved(path: str) -> SavedPlan:
    """The saved plan in a file.

    Raises:
        SavedPlanError: It is not there, is none, or is damaged.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        missing = "not found; expected a file that `jwstsync plan --out` wrote"
        raise SavedPlanError(path, [Problem("", "", missing)]) from None
    except OSError as error:
        raise SavedPlanError(path, [Problem("", "", f"not read: {error.strerror}")]) from None
    with seldom_collected():
        return parse_saved(content, path)


def check_manifest(saved: SavedPlan, manifest: Manifest, source: str) -> None:
    """Refuses a saved plan of another manifest, or of one that meant something else.

    Args:
        saved: What was planned.
        manifest: What is wanted now.
        source: The plan's file, as it is to be named to the user.

    Raises:
        UsageError: It is of another manifest.
        StalePlanError: The manifest means something else now.
    """
    name = saved.document["manifest"]
    if name != manifest.source.name:
        raise UsageError(f"{source}: a plan of {name}; expected -f with that manifest, not {manifest.source}")
    if saved.document["manifest_digest"] != manifest_digest(manifest):
        what = "the manifest, or what the environment puts in place of it, means something else than when it was made"
        raise StalePlanError(f"{source}: stale: {manifest.source}: {what}\n{_expected(saved, source)}")


def check_plan(saved: SavedPlan, plan: Plan, source: str) -> None:
    """Refuses to do anything otherwise, or beyond what was planned.

    Args:
        saved: What was planned.
        plan: What would be done now.
        source: The plan's file, as it is to be named to the user.

    Raises:
        ArchiveError: An answer is missing or not believed, so that nobody can tell.
        TokenError: The token is refused, so that less would be done.
        StalePlanError: Something would be.
    """
    problem = incompleteness(plan)
    if problem is not None:
        raise type(problem)(f"{problem}\n{source}: not carried out, since a saved plan is whole; try again later")
    with seldom_collected():
        found = differences(saved, plan)
    if found:
        more = [f"  and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
        lines = [f"{source}: stale:", *(f"  {one}" for one in found[:_NAMED]), *more, _expected(saved, source)]
        raise StalePlanError("\n".join(lines))


def _expected(saved: SavedPlan, source: str) -> str:
    words = ["jwstsync plan", *Choices.of(saved.options).flags, "--out", shlex.quote(source)]
    return f"expected a new plan: {' '.join(words)}"


def incompleteness(plan: Plan) -> JwstsyncError | None:
    """What is missing in a plan for it to be whole, or None; single products that can not be taken are not."""
    if plan.goal.failed:
        return ArchiveError("\n".join(plan.goal.failed.values()))
    if plan.goal.disbelieved:
        return ArchiveError(disbelief(plan))
    return TokenError(plan.token_problem) if plan.token_problem else None
