"""The lockfile in the form that others read, as bytes or in a file. The files themselves are not looked at."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.export import COLUMNS, NUMBERS, sums_text, table_rows, uris_text
from jwstsync.errors import UsageError
from jwstsync.store.files import disk_errors, write_output
from jwstsync.store.lockfiles import read_lockfile
from jwstsync.sync.planning import Mode, check_frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.documents import FormatName
    from jwstsync.core.lockfile import LockedProduct, Lockfile
    from jwstsync.core.manifest import Manifest


def locked_products(manifest: Manifest) -> Lockfile:
    """What is locked.

    Raises:
        JwstsyncError: There is no lockfile, it is not valid, or it can not be read.
    """
    check_frozen(manifest, Mode.FROZEN)
    return read_lockfile(Path(manifest.lockfile))[0]


def exported(products: Iterable[LockedProduct], form: FormatName, folder: str = "") -> bytes:
    """Products in a form; the same ones always give the same bytes, but for parquet by another pyarrow.

    Args:
        products: What is to be written.
        form: As what.
        folder: Where the root is, seen from where checksums are checked; empty in the root itself.

    Raises:
        UsageError: The form needs pyarrow, and it is not there.
    """
    match form:
        case "sha256sums":
            return os.fsencode(sums_text(products, folder))
        case "csv":
            return _csv_text(products).encode()
        case "parquet":
            return _parquet(products)
        case "uris":
            return uris_text(products).encode()


def _csv_text(products: Iterable[LockedProduct]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table_rows(products))
    return text.getvalue()


def _parquet(products: Iterable[LockedProduct]) -> bytes:
    try:
        import pyarrow as pa  # noqa: PLC0415 - 50 MB that nobody else needs
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError:
        raise UsageError("parquet: pyarrow is not there; expected: pip install 'jwstsync[parquet]'") from None
    types = [(name, pa.int64() if name in NUMBERS else pa.string()) for name in COLUMNS]
    content = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(table_rows(products), pa.schema(types)), content)
    return content.getvalue()


def seen_from(folder: Path, manifest: Manifest) -> str:
    """Where the root is, seen from a folder."""
    return os.path.relpath(manifest.root, folder)


def write_export(target: Path, content: bytes) -> None:
    """Puts the bytes into a file that the user has named.

    Raises:
        StoreError: It can not be written.
    """
    with disk_errors("export"):
        write_output(target, content)
