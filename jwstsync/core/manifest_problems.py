"""What is wrong in a manifest, for people: pydantic's findings, each with its key, its value and what would be right.

What a manifest may hold is said in `manifest`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from jwstsync.core.layout import DEFAULT_LAYOUT
from jwstsync.core.rules import RefusedError, expected_one_of, look_up, toml_path
from jwstsync.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

LARGEST_ID = 99999  # file names have five digits for it

ID_EXPECTED = f"expected a proposal id, a whole number from 1 to {LARGEST_ID}, or a list of them"
URL_EXPECTED = "expected an address such as https://mast.stsci.edu, without user, query and fragment"
_ROOT_EXPECTED = "expected a folder, relative to the manifest, without '~' at its start and control characters"
_LIST_EXPECTED = 'expected a list of rules, such as ["calibrated", { calib_level = 3 }]'
_EXPECTED = {
    ("version",): "expected 1, the version of the manifest's format",
    ("archive", "url"): URL_EXPECTED,
    ("archive", "exclusive_access"): 'expected "auto", "skip", "fetch" or "error"',
    ("archive", "checksums"): 'expected "auto", "require" or "ignore"',
    ("archive", "timeout"): "expected a number of seconds, more than 0",
    ("destination", "root"): _ROOT_EXPECTED,
    ("destination", "layout"): f'expected a text, such as "{DEFAULT_LAYOUT}"',
    ("destination", "on_update"): 'expected "replace" or "keep"',
    ("limits", "connections"): "expected a whole number from 1 to 8",
    ("rules",): "expected tables with a name, such as [rules.calibrated]",
    ("defaults", "include"): _LIST_EXPECTED,
    ("proposal",): "expected at least one [[proposal]] block with an id",
    ("proposal", "id"): ID_EXPECTED,
    ("proposal", "name"): "expected a text",
    ("proposal", "include"): _LIST_EXPECTED,
    ("proposal", "exclude"): _LIST_EXPECTED,
}
"""What would be right at a key where its own check does not say it."""


Keys: TypeAlias = "Mapping[tuple[str, ...], Collection[str]]"
"""The keys that each table may have, by the table's own key."""


def problems_of(
    error: ValidationError, document: Mapping[str, Any], keys: Keys, table: str | None = None
) -> list[Problem]:
    """All that is wrong, in the order of the document, of which pydantic saw only ``table`` if that is given."""
    found = [(_location(details, table), details) for details in error.errors(include_url=False)]
    found.sort(key=lambda pair: look_up(document, pair[0])[0])
    return [problem for location, details in found for problem in _translated(details, location, document, keys)]


def _location(details: ErrorDetails, table: str | None) -> Sequence[int | str]:
    location = (table, *details["loc"]) if table else details["loc"]
    return location[:2] if location[0] == "rules" else location  # a bad name has "[key]" after it


def _translated(details: ErrorDetails, location: Sequence[int | str], document: object, keys: Keys) -> list[Problem]:
    key = toml_path(location)
    refused = details.get("ctx", {}).get("error")
    if isinstance(refused, RefusedError):
        return [replace(one, key=f"{key}{'' if one.key[0] == '[' else '.'}{one.key}") for one in refused.problems]
    return [Problem(key, look_up(document, location)[1], _expected(details, location, keys))]


def _expected(details: ErrorDetails, location: Sequence[int | str], keys: Keys) -> str:
    names = tuple(part for part in location if isinstance(part, str))
    match details["type"]:
        case "extra_forbidden":
            return expected_one_of(names[-1], keys[names[:-1]])
        case "value_error":
            return str(details["ctx"]["error"])
        case "string_pattern_mismatch" if names[0] == "rules":
            return "expected a name of letters, digits, '-' and '_'"
        case _:
            return _EXPECTED.get(names) or f"expected a table, [{names[-1]}]"
