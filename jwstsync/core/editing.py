"""A manifest's text with proposals added or removed, and all else as its author wrote it, comments included.

Blocks are put in and cut out as lines, the comment right above one with it; lists of ids are edited by tomlkit.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomli
import tomlkit
from tomlkit.items import Array

from jwstsync.core.manifest import parse_manifest
from jwstsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import PurePath

_LINES = re.compile(r"(?<=\n)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBlock:
    """A ``[[proposal]]`` block that is to be added.

    Attributes:
        ids: The proposals.
        name: What people call them.
        include: Names of rules, or rules as TOML; without any, those of ``[defaults]`` apply.
        exclude: The same.
    """

    ids: Sequence[int]
    name: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


def with_block(text: str, block: NewBlock, source: PurePath) -> str:
    """The text of a manifest with one block more, at its end.

    Args:
        text: The manifest.
        block: What is added.
        source: The manifest's file, as it is to be named to the user.

    Raises:
        ManifestError: The text is no valid manifest, or would not be one with a rule that was given.
        UsageError: A proposal is in it already, or a rule is not.
    """
    present = _proposals(text, source)
    if known := [one for one in block.ids if one in present]:
        raise UsageError(f"{source}: has {_listed(known)} already; expected other proposals, or to edit it by hand")
    document = tomli.loads(text)
    rules = document.get("rules", {})
    lines = ["[[proposal]]", f"id = {_ids(block.ids)}"]
    lines += [] if block.name is None else [f"name = {tomlkit.item(block.name).as_string()}"]
    for key, given in (("include", block.include), ("exclude", block.exclude)):
        lines += [f"{key} = [{', '.join(_reference(f'--{key}', one, rules) for one in given)}]"] if given else []
    if not block.include and "include" not in document.get("defaults", {}):
        raise UsageError(f"--include: expected a rule, since [defaults] has none; {_there_are(rules)}")
    added = "\n".join(lines) + "\n"
    edited = _appended(text, added)
    parse_manifest(edited, source)
    _check(edited, {**document, "proposal": document["proposal"] + tomli.loads(added)["proposal"]})
    return edited


def without_proposals(text: str, proposals: Collection[int], source: PurePath) -> str:
    """The text of a manifest that does not name these proposals any more; a block without any goes as a whole.

    Args:
        text: The manifest.
        proposals: What is removed.
        source: The manifest's file, as it is to be named to the user.

    Raises:
        ManifestError: The text is no valid manifest.
        UsageError: A proposal is not in it, or none would be left.
    """
    present = _proposals(text, source)
    if unknown := [one for one in proposals if one not in present]:
        raise UsageError(f"{source}: has not {_listed(unknown)}; expected some of {_listed(sorted(present))}")
    if present <= set(proposals):
        raise UsageError(f"{source}: expected at least one proposal to be left")
    document = tomli.loads(text)
    blocks = document["proposal"]
    left = [list(_left([block], proposals)) for block in blocks]
    edited = _removed_from_array(text, proposals) if _is_array(text) else _removed_from_blocks(text, left, proposals)
    _check(edited, {**document, "proposal": [block for found in left for block in found]})
    return edited


def _check(edited: str, expected: dict[str, Any]) -> None:
    """Makes sure that an edit did what it was to do, before anybody's manifest is written."""
    assert tomli.loads(edited) == expected  # noqa: S101 - anything else is a bug


def _proposals(text: str, source: PurePath) -> set[int]:
    return {one for block in parse_manifest(text, source).blocks for one in block.ids}


def _left(blocks: Iterable[dict[str, Any]], proposals: Collection[int]) -> Iterator[dict[str, Any]]:
    for block in deepcopy(list(blocks)):
        if isinstance(block["id"], list):
            block["id"] = [one for one in block["id"] if one not in proposals]
        if block["id"] != [] and block["id"] not in proposals:
            yield block


def _listed(proposals: Sequence[int]) -> str:
    return f"proposal{'' if len(proposals) == 1 else 's'} {', '.join(map(str, proposals))}"


def _ids(proposals: Sequence[int]) -> str:
    return str(proposals[0]) if len(proposals) == 1 else f"[{', '.join(map(str, proposals))}]"


