"""Amounts that people write: what each of them is, and what is refused with a word on what would be right."""

from __future__ import annotations

import math

import pytest

from jwstsync.core.amounts import exact_size_text, parse_duration, parse_rate, size_text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20MB", 20_000_000),
        ("20 MB", 20_000_000),
        (" 1.5 MiB/s ", 1_572_864),
        ("500kb", 500_000),
        ("7", 7),
        (7, 7),
        (2e7, 20_000_000),
        ("1e3", 1000),
    ],
)
def test_a_rate(text: object, rate: int) -> None:
    """Bytes a second, in the units that the manifest's sizes have."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "0", 0, -1, "-5MB", "0.3B", "fast", "20M", "20MB/h", True, None, math.inf, math.nan, ["1"], 10**30]
)
def test_what_is_no_rate(text: object) -> None:
    """Also nothing at all is refused, since nothing would ever come."""
    with pytest.raises(ValueError, match=r"expected bytes a second, more than 0, .* such as 500000"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5h", 18000),
        ("1h30m", 5400),
        ("1H 30M", 5400),
        (" 2d ", 172_800),
        ("1d2h3m4.5s", 93_784.5),
        ("1.5 h", 5400),
        ("90", 90),
        ("0.5", 0.5),
        (90, 90),
        (0.25, 0.25),
    ],
)
def test_a_time(text: object, seconds: float) -> None:
    """Days, hours, minutes and seconds, in this order; a bare number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0h",
        0,
        -1,
        "-1h",
        "30m1h",
        "1h1h",
        "5 w",
        "h",
        "1:30",
        "9" * 400,
        10**400,
        "1e3",
        None,
        True,
        math.inf,
    ],
)
def test_what_is_no_time(text: object) -> None:
    """A time that is none, never comes, or is no time at all is refused."""
    with pytest.raises(ValueError, match=r"expected a time above 0, .* such as 90"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("count", "text", "exact"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1.0 kB", "1.0 kB (1,000 bytes)"),
        (1_234_567_890, "1.2 GB", "1.2 GB (1,234,567,890 bytes)"),
        (10**21, "1000000 PB", "1000000 PB (1,000,000,000,000,000,000,000 bytes)"),
    ],
)
def test_a_size(count: int, text: str, exact: str) -> None:
    """With a unit for people, and with every figure where two of them may look the same."""
    assert (size_text(count), exact_size_text(count)) == (text, exact)
