"""What jwstsync says to programs in one document: the JSON of plans and of what was done, as types, with their schemas.

Every key always stands, with null where there is nothing. Later versions of a schema with the same number only add.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jwstsync.core.adoption import Offered
from jwstsync.core.conditions import day_of
from jwstsync.core.plan import Action, ActionKind, Plan
from jwstsync.core.schemas import CLOSED, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jwstsync.core.comparison import Change
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.offers import Left
    from jwstsync.core.selection import Selected

Subject = Literal["jwstsync.plan/1", "jwstsync.status/1", "jwstsync.verify/1"]
BasisName = Literal["checksum", "version", "size"]
ActionName = Literal["keep", "fetch", "update", "repair", "adopt", "move", "withhold", "drop", "prune"]
LeftoverName = Literal["trash", "parts", "versions"]
FormatName = Literal["sha256sums", "csv", "parquet", "uris"]
SparedName = Literal["changed", "adopted", "foreign", "linked"]
OutcomeName = Literal["done", "failed", "deferred", "withheld"]


@with_config(CLOSED)
class Amount(TypedDict):
    """How many products, and how many bytes as far as known."""

    files: int
    bytes: int


@with_config(CLOSED)
class Version(TypedDict):
    """What one side says of a product. ``md5`` is the archive's."""

    size: Annotated[int | None, Field(description="bytes, as far as known")]
    md5: str | None
    cal_ver: str | None
    crds_ctx: str | None


@with_config(CLOSED)
class ChangeEntry(TypedDict):
    """One fact that archive and lockfile state otherwise."""

    fact: Literal["size", "md5", "cal_ver", "crds_ctx"]
    locked: Annotated[str | int, Field(description="as it was locked; a size in bytes")]
    archive: Annotated[str | int, Field(description="as it is there now; a size in bytes")]


@with_config(CLOSED)
class Detail(TypedDict):
    """What the decision rests on."""

    locked: Annotated[Version | None, Field(description="what the lockfile says")]
    archive: Annotated[Version | None, Field(description="what the archive says; as locked, where it was not asked")]
    moved_from: Annotated[str | None, Field(description="where the file stands, if that is not where it belongs")]
    size_on_disk: Annotated[
        int | None, Field(description="bytes at the path, or at moved_from; -1 for what is no file")
    ]
    released: Annotated[str | None, Field(description="the day when it is or was public")]
    changes: Annotated[
        list[ChangeEntry] | None, Field(description="what has changed in the archive; null where nothing has")
    ]


@with_config(CLOSED)
class ActionEntry(TypedDict):
    """One product's action. Paths are relative to the root."""

    action: ActionName
    reason: str | None
    uri: str
    path: str
    proposal: int
    size: Annotated[int | None, Field(description="bytes, as far as known")]
    source: Annotated[str | None, Field(description="the file elsewhere that it is brought in from (--adopt-from)")]
    compared_by: Annotated[
        BasisName | None,
        Field(
            description="by what archive and lockfile were compared: the archive's checksum alone; or version, context "
            "and stated size; or stated size alone. null where one of them has nothing to compare: what is new, "
            "what is dropped, and what the archive was not asked about"
        ),
    ]
    detail: Detail


@with_config(CLOSED)
class ErrorEntry(TypedDict):
    """A proposal that could not be asked, or a product that can not be taken (with its URI)."""

    proposal: int
    uri: str | None
    error: str


@with_config(CLOSED)
class SparedEntry(TypedDict):
    """A file that nothing locks, and that is not pruned though that was asked for."""

    path: str
    why: Annotated[
        SparedName,
        Field(
            description="not as jwstsync wrote it; not written by it; not known to it, but beside what is pruned; "
            "a link, or reached through one"
        ),
    ]


@with_config(CLOSED)
class LeftEntry(TypedDict):
    """A file elsewhere that has a product's name and stays where it is, and why."""

    uri: str
    source: str
    error: str


