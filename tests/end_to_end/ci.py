"""A host that runs the examples' CI files: a repository to clone, caches, and the steps in order.

What a workflow uses of others is carried out as far as it matters here: a checkout is a clone, a cache is a folder,
Python is the one that runs the tests, where `pip` finds what it is asked for or fails, and `gh` writes down how it is
called.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.cli.calls import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLES = Path(__file__).parents[2] / "examples"
LOCKFILE = "jwstsync.lock"
LOCKFILE_HASH = f"hashFiles('{LOCKFILE}')"
_EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
_GH = """#!/bin/sh
test -n "$GH_TOKEN" || exit 4
printf '%s\\n' "$*" >>"$GH_CALLS"
case "$1 $2" in
  "auth setup-git") ;;
  "pr list") if grep -q '^pr create' "$GH_CALLS"; then echo 7; fi ;;
  "pr create") echo https://github.com/somebody/mirror/pull/7 ;;
  *) exit 1 ;;
esac
"""
_PIP = f"""#!{sys.executable}
import sys
from importlib.metadata import version
from pathlib import Path
from packaging.requirements import Requirement

command, *wanted = sys.argv[1:]
if wanted[0] == "-r":
    wanted = Path(wanted[1]).read_text().split()
wanted = [Requirement(one) for one in wanted]
sys.exit(command != "install" or not all(version(one.name) in one.specifier for one in wanted))
"""
_HOOK = """#!/bin/sh
for number in $(seq 0 $((GIT_PUSH_OPTION_COUNT - 1))); do
  eval printf "'%s\\n'" "\\"\\$GIT_PUSH_OPTION_$number\\"" >>push-options
done
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A step that has run, with its exit code, what it said, and its summary."""

    name: str
    code: int
    out: str
    err: str
    summary: str = ""


class Host:
    """A host for CI, with an origin that holds a copy of an example.

    Args:
        folder: Where everything is; it is to be empty.
        example: The example's name.
        environ: What the environment has in every step.
    """

    def __init__(self, folder: Path, example: str, environ: Mapping[str, str]) -> None:
        self.origin = folder / "origin.git"
        self._folder = folder
        self.caches = folder / "caches"
        self._calls = folder / "gh-calls"
        self._programs = folder / "programs"
        self._runs = 0
        for made in (self._programs, self.caches, folder / "home"):
            made.mkdir()
        _write_program(self._programs / "gh", _GH)
        _write_program(self._programs / "pip", _PIP)
        python = Path(sys.executable).parent
        self.environ = {
            "PATH": f"{self._programs}:{python}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GH_CALLS": str(self._calls),
            **environ,
        }
        self._found(example)

    def _found(self, example: str) -> None:
        """Makes the origin, with one commit."""
        self.git("init", "--quiet", "--bare", "--initial-branch", "main", str(self.origin))
        self.git("config", "receive.advertisePushOptions", "true", folder=self.origin)
        _write_program(self.origin / "hooks" / "pre-receive", _HOOK)
        desk = Path(shutil.copytree(EXAMPLES / example, self._folder / "desk"))
        self.git("init", "--quiet", "--initial-branch", "main", folder=desk)
        self.git("remote", "add", "origin", str(self.origin), folder=desk)
        self.desk = desk
        self.push("Begin")

    def push(self, message: str) -> None:
        """Commits what the user has on the desk, and pushes it to main."""
        self.git("add", "--all", folder=self.desk)
        self.git("-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", message, folder=self.desk)
        self.git("push", "--quiet", "origin", "main", folder=self.desk)

    def merge(self, branch: str) -> None:
        """Merges what a run has proposed."""
        self.git("pull", "--quiet", "--ff-only", "origin", branch, folder=self.desk)
        self.git("push", "--quiet", "origin", "main", folder=self.desk)

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        """What git says."""
        return subprocess.run(
            ["git", *arguments],
            cwd=folder or self._folder,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout

    def branches(self) -> dict[str, str]:
        """The commit of each of the origin's branches."""
        refs = self.git("for-each-ref", "--format", "%(refname:short) %(objectname)", "refs/heads", folder=self.origin)
        return dict(line.split() for line in refs.splitlines())

    def lockfile(self, branch: str) -> bytes:
        """The lockfile on one of the origin's branches."""
        return self.git("show", f"{branch}:{LOCKFILE}", folder=self.origin).encode()

    @property
    def gh_calls(self) -> list[str]:
        """How gh was called."""
        return self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []

    @property
    def push_options(self) -> list[str]:
        """The options of all pushes."""
        path = self.origin / "push-options"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def checkout(self) -> Path:
        """A fresh clone of main."""
        self._runs += 1
        workspace = self._folder / f"workspace{self._runs}"
        self.git("clone", "--quiet", "--depth", "1", self.origin.as_uri(), str(workspace))
        return workspace

    def restore(self, path: Path, key: str, *prefixes: str) -> str | None:
        """Puts the cache of that key, or else the newest whose key begins so, to its place; tells its key."""
        found = sorted(self.caches.iterdir(), key=lambda one: (one.name == key, one.stat().st_ctime_ns), reverse=True)
        for cache in found:
            if cache.name == key or cache.name.startswith(tuple(prefixes)):
                shutil.copytree(cache, path)
                return cache.name
        return None

    def save(self, path: Path, key: str) -> None:
        """Keeps a folder under a key, unless there is one."""
        if path.is_dir() and not (self.caches / key).exists():
            shutil.copytree(path, self.caches / key)

    def shell(self, name: str, script: str, folder: Path, environ: Mapping[str, str]) -> Ran:
        """Runs a script in bash, as GitHub and GitLab do, and reads the summary that it leaves."""
        file, summary = self._folder / "step.sh", self._folder / "summary.md"
        file.write_text(script, encoding="utf-8")
        summary.write_bytes(b"")
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=folder,
            env={**self.environ, **environ, "GITHUB_STEP_SUMMARY": str(summary)},
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        return Ran(name, ended.returncode, ended.stdout, ended.stderr, summary.read_text(encoding="utf-8"))


