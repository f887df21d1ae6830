"""`jwstsync search`: what the archive has."""

from __future__ import annotations

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Catalogue, Sandbox
from tests.cli.archive import EXCLUSIVE, FIRST, SIZE
from tests.cli.calls import Called, Desk, fits

COUNTS = """\
proposal 1111: 1 observation, 5 products, 35.2 kB
  proposal  calib_level  productType  extension    files  bytes  not_public
  1111      1            SCIENCE      _uncal.fits      1   8640           0
  1111      2            PREVIEW      _cal.jpg         1    640           0
  1111      2            SCIENCE      _cal.fits        1   8640           0
  1111      2            SCIENCE      _rate.fits       1   8640           0
  1111      3            SCIENCE      _i2d.fits        1   8640           0
"""
NOTHING = "jwstsync: proposal {}: the archive lists no executed JWST observation, "
UNKNOWN = NOTHING.format(77) + "nor a planned one; expected the number of a JWST proposal, such as 2733\n"


def test_the_observations_of_proposals(desk: Desk) -> None:
    """Each proposal has a table, in the order asked for: what was observed, with what, and when it is public."""
    assert desk.call("search", str(EXCLUSIVE), str(FIRST), str(EXCLUSIVE)).out.splitlines() == [
        "proposal 3333: 1 observation",
        "  observation                     instrument    filters  target    level  rights            release",
        "  jw03333-o001_t001_nircam_f200w  NIRCAM/IMAGE  F200W    NGC-3132  3      EXCLUSIVE_ACCESS  2127-02-04",
        "proposal 1111: 1 observation",
        "  observation                     instrument    filters  target    level  rights  release",
        "  jw01111-o001_t001_nircam_f200w  NIRCAM/IMAGE  F200W    NGC-3132  3      PUBLIC  2022-07-13",
    ]


def test_the_products_of_a_proposal(desk: Desk) -> None:
    """Without a terminal there is a line for each level, type and suffix, with exact figures, for other programs."""
    assert desk.call("search", str(FIRST), "--products") == Called(ExitCode.OK, COUNTS, "")


def test_products_that_are_not_public(desk: Desk) -> None:
    """They are counted."""
    lines = desk.call("search", str(EXCLUSIVE), "--products").out.splitlines()

    assert [line.split()[-1] for line in lines[1:]] == ["not_public", "1", "1", "1", "1", "1"]


def test_a_search_for_programs(desk: Desk) -> None:
    """With --json the rows have MAST's column names, and the products are counted if that was asked for."""
    plain = desk.call("search", str(FIRST), "--json").document
    counted = desk.call("--json", "search", str(FIRST), "--products").document
    schema = desk.call("schema", "search").document

    [row] = plain["observations"]
    assert fits(schema, plain)
    assert fits(schema, counted)
    assert plain["schema"] == "jwstsync.search/1"
    assert (row["proposal_id"], row["instrument_name"], row["obsid"]) == (str(FIRST), "NIRCAM/IMAGE", FIRST)
    assert plain["products"] is None
    assert plain["proposals"] == [{"proposal": FIRST, "observations": 1, "planned": 0}]
    assert counted["observations"] == plain["observations"]
    assert len(counted["products"]) == 5
    assert counted["products"][0] == {
        "proposal": FIRST,
        "calib_level": 1,
        "productType": "SCIENCE",
        "extension": "_uncal.fits",
        "files": 1,
        "bytes": SIZE,
        "not_public": 0,
    }


def test_a_search_in_the_private_stand_in(bare: Desk) -> None:
    """With --sandbox no archive is needed."""
    found = bare.call("search", "2733", "--sandbox", "-v")

    assert found.out.startswith("proposal 2733: 10 observations\n")
    assert found.code == ExitCode.OK


@pytest.mark.parametrize("products", [(), ("--products",)], ids=["observations", "products"])
def test_a_proposal_that_there_is_not(desk: Desk, products: tuple[str, ...]) -> None:
    """The archive has answered; it is the number that is wrong, and a script can tell. The others are shown."""
    found, alone = (desk.call("search", "77", *others, *products) for others in ([str(FIRST)], []))

    assert found.err == alone.err == UNKNOWN
    assert found.out == desk.call("search", str(FIRST), *products).out
    assert alone.out == ""
    assert found.code == alone.code == ExitCode.INVALID


def test_a_proposal_that_there_is_not_for_programs(desk: Desk) -> None:
    """The document names it with its noughts."""
    called = desk.call("search", "77", "--products", "--json")

    assert called.code == ExitCode.INVALID
    assert called.document == {
        "schema": "jwstsync.search/1",
        "proposals": [{"proposal": 77, "observations": 0, "planned": 0}],
        "observations": [],
        "products": [],
    }


def test_a_proposal_that_is_only_planned(bare: Desk) -> None:
    """The number is right and there is nothing yet: that is an answer, and no mistake."""
    planned = [{"obsid": n, "obs_id": f"jw00077-o00{n}", "proposal_id": "77", "calib_level": -1} for n in (1, 2)]
    with Sandbox(catalogue=Catalogue.from_rows(planned, [])) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        found, document = bare.call("search", "77"), bare.call("search", "77", "--json").document

    assert found == Called(ExitCode.OK, "", NOTHING.format(77) + "and 2 planned; they have no products yet\n")
    assert document["proposals"] == [{"proposal": 77, "observations": 0, "planned": 2}]
    assert document["observations"] == []


def test_rows_with_hardly_anything_in_them(bare: Desk) -> None:
    """Nulls are dashes, and characters that would move a terminal's cursor are shown as question marks."""
    unknown = dict.fromkeys(("instrument_name", "filters", "t_obs_release", "dataRights", "proposal_type"))
    observation = {"obsid": 7, "obs_id": "jw7\x1b[2J", "proposal_id": "7", "target_name": "a\nb", **unknown}
    product = {"parent_obsid": 7, "productFilename": "jw7.fits", "size": None, "calib_level": None, "productType": None}
    with Sandbox(catalogue=Catalogue.from_rows([observation], [product])) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        found, counted = bare.call("search", "7"), bare.call("search", "7", "--products", "--color", "always")
        document = bare.call("search", "7", "--products", "--json").document

    assert found.out.splitlines()[2].split() == ["jw7?[2J", "-", "-", "a?b", "3", "-", "-"]
    assert counted.out.splitlines()[2].split() == ["7", "-", "-", ".fits", "1", "0", "1"]
    assert (document["products"][0]["calib_level"], document["products"][0]["productType"]) == (None, None)
