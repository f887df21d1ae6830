"""Two proposals of a made-up archive and a folder to keep in step with them; nobody's own environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
import pytest

from tests.sync.fakes import A, B, C, FakeArchive, Place, Product, fits

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nobodys_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JWSTSYNC_ARCHIVE_URL", "JWSTSYNC_TIMEOUT", "MAST_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def nothing(_service: str, _user: str) -> None:
        return None

    monkeypatch.setattr(keyring, "get_password", nothing)


@pytest.fixture
def archive() -> FakeArchive:
    """Three public products of two proposals."""
    return FakeArchive(Product(A, fits("a")), Product(B, fits("b", blocks=2)), Product(C, fits("c"), proposal=2))


@pytest.fixture
def place(tmp_path: Path, archive: FakeArchive) -> Place:
    """A folder with a manifest that takes everything, and nothing fetched yet."""
    return Place(tmp_path, archive)


@pytest.fixture
def synced(place: Place) -> Place:
    """The same after a first run."""
    assert place.apply().exit_code == 0
    place.archive.asked.clear()
    place.archive.sent.clear()
    place.archive.tokens.clear()
    return place
