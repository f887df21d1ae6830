"""A changed layout and `--prune` on the command line: what is said of them, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from tests.cli.archive import DOWNLOAD, FIRST, SIZE, SUFFIXES, no_answer_about, product_name, product_path
from tests.cli.calls import BOTH, ONE, Desk, fits

if TYPE_CHECKING:
    from jwstsync.sandbox import Sandbox

LAYOUT = '[destination]\nlayout = "{calib_level}/{filename}"'
MOVED = ONE.replace("version = 1\n", f"version = 1\n{LAYOUT}\n")
JUST_CAL = ONE.replace('extension = "fits"', 'productFilename = "*_cal.fits"')
CAL = product_name(FIRST)
LEVELS = {"uncal": 1, "i2d": 3}


def test_a_changed_layout(synced: Desk, archive: Sandbox) -> None:
    """The plan tells from where to where, in numbers and for each file; nothing is downloaded, and it converges."""
    synced.write(MOVED)
    heard = len(archive.requests)
    planned, applied = synced.call("plan"), synced.call("apply")

    assert f"          {CAL}  8.6 kB  (layout: {product_path(FIRST)} -> 2/{CAL})" in planned.out.splitlines()
    assert "  >   4  move      34.6 kB   1111 First Light: 1 cal, 1 i2d, 1 rate, 1 uncal" in planned.out.splitlines()
    assert planned.out.splitlines()[-1] == "Plan: 4 to move; 85.4 GB free."
    assert (applied.code, applied.err, applied.out.splitlines()[-1]) == (ExitCode.OK, "", "Done: 4 moved.")
    assert DOWNLOAD not in {one.path for one in archive.requests[heard:]}
    assert {path for path in synced.snapshot() if path.startswith("mast")} == {
        f"mastDownload/{LEVELS.get(one, 2)}/{product_name(FIRST, one)}" for one in SUFFIXES
    }
    assert not (synced.root / "JWST").exists()
    assert synced.call("plan", "--check").code == ExitCode.OK
    assert synced.call("verify").code == ExitCode.OK


def test_a_changed_layout_for_programs(synced: Desk) -> None:
    """Where a file stands is in the action's detail; a run tells of each move."""
    synced.write(MOVED)
    schema = synced.call("schema", "plan").document
    document = synced.call("plan", "--json").document
    entry = next(one for one in document["actions"] if one["path"] == f"2/{CAL}")

    assert fits(schema, document)
    assert (entry["action"], entry["reason"], entry["detail"]["moved_from"]) == ("move", "layout", product_path(FIRST))
    assert entry["detail"]["size_on_disk"] == SIZE
    assert document["summary"]["move"] == {"files": 4, "bytes": 4 * SIZE}
    assert synced.call("plan", "--check").code == synced.call("apply", "--locked").code == ExitCode.DIFFERENCES
    events = synced.call("apply", "--json").events
    told = {(one["action"], one["outcome"]) for one in events if one["type"] == "product"}
    assert (told, events[-1]["bytes"]) == ({("move", "done")}, 0)


def test_an_update_at_a_new_place_is_said(synced: Desk, archive: Sandbox) -> None:
    """With where the old bytes stand."""
    archive.remake(CAL)
    synced.write(MOVED)
    assert f", from {product_path(FIRST)})" in synced.call("plan").out


def test_pruning(synced: Desk) -> None:
    """What is not wanted any more goes to the trash, which is said before and after; the trash is told by its place."""
    synced.write(JUST_CAL)
    assert synced.call("plan").out.splitlines()[-1] == "Plan: 3 to drop; 85.4 GB free."
    planned, applied = synced.call("plan", "--prune"), synced.call("apply", "--prune")

    assert "  -   3  prune     25.9 kB   1111 First Light: 1 i2d, 1 rate, 1 uncal" in planned.out.splitlines()
    assert planned.out.splitlines()[-1] == "Plan: 3 to prune; 85.4 GB free."
    assert (applied.code, applied.err, applied.out.splitlines()[-1]) == (ExitCode.OK, "", "Done: 3 pruned, 1 kept.")
    assert {path for path in synced.snapshot() if path.startswith("mast")} == {f"mastDownload/{product_path(FIRST)}"}
    [trash] = (synced.root / ".jwstsync" / "trash").iterdir()
    assert (trash / product_path(FIRST, "rate")).is_file()
    assert synced.call("plan", "--prune", "--check").code == ExitCode.OK


