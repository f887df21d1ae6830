"""Bad input of every kind: one clear message, the exit code, no traceback, and nothing changed.

What exactly is valid in a manifest or a lockfile is tested with their types; here it is how the command says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.errors import ExitCode
from tests.cli.archive import DOWNLOAD, FIRST, INVOKE, product_path
from tests.cli.calls import ONE, Called, Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.sandbox import Fault, Sandbox

INVALID, FAILED, DOWN = ExitCode.INVALID, ExitCode.PRODUCTS_FAILED, ExitCode.ARCHIVE
HTML = "<!DOCTYPE html><html><body>Service Temporarily Unavailable</body></html>"


def check(desk: Desk, code: ExitCode, words: str, *arguments: str) -> Called:
    """Makes a call that must fail so, and tells why in lines that begin with the command's name."""
    before = desk.snapshot()
    called = desk.call(*arguments)

    assert (called.code, desk.snapshot()) == (code, before)
    assert words in called.err
    assert "Traceback" not in called.err
    return called


def check_all_alike(desk: Desk, code: ExitCode, words: str, *commands: str) -> None:
    """The commands fail with the same words, and have no answer."""
    told = {check(desk, code, words, command).err for command in commands}
    assert len(told) == 1
    assert all(line.startswith("jwstsync: ") for line in told.pop().splitlines())
    assert {desk.call(command).out for command in commands} == {""}


def changed(old: str, new: str) -> str:
    """The manifest with one change."""
    assert old in ONE
    return ONE.replace(old, new)


def with_head(text: str) -> str:
    """The manifest with something in front of its first block."""
    return changed("[[proposal]]", f"{text}\n\n[[proposal]]")


MANIFESTS = {
    "empty": ("", "version: expected 1"),
    "cut off": (ONE[:-8], "expected TOML; line 6, column"),
    "no version": (changed("version = 1", ""), "version: expected 1, the version of the manifest's format"),
    "later version": (changed("version = 1", "version = 2"), "version = 2: expected 1"),
    "no proposal": ("version = 1\n", "proposal: expected at least one [[proposal]] block with an id"),
    "no id": (changed("id = 1111", ""), "proposal[0].id: expected a proposal id"),
    "id a text": (changed("1111", '"1111"'), 'proposal[0].id = "1111": expected a proposal id, a whole number'),
    "id zero": (changed("1111", "0"), "proposal[0].id = 0: expected a proposal id"),
    "ids empty": (changed("1111", "[]"), "proposal[0].id = []: expected a proposal id"),
    "id twice": (changed("1111", "[1, 1]"), "proposal[0].id[1] = 1: expected every id once"),
    "unknown key": (changed("include", "includes"), "proposal[0].includes"),
    "unknown table": (with_head("[limit]\nconnections = 4"), "limit"),
    "no include": (changed('include = [{ extension = "fits" }]', ""), "include = [{}] takes everything"),
    "unknown column": (changed("extension", "extention"), "proposal[0].include[0].extention"),
    "unknown rule": (changed('[{ extension = "fits" }]', '["calibrated"]'), 'proposal[0].include[0] = "calibrated"'),
    "value of another type": (changed('"fits"', "3.5"), "proposal[0].include[0].extension = 3.5: expected"),
    "glob not closed": (changed('extension = "fits"', 'obs_id = "jw[0"'), 'expected every "[" closed by "]"'),
    "no such access": (
        with_head('[archive]\nexclusive_access = "maybe"'),
        'expected "auto", "skip", "fetch" or "error"',
    ),
    "no address": (with_head('[archive]\nurl = "mast"'), 'archive.url = "mast": expected an address such as'),
    "no time": (with_head("[archive]\ntimeout = 0"), "archive.timeout = 0: expected a number of seconds, more than 0"),
    "too many": (with_head("[limits]\nconnections = 9"), "limits.connections = 9: expected a whole number from 1 to 8"),
    "no size": (with_head('[limits]\nmax_download = "5 ZB"'), 'limits.max_download = "5 ZB": expected'),
    "layout outside": (with_head('[destination]\nlayout = "../{filename}"'), "expected a layout without '..'"),
    "layout without name": (with_head('[destination]\nlayout = "{obs_id}"'), "whose last part is {filename}"),
    "root at home": (with_head('[destination]\nroot = "~/data"'), 'destination.root = "~/data": expected a folder'),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests(full: Desk, case: str) -> None:
    """Each command names the file, the key, what stands there and what would be right."""
    text, words = MANIFESTS[case]
    full.write(text)

    check_all_alike(full, INVALID, words, "plan", "apply", "status", "verify")
    assert f"jwstsync: {full.folder}/jwstsync.toml: " in full.call("plan").err


def test_everything_wrong_is_told_at_once(full: Desk) -> None:
    """One call is enough to learn all that is wrong in a manifest."""
    full.write(changed("1111", "0").replace("extension", "extention"))

    assert len(full.call("plan").err.splitlines()) == 2


def test_a_manifest_that_is_not_text(full: Desk) -> None:
    """Bytes that are no UTF-8 are told as that."""
    (full.folder / "jwstsync.toml").write_bytes(b"\xff\xfe")

    check_all_alike(full, INVALID, "jwstsync.toml: expected UTF-8 text", "plan", "apply", "status")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("no.toml", "no.toml: not found; expected a manifest, such as `jwstsync init` writes"),
        ("mastDownload", "mastDownload: is a folder; expected a manifest, such as jwstsync.toml in it"),
    ],
)
def test_a_manifest_that_can_not_be_read(full: Desk, path: str, words: str) -> None:
    """The file that was named is named."""
    check(full, INVALID, words, "plan", "-f", path)


