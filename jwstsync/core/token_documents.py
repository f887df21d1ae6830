"""What `login`, `whoami` and `logout` say to programs: their JSON, as types, with the schemas. No token stands in it.

Every key always stands, with null where there is nothing. Later versions of a schema with the same number only add.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jwstsync.core.schemas import CLOSED, schema_of


@with_config(CLOSED)
class Facts(TypedDict):
    """Whose a token is, in the archive's words."""

    anonymous: Annotated[bool, Field(description="true where there is no token")]
    name: str | None
    account: Annotated[str | None, Field(description="an address, as a rule")]
    scopes: Annotated[list[str], Field(description="what the token is good for, such as mast:exclusive_access")]


@with_config(CLOSED)
class LoginDocument(Facts):
    """What ``login`` tells of a token that is good."""

    schema: Literal["jwstsync.login/1"]
    stored: Annotated[bool, Field(description="whether it is in the keyring now")]


@with_config(CLOSED)
class WhoamiDocument(Facts):
    """What ``whoami`` tells."""

    schema: Literal["jwstsync.whoami/1"]
    source: Annotated[
        str | None, Field(description="where the token is: MAST_API_TOKEN or keyring; null where there is none")
    ]


@with_config(CLOSED)
class LogoutDocument(TypedDict):
    """What ``logout`` has done."""

    schema: Literal["jwstsync.logout/1"]
    removed: Annotated[bool, Field(description="whether there was a token in the keyring")]
    environment: Annotated[bool, Field(description="whether MAST_API_TOKEN is still set, and so is used")]


def login_document(facts: Facts, *, stored: bool) -> LoginDocument:
    """The JSON document of a login."""
    return {"schema": "jwstsync.login/1", **facts, "stored": stored}


def whoami_document(facts: Facts, source: str | None) -> WhoamiDocument:
    """The JSON document of whose token is used.

    Args:
        facts: Whose it is.
        source: Where it is, if there is one.
    """
    return {"schema": "jwstsync.whoami/1", **facts, "source": source}


def logout_document(*, removed: bool, environment: bool) -> LogoutDocument:
    """The JSON document of a logout."""
    return {"schema": "jwstsync.logout/1", "removed": removed, "environment": environment}


def login_schema() -> dict[str, Any]:
    """The JSON Schema of what ``login`` prints with ``--json``."""
    return schema_of(LoginDocument)


def whoami_schema() -> dict[str, Any]:
    """The JSON Schema of what ``whoami`` prints with ``--json``."""
    return schema_of(WhoamiDocument)


def logout_schema() -> dict[str, Any]:
    """The JSON Schema of what ``logout`` prints with ``--json``."""
    return schema_of(LogoutDocument)
