"""Where the user's MAST token is found, and what can be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

from jwstsync.archive.auth import find_token
from jwstsync.errors import ExitCode, TokenError
from jwstsync.sandbox import TOKEN

if TYPE_CHECKING:
    from jwstsync.sandbox import Sandbox

MADE_UP = "0123456789abcdef0123456789abcdef"


class Keyring:
    """A keyring in memory; one with an error has no entries."""

    def __init__(self, error: KeyringError | None = None) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.error = error

    def get_password(self, service: str, user: str) -> str | None:
        """The entry, as `keyring.get_password` gives it."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.entries.get((service, user))

    def set_password(self, service: str, user: str, password: str) -> None:
        """Keeps an entry, as `keyring.set_password` does."""
        self.entries[service, user] = password


def with_keyring(monkeypatch: pytest.MonkeyPatch, error: KeyringError | None = None) -> Keyring:
    """The keyring that everybody finds for the time of a test."""
    kept = Keyring(error)
    monkeypatch.setattr(keyring, "get_password", kept.get_password)
    monkeypatch.setattr(keyring, "set_password", kept.set_password)
    return kept


def test_the_environment_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in the environment spares the keyring, which may prompt for a password."""
    kept = with_keyring(monkeypatch)

    assert find_token(MADE_UP, keyring=True) == MADE_UP
    assert kept.asked == 0


def test_the_token_that_astroquery_stored_is_found(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Whoever has logged in with astroquery once need not do so again: both share one entry."""
    from astroquery.mast import ObservationsClass

    with_keyring(monkeypatch)
    login = vars(ObservationsClass())["_auth_obj"]
    login.SESSION_INFO_URL = f"{sandbox.url}/whoami"
    with login.session:
        login.login(TOKEN, store_token=True)

    assert find_token(None, keyring=True) == TOKEN


def test_no_token_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty keyring is no error: most of the archive is public."""
    with_keyring(monkeypatch)

    assert find_token(None, keyring=True) is None


@pytest.mark.parametrize("error", [NoKeyringError(), KeyringLocked("locked"), KeyringError("broken")])
def test_a_host_without_a_keyring_has_no_token(monkeypatch: pytest.MonkeyPatch, error: KeyringError) -> None:
    """Servers without a desktop have no keyring, or none that opens; they work as anybody without a token."""
    kept = with_keyring(monkeypatch, error)

    assert find_token(None, keyring=True) is None
    assert kept.asked == 1


def test_a_keyring_that_is_not_meant_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs against a stand-in never shows it the real token."""
    kept = with_keyring(monkeypatch)
    kept.set_password("astroquery:mast.stsci.edu.token", "masttoken", MADE_UP)

    assert find_token(None, keyring=False) is None
    assert kept.asked == 0


def test_blanks_around_a_token_are_no_part_of_it() -> None:
    """A line end comes along when a token is read from a file."""
    assert find_token(f" {MADE_UP}\r\n", keyring=False) == MADE_UP


@pytest.mark.parametrize("token", ["", "  ", "two words", "caf\xe9", "a\nb", "a\x00b", "a\x7f"])
def test_what_can_be_no_token_is_refused(token: str) -> None:
    """It would end up in a header: refused with exit code 8 before anything is sent."""
    with pytest.raises(TokenError, match=r"^MAST token: expected printable ASCII") as caught:
        find_token(token, keyring=False)

    assert caught.value.exit_code is ExitCode.TOKEN


@given(st.text())
def test_a_token_is_never_repeated(secret: str) -> None:
    """Messages end up in logs: what was refused is not in them; what passes fits into a header."""
    try:
        token, said = find_token(f"{MADE_UP}{secret}", keyring=False), ""
    except TokenError as error:
        token, said = None, str(error)

    assert MADE_UP not in said
    if token is not None:
        assert token == f"{MADE_UP}{secret}".strip()
        assert token.isascii()
        assert token.isprintable()
