"""The unmodified astroquery client finds in the sandbox what it finds in the archive."""

from __future__ import annotations

import hashlib
import subprocess
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits
from astroquery.exceptions import LoginError, NoResultsWarning, RemoteServiceError
from astroquery.mast import ObservationsClass

from jwstsync.sandbox import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN, Sandbox
from jwstsync.sync.clock import mjd_now

if TYPE_CHECKING:
    from pathlib import Path

    from astroquery.mast import MastClass

    from tests.sandbox.conftest import Pointed

F1130W = "87602450"
CAL = "jw02733002001_02103_00001_mirimage_cal.fits"


def test_the_southern_ring_has_ten_observations_and_two_outreach_images(observations: ObservationsClass) -> None:
    """A query by proposal finds twelve rows, and ten of them are of the JWST collection, with all their columns."""
    everything = observations.query_criteria(proposal_id="2733")
    ours = observations.query_criteria(proposal_id="2733", obs_collection="JWST")

    assert len(everything) == 12
    assert len(ours) == 10
    assert len(ours.colnames) == 36
    assert sorted(set(everything["obs_collection"])) == ["JWST", "OPO"]
    assert set(ours["obs_id"]) >= {"jw02733-o002_t001_miri_f1130w", "jw02733-o001_t001_nircam_f405n-f444w"}


def test_ids_arrive_as_text(observations: ObservationsClass) -> None:
    """Group ids are numbers in the answer and text in the client's table, as with the archive."""
    found = observations.query_criteria(proposal_id="2733", filters="F1130W")

    assert list(found["obsid"]) == [F1130W]
    assert found["obsid"].dtype.kind == "U"
    assert found["calib_level"].dtype.kind == "i"


@pytest.mark.parametrize(
    ("criteria", "count"),
    [
        ({"instrument_name": "MIRI*"}, 4),
        ({"instrument_name": "miri/image"}, 4),
        ({"instrument_name": "MIRI"}, 0),
        ({"instrument_name": ["NIRCAM/IMAGE", "MIRI%"]}, 10),
        ({"filters": "F444W"}, 2),
        ({"t_min": [59742.0, 59743.0]}, 4),
        ({"calib_level": [3, 2]}, 12),
        ({"proposal_id": "02733"}, 0),
    ],
)
def test_criteria_are_exact_values_wildcards_and_ranges(
    observations: ObservationsClass, criteria: dict[str, str | list[object]], count: int
) -> None:
    """Criteria take rows as the archive does: any of the values, part of a joined cell, a wildcard, a range."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoResultsWarning)
        found = observations.query_criteria(**{"proposal_id": "2733", **criteria})

    assert len(found) == count


def test_observations_are_counted(observations: ObservationsClass) -> None:
    """A count is the number of rows that the query would give."""
    assert observations.query_criteria_count(proposal_id="2733", obs_collection="JWST") == 10


def test_columns_are_described(observations: ObservationsClass) -> None:
    """The client learns the columns of observations and products, with their types."""
    described = observations.get_metadata("products")

    kinds = dict(zip(described["Column Name"], described["Data Type"], strict=True))
    assert kinds["size"] == "integer"
    assert kinds["dataURI"] == "string"
    assert "t_obs_release" in observations.get_metadata("observations")["Column Name"]


def test_the_f1130w_observation_lists_3470_rows(observations: ObservationsClass) -> None:
    """A listing repeats products once for each parent, guide stars above all, as the archive's does."""
    listed = observations.get_product_list(F1130W)
    guiding = ["_gs-" in name for name in listed["productFilename"]]

    assert len(listed) == 3470
    assert len(listed.colnames) == 20
    assert sum(guiding) == 3208
    assert len(set(listed["dataURI"])) == 647
    assert set(listed["productType"]) == {"SCIENCE", "PREVIEW", "THUMBNAIL", "INFO", "AUXILIARY", "CATALOG"}
    assert len(observations.get_unique_product_list(F1130W)) == 647


def test_the_filter_of_the_notebook_gives_its_80_products(observations: ObservationsClass) -> None:
    """The filter of astroquery takes the 80 calibrated products, five for each of 16 exposures, with their real ids."""
    listed = observations.get_unique_product_list(F1130W)
    taken = observations.filter_products(listed, productType="SCIENCE", calib_level=2, extension="fits")

    names = set(taken["productFilename"])
    assert len(taken) == 80
    assert names >= {CAL, "jw02733002002_02103_00008_mirimage_o002_crf.fits"}
    assert dict(zip(taken["productFilename"], taken["obsID"], strict=True))[CAL] == "87599771"
    assert len({name.partition("_mirimage")[0] for name in names}) == 16


