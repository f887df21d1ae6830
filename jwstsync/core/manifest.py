"""What the user wrote, as a type: the text of a manifest to a `Manifest`, or to all that is wrong in it.

Which file is the manifest, and what the environment and the command line put in its place, is decided elsewhere. What a
rule means is the business of `rules`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import tomli
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import GenerateJsonSchema

from jwstsync.core.conditions import parse_size
from jwstsync.core.layout import DEFAULT_LAYOUT, template_problem
from jwstsync.core.manifest_problems import ID_EXPECTED, LARGEST_ID, URL_EXPECTED, problems_of
from jwstsync.core.rules import (
    Context,
    NamedRule,
    ObservationRule,
    ProductRule,
    RefusedError,
    Rule,
    RuleName,
    RuleReference,
    shortened,
    toml_value,
)
from jwstsync.errors import ManifestError, Problem, UsageError

__all__ = ["Archive", "Manifest", "NamedRule", "ProposalBlock", "manifest_schema", "parse_manifest"]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import PurePath

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

_UNSAFE_URL = re.compile(r"[\s\\?#\x00-\x1f\x7f-\x9f]")


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(URL_EXPECTED) from None
    if not known or "@" in parts.netloc or _UNSAFE_URL.search(url):
        raise ValueError(URL_EXPECTED)
    return url.rstrip("/")


def _layout(template: str) -> str:
    if problem := template_problem(template):
        raise ValueError(problem)
    return template


def _ids(raw: object) -> tuple[int, ...]:
    if not isinstance(raw, list):
        raw = [raw] if _is_id(raw) else []
    if not raw:
        raise ValueError(ID_EXPECTED)
    problems: list[Problem] = []
    ids: dict[int, None] = {}
    for index, one in enumerate(raw):
        if _is_id(one) and one not in ids:
            ids[one] = None
        else:
            expected = "expected every id once" if _is_id(one) else ID_EXPECTED
            problems.append(Problem(f"[{index}]", shortened(toml_value(one)), expected))
    if problems:
        raise RefusedError(problems)
    return tuple(ids)


def _is_id(value: object) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_ID


def _some_rules(raw: object, info: ValidationInfo[Context]) -> object:
    if raw == []:
        raise ValueError("expected at least one rule; [{}] takes everything")
    if raw is None and not info.context.has_default:
        raise ValueError("expected an include, here or in [defaults]; include = [{}] takes everything")
    return [] if raw is None else raw


_ID_SCHEMA = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
_IDS_SCHEMA = {"anyOf": [_ID_SCHEMA, {"type": "array", "items": _ID_SCHEMA, "minItems": 1, "uniqueItems": True}]}
_SIZE_SCHEMA = {"type": ["integer", "string"], "minimum": 0}

Address = Annotated[str, AfterValidator(_address)]
Root = Annotated[str, Field(pattern=r"^[^~\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
Layout = Annotated[str, AfterValidator(_layout)]
Size = Annotated[int, PlainValidator(parse_size), WithJsonSchema(_SIZE_SCHEMA)]
Ids = Annotated[tuple[int, ...], PlainValidator(_ids), WithJsonSchema(_IDS_SCHEMA)]
SomeRules = Annotated[list[RuleReference], BeforeValidator(_some_rules), Field(json_schema_extra={"minItems": 1})]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def _example(**values: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class Archive(_Table):
    """Where the products come from, and how they are asked for."""

    model_config = _example(exclusive_access="skip")

    url: Address = Field(
        default="https://mast.stsci.edu", description="address of the archive", examples=["https://mast.stsci.edu"]
    )
    exclusive_access: Literal["auto", "skip", "fetch", "error"] = Field(
        default="auto",
        description="products that are not public yet: fetch those the token gives a right to (auto), none (skip), "
        "all, which needs a token (fetch), or refuse the run if one of them can not be had (error)",
        examples=["skip"],
    )
    checksums: Literal["auto", "require", "ignore"] = Field(
        default="auto",
        description="the archive's own checksums: believed once one has matched the bytes that came (auto), always "
        "(require), or never (ignore)",
        examples=["require"],
    )
    timeout: float = Field(
        default=600,
        gt=0,
        allow_inf_nan=False,
        description="seconds for one query with all its tries and polls",
        examples=[600],
    )


class Destination(_Table):
    """Where the products go."""

    model_config = _example(root="mirror", layout="{proposal_id}/{filename}")

    root: Root = Field(
        default="mastDownload",
        description="folder for the products, relative to the manifest",
        examples=["mastDownload", "../jwst"],
    )
    layout: Layout = Field(
        default=DEFAULT_LAYOUT,
        description="path of a product below the root; it ends in {filename}",
        examples=["{proposal_id}/{instrument_name}/{filename}"],
    )
    on_update: Literal["replace", "keep"] = Field(
        default="replace",
        description="the old file of a product that the archive has made anew: given up once the new one is verified "
        "(replace), or kept in <root>/.jwstsync/versions (keep)",
        examples=["keep"],
    )


class Limits(_Table):
    """What a run may take; sizes in bytes, or with a unit."""

    model_config = _example(max_download="500 GB", reserve_disk="1 GB")

    connections: int = Field(default=4, ge=1, le=8, description="downloads at once; MAST is shared", examples=[4])
    max_download: Size | None = Field(
        default=None, description="refuse a plan that would fetch more; without it, no limit", examples=["500 GB"]
    )
    reserve_disk: Size = Field(default=10**9, description="leave so much of the disk free", examples=["1 GB"])


class Defaults(_Table):
    """For proposals that do not say it themselves."""

    model_config = _example(include=["calibrated"])

    include: SomeRules = Field(
        default_factory=list, description="rules for proposals without an include", examples=[["calibrated"]]
    )


class ProposalTable(_Table):
    """Products of one or more proposals."""

    id: Ids = Field(description="proposal id, or a list of them", examples=[2733, [2733, 2731]])
    name: str | None = Field(default=None, description="a name, for people", examples=["Southern Ring"])
    observations: ObservationRule = Field(
        default_factory=Rule,
        description="which observations; without it, all executed ones",
        examples=[{"instrument_name": "MIRI*", "calib_level": 3}],
    )
    include: SomeRules = Field(
        default_factory=lambda: None,
        validate_default=True,
        description="products that any of these rules takes; without it, those of [defaults]",
        examples=[["calibrated", {"productSubGroupDescription": "I2D"}]],
    )
    exclude: list[RuleReference] = Field(
        default_factory=list,
        description="but none that one of these rules takes",
        examples=[[{"productFilename": "*_rateints.fits"}]],
    )


class ManifestTable(_Table):
    """Which JWST data belong in a folder."""

    model_config = ConfigDict(title="jwstsync manifest")

    version: int = Field(ge=1, le=1, description="version of the manifest's format", examples=[1])
    archive: Archive = Field(default_factory=Archive)
    destination: Destination = Field(default_factory=Destination)
    limits: Limits = Field(default_factory=Limits)
    rules: dict[RuleName, ProductRule] = Field(
        default_factory=dict,
        description="rules with a name, for include and exclude",
        examples=[{"calibrated": {"productType": "SCIENCE", "calib_level": [2, 3], "extension": "fits"}}],
        json_schema_extra={"additionalProperties": False},
    )
    defaults: Defaults = Field(default_factory=Defaults)
    proposal: list[ProposalTable] = Field(
        min_length=1,
        description="blocks of proposals; what they select is united",
        examples=[[{"id": 2733, "include": ["calibrated"]}]],
    )


_KEYS = {
    (): ManifestTable.model_fields,
    ("archive",): Archive.model_fields,
    ("destination",): Destination.model_fields,
    ("limits",): Limits.model_fields,
    ("defaults",): Defaults.model_fields,
    ("proposal",): ProposalTable.model_fields,
}


@dataclass(frozen=True, slots=True)
class ProposalBlock:
    """One ``[[proposal]]`` block: the products that any of ``include`` takes and none of ``exclude``."""

    ids: tuple[int, ...]
    name: str | None
    observations: Rule
    include: tuple[NamedRule, ...]
    exclude: tuple[NamedRule, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A valid manifest.

    Attributes:
        source: The file it was read from.
        sandboxed: Whether root and lockfile are those of a sandbox, beside the real ones.
    """

    source: PurePath
    archive: Archive
    destination: Destination
    limits: Limits
    blocks: tuple[ProposalBlock, ...]
    sandboxed: bool = False

    @property
    def root(self) -> PurePath:
        """The folder of the products."""
        root = self.source.parent / self.destination.root
        if not self.sandboxed:
            return root
        if root.name in {"", ".."}:
            return self.source.with_name(f"{self.source.name.removesuffix('.toml')}-sandbox")
        return root.with_name(f"{root.name}-sandbox")

    @property
    def lockfile(self) -> PurePath:
        """The lockfile, beside the manifest."""
        return lockfile_beside(self.source, sandboxed=self.sandboxed)

    def with_archive(self, *, url: str | None = None, timeout: float | None = None) -> Manifest:
        """The same with what the environment and flags put in place of ``[archive]``.

        Raises:
            UsageError: One of the values is not valid.
        """
        given = {key: value for key, value in (("url", url), ("timeout", timeout)) if value is not None}
        try:
            archive = Archive.model_validate(self.archive.model_dump() | given)
        except ValidationError as error:
            problems = problems_of(error, {"archive": given}, _KEYS, "archive")
            raise UsageError("\n".join(map(str, problems))) from None
        return replace(self, archive=archive)

    def for_sandbox(self, url: str) -> Manifest:
        """The same for a stand-in at ``url``, which never touches the real root and lockfile."""
        return replace(self.with_archive(url=url), sandboxed=True)


