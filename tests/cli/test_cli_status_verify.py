"""`jwstsync status` and `jwstsync verify`: the lockfile against the disk, without the network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from tests.cli.archive import FIRST, SECOND, SIZE, product_name, product_path
from tests.cli.calls import ONE, Called, Desk, fits

if TYPE_CHECKING:
    from jwstsync.sandbox import Sandbox

CAL = product_name(FIRST)
OF_THE_STAND_IN = """version = 1
[[proposal]]
id = 2733
observations = { obs_id = "jw02733-o002_t001_miri_f1130w" }
include = [{ productSubGroupDescription = "I2D", calib_level = 3, extension = "fits" }]
"""


def flip(desk: Desk) -> None:
    """Changes one byte of a file, which keeps its size and time."""
    place = desk.root / product_path(FIRST)
    stated = place.stat()
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    os.utime(place, ns=(stated.st_atime_ns, stated.st_mtime_ns))


@pytest.mark.parametrize("command", ["status", "verify"])
def test_all_is_there(full: Desk, command: str) -> None:
    """Nothing to do is exit code 0, and needs no archive."""
    assert full.call(command, *(["--check"] if command == "status" else [])) == Called(
        ExitCode.OK,
        f"jwstsync {command}: 1 proposal, 4 products locked\n"
        "  =   4  keep\n"
        f"{command.capitalize()}: nothing to do; 85.4 GB free.\n",
        "",
    )


def test_a_missing_file_is_a_difference(full: Desk) -> None:
    """Status tells it, and --check makes it the exit code; so does verify."""
    (full.root / product_path(FIRST)).unlink()
    told = full.call("status")

    assert told.out.splitlines()[1:] == [
        "  +   1  fetch      8.6 kB   1111 First Light: 1 cal",
        f"          {CAL}  8.6 kB  (missing)",
        "  =   3  keep",
        "Status: 1 to fetch, 8.6 kB; 85.4 GB free.",
    ]
    assert told.code == ExitCode.OK
    assert full.call("status", "--check").code == ExitCode.DIFFERENCES
    assert full.call("verify").code == ExitCode.DIFFERENCES


@pytest.mark.parametrize("command", ["status", "verify"])
def test_what_to_do_about_a_difference(full: Desk, command: str) -> None:
    """Each says which command puts it right; programs and the quiet are told nothing more."""
    (full.root / product_path(FIRST)).unlink()

    assert full.call(command).err.splitlines()[-1] == "what differs, `jwstsync apply` puts right"
    assert full.call(command, "--json").err == full.call(command, "--quiet").err == ""


@pytest.mark.parametrize(
    "command", [("status",), ("verify",), ("show",), ("export", "uris"), ("clean", "-y")], ids=lambda words: words[0]
)
def test_no_stand_in_for_who_does_not_ask(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """With --sandbox they are about the stand-in's lockfile and root, and start none to look at them."""
    desk.write(OF_THE_STAND_IN)
    assert desk.call("apply", "--sandbox").code == ExitCode.OK
    lockfile = desk.lockfile.with_name("jwstsync.sandbox.lock")
    assert lockfile.exists()
    monkeypatch.setattr("jwstsync.sandbox.Sandbox", None)

    assert desk.call(*command, "--sandbox").code == ExitCode.OK
    assert not desk.lockfile.exists()


def test_what_the_archive_has_anew_is_no_business_of_status(desk: Desk, archive: Sandbox) -> None:
    """Only lockfile and disk are compared."""
    desk.call("apply")
    archive.remake(CAL)

    assert desk.call("status", "--check").code == ExitCode.OK


def test_only_verify_finds_a_flipped_bit(full: Desk) -> None:
    """Status trusts size and time; verify hashes; and what it found is remembered until it is repaired."""
    flip(full)
    trusting, verified, knowing = full.call("status", "--check"), full.call("verify"), full.call("status", "--check")

    assert trusting.code == ExitCode.OK
    assert verified.code == ExitCode.DIFFERENCES
    assert verified.out.splitlines()[1:] == [
        "  !   1  repair     8.6 kB   1111 First Light: 1 cal",
        f"          {CAL}  8.6 kB  (damaged)",
        "  =   3  keep",
        "Verify: 1 to repair, 8.6 kB; 85.4 GB free.",
    ]
    assert knowing.code == ExitCode.DIFFERENCES


def test_apply_repairs_what_verify_found(desk: Desk, archive: Sandbox) -> None:
    """After it the bytes are those of the archive again, and verify finds nothing."""
    desk.call("apply")
    flip(desk)
    desk.call("verify")
    repaired = desk.call("apply")

    assert repaired.out.endswith("\nDone: 1 repaired, 3 kept; 8.6 kB downloaded.\n")
    assert desk.read(product_path(FIRST)) == archive.content(CAL)
    assert desk.call("verify").code == ExitCode.OK


def test_kept_files_on_request(full: Desk) -> None:
    """Both list what is kept with -v, and their documents too."""
    for command in ("status", "verify"):
        assert f"          {CAL}  8.6 kB\n" in full.call(command, "-v").out
        assert CAL not in full.call(command).out
        assert len(full.call(command, "-v", "--json").document["actions"]) == 4
        assert full.call(command, "--json").document["summary"]["keep"] == {"files": 4, "bytes": 4 * SIZE}


def test_documents_name_their_command(full: Desk) -> None:
    """One schema serves three commands, which tell themselves apart."""
    documents = [full.call(command, "--json").document for command in ("status", "verify")]

    assert [one["schema"] for one in documents] == ["jwstsync.status/1", "jwstsync.verify/1"]


@pytest.mark.parametrize("command", ["status", "verify"])
def test_where_nothing_is_locked(bare: Desk, command: str) -> None:
    """That is no difference, and is told with what has to be done first."""
    called = bare.call(command)

    assert called.out.startswith(f"jwstsync {command}: 1 proposal, 0 products locked\n")
    assert (called.code, called.err) == (
        ExitCode.OK,
        "nothing is locked yet: jwstsync apply locks what it fetches\n",
    )


def test_products_of_a_proposal_that_the_manifest_has_no_more(full: Desk) -> None:
    """Status speaks of what is locked, whatever the manifest says now."""
    full.write(ONE.replace(str(FIRST), str(SECOND)))
    (full.root / product_path(FIRST)).unlink()

    assert "  +   1  fetch      8.6 kB   1111: 1 cal" in full.call("status").out.splitlines()


def test_old_versions_are_counted(synced: Desk, archive: Sandbox) -> None:
    """Status says what they take, to people and to programs; where there are none it is silent, and counts 0."""
    synced.write(ONE.replace("version = 1\n", 'version = 1\ndestination.on_update = "keep"\n'))
    before, counted = synced.call("status"), synced.call("status", "--json").document["versions"]
    archive.remake(CAL, cal_ver="1.20.0")
    synced.call("apply")
    after, told = synced.call("status"), synced.call("status", "--json")

    assert "Old versions" not in before.out
    assert counted == {"files": 0, "bytes": 0}
    assert after.out.splitlines()[-2:] == [
        "Status: nothing to do; 85.4 GB free.",
        "Old versions: 1 file, 8.6 kB in .jwstsync/versions.",
    ]
    assert told.document["versions"] == {"files": 1, "bytes": SIZE}
    assert fits(synced.call("schema", "plan").document, told.document)


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_who_does_not_count_old_versions(synced: Desk, command: str) -> None:
    """Only status looks for them."""
    assert synced.call(command, "--json").document["versions"] is None
