"""Amounts that people write and read: sizes, rates, times."""

from __future__ import annotations

import math
import re

from jwstsync.core.conditions import parse_size

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000
_RATE_EXPECTED = 'expected bytes a second, more than 0, with or without a unit, such as 500000, "20 MB" or "1.5 MiB"'
_DURATION_EXPECTED = 'expected a time above 0, in seconds or with the units d, h, m and s, such as 90, "5h" or "1h30m"'
_LONGEST = 10**10  # seconds; no run lasts 300 years
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FIGURES = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(r"\s*".join(rf"(?:{_FIGURES}\s*{unit})?" for unit in _SECONDS), re.ASCII | re.IGNORECASE)
_SECONDS_ONLY = re.compile(_FIGURES, re.ASCII)


def size_text(count: float) -> str:
    """A number of bytes with a decimal unit: ``2.4 GB``."""
    value, power = float(count), 0
    while value >= _THOUSAND and power < len(_UNITS) - 1:
        value, power = value / _THOUSAND, power + 1
    digits = 0 if power == 0 or value >= 100 else 1  # noqa: PLR2004 - three figures are enough
    return f"{value:.{digits}f} {_UNITS[power]}"


def exact_size_text(count: int) -> str:
    """A number of bytes with a unit, and every figure of it: ``2.4 GB (2,412,345,678 bytes)``."""
    return size_text(count) if count < _THOUSAND else f"{size_text(count)} ({count:,} bytes)"


def parse_rate(value: object) -> int:
    """Bytes a second, from a number of them, or from a size with a unit, with or without ``/s``.

    Raises:
        ValueError: It is no rate, or nothing would ever come; the message says what would be right.
    """
    if isinstance(value, float) and math.isfinite(value):
        value = round(value)
    try:
        rate = parse_size(value.strip().removesuffix("/s") if isinstance(value, str) else value)
    except ValueError:
        rate = 0
    if rate <= 0:
        raise ValueError(_RATE_EXPECTED)
    return rate


def parse_duration(value: object) -> float:
    """Seconds, from a number of them, or from a text such as ``5h`` or ``1h30m``.

    Raises:
        ValueError: It is no time, or none at all; the message says what would be right.
    """
    seconds = _seconds_of(value.strip()) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < _LONGEST:
        raise ValueError(_DURATION_EXPECTED)
    return float(seconds)


def _seconds_of(text: str) -> float:
    if _SECONDS_ONLY.fullmatch(text):
        return float(text)
    found = _DURATION.fullmatch(text)
    counts = found.groups(default="0") if found else ()
    return sum(float(count) * seconds for count, seconds in zip(counts, _SECONDS.values(), strict=False))


def counted(count: int, noun: str) -> str:
    """So many of something: ``1 product``, ``3,470 products``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
