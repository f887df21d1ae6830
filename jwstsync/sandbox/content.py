"""The bytes of a product: made on the fly, the same for the same making, different for another.

FITS files are valid and begin with the header keywords that the archive's own have; JPEG, JSON and text files are valid
too. Which making of a product is served, and how large it is, is decided elsewhere.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FITS_BLOCK = 2880  # bytes; a FITS file is a whole number of them
_CARD = 80
_PIXELS = 720  # 4-byte pixels in one row of the image, so that a row fills a FITS block
_REPEAT = 23 * FITS_BLOCK  # bytes of image that are drawn once and then repeated, numbered
_FLOATS = [struct.pack(">f", number) for number in range(256)]
_FIRST_BYTES, _SECOND_BYTES = (bytes(one[place] for one in _FLOATS) for place in (0, 1))
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_NOT_IN_CARDS = re.compile(r"[^ -&(-~]")
_MAX_CARD_TEXT = 68
_MAX_SEGMENT = 65_000  # of a JPEG comment; the format allows 65,533


@dataclass(frozen=True, slots=True)
class Making:
    """One making of a product: what decides its bytes.

    Attributes:
        filename: The product's name, the same for all its makings.
        number: 1 for the first making.
        size: Bytes; whole blocks of 2,880 for FITS.
        date_mjd: When it was made.
        cal_ver: Pipeline version; None for products that the pipeline has not calibrated.
        crds_ctx: Context of the reference files; None like ``cal_ver``.
        sdp_ver: Version of the data processing.
        instrument: As in INSTRUME, in capitals.
        proposal: As in PROGRAM, without leading zeros.
    """

    filename: str
    number: int
    size: int
    date_mjd: float
    cal_ver: str | None = None
    crds_ctx: str | None = None
    sdp_ver: str | None = None
    instrument: str | None = None
    proposal: str | None = None

    def fingerprint(self) -> str:
        """32 hex digits that no other making has."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:32]


def date_of(mjd: float) -> datetime:
    """The time of a Modified Julian Date, UTC."""
    return _MJD_EPOCH + timedelta(days=mjd)


