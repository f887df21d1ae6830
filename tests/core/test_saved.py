"""Saved plans as documents: what they hold, that they come back as they were, and what is not taken for one."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from jwstsync.core.disk import Remembered
from jwstsync.core.layout import ProductPath
from jwstsync.core.orphans import with_prunes
from jwstsync.core.saved import SavedDocument, kept_digest, parse_saved, saved_document, saved_plan_schema
from jwstsync.errors import ExitCode, SavedPlanError
from tests.core.strategies import NEW_WITH_MD5, OLD, PATH, PINNED, URI, hashed, plan_for, selected, sha256_of
from tests.core.test_plan_properties import every_world
from tests.core.worlds import worlds

if TYPE_CHECKING:
    from jwstsync.core.plan import Plan
    from jwstsync.core.saved import SavedOptions
    from tests.core.worlds import World

OPTIONS: SavedOptions = {"mode": "default", "allow_empty": False, "prune": True, "max_prune": 7}
DIGEST = sha256_of(b"a manifest")
UPDATE = plan_for(NEW_WITH_MD5, PINNED, hashed(OLD))


def document_of(plan: Plan) -> SavedDocument:
    """The document of a plan."""
    return saved_document(plan, "jwstsync.toml", DIGEST, OPTIONS)


def text_of(document: object) -> bytes:
    """A file with this document."""
    return json.dumps(document).encode()


def changed(**changes: object) -> bytes:
    """The file of a plan with one update, with other values for some of its keys; ``...`` leaves a key out."""
    document = {**document_of(UPDATE), **changes}
    return text_of({key: value for key, value in document.items() if value is not ...})


def with_entry(**changes: object) -> bytes:
    """The file of that plan, with other values in the one action."""
    [entry] = document_of(UPDATE)["actions"]
    return changed(actions=[{**entry, **changes}])


def problems_of(content: bytes) -> list[str]:
    """What is wrong with a file."""
    with pytest.raises(SavedPlanError) as refused:
        parse_saved(content, "plan.json")
    assert refused.value.exit_code is ExitCode.INVALID
    assert refused.value.path == "plan.json"
    return [str(problem) for problem in refused.value.problems]


@given(worlds())
@every_world
def test_what_is_saved_comes_back(world: World) -> None:
    """Any plan's document fits the schema, comes back from its text, and lists every action but those that keep."""
    document = document_of(world.plan)
    saved = parse_saved(text_of(document), "plan.json")
    assert saved.document == document
    assert Draft202012Validator(saved_plan_schema()).is_valid(json.loads(text_of(document)))
    listed = {action.uri: action.kind.value for action in world.plan.actions if action.kind != "keep"}
    assert {uri: entry["action"] for uri, entry in saved.products.items()} == listed
    assert saved.options == OPTIONS


def test_an_update_as_it_is_saved() -> None:
    """It is told as in a plan's document, and besides which bytes are locked."""
    document = document_of(UPDATE)
    [entry] = document["actions"]
    assert (document["manifest"], document["manifest_digest"]) == ("jwstsync.toml", DIGEST)
    assert (entry["action"], entry["uri"], entry["path"], entry["sha256"]) == ("update", URI, PATH, PINNED.sha256)
    assert (entry["size_on_disk"], entry["in_the_way"]) == (len(OLD), None)
    assert document["summary"]["update"] == {"files": 1, "bytes": NEW_WITH_MD5.size}


def test_files_that_are_pruned() -> None:
    """They are found by their path; one that is dropped with it is also the product's action."""
    other = ProductPath("old/a.fits")
    files = [Remembered(path, URI, 2733, len(OLD), sha256_of(OLD), written=True) for path in (PATH, other)]
    plan = with_prunes(plan_for(None, PINNED), files, {PATH: hashed(OLD), other: hashed(OLD)})
    saved = parse_saved(text_of(document_of(plan)), "plan.json")
    assert set(saved.prunes) == {PATH, other}
    assert {uri: entry["path"] for uri, entry in saved.products.items()} == {URI: PATH}
    assert saved.prunes[other]["sha256"] == sha256_of(OLD)


