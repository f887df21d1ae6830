"""Keyrings for tests: one in memory, one that is broken, one in a file for processes of their own."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from jwstsync.archive.auth import SERVICE, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "TEST_KEYRING_FILE"
_Keyring = TypeVar("_Keyring", bound=KeyringBackend)
BACKEND = "tests.keyrings.FileKeyring"


class MemoryKeyring(KeyringBackend):
    """A keyring that lasts as long as the test; one with an error raises it whatever it is asked.

    Attributes:
        asked: How often it was looked into.
    """

    priority = 0.0

    def __init__(self, error: Exception | None = None, *, token: str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {} if token is None else {(SERVICE, USER): token}
        self.asked = 0
        self.error = error

    @property
    def token(self) -> str | None:
        """The token that astroquery would find."""
        return self.entries.get((SERVICE, USER))

    def _open(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error

    def get_password(self, service: str, username: str) -> str | None:
        """The entry."""
        self._open()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keeps an entry."""
        self._open()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Takes an entry out."""
        self._open()
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError


@contextmanager
def keyring_in_use(kept: _Keyring) -> Iterator[_Keyring]:
    """The keyring that everybody in this process finds while this lasts."""
    before = keyring.get_keyring()
    keyring.set_keyring(kept)
    try:
        yield kept
    finally:
        keyring.set_keyring(before)


class FileKeyring(KeyringBackend):
    """A keyring in the file that the environment names."""

    priority = 0.0

    def get_password(self, service: str, username: str) -> str | None:
        """The entry."""
        entry: str | None = self._entries().get(f"{service} {username}")
        return entry

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keeps an entry."""
        self._write(self._entries() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        """Takes an entry out."""
        self._write({name: entry for name, entry in self._entries().items() if name != f"{service} {username}"})

    def _entries(self) -> dict[str, str]:
        path = Path(os.environ[FILE])
        entries: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return entries

    def _write(self, entries: dict[str, str]) -> None:
        Path(os.environ[FILE]).write_text(json.dumps(entries), encoding="utf-8")
