"""Which bytes belong to the set, as a type; text to `Lockfile` and back.

The lockfile never says what is on this disk. The same state gives the same text, whatever the history: sorted by
``uri``, fixed key order, no times, hosts or absolute paths. Reading and writing the file is the store's business.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import rtoml
import tomli
import tomli_w
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from jwstsync.core.layout import ProductPath, checked_path, same_place
from jwstsync.core.schemas import DIALECT
from jwstsync.errors import LockfileError, Problem, UnsafeNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

VERSION = 1
HEADER = "# {name} is written by jwstsync. Commit it; do not edit it.\n"
_CONFLICT = "holds conflicts of a merge; expected none: `jwstsync lock merge` brings both sides together"
_RESTORE = "restore it from version control, or remove it to lock what is there anew"
_MERGE_AGAIN = "if git has merged it so, take the merge back, call `jwstsync init --git`, and merge again"
_CONFLICT_MARKER = "<" * 7
_MAX_SHOWN = 60

_Size = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
_Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]


def _true(value: object) -> object:
    if value is not True:  # pydantic takes 1 for it
        raise ValueError("expected true")
    return value


_True = Annotated[Literal[True], BeforeValidator(_true)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedProduct:
    """One product of the set, and which bytes it is. Sizes in bytes, hashes as lower-case hexadecimal."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    uri: Annotated[_Text, Field(description="the product's name in the archive, such as mast:JWST/product/...")]
    path: Annotated[ProductPath, Field(description="a path below the root, relative, with '/' and without '..'")]
    proposal: Annotated[
        int, Field(strict=True, ge=1, description="the smallest proposal id that selects it, a whole number")
    ]
    size: Annotated[_Size, Field(description="the number of bytes, counted while writing, a whole number")]
    sha256: Annotated[
        str, Field(pattern="^[0-9a-f]{64}$", description="the SHA-256 of the bytes, 64 lower-case hex digits")
    ]
    md5: Annotated[
        str | None,
        Field(
            pattern="^[0-9a-f]{32}$",
            description="the archive's MD5, confirmed on the bytes, 32 lower-case hex digits",
        ),
    ] = None
    stated_size: Annotated[
        _Size | None, Field(description="the listed size where it differs from the bytes, a whole number")
    ] = None
    cal_ver: Annotated[_Text | None, Field(description="the pipeline version, such as 1.16.1")] = None
    crds_ctx: Annotated[_Text | None, Field(description="the CRDS context, such as jwst_1303.pmap")] = None
    recheck: Annotated[
        _True | None,
        Field(description="true, where a merge kept one of two versions and no apply has asked the archive since"),
    ] = None


_NAMES = tuple(one.name for one in fields(LockedProduct))


@dataclass(frozen=True, slots=True)
class Lockfile:
    """The locked products by URI."""

    products: Mapping[str, LockedProduct] = field(default_factory=dict)

    @classmethod
    def of(cls, products: Iterable[LockedProduct]) -> Lockfile:
        """A lockfile of these products, in the order that the file has."""
        return cls({product.uri: product for product in sorted(products, key=lambda product: product.uri)})

    @property
    def proposals(self) -> frozenset[int]:
        """The proposals that have locked products."""
        return frozenset(product.proposal for product in self.products.values())

    def __iter__(self) -> Iterator[LockedProduct]:
        return iter(self.products.values())

    def __len__(self) -> int:
        return len(self.products)


@cache
def _adapter() -> TypeAdapter[list[LockedProduct]]:
    return TypeAdapter(list[LockedProduct])


def lockfile_schema() -> dict[str, object]:
    """The JSON Schema of a lockfile."""
    products = _adapter().json_schema()
    return {
        "$schema": DIALECT,
        "title": "jwstsync.lock",
        "description": "which bytes belong to the set; written by jwstsync",
        "type": "object",
        "properties": {
            "version": {"const": VERSION},
            "product": {key: value for key, value in products.items() if key != "$defs"},
        },
        "required": ["version"],
        "additionalProperties": False,
        "$defs": products["$defs"],
    }


def format_lockfile(lockfile: Lockfile, name: str) -> str:
    """The text of a lockfile.

    Args:
        lockfile: What is locked.
        name: The file's own name, for its first line.
    """
    ordered = sorted(lockfile, key=lambda product: product.uri)
    document: dict[str, object] = {"version": VERSION}
    if ordered:
        document["product"] = [_known(product) for product in ordered]
    return HEADER.format(name=name) + tomli_w.dumps(document)


