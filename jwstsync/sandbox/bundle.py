"""The download script that the archive offers for a list of products: bash, and one curl command for each.

Like the archive's own it checks nothing and always ends well; unlike it, it asks no questions.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwstsync.sandbox.catalogue import Catalogue


def script(catalogue: Catalogue, uris: Iterable[str], download_url: str) -> str:
    """The script's text; it fills the folder ``MAST`` where it is run. URIs that are not known are left out.

    Args:
        catalogue: Tells each product's folder, ``<obs_collection>/<obs_id>``.
        uris: What to download.
        download_url: Where products are downloaded, without the query.
    """
    paths = dict(_paths(catalogue))
    lines = [_line(paths[uri], f"{download_url}?uri={uri}") for uri in uris if uri in paths]
    return "\n".join(["#!/bin/bash", "CONT=''", *lines, "exit 0", ""])


def _paths(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for rows in catalogue.products.values():
        for row in rows:
            yield str(row["dataURI"]), f"MAST/{row['obs_collection']}/{row['obs_id']}/{row['productFilename']}"


def _line(path: str, url: str) -> str:
    command = "curl --globoff --location-trusted -f --progress-bar --create-dirs $CONT --output"
    return f"{command} {shlex.quote(path)} {shlex.quote(url)}"
