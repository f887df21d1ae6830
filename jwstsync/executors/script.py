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

from jwstsync.core.layout import TRASH
from jwstsync.executors.addresses import SUM_KINDS, checked_url, clean, known_sum, quoted_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.core.fetch import Fetch

_UNKNOWN = _NOWHERE = "-"  # tabs next to each other are one to the shell, so no column may be empty
_ADDS, _REPLACES = "+", "~"
_LARGEST_BATCH = 32  # products
_BATCH_BYTES = 32_000_000  # of the products of a batch; one that is larger has its own
_SHARES = 5  # no batch is more than this part of what is left
_PLACEHOLDER = re.compile(r"@([a-z]+)@")


def script_text(
    fetches: Sequence[Fetch], *, archive_url: str, root: str, lockfile: str, proven: bool, shows_token: bool = True
) -> str:
    """The text of a script that carries out these fetches, and nothing else; the same for the same fetches.

    Args:
        fetches: What it is to fetch, in this order.
        archive_url: The server, such as https://mast.stsci.edu.
        root: The manifest's root, relative to the folder that the script will be run in.
        lockfile: The name that stands for the lockfile in notes of what the script puts in place.
        proven: Whether the archive's MD5s are known to be of the bytes that it serves.
        shows_token: Whether the server may see the token; else only who runs the script can say so.

    Raises:
        UsageError: A control character stands in a name, or the archive's address is not one.
    """
    sums = [known_sum(fetch) for fetch in fetches]
    kinds = {SUM_KINDS[len(known)] for known in sums if known is not None}
    if any(fetch.aside not in {None, TRASH} for fetch in fetches):
        kinds.add("sha256")  # tells whether what stands there is the old version
    values = {
        "archive": shlex.quote(checked_url(archive_url)),
        "lockfile": shlex.quote(clean("lockfile", lockfile)),
        "root": shlex.quote(clean("root", root)),
        "count": str(len(fetches)),
        "proven": "yes" if proven else "",
        "stranger": "" if shows_token else "yes",
        "sums": shlex.quote(" ".join(sorted(kinds))),
    }
    head, tail = _template().split("@table@\n")
    filled = _PLACEHOLDER.sub(lambda found: values[found[1]], head)
    lines = (_line(*one) for one in zip(_batches(fetches), fetches, sums, strict=True))
    return filled + "".join(lines) + tail


def _template() -> str:
    return resources.files(__package__).joinpath("script.sh").read_text(encoding="utf-8")


def _batches(fetches: Sequence[Fetch]) -> Iterator[int]:
    """The number of each fetch's batch. Batches get smaller towards the end, so that workers end together."""
    batch = count = size = 0
    for done, fetch in enumerate(fetches):
        most = min(_LARGEST_BATCH, max(1, (len(fetches) - done + count) // _SHARES))
        size += fetch.size or 0
        if count and (count >= most or size > _BATCH_BYTES):
            batch, count, size = batch + 1, 0, fetch.size or 0
        count += 1
        yield batch


def _line(batch: int, fetch: Fetch, known: str | None) -> str:
    """One line of the table. Every line has tabs, so none is taken for the table's end."""
    columns = (
        str(batch),
        _REPLACES if fetch.replaces else _ADDS,
        fetch.aside or _NOWHERE,
        _UNKNOWN if fetch.size is None else str(fetch.size),
        known or _UNKNOWN,
        _key(fetch, known),
        quoted_uri(fetch),
        clean("path", fetch.path),
    )
    return "\t".join(columns) + "\n"


def _key(fetch: Fetch, known: str | None) -> str:
    """What parts and notes of the script go by: another one for each making of a product, as far as these differ."""
    facts = (fetch.uri, fetch.size, known, fetch.wanted.cal_ver, fetch.wanted.crds_ctx)
    return hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:16]