def _reference(option: str, given: str, rules: Collection[str]) -> str:
    """A rule as it stands in a list of them.

    Raises:
        UsageError: It is neither the name of one nor one itself.
    """
    if given in rules:
        return f'"{given}"'
    try:
        value = tomli.loads(f"rule = {given}")["rule"]
    except tomli.TOMLDecodeError:
        value = None
    if not isinstance(value, dict) or "\n" in given:
        expected = "expected the name of a rule, or one such as '{ calib_level = 3 }'"
        raise UsageError(f"{option} {given}: {expected}; {_there_are(rules)}")
    return given.strip()


def _there_are(rules: Collection[str]) -> str:
    return f"the manifest has the rules {', '.join(rules)}" if rules else "the manifest has no rules with a name"


def _is_array(text: str) -> bool:
    """Whether the proposals are written as ``proposal = [...]``, which means the same as blocks."""
    return isinstance(tomlkit.parse(text)["proposal"], Array)


def _appended(text: str, block: str) -> str:
    if _is_array(text):
        document = tomlkit.parse(text)
        table = tomlkit.inline_table()
        table.update(tomli.loads(block)["proposal"][0])
        document["proposal"].append(table)
        return tomlkit.dumps(document)
    newline = "\r\n" if "\r\n" in text else "\n"
    end = "" if text.endswith("\n") else newline
    return f"{text}{end}{newline}{block.replace(chr(10), newline)}"


def _removed_from_array(text: str, proposals: Collection[int]) -> str:
    document = tomlkit.parse(text)
    array: Any = document["proposal"]
    for index in reversed(range(len(array))):
        if _remove(array[index], proposals):
            del array[index]
    return tomlkit.dumps(document)


def _remove(table: Any, proposals: Collection[int]) -> bool:  # noqa: ANN401 - tomlkit's tables are of many types
    """Takes proposals out of a block's ids, and tells whether none is left."""
    if not isinstance(table["id"], list):
        return table["id"] in proposals
    for one in [one for one in table["id"] if one in proposals]:
        table["id"].remove(one)
    return not table["id"]


def _removed_from_blocks(text: str, left: Iterable[object], proposals: Collection[int]) -> str:
    """The text without the blocks of which nothing is left."""
    left = iter(left)
    gone, kept = False, []
    for part in _parts(text):
        root = _root(part)
        is_block = root == {"proposal": [{}]}
        gone = not next(left) if is_block else gone
        if "proposal" in root and gone:
            kept.append(_rest(part))
        else:
            kept.append(_with_fewer_ids(part, proposals) if is_block else part)
    edited = "".join(kept)
    return edited if kept[-1] else edited.rstrip("\r\n") + ("\r\n" if "\r\n" in text else "\n")


def _with_fewer_ids(part: str, proposals: Collection[int]) -> str:
    document = tomlkit.parse(part)
    _remove(document["proposal"][0], proposals)
    return tomlkit.dumps(document)


def _parts(text: str) -> Iterator[str]:
    """What stands before the first table, and each table with the comment right above it."""
    lines = _LINES.split(text)
    start = 0
    for index, line in enumerate(lines):
        if index > start and line.lstrip().startswith("[") and _is_whole(lines[start:index]):
            first = index
            while first > start and _is_comment(lines[first - 1]) and _is_whole(lines[start : first - 1]):
                first -= 1
            yield "".join(lines[start:first])
            start = first
    yield "".join(lines[start:])


def _is_whole(lines: Sequence[str]) -> bool:
    """Whether nothing that these lines begin goes on after them."""
    try:
        tomli.loads("".join(lines))
    except tomli.TOMLDecodeError:
        return False
    return True


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _root(part: str) -> dict[str, Any]:
    """The empty table that a part's first line with a header begins."""
    header = next((line for line in _LINES.split(part) if line.strip() and not _is_comment(line)), "")
    return tomli.loads(header) if header.lstrip().startswith("[") else {}


def _rest(part: str) -> str:
    """What stays of a part that is cut out: comments that stand apart from it, below."""
    lines = _LINES.split(part)
    last = max(index for index, line in enumerate(lines) if line.strip() and not _is_comment(line))
    while last + 1 < len(lines) and lines[last + 1].strip():
        last += 1
    while last + 1 < len(lines) and not lines[last + 1].strip():
        last += 1
    return "".join(lines[last + 1 :])
