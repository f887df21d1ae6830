"""Lockfiles merged by the git that is installed here: with jwstsync as its driver, and without."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.lockfile import Lockfile
from jwstsync.core.merge import merged
from jwstsync.sandbox import Sandbox
from tests.core.lock_histories import History, large_history, product
from tests.end_to_end.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_rebase(driven: Repository) -> None:
    """Branches that are rebased are merged alike, commit for commit."""
    history = large_history(99)
    driven.diverge(history)
    driven.commit(Lockfile.of([*history.ours, product("one_more.fits")]))
    assert driven.git("rebase", "--quiet", "theirs").returncode == 0

    expected = merged(history.base, history.theirs, history.ours).lockfile
    assert set(driven.locked.products) == {*expected.products, product("one_more.fits").uri}


def test_branches_that_have_met_before(driven: Repository) -> None:
    """Where git has to merge what both come from first, it does so with jwstsync as well."""
    history = large_history(7, products=20, added=5)
    driven.diverge(history)
    driven.git("branch", "met", "ours")
    assert driven.merge().returncode == 0
    ours = Lockfile.of([*driven.locked, product("ours.fits")])
    driven.commit(ours)
    driven.git("checkout", "--quiet", "theirs")
    assert driven.git("merge", "--quiet", "--no-edit", "met", check=False).returncode == 0
    driven.commit(Lockfile.of([*driven.locked, product("theirs.fits")]))
    driven.git("checkout", "--quiet", "ours")

    assert driven.merge().returncode == 0
    assert set(driven.locked.products) == {*ours.products, product("theirs.fits").uri}


def test_a_lockfile_that_both_began(driven: Repository) -> None:
    """Without a common version, all of both sides is there."""
    one, other = Lockfile.of([product("a")]), Lockfile.of([product("b")])
    driven.git("add", "--all")
    driven.git("commit", "--quiet", "--message", "nothing locked")
    driven.git("branch", "-M", "ours")
    driven.git("checkout", "--quiet", "-b", "theirs")
    driven.commit(other)
    driven.git("checkout", "--quiet", "ours")
    driven.commit(one)

    assert driven.merge().returncode == 0
    assert driven.locked == Lockfile.of([*one, *other])


def test_a_lockfile_in_a_folder_of_the_repository(driven: Repository) -> None:
    """The driver is found from every folder, and messages name the lockfile as git does."""
    below = driven.folder / "below"
    below.mkdir()
    shutil.move(driven.folder / "jwstsync.toml", below)
    inside = Repository(below)
    assert inside.jwstsync("init", "--git").returncode == 0
    history = History(
        Lockfile.of([product("a")]), Lockfile.of([product("a", 1)]), Lockfile.of([product("a", 2), product("b")])
    )
    inside.diverge(history)
    done = inside.merge()

    assert done.returncode == 0
    assert "jwstsync: below/jwstsync.lock: ours kept of 1 product with other bytes on each side" in done.stderr
    assert inside.locked == Lockfile.of([replace(product("a", 1), recheck=True), product("b")])


def test_a_side_that_can_not_be_read(driven: Repository) -> None:
    """Git reports a conflict, and our side is left as it was."""
    history = large_history(1, products=20, added=1)
    driven.diverge(history)
    driven.git("checkout", "--quiet", "theirs")
    driven.lockfile.write_text("version = 2\n", encoding="utf-8")
    driven.git("commit", "--quiet", "--all", "--message", "a later version")
    driven.git("checkout", "--quiet", "ours")
    done = driven.merge()

    assert done.returncode == 1
    assert "jwstsync.lock (theirs): version = 2: written by a later jwstsync" in done.stderr
    assert driven.locked == history.ours


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
@pytest.mark.parametrize("seed", range(3))
def test_conflicts_of_a_clone_without_the_driver(repository: Repository, seed: int, style: str) -> None:
    """As long as git has both sides, `lock merge` takes them from there, whatever git has made of the text."""
    history = large_history(seed, products=40, added=8)
    repository.diverge(history)
    assert repository.merge("-c", f"merge.conflictStyle={style}").returncode == 1
    assert "<<<<<<< " in repository.lockfile.read_text(encoding="utf-8")
    done = repository.jwstsync("lock", "merge")

    assert done.returncode == 0, done.stderr
    assert repository.locked == merged(history.base, history.ours, history.theirs).lockfile
    assert "by lines" not in done.stderr


@pytest.fixture(scope="module")
def archive() -> Iterator[Sandbox]:
    """The stand-in, for all tests here."""
    with Sandbox() as sandbox:
        yield sandbox


ABOVE, NEW = "a_cal.fits", "b_cal.fits"
CLEAN = History(
    Lockfile.of([product(ABOVE)]),
    Lockfile.of([product(ABOVE), product(NEW)]),
    Lockfile.of([product(ABOVE, 1), product(NEW)]),
)
"""Both branches lock the same new product, and one of them has what stands above it in a new version."""


def test_a_merge_that_git_takes_for_clean(repository: Repository) -> None:
    """Without the driver git puts a product in twice and says nothing; all refuse that, and the merge can be undone."""
    repository.diverge(CLEAN)
    alone = repository.merge()
    text = repository.lockfile.read_text(encoding="utf-8")
    refused = [repository.jwstsync(*command) for command in (("lock", "check"), ("apply", "-y"))]

    assert (alone.returncode, "<<<<<<<" in text, text.count(f'/{NEW}"\npath')) == (0, False, 2)
    assert [one.returncode for one in refused] == [2, 2]
    assert all("expected each uri once" in one.stderr for one in refused)

    repository.git("reset", "--quiet", "--hard", "ORIG_HEAD")
    assert repository.jwstsync("init", "--git").returncode == 0
    assert repository.merge().returncode == 0
    assert repository.locked == CLEAN.theirs


def test_a_branch_that_is_brought_up_to_date_first(driven: Repository) -> None:
    """Where the other branch was merged into it with the driver, a merge on a host that has none has nothing to do."""
    driven.diverge(CLEAN)
    driven.git("checkout", "--quiet", "theirs")
    assert driven.git("merge", "--quiet", "--no-edit", "ours", check=False).returncode == 0
    driven.git("config", "--remove-section", "merge.jwstsync")
    driven.git("checkout", "--quiet", "ours")

    assert driven.merge("-c", "merge.ff=false").returncode == 0
    assert driven.locked == CLEAN.theirs


OBSERVATION = 'observations = {{ obs_id = "jw02733-o002_t001_miri_f1130w" }}\n'
RULE = 'include = [{{ productFilename = ["{}"], extension = "fits" }}]\n'


def test_the_next_apply_after_a_conflict(
    repository: Repository, archive: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two branches that each locked files: `plan` names the way out, and `apply` goes it, without a download."""
    monkeypatch.setenv("JWSTSYNC_ARCHIVE_URL", archive.url)
    manifest = repository.folder / "jwstsync.toml"
    head = "version = 1\n[[proposal]]\nid = 2733\n" + OBSERVATION.format()
    (repository.folder / ".gitignore").write_text("mastDownload/\n", encoding="utf-8")

    def lock(*names: str) -> None:
        manifest.write_text(head + RULE.format('", "'.join(names)), encoding="utf-8")
        done = repository.jwstsync("apply", "-y")
        assert done.returncode == 0, done.stderr
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--message", "lock")

    lock("*_00001_mirimage_rate.fits")
    repository.git("branch", "--move", "ours")
    repository.git("checkout", "--quiet", "-b", "theirs")
    lock("*_00001_mirimage_rate.fits", "*_00002_mirimage_rate.fits")
    theirs = repository.locked
    repository.git("checkout", "--quiet", "ours")
    lock("*_00001_mirimage_rate.fits", "*_00003_mirimage_rate.fits")
    ours = repository.locked
    assert repository.merge().returncode == 1
    rule = RULE.format("*_0000[123]_mirimage_rate.fits")
    manifest.write_text(head + rule, encoding="utf-8")
    refused = repository.jwstsync("plan")
    applied = repository.jwstsync("apply", "-y")

    assert refused.returncode == 2
    assert "`jwstsync lock merge` brings both sides together" in refused.stderr
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.splitlines()[-1].endswith(f"{len({*ours.products, *theirs.products})} kept.")
    assert repository.locked == Lockfile.of([*ours, *(one for one in theirs if one.uri not in ours.products)])


def test_the_driver_is_called_as_it_is_written(driven: Repository) -> None:
    """What git is told to call is a command of this installation that is there."""
    command = shlex.split(driven.git("config", "merge.jwstsync.driver").stdout)
    assert command[1:] == ["lock", "merge", "%O", "%A", "%B", "%P"]
    assert Path(command[0]).parent == Path(sys.executable).parent
    assert Path(command[0]).is_file()
