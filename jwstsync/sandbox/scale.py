"""How large a product of the sandbox is: as in the archive, or a 64th of it so that trying things out costs little."""

from __future__ import annotations

from jwstsync.sandbox.content import FITS_BLOCK

_PART = 64
_FEWEST_BLOCKS = 3  # two headers and one row of pixels
_SMALLEST = 640  # bytes; room for a whole JPEG, JSON or text file


def scaled(filename: str, size: int, *, full_size: bool) -> int:
    """The size in bytes that stands for ``size``; whole blocks for FITS."""
    if full_size:
        return size
    if filename.endswith(".fits"):
        return max(round(size / _PART / FITS_BLOCK), _FEWEST_BLOCKS) * FITS_BLOCK
    return max(size // _PART, _SMALLEST)
