"""Tables that fit a terminal of any width, and lose nothing there; without a terminal, one line for each row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

from jwstsync.cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDENT, _GAP = "  ", "  "
_PIECE = re.compile(r"[^ ;/_]*[ ;/_]*")  # with what it ends in, after which a cell may go on in another line
_WORD = re.compile(r"[^ ]* *")  # the same where there is room for it: names stay whole
_LEAST = 4  # columns of a terminal for a cell that stands alone


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header.

    Attributes:
        header: What each column is.
        rows: The cells of each row.
        numbers: The columns that are set to the right.
        leads: Whether the first column, where a row is too wide, stands in a line of its own above the rest, so that
            it stays whole.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    leads: bool = False

    def lines(self, width: int | None) -> list[list[str]]:
        """The lines of the header and of each row.

        Args:
            width: How many columns the terminal has; None for as many as it takes.
        """
        cells = [[printable(cell) for cell in row] for row in (self.header, *self.rows)]
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        if width is None or _total(widths) <= width:
            return [[_INDENT + self._line(row, widths)] for row in cells]
        words = [max(cell_len(word) for cell in column for word in _words(cell)) for column in zip(*cells, strict=True)]
        if not self.leads and (shrunk := _shrunk(widths, words, width)):
            return [self._folded(row, shrunk, _INDENT) for row in cells]
        if self.leads and widths[0] + len(_INDENT) <= width:
            rest = _shrunk(widths[1:], words[1:], width - len(_INDENT))
            if rest:
                return [[_INDENT + row[0], *self._folded(row, rest, 2 * _INDENT, first=1)] for row in cells]
        return [[], *(self._list(row, width) for row in cells[1:])]

    def _line(self, row: Sequence[str], widths: Sequence[int], first: int = 0) -> str:
        cells = (
            self._padded(cell, width, first + index)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return _GAP.join(cells).rstrip()

    def _padded(self, cell: str, width: int, column: int) -> str:
        blanks = " " * (width - cell_len(cell))
        return blanks + cell if column in self.numbers else cell + blanks

    def _folded(self, row: Sequence[str], widths: Sequence[int], indent: str, first: int = 0) -> list[str]:
        """A row in as many lines as its longest cell takes."""
        pieces = [_wrapped(cell, width) for cell, width in zip(row[first:], widths, strict=True)]
        height = max(1, *map(len, pieces))
        lines = [[column[number] if number < len(column) else "" for column in pieces] for number in range(height)]
        return [(indent + self._line(line, widths, first)).rstrip() for line in lines]

    def _list(self, row: Sequence[str], width: int) -> list[str]:
        """A row as a list of its cells, each with what it is."""
        lines = _hung(row[0], width, _INDENT)
        for title, cell in zip(self.header[1:], row[1:], strict=True):
            lines += _hung(f"{title} {cell}".strip(), width, 2 * _INDENT) if cell else []
        return lines


def _total(widths: Sequence[int]) -> int:
    return len(_INDENT) + sum(widths) + len(_GAP) * (len(widths) - 1)


def _shrunk(widths: Sequence[int], least: Sequence[int], width: int) -> list[int] | None:
    """The widths of columns that fit together, the widest made narrower; None where words would have to break."""
    shrunk = list(widths)
    while _total(shrunk) > width:
        wider = [(have, index) for index, (have, need) in enumerate(zip(shrunk, least, strict=True)) if have > need]
        if not wider:
            return None
        shrunk[max(wider)[1]] -= 1
    return shrunk


def _words(cell: str) -> list[str]:
    """The parts of a cell that always stay whole; each is as long as it is without the blanks at its end."""
    return [piece.rstrip() for piece in _PIECE.findall(cell)]


def _wrapped(cell: str, width: int) -> list[str]:
    """A cell in lines of a width that every part of it fits."""
    lines = [""]
    for word in _WORD.findall(cell):
        for piece in [word] if cell_len(word.rstrip()) <= width else _PIECE.findall(word):
            if cell_len((lines[-1] + piece).rstrip()) > width:
                lines.append("")
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def _hung(text: str, width: int, indent: str) -> list[str]:
    """A text in lines of a width, and the indent before each where there is room for it."""
    room = width - len(indent)
    if room < _LEAST:
        indent, room = "", width
    return [indent + piece for piece in chop_cells(text, room)]
