"""Downloads: whole files and ranges of them, for clients that resume and clients that do not."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.sandbox import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN, Catalogue, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 3 * 2880
PUBLIC = "jw00001001001_02101_00001_nrca1_cal.fits"
SECRET = "jw00001002001_02101_00001_nrca1_cal.fits"
PREVIEW = "jw00001001001_02101_00001_nrca1_cal.jpg"
SMALL = Catalogue.from_rows(
    observations=[
        {"obsid": 1, "obs_id": "jw00001-o001_t001_nircam", "proposal_id": "1"},
        {"obsid": 2, "obs_id": "jw00001-o002_t001_nircam", "proposal_id": "1", "dataRights": "EXCLUSIVE_ACCESS"},
    ],
    products=[
        {"productFilename": PUBLIC, "parent_obsid": 1},
        {"productFilename": PREVIEW, "parent_obsid": 1},
        {"productFilename": SECRET, "parent_obsid": 2},
    ],
)


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    """Three small products, one of them not public."""
    with Sandbox(catalogue=SMALL) as sandbox:
        yield sandbox


def get(sandbox: Sandbox, name: str = PUBLIC, method: str = "GET", **headers: str) -> requests.Response:
    """Ask for a product; header names are written with underscores."""
    url = f"{sandbox.url}/api/v0.1/Download/file?uri=mast:JWST/product/{name}"
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return requests.request(method, url, headers=named, timeout=30)


def test_a_whole_product_comes_with_its_length_and_validators(small: Sandbox) -> None:
    """A plain request gets every byte, uncompressed, and what a client needs to resume."""
    answer = get(small, Accept_Encoding="gzip, deflate")

    assert answer.status_code == 200
    assert answer.content == small.content(PUBLIC)
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert "Content-Encoding" not in answer.headers


def test_head_tells_the_same_without_the_bytes(small: Sandbox) -> None:
    """HEAD has the headers of GET, whatever range is asked for, and no body."""
    head, whole = get(small, method="HEAD", Range="bytes=0-9"), get(small)

    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]


@settings(deadline=None)
@given(first=st.integers(0, SIZE - 1), length=st.integers(1, 2 * SIZE))
def test_any_range_is_that_part_of_the_bytes(small: Sandbox, first: int, length: int) -> None:
    """A range gives the bytes that it names, up to the end, and says where they lie."""
    answer = get(small, Range=f"bytes={first}-{first + length - 1}")
    last = min(first + length, SIZE) - 1

    assert answer.status_code == 206
    assert answer.content == small.content(PUBLIC)[first : first + length]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize(("asked", "part"), [("bytes=8000-", slice(8000, None)), ("bytes=-100", slice(-100, None))])
def test_ranges_may_be_open(small: Sandbox, asked: str, part: slice) -> None:
    """A range without an end goes to the end, and one without a beginning is counted from there."""
    answer = get(small, Range=asked)

    assert answer.status_code == 206
    assert answer.content == small.content(PUBLIC)[part]


def test_a_suffix_longer_than_the_product_is_all_of_it(small: Sandbox) -> None:
    """More bytes than there are, counted from the end, are all bytes."""
    assert get(small, Range="bytes=-99999").content == small.content(PUBLIC)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_outside_is_refused(small: Sandbox, asked: str) -> None:
    """A range that begins behind the end is 416, which tells the size."""
    answer = get(small, Range=asked)

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "bytes=9-5", "bytes=-", "lines=0-1", "bytes=a-b"])
def test_ranges_that_are_not_understood_give_the_whole(small: Sandbox, asked: str) -> None:
    """Several ranges, or none that makes sense, are answered with the whole product."""
    answer = get(small, Range=asked)

    assert answer.status_code == 200
    assert answer.content == small.content(PUBLIC)


def test_if_range_protects_against_a_product_made_anew() -> None:
    """A part of the old bytes is never continued with the new: what has changed comes whole."""
    with Sandbox(catalogue=SMALL) as sandbox:
        old = get(sandbox).headers
        assert get(sandbox, Range="bytes=5-", If_Range=old["ETag"]).status_code == 206
        assert get(sandbox, Range="bytes=5-", If_Range=old["Last-Modified"]).status_code == 206

        sandbox.remake(PUBLIC)

        for validator in (old["ETag"], old["Last-Modified"]):
            answer = get(sandbox, Range="bytes=5-", If_Range=validator)
            assert answer.status_code == 200
            assert answer.content == sandbox.content(PUBLIC)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": f"token {TOKEN}"}, 200),
        ({"Authorization": f"Token {TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}"}, 401),
        ({"Authorization": f"token {EXPIRED_TOKEN}"}, 401),
        ({"Authorization": f"token {STRANGER_TOKEN}"}, 401),
        ({"Cookie": f"mast_token={TOKEN}"}, 200),
        ({"Cookie": "mast_token=unknown"}, 401),
    ],
)
def test_only_a_token_with_a_right_opens_what_is_not_public(
    small: Sandbox, headers: dict[str, str], status: int
) -> None:
    """Exclusive products want the good token, in a header or a cookie; public ones come with any."""
    assert get(small, SECRET, **headers).status_code == status
    assert get(small, SECRET, method="HEAD", **headers).status_code == status
    assert get(small, PUBLIC, **headers).status_code == 200


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?uri=mast:JWST/product/unknown.fits", 404)])
def test_what_there_is_not_can_not_be_had(small: Sandbox, query: str, status: int) -> None:
    """A download without a uri is 400, and of an unknown one 404, which names it."""
    answer = requests.get(f"{small.url}/api/v0.1/Download/file{query}", timeout=30)

    assert answer.status_code == status
    assert "uri" in answer.text or "unknown.fits" in answer.text


def test_a_script_leaves_out_what_is_not_known(small: Sandbox) -> None:
    """The script for a known and an unknown product has one download."""
    uris = [("uri", "mast:JWST/product/unknown.fits"), ("uri", f"mast:JWST/product/{PUBLIC}")]
    script = requests.post(f"{small.url}/api/v0.1/Download/bundle.sh", data=uris, timeout=30).text

    assert script.count("curl ") == 1
    assert f"uri=mast:JWST/product/{PUBLIC}" in script


@pytest.mark.parametrize(("name", "kind"), [(PUBLIC, "application/fits"), (PREVIEW, "image/jpeg")])
def test_the_type_follows_the_name(small: Sandbox, name: str, kind: str) -> None:
    """FITS and JPEG files say what they are."""
    assert get(small, name, method="HEAD").headers["Content-Type"] == kind


def test_curl_resumes_where_it_stopped(small: Sandbox, tmp_path: Path) -> None:
    """A part file is continued by curl and ends with the right bytes; where a token is missing, curl fails."""
    part = tmp_path / PUBLIC
    part.write_bytes(small.content(PUBLIC)[:5000])
    url = f"{small.url}/api/v0.1/Download/file?uri=mast:JWST/product/"
    curl = ["curl", "--globoff", "--silent", "--fail"]

    subprocess.run([*curl, "--continue-at", "-", "--output", part, url + PUBLIC], check=True)
    refused = subprocess.run([*curl, url + SECRET], check=False, capture_output=True)
    header = f"Authorization: token {TOKEN}"
    allowed = subprocess.run([*curl, "--header", header, url + SECRET], check=True, capture_output=True)

    assert part.read_bytes() == small.content(PUBLIC)
    assert refused.returncode == 22
    assert allowed.stdout == small.content(SECRET)
