"""The Southern Ring Nebula: the manifest of its 80 calibrated products, and an archive that has them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from jwstsync.sandbox import Sandbox
from tests.cli.calls import COMMAND, PATIENCE, Desk, isolate
from tests.end_to_end.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = """version = 1

[[proposal]]
id = 2733
name = "Southern Ring"
observations = { obs_id = "jw02733-o002_t001_miri_f1130w" }
include = [{ productType = "SCIENCE", calib_level = 2, extension = "fits" }]
"""


@pytest.fixture
def ring() -> Iterator[Sandbox]:
    """The archive."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], ring: Sandbox
) -> Iterator[Desk]:
    """A desk with nothing but the manifest, and the archive to ask."""
    with Desk.in_folder(tmp_path / "desk", monkeypatch, capfd) as desk:
        desk.write(MANIFEST)
        desk.set(JWSTSYNC_ARCHIVE_URL=ring.url)
        yield desk


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `jwstsync apply` has filled."""
    folder = tmp_path_factory.mktemp("fetched")
    (folder / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("nobody") / "home")
        patch.setenv("JWSTSYNC_ARCHIVE_URL", sandbox.url)
        subprocess.run([*COMMAND, "apply"], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    return folder


@pytest.fixture
def full(desk: Desk, fetched: Path) -> Desk:
    """A desk where all has been fetched."""
    shutil.copytree(fetched, desk.folder, dirs_exist_ok=True)
    return desk


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository in which git knows nothing of jwstsync."""
    isolate(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Repository.begun(tmp_path / "data of mine")


@pytest.fixture
def driven(repository: Repository) -> Repository:
    """A repository in which git merges with jwstsync."""
    assert repository.jwstsync("init", "--git").returncode == 0
    return repository
