"""What the user's environment says: read once, passed down."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import platformdirs

from jwstsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ARCHIVE_URL = "JWSTSYNC_ARCHIVE_URL"
TIMEOUT = "JWSTSYNC_TIMEOUT"
TOKEN = "MAST_API_TOKEN"  # noqa: S105 - the name of the variable, as astroquery has it


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment's wishes; None where it has none.

    Attributes:
        archive_url: The server to use in place of the manifest's.
        timeout: Seconds for one query.
        token: The MAST token.
        keyring: Whether the token may also be looked for in the keyring.
        ask_token: Asks somebody for the token; None where nobody is there.
        cache_folder: Where the archive's last answers are kept; None keeps none.
    """

    archive_url: str | None = None
    timeout: float | None = None
    token: str | None = field(default=None, repr=False)
    keyring: bool = True
    ask_token: Callable[[], str] | None = None
    cache_folder: Path | None = None


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this environment; an empty variable is as good as none.

    Raises:
        UsageError: The time limit is no number.
    """
    return Settings(
        archive_url=environ.get(ARCHIVE_URL) or None,
        timeout=_seconds(environ.get(TIMEOUT)),
        token=environ.get(TOKEN) or None,
        cache_folder=platformdirs.user_cache_path("jwstsync", appauthor=False),
    )


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise UsageError(f"{TIMEOUT} = {text!r}: expected a number of seconds") from None