@with_config(CLOSED)
class PlanDocument(TypedDict):
    """What ``plan``, ``status`` and ``verify`` tell; the summary has every action, also where there is none."""

    schema: Subject
    summary: dict[ActionName, Amount]
    actions: list[ActionEntry]
    errors: list[ErrorEntry]
    left: Annotated[list[LeftEntry], Field(description="files elsewhere that can not be taken (--adopt-from)")]
    kept_at: Annotated[
        str | None,
        Field(description="when the oldest of the archive's answers came, UTC, where kept ones were used (--offline)"),
    ]
    versions: Annotated[
        Amount | None, Field(description="the old versions that are kept; null where they are not counted")
    ]
    remaining: Annotated[
        Amount | None,
        Field(description="what a verification has still to hash, and so is in no action; null for others"),
    ]
    stale: Annotated[int, Field(description="how many of the products wait to be made anew in the archive")]
    idle_rules: Annotated[list[str], Field(description="the rules that take no listed product")]
    warnings: Annotated[list[str], Field(description="what could not be found out, and what was done without it")]
    spared: Annotated[list[SparedEntry], Field(description="what is not pruned, though nothing locks it (--prune)")]
    doubt: Annotated[str | None, Field(description="why nothing is pruned at all (--prune)")]


@with_config(CLOSED)
class CleanDocument(TypedDict):
    """What ``clean`` has removed, and what it could not."""

    schema: Literal["jwstsync.clean/1"]
    removed: dict[LeftoverName, Amount]
    errors: list[str]


@with_config(CLOSED)
class ExportDocument(TypedDict):
    """What ``export`` has written into a file."""

    schema: Literal["jwstsync.export/1"]
    format: FormatName
    file: str
    products: Amount


@with_config(CLOSED)
class EditDocument(TypedDict):
    """What ``init``, ``add`` and ``remove`` have written."""

    schema: Literal["jwstsync.edit/1"]
    manifest: str
    added: Annotated[list[int], Field(description="proposals")]
    removed: Annotated[list[int], Field(description="proposals")]
    written: Annotated[list[str], Field(description="files, and settings of git (init --git); as people are told")]


@with_config(CLOSED)
class SandboxDocument(TypedDict):
    """Where ``sandbox`` serves, as soon as it does."""

    schema: Literal["jwstsync.sandbox/1"]
    url: Annotated[str, Field(description="for JWSTSYNC_ARCHIVE_URL")]
    token: Annotated[str, Field(description="one that is accepted, for MAST_API_TOKEN")]


def plan_document(
    plan: Plan,
    subject: Subject,
    *,
    all_actions: bool,
    versions: tuple[int, int] | None = None,
    remaining: Iterable[LockedProduct] | None = None,
) -> PlanDocument:
    """The JSON document of a plan.

    Args:
        plan: What is to be told.
        subject: The schema's name.
        all_actions: List what is kept too, not only what changes.
        versions: How many old versions are kept, and their bytes, where they were counted.
        remaining: What a verification has still to hash.
    """
    listed = (action for action in plan.actions if all_actions or action.kind is not ActionKind.KEEP)
    failed = [ErrorEntry(proposal=proposal, uri=None, error=error) for proposal, error in plan.goal.failed.items()]
    empty = [
        ErrorEntry(proposal=proposal, uri=None, error="had products, and now lists none")
        for proposal in sorted(plan.goal.disbelieved)
    ]
    kept_at = plan.goal.kept_at
    return {
        "schema": subject,
        "summary": summary_of(plan),
        "actions": [_entry(action) for action in listed],
        "errors": [*failed, *empty, *refused_entries(plan)],
        "left": [_left(one) for one in plan.left],
        "kept_at": None if kept_at is None else datetime.fromtimestamp(kept_at, UTC).isoformat(timespec="seconds"),
        "versions": None if versions is None else {"files": versions[0], "bytes": versions[1]},
        "remaining": None if remaining is None else amount_of([one.size for one in remaining]),
        "stale": plan.stale,
        "idle_rules": list(plan.goal.idle_rules),
        "warnings": [*plan.goal.warnings, *filter(None, (plan.token_problem, plan.access_problem))],
        "spared": [{"path": one.path, "why": one.why} for one in plan.spared],
        "doubt": plan.doubt,
    }


def refused_entries(plan: Plan) -> list[ErrorEntry]:
    """The products that can not be taken, as JSON has them."""
    return [ErrorEntry(proposal=one.proposal, uri=one.uri, error=one.error) for one in plan.goal.refused]


