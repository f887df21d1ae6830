"""Catalogues of plain rows, as tests make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jwstsync.sandbox import Catalogue
from jwstsync.sandbox.holdings import Holdings
from jwstsync.sandbox.keywords import service_of
from jwstsync.sandbox.proposals import built_in

OBSERVATION = {
    "obsid": 7,
    "obs_id": "jw00001-o001_t001_miri_f770w",
    "proposal_id": "1",
    "instrument_name": "MIRI/IMAGE",
}
CAL = "jw00001001001_02101_00001_mirimage_cal.fits"


def test_what_a_row_does_not_say_is_taken_from_its_parent() -> None:
    """A product needs a name and a parent; the rest is that of a public calibrated product of the smallest size."""
    catalogue = Catalogue.from_rows([OBSERVATION], [{"productFilename": CAL, "parent_obsid": 7}])
    (row,) = catalogue.products[7]

    assert row["dataURI"] == f"mast:JWST/product/{CAL}"
    assert row["obs_id"] == OBSERVATION["obs_id"]
    assert row["proposal_id"] == "1"
    assert row["productSubGroupDescription"] == "CAL"
    assert (row["size"], row["dataRights"], row["calib_level"], row["obsID"]) == (8640, "PUBLIC", 2, 7)
    assert len(row) == 20


def test_null_stays_null() -> None:
    """A size or version that is given as unknown is listed as unknown, and the product is served all the same."""
    row = {"productFilename": CAL, "parent_obsid": 7, "size": None, "prvversion": None}
    holdings = Holdings(Catalogue.from_rows([OBSERVATION], [row]))
    holdings.remake(CAL, cal_ver=None, crds_ctx=None, same_size=False)

    (listed,) = holdings.products([7])
    assert listed["size"] is None
    assert listed["prvversion"] is None
    assert holdings.making(CAL).size == 4 * 2880
    assert holdings.making(CAL).cal_ver is None


def test_an_unknown_version_stays_unknown_in_the_listing() -> None:
    """A listing without a version has none after the product was made anew, though the keywords tell one."""
    row = {"productFilename": CAL, "parent_obsid": 7, "prvversion": None}
    keywords = {"filename": CAL, "cal_ver": "1.19.1", "instrume": "MIRI"}
    holdings = Holdings(Catalogue.from_rows([OBSERVATION], [row], [keywords]))

    assert holdings.remake(CAL, cal_ver=None, crds_ctx=None, same_size=True).cal_ver == "1.19.2"
    assert holdings.products([7])[0]["prvversion"] is None


def test_the_first_row_of_a_product_decides() -> None:
    """Where rows of one product disagree, what is served follows the first of them."""
    rows = [
        {"productFilename": CAL, "parent_obsid": 7, "size": 8640, "dataRights": "PUBLIC"},
        {"productFilename": CAL, "parent_obsid": 8, "size": 11_520, "dataRights": "EXCLUSIVE_ACCESS"},
    ]
    holdings = Holdings(Catalogue.from_rows([OBSERVATION], rows))

    assert holdings.making(CAL).size == 8640
    assert holdings.is_public(holdings.making(CAL))
    assert [row["size"] for row in holdings.products([7, 8])] == [8640, 11_520]


def test_keywords_are_worked_out_from_what_is_listed() -> None:
    """Each FITS file has a keyword row, with what its name tells; other files have none."""
    products = [
        {"productFilename": name, "parent_obsid": 7}
        for name in (CAL, CAL.replace(".fits", ".jpg"), "jw00001001001_gs-fg_2022163115406_cal.fits", "odd.fits")
    ]
    catalogue = Catalogue.from_rows([OBSERVATION], products)
    (row,) = catalogue.keywords[CAL]

    assert len(catalogue.keywords) == 3
    assert service_of(row) == "Miri"
    assert (row["fileSetName"], row["detector"]) == ("jw00001001001_02101_00001", "MIRIMAGE")
    assert (row["observtn"], row["visit"], row["productLevel"], row["exp_type"]) == ("1", "1", "2b", "MIR_IMAGE")
    assert service_of(catalogue.keywords["jw00001001001_gs-fg_2022163115406_cal.fits"][0]) == "GuideStar"
    assert catalogue.keywords["odd.fits"][0]["detector"] is None


def test_a_catalogue_may_have_no_keywords() -> None:
    """An empty list of keyword rows leaves the services empty, and the products are served by their listing."""
    catalogue = Catalogue.from_rows([OBSERVATION], [{"productFilename": CAL, "parent_obsid": 7}], keywords=[])

    assert Holdings(catalogue).keywords("Miri") == []
    assert catalogue.makings[CAL][0].cal_ver == "1.19.1"


def test_keyword_rows_say_what_is_served() -> None:
    """The size in a keyword row is that of the bytes, also where the listing states another."""
    catalogue = Catalogue.from_rows(
        [OBSERVATION],
        [{"productFilename": CAL, "parent_obsid": 7, "size": 8640, "prvversion": "1.19.1"}],
        [{"filename": CAL, "fileSize": 11_520, "cal_ver": "1.19.2", "instrume": "MIRI"}],
    )
    holdings = Holdings(catalogue)

    assert holdings.making(CAL).size == 11_520
    assert holdings.products([7])[0]["size"] == 8640
    assert holdings.products([7])[0]["prvversion"] == "1.19.1"
    assert holdings.keywords("Miri")[0][0]["cal_ver"] == "1.19.2"


def test_a_product_may_have_no_known_parent() -> None:
    """A product can be listed by a group id of which no observation row tells."""
    catalogue = Catalogue.from_rows([], [{"productFilename": CAL, "parent_obsid": 9, "dataRights": "PUBLIC"}])

    assert catalogue.products[9][0]["proposal_id"] is None
    assert catalogue.keywords[CAL][0]["exp_type"] is None
    assert catalogue.makings[CAL][0].instrument is None


@pytest.mark.parametrize(
    ("observation", "product", "message"),
    [
        ({"obs_id": "a", "proposal_id": "1"}, {}, "column 'obsid': expected in every row"),
        ({}, {"parent_obsid": 7}, "column 'productFilename': expected in every row"),
        ({}, {"productFilename": CAL, "parent_obsid": 7, "program": "1"}, "column 'program': expected one of obsID"),
        (
            {},
            {"productFilename": CAL, "parent_obsid": 7, "size": 8641},
            "expected whole blocks of 2880 bytes, not 8641",
        ),
    ],
)
def test_rows_that_can_not_be_served_are_refused(
    observation: dict[str, str], product: dict[str, str | int], message: str
) -> None:
    """A column that is unknown or missing, or a FITS file of part of a block, is an error that names it."""
    with pytest.raises(ValueError, match=message):
        Catalogue.from_rows([observation or OBSERVATION], [product])


def test_full_size_is_the_archives() -> None:
    """The notebook's 80 products have their real sizes at full size, and 16 times 5 of them add up."""
    rows = built_in(full_size=True).products[87602450]
    taken = [
        row["size"]
        for row in rows
        if row["productType"] == "SCIENCE" and row["calib_level"] == 2 and str(row["productFilename"]).endswith("fits")
    ]

    assert len(taken) == 80
    assert sum(size for size in taken if isinstance(size, int)) == 16 * 152_343_360


