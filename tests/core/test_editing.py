"""Proposals added to a manifest's text and removed from it, and nothing else changed."""

from __future__ import annotations

from pathlib import PurePath

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.editing import NewBlock, with_block, without_proposals
from jwstsync.errors import ManifestError, UsageError

SOURCE = PurePath("jwstsync.toml")
HEAD = """\
#:schema x.json
version = 1 # one

# rules
[rules.calibrated]
calib_level = [2,3] # both
[rules.raw]
calib_level=1
"""
DEFAULTS = """
[defaults]
include = ["calibrated"]
"""
FIRST = """
# the first,
# of all
[[ proposal ]] # spaced
id = 1
# not the end

# stands apart
"""
SECOND = """
# the second
[[proposal]]
id = [
  2, # two
  3, # three
]
name = \"\"\"
[[proposal]]
id = 9
\"\"\"
[proposal.observations]
calib_level = 2 # inner
"""
OTHER = """
[limits]
connections = 2
"""
THIRD = """\
# the third
[[proposal]]
id = 4 # last
"""
TEXT = HEAD + DEFAULTS + FIRST + SECOND + OTHER + THIRD


@pytest.mark.parametrize(
    ("ids", "left"),
    [
        pytest.param([1], HEAD + DEFAULTS + "\n# stands apart\n" + SECOND + OTHER + THIRD, id="a block"),
        pytest.param([2], TEXT.replace("  2, # two\n", ""), id="an id of two"),
        pytest.param([3], TEXT.replace("  3, # three\n", ""), id="the other"),
        pytest.param([3, 2], HEAD + DEFAULTS + FIRST + "\n" + OTHER.lstrip() + THIRD, id="a block with a table"),
        pytest.param([4], HEAD + DEFAULTS + FIRST + SECOND + OTHER, id="the last block"),
        pytest.param([4, 1], HEAD + DEFAULTS + "\n# stands apart\n" + SECOND + OTHER, id="two blocks"),
    ],
)
def test_a_proposal_is_removed(ids: list[int], left: str) -> None:
    """Its block goes with the comment right above and below its lines; an id goes from a list; all else stays."""
    assert without_proposals(TEXT, ids, SOURCE) == left


def test_a_proposal_that_is_in_several_blocks() -> None:
    """It is removed from all of them."""
    again = TEXT + '\n[[proposal]]\nid = [1, 7]\ninclude = ["raw"]\n'
    edited = without_proposals(again, [1], SOURCE)
    assert [block["id"] for block in tomli.loads(edited)["proposal"]] == [[2, 3], 4, [7]]


@pytest.mark.parametrize(
    ("block", "added"),
    [
        (NewBlock(ids=[7]), "id = 7\n"),
        (NewBlock(ids=[7, 8]), "id = [7, 8]\n"),
        (NewBlock(ids=[7], name='a "b"\n\x7f'), 'id = 7\nname = "a \\"b\\"\\n\\u007f"\n'),
        (
            NewBlock(ids=[7], include=["raw", " { calib_level = 3 }"], exclude=["calibrated"]),
            'id = 7\ninclude = ["raw", { calib_level = 3 }]\nexclude = ["calibrated"]\n',
        ),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_proposal_is_added(block: NewBlock, added: str, end: str) -> None:
    """A block comes at the end, and what was there stays as it was."""
    text = TEXT.rstrip("\n") + end
    assert with_block(text, block, SOURCE) == TEXT.rstrip("\n") + "\n\n[[proposal]]\n" + added


def test_other_ends_of_lines() -> None:
    """Lines end as they did, also those that are added."""
    text = TEXT.replace("\n", "\r\n")
    added = with_block(text, NewBlock(ids=[7]), SOURCE)
    assert added == text + "\r\n[[proposal]]\r\nid = 7\r\n"
    assert without_proposals(added, [7], SOURCE) == text


ARRAY = """\
version = 1
rules.raw.calib_level = 1
proposal = [
  { id = 1, include = ["raw"] }, # one
  { id = [2, 3], include = [{}] }, # two
]
"""


def test_proposals_that_are_written_as_a_list() -> None:
    """What TOML has in two forms is edited in the one that it is written in."""
    assert with_block(ARRAY, NewBlock(ids=[7], include=["raw"]), SOURCE) == ARRAY.replace(
        "# two\n", '# two\n  {id = 7, include = ["raw"]},\n'
    )
    assert without_proposals(ARRAY, [1, 3], SOURCE) == ARRAY.replace(
        '  { id = 1, include = ["raw"] }, # one\n', ""
    ).replace("[2, 3]", "[2]")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (NewBlock(ids=[7, 3, 1]), "jwstsync.toml: has proposals 3, 1 already; "),
        (NewBlock(ids=[7], include=["rau"]), "--include rau: expected .*; the manifest has the rules calibrated, raw"),
        (NewBlock(ids=[7], exclude=["{ x"]), "--exclude { x: expected the name of a rule"),
        (NewBlock(ids=[7], include=["{ }\nx = 1"]), "--include { }\nx = 1: expected the name of a rule"),
        (NewBlock(ids=[7], include=["7"]), "--include 7: expected the name of a rule"),
    ],
)
def test_what_can_not_be_added(block: NewBlock, message: str) -> None:
    """A proposal that is there, and a rule that is not, are named, with what there is."""
    with pytest.raises(UsageError, match=message):
        with_block(TEXT, block, SOURCE)


