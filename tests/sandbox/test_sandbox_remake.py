"""Products that are made anew, removed and taken back while the sandbox serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.sandbox import Catalogue, Sandbox, survey
from jwstsync.sandbox.content import checksum
from jwstsync.sandbox.holdings import Holdings
from jwstsync.sandbox.proposals import built_in

if TYPE_CHECKING:
    from jwstsync.sandbox.columns import Value

CAL = "jw02733002001_02103_00001_mirimage_cal.fits"
RING = 87602450
REMADE = "jw05398497001_02201_00001_nrca1_cal.fits"
SURVEY = Catalogue.from_rows(*survey.rows(full_size=False, year=2027))


def listed(holdings: Holdings, name: str) -> dict[Value, Value]:
    """What all rows that list a product say of it: size and version."""
    parents = holdings.catalogue.products
    rows = [row for row in holdings.products(parents) if row["productFilename"] == name]
    (said,) = {(row["size"], row["prvversion"]) for row in rows}
    return dict(zip(("size", "prvversion"), said, strict=True))


def told(holdings: Holdings, name: str, service: str) -> dict[str, Value]:
    """A product's keyword row, with its checksum."""
    ((row, making),) = [pair for pair in holdings.keywords(service) if pair[0]["filename"] == name]
    return {**row, "checksum": checksum(making)}


@pytest.fixture
def holdings() -> Holdings:
    """The default catalogue, to be changed."""
    return Holdings(built_in(full_size=False))


def test_a_product_made_anew_keeps_its_name_and_its_size(holdings: Holdings) -> None:
    """By default only the versions, the date and the bytes change, and all tables say so."""
    before = told(holdings, CAL, "Miri")
    holdings.remake(CAL, cal_ver=None, crds_ctx=None, same_size=True)
    after = told(holdings, CAL, "Miri")

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"checksum", "date_mjd", "cal_ver", "crds_ctx"}
    assert (after["cal_ver"], after["crds_ctx"]) == ("1.16.2", "jwst_1304.pmap")
    assert listed(holdings, CAL) == {"size": before["fileSize"], "prvversion": "1.16.2"}


def test_a_product_may_grow(holdings: Holdings) -> None:
    """Made one block longer, the listing and the keywords state the new size."""
    before = told(holdings, CAL, "Miri")["fileSize"]
    holdings.remake(CAL, cal_ver=None, crds_ctx=None, same_size=False)

    assert isinstance(before, int)
    assert told(holdings, CAL, "Miri")["fileSize"] == listed(holdings, CAL)["size"] == before + 2880


def test_only_the_checksum_may_tell(holdings: Holdings) -> None:
    """Made anew with the same versions and size, only date and checksum differ: as with one in eight in the archive."""
    before = told(holdings, CAL, "Miri")
    holdings.remake(CAL, cal_ver="1.16.1", crds_ctx="jwst_1303.pmap", same_size=True)
    after = told(holdings, CAL, "Miri")

    assert {name for name in before if before[name] != after[name]} == {"checksum", "date_mjd"}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["remake", "grow", "rewind", "catch up"]), max_size=6))
def test_every_making_is_listed_as_it_is_served(steps: list[str]) -> None:
    """Whatever was done to a product, its tables agree with its bytes."""
    holdings = Holdings(SURVEY)
    does = {
        "remake": lambda: holdings.remake(REMADE, cal_ver=None, crds_ctx=None, same_size=True),
        "grow": lambda: holdings.remake(REMADE, cal_ver=None, crds_ctx=None, same_size=False),
        "rewind": holdings.rewind,
        "catch up": holdings.catch_up,
    }
    for step in steps:
        does[step]()

    making = holdings.making(REMADE)
    said = told(holdings, REMADE, "Nircam")
    assert listed(holdings, REMADE) == {"size": making.size, "prvversion": making.cal_ver}
    assert (said["fileSize"], said["cal_ver"], said["crds_ctx"]) == (making.size, making.cal_ver, making.crds_ctx)


def test_the_survey_goes_through_its_real_making_anew() -> None:
    """Rewound, 12 products have pipeline version 1.19.1; caught up, the same 12 have 1.19.2 as before."""
    with Sandbox() as sandbox:
        latest = sandbox.content(REMADE)
        sandbox.rewind()
        earlier = sandbox.content(REMADE)
        names = sandbox.catch_up()

        assert len(names) == 12
        assert names[0] == REMADE
        assert b"'1.19.1  '" in earlier[:2880]
        assert b"'1.19.2  '" in latest[:2880]
        assert sandbox.content(REMADE) == latest
        assert sandbox.catch_up() == []


