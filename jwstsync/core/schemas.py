"""How a JSON Schema is made of the types that documents for programs have; what is in them stands with each document.

Schemas allow no other keys, so that a test finds what is misspelled.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, TypeAdapter

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CLOSED = ConfigDict(extra="forbid")
"""For the types: no other keys."""


def schema_of(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever pydantic makes a schema of
    """The JSON Schema of a type."""
    return {"$schema": DIALECT, **TypeAdapter[Any](kind).json_schema()}
