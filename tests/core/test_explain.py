"""Why a product is selected or left out, and what people call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.explanation import Explanation, Part, Verdict, explain
from jwstsync.core.layout import checked_path
from jwstsync.core.lockfile import LockedProduct
from jwstsync.core.rules import Miss
from jwstsync.core.selection import kind_of, select
from tests.core.listings import EVERYTHING, listing_of, manifest_of, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.core.caom import ProductRow
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.selection import Listing


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


ROWS = [row("a_cal.fits", calib_level=2), row("b_i2d.fits"), row("c_cal.fits", 20), row("d.fits")]
EXCLUDED = '{ extension = "i2d.fits" }'
LEFT_OUT = '2733, block 2: observations leaves it out: instrument_name = "NIRCAM*": is MIRI/IMAGE'
NOT_FITS = Miss("extension", '"i2d.fits"', "c_cal.fits")


def told(
    manifest: Manifest, pattern: str, *listings: Listing, locked: Sequence[LockedProduct] = ()
) -> dict[str, object]:
    """Whether each product is selected, and the reasons."""
    found = explain(manifest, listings, pattern, locked)
    return {one.filename: (one.selected, one.reasons) for one in found}


def test_a_product_is_explained_by_what_decides() -> None:
    """Of each block it is told what took the product, or every line of every rule that left it out."""
    listings = [listing_of(*ROWS), listing_of(ROWS[1], proposal=5)]

    assert told(manifest_of(NAMED), "[abc]_*", *listings) == {
        "a_cal.fits": (False, ["2733 Southern Ring: include images leaves it: calib_level = 3: is 2", LEFT_OUT]),
        "b_i2d.fits": (
            False,
            [
                "5 Southern Ring: include images takes it",
                f"5 Southern Ring: exclude {EXCLUDED} takes it out",
                "2733 Southern Ring: include images takes it",
                f"2733 Southern Ring: exclude {EXCLUDED} takes it out",
                LEFT_OUT,
            ],
        ),
        "c_cal.fits": (
            True,
            ["2733 Southern Ring: include images takes it", "2733, block 2: include {} takes it"],
        ),
    }


def test_every_verdict_is_there() -> None:
    """Whatever decides, what each rule of each block says can be had, with the place where it stands."""
    [one] = explain(manifest_of(NAMED), [listing_of(*ROWS)], "c_cal.fits")

    assert [(verdict.block, verdict.part, verdict.rule, verdict.takes, verdict.misses) for verdict in one.verdicts] == [
        (0, Part.INCLUDE, "images", True, ()),
        (0, Part.EXCLUDE, EXCLUDED, False, (NOT_FITS,)),
        (1, Part.OBSERVATIONS, '{ instrument_name = "NIRCAM*" }', True, ()),
        (1, Part.INCLUDE, "{}", True, ()),
    ]


def test_all_keys_that_leave_a_product() -> None:
    """Who mends one line is not to be told of the next one afterwards."""
    manifest = manifest_of('[[proposal]]\nid = 2733\ninclude = [{ calib_level = 2, extension = "jpg" }]\n')

    misses = 'calib_level = 2: is 3; extension = "jpg": is d.fits'
    reason = f'2733: include {{ calib_level = 2, extension = "jpg" }} leaves it: {misses}'
    assert told(manifest, "d.fits", listing_of(*ROWS)) == {"d.fits": (False, [reason])}


def test_the_listing_that_comes_nearest() -> None:
    """A product that several observations list is explained by the row of which the fewest lines do not hold."""
    manifest = manifest_of('[[proposal]]\nid = 2733\ninclude = [{ calib_level = 2, filters = "F090W" }]\n')
    twice = [row("a.fits", 10), row("a.fits", 20, filters="F090W")]

    [one] = explain(manifest, [listing_of(*twice)], "*")
    assert one.verdicts[0].misses == (Miss("calib_level", "2", "3"),)


@pytest.mark.parametrize(
    "pattern", ["C_CAL.FITS", "c_*", "C_cal.f?ts", "mast:JWST/product/c_cal.fits", "JWST/of_c/c_cal.fits"]
)
def test_names_in_any_case_paths_and_uris(pattern: str) -> None:
    """Names match in any case, and those that a plan or a lockfile prints match as they are."""
    assert list(told(manifest_of(EVERYTHING), pattern, listing_of(*ROWS))) == ["c_cal.fits"]


def test_names_that_are_written_in_capitals() -> None:
    """They match what is asked for in small letters."""
    assert list(told(manifest_of(EVERYTHING), "big_*.fits", listing_of(row("BIG_CAL.fits")))) == ["BIG_CAL.fits"]


def test_a_name_of_nothing() -> None:
    """What nothing is called has no explanation."""
    assert told(manifest_of(EVERYTHING), "c_cal", listing_of(*ROWS)) == {}


def test_a_product_that_no_executed_observation_lists() -> None:
    """It is said that none does, since no line of a rule is to blame."""
    assert told(manifest_of(EVERYTHING), "*", listing_of(row("p.fits", 1))) == {
        "p.fits": (False, ["2733: observations leaves it out: no executed observation lists it"])
    }


def test_a_product_that_is_refused() -> None:
    """It is selected, and why it is not to be had is told with the rest."""
    [one] = explain(manifest_of(EVERYTHING), [listing_of(row("big.fits", size=-1))], "*")

    assert one.selected
    assert one.reasons == ["2733: include {} takes it", "refused: size -1: expected a number of bytes"]


def test_products_without_a_name_in_the_archive() -> None:
    """Each is told for itself."""
    nameless = [row("a.fits", data_uri=""), row("b.fits", data_uri="")]

    assert list(told(manifest_of(EVERYTHING), "*", listing_of(*nameless))) == ["a.fits", "b.fits"]


def test_locked_products_that_are_not_listed() -> None:
    """They are told too, unless their proposal did not answer, in which case nothing is known of them."""
    locked = [
        LockedProduct(
            uri=f"mast:JWST/product/{name}",
            path=checked_path(f"JWST/{name}"),
            proposal=proposal,
            size=1,
            sha256="0" * 64,
        )
        for name, proposal in (("c_cal.fits", 2733), ("gone.fits", 2733), ("other.fits", 6), ("silent.fits", 5))
    ]

    assert told(manifest_of(NAMED), "[!abd]*", listing_of(*ROWS), locked=locked) == {
        "c_cal.fits": (True, ["2733 Southern Ring: include images takes it", "2733, block 2: include {} takes it"]),
        "gone.fits": (False, ["2733: locked, and the archive lists it no more"]),
        "other.fits": (False, ["6: locked, and the manifest names the proposal no more"]),
    }


@given(st.lists(st.sampled_from(ROWS), max_size=4), st.sampled_from([NAMED, EVERYTHING]))
def test_explained_as_it_is_selected(rows: list[ProductRow], text: str) -> None:
    """A product is selected if and only if a block says so, and it is what `select` selects."""
    manifest, listing = manifest_of(text), listing_of(*rows)
    found = explain(manifest, [listing], "*")

    assert {one.uri for one in found if one.selected} == set(select(manifest, [listing], {}).products)
    assert {one.uri for one in found} == {row.data_uri for row in rows}
    assert all(one.selected == any(map(takes, blocks(one))) for one in found)


def blocks(one: Explanation) -> list[list[Verdict]]:
    """The verdicts of each block."""
    return [
        [verdict for verdict in one.verdicts if verdict.block == block] for block in {v.block for v in one.verdicts}
    ]


def takes(verdicts: list[Verdict]) -> bool:
    """Whether a block takes a product, as the schema says."""
    by_part = {part: [one.takes for one in verdicts if one.part is part] for part in Part}
    return all(by_part[Part.OBSERVATIONS]) and any(by_part[Part.INCLUDE]) and not any(by_part[Part.EXCLUDE])
