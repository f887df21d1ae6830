"""A lockfile in which version control has left conflict markers: its two sides, and what comes of merging them.

Git's three styles are read: ``merge`` without the text that both sides come from, ``diff3`` and ``zdiff3`` with it. Of
``zdiff3`` that text is not whole, and what is no valid lockfile is as good as not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jwstsync.core.lockfile import Lockfile, has_conflicts, parse_lockfile
from jwstsync.core.merge import Merge, merged
from jwstsync.errors import LockfileError, Problem

_MARKER = re.compile(r"(<{7,}|\|{7,}|={7,}|>{7,})(?: .*)?")  # at the start of a line, where no lockfile has these
_NEXT = {"<": "|=", "|": "=", "=": ">", ">": "<"}
_FINISH = "expected a lockfile, or one with whole conflicts as git leaves them; restore it from version control"


@dataclass(slots=True)
class _Sides:
    """The texts so far; ``base`` is None once a conflict has come without it."""

    ours: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    base: list[str] | None = field(default_factory=list)

    def add(self, line: str, where: str) -> None:
        """Adds a line to the sides that it belongs to, by the marker that it stands after."""
        if where in "<>":
            self.ours.append(line)
        if where in "=>":
            self.theirs.append(line)
        if where in "|>" and self.base is not None:
            self.base.append(line)


def resolved(text: str, source: str) -> Merge:
    """The one lockfile that a text is, or that comes of the two sides of its conflicts.

    Args:
        text: The whole file.
        source: The file, as it is to be named to the user.

    Raises:
        LockfileError: A side is not valid, or a conflict is not whole.
    """
    if not has_conflicts(text):
        return Merge(parse_lockfile(text, source))
    sides = _sides(text, source)
    ours, theirs = (parse_lockfile("\n".join(side), source) for side in (sides.ours, sides.theirs))
    return merged(_valid(sides.base, source), ours, theirs)


def _valid(base: list[str] | None, source: str) -> Lockfile:
    try:
        return Lockfile() if base is None else parse_lockfile("\n".join(base), source)
    except LockfileError:
        return Lockfile()


def _sides(text: str, source: str) -> _Sides:
    """The sides of all conflicts, with what stands between these.

    Raises:
        LockfileError: A conflict is not whole.
    """
    sides, where, length = _Sides(), ">", 0
    for number, line in enumerate(text.split("\n"), 1):
        marker = _MARKER.fullmatch(line.rstrip("\r"))
        if marker is None or (where != ">" and len(marker[1]) != length):  # those of a conflict in the base are longer
            sides.add(line, where)
            continue
        found, length = marker[1][0], len(marker[1])
        if found not in _NEXT[where]:
            raise LockfileError(source, [Problem(f"line {number}", marker[1], _FINISH)])
        if found == "=" and where == "<":
            sides.base = None
        where = found
    if where != ">":
        raise LockfileError(source, [Problem("", "", _FINISH)])
    return sides
