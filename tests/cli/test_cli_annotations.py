"""Annotations, read back by the runner's rules: grouped, at most ten, and nothing in them is taken for a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.cli.annotations import MOST, Annotation, annotations_of, error_annotations
from jwstsync.cli.failures import Failure
from jwstsync.errors import Problem


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Command, properties and message of a line, as the runner reads it (actions/runner, ActionCommand.cs)."""
    assert "\n" not in line
    assert line.startswith("::")
    command, _, message = line[2:].partition("::")
    level, _, stated = command.partition(" ")
    properties = dict(part.split("=", 1) for part in stated.split(",") if part)
    return level, {key: plain(value, "%3A:", "%2C,") for key, value in properties.items()}, plain(message)


def plain(text: str, *more: str) -> str:
    """A text without its escapes; the percent sign comes last."""
    for escape in ("%0D\r", "%0A\n", *more, "%25%"):
        text = text.replace(escape[:3], escape[3:])
    return text


def failures(count: int, kind: str = "not_found", error: str = "gone") -> list[Failure]:
    """So many failures of a kind."""
    return [Failure(kind, f"{number}.fits", 1, error) for number in range(count)]


@given(st.text(min_size=1), st.text(max_size=60), st.none() | st.text(min_size=1))
def test_any_text_is_read_as_it_is(title: str, message: str, file: str | None) -> None:
    """The runner reads title and message as they are, but for what can not be printed, and nothing as a command."""
    level, properties, told = read(Annotation(title, message, "warning", file).line)

    assert level == "warning"
    assert properties.keys() == ({"title", "file"} if file else {"title"})
    assert properties["title"] == "".join(one if one.isprintable() else "?" for one in title)
    assert properties.get("file") == file
    lines = message.splitlines()
    assert told == "\n".join("".join(one if one.isprintable() else "?" for one in line) for line in lines)


def test_escapes() -> None:
    """Percent signs and ends of lines are escaped everywhere, colons and commas in properties."""
    assert Annotation("a: b, 5%", "a: b,\n5%", file="/x,y:z").line == (
        "::error file=/x%2Cy%3Az,title=a%3A b%2C 5%25::a: b,%0A5%25"
    )


def test_alike_failures_are_told_together() -> None:
    """One annotation for all products that failed for one reason, with the first few names; warnings come last."""
    found = annotations_of(
        "apply",
        [
            *failures(7),
            Failure("query 2733", None, 2733, "proposal 2733: no answer"),
            *failures(1, "host", "refused"),
        ],
        ["no keywords"],
    )

    assert [one.line for one in found] == [
        "::error title=jwstsync apply%3A 7 products failed::0.fits, 1.fits, 2.fits, 3.fits, 4.fits and 2 more: gone",
        "::error title=jwstsync apply::proposal 2733: no answer",
        "::error title=jwstsync apply%3A 1 product failed::0.fits: refused",
        "::warning title=jwstsync apply::no keywords",
    ]


@pytest.mark.parametrize(("count", "told"), [(1, 1), (MOST, MOST), (MOST + 1, MOST), (500, MOST)])
def test_ten_at_most(count: int, told: int) -> None:
    """GitHub shows no more than ten: the tenth counts the others."""
    found = annotations_of("plan", [Failure(f"query {number}", None, number, "no answer") for number in range(count)])

    assert len(found) == told
    if count > MOST:
        assert found[-1].message == f"{count - MOST + 1} more: see the summary"
        assert found[-1].level == "error"


def test_an_ending_that_no_failure_explains() -> None:
    """A command that does not end well has an annotation, and one that does has none."""
    assert [one.line for one in annotations_of("plan", [], ending="3 to fetch, 26 kB")] == [
        "::error title=jwstsync plan::3 to fetch, 26 kB"
    ]
    assert len(annotations_of("apply", failures(2), ending="Done: 2 failed.")) == 1
    assert annotations_of("plan", []) == []


def test_problems_of_a_file() -> None:
    """Each problem of a manifest is shown at the file."""
    problems = [Problem(f"proposal[{number}].id", "0", "expected an id") for number in range(12)]
    found = error_annotations("plan", "what is wrong", problems, "/srv/jwst/jwstsync.toml")

    assert len(found) == MOST
    assert {one.file for one in found[:-1]} == {"/srv/jwst/jwstsync.toml"}
    assert found[0].message == "proposal[0].id = 0: expected an id"
    assert found[-1].message == "3 more: see the summary"


def test_any_other_error() -> None:
    """It is told as it is told to people."""
    assert [one.line for one in error_annotations("apply", "no answer")] == ["::error title=jwstsync apply::no answer"]
