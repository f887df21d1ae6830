"""Why a product is selected or left, and what people call it."""

from __future__ import annotations

import pytest

from jwstsync.core.explanation import Explanation, explain
from jwstsync.core.selection import kind_of
from tests.core.listings import listing_of, manifest_of, row


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("jw02733002001_02103_00001_mirimage_cal.fits", "cal"),
        ("jw02733-o002_t001_miri_f1130w_i2d.jpg", "i2d.jpg"),
        ("jw02733-o002_20230118t000000_image3_00001_asn.json", "asn.json"),
        ("plain.fits", "plain"),
    ],
)
def test_the_kind_of_a_product(filename: str, kind: str) -> None:
    """What people call a product is the end of its name, without .fits."""
    assert kind_of(filename) == kind


NAMED = """
[rules.images]
extension = "fits"
calib_level = 3

[[proposal]]
id = [2733, 5]
name = "Southern Ring"
include = ["images"]
exclude = [{ extension = "i2d.fits" }]

[[proposal]]
id = 2733
observations = { instrument_name = "NIRCAM*" }
include = [{}]
"""


def test_a_product_is_explained_by_every_rule() -> None:
    """For each block of each proposal that lists a product it is told what every rule says of it."""
    rows = [row("a_cal.fits", calib_level=2), row("b_i2d.fits"), row("c_cal.fits", 20), row("d.fits")]
    listings = [listing_of(*rows), listing_of(rows[1], proposal=5)]
    found = explain(manifest_of(NAMED), listings, ["a_cal.fits", "b_i2d.fits", "c_cal.fits", "none.fits"])
    left_out = "2733, block 2: observations leaves out the observations that list it"
    excluded = '{ extension = "i2d.fits" }'
    assert found == [
        Explanation(
            "a_cal.fits",
            "mast:JWST/product/a_cal.fits",
            selected=False,
            reasons=(
                "2733 Southern Ring: include images leaves it: calib_level = 3: is 2",
                f'2733 Southern Ring: exclude {excluded} leaves it: extension = "i2d.fits": is a_cal.fits',
                left_out,
            ),
        ),
        Explanation(
            "b_i2d.fits",
            "mast:JWST/product/b_i2d.fits",
            selected=False,
            reasons=(
                "5 Southern Ring: include images takes it",
                f"5 Southern Ring: exclude {excluded} takes it",
                "2733 Southern Ring: include images takes it",
                f"2733 Southern Ring: exclude {excluded} takes it",
                left_out,
            ),
        ),
        Explanation(
            "c_cal.fits",
            "mast:JWST/product/c_cal.fits",
            selected=True,
            reasons=(
                "2733 Southern Ring: include images takes it",
                f'2733 Southern Ring: exclude {excluded} leaves it: extension = "i2d.fits": is c_cal.fits',
                "2733, block 2: include {} takes it",
            ),
        ),
    ]
