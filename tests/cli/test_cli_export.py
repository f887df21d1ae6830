"""`jwstsync export`: what others can do with it."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from jwstsync.core.caom import KEYWORD_COLUMNS, PRODUCT_COLUMNS
from jwstsync.core.export import COLUMNS
from jwstsync.errors import ExitCode
from jwstsync.store.lockfiles import read_lockfile
from tests.cli.archive import FIRST, SIZE, SUFFIXES, product_name, product_path
from tests.cli.calls import ONE, Called, Desk, fits

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.sandbox import Sandbox
    from tests.cli.terminals import Terminal

FORMS = ("sha256sums", "csv", "parquet", "uris")
OWN = {"path", "sha256", "md5"}


def checked(sums: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """What the real `sha256sum -c` says of checksums in a folder."""
    return subprocess.run(["sha256sum", "-c", "--strict"], input=sums, cwd=folder, capture_output=True, check=False)


def test_checksums_in_the_root(full: Desk) -> None:
    """`sha256sum -c` finds every file of the set, and what is wrong with one."""
    sums = full.call("export", "sha256sums")
    good = checked(sums.out.encode(), full.root)
    os.truncate(full.root / product_path(FIRST), 1)
    bad = checked(sums.out.encode(), full.root)

    assert (sums.code, sums.err) == (ExitCode.OK, "")
    assert good.returncode == 0
    assert sorted(good.stdout.decode().splitlines()) == sorted(f"{product_path(FIRST, one)}: OK" for one in SUFFIXES)
    assert bad.returncode == 1
    assert f"{product_path(FIRST)}: FAILED" in bad.stdout.decode()


@pytest.mark.parametrize(
    "name", ["plain", "two words", "back\\slash", "new\nline", "carriage\rreturn", "-dash", "*é'\""]
)
def test_checksums_from_another_folder(full: Desk, name: str) -> None:
    """--relative-to names it; what stands in a folder's name is escaped as `sha256sum` does it itself."""
    (full.folder / name).mkdir()
    full.folder.joinpath("mastDownload").rename(full.folder / name / "data")
    full.write(ONE, f"{name}/jwstsync.toml")
    full.lockfile.rename(full.folder / name / "jwstsync.lock")
    manifest = (full.folder / name / "jwstsync.toml").read_text(encoding="utf-8")
    full.write(manifest.replace("version = 1", 'version = 1\ndestination.root = "data"'), f"{name}/jwstsync.toml")
    sums = full.call("export", "sha256sums", "--relative-to", ".", "-f", f"./{name}/jwstsync.toml")
    files = sorted(f"{name}/data/{product_path(FIRST, one)}" for one in SUFFIXES)
    theirs = subprocess.run(["sha256sum", "--", *files], cwd=full.folder, capture_output=True, check=True)

    assert checked(sums.out.encode(), full.folder).returncode == 0
    assert sorted(sums.out.encode().splitlines()) == sorted(theirs.stdout.splitlines())


def test_checksums_in_a_file(full: Desk) -> None:
    """With -o the file has just what stdout would have had."""
    told = full.call("export", "sha256sums", "-o", "sums")

    assert told == Called(ExitCode.OK, "Wrote sums: 4 products\n", "")
    assert (full.folder / "sums").read_text(encoding="utf-8") == full.call("export", "sha256sums").out


def locked_rows(desk: Desk) -> list[dict[str, Any]]:
    """The rows that a table should have."""
    return [
        {
            "dataURI": one.uri,
            "productFilename": one.uri.rpartition("/")[2],
            "proposal_id": str(FIRST),
            "size": SIZE,
            "path": one.path,
            "sha256": one.sha256,
            "md5": one.md5,
            "cal_ver": one.cal_ver,
            "crds_ctx": one.crds_ctx,
        }
        for one in read_lockfile(desk.lockfile)[0]
    ]


def test_a_table_as_text(full: Desk) -> None:
    """A row for each product, in the lockfile's order; what is not known is empty."""
    full.lockfile.write_text(full.lockfile.read_text(encoding="utf-8").replace('crds_ctx = "', '# "', 1), "utf-8")
    rows = list(csv.DictReader(io.StringIO(full.call("export", "csv").out)))

    assert rows == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in locked_rows(full)
    ]
    assert rows[0]["crds_ctx"] == ""
    assert rows[1]["crds_ctx"] != ""


def test_a_table_as_parquet(full: Desk) -> None:
    """The same with types: sizes are whole numbers, what is not known is null, the rest is text, as MAST has it."""
    full.lockfile.write_text(full.lockfile.read_text(encoding="utf-8").replace('crds_ctx = "', '# "', 1), "utf-8")
    told = full.call("export", "parquet", "-o", "locked.parquet")
    table = parquet.read_table(full.folder / "locked.parquet")

    assert told.out == "Wrote locked.parquet: 4 products\n"
    assert table.to_pylist() == locked_rows(full)
    assert {str(kind) for kind in table.schema.types} == {"int64", "string"}
    assert str(table.schema.field("size").type) == "int64"
    assert table["crds_ctx"].null_count == 1


def test_the_columns_are_masts() -> None:
    """Each has its name in the product listings or the keyword services, but for what is our own."""
    assert set(COLUMNS) - OWN <= {*PRODUCT_COLUMNS, *KEYWORD_COLUMNS}


