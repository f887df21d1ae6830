"""`jwstsync show`: what is locked, summed up without network and data."""

from __future__ import annotations

import shutil

import pytest

from jwstsync.errors import ExitCode
from tests.cli.archive import FIRST, SIZE, product_path
from tests.cli.calls import Called, Desk, fits

SHOWN = """\
jwstsync.lock: 4 products of 1 proposal, 34.6 kB
  key       value                                                            files     size
  proposal  1111 First Light                                                     4  34.6 kB
  cal_ver   1.9.6                                                                1   8.6 kB
  cal_ver   1.19.1                                                               2  17.3 kB
  cal_ver   unknown                                                              1   8.6 kB
  crds_ctx  jwst_1303.pmap                                                       4  34.6 kB
  oldest    1.9.6, jwst_1303.pmap: jw01111001001_02101_00001_nrca1_cal.fits      1   8.6 kB
  newest    1.19.1, jwst_1303.pmap                                               2  17.3 kB
"""


@pytest.fixture
def mixed(full: Desk) -> Desk:
    """A desk with four locked products, of which one is older, and one of no known version; and without data."""
    text = full.lockfile.read_text(encoding="utf-8")
    head, *products = text.split("[[product]]")
    products[0] = products[0].replace('cal_ver = "1.19.1"', 'cal_ver = "1.9.6"')
    products[1] = products[1].replace('cal_ver = "1.19.1"\n', "")
    full.lockfile.write_text("[[product]]".join([head, *products]), encoding="utf-8")
    shutil.rmtree(full.root)
    return full


def test_what_is_locked(mixed: Desk) -> None:
    """Proposals with their names, versions and contexts in the order of their age, and what is oldest and newest."""
    assert mixed.call("show") == Called(ExitCode.OK, SHOWN, "")


def test_the_oldest_and_newest_files(mixed: Desk) -> None:
    """With -v they are named, each in a line."""
    newest = [f"newest: {product_path(FIRST, suffix)}" for suffix in ("rate", "uncal")]

    assert mixed.call("show", "-v").out == SHOWN + "\n".join([f"oldest: {product_path(FIRST)}", *newest]) + "\n"


def test_what_is_locked_for_programs(mixed: Desk) -> None:
    """With --json it is one document, as its schema has it."""
    document = mixed.call("show", "--json").document

    assert fits(mixed.call("schema", "show").document, document)
    assert document["schema"] == "jwstsync.show/1"
    assert (document["lockfile"], document["files"], document["bytes"]) == ("jwstsync.lock", 4, 4 * SIZE)
    assert document["proposals"] == [{"proposal": FIRST, "name": "First Light", "files": 4, "bytes": 4 * SIZE}]
    assert [one["cal_ver"] for one in document["versions"]] == ["1.9.6", "1.19.1", None]
    assert document["contexts"] == [{"crds_ctx": "jwst_1303.pmap", "files": 4, "bytes": 4 * SIZE}]
    assert document["oldest"] == {
        "cal_ver": "1.9.6",
        "crds_ctx": "jwst_1303.pmap",
        "files": 1,
        "bytes": SIZE,
        "paths": [product_path(FIRST)],
    }
    assert document["newest"]["files"] == 2
    assert document["recheck"] == 0


def test_products_that_a_merge_has_marked(full: Desk) -> None:
    """They are counted, with what looks at them again."""
    text = full.lockfile.read_text(encoding="utf-8")
    full.lockfile.write_text(text.rstrip() + "\nrecheck = true\n", encoding="utf-8")

    assert full.call("show").err == "1 product marked for a fresh look by a merge: jwstsync apply takes it\n"
    assert full.call("show", "--json").document["recheck"] == 1


def test_nothing_is_locked_yet(bare: Desk) -> None:
    """That is no error: what locks something is said, and programs are given noughts."""
    shown, document = bare.call("show"), bare.call("show", "--json").document

    assert shown == Called(
        ExitCode.OK,
        "jwstsync.lock: 0 products of 0 proposals, 0 B\n",
        "nothing is locked yet: jwstsync apply locks what it fetches\n",
    )
    assert fits(bare.call("schema", "show").document, document)
    assert (document["files"], document["oldest"]) == (0, None)


def test_a_lockfile_that_is_not_valid(full: Desk) -> None:
    """It is refused, as everywhere."""
    full.lockfile.write_text("what?", encoding="utf-8")
    refused = full.call("show")

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert refused.err.startswith("jwstsync: ")
    assert "jwstsync.lock: not TOML" in refused.err
