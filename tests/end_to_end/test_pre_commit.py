"""The hook that repositories of data use, run by pre-commit as they do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from jwstsync.core.lockfile import Lockfile, format_lockfile
from tests.cli.calls import PATIENCE, isolate
from tests.core.lock_histories import product

HERE = Path(__file__).parents[2]
PRE_COMMIT = str(Path(sys.executable).with_name("pre-commit"))
SOURCES = (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "jwstsync")
MANIFEST = "version = 1\n[[proposal]]\nid = 2733\ninclude = [{ extension = 'fits' }]\n"

CONFIG = "repos:\n  - repo: {repository}\n    rev: {commit}\n    hooks:\n      - id: jwstsync-check\n"


def git(folder: Path, *arguments: str) -> str:
    """What git says to a call that has to succeed."""
    command = ["git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def run_hooks(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A call of pre-commit, which may not ask for packages: those that the hook needs are those of the tests."""
    environment = {
        **os.environ,
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which is how pip is told that there be none
    }
    command = [PRE_COMMIT, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=5 * PATIENCE
    )


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of jwstsync as it is here."""
    folder = tmp_path_factory.mktemp("jwstsync")
    for name in SOURCES:
        source = HERE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it is")
    return folder


def test_a_repository_of_data(hooks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Manifests that are valid pass, with a lockfile that matches or none; others fail, as does an old lockfile."""
    isolate(monkeypatch, tmp_path / "home")
    data = tmp_path / "data"
    (data / "other").mkdir(parents=True)
    git(data, "init", "--quiet")
    (data / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    (data / "other" / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    lockfile = data / "jwstsync.lock"
    lockfile.write_text(format_lockfile(Lockfile.of([product("a.fits", layout="JWST/a/{name}")]), lockfile.name))
    (data / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    config = CONFIG.format(repository=hooks, commit=git(hooks, "rev-parse", "HEAD"))
    (data / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    git(data, "add", "--all")
    good = run_hooks(data, "run", "--all-files", "--verbose")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "jwstsync.toml: valid, and so is its lockfile of 1 product\n" in good.stdout
    assert "other/jwstsync.toml: valid; nothing is locked yet\n" in good.stdout

    lockfile.write_text(format_lockfile(Lockfile.of([product("a.jpg", layout="JWST/a/{name}")]), lockfile.name))
    (data / "other" / "jwstsync.toml").write_text(MANIFEST.replace("include", "includes"), encoding="utf-8")
    git(data, "add", "--all")
    bad = run_hooks(data, "run", "--files", "jwstsync.lock", "other/jwstsync.toml")
    assert bad.returncode == 1
    assert "a.jpg: no rule selects it for proposal 2733; expected one that does" in bad.stdout
    assert "includes = " in bad.stdout


def test_the_hooks_are_as_pre_commit_wants_them(hooks: Path) -> None:
    """The file is valid by pre-commit's own check."""
    checked = run_hooks(hooks, "validate-manifest", ".pre-commit-hooks.yaml")
    assert checked.returncode == 0, checked.stdout