def test_minimum_recommended_products_are_of_level_3(observations: ObservationsClass) -> None:
    """Only what stands for the whole observation is recommended."""
    recommended = observations.filter_products(observations.get_product_list(F1130W), mrp_only=True)

    assert len(recommended) == 6
    assert set(recommended["calib_level"]) == {3}


def test_unknown_values_are_masked(observations: ObservationsClass) -> None:
    """A null version and a null size arrive masked, and nothing else of those rows is."""
    listed = observations.get_product_list(F1130W)

    raw = listed[np.char.endswith(listed["productFilename"].astype(str), "_stream.fits")]
    assert raw["prvversion"].mask.all()
    assert not raw["size"].mask.any()
    assert set(listed[listed["size"].mask]["productSubGroupDescription"]) == {"ASN"}


def test_products_are_listed_by_several_parents(observations: ObservationsClass) -> None:
    """Two observations of one visit list the same guide stars, each under its own group id."""
    listed = observations.get_product_list([F1130W, "87602452", F1130W])
    parents: dict[str, set[str]] = {}
    for uri, parent in zip(listed["dataURI"], listed["parent_obsid"], strict=True):
        parents.setdefault(uri, set()).add(parent)

    assert len(listed) == 3470 + 471
    assert {F1130W, "87602452"} in parents.values()


def test_every_observation_but_outreach_and_planned_ones_lists_products(observations: ObservationsClass) -> None:
    """Whole proposals can be listed in one query."""
    ring = observations.query_criteria(proposal_id="2733")
    survey = observations.query_criteria(proposal_id="5398")

    listed = set(observations.get_product_list(ring)["parent_obsid"])
    assert listed == set(ring[ring["obs_collection"] == "JWST"]["obsid"])
    assert list(survey["calib_level"]).count(-1) == 1
    assert len(observations.get_product_list(survey)) == 95


def test_what_is_not_known_lists_nothing(observations: ObservationsClass) -> None:
    """A group id that there is not gives no rows and no error."""
    with pytest.warns(NoResultsWarning):
        assert len(observations.get_product_list("1")) == 0


def test_a_name_in_place_of_a_group_id_is_an_error(observations: ObservationsClass) -> None:
    """Listing by obs_id is refused, and the client raises what it is told."""
    with pytest.raises(RemoteServiceError, match="expected product group ids"):
        observations.get_product_list("jw02733-o002_t001_miri_f1130w")


def test_pages_join_to_the_same_rows(pointed: Pointed, observations: ObservationsClass) -> None:
    """A server with small pages and a client that asks for small pages give the same rows as one large page."""
    with Sandbox(page_cap=1000) as sandbox:
        paged = pointed(ObservationsClass, sandbox).get_product_list(F1130W)
        pages = [request for request in sandbox.requests if request.path.endswith("invoke")]

    whole = observations.get_product_list(F1130W)
    assert len(pages) == 4
    assert [tuple(row) for row in paged.filled()] == [tuple(row) for row in whole.filled()]
    assert len(observations.query_criteria(proposal_id="2733", pagesize=5)) == 12
    assert len(observations.query_criteria(proposal_id="2733", pagesize=5, page=3)) == 2


def test_a_query_may_take_polls(pointed: Pointed) -> None:
    """A query that is executing is asked again until it is complete, and so is each further page."""
    with Sandbox(polls=2, page_cap=10) as sandbox:
        found = pointed(ObservationsClass, sandbox).query_criteria(proposal_id="2733")
        invoked = [request for request in sandbox.requests if request.path.endswith("invoke")]

    assert len(found) == 12
    assert len(invoked) == 2 * 3


