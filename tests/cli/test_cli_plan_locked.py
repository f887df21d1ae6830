"""What `--locked` tells of a published set whose products the archive has made anew: all of them, however many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import TOKEN, Sandbox
from tests.cli.archive import EXCLUSIVE, FIRST, catalogue, product_name
from tests.cli.calls import manifest_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.calls import Desk

MORE = 12
EXTRA = [product_name(FIRST, f"extra{number:02}") for number in range(MORE)]
HIDDEN = product_name(EXCLUSIVE, "cal")
BOTH = manifest_text(f'id = [{FIRST}, {EXCLUSIVE}]\ninclude = [{{ calib_level = 2, extension = "fits" }}]')


@pytest.fixture
def published(bare: Desk) -> Iterator[Desk]:
    """A desk where public and exclusive products are locked and here; the token has gone since."""
    bare.write(BOTH)
    with Sandbox(catalogue=catalogue(more=MORE)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url, MAST_API_TOKEN=TOKEN)
        assert bare.call("apply").code == ExitCode.OK
        bare.monkeypatch.delenv("MAST_API_TOKEN")
        for name in (*EXTRA, HIDDEN):
            archive.remake(name, cal_ver="1.20.0")
        yield bare


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_every_product_that_was_made_anew_is_listed(published: Desk, command: str) -> None:
    """Though so many are only counted otherwise; with what has changed, also of one that can not be had."""
    told = published.call(command, "--locked")

    assert told.code == ExitCode.DIFFERENCES
    changes, made_anew = told.err.splitlines()
    assert changes.startswith("jwstsync: --locked: the lockfile would change: ")
    assert changes.endswith("and 7 more; expected it to be up to date")
    assert made_anew == f"jwstsync: --locked: made anew in the archive, and under exclusive access: withhold {HIDDEN}"
    lines = [line.strip() for line in told.out.splitlines()]
    listed = {line.partition("  ")[0]: line for line in lines if ".fits  " in line}
    assert set(listed) == {*EXTRA, HIDDEN}
    assert all("changed: cal_ver" in listed[name] for name in EXTRA)
    assert "exclusive access until" in listed[HIDDEN]
    assert "; made anew: cal_ver" in listed[HIDDEN]
    assert "-> 1.20.0, " in listed[HIDDEN]


def test_products_that_can_not_be_had_are_counted_by_transition(published: Desk) -> None:
    """A line below those that are withheld says how many were made anew, and how; no single one is named."""
    lines = published.call("plan").out.splitlines()
    [withheld] = [number for number, line in enumerate(lines) if line.startswith("  ?")]

    assert lines[withheld + 1] == "          made anew: 1 cal_ver 1.19.1 -> 1.20.0, jwst_1303 -> jwst_1304"
    assert not any(name in line for line in lines for name in (*EXTRA, HIDDEN))


def test_programs_are_told_of_all(published: Desk) -> None:
    """The document lists them with the facts that have changed, withheld or not."""
    actions = published.call("plan", "--locked", "--json").document["actions"]
    made_anew = {
        one["path"].rpartition("/")[2]
        for one in actions
        if any(change["fact"] == "cal_ver" for change in one["detail"]["changes"] or ())
    }

    assert made_anew == {*EXTRA, HIDDEN}
