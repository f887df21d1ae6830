"""Fetches as an input file of aria2, for hosts that have it; what aria2 can not be trusted with is left out.

Text in, text out. Unlike the script and jwstsync itself, aria2 knows no formats and writes under the final name from
the first byte; the next run of jwstsync verifies what it brought. How it reads such files, and what the options mean,
is from aria2's manual (https://aria2.github.io/manual/en/html/aria2c.html#input-file).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.executors.addresses import SUM_KINDS, checked_url, clean, known_sum, quoted_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.plan import Action

_SUM_NAMES = {"md5": "md5", "sha256": "sha-256"}
_OPTIONS = {
    "continue": "true",  # a file that aria2 did not begin itself, too: what is whole is not fetched again
    "check-integrity": "true",  # what is here and has another checksum is fetched anew
    "auto-file-renaming": "false",
    "allow-overwrite": "false",
    "max-connection-per-server": "1",
    "max-tries": "5",
    "retry-wait": "5",  # seconds; without it aria2 does not ask again after a 503
    "user-agent": "jwstsync-aria2",
}


def aria2_text(fetches: Sequence[Fetch], *, archive_url: str, root: str) -> str:
    """The text of an input file with these fetches.

    Args:
        fetches: What it is to fetch, in this order.
        archive_url: The server, such as https://mast.stsci.edu.
        root: The manifest's root, relative to the folder that aria2 will be run in.

    Raises:
        UsageError: A control character stands in a name, or the archive's address is not one.
    """
    address, base = checked_url(archive_url), clean("root", root)
    head = f"# {len(fetches)} products, by jwstsync; to be run as: aria2c -j 4 -i FILE\n"
    return head + "".join(line for fetch in fetches for line in _lines(fetch, address, base))


def _lines(fetch: Fetch, address: str, root: str) -> Iterator[str]:
    folder, _, name = clean("path", fetch.path).rpartition("/")
    yield f"{address}/api/v0.1/Download/file?uri={quoted_uri(fetch)}\n"
    yield f"  dir={_joined(root, folder)}\n"
    yield f"  out={name}\n"
    known = known_sum(fetch)
    if known is not None:
        yield f"  checksum={_SUM_NAMES[SUM_KINDS[len(known)]]}={known}\n"
    for option, value in _OPTIONS.items():
        yield f"  {option}={value}\n"


def _joined(root: str, folder: str) -> str:
    """Also where the root begins with a blank or a dash, aria2 shall take it as it is."""
    base = root if root.startswith("/") else f"./{root}"
    return f"{base}/{folder}" if folder else base


def aria2_problem(action: Action) -> str | None:
    """Why a product had better not be fetched by aria2, or None."""
    fetch = action.fetch
    folder, _, name = fetch.path.rpartition("/")
    if not fetch.wanted.public:
        return "it needs a token, which does not belong in a file"
    if action.present is not None:
        return "aria2 would write over what stands in its place"
    if folder != folder.strip(" ") or name != name.strip(" "):
        return "aria2 takes no names with blanks around them"
    return None
