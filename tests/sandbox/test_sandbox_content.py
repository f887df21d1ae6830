"""The bytes that the sandbox makes."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace

import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jwstsync.sandbox.content import Making, checksum, pieces
from jwstsync.sandbox.scale import scaled

CAL = Making(
    filename="jw02733002001_02103_00001_mirimage_cal.fits",
    number=1,
    size=200 * 2880,
    date_mjd=59742.5,
    cal_ver="1.16.1",
    crds_ctx="jwst_1303.pmap",
    sdp_ver="2024_3a",
    instrument="MIRI",
    proposal="2733",
)

names = st.sampled_from(["a_cal.fits", "a_cal.jpg", "a_asn.json", "a_cat.ecsv", "a_pool.csv", "a"])


def whole(making: Making) -> bytes:
    """All bytes of a making."""
    return b"".join(pieces(making))


@st.composite
def makings(draw: st.DrawFn) -> Making:
    """Makings of any kind and size."""
    name = draw(names)
    size = 2880 * draw(st.integers(1, 100)) if name.endswith(".fits") else draw(st.integers(1, 200_000))
    return Making(name, draw(st.integers(1, 9)), size, draw(st.floats(50_000, 70_000)), draw(st.none() | st.text()))


@settings(deadline=None)
@given(makings())
def test_a_product_has_its_size_and_the_same_bytes_each_time(making: Making) -> None:
    """The size is exact, and the checksum is that of the bytes, however often they are made."""
    made = whole(making)

    assert len(made) == making.size
    assert whole(making) == made
    assert checksum(making) == hashlib.md5(made, usedforsecurity=False).hexdigest()


@settings(deadline=None)
@given(makings(), st.data())
def test_a_part_is_that_part_of_the_whole(making: Making, data: st.DataObject) -> None:
    """Making only some of the bytes gives the bytes that the whole has there."""
    start = data.draw(st.integers(0, making.size - 1))
    stop = data.draw(st.integers(start + 1, making.size))

    assert b"".join(pieces(making, start, stop)) == whole(making)[start:stop]


@pytest.mark.parametrize(
    "other",
    [
        replace(CAL, number=2),
        replace(CAL, cal_ver="1.16.2"),
        replace(CAL, crds_ctx=None),
        replace(CAL, date_mjd=59743.5),
        replace(CAL, filename=CAL.filename.replace("00001", "00002")),
    ],
)
def test_another_making_has_other_bytes(other: Making) -> None:
    """Whatever sets a making apart is seen in its data, not only in its header."""
    assert whole(other)[5760:] != whole(CAL)[5760:]
    assert other.fingerprint() != CAL.fingerprint()


@settings(deadline=None)
@example(3, "n" * 100, "v" * 100)
@given(st.integers(1, 60), st.text(max_size=100), st.none() | st.text(max_size=100))
def test_fits_files_are_valid(blocks: int, name: str, version: str | None) -> None:
    """A FITS file of any number of blocks, with any text in its header, opens in astropy and verifies."""
    making = replace(CAL, filename=name + ".fits", size=2880 * blocks, cal_ver=version)

    with fits.open(io.BytesIO(whole(making))) as opened:
        opened.verify("exception")
        assert ("CAL_VER" in opened[0].header) == (version is not None)
        assert len(opened) == (1 if blocks == 1 else 2)


def test_fits_headers_tell_what_it_is() -> None:
    """The primary header has the keywords of the archive's own, and the image is of plain brightnesses."""
    with fits.open(io.BytesIO(whole(CAL))) as opened:
        header, data = opened[0].header, opened["SCI"].data

    told = {
        name: header[name] for name in ("TELESCOP", "INSTRUME", "PROGRAM", "DATE", "CAL_VER", "CRDS_CTX", "SDP_VER")
    }
    assert told == {
        "TELESCOP": "JWST",
        "INSTRUME": "MIRI",
        "PROGRAM": "02733",
        "DATE": "2022-06-12T12:00:00.000",
        "CAL_VER": "1.16.1",
        "CRDS_CTX": "jwst_1303.pmap",
        "SDP_VER": "2024_3a",
    }
    assert data.shape == (198, 720)
    assert 0 <= data.min() < data.max() < 256


def test_the_parts_of_a_large_file_differ() -> None:
    """No two stretches of the data are the same, so that bytes in the wrong place are noticed."""
    data = whole(CAL)[5760:]
    stretches = [data[start : start + 66_240] for start in range(0, len(data), 66_240)]

    assert len(set(stretches)) == len(stretches)


@pytest.mark.parametrize("size", [640, 641, 642, 643, 70_000, 200_003])
def test_jpegs_are_valid(size: int) -> None:
    """A JPEG is a chain of segments from its first marker to the last, with nothing between or behind."""
    picture = whole(Making("a_cal.jpg", 1, size, 60_000.0))
    position, markers = 2, []
    while picture[position + 1] != 0xDA:
        markers.append(picture[position : position + 2].hex())
        position += 2 + int.from_bytes(picture[position + 2 : position + 4])

    assert picture.startswith(b"\xff\xd8\xff")
    assert picture.endswith(b"\xff\xd9")
    assert markers[-4:] == ["ffdb", "ffc0", "ffc4", "ffc4"]
    assert len(picture) - position == 13


def test_associations_are_json_and_catalogs_are_tables() -> None:
    """JSON and ECSV files can be read as what they are."""
    assert "products" in json.loads(whole(Making("a_asn.json", 1, 640, 60_000.0)))
    table = Table.read(whole(Making("a_cat.ecsv", 1, 4096, 60_000.0)).decode(), format="ascii.ecsv")
    assert table.colnames == ["label", "flux"]
    assert len(table) > 200


@pytest.mark.parametrize(
    ("name", "size", "small"),
    [
        ("a_cal.fits", 29_684_160, 161 * 2880),
        ("a_i2d.fits", 29_445_120, 160 * 2880),
        ("a_gs-track_1_stream.fits", 800_640, 4 * 2880),
        ("a_tiny.fits", 2880, 3 * 2880),
        ("a_asn.json", 1428, 640),
        ("a_cal.jpg", 131_072, 2048),
    ],
)
def test_products_are_a_64th_of_the_archives(name: str, size: int, small: int) -> None:
    """Sizes are divided by 64, to whole blocks for FITS, but leave room for a valid file; full size is untouched."""
    assert scaled(name, size, full_size=False) == small
    assert scaled(name, size, full_size=True) == size
