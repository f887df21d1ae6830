"""Events: each is one short line of JSON as the schema has it, whatever the archive says."""

from __future__ import annotations

import json
from importlib import import_module
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import get_type_hints

from jwstsync.core import events
from jwstsync.core.events import Event, event_line, events_schema
from jwstsync.core.fetch import Fetch
from jwstsync.core.goal import Goal
from jwstsync.core.lines import MOST
from jwstsync.core.offers import Left
from jwstsync.core.plan import Plan
from jwstsync.core.selection import Refused
from tests.core.strategies import PATH, URI, selected

if TYPE_CHECKING:
    from collections.abc import Mapping

_Validator: Any = import_module("jsonschema").Draft202012Validator  # it comes without types

KEYS = {
    "version": {"schema", "jwstsync"},
    "query": {"proposal", "state", "products", "error"},
    "planned": {"summary", "to_fetch"},
    "start": {"uri", "path", "proposal", "size", "resumed"},
    "progress": {"uri", "path", "size", "received"},
    "retry": {"uri", "path", "proposal", "error", "setbacks", "pause", "whole_host"},
    "product": {"action", "reason", "outcome", "uri", "path", "proposal", "size", "source", "error"},
    "left": {"uri", "source", "error"},
    "warning": {"message"},
    "summary": {"exit_code", "counts", "bytes", "unconfirmed", "error"},
}
"""What each type of event had at first."""
TYPES = {get_args(get_type_hints(kind)["type"])[0]: kind for kind in get_args(get_args(Event)[0])}
VALIDATOR = _Validator(events_schema())
SMALL = st.integers(0, 2**63)

odd = st.sampled_from(["##[", "#", "\x00", "\n", "\x7f", "\u2028", '"', "\\", "é", "\udc80", "𝄞", "a" * 300])


def repeated(least: int, most: int) -> st.SearchStrategy[str]:
    """A text that says the same again and again, of so many characters."""
    pieces = st.one_of(odd, st.text(min_size=1))
    return st.builds(lambda piece, length: (piece * length)[:length], pieces, st.integers(least, most))


texts = st.one_of(
    st.text(),
    st.lists(st.one_of(odd, st.text(max_size=5)), max_size=40).map("".join),
    repeated(0, 6000),
)


def values_of(annotation: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a type
    """What may stand where the annotation does, with texts of any length."""
    simple = {str: texts, int: SMALL, float: st.floats(0, 1e6), bool: st.booleans(), NoneType: st.none()}
    if annotation in simple:
        return simple[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in {Union, UnionType}:
        return st.one_of(*map(values_of, arguments))
    if origin is dict:
        return st.fixed_dictionaries({key: values_of(arguments[1]) for key in get_args(arguments[0])})
    return st.fixed_dictionaries({key: values_of(kind) for key, kind in get_type_hints(annotation).items()})


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    """An event of any type."""
    return cast("Event", draw(values_of(TYPES[draw(st.sampled_from(sorted(TYPES)))])))


def texts_of(event: Mapping[str, object]) -> dict[str, str]:
    """The texts of an event."""
    return {key: value for key, value in event.items() if isinstance(value, str)}


LONG = "\U0001d11e" * 3000


@settings(deadline=None)  # a machine may be busy
@given(any_event())
@example({"type": "left", "uri": LONG, "source": LONG, "error": LONG})
@example({"type": "warning", "message": "##[" * 2000})
@example({"type": "warning", "message": "a" * (MOST - len('{"type": "warning", "message": ""}') - 1)})
@example({"type": "warning", "message": "a" * (MOST - len('{"type": "warning", "message": ""}'))})
def test_each_is_one_short_line(event: Event) -> None:
    """Under 4 KB of ASCII with its end, valid by the schema, with all that fits; what does not ends in an ellipsis."""
    line = event_line(event)
    read = json.loads(line)
    before, after = texts_of(event), texts_of(read)

    assert len(line.encode("ascii")) < 4096
    assert line.count("\n") == line.endswith("\n") == 1
    assert "##[" not in line
    assert VALIDATOR.is_valid(read)
    assert {**read, **before} == event
    for key, text in before.items():
        assert after[key] == text or (after[key][-1] == "…" and text.startswith(after[key][:-1]))
    if len(json.dumps(event).replace("##[", "\\u0023#[")) < MOST:
        assert read == event
    elif len(before) > 1:
        assert len(line) > MOST - 80  # no more is cut than has to be


@given(repeated(MOST, 6000))
def test_prose_is_cut_before_names(error: str) -> None:
    """A name that is cut is of no use: those of any product that there is stay whole, however much there is to say."""
    fetch = Fetch(selected())
    read = json.loads(event_line(events.retry_event(fetch, error, 1, 0.5, whole_host=False)))

    assert (read["uri"], read["path"]) == (URI, PATH)
    assert read["error"].endswith("…")


def test_names_are_cut_where_nothing_else_helps() -> None:
    """The short ones stay whole, the long ones share what is left, and some of the prose stays."""
    event: Event = {"type": "left", "uri": URI, "source": "s" * 5000, "error": "e" * 5000}
    read = json.loads(event_line(event))

    assert read["uri"] == URI
    assert read["error"] == "e" * 494 + "…"
    assert len(read["source"]) > 3000


def test_later_versions_only_add() -> None:
    """No type of event and no key goes, as long as the schema keeps its number."""
    assert get_args(get_type_hints(TYPES["version"])["schema"]) == ("jwstsync.events/1",)
    assert set(KEYS) <= set(TYPES)
    assert all(KEYS[name] < set(TYPES[name].__annotations__) for name in KEYS)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_all_keys_always_stand(name: str) -> None:
    """A key that is missing, or one too much, is not as the schema has it."""
    keys = [*TYPES[name].__annotations__]

    assert VALIDATOR.schema["$defs"][TYPES[name].__name__]["required"] == keys
    assert VALIDATOR.schema["$defs"][TYPES[name].__name__]["additionalProperties"] is False


def test_what_is_kept_for_want_of_an_answer() -> None:
    """Proposals that failed and proposals that are not believed, each with why."""
    goal = Goal({}, failed={9: "down"}, disbelieved=frozenset({3}))

    assert list(events.kept_events(Plan((), goal))) == [
        events.query_event(3, "kept", error="had products, and now lists none"),
        events.query_event(9, "kept", error="down"),
    ]


def test_what_starts_and_what_is_tried_again() -> None:
    """Both name the product in the archive and on the disk; a pause is told to the millisecond."""
    fetch = Fetch(selected(size=100))
    product = {"uri": URI, "path": PATH, "proposal": 2733}

    assert events.start_event(fetch, 120, 20) == {"type": "start", **product, "size": 120, "resumed": 20}
    assert events.retry_event(fetch, "no", 2, 0.12345, whole_host=True) == {
        "type": "retry",
        **product,
        "error": "no",
        "setbacks": 2,
        "pause": 0.123,
        "whole_host": True,
    }


def test_what_is_not_taken() -> None:
    """A product that is refused has no action and no path; a file elsewhere that stays has its own."""
    refused = events.refused_event(Refused(URI, 2733, "unsafe", public=True))
    assert {key for key, value in refused.items() if value is None} == {"action", "reason", "path", "size", "source"}
    assert (refused["outcome"], refused["error"]) == ("failed", "unsafe")
    assert events.left_event(Left(URI, "/old/a.fits", "too short")) == {
        "type": "left",
        "uri": URI,
        "source": "/old/a.fits",
        "error": "too short",
    }
