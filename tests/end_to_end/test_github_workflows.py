"""The examples' GitHub workflows: checked by actionlint, and their steps carried out in order against the sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jwstsync.core.amounts import parse_duration
from jwstsync.errors import ExitCode
from jwstsync.sandbox import TOKEN, Sandbox
from tests.cli.archive import no_download_of
from tests.cli.calls import PATIENCE, isolate
from tests.end_to_end.ci import EXAMPLES, Host, Workflow, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(sys.executable).parent
WORKFLOWS = sorted(EXAMPLES.glob("*/.github/workflows/*.yml"))
LONGEST_JOB = 360  # minutes, on GitHub's own runners
MIRROR, TESTS = ".github/workflows/mirror.yml", ".github/workflows/tests.yml"
BRANCH = "jwstsync/lockfile"
REMADE = "jw02733-o002_t001_miri_f770w_i2d.fits"


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """The archive."""
    isolate(monkeypatch, tmp_path / "nobody")
    with Sandbox() as sandbox:
        yield sandbox


def workflow_on(folder: Path, example: str, path: str, ring: Sandbox) -> tuple[Host, Workflow]:
    """An example's workflow, and the host that it runs on."""
    folder.mkdir()
    host = Host(folder, example, {"JWSTSYNC_ARCHIVE_URL": ring.url})
    return host, Workflow(host, path, {"MAST_API_TOKEN": TOKEN})


def downloads(ring: Sandbox) -> list[str]:
    """The names of what was downloaded so far."""
    return [request.uri.rpartition("/")[2] for request in ring.requests if request.uri]


def parts(document: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    """All jobs of a workflow."""
    yield from document["jobs"].values()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actionlint_has_nothing_to_say(path: Path) -> None:
    """Syntax, expressions, inputs of the actions, and by shellcheck the scripts."""
    ended = subprocess.run(
        [PROGRAMS / "actionlint", "-shellcheck", PROGRAMS / "shellcheck", "-pyflakes", "", path],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_ask_for_little(path: Path) -> None:
    """No rights but those that are named, pinned actions, one run at a time, and runs that end before the job does."""
    document = read_yaml(path)
    assert document["permissions"] in ({}, {"contents": "read"})
    assert "group" in document["concurrency"]
    for job in parts(document):
        assert job["timeout-minutes"] < LONGEST_JOB
        for step in job["steps"]:
            assert "@v" in step.get("uses", "@v")
            words = step.get("run", "").split()
            if "--max-duration" in words:
                seconds = parse_duration(words[words.index("--max-duration") + 1])
                assert seconds / 60 <= job["timeout-minutes"] - 30


def test_the_token_is_for_few_steps() -> None:
    """The secret is in the environment of the steps that ask the archive, and on no command line."""
    for path in WORKFLOWS:
        for job in parts(read_yaml(path)):
            assert "env" not in job
            for step in job["steps"]:
                assert "secrets." not in step.get("run", "")
                asks = "jwstsync apply" in step.get("run", "") or "jwstsync plan" in step.get("run", "")
                assert ("MAST_API_TOKEN" in step.get("env", {})) == asks


def test_the_mirror_proposes_what_is_new(tmp_path: Path, ring: Sandbox) -> None:
    """All is fetched and proposed, nothing twice; once merged, there is peace until a product is new."""
    host, mirror = workflow_on(tmp_path / "ci", "github-mirror", MIRROR, ring)

    first = mirror.run()
    proposed = host.branches()[BRANCH]
    assert [ran.code for ran in first] == [0, 0, 0]
    assert len(downloads(ring)) == 4
    assert "| fetch | 4 |" in first[1].summary
    assert host.lockfile(BRANCH).count(b"[[product]]") == 4
    (created,) = [call for call in host.gh_calls if call.startswith("pr create")]
    assert created.startswith(f"pr create --base main --head {BRANCH} --title Lock what MAST has new --body ")
    assert "https://github.com/somebody/mirror/actions/runs/42" in created

    second = mirror.run()
    assert [ran.code for ran in second] == [0, 0, 0]
    assert len(downloads(ring)) == 4
    assert host.branches()[BRANCH] == proposed
    assert "has this jwstsync.lock already" in second[2].out

    host.merge(BRANCH)
    third = mirror.run()
    assert [ran.code for ran in third] == [0, 0, 0]
    assert third[2].out == "jwstsync.lock has not changed.\n"
    assert len(downloads(ring)) == 4

    ring.remake(REMADE)
    fourth = mirror.run()
    assert [ran.code for ran in fourth] == [0, 0, 0]
    assert downloads(ring)[4:] == [REMADE]
    assert "1.16.1 \\-\\> 1.16.2".replace(".", "\\.") in fourth[1].summary
    assert host.branches()[BRANCH] != proposed
    assert len([call for call in host.gh_calls if call.startswith("pr create")]) == 1
    assert not any(TOKEN in ran.out + ran.err + ran.summary for ran in [*first, *second, *third, *fourth])


def test_the_mirror_keeps_what_came(tmp_path: Path, ring: Sandbox) -> None:
    """A product that fails fails the job, with an annotation; the others are cached and proposed all the same."""
    host, mirror = workflow_on(tmp_path / "ci", "github-mirror", MIRROR, ring)
    ring.fault = no_download_of(REMADE)
    install, applied, proposed = mirror.run()

    assert (install.code, applied.code, proposed.code) == (0, ExitCode.PRODUCTS_FAILED, 0)
    assert f"::error title=jwstsync apply%3A 1 product failed::{REMADE}: " in applied.err
    assert host.lockfile(BRANCH).count(b"[[product]]") == 3
    ring.fault = None
    before = len(downloads(ring))
    assert [ran.code for ran in mirror.run()] == [0, 0, 0]
    assert downloads(ring)[before:] == [REMADE]
    assert host.lockfile(BRANCH).count(b"[[product]]") == 4


def test_the_analysis_has_its_pinned_input(tmp_path: Path, ring: Sandbox) -> None:
    """The locked bytes come before the tests, once; a manifest that was changed alone stops them, and so does news."""
    host, tests = workflow_on(tmp_path / "ci", "github-repo", TESTS, ring)
    assert host.shell("the README's first line", "jwstsync apply -q", host.desk, {}).code == 0
    host.push("Pin the input")
    assert "mastDownload" not in host.git("ls-tree", "-r", "--name-only", "main", folder=host.origin)

    before = len(downloads(ring))
    passed = tests.run()
    assert [ran.code for ran in passed] == [0, 0, 0, 0]
    assert "4 passed" in passed[-1].out
    assert len(downloads(ring)) == before + 4

    manifest = host.desk / "jwstsync.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("miri_f*", "miri_f7*"), encoding="utf-8")
    host.push("Change the manifest alone")
    changed = tests.run()
    assert [ran.code for ran in changed] == [0, 0, ExitCode.DIFFERENCES]
    assert changed[-1].err == "::error title=jwstsync plan::3 to drop\n"

    manifest.write_text(text, encoding="utf-8")
    host.push("Change it back")
    ring.remake(REMADE)
    remade = tests.run()
    assert [ran.code for ran in remade] == [0, 0, ExitCode.DIFFERENCES]
    assert remade[-1].err.startswith("::error title=jwstsync plan::1 to update")
    assert "| update | 1 |" in remade[-1].summary
    assert len(downloads(ring)) == before + 4