def _known(product: LockedProduct) -> dict[str, str | int]:
    values = ((name, getattr(product, name)) for name in _NAMES)  # asdict would copy each, and take ten times as long
    return {name: value for name, value in values if value is not None}


def parse_lockfile(text: str, source: str) -> Lockfile:
    """The lockfile that ``text`` is.

    Args:
        text: The whole file.
        source: The file, as it is to be named to the user.

    Raises:
        LockfileError: With everything that is wrong; also for a later version of the format.
    """
    document = _document(text, source)
    try:
        products = _adapter().validate_python(document.get("product", []))
    except ValidationError as error:
        raise LockfileError(source, [*_problems(error), Problem("", "", _RESTORE)]) from None
    unsafe, doubles = list(_path_problems(products)), list(_double_problems(products))
    if unsafe or doubles:
        way = f"{_MERGE_AGAIN}; or {_RESTORE}" if doubles else _RESTORE
        raise LockfileError(source, [*unsafe, *doubles, Problem("", "", way)])
    return Lockfile.of(products)


def _document(text: str, source: str) -> dict[str, Any]:
    try:
        document = _loaded(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: a number can have too many digits
        expected = _CONFLICT if has_conflicts(text) else f"not TOML ({error}); {_RESTORE}"
        raise LockfileError(source, [Problem("", "", expected)]) from None
    problems = _version_problems(document.get("version")) or [
        Problem(_shown_key(key), _shown(document[key]), "expected only version and [[product]]")
        for key in document
        if key not in {"version", "product"}
    ]
    if problems:
        raise LockfileError(source, problems)
    return document


def _loaded(text: str) -> dict[str, Any]:
    """What TOML says; a reader takes it that is three times as fast, and the other one tells what is wrong.

    The fast one has a key of its own for dates, and makes one of a whole document that has it. A byte order mark, as
    some editors set it, is no part of the text.
    """
    text = text.removeprefix("\ufeff")
    with suppress(ValueError):
        document: object = rtoml.loads(text)
        if isinstance(document, dict):
            return document
    return tomli.loads(text)


def has_conflicts(text: str) -> bool:
    """Whether version control has left conflict markers in a text, as no valid lockfile has them."""
    return text.startswith(_CONFLICT_MARKER) or f"\n{_CONFLICT_MARKER}" in text


def _version_problems(version: object) -> list[Problem]:
    whole = version if type(version) is int else 0  # True is no version
    if whole > VERSION:
        expected = f"written by a later jwstsync; expected {VERSION}: upgrade jwstsync"
        return [Problem("version", _shown(version), expected)]
    shown = "" if version is None else _shown(version)
    return [] if whole == VERSION else [Problem("version", shown, f"expected version = {VERSION}")]


def _problems(error: ValidationError) -> Iterator[Problem]:
    expected = _expected()
    for detail in error.errors(include_url=False, include_context=False):
        location = detail["loc"]
        key = "product" + "".join(
            f"[{part}]" if isinstance(part, int) else f".{_shown_key(part)}" for part in location[:2]
        )
        name = str(location[1]) if len(location) > 1 else ""
        missing = detail["type"] in {"missing", "missing_argument"}
        wanted = expected.get(name, "only the keys " + ", ".join(expected) if name else "a [[product]] block")
        yield Problem(key, "" if missing else _shown(detail["input"]), f"expected {wanted}")


@cache
def _expected() -> dict[str, str]:
    fields = _adapter().json_schema()["$defs"][LockedProduct.__name__]["properties"]
    return {name: schema["description"] for name, schema in fields.items()}


def _path_problems(products: list[LockedProduct]) -> Iterator[Problem]:
    for index, product in enumerate(products):
        try:
            checked_path(product.path)
        except UnsafeNameError as error:
            yield Problem(f"product[{index}].path", _shown(product.path), str(error).partition(": ")[2])


def _double_problems(products: list[LockedProduct]) -> Iterator[Problem]:
    uris = Counter(product.uri for product in products)
    places = Counter(same_place(product.path) for product in products)
    if len(uris) == len(places) == len(products):  # as nearly always
        return
    for index, product in enumerate(products):
        if uris[product.uri] > 1:
            yield Problem(f"product[{index}].uri", _shown(product.uri), "expected each uri once")
        if places[same_place(product.path)] > 1:
            yield Problem(f"product[{index}].path", _shown(product.path), "expected one product on each path")


def _shown_key(name: str) -> str:
    return name if name.isidentifier() else _shown(name)


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, default=str).replace("\x7f", "\\u007f")
    except (ValueError, RecursionError):  # too many digits or too many levels for Python to write
        text = "..."
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