def _left(left: Left) -> LeftEntry:
    """A file elsewhere that stays where it is, as JSON has it."""
    return {"uri": left.uri, "source": left.path, "error": left.why}


def summary_of(plan: Plan) -> dict[ActionName, Amount]:
    """How many products each action of a plan has, and their bytes, also where there is none."""
    return {kind.value: amount_of([action.size or 0 for action in plan.of(kind)]) for kind in ActionKind}


def amount_of(sizes: Sequence[int]) -> Amount:
    """So many products, of so many bytes together."""
    return {"files": len(sizes), "bytes": sum(sizes)}


def _entry(action: Action) -> ActionEntry:
    return {
        "action": action.kind.value,
        "reason": action.reason.value if action.reason else None,
        "uri": action.uri,
        "path": action.path,
        "proposal": action.proposal,
        "size": action.size,
        "source": action.offers[0].path if isinstance(action, Offered) else None,
        "compared_by": basis.value if (basis := action.compared_by) else None,
        "detail": {
            "locked": version_of(action.locked),
            "archive": version_of(action.wanted),
            "moved_from": action.source,
            "size_on_disk": action.present.size if action.present else None,
            "released": _day(action.wanted.released_at) if action.wanted else None,
            "changes": [_change(one) for one in action.changes] or None,
        },
    }


@lru_cache  # a proposal has few
def _day(released_at: float | None) -> str | None:
    day = None if released_at is None else day_of(released_at)
    return None if day is None else str(day)


def _change(change: Change) -> ChangeEntry:
    return cast("ChangeEntry", asdict(change))


def version_of(side: LockedProduct | Selected | None) -> Version | None:
    """What one side says of a product, as JSON has it; None where it says nothing."""
    if side is None:
        return None
    return {"size": side.size, "md5": side.md5, "cal_ver": side.cal_ver, "crds_ctx": side.crds_ctx}


def clean_document(removed: Iterable[tuple[str, int]], errors: Sequence[str]) -> CleanDocument:
    """The JSON document of what was removed.

    Args:
        removed: The kind of each, and its bytes.
        errors: What could not be removed, and why.
    """
    sizes: dict[LeftoverName, list[int]] = {"trash": [], "parts": [], "versions": []}
    for kind, size in removed:
        sizes[cast("LeftoverName", kind)].append(size)
    amounts = {kind: amount_of(some) for kind, some in sizes.items()}
    return {"schema": "jwstsync.clean/1", "removed": amounts, "errors": [*errors]}


def export_document(form: FormatName, file: str, sizes: Sequence[int]) -> ExportDocument:
    """The JSON document of what was written.

    Args:
        form: As what.
        file: Where.
        sizes: The bytes of each product.
    """
    return {"schema": "jwstsync.export/1", "format": form, "file": file, "products": amount_of(sizes)}


def edit_document(
    manifest: str, written: Iterable[str], *, added: Iterable[int] = (), removed: Iterable[int] = ()
) -> EditDocument:
    """The JSON document of what was written.

    Args:
        manifest: The manifest's file.
        written: What was, as people are told.
        added: The proposals that are in the manifest now.
        removed: Those that no longer are.
    """
    return {
        "schema": "jwstsync.edit/1",
        "manifest": manifest,
        "added": [*added],
        "removed": [*removed],
        "written": [*written],
    }


def sandbox_document(url: str, token: str) -> SandboxDocument:
    """The JSON document of a stand-in that serves at an address and accepts a token."""
    return {"schema": "jwstsync.sandbox/1", "url": url, "token": token}


def clean_schema() -> dict[str, Any]:
    """The JSON Schema of what ``clean`` prints with ``--json``."""
    return schema_of(CleanDocument)


def export_schema() -> dict[str, Any]:
    """The JSON Schema of what ``export -o`` prints with ``--json``."""
    return schema_of(ExportDocument)


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of what ``plan``, ``status`` and ``verify`` print with ``--json``."""
    return schema_of(PlanDocument)


def edit_schema() -> dict[str, Any]:
    """The JSON Schema of what ``init``, ``add`` and ``remove`` print with ``--json``."""
    return schema_of(EditDocument)


def sandbox_schema() -> dict[str, Any]:
    """The JSON Schema of what ``sandbox`` prints with ``--json``."""
    return schema_of(SandboxDocument)