def test_the_names_in_the_archive(full: Desk) -> None:
    """One a line."""
    names = sorted(f"mast:JWST/product/{product_name(FIRST, suffix)}" for suffix in SUFFIXES)

    assert full.call("export", "uris").out.splitlines() == names


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_here_is_exported_too(full: Desk, form: str) -> None:
    """The lockfile alone counts, not the disk, and no archive is asked."""
    before = full.process("export", form, "-o", "before")
    for path in full.root.rglob("*.fits"):
        path.unlink()
    full.process("export", form, "-o", "after")

    assert before.code == ExitCode.OK
    assert (full.folder / "before").read_bytes() == (full.folder / "after").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_where_nothing_is_locked(bare: Desk, form: str) -> None:
    """That is told, with what makes a lockfile."""
    refused = bare.call("export", form, "-o", "file")

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert refused.err.endswith("jwstsync.lock: not found; expected a lockfile: `jwstsync apply` makes one\n")
    assert not (bare.folder / "file").exists()


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_set(full: Desk, form: str) -> None:
    """Has no rows, and is no failure."""
    full.lockfile.write_text("version = 1\n", encoding="utf-8")

    assert full.call("export", form, "-o", "file").out == "Wrote file: 0 products\n"
    if form == "parquet":
        assert parquet.read_table(full.folder / "file").column_names == list(COLUMNS)
    else:
        header = ",".join(COLUMNS) + "\n" if form == "csv" else ""
        assert (full.folder / "file").read_text(encoding="utf-8") == header


# --- where it goes


def test_a_table_through_a_pipe(full: Desk) -> None:
    """Parquet can be piped, byte for byte."""
    full.call("export", "parquet", "-o", "file")
    piped = full.shell('"$@" | cmp - file', "export", "parquet")

    assert piped == Called(ExitCode.OK, "", "")


def test_no_table_on_a_terminal(full: Desk, terminal: Terminal) -> None:
    """What would garble it is refused."""
    process = terminal.run(full, "export", "parquet")

    assert terminal.read() == "jwstsync: parquet: not for a terminal; expected -o FILE, or a pipe\n"
    assert process.wait(60) == ExitCode.INVALID


def test_text_on_a_terminal(full: Desk, terminal: Terminal) -> None:
    """The rest may be looked at."""
    process = terminal.run(full, "export", "uris")

    assert len(terminal.read().splitlines()) == 4
    assert process.wait(60) == ExitCode.OK


def test_pyarrow_is_not_there(full: Desk) -> None:
    """The message names the extra that brings it; nothing else needs it."""
    full.monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused = full.call("export", "parquet", "-o", "file")

    assert refused == Called(
        ExitCode.INVALID, "", "jwstsync: parquet: pyarrow is not there; expected: pip install 'jwstsync[parquet]'\n"
    )
    assert not (full.folder / "file").exists()
    assert full.call("export", "csv").code == ExitCode.OK


def test_programs_are_told_where_it_went(full: Desk) -> None:
    """One document; without -o stdout has what is exported, and no room for it."""
    told = full.call("export", "csv", "-o", "file", "--json")
    refused = full.call("export", "csv", "--json")

    assert told.document == {
        "schema": "jwstsync.export/1",
        "format": "csv",
        "file": "file",
        "products": {"files": 4, "bytes": 4 * SIZE},
    }
    assert fits(full.call("schema", "export").document, told.document)
    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert "--json and export to stdout: expected -o FILE" in refused.err


def test_quietly(full: Desk) -> None:
    """-q takes away what is said, not what is asked for."""
    assert full.call("export", "uris", "-q") == full.call("export", "uris")
    assert full.call("export", "uris", "-q", "-o", "file") == Called(ExitCode.OK, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("csv -o nowhere/file", "nowhere/file: expected a place in a folder that is there"),
        ("sha256sums --relative-to nowhere", "--relative-to nowhere: expected a folder that is there"),
        ("csv --relative-to .", "--relative-to and csv: expected sha256sums"),
    ],
)
def test_what_makes_no_sense(full: Desk, arguments: str, words: str) -> None:
    """It is refused, with what would be right."""
    assert full.call("export", *arguments.split()) == Called(ExitCode.INVALID, "", f"jwstsync: {words}\n")


def test_a_disk_that_is_full(full: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that was there before stays whole."""
    place = full.write("what was here", "file")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    called = full.call("export", "csv", "-o", "file")

    assert called == Called(ExitCode.LIMIT, "", "jwstsync: export: No space left on device\n")
    assert place.read_text(encoding="utf-8") == "what was here"
    assert not list(full.folder.glob(".file.*"))


def test_a_link_stays_one(full: Desk) -> None:
    """What it leads to is written."""
    (full.folder / "link").symlink_to("file")
    full.call("export", "uris", "-o", "link")

    assert (full.folder / "link").is_symlink()
    assert len((full.folder / "file").read_text(encoding="utf-8").splitlines()) == 4


def test_what_is_no_file_is_written_to(full: Desk) -> None:
    """A pipe is not replaced by a file."""
    os.mkfifo(full.folder / "pipe")
    read = full.shell('cat pipe & "$@" -o pipe -q; wait', "export", "uris")

    assert len(read.out.splitlines()) == 4
    assert (full.folder / "pipe").is_fifo()


def test_the_same_state_gives_the_same_bytes(synced: Desk, archive: Sandbox) -> None:
    """Whatever the history."""
    before = [synced.call("export", form).out for form in ("sha256sums", "csv", "uris")]
    archive.remake(product_name(FIRST))
    synced.write(ONE.replace("fits", "none"))
    synced.call("apply")
    synced.write(ONE)
    after = [synced.call("export", form).out for form in ("sha256sums", "csv", "uris")]

    assert [len(text.splitlines()) for text in before] == [4, 5, 4]
    assert [len(text.splitlines()) for text in after] == [0, 1, 0]
