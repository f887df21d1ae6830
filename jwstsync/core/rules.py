"""Which records a rule takes, and why it leaves the others.

A rule is a set of lines, ``key = value`` with MAST's column names as keys, and every line must hold. Here too is how a
rule stands in a pydantic model. What one value means is the business of `conditions`, where rules stand in a manifest
that of `manifest`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import PlainValidator, StringConstraints, ValidationInfo, WithJsonSchema
from typing_extensions import TypeAliasType

from jwstsync.core.caom import OBSERVATION_COLUMNS, PRODUCT_COLUMNS, Column, Kind, Observation, ProductRow, Value
from jwstsync.core.conditions import COMPARISONS, EXTENSION, RECOMMENDED, Test, day_of
from jwstsync.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from jwstsync.core.conditions import Comparison

Record: TypeAlias = Observation | ProductRow
Check: TypeAlias = tuple[Callable[[Record], Value], Test]

_EXTENSION = Column("extension", "filename", Kind.TEXT, "end of the file name", "fits")
_MRP_ONLY = Column("mrp_only", "product_group", Kind.FLAG, "only minimum recommended products", example=True)
_NO_COLUMNS: dict[str, tuple[Column, Comparison[Any]]] = {
    "extension": (_EXTENSION, EXTENSION),
    "mrp_only": (_MRP_ONLY, RECOMMENDED),
}

_TYPES = {
    Kind.TEXT: ["string", "integer"],
    Kind.JOINED: ["string", "integer"],
    Kind.NUMBER: ["number", "string"],
    Kind.SIZE: ["number", "string"],
    Kind.TIME: ["number", "string"],
    Kind.FLAG: ["boolean"],
}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SHOWN = 60  # characters of a value in a message
_LONG_NUMBER = 64  # bits, which is what TOML allows; decimal digits take quadratic time
_DEPTH = 4  # levels of nesting that are worth showing
_NAME_LENGTH = 80  # longer than any key; difflib's time grows with the square


@dataclass(frozen=True, slots=True)
class Miss:
    """A line of a rule that does not hold.

    Attributes:
        key: Its key.
        wanted: Its value as the user wrote it, as TOML.
        found: What stands there instead, for people.
    """

    key: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.key} = {shortened(self.wanted)}: is {self.found}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rule.

    Attributes:
        key: MAST's column name, ``extension`` or ``mrp_only``.
        written: The value as the user wrote it, as TOML; with the column it decides what the line means.
        column: What it is compared with.
        test: Whether a value of the column is taken.
    """

    key: str
    written: str
    column: Column
    test: Test = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.key} = {self.written}"

    def miss(self, record: Record) -> Miss | None:
        """Why the line does not hold for ``record``; None where it does."""
        value: Value = getattr(record, self.column.attribute)
        return None if self.test(value) else Miss(self.key, self.written, self._found(value))

    def _found(self, value: Value) -> str:
        if self.column is _MRP_ONLY:
            return "not a minimum recommended product"
        if value is None:
            return "unknown"
        if self.column.kind is Kind.TIME and isinstance(value, float) and (day := day_of(value)):
            return f"{day} (MJD {value:.5f})"
        text = str(value)
        return text if text.isprintable() and not isinstance(value, bool) else toml_value(value)


