"""Where the user's MAST token is found and kept, and what can be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

from jwstsync.archive.auth import (
    ENVIRONMENT,
    KEYRING,
    LONGEST,
    Found,
    find_token,
    plain_token,
    remove_token,
    store_token,
)
from jwstsync.errors import ExitCode, TokenError
from jwstsync.sandbox import TOKEN
from tests.keyrings import MemoryKeyring, keyring_in_use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.sandbox import Sandbox

MADE_UP = "0123456789abcdef0123456789abcdef"
ERRORS = [NoKeyringError("none"), KeyringLocked("locked"), KeyringError("broken"), RuntimeError("any"), OSError()]


@pytest.fixture
def kept() -> Iterator[MemoryKeyring]:
    """An empty keyring."""
    with keyring_in_use(MemoryKeyring()) as kept:
        yield kept


def astroquery_login(sandbox: Sandbox, token: str | None, *, store: bool) -> bool:
    """Logs in with astroquery, at a sandbox."""
    from astroquery.mast import ObservationsClass

    login = vars(ObservationsClass())["_auth_obj"]
    login.SESSION_INFO_URL = f"{sandbox.url}/whoami"
    with login.session:
        return bool(login.login(token, store_token=store))


def test_the_environment_is_asked_first(kept: MemoryKeyring) -> None:
    """A token in the environment spares the keyring, which may prompt for a password."""
    assert find_token(MADE_UP, keyring=True) == Found(MADE_UP, ENVIRONMENT)
    assert kept.asked == 0


def test_the_token_that_astroquery_stored_is_found(kept: MemoryKeyring, sandbox: Sandbox) -> None:
    """Whoever has logged in with astroquery once need not do so again: both share one entry."""
    astroquery_login(sandbox, TOKEN, store=True)

    assert find_token(None, keyring=True) == Found(TOKEN, KEYRING)
    assert len(kept.entries) == 1


@pytest.mark.usefixtures("kept")
def test_astroquery_finds_the_token_that_was_stored(sandbox: Sandbox) -> None:
    """Whoever has logged in here once need not do so in a notebook."""
    assert store_token(TOKEN) is None
    assert astroquery_login(sandbox, None, store=False)


def test_no_token_is_none(kept: MemoryKeyring) -> None:
    """An empty keyring is no error: most of the archive is public."""
    assert find_token(None, keyring=True) == Found()
    assert kept.asked == 1


@pytest.mark.parametrize("error", ERRORS)
def test_a_host_without_a_keyring_has_no_token(error: Exception) -> None:
    """Servers without a desktop have no keyring, or none that opens; they work as anybody without a token."""
    with keyring_in_use(MemoryKeyring(error)) as kept:
        found = find_token(None, keyring=True)

    assert found.token is None
    assert found.trouble is not None
    assert kept.asked == 1


def test_what_is_wrong_with_a_keyring_is_told() -> None:
    """Where a token is needed, the user is told whether the keyring is missing or just locked."""
    with keyring_in_use(MemoryKeyring(NoKeyringError("No recommended backend was available."))):
        missing = find_token(None, keyring=True).trouble
    with keyring_in_use(MemoryKeyring(KeyringLocked("Failed to unlock the collection!\nmore"))):
        locked = find_token(None, keyring=True).trouble

    assert missing == "this host has no keyring"
    assert locked == "the keyring can not be used (KeyringLocked: Failed to unlock the collection!)"


def test_a_keyring_that_can_not_even_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation of the keyring is as good as none."""
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)

    assert find_token(None, keyring=True).token is None
    assert store_token(MADE_UP) is not None
    assert remove_token()[0] is False


def test_a_keyring_that_is_not_meant_is_left_alone() -> None:
    """Whoever runs against a stand-in never shows it the real token."""
    with keyring_in_use(MemoryKeyring(token=MADE_UP)) as kept:
        assert find_token(None, keyring=False) == Found()
    assert kept.asked == 0


@pytest.mark.parametrize("error", ERRORS)
def test_what_can_not_be_stored_is_told(error: Exception) -> None:
    """That a good token can not be kept is said, without it, and is no error."""
    error.args = (f"{error.args} can not keep {MADE_UP}",)
    with keyring_in_use(MemoryKeyring(error)):
        trouble = store_token(MADE_UP)

    assert trouble
    assert MADE_UP not in trouble


def test_a_keyring_that_forgets_is_found_out() -> None:
    """A backend that takes a token and keeps none is not believed."""
    with keyring_in_use(NullKeyring()):  # type: ignore[no-untyped-call]
        assert store_token(MADE_UP) == "the keyring does not keep it"


def test_a_token_is_removed(kept: MemoryKeyring) -> None:
    """After that there is none, and removing it again says so."""
    store_token(MADE_UP)

    assert remove_token() == (True, None)
    assert kept.token is None
    assert remove_token() == (False, None)


def test_without_a_keyring_there_is_nothing_to_remove() -> None:
    """A host without one holds no token."""
    with keyring_in_use(MemoryKeyring(NoKeyringError())):
        assert remove_token() == (False, "this host has no keyring")


@pytest.mark.parametrize("error", [KeyringLocked("locked"), RuntimeError(MADE_UP)])
def test_a_token_that_may_still_be_there_is_an_error(error: Exception) -> None:
    """Whoever logs out must not believe that the token is gone while it is not: exit code 8."""
    with keyring_in_use(MemoryKeyring(error)), pytest.raises(TokenError, match=r"it may still hold a token$") as caught:
        remove_token()

    assert caught.value.exit_code is ExitCode.TOKEN


def test_blanks_around_a_token_are_no_part_of_it() -> None:
    """A line end comes along when a token is read from a file."""
    assert find_token(f" {MADE_UP}\r\n", keyring=False).token == MADE_UP


@pytest.mark.parametrize(
    "token",
    ["", "  ", "two words", "caf\xe9", "a\nb", "a\rb", "a\tb", "a\x00b", "a\x7f", "\ufffd", "x" * (LONGEST + 1)],
)
def test_what_can_be_no_token_is_refused(token: str) -> None:
    """It would end up in a header: refused with exit code 8 before anything is sent, and where it stands is named."""
    with pytest.raises(TokenError, match=r"^MAST token from MAST_API_TOKEN: expected at most 4096 printable") as caught:
        find_token(token, keyring=False)
    with (
        keyring_in_use(MemoryKeyring(token=token)),
        pytest.raises(TokenError, match=r"^MAST token from keyring: expected"),
    ):
        find_token(None, keyring=True)

    assert caught.value.exit_code is ExitCode.TOKEN


def test_the_longest_token() -> None:
    """What servers take in a header is a token."""
    assert plain_token("x" * LONGEST, KEYRING) == "x" * LONGEST


@given(st.text())
def test_a_token_is_never_repeated(secret: str) -> None:
    """Messages end up in logs: what was refused is not in them; what passes fits into a header."""
    found, said = Found(), ""
    try:
        found = find_token(f"{MADE_UP}{secret}", keyring=False)
    except TokenError as error:
        said = str(error)

    assert MADE_UP not in said + repr(found)
    if found.token is not None:
        assert found.token == f"{MADE_UP}{secret}".strip()
        assert found.token.isascii()
        assert found.token.isprintable()
