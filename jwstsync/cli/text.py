"""Names and counts as people read them. What needs the plan's types is in `render`."""

from __future__ import annotations

_AGES = (("day", 86_400), ("hour", 3_600), ("minute", 60))  # seconds


def counted(count: int, noun: str) -> str:
    """So many of something: ``1 product``, ``3,470 products``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def age_text(seconds: float) -> str:
    """How long ago something was: ``3 hours``, ``1 day``."""
    for unit, length in _AGES:
        if seconds >= length:
            return counted(int(seconds / length), unit)
    return "less than a minute"


def name_of(path: str) -> str:
    """The file name of a path below the root."""
    return path.rpartition("/")[2]


def printable(text: str) -> str:
    """A line that a terminal only shows: what the archive says may hold characters that would move its cursor."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)
