"""`jwstsync search`: what the archive has."""

from __future__ import annotations

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Catalogue, Sandbox
from tests.cli.archive import EXCLUSIVE, FIRST, SIZE
from tests.cli.calls import Called, Desk

COUNTS = """  level  type     suffix   files  size
  1      SCIENCE  uncal    1      8.6 kB
  2      PREVIEW  cal.jpg  1      640 B
  2      SCIENCE  cal      1      8.6 kB
  2      SCIENCE  rate     1      8.6 kB
  3      SCIENCE  i2d      1      8.6 kB
"""


def test_the_observations_of_proposals(desk: Desk) -> None:
    """Each proposal has a table, in the order asked for: what was observed, with what, and when it is public."""
    assert desk.call("search", str(EXCLUSIVE), str(FIRST), str(EXCLUSIVE)).out.splitlines() == [
        "proposal 3333: 1 observation",
        "  observation                     instrument    filters  target    level  rights            release",
        "  jw03333-o001_t001_nircam_f200w  NIRCAM/IMAGE  F200W    NGC-3132  3      EXCLUSIVE_ACCESS  2027-02-04",
        "proposal 1111: 1 observation",
        "  observation                     instrument    filters  target    level  rights  release",
        "  jw01111-o001_t001_nircam_f200w  NIRCAM/IMAGE  F200W    NGC-3132  3      PUBLIC  2022-07-13",
    ]


def test_the_products_of_a_proposal(desk: Desk) -> None:
    """`--products` counts them by level, type and suffix, as rules ask for them."""
    assert desk.call("search", str(FIRST), "--products") == Called(
        ExitCode.OK, "proposal 1111: 1 observation\n" + COUNTS, ""
    )


def test_a_search_for_programs(desk: Desk) -> None:
    """With --json the rows have MAST's column names, and the products are counted if that was asked for."""
    plain = desk.call("search", str(FIRST), "--json").document
    counted = desk.call("--json", "search", str(FIRST), "--products").document

    [row] = plain["observations"]
    assert (row["proposal_id"], row["instrument_name"], row["obsid"]) == (str(FIRST), "NIRCAM/IMAGE", FIRST)
    assert plain["products"] is None
    assert counted["observations"] == plain["observations"]
    assert len(counted["products"]) == 5
    assert counted["products"][0] == {
        "calib_level": 1,
        "productType": "SCIENCE",
        "suffix": "uncal",
        "files": 1,
        "bytes": SIZE,
    }


def test_a_search_in_the_private_stand_in(bare: Desk) -> None:
    """With --sandbox no archive is needed."""
    found = bare.call("search", "2733", "--sandbox", "-v")

    assert found.out.startswith("proposal 2733: 10 observations\n")
    assert found.code == ExitCode.OK


def test_a_proposal_that_there_is_not(desk: Desk) -> None:
    """It is named; the archive was reached and said so, which is no failure, and the others are shown."""
    found = desk.call("search", "77", str(FIRST))

    assert found.err == "jwstsync: proposal 77: the archive lists no executed JWST observation\n"
    assert found.out.splitlines()[:2] == ["proposal 77: 0 observations", "proposal 1111: 1 observation"]
    assert found.code == ExitCode.OK
    assert desk.call("search", "77", "--products").out == "proposal 77: 0 observations\n"
    assert desk.call("search", "77", "--products", "--json").document == {"observations": [], "products": []}


def test_rows_with_hardly_anything_in_them(bare: Desk) -> None:
    """Nulls are blanks, and characters that would move a terminal's cursor are shown as question marks."""
    unknown = dict.fromkeys(("instrument_name", "filters", "t_obs_release", "dataRights", "proposal_type"))
    observation = {"obsid": 7, "obs_id": "jw7\x1b[2J", "proposal_id": "7", "target_name": "a\nb", **unknown}
    product = {"parent_obsid": 7, "productFilename": "jw7.fits", "size": None, "calib_level": None, "productType": None}
    with Sandbox(catalogue=Catalogue.from_rows([observation], [product])) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        found, counted = bare.call("search", "7"), bare.call("search", "7", "--products")

    assert found.out.splitlines()[2].split() == ["jw7?[2J", "a?b", "3"]
    assert counted.out.splitlines()[2] == "  0            jw7     1      0 B"
