"""What ``--locked`` refuses: also products that the archive has made anew and that can not be had."""

from __future__ import annotations

import pytest

from jwstsync.core.goal import Goal
from jwstsync.core.layout import ProductPath
from jwstsync.core.plan import Action, ActionKind, Plan, Reason
from jwstsync.core.selection import Selected
from jwstsync.errors import DifferencesError
from jwstsync.sync.planning import check_locked
from tests.core.strategies import locked

WANTED = Selected(uri="mast:a", path=ProductPath("JWST/a_cal.fits"), proposal=1, public=False)


def plan(*, pinned: bool) -> Plan:
    """A plan that withholds one locked product, which is unchanged in the archive where it is pinned."""
    entry = locked(b"old", uri=WANTED.uri, path=WANTED.path)
    action = Action(ActionKind.WITHHOLD, Reason.EXCLUSIVE_ACCESS, WANTED, entry, pinned=pinned)
    return Plan((action,), Goal({WANTED.uri: WANTED}))


def test_what_was_made_anew_is_named_though_withheld() -> None:
    """A locked product that the archive has made anew is a change, whether one has a right to it or not."""
    with pytest.raises(DifferencesError, match=r"made anew in the archive.*a_cal\.fits"):
        check_locked(plan(pinned=False))


def test_what_is_unchanged_and_withheld_is_no_change() -> None:
    """A locked product that is as it was, and can not be had, changes nothing."""
    check_locked(plan(pinned=True))
