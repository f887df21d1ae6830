"""Tables at any width."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from jwstsync.cli.tables import Table

CELLS = st.text(st.sampled_from("abXY 12;/_-\u4e2d\x1b"), max_size=25)
HEADER = ("name", "kind", "long title", "n")
TABLES = st.builds(
    Table,
    st.just(HEADER),
    st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=5),
    numbers=st.sampled_from([frozenset[int](), frozenset({3})]),
    leads=st.booleans(),
)
TABLE = Table(HEADER, [("jw01_cal", "MIRI/IMAGE", "F444W;F405N", "3"), ("jw2", "", "x", "10")], frozenset({3}))


@given(TABLES, st.integers(min_value=12, max_value=120))
def test_no_line_is_wider_than_the_terminal(table: Table, width: int) -> None:
    """Whatever the cells hold, and none is left out."""
    header, *rows = table.lines(width)

    assert all(cell_len(line) <= width for line in (*header, *(line for lines in rows for line in lines)))
    assert len(rows) == len(table.rows)
    for row, lines in zip(table.rows, rows, strict=True):
        shown = sorted(re.sub(r"\s", "", "".join(lines)))
        for character in "".join(row).replace("\x1b", "?").replace(" ", ""):
            assert character in shown
            shown.remove(character)


@given(TABLES)
def test_a_line_for_each_row_without_a_terminal(table: Table) -> None:
    """However long it is, and with every cell whole."""
    for row, lines in zip(table.rows, table.lines(None)[1:], strict=True):
        [line] = lines
        assert all(cell.replace("\x1b", "?").strip() in line for cell in row)


@pytest.mark.parametrize(
    ("width", "leads", "shown"),
    [
        (
            80,
            False,
            """\
  name      kind        long title    n
  jw01_cal  MIRI/IMAGE  F444W;F405N   3
  jw2                   x            10
""",
        ),
        (
            33,
            False,
            """\
  name      kind      long      n
                      title
  jw01_cal  MIRI/     F444W;    3
            IMAGE     F405N
  jw2                 x        10
""",
        ),
        (
            33,
            True,
            """\
  name
    kind        long title    n
  jw01_cal
    MIRI/IMAGE  F444W;F405N   3
  jw2
                x            10
""",
        ),
        (
            20,
            False,
            """\
  jw01_cal
    kind MIRI/IMAGE
    long title F444W
    ;F405N
    n 3
  jw2
    long title x
    n 10
""",
        ),
    ],
    ids=["wide", "folded", "led", "listed"],
)
def test_how_a_table_is_fitted(width: int, shown: str, *, leads: bool) -> None:
    """Words stay whole as long as there is room; then the rows become lists."""
    table = Table(TABLE.header, TABLE.rows, TABLE.numbers, leads)

    assert "".join(f"{line}\n" for lines in table.lines(width) for line in lines) == shown
