"""What a merge has marked for another look: the next plan that asks the archive looks, and only that ends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.after import lockfile_after
from jwstsync.core.goal import as_locked
from jwstsync.core.plan import ActionKind, Reason
from tests.core.strategies import NEW, NEW_WITH_MD5, OLD, PINNED, action_for, hashed, locked, md5_of, plan_for, selected

if TYPE_CHECKING:
    from jwstsync.core.selection import Selected

MARKED = replace(PINNED, recheck=True)
MARKED_WITHOUT_MD5 = locked(recheck=True)


def test_the_archives_checksum_settles_it_in_favour_of_ours() -> None:
    """Where the archive has the marked bytes, they are kept, and the mark goes with what was in doubt beside it."""
    wanted = selected(OLD, md5=PINNED.md5, cal_ver="1.18.0", crds_ctx="jwst_1400.pmap")
    plan = plan_for(wanted, MARKED, hashed(OLD))
    assert [action.kind for action in plan.actions] == [ActionKind.KEEP]
    assert len(plan.changes_lockfile) == 1
    assert list(lockfile_after(plan, {})) == [replace(PINNED, cal_ver="1.18.0", crds_ctx="jwst_1400.pmap")]


def test_the_archives_checksum_settles_it_otherwise() -> None:
    """Where the archive has other bytes, these are fetched."""
    action = action_for(NEW_WITH_MD5, MARKED, hashed(OLD))
    assert (action.kind, action.reason) == (ActionKind.UPDATE, Reason.CHANGED)
    assert action.fetch.locks(size=1, sha256="0" * 64, md5="0" * 32).recheck is None


@pytest.mark.parametrize("wanted", [selected(OLD), selected(OLD, size=None)])
def test_without_a_checksum_it_is_fetched(wanted: Selected) -> None:
    """Size and version do not tell two versions apart, so what is marked counts as made anew."""
    assert action_for(wanted, MARKED_WITHOUT_MD5, hashed(OLD)).kind is ActionKind.UPDATE


@pytest.mark.parametrize("content", [OLD, NEW])
def test_what_is_here_is_adopted(content: bytes) -> None:
    """If the file that is here is what the archive has, whichever side had it, nothing is fetched for it."""
    wanted = selected(content, md5=md5_of(content))
    assert action_for(wanted, MARKED_WITHOUT_MD5, hashed(content)).kind is ActionKind.ADOPT


def test_without_the_archive_the_mark_stays() -> None:
    """Status, --frozen and proposals that could not be asked take the marked bytes for what is locked."""
    plan = plan_for(as_locked(MARKED_WITHOUT_MD5), MARKED_WITHOUT_MD5, hashed(OLD))
    assert [action.kind for action in plan.actions] == [ActionKind.KEEP]
    assert plan.changes_lockfile == []
    assert list(lockfile_after(plan, {})) == [MARKED_WITHOUT_MD5]
