"""What `lock merge` and `lock check` say to programs: their JSON, as types, with the schemas.

Every key always stands, with null where there is nothing. Later versions of a schema with the same number only add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jwstsync.core.schemas import CLOSED, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jwstsync.core.merge import Merge

_Uris = list[str]


@with_config(CLOSED)
class MergeDocument(TypedDict):
    """What ``lock merge`` has made of two versions of a lockfile; the lists have URIs."""

    schema: Literal["jwstsync.lock-merge/1"]
    lockfile: Annotated[str, Field(description="its name, as it was called")]
    merged: Annotated[bool, Field(description="false where there are no two versions, and nothing was written")]
    by_lines: Annotated[bool, Field(description="whether git has merged it by lines, so that all of it is marked")]
    products: Annotated[int | None, Field(description="how many are locked now; null where nothing was merged")]
    rechecked: Annotated[_Uris, Field(description="ours kept of two versions, and marked for a fresh look")]
    revived: Annotated[_Uris, Field(description="kept, since one side changed what the other removed")]
    displaced: Annotated[_Uris, Field(description="left out, since another product has the path")]
    torn: Annotated[_Uris, Field(description="left out, since conflict markers run through them")]


@with_config(CLOSED)
class CheckedEntry(TypedDict):
    """One manifest and its lockfile."""

    manifest: str
    valid: Annotated[bool, Field(description="whether both can be read; if not, the problems tell why")]
    products: Annotated[
        int | None, Field(description="how many are locked; null where nothing is, or none can be read")
    ]
    problems: list[str]


@with_config(CLOSED)
class CheckDocument(TypedDict):
    """What ``lock check`` has found."""

    schema: Literal["jwstsync.lock-check/1"]
    checked: Annotated[list[CheckedEntry], Field(description="each manifest once, as asked for")]


def merge_document(lockfile: str, merge: Merge | None) -> MergeDocument:
    """The JSON document of a merge.

    Args:
        lockfile: Its name.
        merge: What came of it; None where there was nothing to merge.
    """
    return {
        "schema": "jwstsync.lock-merge/1",
        "lockfile": lockfile,
        "merged": merge is not None,
        "by_lines": merge is not None and merge.by_lines,
        "products": None if merge is None else len(merge.lockfile),
        "rechecked": [] if merge is None else [*merge.rechecked],
        "revived": [] if merge is None else [*merge.revived],
        "displaced": [] if merge is None else [*merge.displaced],
        "torn": [] if merge is None else [*merge.torn],
    }


def checked_entry(manifest: str, products: int | None, problems: Sequence[str], *, valid: bool) -> CheckedEntry:
    """What was found of one manifest, as JSON has it."""
    return {"manifest": manifest, "valid": valid, "products": products, "problems": [*problems]}


def check_document(checked: Iterable[CheckedEntry]) -> CheckDocument:
    """The JSON document of a check."""
    return {"schema": "jwstsync.lock-check/1", "checked": [*checked]}


def merge_schema() -> dict[str, Any]:
    """The JSON Schema of what ``lock merge`` prints with ``--json``."""
    return schema_of(MergeDocument)


def check_schema() -> dict[str, Any]:
    """The JSON Schema of what ``lock check`` prints with ``--json``."""
    return schema_of(CheckDocument)
