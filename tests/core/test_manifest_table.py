"""The guide's table of the manifest's keys, held to the schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jwstsync.core.layout import FIELDS
from jwstsync.core.manifest import manifest_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = Path(__file__).parents[2] / "examples" / "guide.md"
_ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def _told() -> dict[str, tuple[str, str]]:
    """What the guide has of each key: the default, and what it says."""
    section = GUIDE.read_text(encoding="utf-8").partition("## The manifest's keys\n")[2].partition("\n## ")[0]
    return {key: (default, meaning) for key, default, meaning in _ROW.findall(section)}


def _known() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key of the schema as the guide writes it, and what the schema states of it."""
    schema: Any = manifest_schema()
    for name, stated in schema["properties"].items():
        if name == "rules":
            yield "[rules.NAME]", stated
            continue
        inner = stated.get("items", stated).get("$ref")
        if inner is None:
            yield name, stated
            continue
        title = f"[[{name}]]" if "items" in stated else f"[{name}]"
        table = schema["$defs"][inner.rpartition("/")[2]]
        yield from ((f"{title} {key}", value) for key, value in table["properties"].items())


def _texts(default: object) -> set[str]:
    """How the guide may write a default: as TOML, or in GB."""
    gigabytes = {f"{default // 10**9} GB"} if isinstance(default, int) else set()
    return {f"`{json.dumps(default)}`"} | gigabytes


def test_every_key_is_in_the_guide() -> None:
    """The table has the keys of the schema, in its order, and no other."""
    assert list(_told()) == [key for key, _ in _known()]


def test_defaults_and_choices_are_those_of_the_schema() -> None:
    """What the guide states as a default is one, and no choice or most is left out."""
    told = _told()
    for key, stated in _known():
        default, meaning = told[key]
        assert default in _texts(stated["default"]) if "default" in stated else not default.startswith("`")
        assert all(f'`"{choice}"`' in meaning for choice in stated.get("enum", ()))
        assert "maximum" not in stated or str(stated["maximum"]) in meaning


def test_the_fields_of_a_layout_are_in_the_guide() -> None:
    """Each is in the row of the layout."""
    default, meaning = _told()["[destination] layout"]
    assert all(f"{{{field}}}" in default + meaning for field in FIELDS)