class Workflow:
    """A GitHub workflow with one job.

    Args:
        host: Where it runs.
        path: Its file, in the example.
        secrets: The repository's secrets.
    """

    def __init__(self, host: Host, path: str, secrets: Mapping[str, str]) -> None:
        self._host = host
        self.document = read_yaml(host.desk / path)
        (self.job,) = self.document["jobs"].values()
        self._secrets = secrets

    def run(self) -> list[Ran]:
        """Runs the job; the steps that have run, those of others left out."""
        return list(_Job(self._host, self.document, self.job, self._secrets).run())


class _Job:
    """One run of a job."""

    def __init__(self, host: Host, document: dict[Any, Any], job: dict[str, Any], secrets: Mapping[str, str]) -> None:
        assert document["defaults"] == {"run": {"shell": "bash"}}
        self._host = host
        self._steps = job["steps"]
        self._workspace = Path()
        self._known = {
            "github.token": "ghs_of_the_run",
            "!cancelled()": "true",
            **{f"secrets.{name}": value for name, value in secrets.items()},
        }
        self._environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": "somebody/mirror",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": "https://github.com",
        }
        self._after: list[tuple[Path, str]] = []

    def run(self) -> Iterator[Ran]:
        failed = False
        for step in self._steps:
            if failed and self._evaluated(step.get("if", "")) != "true":
                continue
            if "uses" in step:
                self._use(step["uses"], step.get("with", {}))
                continue
            ran = self._host.shell(step["name"], step["run"], self._workspace, self._environ | self._own(step))
            failed = failed or ran.code != 0
            yield ran
        for path, key in [] if failed else self._after:
            self._host.save(path, key)

    def _own(self, step: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._evaluated(value) for name, value in step.get("env", {}).items()}

    def _use(self, action: str, given: Mapping[str, str]) -> None:
        path = self._workspace / given.get("path", "")
        key, prefix = self._evaluated(given.get("key", "")), given.get("restore-keys", "none")
        match action.partition("@")[0]:
            case "actions/checkout":
                self._workspace = self._host.checkout()
            case "actions/setup-python":
                pass
            case "actions/cache":
                self._host.restore(path, key, prefix)
                self._after.append((path, key))
            case "actions/cache/restore":
                self._host.restore(path, key, prefix)
            case "actions/cache/save":
                self._host.save(path, key)
            case _:
                raise NotImplementedError(action)

    def _evaluated(self, text: str) -> str:
        """A text with the values of its expressions; one that is not known here fails."""
        lockfile = self._workspace / LOCKFILE
        content = hashlib.sha256(lockfile.read_bytes()).hexdigest() if lockfile.is_file() else ""
        known = self._known | {LOCKFILE_HASH: content}
        return _EXPRESSION.sub(lambda found: known[found[1]], text)


def run_gitlab_job(host: Host, name: str, environ: Mapping[str, str]) -> Ran:
    """Runs one job of the example's GitLab CI file in a fresh clone, its cache restored before and saved after."""
    document = read_yaml(host.desk / ".gitlab-ci.yml")
    job, default = document[name], document["default"]
    (cached,) = default["cache"]["paths"]
    assert default["cache"]["when"] == "always"
    workspace = host.checkout()
    host.restore(workspace / cached, default["cache"]["key"])
    ran = host.shell(
        name,
        "\n".join([*default["before_script"], *job["script"]]),
        workspace,
        {**job.get("variables", {}), "GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", **environ},
    )
    shutil.rmtree(host.caches / default["cache"]["key"], ignore_errors=True)
    host.save(workspace / cached, default["cache"]["key"])
    return ran


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def read_yaml(path: Path) -> dict[Any, Any]:
    """What a YAML file holds."""
    with path.open(encoding="utf-8") as file:
        document: dict[Any, Any] = yaml.safe_load(file)
    return document
