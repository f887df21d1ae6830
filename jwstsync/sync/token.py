"""The user's token in one run: looked for when something needs it, and checked with the archive before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.archive.auth import ENVIRONMENT, Found, find_token, hidden, plain_token, refusal
from jwstsync.errors import ArchiveError, TokenError
from jwstsync.hosts import is_for_mast_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.archive.auth import Identity
    from jwstsync.core.manifest import Manifest
    from jwstsync.settings import Settings
    from jwstsync.sync.feedback import Feedback

_NEEDED = frozenset({"fetch", "error"})
"""The modes of exclusive access in which somebody is asked for a token."""


def may_see_token(url: str, named: str | None) -> bool:
    """Whether an archive is shown the token: MAST's hosts, and the one that the user, not a manifest, has ``named``."""
    return named is not None or is_for_mast_tokens(url)


class Token:
    """The user's token in one run.

    Args:
        manifest: Whose archive it is for.
        settings: Where it is found.
        whoami: Tells whose a token is, or raises `ArchiveError`.
        feedback: Who is told what stands in the way.

    Attributes:
        problem: Why the one that was found is of no use.
    """

    def __init__(
        self, manifest: Manifest, settings: Settings, whoami: Callable[[str], Identity], feedback: Feedback
    ) -> None:
        self.problem: str | None = None
        self._manifest = manifest
        self._settings = settings
        self._whoami = whoami
        self._feedback = feedback
        self._found: Found | None = None
        self._may_ask = manifest.archive.exclusive_access in _NEEDED

    @property
    def sought(self) -> bool:
        """Whether it was looked for."""
        return self._found is not None

    def find(self) -> str | None:
        """The token, if there is one that the archive does not refuse; looked for and checked once.

        Raises:
            TokenError: What was found can be no token.
        """
        if self._found is None:
            self._found = self._sought()
            self.problem = self._refusal(self._found)
        return None if self.problem else self._found.token

    def find_late(self) -> str | None:
        """The same in the middle of a run, when what is wrong with it must not end the run, and nobody can be asked."""
        if self._found is None:
            self._may_ask = False
            try:
                self.find()
            except TokenError as error:
                self._found, self.problem = Found(), str(error)
            if self.problem:
                self._feedback.warn(self.problem)
        return self.find()

    def _sought(self) -> Found:
        url = self._manifest.archive.url
        if not may_see_token(url, self._settings.archive_url):
            self._feedback.warn(
                f"archive.url = {url}: not one of MAST's hosts, and so not shown your token; "
                "JWSTSYNC_ARCHIVE_URL with the same address says that it may see it"
            )
            return Found()
        found = find_token(self._settings.token, keyring=self._settings.keyring)
        ask = self._settings.ask_token
        if found.token is None and ask is not None and self._may_ask:
            return Found(plain_token(ask(), "the terminal"), "the terminal")
        return found

    def _refusal(self, found: Found) -> str | None:
        """Why the archive refuses a token; an archive that can not say is no reason."""
        if found.token is None:
            return None
        try:
            anonymous = self._whoami(found.token).anonymous
        except ArchiveError as error:
            self._feedback.warn(f"{error}; the token could not be checked, and is used as it is")
            return None
        return refusal(self._manifest.archive.url, f"from {found.source}") if anonymous else None

    @property
    def expected(self) -> str:
        """Where one is expected, and why none was found in the keyring."""
        trouble = f" ({self._found.trouble})" if self._found and self._found.trouble else ""
        return f"expected one in {ENVIRONMENT}, or stored by `jwstsync login`{trouble}"

    def hidden(self, text: str) -> str:
        """A text in which the token does not stand, even if the archive has repeated it."""
        return hidden(text, self._found.token if self._found else None)
