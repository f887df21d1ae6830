"""The script executor: a bash and curl script that carries out fetches on a host that has no Python.

Text in, text out: writing the file, running it, and adopting what it fetched are left to others. How the script goes
about its work stands in ``script.sh``; this module fills in what it is to fetch, as one table.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from jwstsync.core.layout import TRASH
from jwstsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.core.fetch import Fetch

_UNKNOWN = _NOWHERE = "-"  # tabs next to each other are one to the shell's `read`, so no column may be empty
_ADDS, _REPLACES = "+", "~"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_URL = re.compile(r"https?://[^\s\"\\]+")
_SUM_KINDS = {32: "md5", 64: "sha256"}  # by hex digits
_SUM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_PLACEHOLDER = re.compile(r"@([a-z]+)@")


def script_text(fetches: Sequence[Fetch], *, archive_url: str, root: str) -> str:
    """The text of a script that carries out these fetches, and nothing else; the same for the same fetches.

    Args:
        fetches: What it is to fetch, in this order.
        archive_url: The server, such as https://mast.stsci.edu.
        root: The manifest's root, relative to the folder that the script will be run in.

    Raises:
        UsageError: A control character stands in a name, or the archive's address is not one.
    """
    if not _URL.fullmatch(_clean("archive url", archive_url)):
        raise UsageError(f"archive url {archive_url!r}: expected http:// or https:// and a host")
    kinds = {_SUM_KINDS[len(_sum(fetch))] for fetch in fetches if _sum(fetch) != _UNKNOWN}
    if any(fetch.aside not in {None, TRASH} for fetch in fetches):
        kinds.add("sha256")  # tells whether what stands there is the old version
    values = {
        "archive": shlex.quote(archive_url.rstrip("/")),
        "root": shlex.quote(_clean("root", root)),
        "count": str(len(fetches)),
        "sums": shlex.quote(" ".join(sorted(kinds))),
    }
    head, tail = _template().split("@table@\n")
    filled = _PLACEHOLDER.sub(lambda found: values[found[1]], head)
    return filled + "".join(f"{_line(fetch)}\n" for fetch in fetches) + tail


def _template() -> str:
    return resources.files(__package__).joinpath("script.sh").read_text(encoding="utf-8")


def _line(fetch: Fetch) -> str:
    """One line of the table. Every line has tabs, so none is taken for the table's end."""
    return "\t".join(
        (
            _REPLACES if fetch.replaces else _ADDS,
            fetch.aside or _NOWHERE,
            _UNKNOWN if fetch.size is None else str(fetch.size),
            _sum(fetch),
            _key(fetch),
            quote(_clean("uri", fetch.uri), safe=":/"),
            _clean("path", fetch.path),
        )
    )


def _sum(fetch: Fetch) -> str:
    """The checksum that the bytes must have: the SHA-256 of locked bytes, else the archive's MD5."""
    known = fetch.sha256 or fetch.md5
    if known is not None and not _SUM.fullmatch(known):
        raise UsageError(f"checksum {known!r} of {fetch.uri!r}: expected 32 or 64 lower-case hex digits")
    return known or _UNKNOWN


def _key(fetch: Fetch) -> str:
    """What parts and notes of the script go by: another one for each making of a product, as far as these differ."""
    known = (fetch.uri, fetch.size, _sum(fetch), fetch.wanted.cal_ver, fetch.wanted.crds_ctx)
    return hashlib.sha256(repr(known).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _clean(what: str, text: str) -> str:
    if _CONTROL.search(text):
        raise UsageError(f"{what} {text!r}: expected no control characters")
    return text
