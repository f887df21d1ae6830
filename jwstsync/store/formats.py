"""Whether a file is what its name says: an HTML page is never a product, nor is an error document of the archive.

A format signature tells a product from an error page or a torn body; it does not tell whether the bytes are right.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FITS_BLOCK = 2880  # bytes; FITS standard 4.0, section 3.1
_FITS_START = b"SIMPLE  ="
_MAGIC = {
    ".fits": _FITS_START,
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".gz": b"\x1f\x8b",
    ".ecsv": b"# %ECSV",  # its first line; Astropy Proposal for Enhancement 6
}
_PAGE_START = re.compile(rb"[\xef\xbb\xbf\s]*<[a-z!?]", re.IGNORECASE)  # a tag or comment: no table of numbers has one
_ERROR_START = re.compile(
    rb"[\xef\xbb\xbf\s]*\{\s*\"status\"\s*:\s*\"error\"", re.IGNORECASE
)  # as MAST answers a bad query, with status 200; that it does so for a download was not checked
_AN_ERROR = "is an error of the archive's"
_LARGEST_JSON = 64 << 20  # bytes; associations are some kB, and what is larger is not parsed to tell


def format_problem(path: Path, name: str) -> str | None:
    """What is wrong with the form of a file, or None.

    Args:
        path: Where the bytes are.
        name: The product's file name, whose end tells the format.

    Raises:
        OSError: It can not be read.
    """
    with path.open("rb") as file:
        return open_file_problem(file.fileno(), name, path.stat().st_size)


def open_file_problem(descriptor: int, name: str, size: int) -> str | None:
    """What is wrong with the form of a file that is open, or None; it is read where it stands, and stays open.

    Args:
        descriptor: The file.
        name: The product's file name, whose end tells the format.
        size: Its length in bytes.

    Raises:
        OSError: It can not be read.
    """
    suffix = name[name.rfind(".") :].lower()
    start = os.pread(descriptor, 512, 0)
    if size == 0:
        return "is empty"
    if suffix in _MAGIC and not start.startswith(_MAGIC[suffix]):
        return f"is not {suffix[1:].upper()}: it begins with {start[:24]!r}"
    if suffix == ".fits" and size % FITS_BLOCK:
        return f"is not whole FITS: {size} bytes are no multiple of {FITS_BLOCK}"
    if suffix == ".json":
        return _json_problem(descriptor, size, is_association=name.lower().endswith("_asn.json"))
    return _page_problem(start, suffix)


def _json_problem(descriptor: int, size: int, *, is_association: bool) -> str | None:
    if size > _LARGEST_JSON:
        return None
    try:
        document = json.loads(os.pread(descriptor, size, 0))
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}"
    known = document if isinstance(document, dict) else {}
    if "products" in known:  # the one key that every association has, by the schemas of STScI's jwst package
        return None
    if is_association:
        return "is no association: it has no products"
    is_error = str(known.get("status")).lower() == "error"
    return f"{_AN_ERROR}: {known.get('msg')!r:.200}" if is_error else None


def _page_problem(start: bytes, suffix: str) -> str | None:
    if suffix in {".html", ".htm", ".xml"}:
        return None
    if _ERROR_START.match(start):
        return _AN_ERROR
    return "is a web page" if _PAGE_START.match(start) else None