@dataclass(frozen=True, slots=True)
class Rule:
    """Lines that must all hold; without any, it takes everything. Two rules are equal if they are written alike."""

    lines: tuple[Line, ...] = ()
    _tests: tuple[Check, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        tests = tuple((attrgetter(line.column.attribute), line.test) for line in self.lines)
        object.__setattr__(self, "_tests", tests)

    def __str__(self) -> str:
        return f"{{ {', '.join(map(str, self.lines))} }}" if self.lines else "{}"

    def takes(self, record: Record) -> bool:
        """Whether every line holds for ``record``."""
        for value_of, test in self._tests:  # noqa: SIM110 - all() takes twice as long over 100,000 rows
            if not test(value_of(record)):
                return False
        return True

    def misses(self, record: Record) -> tuple[Miss, ...]:
        """The lines that do not hold; none if the rule takes it."""
        return tuple(miss for line in self.lines if (miss := line.miss(record)))


EVERYTHING = Rule()


def parse_rule(raw: Mapping[str, object], columns: Mapping[str, Column]) -> tuple[Rule, tuple[Problem, ...]]:
    """The rule that a TOML table states, and all that is wrong in it.

    Args:
        raw: The table, as TOML readers give it.
        columns: `OBSERVATION_COLUMNS` or `PRODUCT_COLUMNS`; ``extension`` and ``mrp_only`` go with the latter.

    Returns:
        The rule of the lines in which nothing is wrong, and the problems in the order of the table, with keys relative
        to it, such as ``calib_level[1]``.
    """
    lines: list[Line] = []
    problems: list[Problem] = []
    for key, value in raw.items():
        line, wrong = _parse_line(key, value, columns)
        lines += [line] if line and not wrong else []
        problems += wrong
    return Rule(tuple(lines)), tuple(problems)


def _parse_line(key: str, value: object, columns: Mapping[str, Column]) -> tuple[Line | None, list[Problem]]:
    known = _known(key, columns)
    if not known:
        return None, [_problem(toml_key(key), value, _no_such_key(key, columns))]
    if value == []:
        return None, [_problem(key, value, "expected at least one value")]
    column, comparison = known
    test, wrong = comparison.test(value if isinstance(value, list) else [value])
    line = Line(key, toml_value(value), column, test)
    if isinstance(value, list):
        return line, [_problem(f"{key}[{index}]", value[index], expected) for index, expected in wrong]
    return line, [_problem(key, value, expected) for _, expected in wrong]


def _known(key: str, columns: Mapping[str, Column]) -> tuple[Column, Comparison[Any]] | None:
    if key in columns:
        return columns[key], COMPARISONS[columns[key].kind]
    return _NO_COLUMNS.get(key) if columns is PRODUCT_COLUMNS else None


def _no_such_key(key: str, columns: Mapping[str, Column]) -> str:
    if columns is PRODUCT_COLUMNS:
        known, elsewhere, place = {*columns, *_NO_COLUMNS}, set(OBSERVATION_COLUMNS), "observations"
    else:
        known, elsewhere, place = set(columns), {*PRODUCT_COLUMNS, *_NO_COLUMNS}, "include and exclude"
    return f"expected this key in a rule for {place}" if key in elsewhere else expected_one_of(key, known)


def _problem(key: str, value: object, expected: str) -> Problem:
    return Problem(key, shortened(toml_value(value)), expected)


def expected_one_of(name: str, known: Iterable[str]) -> str:
    """What would be right instead of an unknown name: the nearest known one, or where none is near, all of them."""
    by_folded = {one.casefold(): one for one in sorted(known)}
    near = difflib.get_close_matches(name[:_NAME_LENGTH].casefold(), by_folded, n=1)
    if near:
        return f"expected a known name; the nearest is {by_folded[near[0]]}"
    return f"expected one of {', '.join(by_folded.values())}"


def toml_key(name: str) -> str:
    """``name`` as a key in TOML: in quotes where it needs them."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def toml_value(value: object, depth: int = _DEPTH) -> str:
    """A value as TOML on one line; what is nested deeper than ``depth`` is left out."""
    match value:
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value) if value.bit_length() <= _LONG_NUMBER else hex(value)
        case date() | time():
            return value.isoformat()
        case list():
            inside = ", ".join(toml_value(one, depth - 1) for one in value) if depth else "..."
            return f"[{inside}]"
        case dict():
            pairs = value.items() if depth else ()
            inside = ", ".join(f"{toml_key(key)} = {toml_value(one, depth - 1)}" for key, one in pairs) or "..."
            return f"{{ {inside} }}" if value else "{}"
        case _:
            return repr(value)


def toml_path(location: Sequence[int | str]) -> str:
    """The key path of a place in a TOML document, such as ``proposal[0].id``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{toml_key(part)}" for part in location)
    return path.removeprefix(".")


def look_up(document: object, location: Iterable[int | str]) -> tuple[tuple[int, ...], str]:
    """Where in the order of a TOML document a place is, and what stands there; empty where nothing does."""
    place: list[int] = []
    node: Any = document
    for part in location:
        keys: Sequence[Any] = list(node) if isinstance(node, dict) else range(len(node))
        if part not in keys:
            return (*place, len(keys)), ""
        place.append(keys.index(part))
        node = node[part]
    return tuple(place), shortened(toml_value(node))


def shortened(text: str) -> str:
    """``text``, cut where it is too long for a message."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def rule_schema(columns: Mapping[str, Column]) -> dict[str, object]:
    """The JSON Schema of a rule over ``columns``."""
    properties = {column.name: _line_schema(column, _TYPES[column.kind]) for column in columns.values()}
    if columns is PRODUCT_COLUMNS:
        properties["extension"] = _line_schema(_EXTENSION, ["string"])
        properties["mrp_only"] = _line_schema(_MRP_ONLY, ["boolean"])
    return {
        "description": "a rule, of which every line must hold; an empty one takes everything",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _line_schema(column: Column, types: list[str]) -> dict[str, object]:
    return {
        "description": column.description,
        "examples": [column.example],
        "type": [*types, "array"],
        "minLength": 1,
        "minItems": 1,
        "items": {"type": types, "minLength": 1},
    }


class RefusedError(ValueError):
    """Several problems at one place of a manifest, with keys relative to it.

    Attributes:
        problems: In the order of the place.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule with what it is called in explanations: its name, or where it has none, the rule itself."""

    label: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Context:
    """What the check of a rule's place has to know of the rest of the manifest.

    Attributes:
        rule_names: The named rules, valid or not.
        has_default: Whether there is an include for proposals without one.
    """

    rule_names: Collection[str]
    has_default: bool


def _rule_over(columns: Mapping[str, Column], raw: object) -> Rule:
    if not isinstance(raw, dict):
        raise ValueError("expected a rule, such as { calib_level = 3 }; {} takes everything")  # noqa: TRY004 - pydantic
    rule, problems = parse_rule(raw, columns)
    if problems:
        raise RefusedError(problems)
    return rule


def _reference(raw: object, info: ValidationInfo[Context]) -> str | NamedRule:
    names = info.context.rule_names
    if isinstance(raw, dict):
        rule = _rule_over(PRODUCT_COLUMNS, raw)
        return NamedRule(str(rule), rule)
    if not isinstance(raw, str):
        raise ValueError("expected the name of a rule, or a rule such as { calib_level = 3 }")  # noqa: TRY004 - pydantic
    if raw not in names:
        raise ValueError(expected_one_of(raw, names) if names else f"expected a table [rules.{toml_key(raw)}]")
    return raw


RuleName: TypeAlias = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]+$")]
ObservationRule = TypeAliasType(
    "ObservationRule",
    Annotated[
        Rule,
        PlainValidator(partial(_rule_over, OBSERVATION_COLUMNS)),
        WithJsonSchema(rule_schema(OBSERVATION_COLUMNS)),
    ],
)
ProductRule = TypeAliasType(
    "ProductRule",
    Annotated[Rule, PlainValidator(partial(_rule_over, PRODUCT_COLUMNS)), WithJsonSchema(rule_schema(PRODUCT_COLUMNS))],
)
RuleReference: TypeAlias = Annotated[
    str | NamedRule, PlainValidator(_reference, json_schema_input_type=RuleName | ProductRule)
]
"""A rule, or the name of one; validated with a `Context`."""