def test_a_rule_that_makes_no_sense() -> None:
    """A rule of its own is checked as one in a manifest is."""
    with pytest.raises(ManifestError, match=r"proposal\[3\].include\[0\].calib_lev = 3: .* calib_level"):
        with_block(TEXT, NewBlock(ids=[7], include=["{ calib_lev = 3 }"]), SOURCE)


@pytest.mark.parametrize(
    ("head", "rules"), [("version = 1\n", "has no rules with a name"), (HEAD, "has the rules calibrated, raw")]
)
def test_a_proposal_without_rules(head: str, rules: str) -> None:
    """Without an include in [defaults] one has to be given."""
    text = head + "\n[[proposal]]\nid = 1\ninclude = [{}]\n"
    with pytest.raises(
        UsageError, match=f"--include: expected a rule, since .defaults. has none; the manifest {rules}"
    ):
        with_block(text, NewBlock(ids=[7]), SOURCE)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, 8], "jwstsync.toml: has not proposal 8; expected some of proposals 1, 2, 3, 4"),
        ([4, 3, 2, 1], "jwstsync.toml: expected at least one proposal to be left"),
    ],
)
def test_what_can_not_be_removed(ids: list[int], message: str) -> None:
    """What is not there is named, with what is, and a manifest keeps at least one proposal."""
    with pytest.raises(UsageError, match=message):
        without_proposals(TEXT, ids, SOURCE)


def test_a_manifest_that_is_not_valid() -> None:
    """It is not edited: what is wrong is told instead."""
    text = TEXT.replace("version = 1", "version = 2")
    with pytest.raises(ManifestError, match="version = 2"):
        with_block(text, NewBlock(ids=[7]), SOURCE)
    with pytest.raises(ManifestError, match="version = 2"):
        without_proposals(text, [1], SOURCE)


comments = st.sampled_from(["", "\n", "# a\n", "# a\n\n", "\n# [[proposal]]\n", "\n\n"])
id_lists = st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True)
names = st.sampled_from(
    ["", 'name = "x # y"\n', "name = '''\n# [[proposal]]\n\n[[proposal]]\n'''\n", "observations.calib_level = 2\n"]
)
others = st.sampled_from(["", "", "[limits]\nconnections = 3\n", "[proposal.observations]\nobs_id = 'x'\n"])


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Manifests with comments everywhere."""
    parts, had_limits = [HEAD, DEFAULTS], False
    for ids in draw(st.lists(id_lists, min_size=1, max_size=4)):
        written = f"id = {ids[0]}" if len(ids) == 1 and draw(st.booleans()) else f"id = {ids}"
        name, other = draw(names), draw(others)
        if (other.startswith("[limits]") and had_limits) or (name.startswith("obs") and other.startswith("[prop")):
            other = ""
        had_limits = had_limits or other.startswith("[limits]")
        parts += [draw(comments), "[[proposal]]\n", draw(comments), written, " # id\n", name, draw(comments), other]
    return "".join([*parts, draw(comments)])


@given(manifests())
@settings(deadline=None, max_examples=200)
def test_what_was_added_can_be_removed(text: str) -> None:
    """Adding a proposal and removing it leaves the text as it was, but for empty lines at its end."""
    added = with_block(text, NewBlock(ids=[99], name="x", include=["raw"]), SOURCE)
    assert added.startswith(text)
    assert without_proposals(added, [99], SOURCE) == text.rstrip("\n") + "\n"


@given(text=manifests(), chosen=st.sets(st.integers(1, 9), min_size=1, max_size=3))
@settings(deadline=None, max_examples=300)
def test_every_other_line_stays(text: str, chosen: set[int]) -> None:
    """Whatever is removed, the other blocks hold what they held, and no line is made up but those of a shorter list."""
    before = tomli.loads(text)
    present = {
        one for block in before["proposal"] for one in (block["id"] if isinstance(block["id"], list) else [block["id"]])
    }
    ids = sorted(chosen & present)
    if not ids or present <= set(ids):
        return
    edited = without_proposals(text, ids, SOURCE)
    assert {key: value for key, value in tomli.loads(edited).items() if key != "proposal"} == {
        key: value for key, value in before.items() if key != "proposal"
    }
    lines = iter(text.splitlines())
    assert all(line in lines for line in edited.splitlines() if not line.startswith("id = ["))
