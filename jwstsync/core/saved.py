"""A plan that is saved, to be reviewed and carried out later: as a type, to its JSON document and back.

It holds every action but those that keep, which are a digest, and the options that shaped it; no hosts, times or
absolute paths. What has changed since it was made is found out in `staleness`. Nothing in the file is ever carried out:
a plan is made anew, and the file only tells whether that is still the one that was reviewed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from jwstsync.core.documents import ActionName, Amount, ErrorEntry, Version, refused_entries, summary_of, version_of
from jwstsync.core.plan import Action, ActionKind, Plan
from jwstsync.core.rules import shortened, toml_path
from jwstsync.core.schemas import CLOSED, schema_of
from jwstsync.errors import Problem, SavedPlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA = "jwstsync.saved-plan/1"
_VERSION = re.compile(r"jwstsync\.saved-plan/(\d{1,9})", re.ASCII)
_EXPECTED = "expected a file that `jwstsync plan --out` wrote"

ModeName = Literal["default", "locked", "frozen"]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@with_config(CLOSED)
class SavedEntry(TypedDict):
    """One product's action, and what it rests on. Paths are relative to the root."""

    action: ActionName
    reason: str | None
    uri: str
    path: str
    proposal: int
    size: Annotated[int | None, Field(description="bytes, as far as known")]
    sha256: Annotated[
        Digest | None, Field(description="the bytes that are locked, or of the file that is pruned; null for new ones")
    ]
    locked: Annotated[Version | None, Field(description="what the lockfile says")]
    archive: Annotated[Version | None, Field(description="what the archive says; as locked, where it was not asked")]
    moved_from: Annotated[str | None, Field(description="where the file stands, if that is not where it belongs")]
    size_on_disk: Annotated[
        int | None, Field(description="bytes at the path, or at moved_from; -1 for what is no file")
    ]
    in_the_way: Annotated[
        int | None, Field(description="bytes of what stands at the path while the file stands at moved_from")
    ]


@with_config(CLOSED)
class SavedOptions(TypedDict):
    """The options that shaped the plan, and that it is carried out with."""

    mode: ModeName
    allow_empty: bool
    prune: bool
    max_prune: Annotated[int | None, Field(ge=0, description="how many files to prune at most")]


