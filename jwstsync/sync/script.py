"""A plan as a script, or as an input file of aria2, that somebody else runs; nothing is fetched or recorded here."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.checksums import CONFIRMED, Trust
from jwstsync.errors import TokenError
from jwstsync.executors.aria2 import aria2_problem, aria2_text
from jwstsync.executors.script import script_text
from jwstsync.store.files import disk_errors, write_output
from jwstsync.store.fold import lockfile_name
from jwstsync.store.journal import lockfile_key
from jwstsync.store.lockfiles import read_lockfile
from jwstsync.store.tree import Tree
from jwstsync.sync.clock import Clock
from jwstsync.sync.garbage import seldom_collected
from jwstsync.sync.planning import Mode, Question, check_frozen, check_locked
from jwstsync.sync.rights import refused_rights
from jwstsync.sync.token import may_see_token

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Action, Plan
    from jwstsync.settings import Settings
    from jwstsync.sync.feedback import Feedback

STDOUT = "-"


class Form(StrEnum):
    """What is written: a script for bash and curl, or an input file of aria2."""

    BASH = "bash"
    ARIA2 = "aria2"


@dataclass(frozen=True, slots=True)
class Script:
    """What was written.

    Attributes:
        text: All of it.
        count: How many products it fetches.
        left_out: What the plan would fetch and this does not, by the reason.
    """

    text: str
    count: int
    left_out: Mapping[str, Sequence[Action]]


def plan_of_script(
    manifest: Manifest, mode: Mode, *, allow_empty: bool, feedback: Feedback, settings: Settings
) -> Plan:
    """What there is to fetch, as `plan` has it; and what can not be had of it is found out as it is before a run.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked.
        allow_empty: Believe a proposal that had products and now lists none.
        feedback: Who is told how it goes on.
        settings: Where a token is found and answers are kept.

    Raises:
        JwstsyncError: The archive can not be asked, or a file not be read.
    """
    check_frozen(manifest, mode)
    question = Question(manifest, mode, allow_empty, None, feedback, settings)
    with seldom_collected():
        found, token = question.answer(Tree(Path(manifest.root)), read_lockfile(Path(manifest.lockfile))[0])
    problem = found.access_problem or refused_rights(found, question, token, Clock().mjd())
    return replace(found, access_problem=problem)


def write_script(
    manifest: Manifest, plan: Plan, mode: Mode, target: str, form: Form = Form.BASH, *, named_archive: str | None = None
) -> Script:
    """Writes a script that fetches what the plan would.

    Args:
        manifest: Whose root the script fills, relative to the folder it is run in.
        plan: What there is to fetch.
        mode: Whether the lockfile must not change.
        target: The file to write; ``-`` writes none.
        form: For whom it is.
        named_archive: The server that the user, not the manifest, has named; it may see the token, as MAST may.

    Raises:
        TokenError: Something can not be had, and ``exclusive_access = "error"``.
        JwstsyncError: The lockfile would change and must not, or the file can not be written.
    """
    if mode is Mode.LOCKED:
        check_locked(plan)
    if plan.access_problem and manifest.archive.exclusive_access == "error":
        raise TokenError(plan.access_problem)
    with seldom_collected():
        script = _script(manifest, plan, form, shows_token=may_see_token(manifest.archive.url, named_archive))
    if target != STDOUT:
        with disk_errors("script"):
            write_output(Path(target), script.text.encode(), 0o755 if form is Form.BASH else 0o644)
    return script


def _script(manifest: Manifest, plan: Plan, form: Form, *, shows_token: bool) -> Script:
    fetches: list[Fetch] = []
    left_out: dict[str, list[Action]] = {}
    for action in plan.transfers:
        problem = aria2_problem(action) if form is Form.ARIA2 else None
        if problem is None:
            fetches.append(action.fetch)
        else:
            left_out.setdefault(problem, []).append(action)
    url, root = manifest.archive.url, _root(manifest)
    if form is Form.ARIA2:
        text = aria2_text(fetches, archive_url=url, root=root)
    else:
        confirmed = any(action.locked is not None and action.locked.md5 for action in plan.actions)
        text = script_text(
            fetches,
            archive_url=url,
            root=root,
            lockfile=lockfile_key(_lockfile_name(manifest)),
            proven=Trust.of(manifest.archive.checksums, confirmed=confirmed) == CONFIRMED,
            shows_token=shows_token,
        )
    return Script(text, len(fetches), left_out)


def _lockfile_name(manifest: Manifest) -> str:
    return lockfile_name(Tree(Path(manifest.root)), Path(manifest.lockfile))


def _root(manifest: Manifest) -> str:
    """The root as the manifest names it; that of a sandbox, which lies beside it, in the same way."""
    if not manifest.sandboxed:
        return manifest.destination.root
    absolute = Path(manifest.destination.root).is_absolute()
    return str(manifest.root) if absolute else os.path.relpath(manifest.root, manifest.source.parent)
