"""What one value of a rule means, for each kind of column: from what the user wrote to a quick test.

The meaning is that of astroquery's ``filter_products`` (0.4.11), but for four differences: case does not matter, ``*``,
``?`` and ``[...]`` are globs, sizes and times may have units, and an unknown number matches nothing. Which keys there
are, and how a miss is told to people, is the business of `rules`.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from jwstsync.core.caom import MINIMUM_RECOMMENDED, Kind, Value

Test: TypeAlias = Callable[[Value], bool]
Span: TypeAlias = tuple[float, float]
"""Both ends belong to it; an end that does not is written as its neighbour among the floats."""
Wanted = TypeVar("Wanted")

_MJD_OF_DAY_ZERO = -678576  # so that MJD 40587 is 1970-01-01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MJD = 40587
_LARGEST = 2**63  # as TOML has it; Python takes any number, but not in any time
_EVERYWHERE = (-math.inf, math.inf)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER_ONLY = re.compile(_NUMBER, re.ASCII)
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*", re.ASCII)
_COMPARED = re.compile(r"([<>]=?)\s*(.*)", re.DOTALL)
_GLOB = re.compile(r"[*?\[]")
_CHARACTER_SET = re.compile(r"\[!?+\]?+[^\]]*+\]")  # a "]" that stands first is a member, not the end

_TEXT_EXPECTED = "expected a text in quotes, or a whole number"
_EMPTY_EXPECTED = "expected a text that is not empty"
_SUFFIX_EXPECTED = 'expected the end of a file name, such as "fits", without "!", "*", "?" and "["'
_FLAG_EXPECTED = "expected true or false"
_NUMBER_EXPECTED = 'expected a number, a comparison or a range, such as 3, "!3", ">=2" or "100..200"'
_TIME_EXPECTED = 'expected an MJD, a date or a range, such as 59762.5, ">=2022-07-01" or "2022-07-01..2023-06-30"'
_SIZE_EXPECTED = 'expected a size or a range, such as 1000000, "<100 MB" or "1 MB..2 GB"'
_UNIT_EXPECTED = "expected one of the units B, kB, MB, GB, TB, KiB, MiB, GiB and TiB"
_LIMIT_EXPECTED = 'expected a size that is not negative, in bytes or with a unit, such as "500 GB"'


@dataclass(frozen=True, slots=True)
class Comparison(Generic[Wanted]):
    """How the values of one kind of column compare.

    Attributes:
        parse: Gives whether a value is negated, and what it asks for; a `ValueError` says what would be right.
        build: Makes the test of what is asked for and what is refused.
    """

    parse: Callable[[object], tuple[bool, Wanted]]
    build: Callable[[Sequence[Wanted], Sequence[Wanted]], Test]

    def test(self, values: Sequence[object]) -> tuple[Test, list[tuple[int, str]]]:
        """One test for all of ``values``, and for each value that is wrong its index and what would be right."""
        plain: list[Wanted] = []
        negated: list[Wanted] = []
        wrong: list[tuple[int, str]] = []
        for index, value in enumerate(values):
            try:
                is_negated, wanted = self.parse(value)
            except ValueError as error:
                wrong.append((index, str(error)))
            else:
                (negated if is_negated else plain).append(wanted)
        return self.build(plain, negated), wrong


def _without_negation(text: str) -> tuple[bool, str]:
    body = text.lstrip()
    return (True, body[1:].lstrip()) if body.startswith("!") else (False, text)


def _is_whole(value: object) -> bool:
    return type(value) is int and abs(value) < _LARGEST


def _parse_text(value: object) -> tuple[bool, str]:
    if not isinstance(value, str) and not _is_whole(value):
        raise ValueError(_TEXT_EXPECTED)
    negated, text = _without_negation(str(value))
    if not text.strip():
        raise ValueError(_EMPTY_EXPECTED)
    if "[" in _CHARACTER_SET.sub("", text):
        raise ValueError('expected every "[" closed by "]"; "[[]" means the character itself')
    return negated, text.casefold()


def _matcher(texts: Sequence[str]) -> Callable[[str], bool]:
    plain = frozenset(text for text in texts if not _GLOB.search(text))
    globs = "|".join(fnmatch.translate(text) for text in texts if _GLOB.search(text))
    if not globs:
        return plain.__contains__
    match = re.compile(globs).match
    return lambda text: text in plain or match(text) is not None


def _text_test(plain: Sequence[str], negated: Sequence[str]) -> Test:
    takes, refuses, any_text = _matcher(plain), _matcher(negated), not plain

    def test(value: Value) -> bool:
        if value is None:
            return any_text
        text = str(value).casefold()
        return (any_text or takes(text)) and not refuses(text)

    return test


def _joined_test(plain: Sequence[str], negated: Sequence[str]) -> Test:
    takes, refuses, any_text = _matcher(plain), _matcher(negated), not plain

    def test(value: Value) -> bool:
        if value is None:
            return any_text
        names = _whole_and_parts(str(value).casefold())
        return (any_text or any(map(takes, names))) and not any(map(refuses, names))

    return test


def _whole_and_parts(text: str) -> tuple[str, ...]:
    return (text, *(part.strip() for part in text.split(";"))) if ";" in text else (text,)


def _parse_suffix(value: object) -> tuple[bool, str]:
    if not isinstance(value, str) or _without_negation(value)[0] or _GLOB.search(value):
        raise ValueError(_SUFFIX_EXPECTED)
    if not value.strip():
        raise ValueError(_EMPTY_EXPECTED)
    return False, value.casefold()


def _suffix_test(plain: Sequence[str], _negated: Sequence[str]) -> Test:
    suffixes = tuple(plain)
    return lambda value: str(value).casefold().endswith(suffixes)


def _parse_flag(value: object) -> tuple[bool, bool]:
    if value is not True and value is not False:
        raise ValueError(_FLAG_EXPECTED)
    return False, value


def _flag_test(plain: Sequence[bool], _negated: Sequence[bool]) -> Test:
    wanted = frozenset(plain)
    return lambda value: value in wanted


def _recommended_test(plain: Sequence[bool], _negated: Sequence[bool]) -> Test:
    return _text_test([MINIMUM_RECOMMENDED.casefold()] if all(plain) else [], [])


def _span_test(plain: Sequence[Span], negated: Sequence[Span]) -> Test:
    wanted, refused = tuple(plain) or (_EVERYWHERE,), tuple(negated)

    def test(value: Value) -> bool:
        if value is None or isinstance(value, str):
            return False
        for low, high in refused:
            if low <= value <= high:
                return False
        for low, high in wanted:  # noqa: SIM110 - any() takes twice as long over 100,000 rows
            if low <= value <= high:
                return True
        return False

    return test


def _parse_number(value: object) -> tuple[bool, Span]:
    return _parse_span(value, _number_bound)


def _parse_size(value: object) -> tuple[bool, Span]:
    return _parse_span(value, _size_bound)


def _parse_time(value: object) -> tuple[bool, Span]:
    if isinstance(value, datetime):
        return False, _instant(value)
    if isinstance(value, date):
        return False, _day(value)
    return _parse_span(value, _time_bound)


def _parse_span(value: object, bound: Callable[[str], Span]) -> tuple[bool, Span]:
    if isinstance(value, str):
        negated, text = _without_negation(value)
        return negated, _span(text.strip(), bound)
    return False, bound(repr(value) if isinstance(value, float) or _is_whole(value) else "")


def _span(text: str, bound: Callable[[str], Span]) -> Span:
    if compared := _COMPARED.fullmatch(text):
        operator, rest = compared.groups()
        low, high = bound(rest)
        beyond = {
            ">": (math.nextafter(high, math.inf), math.inf),
            ">=": (low, math.inf),
            "<": (-math.inf, math.nextafter(low, -math.inf)),
            "<=": (-math.inf, high),
        }
        return beyond[operator]
    return _range(text, bound) if ".." in text else bound(text)


def _range(text: str, bound: Callable[[str], Span]) -> Span:
    first, _, last = (part.strip() for part in text.partition(".."))
    if not first and not last:
        return bound(text)
    low = bound(first)[0] if first else -math.inf
    high = bound(last)[1] if last else math.inf
    if low > high:
        raise ValueError(f'expected a range from low to high, such as "{last}..{first}"')
    return low, high


def _finite(number: float, expected: str) -> Span:
    if not math.isfinite(number):
        raise ValueError(expected)
    return number, number


def _number_bound(text: str) -> Span:
    if not _NUMBER_ONLY.fullmatch(text):
        raise ValueError(_NUMBER_EXPECTED)
    return _finite(float(text), _NUMBER_EXPECTED)


def _size_bound(text: str) -> Span:
    size = _SIZE.fullmatch(text)
    if not size:
        raise ValueError(_SIZE_EXPECTED)
    number, unit = float(size[1]), size[2].lower()
    if not unit:
        return _finite(number, _SIZE_EXPECTED)
    if unit not in _UNITS:
        raise ValueError(_UNIT_EXPECTED)
    low, _ = _finite(number * _UNITS[unit], _SIZE_EXPECTED)
    return float(round(low)), float(round(low))


def _time_bound(text: str) -> Span:
    if _NUMBER_ONLY.fullmatch(text):
        return _finite(float(text), _TIME_EXPECTED)
    try:
        if _DATE.fullmatch(text):
            return _day(date.fromisoformat(text))
        if _DATE_AND_TIME.fullmatch(text):
            return _instant(datetime.fromisoformat(text))
    except ValueError:
        raise ValueError("expected a day and a time that exist, such as 2022-07-01T12:00:00") from None
    raise ValueError(_TIME_EXPECTED)


def _day(day: date) -> Span:
    start = float(day.toordinal() + _MJD_OF_DAY_ZERO)
    return start, math.nextafter(start + 1, -math.inf)


def _instant(moment: datetime) -> Span:
    in_utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    mjd = _EPOCH_MJD + (in_utc - _EPOCH) / timedelta(days=1)
    return mjd, mjd


def day_of(mjd: float) -> date | None:
    """The UTC day of an MJD; None outside the years 1 to 9999."""
    ordinal = mjd - _MJD_OF_DAY_ZERO
    return date.fromordinal(int(ordinal)) if 1 <= ordinal < date.max.toordinal() + 1 else None


def parse_size(value: object) -> int:
    """A size in bytes, from a whole number of bytes or a text such as ``500 GB`` or ``1.5 GiB``.

    Raises:
        ValueError: It is no size, or a negative one; the message says what would be right.
    """
    text = str(value).strip() if isinstance(value, str) or _is_whole(value) else ""
    if text.startswith("-") or not _SIZE.fullmatch(text):
        raise ValueError(_LIMIT_EXPECTED)
    return round(_size_bound(text)[0])


COMPARISONS: dict[Kind, Comparison[Any]] = {
    Kind.TEXT: Comparison(_parse_text, _text_test),
    Kind.JOINED: Comparison(_parse_text, _joined_test),
    Kind.NUMBER: Comparison(_parse_number, _span_test),
    Kind.SIZE: Comparison(_parse_size, _span_test),
    Kind.TIME: Comparison(_parse_time, _span_test),
    Kind.FLAG: Comparison(_parse_flag, _flag_test),
}
EXTENSION = Comparison(_parse_suffix, _suffix_test)
RECOMMENDED = Comparison(_parse_flag, _recommended_test)