def pieces(making: Making, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes from ``start`` up to ``stop`` (the end by default), in pieces of some ten kilobytes."""
    stop = making.size if stop is None else stop
    head, repeated = _parts(making)
    if start < len(head):
        yield head[start:stop]
    behind = len(head)
    for number in range(max(start - behind, 0) // _REPEAT, -(-(stop - behind) // _REPEAT)):
        first = behind + number * _REPEAT
        block = struct.pack(">f", number) + repeated[4:]
        yield block[max(start - first, 0) : stop - first]


@functools.lru_cache(maxsize=500_000)
def checksum(making: Making) -> str:
    """The MD5 of all its bytes, in hex; worked out once for each making."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces(making):
        digest.update(piece)
    return digest.hexdigest()


def _parts(making: Making) -> tuple[bytes, bytes]:
    """What stands once at the beginning, and what is repeated behind it."""
    if making.filename.endswith(".fits"):
        return _fits_headers(making), _pixels(making)
    if making.filename.endswith(".jpg"):
        return _jpeg(making), b""
    if making.filename.endswith(".json"):
        return _json(making), b""
    return _text(making), b""


def _noise(making: Making, length: int) -> bytes:
    return hashlib.shake_256(making.fingerprint().encode()).digest(length)


def _pixels(making: Making) -> bytes:
    """Brightnesses from 0 to 255, as big-endian 32-bit floats, of which the last two bytes are 0; as many as needed."""
    brightnesses = _noise(making, min(_REPEAT, making.size) // 4)
    floats = bytearray(4 * len(brightnesses))
    floats[0::4] = brightnesses.translate(_FIRST_BYTES)
    floats[1::4] = brightnesses.translate(_SECOND_BYTES)
    return bytes(floats)


def _fits_headers(making: Making) -> bytes:
    primary = _header(
        _card("SIMPLE", value=True),
        _card("BITPIX", value=8),
        _card("NAXIS", value=0),
        _card("EXTEND", value=True),
        _card("DATE", value=date_of(making.date_mjd).isoformat(timespec="milliseconds")[:23]),
        _card("ORIGIN", value="SANDBOX"),
        _card("TELESCOP", value="JWST"),
        _card("INSTRUME", value=making.instrument),
        _card("PROGRAM", value=None if making.proposal is None else making.proposal.zfill(5)),
        _card("FILENAME", value=making.filename),
        _card("SDP_VER", value=making.sdp_ver),
        _card("CAL_VER", value=making.cal_ver),
        _card("CRDS_CTX", value=making.crds_ctx),
        _card("MAKING", value=making.number),
    )
    return primary if making.size == FITS_BLOCK else primary + _image_header(making.size)


@functools.lru_cache
def _image_header(size: int) -> bytes:
    return _header(
        _card("XTENSION", value="IMAGE"),
        _card("BITPIX", value=-32),
        _card("NAXIS", value=2),
        _card("NAXIS1", value=_PIXELS),
        _card("NAXIS2", value=size // FITS_BLOCK - 2),
        _card("PCOUNT", value=0),
        _card("GCOUNT", value=1),
        _card("EXTNAME", value="SCI"),
        _card("BUNIT", value="MJy/sr"),
    )


def _header(*cards: str) -> bytes:
    return ("".join(cards) + "END").ljust(FITS_BLOCK).encode("ascii")


@functools.lru_cache(maxsize=1024)
def _card(keyword: str, *, value: str | int | None) -> str:
    """One card of 80 characters; nothing where the value is not known."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = _NOT_IN_CARDS.sub("?", value)[:_MAX_CARD_TEXT]
        return f"{keyword:<8}= '{text:<8}'".ljust(_CARD)
    written = ("T" if value else "F") if isinstance(value, bool) else str(value)
    return f"{keyword:<8}= {written:>20}".ljust(_CARD)


def _json(making: Making) -> bytes:
    document = json.dumps({"sandbox": making.fingerprint(), "cal_ver": making.cal_ver, "products": []})
    return _fitted(document, making.size)


def _text(making: Making) -> bytes:
    """A table: ECSV where the name says so, else plain."""
    ecsv = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: label, datatype: string}\n# - {name: flux, datatype: int64}\n"
    heading = (ecsv if making.filename.endswith(".ecsv") else "") + "label flux\n"
    lines = [f"{making.fingerprint()} 0\n"]
    lines += [f"star{number:06} {flux:3}\n" for number, flux in enumerate(_noise(making, making.size // 15))]
    whole = (making.size - len(heading) - len(lines[0])) // 15  # 15 bytes a line, but for the first
    return _fitted(heading + "".join(lines[: 1 + max(whole, 0)]), making.size)


def _fitted(text: str, size: int) -> bytes:
    """Blanks to the size, with a line end; what is asked to be smaller than its text is cut."""
    return (text[:size].ljust(size - 1) + "\n")[:size].encode("ascii")


def _jpeg(making: Making) -> bytes:
    """A grey picture of one pixel, with as much commentary before it as the size needs."""
    picture = b"".join(
        (
            _segment(0xDB, bytes([0]) + bytes([1]) * 64),  # quantisation: none
            _segment(0xC0, bytes([8, 0, 1, 0, 1, 1, 1, 0x11, 0])),  # 8 bits, 1 x 1 pixel, one component
            _segment(0xC4, bytes([0x00, 1] + [0] * 15 + [0])),  # one code for a constant part of 0
            _segment(0xC4, bytes([0x10, 1] + [0] * 15 + [0])),  # one code for "no more detail"
            _segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
            b"\x3f\xff\xd9",  # both codes, padded with ones; end of image
        )
    )
    comments = _comments(making, making.size - len(picture) - 2)
    return (b"\xff\xd8" + comments + picture).ljust(making.size, b"\0")[: making.size]


def _comments(making: Making, length: int) -> bytes:
    """Comment segments of that length in all."""
    noise = _noise(making, max(length, 0))
    count = max(-(-length // _MAX_SEGMENT), 1)
    edges = (length * number // count for number in range(count + 1))
    return b"".join(_segment(0xFE, noise[start + 4 : end]) for start, end in itertools.pairwise(edges))


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