@with_config(CLOSED)
class SavedDocument(TypedDict):
    """A saved plan."""

    schema: Literal["jwstsync.saved-plan/1"]
    manifest: Annotated[str, Field(description="the file name of the manifest")]
    manifest_digest: Annotated[Digest, Field(description="SHA-256 of what the manifest means")]
    options: SavedOptions
    summary: dict[ActionName, Amount]
    kept_digest: Annotated[Digest, Field(description="SHA-256 of what is kept: which products, where, which bytes")]
    actions: Annotated[list[SavedEntry], Field(description="all but those that keep")]
    errors: Annotated[list[ErrorEntry], Field(description="products that can not be taken")]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved.

    Attributes:
        document: All of it.
        products: The actions of the selected or locked products, by URI.
        prunes: The files that are pruned, by path; a dropped product whose file is pruned is in both.
    """

    document: SavedDocument
    products: dict[str, SavedEntry] = field(init=False)
    prunes: dict[str, SavedEntry] = field(init=False)

    def __post_init__(self) -> None:
        actions = self.document["actions"]
        object.__setattr__(self, "products", {one["uri"]: one for one in actions if _is_of_a_product(one)})
        object.__setattr__(self, "prunes", {one["path"]: one for one in actions if one["action"] == "prune"})

    @property
    def options(self) -> SavedOptions:
        """The options that shaped it."""
        return self.document["options"]


def _is_of_a_product(entry: SavedEntry) -> bool:
    return entry["action"] != "prune" or entry["locked"] is not None


def saved_document(plan: Plan, manifest: str, manifest_digest: str, options: SavedOptions) -> SavedDocument:
    """The JSON document of a plan that is saved.

    Args:
        plan: What would happen; whole, so that there are no errors but of single products.
        manifest: The manifest's file name.
        manifest_digest: What that means, as `manifest_digest` has it.
        options: What shaped the plan.
    """
    return {
        "schema": "jwstsync.saved-plan/1",
        "manifest": manifest,
        "manifest_digest": manifest_digest,
        "options": options,
        "summary": summary_of(plan),
        "kept_digest": kept_digest(plan.of(ActionKind.KEEP)),
        "actions": [_entry(action) for action in plan.actions if action.kind is not ActionKind.KEEP],
        "errors": [_written(one) for one in refused_entries(plan)],
    }


def _written(error: ErrorEntry) -> ErrorEntry:
    """The error without what no file can hold: a half of a surrogate pair, which JSON from the archive may have."""
    uri, text = (text.encode("utf-8", "replace").decode() for text in (error["uri"] or "", error["error"]))
    return {"proposal": error["proposal"], "uri": uri, "error": text}


def _entry(action: Action) -> SavedEntry:
    return {
        "action": action.kind.value,
        "reason": action.reason.value if action.reason else None,
        "uri": action.uri,
        "path": action.path,
        "proposal": action.proposal,
        "size": action.size,
        "sha256": sha256_of(action),
        "locked": version_of(action.locked),
        "archive": version_of(action.wanted),
        "moved_from": action.source,
        "size_on_disk": action.present.size if action.present else None,
        "in_the_way": action.in_the_way.size if action.in_the_way else None,
    }


def sha256_of(action: Action) -> str | None:
    """The bytes that an action is about, as far as they are known: those of a file to be pruned, or those locked."""
    known = action.orphan or action.locked
    return None if known is None else known.sha256


def kept_digest(kept: Iterable[Action]) -> str:
    """The SHA-256 of what is kept: which products, where, and which bytes."""
    facts = sorted((action.uri, action.path, sha256_of(action)) for action in kept)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def parse_saved(content: bytes, source: str) -> SavedPlan:
    """The saved plan that a file is.

    Args:
        content: The whole file.
        source: The file, as it is to be named to the user.

    Raises:
        SavedPlanError: It is none, is damaged, or is of a later version.
    """
    try:
        document = _adapter().validate_json(content, strict=True)
    except ValidationError as error:
        raise SavedPlanError(source, _version_problems(content) or list(_problems(error))) from None
    saved = SavedPlan(document)
    problems = [*_double_problems(saved), *_summary_problems(document)]
    if problems:
        raise SavedPlanError(source, problems)
    return saved


@cache
def _adapter() -> TypeAdapter[SavedDocument]:
    return TypeAdapter(SavedDocument)


def _version_problems(content: bytes) -> list[Problem]:
    """What is wrong with the file as a whole, if it is not one of ours."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return [Problem("", "", f"not JSON; {_EXPECTED}")]
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == SCHEMA:
        return []
    if isinstance(schema, str) and _VERSION.fullmatch(schema):
        return [
            Problem("schema", _shown(schema), f'written by a later jwstsync; expected "{SCHEMA}": upgrade jwstsync')
        ]
    return [Problem("schema", "" if schema is None else _shown(schema), _EXPECTED)]


def _problems(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_context=False):
        value = "" if detail["type"] == "missing" else _shown(detail["input"])
        message = detail["msg"][:1].lower() + detail["msg"][1:]
        yield Problem(toml_path(detail["loc"]), value, f"{message}; {_EXPECTED}")


def _double_problems(saved: SavedPlan) -> Iterator[Problem]:
    actions = saved.document["actions"]
    uris = Counter([one["uri"] for one in actions if _is_of_a_product(one)])
    paths = Counter([one["path"] for one in actions if one["action"] == "prune"])
    for index, one in enumerate(actions):
        if one["action"] == "keep":
            yield Problem(f"actions[{index}].action", _shown("keep"), "expected only what changes something")
        elif _is_of_a_product(one) and uris[one["uri"]] > 1:
            yield Problem(f"actions[{index}].uri", _shown(one["uri"]), "expected each product once")
        elif one["action"] == "prune" and paths[one["path"]] > 1:
            yield Problem(f"actions[{index}].path", _shown(one["path"]), "expected each file once")


def _summary_problems(document: SavedDocument) -> Iterator[Problem]:
    """What the summary says that the actions do not, so that nobody agrees to less than there is."""
    files: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for one in document["actions"]:
        files[one["action"]] += 1
        size[one["action"]] += one["size"] or 0
    for kind in ActionKind:
        told = document["summary"].get(kind.value)
        if told is None or (kind is not ActionKind.KEEP and told != {"files": files[kind], "bytes": size[kind]}):
            expected = f"expected what the actions add up to: {files[kind]} files, {size[kind]} bytes"
            yield Problem(f"summary.{kind}", "" if told is None else _shown(told), expected)


def _shown(value: object) -> str:
    return shortened(json.dumps(value))


def saved_plan_schema() -> dict[str, Any]:
    """The JSON Schema of a saved plan."""
    return schema_of(SavedDocument)
