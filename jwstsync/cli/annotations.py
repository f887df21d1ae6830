"""Failures as annotations of a GitHub workflow: a few of them, alike ones together, in the form that its runner reads.

GitHub shows ten errors and ten warnings of a step, and keeps the rest to itself: what has no place is counted in the
tenth. https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.cli.text import printable
from jwstsync.core.amounts import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jwstsync.cli.failures import Failure
    from jwstsync.errors import Problem

MOST = 10
_NAMED = 5  # products in one annotation
_LONGEST = 1_000  # characters of one message
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation.

    Attributes:
        title: Its first line.
        message: The rest.
        level: ``error`` or ``warning``.
        file: The file that it is about, absolute, so that the runner finds it in the repository.
    """

    title: str
    message: str
    level: str = "error"
    file: str | None = None

    @property
    def line(self) -> str:
        """The workflow command that makes it."""
        file = f"file={self.file.translate(_PROPERTY)}," if self.file else ""
        message = "\n".join(map(printable, self.message[:_LONGEST].splitlines()))
        return f"::{self.level} {file}title={printable(self.title).translate(_PROPERTY)}::{message.translate(_DATA)}"


def annotations_of(
    command: str, failures: Iterable[Failure], warnings: Iterable[str] = (), ending: str | None = None
) -> list[Annotation]:
    """The annotations of a plan or a run.

    Args:
        command: Which command it was.
        failures: What went wrong.
        warnings: What else should be known.
        ending: How it ended, where that is no success; told where no failure tells why.
    """
    groups: dict[str, list[Failure]] = {}
    for one in failures:
        groups.setdefault(one.kind, []).append(one)
    found = [_together(command, group) for group in groups.values()]
    if ending and not found:
        found = [Annotation(f"jwstsync {command}", ending)]
    return _few(command, [*found, *(Annotation(f"jwstsync {command}", one, "warning") for one in warnings)])


def error_annotations(command: str, text: str, problems: Iterable[Problem] = (), file: str = "") -> list[Annotation]:
    """The annotations of a command that ended early.

    Args:
        command: Which command it was.
        text: Why.
        problems: What is wrong in a file, where that is why: each is told alone.
        file: That file, absolute.
    """
    title = f"jwstsync {command}"
    return _few(command, [Annotation(title, str(one), file=file) for one in problems] or [Annotation(title, text)])


def _together(command: str, group: Sequence[Failure]) -> Annotation:
    names = [one.product for one in group if one.product]
    if not names:
        return Annotation(f"jwstsync {command}", group[0].error)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    title = f"jwstsync {command}: {counted(len(names), 'product')} failed"
    return Annotation(title, f"{', '.join(names[:_NAMED])}{more}: {group[0].error}")


def _few(command: str, found: Sequence[Annotation]) -> list[Annotation]:
    """At most as many as are shown; the last one says how many are not."""
    if len(found) <= MOST:
        return list(found)
    left = found[MOST - 1 :]
    more = Annotation(f"jwstsync {command}", f"{len(left):,} more: see the summary", left[0].level)
    return [*found[: MOST - 1], more]
