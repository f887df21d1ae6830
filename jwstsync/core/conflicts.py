"""A lockfile in which version control has left conflict markers: what can be read in it, and what comes of both sides.

Git merges by lines, and most lines of one product's block look like those of any other: around conflicts, and now and
then far from them, it puts blocks together of lines from different products. Blocks that a marker runs through are
therefore left out, and all others marked ``recheck``, until an `apply` has compared them with the archive. Where git
still has both sides whole, these are merged instead, which is decided elsewhere. Git's three styles are read: ``merge``
without the text that both sides come from, ``diff3`` and ``zdiff3`` with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import tomli

from jwstsync.core.lockfile import Lockfile, has_conflicts, parse_lockfile
from jwstsync.core.merge import Merge, merged
from jwstsync.errors import LockfileError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MARKER = re.compile(r"(<{7,}|\|{7,}|={7,}|>{7,})(?: .*)?")  # at the start of a line, where no lockfile has these
_NEXT = {"<": "|=", "|": "=", "=": ">", ">": "<"}
_BLOCK = "[[product]]"
_URI = re.compile(r'uri = "([^"\\]|\\.)*"')
_WHOLE = "expected a lockfile, or whole conflicts as git leaves them; restore it from version control"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line, and the region that it is in: each side of a conflict is one, and so is what lies between two."""

    text: str
    region: int


@dataclass(slots=True)
class _Sides:
    """The lines of each side; ``base`` is None once a conflict has come without it."""

    ours: list[_Line] = field(default_factory=list)
    theirs: list[_Line] = field(default_factory=list)
    base: list[_Line] | None = field(default_factory=list)

    def add(self, line: _Line, where: str) -> None:
        """Adds a line to the sides that it belongs to, by the marker that it stands after."""
        if where in "<>":
            self.ours.append(line)
        if where in "=>":
            self.theirs.append(line)
        if where in "|>" and self.base is not None:
            self.base.append(line)


def resolved(text: str, source: str) -> Merge:
    """The one lockfile that a text is, or that comes of the two sides of its conflicts, all of it marked then.

    Args:
        text: The whole file.
        source: The file, as it is to be named to the user.

    Raises:
        LockfileError: What can be believed of a side is not valid, or a conflict is not whole.
    """
    if not has_conflicts(text):
        return Merge(parse_lockfile(text, source))
    sides = _sides(text, source)
    ours, torn = _believed(sides.ours, source)
    theirs, torn_there = _believed(sides.theirs, source)
    merge = merged(_base(sides.base, torn | torn_there), ours, theirs)
    lost = sorted((torn | torn_there) - merge.lockfile.products.keys())
    marked = Lockfile.of(replace(one, recheck=True) for one in merge.lockfile)
    return replace(merge, lockfile=marked, torn=tuple(lost), by_lines=True)


def _base(lines: list[_Line] | None, torn: set[str]) -> Lockfile:
    """What both sides come from, as far as it is known: not where a side is torn, nor where it has conflicts itself."""
    try:
        base = Lockfile() if lines is None else _believed(lines, "")[0]
    except LockfileError:
        base = Lockfile()
    return Lockfile.of(one for one in base if one.uri not in torn)


def _believed(lines: Sequence[_Line], source: str) -> tuple[Lockfile, set[str]]:
    """The products of one side whose blocks are whole, and the URIs of the others.

    Raises:
        LockfileError: They are not valid.
    """
    header, *blocks = _blocks(lines)
    texts, torn = [line.text for line in header], set[str]()
    for block in blocks:
        if len({line.region for line in block if line.text.strip()}) == 1:
            texts += [_BLOCK, *(line.text for line in block)]
        else:
            torn |= {tomli.loads(line.text)["uri"] for line in block if _URI.fullmatch(line.text.rstrip("\r"))}
    return parse_lockfile("\n".join(texts), source), torn


def _blocks(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    """The lines before the first product, and those of each product below its header."""
    block: list[_Line] = []
    for line in lines:
        if line.text.rstrip() == _BLOCK:
            yield block
            block = []
        else:
            block.append(line)
    yield block


def _sides(text: str, source: str) -> _Sides:
    """The sides of all conflicts, with what stands between these.

    Raises:
        LockfileError: A conflict is not whole.
    """
    sides, where, length, region = _Sides(), ">", 0, 0
    for number, line in enumerate(text.split("\n"), 1):
        marker = _MARKER.fullmatch(line.rstrip("\r"))
        if marker is None or (where != ">" and len(marker[1]) != length):  # those of a conflict in the base are longer
            sides.add(_Line(line, region), where)
            continue
        found, length, region = marker[1][0], len(marker[1]), number
        if found not in _NEXT[where]:
            raise LockfileError(source, [Problem(f"line {number}", marker[1], _WHOLE)])
        if found == "=" and where == "<":
            sides.base = None
        where = found
    if where != ">":
        raise LockfileError(source, [Problem("", "", _WHOLE)])
    return sides
