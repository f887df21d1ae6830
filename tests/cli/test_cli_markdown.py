"""Markdown, read back by a parser of its own: untrusted text stays text, and pages keep to their length."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jwstsync.cli.markdown import Table, escaped, page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HARMFUL = [
    "a|b",
    "<img src=x onerror=alert(1)>",
    "[click](https://elsewhere.example)",
    "@somebody",
    "https://elsewhere.example",
    "`code` **bold** _it_ ~~gone~~",
    "a\nb\r\nc",
    "# no title",
    "- no list",
    "1. no list either",
    "back\\slash\\",
    "&amp; &#124;",
    "jw02733002001_02103_00001_mirimage_cal.fits",
]


def cells(text: str) -> list[str]:
    """What the reader shows in each cell of all tables of a page; anything but plain text in one fails."""
    tokens = READER.parse(text)
    inside = [after for before, after in itertools.pairwise(tokens) if before.type in {"td_open", "th_open"}]
    return [shown(token) for token in inside]


def shown(token: Token) -> str:
    """The text of an inline token."""
    parts = token.children or []
    assert {part.type for part in parts} <= {"text", "text_special"}
    return "".join(part.content for part in parts)


def table(rows: Sequence[Sequence[str]], title: str = "Things", noun: str = "thing") -> Table:
    """A table of two columns."""
    return Table(title, noun, ("name", ">number"), rows, len(rows))


def words(text: str) -> str:
    """A text with single blanks, and question marks for what can not be shown."""
    return "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))


@pytest.mark.parametrize("text", HARMFUL)
def test_harmful_text_is_shown_as_it_is(text: str) -> None:
    """What means something in Markdown or HTML means nothing in a cell."""
    assert cells(page([], [table([(text, "1")])], 10_000)) == ["name", "number", words(text), "1"]


@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """Whatever the archive says: a cell shows it, in one line, and the table keeps its form."""
    assert cells(page([], [table([(text, "1"), ("last", "2")])], 10_000)) == [
        "name", "number", words(text), "1", "last", "2",
    ]  # fmt: skip


@given(st.text(max_size=60))
def test_any_text_is_a_paragraph(text: str) -> None:
    """Outside of tables too, text begins no list, title or code."""
    tokens = READER.parse(escaped(text))

    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    assert "".join(shown(token) for token in tokens if token.type == "inline") == words(text)


def test_long_text_is_cut() -> None:
    """One error does not fill a page."""
    assert escaped("a" * 10_000) == "a" * 500 + "\\.\\.\\."


def test_a_table() -> None:
    """Numbers stand on the right, the title above, and a table without rows is left out."""
    tables = [table([("a", "1")]), table([], title="Nothing")]

    assert page(["## head"], tables, 10_000) == (
        "## head\n\n### Things\n\n| name | number |\n| --- | ---: |\n| a | 1 |\n"
    )


def test_what_has_no_place_is_counted() -> None:
    """A page ends with a line that says how many rows of what are left out; the tables before are whole."""
    many = [(f"name{number}", str(number)) for number in range(10_000)]
    text = page(["## head"], [table([("a", "1")]), table(many, noun="row"), table(many, noun="other")], 20_000)

    assert 19_000 - 100 < len(text.encode()) <= 20_000
    assert "| a | 1 |\n" in text
    rows = len(re.findall(r"^\| name\d+ ", text, re.MULTILINE))
    assert rows > 500
    assert text.count("### Things") == 2
    last = text.splitlines()[-1]
    assert last.replace("\\", "") == (
        f"**Cut, since GitHub shows no longer summaries. Left out: {10_000 - rows:,} rows, 10,000 others.**"
    )


def test_rows_are_made_as_far_as_there_is_room() -> None:
    """A plan of a hundred thousand products costs no more than the page."""
    made: list[int] = []

    def rows() -> Iterator[tuple[str, str]]:
        for number in range(100_000):
            made.append(number)
            yield "name", str(number)

    page([], [Table("", "row", ("name", "number"), rows(), 100_000)], 5_000)
    assert len(made) < 1_000


def test_no_room_at_all() -> None:
    """Where not even the head has room, there is no page."""
    assert page(["## head"], [table([("a", "1")])], 1_000) == ""
    assert page(["## head"], [], -5) == ""


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=5)), max_size=30), st.integers(-10, 4_000))
def test_no_page_is_too_long(rows: list[tuple[str, str]], most: int) -> None:
    """The limit holds in bytes, whatever the text."""
    assert len(page(["## head"], [table(rows), table(rows, noun="other")], most).encode()) <= max(most, 0)
