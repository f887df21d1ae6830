"""Input files of aria2: what is in them, and what aria2 itself makes of them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.disk import FileState
from jwstsync.core.layout import ProductPath
from jwstsync.core.plan import Action, ActionKind
from jwstsync.errors import UsageError
from jwstsync.executors.aria2 import aria2_problem, aria2_text
from tests.executors.script_host import PATIENCE, archive, fetch_of

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.fetch import Fetch

URL = "https://mast.example"
ROOT = "-mast Down'load $HOME"
AWKWARD = "a 'quoted' \"$HOME\" `id` $(id) \\n & ; * [x] #?%41 é✓.fits"


def ran(folder: Path, text: str) -> int:
    """The exit code of aria2 with these products."""
    program = shutil.which("aria2c")
    assert program is not None, "aria2c: expected to be installed (Debian: apt-get install aria2)"
    (folder / "in.txt").write_text(text, encoding="utf-8")
    command = [program, "--no-conf", "-q", "-j", "4", "-i", "in.txt"]
    return subprocess.run(command, cwd=folder, check=False, timeout=PATIENCE).returncode


def test_aria2_brings_every_product(tmp_path: Path) -> None:
    """Whatever they are called and whatever is known of them; what is whole is not fetched again."""
    names = (AWKWARD, "-rf.fits", "#.fits", "locked.fits", "table.csv")
    with archive(*names) as sandbox:
        content = {name: sandbox.content(name) for name in names}
        fetches = [fetch_of(name, content[name], md5=name != "table.csv", pinned="lock" in name) for name in names]
        fetches[1] = fetch_of(names[1], content[names[1]], path=names[1])
        text = aria2_text(fetches, archive_url=sandbox.url, root=ROOT)
        for _ in range(2):
            assert ran(tmp_path, text) == 0
            found = {path.name: path.read_bytes() for path in (tmp_path / ROOT).rglob("*") if path.is_file()}
            assert found == content
        assert all((tmp_path / ROOT / fetch.path).is_file() for fetch in fetches)


def test_aria2_tells_wrong_bytes(tmp_path: Path) -> None:
    """A checksum that does not fit is a failure, and the next run fetches the product anew."""
    with archive("image_cal.fits") as sandbox:
        good = fetch_of("image_cal.fits", sandbox.content("image_cal.fits"), md5=True)
        before = sandbox.content("image_cal.fits")
        sandbox.remake("image_cal.fits")
        assert ran(tmp_path, aria2_text([good], archive_url=sandbox.url, root=ROOT)) != 0
        new = fetch_of("image_cal.fits", sandbox.content("image_cal.fits"), md5=True)
        assert ran(tmp_path, aria2_text([new], archive_url=sandbox.url, root=ROOT)) == 0
        assert (tmp_path / ROOT / new.path).read_bytes() == sandbox.content("image_cal.fits") != before


def action(fetch: Fetch, present: FileState | None = None) -> Action:
    """The plan's word on a product that is to be fetched."""
    return Action(ActionKind.FETCH, None, fetch.wanted, None, present)


def test_some_are_not_for_aria2() -> None:
    """What needs a token, what would be written over, and names that aria2 reads as others."""
    fetch = fetch_of("image_cal.fits", b"1")
    assert aria2_problem(action(fetch)) is None
    exclusive = replace(fetch, wanted=replace(fetch.wanted, public=False))
    blank = replace(fetch, wanted=replace(fetch.wanted, path=ProductPath("JWST/ image.fits")))
    problems = [
        aria2_problem(action(exclusive)),
        aria2_problem(action(fetch, FileState(3))),
        aria2_problem(action(blank)),
    ]
    assert [word in str(problem) for word, problem in zip(("token", "over", "blanks"), problems, strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x7fb"])
def test_control_characters_are_refused(name: str) -> None:
    """No line of the file is another than it seems."""
    good = fetch_of("image_cal.fits")
    for wanted in (replace(good.wanted, uri=name), replace(good.wanted, path=ProductPath(name))):
        with pytest.raises(UsageError, match="expected no control characters"):
            aria2_text([replace(good, wanted=wanted)], archive_url=URL, root=ROOT)
    with pytest.raises(UsageError, match="expected no control characters"):
        aria2_text([good], archive_url=URL, root=name)
