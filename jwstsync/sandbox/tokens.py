"""The tokens that a sandbox knows, and what it says of whoever shows one.

A token comes as ``Authorization: token T`` or as the cookie ``mast_token``, as in the archive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

TOKEN = "sandbox-token"  # noqa: S105  # made up, and good for nothing but a sandbox
"""Good, and gives a right to every exclusive product."""

STRANGER_TOKEN = "sandbox-stranger-token"  # noqa: S105  # as above
"""Good, of somebody without a right to any exclusive product."""

EXPIRED_TOKEN = "sandbox-expired-token"  # noqa: S105  # as above
"""Not good any more; refused like one that was never issued."""

TOKENS = frozenset({TOKEN, STRANGER_TOKEN, EXPIRED_TOKEN})
"""All of them, good or not."""

_NAMES = {TOKEN: "Sandbox User", STRANGER_TOKEN: "Sandbox Stranger"}


def token_of(request: web.Request) -> str | None:
    """The token that a request shows, good or not."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "token":
        return token.strip()
    return request.cookies.get("mast_token")


def gives_right(token: str | None) -> bool:
    """Whether exclusive products may be had with it."""
    return token == TOKEN


def who(token: str | None) -> dict[str, object]:
    """What ``/whoami`` answers; whoever shows no good token is anonymous."""
    name = _NAMES.get(token or "")
    known = name is not None
    address = f"{name.lower().replace(' ', '.')}@example.org" if name else ""
    return {
        "anon": not known,
        "attrib": {"display_name": name, "email": address} if known else {},
        "eppn": address,
        "ezid": address.partition("@")[0] or "anonymous",
        "scopes": ["mast:exclusive_access"] if known else [],
        "session": None,
        "token": {"id": "sandbox"} if known else None,
    }