def test_pruning_for_programs(synced: Desk) -> None:
    """Each file has an action and an outcome; what stays is listed with its reason."""
    synced.write(JUST_CAL)
    (synced.root / product_path(FIRST, "rate")).write_bytes(b"edited")
    schema = synced.call("schema", "plan").document
    document = synced.call("plan", "--prune", "--json").document

    assert fits(schema, document)
    assert {(one["action"], one["reason"]) for one in document["actions"]} == {
        ("prune", "orphan"),
        ("drop", "unselected"),
    }
    assert (document["spared"], document["doubt"]) == ([{"path": product_path(FIRST, "rate"), "why": "changed"}], None)
    events = synced.call("apply", "--prune", "--json").events
    told = sorted((one["action"], one["outcome"]) for one in events if one["type"] == "product")
    assert told == [("drop", "done"), ("prune", "done"), ("prune", "done")]


def test_what_stays_is_said(synced: Desk) -> None:
    """On stderr, with the reason."""
    synced.write(JUST_CAL)
    (synced.root / product_path(FIRST, "rate")).write_bytes(b"edited")
    expected = f"not pruned: 1 changed since jwstsync wrote them: {product_path(FIRST, 'rate')}\n"
    assert synced.call("plan", "--prune").err == expected
    assert synced.call("apply", "--prune").err == expected


def test_a_failed_query_is_said(synced: Desk, archive: Sandbox) -> None:
    """Nothing is pruned then, and the exit code is that of the archive."""
    synced.write(BOTH)
    archive.fault = no_answer_about(2222)
    synced.set(JWSTSYNC_TIMEOUT="1")
    for command in ("plan", "apply"):
        called = synced.call(command, "--prune")
        assert called.code == ExitCode.ARCHIVE
        assert "jwstsync: nothing is pruned: proposal 2222: could not be asked\n" in called.err
    assert (synced.root / product_path(FIRST, "rate")).is_file()


@pytest.mark.parametrize("arguments", [("--max-prune", "2"), ("--max-prune", "0")])
def test_the_guard(synced: Desk, arguments: tuple[str, str]) -> None:
    """The plan says so and exits 0; a run is refused with exit code 5 and does nothing."""
    synced.write(JUST_CAL)
    before = synced.snapshot()
    expected = f"jwstsync: --max-prune {arguments[1]}: the plan would prune 3 files"
    planned, applied = synced.call("plan", "--prune", *arguments), synced.call("apply", "--prune", *arguments)
    assert (planned.code, planned.err) == (ExitCode.OK, f"{expected}; apply would refuse\n")
    assert (applied.code, applied.err) == (ExitCode.LIMIT, f"{expected}\n")
    assert synced.snapshot() == before


def test_pruning_what_is_locked_alone(full: Desk) -> None:
    """Without a question to the archive the lockfile decides; files that earlier runs left go."""
    text = full.lockfile.read_text(encoding="utf-8")
    blocks = text.split("\n[[product]]\n")
    full.lockfile.write_text("\n[[product]]\n".join(one for one in blocks if "_rate.fits" not in one), encoding="utf-8")
    called = full.call("apply", "--frozen", "--prune")
    assert (called.code, called.out.splitlines()[-1]) == (ExitCode.OK, "Done: 1 pruned, 3 kept.")
    assert not (full.root / product_path(FIRST, "rate")).exists()


def test_what_makes_no_sense(bare: Desk) -> None:
    """A number without the wish, and a script, which takes nothing away; the environment's wish is no error there."""
    for arguments, told in (
        (("plan", "--max-prune", "3"), "--max-prune: expected --prune with it"),
        (("apply", "--max-prune", "3"), "--max-prune: expected --prune with it"),
        (("apply", "--prune", "--script", "x.sh"), "--script and --prune: expected one of them"),
    ):
        called = bare.call(*arguments)
        assert (called.code, called.err) == (ExitCode.INVALID, f"jwstsync: {told}\n")
    bare.set(JWSTSYNC_MAX_PRUNE="3", JWSTSYNC_PRUNE="1")
    assert bare.call("status").code == ExitCode.OK
