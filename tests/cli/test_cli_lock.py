"""`jwstsync lock merge` and `lock check`, and what the other commands make of a lockfile with conflicts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.lockfile import Lockfile, format_lockfile, parse_lockfile
from jwstsync.errors import ExitCode
from tests.cli.archive import FIRST, SECOND, URI, product_name, product_path
from tests.cli.calls import BOTH, ONE, Called, Desk, manifest_text
from tests.core.lock_histories import History, product

if TYPE_CHECKING:
    from pathlib import Path

NAME = "jwstsync.lock"
CONFLICT = f"{NAME}: holds conflicts of a merge; expected none: `jwstsync lock merge` brings both sides together"
DRIVEN = History(
    Lockfile.of([product("a"), product("b"), product("gone")]),
    Lockfile.of([product("a", 1), product("b"), product("c")]),
    Lockfile.of([product("a", 2), product("b", 1), product("d"), product("gone")]),
)
MERGED = Lockfile.of([replace(product("a", 1), recheck=True), product("b", 1), product("c"), product("d")])
KEPT = "ours kept of 1 product with other bytes on each side; `jwstsync apply` compares them with the archive: a"
FILES = ("base", "ours", "theirs")


def written(desk: Desk, history: History = DRIVEN, name: str = NAME) -> list[str]:
    """The three files that git gives to a driver."""
    for file in FILES:
        (desk.folder / file).write_text(format_lockfile(getattr(history, file), name), encoding="utf-8")
    return list(FILES)


def conflicted(lockfile: Path, other: str) -> str:
    """Puts a lockfile in conflict with another one that has its last product in other words."""
    head, block, last = lockfile.read_text(encoding="utf-8").rpartition("[[product]]\n")
    text = f"{head}<<<<<<< HEAD\n{block}{last}=======\n{block}{other}>>>>>>> branch\n"
    lockfile.write_text(text, encoding="utf-8")
    return last


def test_what_git_calls(bare: Desk) -> None:
    """The merge is written to ours, and what had to be decided is said under the lockfile's own name."""
    called = bare.call("lock", "merge", *written(bare), "data/jwstsync.lock")

    assert called == Called(
        ExitCode.OK,
        "data/jwstsync.lock: both sides merged: 4 products locked\n",
        f"jwstsync: data/jwstsync.lock: {KEPT}\n",
    )
    assert (bare.folder / "ours").read_text(encoding="utf-8") == format_lockfile(MERGED, NAME)


def test_what_programs_are_told(bare: Desk) -> None:
    """With --json the URIs are told of all that somebody may want to look at."""
    called = bare.call("lock", "merge", *written(bare), "--json")

    uri = product("a").uri
    assert called.document == {
        "schema": "jwstsync.lock-merge/1",
        "lockfile": "ours",
        "merged": True,
        "by_lines": False,
        "products": 4,
        "rechecked": [uri],
        "revived": [],
        "displaced": [],
        "torn": [],
    }
    assert called.err == ""


@pytest.mark.parametrize("header", ["mirror.lock", "my own.lock"])
def test_the_name_in_the_first_line(bare: Desk, header: str) -> None:
    """Without a name, the lockfile is called as it was; git's own names are of no use."""
    assert bare.call("lock", "merge", *written(bare, name=header)).code == ExitCode.OK
    assert (bare.folder / "ours").read_text(encoding="utf-8") == format_lockfile(MERGED, header)


def test_a_side_without_the_usual_first_line(bare: Desk) -> None:
    """It is called as its file is."""
    written(bare)
    text = format_lockfile(DRIVEN.ours, NAME).partition("\n")[2]
    (bare.folder / "ours").write_text(text, encoding="utf-8")
    assert bare.call("lock", "merge", *FILES).code == ExitCode.OK
    assert (bare.folder / "ours").read_text(encoding="utf-8") == format_lockfile(MERGED, "ours")


def test_lockfiles_that_come_from_nothing(bare: Desk) -> None:
    """Where both sides began one, git gives an empty file for what they come from."""
    written(bare)
    (bare.folder / "base").write_text("", encoding="utf-8")
    assert bare.call("lock", "merge", *FILES).code == ExitCode.OK
    found = parse_lockfile((bare.folder / "ours").read_text(encoding="utf-8"), NAME)
    assert set(found.products) == {*DRIVEN.ours.products, *DRIVEN.theirs.products}


