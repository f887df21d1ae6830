"""A desk to call the command from: its own home, no token, no keyring, and an archive on this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from jwstsync.cli.main import run
from jwstsync.sandbox import Sandbox
from tests.cli.archive import catalogue
from tests.cli.calls import ONE, Desk, isolate
from tests.cli.terminals import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """A desk with a manifest of four products, and no archive to ask."""
    with Desk.in_folder(tmp_path / "desk", monkeypatch, capfd) as desk:
        desk.write(ONE)
        desk.set(JWSTSYNC_ARCHIVE_URL="http://127.0.0.1:9")
        yield desk


@pytest.fixture
def archive() -> Iterator[Sandbox]:
    """The small archive, for one test."""
    with Sandbox(catalogue=catalogue()) as sandbox:
        yield sandbox


@pytest.fixture
def desk(bare: Desk, archive: Sandbox) -> Desk:
    """A desk with a manifest of four products, and the small archive to ask."""
    bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
    return bare


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where all four products have been fetched."""
    folder = tmp_path_factory.mktemp("fetched")
    manifest = folder / "jwstsync.toml"
    manifest.write_text(ONE, encoding="utf-8")
    with Sandbox(catalogue=catalogue()) as sandbox, pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("nobody") / "home")
        patch.setenv("JWSTSYNC_ARCHIVE_URL", sandbox.url)
        assert run(["apply", "-q", "-f", str(manifest)]) == 0
    return folder


@pytest.fixture
def full(bare: Desk, fetched: Path) -> Desk:
    """A desk where all that is selected has been fetched, and no archive to ask."""
    shutil.copytree(fetched, bare.folder, dirs_exist_ok=True)
    return bare


@pytest.fixture
def synced(full: Desk, archive: Sandbox) -> Desk:
    """A desk where all that is selected has been fetched, and the archive to ask."""
    full.set(JWSTSYNC_ARCHIVE_URL=archive.url)
    return full


@pytest.fixture
def clone(bare: Desk, archive: Sandbox, fetched: Path) -> Desk:
    """A desk where four products are locked and none is there, as after a fresh clone, and the archive to ask."""
    shutil.copy(fetched / "jwstsync.lock", bare.folder)
    bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
    return bare


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal."""
    with Terminal.opened() as opened:
        yield opened
