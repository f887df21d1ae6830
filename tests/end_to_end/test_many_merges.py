"""Random merges of lockfiles by the git that is installed here, with jwstsync as its driver: none in conflict or wrong.

Git calls the driver once for each lockfile that both branches have changed, so that one merge of a repository with many
lockfiles is as many merges of lockfiles.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.lockfile import Lockfile, format_lockfile, parse_lockfile
from jwstsync.core.merge import merged
from tests.core.lock_histories import large_history, stirred_history
from tests.end_to_end.repositories import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.lockfile import LockedProduct
    from tests.core.lock_histories import History
    from tests.end_to_end.repositories import Repository

PATIENCE = 10  # seconds for each merge


def histories(count: int) -> list[History]:
    """Two branches that each add 20 products to 300; in every other one they also meet in what they change."""
    return [(large_history, stirred_history)[seed % 2](seed) for seed in range(count)]


def lockfile_in(repository: Repository, number: int) -> Path:
    """Where one of many lockfiles is."""
    return repository.folder / f"{number:04}" / NAME


def commit(repository: Repository, lockfiles: list[Lockfile], branch: str) -> None:
    """Commits many lockfiles on a branch, which begins at the one called base if there is one."""
    for number, lockfile in enumerate(lockfiles):
        path = lockfile_in(repository, number)
        path.parent.mkdir(exist_ok=True)
        path.write_text(format_lockfile(lockfile, NAME), encoding="utf-8")
    repository.git("checkout", "--quiet", "-b", branch)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", branch)


def wrongs(history: History, text: str) -> list[str]:
    """The URIs of which a merged lockfile has not what the branches meant, told without the code that merges."""
    sides = (history.base, history.ours, history.theirs)
    found = parse_lockfile(text, NAME)
    uris = {uri for side in sides for uri in side.products}
    return [uri for uri in uris if told_of(found, uri) != meant(*(side.products.get(uri) for side in sides))]


def told_of(found: Lockfile, uri: str) -> tuple[str, bool] | None:
    """Which bytes a lockfile has of a product, and whether they are marked for a fresh look; None where it has none."""
    one = found.products.get(uri)
    return None if one is None else (one.sha256, one.recheck is True)


def meant(
    before: LockedProduct | None, ours: LockedProduct | None, theirs: LockedProduct | None
) -> tuple[str, bool] | None:
    """The same as it has to be: what one side alone did counts; of two versions ours stays, marked."""
    if ours is None or theirs is None:
        left = ours or theirs
        return None if left is None or left == before else (left.sha256, False)
    old = before.sha256 if before is not None else None
    if ours.sha256 in {old, theirs.sha256}:
        return theirs.sha256, False
    return ours.sha256, theirs.sha256 != old


@pytest.mark.parametrize("count", [24, pytest.param(1000, marks=pytest.mark.thorough)])
def test_random_merges(driven: Repository, count: int) -> None:
    """None is in conflict; each is what both branches meant, and byte for byte what the pure merge makes of them."""
    (driven.folder / ".gitattributes").write_text(f"{NAME} merge=jwstsync\n", encoding="utf-8")
    many = histories(count)
    commit(driven, [one.base for one in many], "base")
    commit(driven, [one.theirs for one in many], "theirs")
    driven.git("checkout", "--quiet", "base")
    commit(driven, [one.ours for one in many], "ours")
    done = driven.git("merge", "--quiet", "--no-edit", "theirs", check=False, patience=count * PATIENCE)

    assert (done.returncode, driven.git("status", "--porcelain").stdout) == (0, ""), done.stdout + done.stderr
    seen: Counter[str] = Counter()
    for number, history in enumerate(many):
        text = lockfile_in(driven, number).read_text(encoding="utf-8")
        expected = merged(history.base, history.ours, history.theirs)
        seen += Counter(rechecked=len(expected.rechecked), revived=len(expected.revived))
        assert text == format_lockfile(expected.lockfile, NAME)
        assert wrongs(history, text) == []
        said = f"{number:04}/{NAME}: "
        assert (said in done.stdout, said in done.stderr) == (True, bool(expected.rechecked or expected.revived))
    assert min(seen["rechecked"], seen["revived"]) >= count // 8