def test_keywords_tell_the_md5_of_the_bytes(observations: ObservationsClass, mast: MastClass, tmp_path: Path) -> None:
    """What is downloaded has the checksum and the size that the keyword service states, and its header the versions."""
    columns = "filename,fileSize,checksum,cal_ver,crds_ctx,date_mjd"
    rows = mast.mast_query("Mast.Jwst.Filtered.Miri", columns=columns, program=["2733"], productLevel=["2a", "2b"])
    row = rows[rows["filename"] == CAL][0]

    path = tmp_path / CAL
    status, _, _ = observations.download_file(f"mast:JWST/product/{CAL}", local_path=path, verbose=False)

    assert status == "COMPLETE"
    assert rows.colnames == columns.split(",")
    assert path.stat().st_size == row["fileSize"] == 463_680
    assert hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == row["checksum"]
    with fits.open(path) as opened:
        opened.verify("exception")
        assert opened[0].header["CAL_VER"] == row["cal_ver"] == "1.16.1"
        assert opened[0].header["CRDS_CTX"] == row["crds_ctx"]
        assert opened[0].header["PROGRAM"] == "02733"
        assert opened[0].header["TELESCOP"] == "JWST"
        assert opened[0].header["FILENAME"] == CAL
        assert opened["SCI"].data.shape == (159, 720)


@pytest.mark.parametrize(
    ("service", "count"), [("Miri", 28 * 6 + 4 * 2), ("Nircam", 24 * 6 + 6 * 2), ("GuideStar", 401 + 27)]
)
def test_each_instrument_has_its_keyword_service(mast: MastClass, service: str, count: int) -> None:
    """Every FITS file of a proposal stands once in the keywords of its instrument, guide stars in their own."""
    rows = mast.mast_query(f"Mast.Jwst.Filtered.{service}", columns="filename", program=["2733"])

    assert len(rows) == len(set(rows["filename"])) == count


def test_the_survey_has_the_archives_own_versions(mast: MastClass) -> None:
    """The keyword service gives the latest making of each of the 95 products."""
    rows = mast.mast_query("Mast.Jwst.Filtered.Nircam", columns="*", program=["5398"])

    assert len(rows) == 95
    assert set(rows["cal_ver"]) == {"1.19.1", "1.19.2", "1.20.2", "2.0.1"}
    assert not rows["isRestricted"].any()
    assert len({row["observtn"] for row in rows if row["publicReleaseDate_mjd"] > mjd_now()}) == 7
    assert len(rows.colnames) == 21


def test_a_login_asks_who_it_is(observations: ObservationsClass) -> None:
    """A good token is welcomed, with or without rights, and an expired one is refused."""
    observations.login(TOKEN)
    assert observations.session_info(verbose=False)["attrib"]["display_name"] == "Sandbox User"
    observations.login(STRANGER_TOKEN)
    assert observations.session_info(verbose=False)["anon"] is False
    with pytest.raises(LoginError):
        observations.login(EXPIRED_TOKEN)


def test_exclusive_products_need_a_token_with_a_right(pointed: Pointed, sandbox: Sandbox, tmp_path: Path) -> None:
    """A product that is not public comes with the good token's cookie and with nothing else."""
    client = pointed(ObservationsClass, sandbox)
    survey = client.query_criteria(proposal_id="5398")
    exclusive = survey[(survey["dataRights"] == "EXCLUSIVE_ACCESS") & (survey["calib_level"] == 3)]
    uri = client.get_product_list(exclusive)["dataURI"][0]

    assert len(exclusive) == 7
    assert min(exclusive["t_obs_release"]) > mjd_now()
    assert client.download_file(uri, local_path=tmp_path / "a.fits", verbose=False)[0] == "ERROR"
    client.login(STRANGER_TOKEN)
    assert client.download_file(uri, local_path=tmp_path / "a.fits", verbose=False)[0] == "ERROR"
    client.login(TOKEN)
    assert client.download_file(uri, local_path=tmp_path / "a.fits", verbose=False)[0] == "COMPLETE"


def test_the_curl_script_fetches_its_products(
    observations: ObservationsClass, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The script that the client asks for runs with bash and curl, and fills the tree that astroquery makes."""
    listed = observations.get_product_list(F1130W)
    taken = listed[[name in {CAL, CAL.replace("_cal", "_rate")} for name in listed["productFilename"]]]

    manifest = observations.download_products(taken, download_dir=str(tmp_path), curl_flag=True, verbose=False)
    subprocess.run(["bash", manifest["Local Path"][0]], cwd=tmp_path, check=True, capture_output=True)

    fetched = {
        path.name: path.read_bytes() for path in (tmp_path / "MAST/JWST/jw02733002001_02103_00001_mirimage").iterdir()
    }
    assert fetched == {name: sandbox.content(name) for name in taken["productFilename"]}
