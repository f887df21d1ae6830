"""Markdown as GitHub shows it: text that stays as it is, tables, and a page that is cut where it would be too long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwstsync.cli.text import printable
from jwstsync.core.amounts import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # each has a meaning somewhere, and none after a backslash
_LONGEST = 500  # characters of one cell
_CUT_LINE = 1_000  # bytes that the line about what was cut may take


@dataclass(frozen=True, slots=True)
class Table:
    """A table below a title of its own.

    Attributes:
        title: What stands above it.
        noun: What a row is about, in the singular.
        columns: The heads of the columns; one that begins with ``>`` is above numbers.
        rows: The cells of each row, as they are to be read; made only as far as there is room for them.
        count: How many rows there are.
    """

    title: str
    noun: str
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]
    count: int

    @property
    def top(self) -> list[str]:
        """The lines above the rows."""
        names = [name.removeprefix(">") for name in self.columns]
        sides = ["---:" if name.startswith(">") else "---" for name in self.columns]
        title = [f"### {escaped(self.title)}", ""] if self.title else []
        return ["", *title, _line(escaped(name) for name in names), _line(sides)]


def escaped(text: str) -> str:
    """A part of a line of Markdown that shows ``text`` and nothing else: no markup, no link, no mention, no HTML."""
    line = printable(" ".join(text.split()))
    return _PUNCTUATION.sub(r"\\\1", line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...")


def page(head: Sequence[str], tables: Iterable[Table], most: int) -> str:
    """A page of at most ``most`` bytes, whose last line counts the rows that have no place in it.

    Args:
        head: Its first lines, as Markdown.
        tables: What follows; those without rows are left out.
        most: The bytes that it may take; where the head has no room, there is no page.
    """
    made, cut = _Page(most - _CUT_LINE), []
    if not made.holds(head):
        return ""
    for table in tables:
        rows = (_line(map(escaped, row)) for row in table.rows)
        taken = made.take(rows) if table.count and made.holds(table.top) else 0
        if taken < table.count:
            cut.append(counted(table.count - taken, table.noun))
    if cut:
        made.lines += ["", f"**Cut, since GitHub shows no longer summaries. Left out: {escaped(', '.join(cut))}.**"]
    return "".join(f"{line}\n" for line in made.lines)


class _Page:
    """The lines of a page, and the bytes that there is room for."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self._room = room

    def holds(self, lines: Sequence[str]) -> bool:
        """Adds all these lines, or none."""
        return sum(map(_size, lines)) <= self._room and self.take(lines) == len(lines)

    def take(self, lines: Iterable[str]) -> int:
        """Adds lines up to the first for which there is no room, and says how many."""
        before = len(self.lines)
        for line in lines:
            if _size(line) > self._room:
                self._room = 0  # what comes later, and is shorter, would stand there as if nothing were missing
                break
            self._room -= _size(line)
            self.lines.append(line)
        return len(self.lines) - before


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _size(line: str) -> int:
    return len(line.encode()) + 1
