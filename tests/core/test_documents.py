"""The JSON documents that programs read, as far as no command's own tests have them."""

from __future__ import annotations

import jsonschema

from jwstsync.core.documents import sandbox_document, sandbox_schema


def test_a_stand_in_tells_where_it_serves() -> None:
    """Its address and the token that it takes, by the schema that is printed for it."""
    document = sandbox_document("http://127.0.0.1:8733", "sandbox-token")
    assert document == {"schema": "jwstsync.sandbox/1", "url": "http://127.0.0.1:8733", "token": "sandbox-token"}
    jsonschema.validate(document, sandbox_schema())
