"""The command that writes the locked set for others: export."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

import click

from jwstsync.cli.options import Command, check_folder, globals_of, option
from jwstsync.cli.output import Output, is_terminal
from jwstsync.cli.session import session_of
from jwstsync.core.amounts import counted
from jwstsync.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from jwstsync.core.documents import FormatName
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.manifest import Manifest

_STDOUT = "-"


@click.command(
    cls=Command,
    examples=(
        ("jwstsync export sha256sums -o FILE", "for `sha256sum -c` in the root"),
        ("jwstsync export sha256sums --relative-to . >SUMS", "for `sha256sum -c` here"),
        ("jwstsync export csv -o products.csv", "a table with MAST's column names"),
        ("jwstsync export uris | wc -l", "the names in the archive, one a line"),
    ),
)
@click.argument("form", metavar="FORMAT", type=click.Choice(["sha256sums", "csv", "parquet", "uris"]))
@option("-o", "--output", default=_STDOUT, metavar="FILE", help="Where to write it (default: '-', stdout).")
@option("--relative-to", metavar="DIR", help="Where `sha256sum -c` will be called (default: the root).")
@click.pass_context
def export(context: click.Context, *, form: str, output: str, relative_to: str | None) -> int:
    """Write the locked products as sha256sums, csv, parquet or uris.

    It is made of the lockfile alone; the files need not be there. Paths are relative to the root, so `sha256sum -c` is
    to be called there, unless --relative-to names another folder. csv and parquet have the columns dataURI,
    productFilename, proposal_id, size, path, sha256, md5, cal_ver and crds_ctx. parquet needs pyarrow: pip install
    'jwstsync[parquet]'.
    """
    from jwstsync.sync.exporting import exported, locked_products

    said = Output(globals_of(context))
    if relative_to is not None and form != "sha256sums":
        raise UsageError(f"--relative-to and {form}: expected sha256sums")
    _check(said, form, output)
    name = cast("FormatName", form)
    with session_of(context, asks=False) as session:
        products = locked_products(session.manifest)
        content = exported(products, name, _folder(session.manifest, relative_to))
    if output == _STDOUT:
        said.data(content)
    else:
        _write(said, name, output, content, products)
    return ExitCode.OK


def _check(said: Output, form: str, output: str) -> None:
    """Refuses what nobody could read.

    Raises:
        UsageError: It is.
    """
    if output != _STDOUT:
        check_folder(output)
    elif said.as_json:
        raise UsageError("--json and export to stdout: expected -o FILE, since stdout has what is exported")
    elif form == "parquet" and is_terminal(sys.stdout):
        raise UsageError("parquet: not for a terminal; expected -o FILE, or a pipe")


def _folder(manifest: Manifest, relative_to: str | None) -> str:
    """Where the root is, seen from where checksums will be checked."""
    from pathlib import Path

    from jwstsync.sync.exporting import seen_from

    if relative_to is None:
        return ""
    if not Path(relative_to).is_dir():
        raise UsageError(f"--relative-to {relative_to}: expected a folder that is there")
    return seen_from(Path(relative_to), manifest)


def _write(said: Output, form: FormatName, output: str, content: bytes, products: Lockfile) -> None:
    from pathlib import Path

    from jwstsync.core.documents import export_document
    from jwstsync.sync.exporting import write_export

    write_export(Path(output), content)
    if said.as_json:
        said.small_document(export_document(form, output, [one.size for one in products]))
    said.answer(f"Wrote {output}: {counted(len(products), 'product')}")
