"""The example's GitLab CI file: checked by GitLab's schema, and its jobs carried out against the sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.amounts import parse_duration
from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from tests.cli.archive import no_download_of
from tests.cli.calls import PATIENCE, isolate
from tests.end_to_end.ci import EXAMPLES, Host, read_yaml, run_gitlab_job

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = EXAMPLES / "gitlab" / ".gitlab-ci.yml"
BRANCH = "jwstsync-lockfile"
REMADE = "jw02733-o002_t001_miri_f770w_i2d.fits"
SCHEDULED = {"GITLAB_USER_NAME": "U", "GITLAB_USER_EMAIL": "u@example.org"}


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """The archive."""
    isolate(monkeypatch, tmp_path / "nobody")
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def host(tmp_path: Path, ring: Sandbox) -> Host:
    """A host with the example's repository."""
    (tmp_path / "ci").mkdir()
    return Host(tmp_path / "ci", "gitlab", {"JWSTSYNC_ARCHIVE_URL": ring.url})


def downloads(ring: Sandbox) -> int:
    """How many products were downloaded so far."""
    return sum(request.uri is not None for request in ring.requests)


def test_gitlabs_schema_has_it_so() -> None:
    """GitLab's own schema takes the file."""
    ended = subprocess.run(
        [
            Path(sys.executable).parent / "check-jsonschema",
            *("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", FILE),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_runs_end_before_their_jobs() -> None:
    """What a run is given is at least half an hour less than GitLab gives the job."""
    document = read_yaml(FILE)
    for name in ("check", "mirror"):
        words = " ".join(document[name]["script"]).split()
        seconds = parse_duration(words[words.index("--max-duration") + 1])
        assert seconds <= parse_duration(document[name]["timeout"]) - 1800


def test_the_mirror_proposes_what_is_new(host: Host, ring: Sandbox) -> None:
    """What came is proposed by a push that opens a merge request, also if a part failed; and nothing twice."""
    ring.fault = no_download_of(REMADE)
    first = run_gitlab_job(host, "mirror", SCHEDULED)
    assert first.code == ExitCode.PRODUCTS_FAILED
    assert host.lockfile(BRANCH).count(b"[[product]]") == 3
    assert host.push_options == [
        "merge_request.create",
        "merge_request.target=main",
        "merge_request.title=Lock what MAST has new",
    ]

    ring.fault = None
    before = downloads(ring)
    assert run_gitlab_job(host, "mirror", SCHEDULED).code == ExitCode.OK
    proposed = host.branches()
    assert host.lockfile(BRANCH).count(b"[[product]]") == 4
    assert downloads(ring) == before + 1

    again = run_gitlab_job(host, "mirror", SCHEDULED)
    assert again.code == ExitCode.OK
    assert f"{BRANCH} has this jwstsync.lock already." in again.out
    assert host.branches() == proposed

    host.merge(BRANCH)
    checked = run_gitlab_job(host, "check", {})
    assert checked.code == ExitCode.OK
    assert downloads(ring) == before + 1
    assert "\n::" not in checked.err


def test_the_check_finds_what_is_new(host: Host, ring: Sandbox) -> None:
    """The locked bytes come from the archive where no cache has them; what was made anew fails the check."""
    assert host.shell("a user", "jwstsync apply -q", host.desk, {}).code == ExitCode.OK
    host.push("Lock")
    assert run_gitlab_job(host, "check", {}).code == ExitCode.OK
    ring.remake(REMADE)
    checked = run_gitlab_job(host, "check", {})

    assert checked.code == ExitCode.DIFFERENCES
    assert "1 to update" in checked.out