@pytest.mark.parametrize("side", FILES)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(b"version = ", "not TOML", id="cut off"),
        pytest.param(b"version = 2\n", "upgrade jwstsync", id="later version"),
        pytest.param(b"\xff\xfe", "not UTF-8", id="no text"),
        pytest.param(b"<<<<<<< HEAD\nversion = 1\n", "whole conflicts", id="half a conflict"),
        pytest.param(None, "not found", id="missing"),
    ],
)
def test_damage_leaves_ours_alone(bare: Desk, side: str, damage: bytes | None, said: str) -> None:
    """What can not be read is named by its side, with exit code 2, and nothing is written."""
    written(bare)
    if damage is None:
        (bare.folder / side).unlink()
    else:
        (bare.folder / side).write_bytes(damage)
    before = bare.snapshot()
    refused = bare.call("lock", "merge", *FILES, "jwstsync.lock")

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert refused.err.startswith(f"jwstsync: jwstsync.lock ({side}): ")
    assert said in refused.err
    assert bare.snapshot() == before


def test_an_empty_side(bare: Desk) -> None:
    """Only what both come from may be empty: a side that is, is damaged."""
    written(bare)
    (bare.folder / "theirs").write_text("", encoding="utf-8")
    refused = bare.call("lock", "merge", *FILES)

    assert refused == Called(ExitCode.INVALID, "", "jwstsync: theirs: version: expected version = 1\n")


@pytest.mark.parametrize("files", [["a"], ["a", "b"], ["a", "b", "c", "d", "e"]])
def test_other_numbers_of_files(bare: Desk, files: list[str]) -> None:
    """They are refused, with what is expected."""
    refused = bare.call("lock", "merge", *files)

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert refused.err.endswith("; expected none, or BASE OURS THEIRS and a NAME\n")


def test_a_lockfile_without_conflicts(full: Desk) -> None:
    """There is nothing to merge, and nothing is written."""
    before = full.lockfile.stat().st_mtime_ns
    path = full.folder / NAME

    assert full.call("lock", "merge") == Called(ExitCode.OK, f"{path}: no conflicts; nothing to merge\n", "")
    told = full.call("lock", "merge", "--json").document
    assert (told["merged"], told["products"]) == (False, None)
    assert full.lockfile.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"],
        ["plan", "--locked"],
        ["plan", "--frozen"],
        ["plan", "--offline"],
        ["status"],
        ["verify"],
        ["lock", "check"],
        ["apply", "--locked"],
        ["apply", "--frozen"],
        ["apply", "--script", "fetch.sh"],
    ],
)
def test_conflicts_elsewhere(synced: Desk, arguments: list[str]) -> None:
    """Whatever may not change the lockfile ends with exit code 2 and names what merges it; nothing is written."""
    conflicted(synced.lockfile, "")
    before = synced.snapshot()
    refused = synced.call(*arguments)

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert refused.err.endswith(f"{CONFLICT}\n")
    assert synced.snapshot() == before


def test_apply_merges_conflicts(synced: Desk) -> None:
    """It goes on from both sides, compares all with the archive, and fetches nothing that is here."""
    before = synced.lockfile.read_bytes()
    last = conflicted(synced.lockfile, "")
    assert product_name(FIRST, "uncal") in last
    applied = synced.call("apply", "-y")

    assert applied.code == ExitCode.OK
    assert applied.out.endswith("Done: 4 kept.\n")
    assert applied.err.splitlines() == [
        f"jwstsync: {NAME}: both sides merged: 4 products locked",
        f"jwstsync: {NAME}: git has merged it by lines; `jwstsync apply` compares all of it with the archive",
    ]
    assert synced.lockfile.read_bytes() == before


def test_apply_brings_back_what_conflicts_have_torn(synced: Desk) -> None:
    """What nothing could be read of is adopted from the disk, or fetched, and locked again."""
    before = synced.lockfile.read_bytes()
    uri = f'uri = "{URI}{product_name(FIRST)}"\n'
    text = before.decode().replace(uri, f"<<<<<<< HEAD\n{uri}=======\n{uri.replace('_cal', '_crf')}>>>>>>> branch\n")
    synced.lockfile.write_text(text, encoding="utf-8")
    applied = synced.call("apply", "-y")

    assert applied.code == ExitCode.OK
    assert "Done: 1 adopted, 3 kept." in applied.out
    assert f"{product_name(FIRST)}, {product_name(FIRST, 'crf')}" in applied.err
    assert synced.lockfile.read_bytes() == before


def test_a_plan_that_is_only_looked_at(synced: Desk) -> None:
    """A run that is refused leaves the conflicts where they are."""
    conflicted(synced.lockfile, "")
    synced.write(ONE + '[limits]\nmax_download = "1 B"\n')
    (synced.folder / "mastDownload" / product_path(FIRST)).unlink()
    before = synced.lockfile.read_bytes()

    assert synced.call("apply", "-y").code == ExitCode.LIMIT
    assert synced.lockfile.read_bytes() == before


