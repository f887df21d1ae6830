"""What the README and the examples promise, carried out."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.cli.main import command
from jwstsync.sandbox import Sandbox
from tests.cli.calls import COMMAND, PATIENCE, isolate

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parents[2]
README = (HERE / "README.md").read_text(encoding="utf-8")
PAGES = sorted({HERE / "README.md", HERE / ".github" / "CONTRIBUTING.md", *(HERE / "examples").rglob("*.md")})
EXAMPLES = sorted(path.parent.name for path in (HERE / "examples").glob("*/jwstsync.toml"))


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of an example, and a home with nothing in it."""
    isolate(monkeypatch, tmp_path / "home")
    return Path(shutil.copytree(HERE / "examples" / request.param, tmp_path / request.param))


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A call of the command in a folder, as a process."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, check=False, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_example_is_synced_with_the_sandbox(example: Path) -> None:
    """Each example runs against the sandbox as it is, and then there is nothing left to do."""
    applied = called(example, "--sandbox", "apply", "-y")
    assert applied.returncode == 0, applied.stderr
    again = called(example, "--sandbox", "plan", "--check")
    assert again.returncode == 0, again.stdout
    with (example / "jwstsync.sandbox.lock").open("rb") as file:
        locked = tomllib.load(file)["product"]
    root = next(example.glob("*-sandbox"))
    assert {(root / one["path"]).stat().st_size == one["size"] for one in locked} == {True}


@pytest.mark.parametrize("example", ["southern-ring"], indirect=True)
def test_southern_ring_is_the_notebooks_selection(example: Path) -> None:
    """The first example selects 80 products of 3,470, as the notebook does."""
    planned = called(example, "--sandbox", "plan")
    assert planned.stdout.splitlines()[0] == "jwstsync plan: 1 proposal, 80 products selected of 3,470"


@pytest.mark.parametrize("example", ["survey-mirror"], indirect=True)
def test_survey_mirror_shows_its_rules(example: Path) -> None:
    """The mirror leaves out what is excluded, withholds what is not public, and lays out by proposal and instrument."""
    assert called(example, "--sandbox", "apply", "-y").returncode == 0
    paths = {path.relative_to(example / "mirror-sandbox") for path in (example / "mirror-sandbox").rglob("jw*")}
    assert {path.parts[:2] for path in paths} == {("2733", "MIRI"), ("2733", "NIRCAM"), ("5398", "NIRCAM")}
    assert not any(
        path.match("*_crf.fits") or path.match("*_rateints.fits") for path in paths if path.parts[0] == "2733"
    )
    assert any(path.suffix == ".jpg" for path in paths)
    assert "withhold" in called(example, "--sandbox", "plan").stdout


def blocks(language: str) -> Iterator[str]:
    """The README's code blocks of a language."""
    yield from re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def test_readme_has_the_line_that_ci_runs() -> None:
    """CI runs the tests by the very line that the README gives."""
    line = next(block for block in blocks("") if "pytest" in block)
    assert line in (HERE / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", ["southern-ring"], indirect=True)
def test_readme_runs_the_main_job(example: Path) -> None:
    """The call of the README's first line does what it says; venv and pip before it are left out here."""
    line = next(block for block in blocks("") if "--sandbox" in block)
    call = shlex.split(line.partition("(cd examples/southern-ring && ")[2].partition(")")[0])
    assert Path(call[0]).name == "jwstsync"
    assert called(example, *call[1:]).returncode == 0
    assert len(list((example / "mastDownload-sandbox").rglob("*.fits"))) == 80


def test_readme_manifest_is_valid(tmp_path: Path) -> None:
    """The manifest in the README is one."""
    from jwstsync import load_manifest

    path = tmp_path / "jwstsync.toml"
    path.write_text(next(blocks("toml")), encoding="utf-8")
    assert load_manifest(path).blocks[0].ids == (2733,)


@pytest.mark.parametrize("example", ["southern-ring"], indirect=True)
def test_readme_pipeline_runs(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ten lines of Python in the README work as they stand."""
    with Sandbox() as sandbox:
        monkeypatch.chdir(example)
        monkeypatch.setenv("JWSTSYNC_ARCHIVE_URL", sandbox.url)
        names: dict[str, object] = {}
        exec(next(blocks("python")), names)  # noqa: S102 - it is ours
    assert names["failed"] == []
    assert len(list((example / "mastDownload").rglob("*.fits"))) == 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE)))
def test_pages_name_what_there_is(page: Path) -> None:
    """Each command on a page is one, and each of its links leads to a file, and a heading, of the repository."""
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"`jwstsync ([a-z]+)", text)) <= set(command.commands)
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    targets = [((page.parent / name) if name else page, anchor) for name, _, anchor in links]
    assert [
        target for target, anchor in targets if not target.exists() or (anchor and anchor not in headings(target))
    ] == []


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
