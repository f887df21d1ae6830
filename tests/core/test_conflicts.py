"""Lockfiles with conflict markers, as git itself writes them: what can be believed of both sides is merged."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.conflicts import resolved
from jwstsync.core.lockfile import Lockfile, format_lockfile, has_conflicts, parse_lockfile
from jwstsync.core.merge import Merge
from jwstsync.errors import LockfileError
from tests.core.lock_histories import History, large_history, product

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.lockfile import LockedProduct

STYLES = ("merge", "diff3", "zdiff3")
NAME = "jwstsync.lock"


def marked(name: str) -> LockedProduct:
    """A product as it is locked after a merge by lines."""
    return replace(product(name), recheck=True)


def merged_by_git(folder: Path, history: History, style: str) -> str:
    """What git makes of a history without a driver."""
    names = ("ours", "base", "theirs")
    for name in names:
        (folder / name).write_text(format_lockfile(getattr(history, name), NAME), encoding="utf-8")
    styles = ["--" + style] if style != "merge" else []
    done = subprocess.run(["git", "merge-file", "-p", *styles, *names], cwd=folder, check=False, stdout=subprocess.PIPE)
    return done.stdout.decode()


def remade_at_random(seed: int) -> History:
    """Two branches of 40 products that each add eight, so that git's lines come together in all sorts of ways."""
    return large_history(seed, products=40, added=8)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", range(15))
def test_what_can_be_read_of_gits_conflicts(tmp_path: Path, seed: int, style: str) -> None:
    """Every block that markers run through is left out and reported, and every other one marked; no URI is made up.

    Git itself loses a block now and then, so that nothing can be promised of it.
    """
    history = remade_at_random(seed)
    text = merged_by_git(tmp_path, history, style)
    merge = resolved(text, NAME)
    assert (merge.by_lines, has_conflicts(text)) == (True, True)
    assert all(one.recheck for one in merge.lockfile)
    written = set(re.findall(r'uri = "(.*)"', text))
    assert {*merge.lockfile.products, *merge.torn} <= written
    added = {*history.ours.products, *history.theirs.products} - set(history.base.products)
    assert added & written <= {*merge.lockfile.products, *merge.torn}
    assert parse_lockfile(format_lockfile(merge.lockfile, NAME), NAME) == merge.lockfile


def test_a_block_that_git_puts_together_of_two(tmp_path: Path) -> None:
    """Where git gives one product the bytes of another, nothing of that block is believed."""
    before = Lockfile.of([product("a"), product("e"), product("z")])
    ours = Lockfile.of([product("a"), product("c", 1), product("z")])
    theirs = Lockfile.of([product("a"), product("b"), product("e", 2), product("f"), product("z")])
    text = merged_by_git(tmp_path, History(before, ours, theirs), "merge")
    assert 'path = "JWST/c"\n=======\n' in text
    merge = resolved(text, NAME)
    assert {product("c").uri, product("f").uri} <= set(merge.torn)
    assert {product("a").uri, product("z").uri} <= set(merge.lockfile.products)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_whole_conflicts(ends: str) -> None:
    """Markers with any label, of any length from seven on, and with any ends of lines are read."""
    one, other, both = (format_lockfile(Lockfile.of([product(name)]), NAME).split("\n") for name in ("a", "b", "c"))
    blocks = ["\n".join(one[2:]), "\n".join(other[2:]), "\n".join(both[2:])]
    text = f"version = 1\n<<<<<<<<< HEAD\n{blocks[0]}=========\n{blocks[1]}>>>>>>>>> a branch\n{blocks[2]}"
    expected = Merge(Lockfile.of(marked(name) for name in "abc"), by_lines=True)
    assert resolved(text.replace("\n", ends), NAME) == expected


def test_a_conflict_in_what_both_come_from() -> None:
    """Where git had to merge the common text too, and could not, the sides are merged as if it were not known."""
    one, other = ("\n".join(format_lockfile(Lockfile.of([product(name)]), NAME).split("\n")[2:]) for name in ("a", "b"))
    base = f"||||||| merged common ancestors\n<<<<<<<<< first\n{one}=========\n{other}>>>>>>>>> second\n"
    text = f"version = 1\n<<<<<<< HEAD\n{one}{base}=======\n{other}>>>>>>> branch\n"
    assert resolved(text, NAME).lockfile == Lockfile.of(marked(name) for name in "ab")


def test_a_lockfile_without_conflicts() -> None:
    """It is what it is."""
    lockfile = Lockfile.of([product("a")])
    assert resolved(format_lockfile(lockfile, NAME), NAME) == Merge(lockfile)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<<<<<<< HEAD\nversion = 1\n", id="no end"),
        pytest.param("<<<<<<< HEAD\nversion = 1\n=======\nversion = 1\n", id="no end of theirs"),
        pytest.param("<<<<<<< HEAD\nversion = 1\n>>>>>>> branch\n", id="no theirs"),
        pytest.param("version = 1\n=======\n<<<<<<< HEAD\n", id="no beginning"),
        pytest.param("<<<<<<< HEAD\n=======\nversion = 1\n>>>>>>> branch\n", id="no lockfile here"),
        pytest.param("<<<<<<< HEAD\nversion = 1\n=======\nversion = 2\n>>>>>>> branch\n", id="a later one there"),
    ],
)
def test_conflicts_that_are_not_whole(text: str) -> None:
    """They are refused, as is a side that is no lockfile: nothing is guessed."""
    with pytest.raises(LockfileError, match="jwstsync"):
        resolved(text, NAME)