def test_every_product_has_one_size_wherever_it_is_listed() -> None:
    """Stated sizes of the default catalogue are those that are served, and a product's rows agree."""
    catalogue = built_in(full_size=False)
    for rows in catalogue.products.values():
        for row in rows:
            assert row["size"] in {None, catalogue.makings[str(row["productFilename"])][-1].size}


@pytest.mark.parametrize("year", [2027, 2127])
def test_what_is_not_public_becomes_so_in_one_year(year: int) -> None:
    """Seven observations of the survey are released then, by listing and keywords."""
    catalogue = built_in(full_size=False, year=year)
    begin, end = (datetime(one, 1, 1, tzinfo=UTC) - datetime(1858, 11, 17, tzinfo=UTC) for one in (year, year + 1))
    days = [row["t_obs_release"] for row in catalogue.observations if row["dataRights"] != "PUBLIC"]
    told = {catalogue.keywords[name][-1]["publicReleaseDate_mjd"] for name in catalogue.exclusive}

    assert len(days) == 7
    assert set(days) == told
    assert all(begin < timedelta(days=float(day or 0)) < end for day in days)


def test_what_is_not_public_is_not_by_its_date_either() -> None:
    """Whenever the stand-in starts, the releases are a month away at least."""
    days = [row["t_obs_release"] for row in built_in(full_size=False).observations if row["dataRights"] != "PUBLIC"]
    soonest = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=min(float(day or 0) for day in days))

    assert soonest - datetime.now(UTC) > timedelta(days=30)
