"""What products are listed, counted as rules ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.caom import PRODUCT_COLUMNS
from jwstsync.core.holdings import Holding, extension_of, holdings_of
from jwstsync.core.rules import parse_rule
from tests.core.listings import row

if TYPE_CHECKING:
    from jwstsync.core.caom import ProductRow

NAMES = ["jw1_cal.fits", "jw1_i2d.fits", "jw1_i2d.jpg", "x_00001_asn.json", "plain.fits", "README", ".hidden"]


@pytest.mark.parametrize(
    ("filename", "extension"),
    [
        ("jw02733002001_02103_00001_mirimage_cal.fits", "_cal.fits"),
        ("jw02733-o002_20230118t000000_image3_00001_asn.json", "_asn.json"),
        ("plain.fits", ".fits"),
        ("README", "README"),
        (".hidden", ".hidden"),
    ],
)
def test_the_end_of_a_name(filename: str, extension: str) -> None:
    """It is what `extension` takes in a rule."""
    assert extension_of(filename) == extension


def test_products_are_counted_once() -> None:
    """Whatever lists them, and with the bytes that are known; what is not stated comes first."""
    rows = [
        row("b_cal.fits", 10, calib_level=2),
        row("b_cal.fits", 20, calib_level=2),
        row("a_cal.fits", calib_level=2, size=None, data_rights="EXCLUSIVE_ACCESS"),
        row("a_i2d.fits", product_type=None),
        row("a_i2d.jpg", product_type="PREVIEW"),
        row("a_asn.json", calib_level=None, data_rights=None),
    ]

    assert holdings_of(rows) == [
        Holding(None, "SCIENCE", "_asn.json", 1, 2880, 1),
        Holding(2, "SCIENCE", "_cal.fits", 2, 2880, 1),
        Holding(3, None, "_i2d.fits", 1, 2880, 0),
        Holding(3, "PREVIEW", "_i2d.jpg", 1, 2880, 0),
    ]


ROWS = st.lists(
    st.builds(
        row, st.sampled_from(NAMES), calib_level=st.sampled_from([1, 2]), product_type=st.sampled_from(["A", "B"])
    ),
    unique_by=lambda one: one.data_uri,
)


@given(ROWS)
def test_a_rule_of_what_is_shown_takes_what_is_counted(rows: list[ProductRow]) -> None:
    """Level, type and suffix, put into a rule, take at least the products that are counted under them."""
    for one in holdings_of(rows):
        raw = {"calib_level": one.calib_level, "productType": one.product_type, "extension": one.extension}
        rule, problems = parse_rule(raw, PRODUCT_COLUMNS)
        taken = [product for product in rows if rule.takes(product)]

        assert problems == ()
        assert len([product for product in taken if extension_of(product.filename) == one.extension]) == one.files
    assert sum(one.files for one in holdings_of(rows)) == len(rows)
