"""Shells complete what a call can go on with: commands and options, and what the manifest has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jwstsync.cli import completion

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.calls import Desk

MANIFEST = """
version = 1
[rules.calibrated]
calib_level = 2
[rules.previews]
extension = "jpg"
[[proposal]]
id = [2733, 2731]
name = "Southern Ring"
include = ["calibrated"]
[[proposal]]
id = 1366
include = ["calibrated"]
"""
BASH = """
eval "$(_JWSTSYNC_COMPLETE=bash_source jwstsync)"
COMP_WORDS=($1 "$2") COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_jwstsync_completion jwstsync
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a manifest."""
    (tmp_path / "jwstsync.toml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def completed(folder: Path, words: str, incomplete: str = "") -> list[str]:
    """What click offers for the next word of a call, as zsh and bash ask for it."""
    count = len(words.split())
    environment = {
        **os.environ,
        "_JWSTSYNC_COMPLETE": "bash_complete",
        "COMP_WORDS": f"{words} {incomplete}",
        "COMP_CWORD": str(count),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "jwstsync"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    return [line.rpartition(",")[2] for line in ended.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ("jwstsync", "ver", ["verify"]),
        ("jwstsync remove", "", ["1366", "2731", "2733"]),
        ("jwstsync remove", "27", ["2731", "2733"]),
        ("jwstsync remove 2731", "27", ["2733"]),
        ("jwstsync search", "1", ["1366"]),
        ("jwstsync add 1366 --include", "", ["calibrated", "previews"]),
        ("jwstsync add 1366 --exclude", "p", ["previews"]),
        ("jwstsync schema", "ev", ["events"]),
        ("jwstsync -f other.toml remove", "", ["9"]),
    ],
)
def test_what_can_follow(folder: Path, words: str, incomplete: str, offered: list[str]) -> None:
    """Commands, and the proposals and rules of the manifest that is meant."""
    (folder / "other.toml").write_text("[[proposal]]\nid = 9\n", encoding="utf-8")
    assert completed(folder, words, incomplete) == offered


@pytest.mark.parametrize(
    "text",
    [
        None,
        "no TOML",
        "proposal = 3\nrules = 3\n",
        "[[proposal]]\nid = 'x'\nname = 3\n",
        "proposal = [3]\n",
        "rules = []",
    ],
)
@pytest.mark.parametrize("words", ["jwstsync remove", "jwstsync add 1 --include"])
def test_a_manifest_that_makes_no_sense_completes_nothing(folder: Path, words: str, text: str | None) -> None:
    """Whoever presses a key is told nothing of it: the call will."""
    manifest = folder / "jwstsync.toml"
    manifest.unlink()
    if text is not None:
        manifest.write_text(text, encoding="utf-8")
    assert completed(folder, words) == []


def test_a_name_helps_to_choose(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shells that show more than the word show what the proposal is called."""
    import click

    from jwstsync.cli.edit import remove

    monkeypatch.chdir(folder)
    context = click.Context(remove)
    found = completion.proposals(context, remove.params[0], "27")
    assert [(one.value, one.help) for one in found] == [("2731", "Southern Ring"), ("2733", "Southern Ring")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_its_script(bare: Desk, shell: str) -> None:
    """The line of the guide for a shell prints what defines the completion in it, and asks again in its way."""
    bare.set(_JWSTSYNC_COMPLETE=f"{shell}_source")
    given = bare.process()
    assert (given.code, "_jwstsync_completion" in given.out, f"{shell}_complete" in given.out) == (0, True, True)


def test_in_a_real_shell(folder: Path) -> None:
    """As the guide has it, bash completes by what the command itself gives."""
    bash = shutil.which("bash")
    assert bash is not None
    command = folder / "bin" / "jwstsync"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -m jwstsync\n", encoding="utf-8")
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    ended = subprocess.run(
        [bash, "-c", BASH, "-", "jwstsync remove", "27"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout.split(), ended.stderr) == (["2731", "2733"], "")