def test_what_is_kept_is_a_digest() -> None:
    """It is the same whatever the order, and another one for other bytes."""
    kept = plan_for(selected(), PINNED, hashed(OLD)).actions
    assert document_of(plan_for(selected(), PINNED, hashed(OLD)))["kept_digest"] == kept_digest(kept)
    assert kept_digest([*kept, *UPDATE.actions]) == kept_digest([*UPDATE.actions, *kept])
    assert kept_digest(kept) != kept_digest([])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "not JSON; expected a file that `jwstsync plan --out` wrote", id="empty"),
        pytest.param(b"\xff\xfe", "not JSON; expected a file that `jwstsync plan --out` wrote", id="no text"),
        pytest.param(b"[" * 100_000, "not JSON; expected a file that `jwstsync plan --out` wrote", id="deep"),
        pytest.param(b"[]", "schema: expected a file that `jwstsync plan --out` wrote", id="a list"),
        pytest.param(changed(schema=...), "schema: expected a file that `jwstsync plan --out` wrote", id="no schema"),
        pytest.param(
            changed(schema="jwstsync.plan/1"),
            'schema = "jwstsync.plan/1": expected a file that `jwstsync plan --out` wrote',
            id="a plan's document",
        ),
        pytest.param(
            changed(schema="jwstsync.saved-plan/2", more=1),
            'schema = "jwstsync.saved-plan/2": written by a later jwstsync; expected "jwstsync.saved-plan/1": '
            "upgrade jwstsync",
            id="later",
        ),
    ],
)
def test_what_is_no_saved_plan(content: bytes, expected: str) -> None:
    """It is refused with one problem: that it is none, or of a later version."""
    assert problems_of(content) == [expected]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        pytest.param(changed(more=1), "more = 1", id="a key too much"),
        pytest.param(changed(kept_digest=...), "kept_digest", id="a key too few"),
        pytest.param(changed(kept_digest="Z" * 64), "kept_digest", id="no digest"),
        pytest.param(changed(manifest=7), "manifest = 7", id="no name"),
        pytest.param(changed(options={**OPTIONS, "mode": "offline"}), 'options.mode = "offline"', id="mode"),
        pytest.param(changed(options={**OPTIONS, "max_prune": -1}), "options.max_prune = -1", id="negative"),
        pytest.param(changed(options={**OPTIONS, "allow_empty": 1}), "options.allow_empty = 1", id="not true"),
        pytest.param(with_entry(action="destroy"), 'actions[0].action = "destroy"', id="action"),
        pytest.param(with_entry(size="7"), 'actions[0].size = "7"', id="not a number"),
        pytest.param(with_entry(sha256="abc"), 'actions[0].sha256 = "abc"', id="no hash"),
        pytest.param(with_entry(more=1), "actions[0].more = 1", id="a key too much in an action"),
        pytest.param(with_entry(action="keep"), 'actions[0].action = "keep"', id="kept"),
        pytest.param(with_entry(size=1), "summary.update", id="less than it is"),
        pytest.param(changed(summary={}), "summary.keep", id="no summary"),
        pytest.param(changed(actions=[]), "summary.update", id="left out"),
    ],
)
def test_a_damaged_plan(content: bytes, key: str) -> None:
    """It is refused, and the first problem names what is wrong, and where."""
    assert problems_of(content)[0].startswith(key)


def test_nothing_is_planned_twice() -> None:
    """Two actions for one product, or for one file, are damage: nobody could say which was meant."""
    [entry] = document_of(UPDATE)["actions"]
    prune = {**entry, "action": "prune", "locked": None}
    assert 'actions[1].uri = "mast:' in problems_of(changed(actions=[entry, entry]))[1]
    assert "expected each file once" in problems_of(changed(actions=[prune, {**prune, "uri": "mast:b"}]))[0]


@given(start=st.integers(0, 2000), length=st.integers(0, 40), instead=st.binary(max_size=4))
def test_a_file_with_a_piece_torn_out(start: int, length: int, instead: bytes) -> None:
    """It is read or refused, and no other error comes of it."""
    whole = changed()
    with suppress(SavedPlanError):
        saved = parse_saved(whole[:start] + instead + whole[start + length :], "plan.json")
        assert [one["action"] for one in saved.document["actions"]] == ["update"]


def test_the_schema_is_one_and_closed() -> None:
    """It is a valid JSON Schema that refuses what is too much, wherever it is."""
    schema = saved_plan_schema()
    Draft202012Validator.check_schema(schema)
    document: Any = json.loads(changed())
    validator = Draft202012Validator(schema)
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "more": 1})
    assert not validator.is_valid({**document, "options": {**document["options"], "more": 1}})