def test_no_manifest(full: Desk) -> None:
    """The message names the file that is looked for and the command that writes one."""
    (full.folder / "jwstsync.toml").unlink()

    check_all_alike(full, INVALID, "jwstsync.toml: not found here", "plan", "apply", "status", "verify")
    assert "`jwstsync init`" in full.call("plan").err


LOCKFILES: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "version: expected version = 1"),
    "cut off": (lambda text: text[: len(text) // 2], "jwstsync.lock"),
    "later version": (lambda text: text.replace("version = 1", "version = 2"), "upgrade jwstsync"),
    "unknown key": (lambda text: text + "mtime = 1\n", "product[3].mtime = 1: expected only the keys"),
    "hash too short": (lambda text: text.replace('sha256 = "', 'sha256 = "xy', 1), "64 lower-case hex digits"),
    "size a text": (lambda text: text.replace("size = 8640", 'size = "8640"', 1), 'product[0].size = "8640": expected'),
    "path outside": (lambda text: text.replace('path = "JWST', 'path = "../JWST', 1), "without '.', '..'"),
    "path absolute": (lambda text: text.replace('path = "JWST', 'path = "/JWST', 1), "a relative path"),
    "path in the state folder": (lambda text: text.replace('"JWST/', '".jwstsync/', 1), "a path outside .jwstsync"),
    "one product twice": (lambda text: text + text.partition("\n\n")[2], "expected each uri once"),
}


@pytest.mark.parametrize("case", LOCKFILES)
def test_lockfiles(full: Desk, case: str) -> None:
    """A lockfile that is not valid is refused by every command that reads it, with the key and what would be right."""
    spoil, words = LOCKFILES[case]
    full.lockfile.write_text(spoil(full.lockfile.read_text(encoding="utf-8")), encoding="utf-8")

    check_all_alike(full, INVALID, words, "plan", "apply", "status", "verify")
    assert full.call("apply", "--frozen").code == INVALID


def test_half_a_conflict(full: Desk) -> None:
    """Conflict markers name what merges them, which does not guess where one is missing."""
    full.lockfile.write_text("<<<<<<< HEAD\n" + full.lockfile.read_text(encoding="utf-8"), encoding="utf-8")

    check_all_alike(full, INVALID, "`jwstsync lock merge` brings both sides together", "plan", "status", "verify")
    for arguments in (("apply",), ("lock", "merge")):
        check(full, INVALID, "whole conflicts as git leaves them; restore it from version control", *arguments)


def test_a_lockfile_that_is_not_text(full: Desk) -> None:
    """Bytes that are no UTF-8 are told as that."""
    full.lockfile.write_bytes(b"\xff\xfe")

    check_all_alike(full, INVALID, "not UTF-8 text; restore it from version control", "plan", "apply", "status")


OPTIONS = {
    "unknown command": ("fetch", "No such command 'fetch'"),
    "unknown option": ("plan --frosen", "No such option '--frosen'"),
    "known option, other command": ("status --locked", "No such option '--locked'"),
    "value missing": ("plan --explain", "Option '--explain' requires an argument"),
    "argument too many": ("plan 2733", "unexpected extra argument"),
    "argument missing": ("search", "Missing argument 'ID...'"),
    "no proposal id": ("search ring", "'ring': expected a proposal id, a whole number from 1 to 99999"),
    "proposal id zero": ("search 0", "'0': expected a proposal id, a whole number from 1 to 99999"),
    "no timeout": ("plan --timeout soon", "'soon' is not a valid number of seconds"),
    "timeout zero": ("plan --timeout 0", "0.0 is not in the range x>0"),
    "timeout without end": ("plan --timeout inf", "'inf' is not a valid number of seconds"),
    "timeout not a number": ("plan --timeout nan", "'nan' is not a valid number of seconds"),
    "limit negative": ("apply --limit -1", "-1 is not in the range x>=0"),
    "limit not whole": ("apply --limit 1.5", "'1.5' is not a valid integer"),
    "lock timeout negative": ("apply --lock-timeout -1", "-1.0 is not in the range x>=0"),
    "no such color": ("plan --color blue", "'blue' is not one of 'auto', 'always', 'never'"),
    "no such schema": (
        "schema lockfile",
        "'lockfile' is not one of 'manifest', 'lock', 'plan', 'events'",
    ),
    "no such form": ("export fits", "'fits' is not one of 'sha256sums', 'csv', 'parquet', 'uris'"),
    "form missing": ("export", "Missing argument 'FORMAT'"),
    "no age": ("clean -y --older-than soon", "'soon': expected a time above 0"),
    "no such port": ("sandbox --port 70000", "70000 is not in the range 0<=x<=65535"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options(full: Desk, case: str) -> None:
    """What can not be understood is told with the command's usage, and nothing is done."""
    arguments, words = OPTIONS[case]
    called = check(full, INVALID, words, *arguments.split())

    assert called.out == ""
    assert called.err.startswith(("Usage: jwstsync", "Error: Option"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"JWSTSYNC_TIMEOUT": "soon"}, "for JWSTSYNC_TIMEOUT: 'soon' is not a valid number of seconds"),
        ({"JWSTSYNC_JSON": "perhaps"}, "for JWSTSYNC_JSON: 'perhaps' is not a valid boolean"),
        ({"JWSTSYNC_COLOR": "blue"}, "for JWSTSYNC_COLOR: 'blue' is not one of"),
        ({"JWSTSYNC_ARCHIVE_URL": "mast"}, 'JWSTSYNC_ARCHIVE_URL: archive.url = "mast": expected an address such as'),
    ],
)
@pytest.mark.parametrize("name", ["plan", "search 1111"])
def test_variables(full: Desk, variables: dict[str, str], words: str, name: str) -> None:
    """What stands in the environment is told with the variable's name."""
    full.set(**variables)

    check(full, INVALID, words, *name.split())


def all_answers(response: Callable[[], web.StreamResponse], path: str = INVOKE) -> Fault:
    """A fault: every request to one address is answered so."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return response() if request.path == path else None

    return fault


async def break_off(request: web.Request) -> web.StreamResponse | None:
    """A fault: the connection breaks."""
    if request.path == INVOKE and request.transport is not None:
        request.transport.abort()
        await asyncio.Event().wait()
    return None


ANSWERS: dict[str, tuple[Fault, str]] = {
    "an HTML page": (
        all_answers(lambda: web.Response(text=HTML, content_type="text/html")),
        "observations of proposal",
    ),
    "nothing": (all_answers(web.Response), "observations of proposal 1111"),
    "an error": (all_answers(lambda: web.Response(status=500)), "500"),
    "null": (all_answers(lambda: web.json_response(None)), "observations of proposal 1111"),
    "a list": (all_answers(lambda: web.json_response([])), "observations of proposal 1111"),
    "an error's text": (
        all_answers(lambda: web.json_response({"status": "ERROR", "msg": "too many sessions"})),
        "too many sessions",
    ),
    "rows without columns": (
        all_answers(
            lambda: web.json_response(
                {
                    "status": "COMPLETE",
                    "data": [{"obs_id": "x"}],
                    "fields": [{"name": "obs_id", "type": "string"}],
                    "paging": {"page": 1, "pagesFiltered": 1},
                }
            )
        ),
        "column obsid: expected it in every answer",
    ),
    "no connection": (break_off, "not reached"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_to_questions(full: Desk, archive: Sandbox, case: str) -> None:
    """Nonsense from the archive ends the run with its code, names the question, and points to --frozen."""
    full.set(JWSTSYNC_ARCHIVE_URL=archive.url)
    archive.fault, words = ANSWERS[case]

    check_all_alike(full, DOWN, words, "plan", "apply")
    assert "\njwstsync: what is locked can be had without asking: --frozen\n" in full.call("plan").err
    assert full.call("status").code == ExitCode.OK


BODIES: dict[str, tuple[Callable[[], web.StreamResponse], str]] = {
    "an HTML page": (lambda: web.Response(text=HTML, content_type="text/html"), "the download is not FITS"),
    "nothing": (web.Response, "the download is empty"),
    "part of it": (lambda: web.Response(body=b"SIMPLE  =" + bytes(100)), "no multiple of 2880"),
    "an error": (lambda: web.Response(status=500, text="out of order"), "500 Internal Server Error (out of order)"),
    "gone": (lambda: web.Response(status=404), "the archive answered 404 Not Found"),
    "forbidden": (lambda: web.Response(status=403), "the archive answered 403 Forbidden"),
}


@pytest.mark.parametrize("case", BODIES)
def test_bodies_of_downloads(clone: Desk, archive: Sandbox, case: str) -> None:
    """What is no product gets no name: each failure is told with the path and what came instead."""
    body, words = BODIES[case]
    archive.fault = all_answers(body, DOWNLOAD)
    called = check(clone, FAILED, words, "apply")

    assert called.err.count("jwstsync: failed: JWST/") == 4
    assert called.out.endswith("\nDone: 4 failed.\n")


def test_a_root_that_is_a_file(desk: Desk) -> None:
    """It is named, and left as it is."""
    desk.root.write_text("not a folder", encoding="utf-8")

    check(desk, ExitCode.LIMIT, "mastDownload", "apply")


def test_a_folder_where_a_product_belongs(desk: Desk) -> None:
    """That product fails, the others are fetched, and what lies in the folder stays."""
    inside = desk.root / product_path(FIRST) / "notes.txt"
    inside.parent.mkdir(parents=True)
    inside.write_text("mine", encoding="utf-8")
    called = desk.call("apply")

    assert called.code == FAILED
    assert f"jwstsync: failed: {product_path(FIRST)}: " in called.err
    assert called.out.endswith("\nDone: 3 fetched, 1 failed; 25.9 kB downloaded.\n")
    assert inside.read_text(encoding="utf-8") == "mine"


def test_a_script_where_none_can_be_written(desk: Desk) -> None:
    """The place is named."""
    called = check(
        desk,
        INVALID,
        "nowhere/get.sh: expected a place in a folder that is there",
        "apply",
        "--script",
        "nowhere/get.sh",
    )

    assert called.out == ""
