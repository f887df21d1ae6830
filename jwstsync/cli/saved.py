"""Saved plans on the command line: `plan --out FILE` writes one, `apply FILE` carries out just that."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from click.core import ParameterSource

from jwstsync.cli.options import check_folder
from jwstsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from jwstsync.cli.output import Output
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Plan
    from jwstsync.core.saved import SavedPlan
    from jwstsync.sync.choices import Choices

_OF_THIS_MACHINE = ("adopt_from", "move")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A saved plan that is to be carried out.

    Attributes:
        file: Where it is, as the user named it.
        plan: What was planned.
    """

    file: str
    plan: SavedPlan

    @property
    def choices(self) -> Choices:
        """What shaped it, and shapes the run."""
        from jwstsync.sync.choices import Choices

        return Choices.of(self.plan.options)

    def check(self, plan: Plan) -> None:
        """Refuses to do anything otherwise, or beyond what was planned.

        Raises:
            JwstsyncError: Something would be, or nobody can tell.
        """
        from jwstsync.sync.saving import check_plan

        check_plan(self.plan, plan, self.file)


def reviewed(context: click.Context, file: str, manifest: Manifest) -> Reviewed:
    """The saved plan in a file, if it is one of this manifest as it is, and of the options of this call.

    Raises:
        JwstsyncError: It is not, or is no saved plan.
    """
    from jwstsync.sync.saving import check_manifest, read_saved

    found = Reviewed(file, read_saved(file))
    _check_flags(context, found)
    check_manifest(found.plan, manifest, file)
    return found


def _check_flags(context: click.Context, found: Reviewed) -> None:
    """Refuses flags that say otherwise than the plan; those of the environment give way.

    Raises:
        UsageError: One does.
    """
    options = found.plan.options
    planned = {
        "locked": options["mode"] == "locked",
        "frozen": options["mode"] == "frozen",
        "allow_empty": options["allow_empty"],
        "prune": options["prune"],
        "max_prune": options["max_prune"],
    }
    for name in _given(context, planned):
        if context.params[name] != planned[name]:
            raise UsageError(f"{_flag(name)} and {found.file}: expected what it was planned with, or neither")
    for name in _given(context, _OF_THIS_MACHINE):
        raise UsageError(f"{_flag(name)} and {found.file}: expected one of them, since it is in no saved plan")
    if options["prune"] and context.params["script"] is not None:
        raise UsageError(f"--script and {found.file}: expected a plan without --prune, which no script does")


def _given(context: click.Context, names: Iterable[str]) -> list[str]:
    return [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def check_out(context: click.Context, out: str, manifest: Manifest) -> None:
    """Refuses to save a plan that could not be carried out as it is, or where it must not stand.

    Raises:
        UsageError: It could not.
    """
    from pathlib import Path

    from jwstsync.sync.saving import check_target

    for name in ("explain", "offline", "adopt_from"):
        if context.params[name]:
            raise UsageError(f"--out and {_flag(name)}: expected one of them")
    check_folder(out)
    check_target(Path(out), manifest)


def save(output: Output, out: str, manifest: Manifest, plan: Plan, choices: Choices) -> None:
    """Saves a plan and says so; one that is not whole is not saved, which is said too."""
    from pathlib import Path

    from jwstsync.cli.output import document_text
    from jwstsync.sync.saving import document_of, incompleteness, write_saved

    if incompleteness(plan) is not None:
        output.warning(f"{out}: not written, since the plan is not whole")
        return
    write_saved(Path(out), document_text(document_of(manifest, plan, choices)))
    output.answer(f"Wrote {out}; carry it out with: jwstsync apply {shlex.quote(out)}")
