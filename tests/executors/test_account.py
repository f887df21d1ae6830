"""What whoever watches is told of transfers, and when it is too late for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.core.fetch import Fetch
from jwstsync.executors import Setback
from jwstsync.executors.account import Account
from jwstsync.executors.transfer import Transfer
from jwstsync.store.parts import Parts
from tests.core.strategies import selected
from tests.executors.bench import Counts

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_tried_again_that_is_over(tmp_path: Path) -> None:
    """A connection that breaks after another one has ended the transfer has nothing to say any more."""
    fetch, watch = Fetch(selected()), Counts()
    transfer = Transfer(fetch, Parts(tmp_path).claim(fetch.uri), hash_is_known=False)
    account, setback = Account(watch), Setback("broken", 1, 0.5, whole_host=False)
    account.set_back(transfer, setback)
    transfer.over = True
    account.set_back(transfer, setback)

    assert [one for _, one in watch.setbacks] == [setback]
