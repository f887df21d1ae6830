"""What `search`, `plan --explain` and `show` say to programs: their JSON, as types, with the schemas.

Every key always stands, with null where there is nothing. Later versions of a schema with the same number only add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jwstsync.core.caom import OBSERVATION_COLUMNS, Value
from jwstsync.core.holdings import holdings_of
from jwstsync.core.schemas import CLOSED, schema_of
from jwstsync.core.selection import executed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jwstsync.core.caom import Observation
    from jwstsync.core.explanation import Explanation
    from jwstsync.core.inventory import Age, Inventory
    from jwstsync.core.selection import Listing

PartName = Literal["observations", "include", "exclude"]
_Bytes = Annotated[int, Field(description="their bytes together, as far as known")]


@with_config(CLOSED)
class ProposalEntry(TypedDict):
    """How many observations the archive has of one proposal."""

    proposal: int
    observations: Annotated[int, Field(description="those that were executed")]
    planned: Annotated[int, Field(description="those that are planned; they have no products")]


@with_config(CLOSED)
class HoldingEntry(TypedDict):
    """How many products there are of one level, type and suffix, under the keys that a rule has for them."""

    proposal: int
    calib_level: int | None
    productType: str | None
    extension: Annotated[str, Field(description="the end of their file names, such as _cal.fits")]
    files: int
    bytes: _Bytes
    not_public: Annotated[int, Field(description="how many of them are under exclusive access")]


@with_config(CLOSED)
class SearchDocument(TypedDict):
    """What ``search`` tells."""

    schema: Literal["jwstsync.search/1"]
    proposals: Annotated[list[ProposalEntry], Field(description="as asked for")]
    observations: Annotated[list[dict[str, Value]], Field(description="the executed ones, with MAST's column names")]
    products: Annotated[list[HoldingEntry] | None, Field(description="null without --products")]


@with_config(CLOSED)
class MissEntry(TypedDict):
    """A line of a rule that does not hold."""

    key: str
    wanted: Annotated[str, Field(description="the value in the manifest, as TOML")]
    found: Annotated[str, Field(description="what stands there instead, for people")]


@with_config(CLOSED)
class VerdictEntry(TypedDict):
    """What one rule says of a product."""

    proposal: int
    block: Annotated[int, Field(description="which of the manifest's [[proposal]] blocks it stands in, from 0")]
    part: PartName
    rule: Annotated[str, Field(description="its name, or the rule itself")]
    takes: Annotated[
        bool,
        Field(
            description="a product is selected if observations and an include of one block take "
            "it, and no exclude of that block does"
        ),
    ]
    misses: list[MissEntry]


@with_config(CLOSED)
class ExplanationEntry(TypedDict):
    """Why one product is selected or left out."""

    filename: str
    uri: str
    selected: bool
    verdicts: list[VerdictEntry]
    problem: Annotated[
        str | None,
        Field(description="why it is refused though it is selected, or locked though it is not listed"),
    ]


@with_config(CLOSED)
class UnansweredEntry(TypedDict):
    """A proposal that could not be asked."""

    proposal: int
    error: str


@with_config(CLOSED)
class ExplainDocument(TypedDict):
    """What ``plan --explain`` tells."""

    schema: Literal["jwstsync.explain/1"]
    pattern: str
    products: list[ExplanationEntry]
    errors: list[UnansweredEntry]


@with_config(CLOSED)
class LockedProposalEntry(TypedDict):
    """What is locked of one proposal."""

    proposal: int
    name: Annotated[str | None, Field(description="what the manifest calls it")]
    files: int
    bytes: int


@with_config(CLOSED)
class VersionEntry(TypedDict):
    """What is locked of one pipeline version."""

    cal_ver: str | None
    files: int
    bytes: int


@with_config(CLOSED)
class ContextEntry(TypedDict):
    """What is locked of one CRDS context."""

    crds_ctx: str | None
    files: int
    bytes: int


@with_config(CLOSED)
class AgeEntry(TypedDict):
    """What one pipeline version made by one CRDS context."""

    cal_ver: str
    crds_ctx: str | None
    files: int
    bytes: int
    paths: list[str]


@with_config(CLOSED)
class ShowDocument(TypedDict):
    """What ``show`` tells of a lockfile; versions and contexts from the oldest to the newest, null at the end."""

    schema: Literal["jwstsync.show/1"]
    lockfile: Annotated[str, Field(description="its name")]
    files: int
    bytes: int
    proposals: list[LockedProposalEntry]
    versions: list[VersionEntry]
    contexts: list[ContextEntry]
    oldest: Annotated[
        AgeEntry | None,
        Field(
            description="the smallest pipeline version and its smallest CRDS context: a lockfile has no times; null "
            "where no version is known"
        ),
    ]
    newest: Annotated[AgeEntry | None, Field(description="the largest pipeline version and its largest CRDS context")]
    recheck: Annotated[int, Field(description="products that a merge has marked for a fresh look")]


def search_document(
    observed: Mapping[int, Sequence[Observation]], listings: Iterable[Listing] | None
) -> SearchDocument:
    """The JSON document of what the archive has.

    Args:
        observed: The observations of each proposal, planned ones too.
        listings: The products of the executed ones, if they were asked for.
    """
    done = {proposal: executed(rows) for proposal, rows in observed.items()}
    return {
        "schema": "jwstsync.search/1",
        "proposals": [
            {"proposal": proposal, "observations": len(done[proposal]), "planned": len(rows) - len(done[proposal])}
            for proposal, rows in observed.items()
        ],
        "observations": [_row(observation) for rows in done.values() for observation in rows],
        "products": None if listings is None else [entry for listing in listings for entry in _holdings(listing)],
    }


def _row(observation: Observation) -> dict[str, Value]:
    return {column.name: getattr(observation, column.attribute) for column in OBSERVATION_COLUMNS.values()}


def _holdings(listing: Listing) -> list[HoldingEntry]:
    return [
        {
            "proposal": listing.proposal,
            "calib_level": one.calib_level,
            "productType": one.product_type,
            "extension": one.extension,
            "files": one.files,
            "bytes": one.bytes,
            "not_public": one.not_public,
        }
        for one in holdings_of(listing.rows)
    ]


def explain_document(pattern: str, found: Iterable[Explanation], failed: Mapping[int, str]) -> ExplainDocument:
    """The JSON document of explanations.

    Args:
        pattern: Which file names were asked about.
        found: The explanations.
        failed: The errors of the proposals that could not be asked.
    """
    return {
        "schema": "jwstsync.explain/1",
        "pattern": pattern,
        "products": [_explanation(one) for one in found],
        "errors": [{"proposal": proposal, "error": error} for proposal, error in failed.items()],
    }


def _explanation(one: Explanation) -> ExplanationEntry:
    verdicts: list[VerdictEntry] = [
        {
            "proposal": verdict.proposal,
            "block": verdict.block,
            "part": verdict.part.value,
            "rule": verdict.rule,
            "takes": verdict.takes,
            "misses": [{"key": miss.key, "wanted": miss.wanted, "found": miss.found} for miss in verdict.misses],
        }
        for verdict in one.verdicts
    ]
    return {
        "filename": one.filename,
        "uri": one.uri,
        "selected": one.selected,
        "verdicts": verdicts,
        "problem": one.problem,
    }


def show_document(inventory: Inventory, lockfile: str, names: Mapping[int, str | None]) -> ShowDocument:
    """The JSON document of what is locked.

    Args:
        inventory: What is told.
        lockfile: The lockfile's name.
        names: What the manifest calls its proposals.
    """
    return {
        "schema": "jwstsync.show/1",
        "lockfile": lockfile,
        "files": inventory.files,
        "bytes": inventory.bytes,
        "proposals": [
            {"proposal": one.key, "name": names.get(one.key), "files": one.files, "bytes": one.bytes}
            for one in inventory.proposals
        ],
        "versions": [{"cal_ver": one.key, "files": one.files, "bytes": one.bytes} for one in inventory.cal_vers],
        "contexts": [{"crds_ctx": one.key, "files": one.files, "bytes": one.bytes} for one in inventory.crds_ctxs],
        "oldest": _age(inventory.oldest),
        "newest": _age(inventory.newest),
        "recheck": inventory.recheck,
    }


def _age(age: Age | None) -> AgeEntry | None:
    if age is None:
        return None
    return {
        "cal_ver": age.cal_ver,
        "crds_ctx": age.crds_ctx,
        "files": len(age.paths),
        "bytes": age.bytes,
        "paths": list(age.paths),
    }


def search_schema() -> dict[str, Any]:
    """The JSON Schema of what ``search`` prints with ``--json``."""
    return schema_of(SearchDocument)


def explain_schema() -> dict[str, Any]:
    """The JSON Schema of what ``plan --explain`` prints with ``--json``."""
    return schema_of(ExplainDocument)


def show_schema() -> dict[str, Any]:
    """The JSON Schema of what ``show`` prints with ``--json``."""
    return schema_of(ShowDocument)