def lockfile_beside(source: PurePath, *, sandboxed: bool = False) -> PurePath:
    """Where the lockfile of the manifest ``source`` is: beside it, with its name."""
    return source.with_name(source.name.removesuffix(".toml") + (".sandbox.lock" if sandboxed else ".lock"))


def parse_manifest(text: str, source: PurePath) -> Manifest:
    """The manifest that ``text`` states.

    Raises:
        ManifestError: It is not valid; with all that is wrong.
    """
    try:
        document = tomli.loads(text)
        table = ManifestTable.model_validate(document, context=_context(document))
    except ValidationError as error:
        raise ManifestError(str(source), problems_of(error, document, _KEYS)) from None
    except (ValueError, RecursionError) as error:
        raise ManifestError(str(source), [Problem("", "", _toml_expected(error))]) from None
    return Manifest(source, table.archive, table.destination, table.limits, tuple(_blocks(table)))


def _toml_expected(error: Exception) -> str:
    if not isinstance(error, tomli.TOMLDecodeError):
        return "expected TOML without numbers of thousands of digits and tables nested hundreds deep"
    return f"expected TOML; line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"


def _context(document: Mapping[str, Any]) -> Context:
    rules, defaults = document.get("rules"), document.get("defaults")
    has_default = isinstance(defaults, dict) and "include" in defaults
    return Context(rules.keys() if isinstance(rules, dict) else (), has_default)


def _blocks(table: ManifestTable) -> Iterator[ProposalBlock]:
    def named(references: Iterable[str | NamedRule]) -> tuple[NamedRule, ...]:
        return tuple(NamedRule(one, table.rules[one]) if isinstance(one, str) else one for one in references)

    for block in table.proposal:
        include = named(block.include or table.defaults.include)
        yield ProposalBlock(block.id, block.name, block.observations, include, named(block.exclude))


class _SchemaGenerator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - titles that repeat the key
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # TOML has no null

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = super().default_schema(schema)
        return {key: value for key, value in default.items() if (key, value) != ("default", None)}


def manifest_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a manifest."""
    schema = ManifestTable.model_json_schema(schema_generator=_SchemaGenerator)
    return {"$schema": _SchemaGenerator.schema_dialect, **schema}
