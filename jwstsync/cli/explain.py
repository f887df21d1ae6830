"""Why products are selected or left out, as an answer: `plan --explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.cli.progress import Progress
from jwstsync.core.amounts import counted
from jwstsync.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.cli.output import Output
    from jwstsync.cli.session import Session
    from jwstsync.core.explanation import Explanation

_FEW = 10  # products that a terminal is shown without being asked for more


def show_explanations(output: Output, session: Session, pattern: str, *, verbose: bool) -> int:
    """Prints why the products whose names match are selected or left out, and gives the exit code.

    A terminal is shown the first few, unless ``verbose``; what is not shown is counted.
    """
    from jwstsync.core.looks import explain_document
    from jwstsync.sync.explaining import explanations

    found, failed = explanations(session.manifest, pattern, feedback=Progress(output))
    if output.as_json:
        output.document(explain_document(pattern, found, failed))
    shown = found if verbose or output.width is None else _few(found)
    if len(found) > 1:
        output.styled(f"{pattern}: {counted(len(found), 'product')}, {_count_text(found)}", bold=True)
    for one in shown:
        for number, line in enumerate(_lines(one)):
            output.styled(line, fg=None if number else "green" if one.selected else "yellow")
    if rest := [one for one in found if one not in shown]:
        output.styled(f"and {len(rest):,} more, {_count_text(rest)}; -v shows them all, and so does --json")
    for error in failed.values():
        output.warning(error)
    if not found:
        output.warning(f"--explain {pattern}: {_nothing_text(pattern)}")
    return _exit_code(found=bool(found), failed=bool(failed))


def _few(found: Sequence[Explanation]) -> list[Explanation]:
    """The first ones, some of those that are selected and some that are not, in their order."""
    selected = [one for one in found if one.selected]
    left_out = [one for one in found if not one.selected]
    most = max(_FEW // 2, _FEW - len(left_out))
    chosen = [*selected[:most], *left_out[: _FEW - min(most, len(selected))]]
    return [one for one in found if one in chosen]


def _exit_code(*, found: bool, failed: bool) -> ExitCode:
    if failed:
        return ExitCode.ARCHIVE
    return ExitCode.OK if found else ExitCode.INVALID


def _count_text(found: Sequence[Explanation]) -> str:
    selected = sum(one.selected for one in found)
    return f"{selected:,} selected and {len(found) - selected:,} left out"


def _lines(one: Explanation) -> Iterator[str]:
    yield f"{one.filename}: {'selected' if one.selected else 'left out'}"
    for reason in one.reasons:
        yield f"    {reason}"


def _nothing_text(pattern: str) -> str:
    nothing = "the archive lists no product with such a file name for the manifest's proposals"
    return nothing if any(one in pattern for one in "*?[") else f"{nothing}; a part of a name is found by '*{pattern}*'"
