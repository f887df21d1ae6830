"""Products that the archive lists without a name that they could be fetched by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sync.planning import Mode
from tests.sync.fakes import A, B, C, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.core.caom import ProductRow
    from tests.sync.fakes import Place


@pytest.fixture
def spoilt(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Everything is locked, and one of its rows has no URI any more."""
    place.apply()
    products = place.archive.products

    def without_uri(group_ids: Sequence[int]) -> list[ProductRow]:
        return [replace(row, data_uri="") if row.filename == A else row for row in products(group_ids)]

    monkeypatch.setattr(place.archive, "products", without_uri)
    return place


@pytest.mark.parametrize("mode", [Mode.DEFAULT, Mode.LOCKED])
def test_what_is_locked_stays(spoilt: Place, mode: Mode) -> None:
    """The product is refused by its file name, exit code 3, and neither its entry nor its file go away."""
    before = spoilt.state
    report = spoilt.apply(mode)

    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert [(one.uri, one.error) for one in report.plan.goal.refused] == [
        (f"{A} of jw00001 (no dataURI)", "expected a dataURI such as mast:JWST/product/...")
    ]
    assert (spoilt.locked, spoilt.state) == ({A, B, C}, before)


def test_what_is_really_gone_of_another_proposal_is_dropped(spoilt: Place) -> None:
    """The doubt is about one proposal; another goes on."""
    [other] = [one.name for one in spoilt.archive.holdings.values() if one.proposal != 1]
    del spoilt.archive.holdings[other]

    assert told(spoilt.plan(allow_empty=True)) == {other: "drop gone"}
