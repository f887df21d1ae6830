"""Format signatures: a product is what its name says, and an error page never is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.store.formats import FITS_BLOCK, format_problem
from tests.store.destination import on_disk

if TYPE_CHECKING:
    from pathlib import Path

FITS = b"SIMPLE  =                    T".ljust(FITS_BLOCK)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
ECSV = b"# %ECSV 1.0\n# ---\nlabel ra\n1 151.7\n"
HTML = b"<!DOCTYPE html>\n<html><body>Access Denied</body></html>"
EVERY_NAME = ["a.fits", "a.jpg", "a.jpeg", "a.png", "a.json", "a.csv", "a.ecsv", "a.txt", "a.fits.gz", "a", "a."]

GOOD = [
    ("a.fits", FITS),
    ("a.fits", FITS * 3),
    ("A.FITS", FITS),
    ("a.fits.gz", b"\x1f\x8b\x08\x00"),
    ("a.jpg", JPEG),
    ("a.jpeg", JPEG),
    ("a.png", PNG),
    ("a.json", b'{"products": []}'),
    ("a.json", b"\xef\xbb\xbf[1]"),
    ("a.json", b'{"status": "COMPLETE", "msg": ""}'),
    ("a.json", b'{"catalog": {"status": "ERROR"}, "status": 3}'),
    ("a.json", b'{"status": "error", "products": []}'),
    ("jw1_asn.json", b'{"degraded_status": "none", "asn_type": "image3", "products": [{"name": "a", "members": []}]}'),
    ("a.ecsv", ECSV),
    ("a.csv", b"fileSetName,obs\n"),
    ("a.csv", b"<5,>7\n"),
    ("a.txt", b"< 5"),
    ("a.txt", b"\xff\x00 any bytes at all"),
    ("a", b"no suffix"),
    ("a.html", HTML),
    ("a.htm", HTML),
    ("a.xml", b"<?xml version='1.0'?><a/>"),
]
BAD = [
    ("a.fits", b"SIMPLE  = ", "is not whole FITS: 10 bytes are no multiple of 2880"),
    ("a.fits", FITS + b"x", "is not whole FITS: 2881 bytes"),
    ("a.fits", FITS[:-1], "is not whole FITS: 2879 bytes"),
    ("a.fits", bytes(FITS_BLOCK), r"is not FITS: it begins with b'\x00"),
    ("A.FITS", bytes(FITS_BLOCK), "is not FITS"),
    ("a.fits", b"SIMPLE = T".ljust(FITS_BLOCK), "is not FITS: it begins with b'SIMPLE = T"),
    ("a.fits", HTML.ljust(FITS_BLOCK), "is not FITS: it begins with b'<!DOCTYPE html>"),
    ("a.fits", b" " + FITS[:-1], "is not FITS"),
    ("a.fits.gz", FITS, "is not GZ"),
    ("a.jpg", PNG, "is not JPG"),
    ("a.jpeg", b"\xff\xd8", "is not JPEG"),
    ("a.png", JPEG, "is not PNG"),
    ("a.png", PNG[:4], "is not PNG"),
    ("a.json", b'{"products": [', "is not JSON: "),
    ("a.json", b"\xff\xfe\xff", "is not JSON: "),
    ("a.json", b"Access Denied", "is not JSON: "),
    ("a.json", b"[" * 100_000, "is not JSON: "),
    (
        "a.json",
        b'{"status": "ERROR", "msg": "No such \\u001b file"}',
        r"is an error of the archive's: 'No such \x1b file'",
    ),
    ("a.json", b' {"msg": 1, "status":"error"} ', "is an error of the archive's: 1"),
    ("jw1_asn.json", b'{"status": "ERROR"}', "is no association: it has no products"),
    ("JW1_ASN.JSON", b'{"message": "Forbidden"}', "is no association: it has no products"),
    ("jw1_asn.json", b'["products"]', "is no association: it has no products"),
    ("a.ecsv", HTML, "is not ECSV: it begins with b'<!DOCTYPE html>"),
    ("a.ecsv", b"label flux\n", "is not ECSV"),
    ("a.csv", b"<!-- x --><html>", "is a web page"),
    ("a.csv", b"<head><title>Sign in</title>", "is a web page"),
    ("a.txt", b"<h1>502 Bad Gateway</h1>", "is a web page"),
    ("a.csv", b"\r\n<SCRIPT>", "is a web page"),
    ("a.csv", b"\xef\xbb\xbf \r\n\t<HTML lang='en'>", "is a web page"),
    ("a.csv", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
    ("a.csv", b"<Error><Code>NoSuchKey</Code></Error>", "is a web page"),
    ("a", HTML, "is a web page"),
    ("pool.csv", b'\r\n{ "status": "ERROR", "msg": "gone"}', "is an error of the archive's"),
]


def problem(folder: Path, name: str, content: bytes) -> str | None:
    """What is wrong with these bytes under that name; they lie in a part, whose own name does not matter."""
    part = folder / "0123.part"
    part.write_bytes(content)
    return format_problem(part, name)


@pytest.mark.parametrize(("name", "content"), GOOD)
def test_good_bytes_are_taken(tmp_path: Path, name: str, content: bytes) -> None:
    """Bytes that fit their name are taken, and what has no signature is taken on trust."""
    assert problem(tmp_path, name, content) is None


@pytest.mark.parametrize(("name", "content", "words"), BAD)
def test_bad_bytes_are_told(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """Bytes that do not fit their name are told, with what was found."""
    assert (problem(tmp_path, name, content) or "").startswith(words)


@pytest.mark.parametrize("name", EVERY_NAME)
@pytest.mark.parametrize("content", [b"", HTML, HTML.ljust(10 * FITS_BLOCK), b"\n\n  <html>"])
def test_pages_and_nothing_are_never_products(tmp_path: Path, name: str, content: bytes) -> None:
    """An empty file or a web page is no product, whatever it is called and however long it is."""
    assert problem(tmp_path, name, content)


@on_disk
@given(st.binary(min_size=1, max_size=3 * FITS_BLOCK))
def test_cut_fits_is_never_whole(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """FITS that lost a part of a block is told, whatever bytes it holds."""
    cut = FITS + content
    whole = len(cut) % FITS_BLOCK == 0

    assert (problem(tmp_path_factory.getbasetemp(), "a.fits", cut) is None) is whole


def test_huge_json_is_not_parsed(tmp_path: Path) -> None:
    """JSON far beyond any association's size is taken on trust, since parsing it would take the memory of it."""
    part = tmp_path / "0123.part"
    with part.open("wb") as file:
        file.truncate((64 << 20) + 1)

    assert format_problem(part, "a.json") is None


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    """What can not be read is no question of format."""
    with pytest.raises(FileNotFoundError):
        format_problem(tmp_path / "missing", "a.fits")