def test_a_lockfile_that_is_merged_by_hand(full: Desk) -> None:
    """`lock merge` does it in place, and says that all is to be compared; the manifest may be in conflict too."""
    conflicted(full.lockfile, "")
    full.write("<<<<<<< HEAD\n")
    merged = full.call("lock", "merge")

    path = full.folder / NAME
    assert merged.code == ExitCode.OK
    assert merged.out == f"{path}: both sides merged: 4 products locked\n"
    assert "compares all of it with the archive" in merged.err
    assert all(one.recheck for one in parse_lockfile(full.lockfile.read_text(encoding="utf-8"), NAME))


def test_what_a_merge_has_marked_is_said_in_the_plan(clone: Desk) -> None:
    """Where no checksum tells which version the archive has, the plan says why it fetches."""
    locked = parse_lockfile(clone.lockfile.read_text(encoding="utf-8"), NAME)
    marked = [replace(one, md5=None, recheck=True) if one.path == product_path(FIRST) else one for one in locked]
    clone.lockfile.write_text(format_lockfile(Lockfile.of(marked), NAME), encoding="utf-8")

    assert "(changed: one of two versions, kept by a merge, same size)" in clone.call("plan").out
    assert clone.call("plan", "--locked").code == ExitCode.DIFFERENCES
    assert clone.call("apply", "-y").code == ExitCode.OK
    assert "recheck" not in clone.lockfile.read_text(encoding="utf-8")


def test_a_lockfile_that_matches(full: Desk) -> None:
    """Without network and data, `lock check` says so, by the manifest or by the lockfile."""
    (full.folder / "mastDownload").rename(full.folder / "elsewhere")
    path = full.folder / "jwstsync.toml"
    good = "valid, and so is its lockfile of 4 products\n"

    assert full.call("lock", "check") == Called(ExitCode.OK, f"{path}: {good}", "")
    assert full.call("lock", "check", NAME, "jwstsync.toml") == Called(ExitCode.OK, f"jwstsync.toml: {good}", "")
    assert full.call("lock", "check", "--json").document == {
        "schema": "jwstsync.lock-check/1",
        "checked": [{"manifest": str(path), "valid": True, "products": 4, "problems": []}],
    }


def test_nothing_locked_yet(bare: Desk) -> None:
    """A manifest alone is no difference."""
    assert bare.call("lock", "check", "jwstsync.toml").out == "jwstsync.toml: valid; nothing is locked yet\n"


def test_a_lockfile_that_does_not_match(full: Desk) -> None:
    """Exit code 1, with what the manifest asks for no more."""
    full.write(BOTH)
    found = full.call("lock", "check", "jwstsync.toml")

    assert (found.code, found.out) == (ExitCode.DIFFERENCES, "")
    assert found.err.splitlines()[0] == (
        f"jwstsync: jwstsync.lock: {product_name(FIRST, 'i2d')}: "
        f"no rule selects it for proposal {FIRST}; expected one that does"
    )
    [told] = full.call("lock", "check", "--json").document["checked"]
    assert (told["valid"], told["products"], len(told["problems"])) == (True, 4, 3)
    assert found.err.splitlines()[-1] == (
        "jwstsync: jwstsync.toml: its lockfile does not match; `jwstsync apply` brings it up to date"
    )


def test_many_that_do_not_match(full: Desk) -> None:
    """Ten are told, and how many more there are."""
    products = [product(f"{number}.fits") for number in range(12)]
    full.lockfile.write_text(format_lockfile(Lockfile.of(products), NAME), encoding="utf-8")
    lines = full.call("lock", "check", "jwstsync.toml").err.splitlines()

    assert len(lines) == 12
    assert lines[10] == "jwstsync: jwstsync.toml: and 2 more"


def test_several_manifests(full: Desk) -> None:
    """All are told, also after one that is not valid, and the gravest decides."""
    (full.folder / "bad.toml").write_text(manifest_text(f"id = {SECOND}"), encoding="utf-8")
    (full.folder / "old.toml").write_text(BOTH, encoding="utf-8")
    (full.folder / "old.lock").write_bytes(full.lockfile.read_bytes())
    found = full.call("lock", "check", "bad.toml", "old.lock", "jwstsync.toml", "gone.toml")

    assert found.code == ExitCode.INVALID
    assert found.out == "jwstsync.toml: valid, and so is its lockfile of 4 products\n"
    assert found.err.startswith("jwstsync: bad.toml: proposal[0].include: expected an include")
    assert "jwstsync: old.toml: its lockfile does not match" in found.err
    assert "jwstsync: gone.toml: not found" in found.err
    told = full.call("lock", "check", "bad.toml", "old.lock", "gone.toml", "--json").document["checked"]
    assert [(one["manifest"], one["valid"], one["products"]) for one in told] == [
        ("bad.toml", False, None),
        ("old.toml", True, 4),
        ("gone.toml", False, None),
    ]
    assert all(one["problems"] for one in told)
