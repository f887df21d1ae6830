"""Tables and lines at any width."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from jwstsync.cli.tables import Table
from jwstsync.cli.text import folded, seen_from

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


@pytest.mark.parametrize(
    ("line", "width", "lines"),
    [
        ("Plan: 3 to fetch.", 17, ["Plan: 3 to fetch."]),
        ("Plan: 3 to fetch.", 16, ["Plan: 3 to", "  fetch."]),
        ("  +  80  2733 Ring: 16 cal, 16 crf", 30, ["  +  80  2733 Ring: 16 cal,", "         16 crf"]),
        ("    jw1_cal.fits  1 kB  (changed: same size)", 30, ["    jw1_cal.fits  1 kB", "      (changed: same size)"]),
        ("failed: a/name/that/is/long: gone", 18, ["failed:", "a/name/that/is/long:", "  gone"]),
        ("      jw02733002001_cal.fits", 20, ["jw02733002001_cal.fits"]),
        ("12 of 1234567890", 12, ["12 of", "  1234567890"]),
        ("is 12 1234567890", 12, ["is", "  12", "  1234567890"]),
    ],
)
def test_a_line_goes_on_in_another(line: str, width: int, lines: list[str]) -> None:
    """Under its last column where there is room, else deeper than it; no name and no amount is broken."""
    assert folded(line, width) == lines


@given(
    st.lists(st.text(st.sampled_from("ab1.,\u4e2d"), min_size=1, max_size=15)), st.integers(min_value=1, max_value=80)
)
def test_no_line_is_wider_than_the_terminal_but_for_a_long_name(words: list[str], width: int) -> None:
    """All words stand there in their order, and whole; a line that is too wide is a single word."""
    lines = folded("  " + "  ".join(words), width)

    assert " ".join(lines).split() == words
    assert all(cell_len(line) <= width or line in words for line in lines)


@pytest.mark.parametrize(
    ("folder", "text", "seen"),
    [
        ("/home/me/jw", "jwstsync: /home/me/jw/jwstsync.toml: id = 0", "jwstsync: jwstsync.toml: id = 0"),
        ("/home/me/jw", 'in "/home/me/jw/a", (/home/me/jw/b) and /home/me/jw', 'in "a", (b) and /home/me/jw'),
        ("/me", "/home/me/jw file:///me/jw ~/me/jw", "/home/me/jw file:///me/jw ~/me/jw"),
        ("/", "https://mast.stsci.edu /etc", "https://mast.stsci.edu /etc"),
        ("", "https://mast.stsci.edu /etc", "https://mast.stsci.edu /etc"),
    ],
)
def test_paths_are_seen_from_where_somebody_sits(folder: str, text: str, seen: str) -> None:
    """Those below the folder begin in it; no other path, and no address, is touched."""
    assert seen_from(folder, text) == seen


def test_names_are_broken_only_where_there_is_no_room() -> None:
    """A cell goes on at a blank, if each of its names fits a line; otherwise a name goes on after a mark in it."""
    table = Table(("a", "b"), [("version: jw01_02101_cal.fits", "12345678")])

    assert table.lines(32)[1] == ["  version:              12345678", "  jw01_02101_cal.fits"]
    assert table.lines(26)[1] == ["  version: jw01_  12345678", "  02101_cal.fits"]