def test_one_product_may_catch_up_alone(holdings: Holdings) -> None:
    """A rewound product that is made anew comes to the making that really followed."""
    last = holdings.making(REMADE)
    holdings.rewind()
    assert told(holdings, REMADE, "Nircam")["ArchiveFileID"] == 206511302

    assert holdings.remake(REMADE, cal_ver=None, crds_ctx=None, same_size=True) == last
    assert told(holdings, REMADE, "Nircam")["ArchiveFileID"] == 208142160
    assert len(holdings.catch_up()) == 11


@pytest.mark.parametrize(
    ("cal_ver", "crds_ctx", "same_size", "versions"),
    [
        ("2.0", None, True, ("2.0", "jwst_1414.pmap")),
        (None, "jwst_2000.pmap", True, ("1.19.2", "jwst_2000.pmap")),
        (None, None, False, ("1.19.2", "jwst_1414.pmap")),
    ],
)
def test_what_is_asked_for_comes_before_what_really_followed(
    holdings: Holdings, cal_ver: str | None, crds_ctx: str | None, versions: tuple[str, str], *, same_size: bool
) -> None:
    """A rewound product that is made anew with versions or a size of one's own gets those."""
    holdings.rewind()
    size = holdings.making(REMADE).size
    made = holdings.remake(REMADE, cal_ver=cal_ver, crds_ctx=crds_ctx, same_size=same_size)

    assert (made.cal_ver, made.crds_ctx) == versions
    assert (made.size == size) == same_size


def test_a_removed_product_is_gone_until_the_sandbox_is_rewound() -> None:
    """It is neither listed, nor told of, nor served; rewinding brings it back."""
    with Sandbox() as sandbox:
        url = f"{sandbox.url}/api/v0.1/Download/file?uri=mast:JWST/product/{CAL}"
        sandbox.remove(CAL)

        assert requests.head(url, timeout=30).status_code == 404
        with pytest.raises(KeyError, match="expected the file name of a product that is served"):
            sandbox.content(CAL)
        with pytest.raises(KeyError):
            sandbox.remove(CAL)
        with pytest.raises(KeyError):
            sandbox.remake(CAL)

        sandbox.rewind()
        assert requests.head(url, timeout=30).status_code == 200


def test_a_removed_product_leaves_the_tables(holdings: Holdings) -> None:
    """One row less is listed, and one keyword row less is told."""
    rows, keywords = len(holdings.products([RING])), len(holdings.keywords("Miri"))
    holdings.remove(CAL)

    assert len(holdings.products([RING])) == rows - 1
    assert len(holdings.keywords("Miri")) == keywords - 1


def test_products_are_made_anew_from_another_terminal() -> None:
    """What the methods do can be asked for over HTTP, and unknown names are 404."""
    with Sandbox() as sandbox:
        url = f"{sandbox.url}/sandbox"
        remade = requests.post(f"{url}/remake", params={"name": CAL, "same_size": "false"}, timeout=30).json()
        assert remade == {"name": CAL, "size": 466_560, "cal_ver": "1.16.2", "crds_ctx": "jwst_1304.pmap"}
        assert len(sandbox.content(CAL)) == 466_560

        chosen = requests.post(f"{url}/remake", params={"name": CAL, "cal_ver": "9.9", "crds_ctx": "x"}, timeout=30)
        assert (chosen.json()["cal_ver"], chosen.json()["crds_ctx"]) == ("9.9", "x")
        assert requests.post(f"{url}/remove", params={"name": CAL}, timeout=30).json() == {"removed": CAL}
        assert requests.post(f"{url}/rewind", timeout=30).json() == {"rewound": True}
        assert len(requests.post(f"{url}/catch-up", timeout=30).json()) == 12
        for action in ("remake", "remove"):
            unknown = requests.post(f"{url}/{action}", params={"name": "unknown.fits"}, timeout=30)
            assert unknown.status_code == 404
            assert "unknown.fits" in unknown.text


def test_versions_without_a_number_stay() -> None:
    """A version that has no number to raise is kept."""
    row = {"productFilename": "a.fits", "parent_obsid": 1, "prvversion": "unnumbered"}
    holdings = Holdings(Catalogue.from_rows([], [row]))

    assert holdings.remake("a.fits", cal_ver=None, crds_ctx=None, same_size=True).cal_ver == "unnumbered"
