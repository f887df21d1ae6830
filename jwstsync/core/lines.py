"""Lines of JSON that are never longer than programs may expect, whatever stands in them."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MOST = 4_095
"""The bytes of a line with its end. A pipe takes no more than 4,096 at once (POSIX's PIPE_BUF on Linux)."""
_LEAST = 500  # bytes that are left of each text that may be cut first
_CUT = "…"


def inert_json(text: str) -> str:
    """The same JSON, without what the runner of a GitHub workflow would take for a command."""
    return text.replace("##[", "\\u0023#[")


def line_of(content: Mapping[str, object], first_cut: Collection[str] = ()) -> str:
    """A line of JSON, ASCII alone, with its end; texts that are too long for it are cut, and end in an ellipsis.

    Args:
        content: What is told; texts that may be long stand at its top, and the rest of it fits.
        first_cut: The keys of texts that are cut before others are.
    """
    line = _encoded(content)
    if len(line) < MOST:
        return f"{line}\n"
    costs = {key: _cost(value) for key, value in content.items() if isinstance(value, str)}
    first = {key: cost for key, cost in costs.items() if key in first_cut}
    rest = {key: cost for key, cost in costs.items() if key not in first_cut}
    room = MOST - 1 - (len(line) - sum(costs.values()))
    least = sum(min(cost, _LEAST) for cost in first.values())
    most_of_rest = _share(rest.values(), room - least)
    most_of_first = _share(first.values(), room - sum(min(cost, most_of_rest) for cost in rest.values()))
    most = {**dict.fromkeys(rest, most_of_rest), **dict.fromkeys(first, most_of_first)}
    cut = {
        key: _shortened(content[key], most[key]) if cost > most[key] else content[key] for key, cost in costs.items()
    }
    return f"{_encoded({**content, **cut})}\n"


def _encoded(content: object) -> str:
    return inert_json(json.dumps(content))


def _cost(text: str) -> int:
    """The bytes of a text in JSON, but for its quotes."""
    return len(_encoded(text)) - 2


def _share(costs: Collection[int], room: int) -> int:
    """The bytes that each may have at most, so that all have room: what the short ones leave is for the long ones."""
    left = len(costs)
    for cost in sorted(costs):
        if cost * left > room:
            return room // left
        room, left = room - cost, left - 1
    return max(costs, default=0)


def _shortened(text: object, most: int) -> str:
    """The beginning of a text that takes at most so many bytes, ellipsis included."""
    beginning = str(text)[:most]
    room = most - _cost(_CUT)
    return beginning[: bisect_right(range(1, len(beginning) + 1), room, key=lambda n: _cost(beginning[:n]))] + _CUT
