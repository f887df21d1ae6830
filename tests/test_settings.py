"""What the user's environment says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import platformdirs
import pytest

from jwstsync.errors import ExitCode, UsageError
from jwstsync.settings import Settings, read_settings

if TYPE_CHECKING:
    from pathlib import Path

CACHE = platformdirs.user_cache_path("jwstsync", appauthor=False)


def test_every_variable_is_read() -> None:
    """The archive's address, the time limit and the token may come from the environment."""
    environ = {"JWSTSYNC_ARCHIVE_URL": "http://127.0.0.1:9", "JWSTSYNC_TIMEOUT": "2.5", "MAST_API_TOKEN": "made-up"}

    assert read_settings(environ) == Settings("http://127.0.0.1:9", 2.5, "made-up", keyring=True, cache_folder=CACHE)


def test_an_empty_variable_is_as_good_as_none() -> None:
    """A repository's CI sets variables to nothing where a secret is missing."""
    unset = Settings(archive_url=None, timeout=None, token=None, keyring=True, cache_folder=CACHE)

    assert read_settings({}) == unset
    assert read_settings(dict.fromkeys(("JWSTSYNC_ARCHIVE_URL", "JWSTSYNC_TIMEOUT", "MAST_API_TOKEN"), "")) == unset


def test_answers_are_kept_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is where the user's other caches are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert read_settings().cache_folder == tmp_path / "jwstsync"


def test_the_process_is_asked_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another environment, it is that of the process at the time of the call."""
    monkeypatch.setenv("JWSTSYNC_TIMEOUT", "7")

    assert read_settings().timeout == 7


def test_a_time_limit_has_to_be_a_number() -> None:
    """A wrong variable is named with its value and what would be right, exit code 2."""
    with pytest.raises(UsageError, match=r"^JWSTSYNC_TIMEOUT = '10 min': expected a number of seconds$") as caught:
        read_settings({"JWSTSYNC_TIMEOUT": "10 min"})

    assert caught.value.exit_code is ExitCode.INVALID
