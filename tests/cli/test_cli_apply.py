"""`jwstsync apply`: it does what the plan says, tells what became of it, and says how it ended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import tomli

from jwstsync.errors import ExitCode
from jwstsync.sandbox import STRANGER_TOKEN, TOKEN, Catalogue, Sandbox
from jwstsync.store.runlock import run_lock
from tests.cli.archive import (
    EXCLUSIVE,
    FIRST,
    SECOND,
    SIZE,
    SUFFIXES,
    URI,
    catalogue,
    no_answer_about,
    no_download_of,
    product_name,
    product_path,
)
from tests.cli.calls import BOTH, CLOSED, ONE, Called, Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

CAL = product_name(FIRST)
RATE = product_name(FIRST, "rate")
OUTCOMES = ("done", "failed", "deferred", "withheld")


def last_line(called: Called) -> str:
    """How a run says that it ended."""
    return called.out.splitlines()[-1]


def locked_names(desk: Desk) -> list[str]:
    """The file names of the locked products."""
    products = tomli.loads(desk.lockfile.read_text(encoding="utf-8")).get("product", [])
    return [product["path"].rpartition("/")[2] for product in products]


def ends(desk: Desk, *arguments: str) -> tuple[list[tuple[str, str]], dict[str, object]]:
    """The outcome of each product of a run, by the end of its name, and the run's summary."""
    called = desk.call("apply", "--json", *arguments)
    head, *_, summary = called.events
    products = called.told("product")
    assert (head["type"], head["schema"], summary["type"]) == ("version", "jwstsync.events/1", "summary")
    assert summary["exit_code"] == called.code
    told = sorted((one["outcome"], one["uri"].rpartition("_")[2]) for one in products)
    counts = {outcome: sum(one == outcome for one, _ in told) for outcome in OUTCOMES}
    assert summary["counts"] == counts
    return told, summary


def test_it_fetches_what_is_missing(desk: Desk, archive: Sandbox) -> None:
    """Files and lockfile are there afterwards; the answer is the plan, and a line that says what was done."""
    planned, applied = desk.call("plan"), desk.call("apply")

    assert applied == Called(ExitCode.OK, planned.out + "Done: 4 fetched; 34.6 kB downloaded.\n", "")
    assert all(desk.read(product_path(FIRST, one)) == archive.content(product_name(FIRST, one)) for one in SUFFIXES)
    assert locked_names(desk) == [product_name(FIRST, one) for one in sorted(SUFFIXES)]


def test_it_converges(desk: Desk, archive: Sandbox) -> None:
    """Called again it downloads nothing and leaves every byte as it is."""
    desk.call("apply")
    before, heard = desk.snapshot(), len(archive.requests)
    again = desk.call("apply")

    assert (again.code, last_line(again)) == (ExitCode.OK, "Done: 4 kept.")
    assert desk.snapshot() == before
    assert not any(request.uri for request in archive.requests[heard:])


def test_each_kind_of_work_is_told(desk: Desk, archive: Sandbox) -> None:
    """What was fetched, updated, repaired, adopted, dropped and kept stands in the last line, in this order."""
    desk.write(ONE.replace("extension", 'productFilename = "!*_i2d.fits", extension'))
    desk.call("apply")
    os.truncate(desk.root / product_path(FIRST, "uncal"), 10)
    archive.remake(CAL)
    place = desk.root / product_path(SECOND)
    place.parent.mkdir()
    place.write_bytes(archive.content(product_name(SECOND)))
    desk.write(ONE.replace("1111", "[1111, 2222]").replace("extension", 'productFilename = "!*_rate.fits", extension'))
    applied = desk.call("apply")

    assert last_line(applied) == ("Done: 3 fetched, 1 updated, 1 repaired, 1 adopted, 1 dropped; 43.2 kB downloaded.")
    assert desk.call("plan", "--check").code == ExitCode.OK


def test_nothing_is_selected(desk: Desk) -> None:
    """A run with nothing at all to do says so."""
    desk.write(ONE.replace("fits", "png"))

    assert last_line(desk.call("apply")) == "Done: nothing to do."


@pytest.mark.parametrize("limit", [0, 1, 3, 4, 9])
def test_a_limit(desk: Desk, limit: int) -> None:
    """At most so many are fetched, what remains is told, and it is a success."""
    applied = desk.call("apply", "--limit", str(limit))
    fetched = min(limit, 4)

    assert applied.code == ExitCode.OK
    assert (f"{4 - fetched} left for another run" in last_line(applied)) == (fetched < 4)
    assert (f"{fetched} fetched" in last_line(applied)) == (fetched > 0)
    assert (len(locked_names(desk)) if desk.lockfile.exists() else 0) == fetched


def test_runs_of_limited_size_end_like_one(desk: Desk) -> None:
    """Fetched by twos or all at once, files and lockfile are the same bytes."""
    desk.call("apply", "--limit", "2")
    desk.call("apply", "--limit", "2")
    by_twos = desk.snapshot()
    for path in (desk.lockfile, *desk.root.rglob("*.fits")):
        path.unlink()
    desk.call("apply")

    assert desk.snapshot() == by_twos


def test_frozen_fetches_what_is_locked_without_asking(desk: Desk, archive: Sandbox) -> None:
    """A fresh clone gets its files by downloads alone, and the lockfile stays as it is."""
    desk.call("apply")
    before, heard = desk.snapshot(), len(archive.requests)
    (desk.root / product_path(FIRST)).unlink()
    applied = desk.call("apply", "--frozen")

    assert last_line(applied) == "Done: 1 fetched, 3 kept; 8.6 kB downloaded."
    assert desk.snapshot() == before
    assert [(one.path, one.uri) for one in archive.requests[heard:]] == [("/api/v0.1/Download/file", URI + CAL)]


def test_frozen_never_takes_other_bytes(desk: Desk, archive: Sandbox) -> None:
    """What was made anew since it was locked fails with exit code 6, and says so."""
    desk.call("apply")
    archive.remake(CAL)
    (desk.root / product_path(FIRST)).unlink()
    before = desk.snapshot()
    applied = desk.call("apply", "--frozen")

    assert applied.code == ExitCode.BYTES_DIFFER
    assert applied.err == (
        f"jwstsync: failed: {product_path(FIRST)}: bytes differ from those that are locked: "
        "the archive has made the product anew since it was locked\n"
    )
    assert last_line(applied) == "Done: 3 kept, 1 failed."
    assert desk.snapshot() == before


def test_locked_refuses_a_change(desk: Desk, archive: Sandbox) -> None:
    """Where the lockfile would change nothing is done; where it would not, what is missing is fetched."""
    desk.call("apply")
    (desk.root / product_path(FIRST, "rate")).unlink()
    assert last_line(desk.call("apply", "--locked")) == "Done: 1 fetched, 3 kept; 8.6 kB downloaded."
    archive.remake(CAL)
    (desk.root / product_path(FIRST, "rate")).unlink()
    before = desk.snapshot()
    refused = desk.call("apply", "--locked")

    assert refused.code == ExitCode.DIFFERENCES
    assert refused.err == (
        f"jwstsync: --locked: the lockfile would change: update {CAL}; expected it to be up to date\n"
    )
    assert desk.snapshot() == before


@pytest.mark.parametrize("arguments", [("--frozen",), ("--locked",), ("plan.json",)])
def test_what_failed_is_tried_again_as_it_was(clone: Desk, archive: Sandbox, arguments: tuple[str, ...]) -> None:
    """The call that is named may change no more than the one that failed."""
    clone.call("plan", "--out", "plan.json")
    archive.fault = no_download_of(CAL)
    applied = clone.call("apply", *arguments)

    assert applied.code == ExitCode.PRODUCTS_FAILED
    assert applied.err.splitlines()[-1] == f"what failed is tried again by: jwstsync apply {arguments[0]}"


def test_one_failure_stops_nothing(desk: Desk, archive: Sandbox) -> None:
    """The others are fetched; the failed product is named with the reason, and the next run gets it."""
    archive.fault = no_download_of(CAL)
    applied = desk.call("apply")

    assert applied.code == ExitCode.PRODUCTS_FAILED
    assert applied.err.splitlines() == [
        f"jwstsync: failed: {product_path(FIRST)}: the archive answered 404 Not Found (not today)",
        "what failed is tried again by: jwstsync apply",
    ]
    assert last_line(applied) == "Done: 3 fetched, 1 failed; 25.9 kB downloaded."
    assert CAL not in locked_names(desk)
    archive.fault = None
    assert last_line(desk.call("apply")) == "Done: 1 fetched, 3 kept; 8.6 kB downloaded."


def test_an_empty_proposal_is_believed_on_request(desk: Desk, archive: Sandbox) -> None:
    """Products that are all gone at once leave the lockfile only with --allow-empty; the files stay."""
    desk.call("apply")
    for suffix in SUFFIXES:
        archive.remove(product_name(FIRST, suffix))
    archive.remove(CAL.replace(".fits", ".jpg"))
    before = desk.snapshot()
    doubted = desk.call("apply")
    unchanged = desk.snapshot() == before
    believed = desk.call("apply", "--allow-empty")

    assert (doubted.code, last_line(doubted), unchanged) == (ExitCode.ARCHIVE, "Done: 4 kept.", True)
    assert (believed.code, last_line(believed), locked_names(desk)) == (ExitCode.OK, "Done: 4 dropped.", [])
    assert desk.snapshot().keys() == before.keys()


def test_without_a_token_what_is_exclusive_is_withheld(desk: Desk) -> None:
    """It is said and counted, and the run is a success."""
    desk.write(CLOSED)
    applied = desk.call("apply")

    assert (applied.code, applied.err) == (ExitCode.OK, "")
    assert last_line(applied) == "Done: 1 fetched, 1 withheld; 8.6 kB downloaded."


def test_a_token_gives_what_it_gives_a_right_to(desk: Desk, archive: Sandbox) -> None:
    """With a right to it everything comes; without, it is withheld once the archive has refused it."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=STRANGER_TOKEN)
    refused = desk.call("apply")
    desk.set(MAST_API_TOKEN=TOKEN)
    granted = desk.call("apply")

    assert last_line(refused) == "Done: 1 fetched, 1 withheld; 8.6 kB downloaded."
    assert refused.err.startswith(f"withheld: 1 product of proposal {EXCLUSIVE}: the archive answered 401 ")
    assert last_line(granted) == "Done: 1 fetched, 1 kept; 8.6 kB downloaded."
    closed = product_name(EXCLUSIVE, "i2d")
    assert desk.read(product_path(EXCLUSIVE, "i2d")) == archive.content(closed)


def test_the_private_stand_in_never_sees_the_users_token(desk: Desk) -> None:
    """With --sandbox a real token stays at home: what is exclusive there is withheld, but for the stand-in's own."""
    desk.write('version = 1\n[[proposal]]\nid = 5398\ninclude = [{ productFilename = "jw05398024*_cal.fits" }]\n')
    desk.set(MAST_API_TOKEN="real-token")
    withheld = desk.call("apply", "--sandbox", "--json").told("product")
    desk.set(MAST_API_TOKEN=TOKEN)
    fetched = desk.call("apply", "--sandbox", "--json").told("product")

    assert {one["outcome"] for one in withheld} == {"withheld"}
    assert {one["outcome"] for one in fetched} == {"done"}


def test_the_events_of_a_run(desk: Desk) -> None:
    """First who speaks, each product with all keys, at last the summary with its counts and bytes."""
    desk.write(BOTH)
    called = desk.call("apply", "--json")
    head, *_, summary = called.events
    first, second = called.told("product")

    assert head.keys() == {"type", "schema", "jwstsync"}
    assert {first["uri"], second["uri"]} == {URI + product_name(FIRST), URI + product_name(SECOND)}
    told = first if first["proposal"] == FIRST else second
    assert told == {
        "type": "product",
        "action": "fetch",
        "reason": "new",
        "outcome": "done",
        "uri": URI + CAL,
        "path": product_path(FIRST),
        "proposal": FIRST,
        "size": SIZE,
        "source": None,
        "error": None,
    }
    assert summary == {
        "type": "summary",
        "exit_code": 0,
        "counts": {"done": 2, "failed": 0, "deferred": 0, "withheld": 0},
        "bytes": 2 * SIZE,
        "unconfirmed": 0,
        "error": None,
    }


def test_events_of_every_outcome(desk: Desk, archive: Sandbox) -> None:
    """Done, failed, put off by the limit, withheld: each product has its line, and what is kept has none."""
    desk.write(ONE.replace("1111", "[1111, 3333]").replace("extension", 'calib_level = ["2", 3], extension'))
    archive.fault = no_download_of(CAL)
    told, summary = ends(desk, "--limit", "2")
    archive.fault = None
    again, _ = ends(desk)

    assert told == [
        ("deferred", "rate.fits"),
        ("done", "i2d.fits"),
        ("failed", "cal.fits"),
        *(("withheld", f"{one}.fits") for one in ("cal", "i2d", "rate")),
    ]
    assert (summary["exit_code"], summary["bytes"], summary["error"]) == (ExitCode.PRODUCTS_FAILED, SIZE, None)
    assert [one for one in again if one[0] != "withheld"] == [("done", "cal.fits"), ("done", "rate.fits")]


def test_events_of_adopted_and_dropped_products(desk: Desk, archive: Sandbox) -> None:
    """They are done too, and count no bytes."""
    desk.call("apply", "--limit", "1")
    place = desk.root / product_path(FIRST, "rate")
    place.write_bytes(archive.content(RATE))
    desk.write(ONE.replace("extension", 'productFilename = "*_rate.fits", extension'))
    called = desk.call("apply", "--json")
    first, second = called.told("product")
    [summary] = called.told("summary")

    assert [(one["action"], one["outcome"]) for one in (first, second)] == [("drop", "done"), ("adopt", "done")]
    assert (summary["counts"]["done"], summary["bytes"]) == (2, 0)


def test_a_refused_product_is_an_event(bare: Desk) -> None:
    """A name that must not become a path fails that product alone, without a place."""
    rows = [{"parent_obsid": FIRST, "productFilename": name, "size": 2880} for name in (CAL, "..\\evil.fits")]
    observations = [{"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, rows)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        told, summary = ends(bare)
        [refused] = bare.call("apply", "--json").told("product")
        line = last_line(bare.call("apply"))

    assert [one for one, _ in told] == ["done", "failed"]
    assert summary["exit_code"] == ExitCode.PRODUCTS_FAILED
    assert (refused["action"], refused["path"], refused["uri"]) == (None, None, URI + "..\\evil.fits")
    assert line == "Done: 1 kept, 1 refused."


def test_a_proposal_that_fails_and_others_that_do_not(desk: Desk, archive: Sandbox) -> None:
    """The others are fetched, and the run ends with the archive's code."""
    desk.write(BOTH)
    archive.fault = no_answer_about(SECOND)
    told, summary = ends(desk)

    assert told == [("done", "cal.fits")]
    assert (summary["exit_code"], summary["error"]) == (ExitCode.ARCHIVE, None)


def down(desk: Desk) -> None:
    """The archive is not there."""
    desk.set(JWSTSYNC_ARCHIVE_URL="http://127.0.0.1:9")


def limited(desk: Desk) -> None:
    """The manifest allows less than there is."""
    desk.write(ONE.replace("[[proposal]]", "[limits]\nmax_download = 1\n\n[[proposal]]"))


def misspelled(desk: Desk) -> None:
    """The manifest is not valid."""
    desk.write(ONE.replace("include", "includes"))


def torn(desk: Desk) -> None:
    """The lockfile is not valid."""
    desk.lockfile.write_text("version = ", encoding="utf-8")


def buggy(desk: Desk) -> None:
    """Something is wrong in the program."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    desk.monkeypatch.setattr("jwstsync.sync.planning.decide", broken)


def interrupted(desk: Desk) -> None:
    """Ctrl-C comes before there is a plan."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    desk.monkeypatch.setattr("jwstsync.sync.planning.decide", stop)


@pytest.mark.parametrize(
    ("cause", "code", "words"),
    [
        (down, ExitCode.ARCHIVE, "--frozen"),
        (limited, ExitCode.LIMIT, "limits.max_download"),
        (misspelled, ExitCode.INVALID, "proposal[0].includes"),
        (torn, ExitCode.INVALID, "jwstsync.lock"),
        (buggy, ExitCode.BUG, "ZeroDivisionError('by zero')"),
        (interrupted, ExitCode.INTERRUPTED, "interrupted"),
    ],
    ids=lambda one: one.__name__ if callable(one) else None,
)
def test_a_run_that_fails_early(desk: Desk, cause: Callable[[Desk], None], code: ExitCode, words: str) -> None:
    """Programs are still told who speaks and how it ended, and nothing was changed."""
    cause(desk)
    before = desk.snapshot()
    told, summary = ends(desk)

    assert (told, summary["exit_code"], summary["bytes"]) == ([], code, 0)
    assert words in str(summary["error"])
    assert desk.snapshot() == before


def test_a_run_that_breaks_off_in_the_middle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary counts what had been told by then."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("jwstsync.sync.recording.fold", broken)
    told, summary = ends(desk, "--limit", "2")

    assert [one for one, _ in told] == ["deferred"] * 2 + ["done"] * 2
    assert (summary["exit_code"], summary["bytes"]) == (ExitCode.BUG, 2 * SIZE)


def test_quiet_runs(desk: Desk, archive: Sandbox) -> None:
    """With -q only what went wrong is said, on stderr; a document that was asked for is still printed."""
    archive.fault = no_download_of(CAL)
    failed = desk.call("apply", "-q")
    archive.fault = None

    assert (failed.out, len(failed.err.splitlines())) == ("", 1)
    assert desk.call("apply", "-q") == Called(ExitCode.OK, "", "")
    assert desk.call("plan", "-q", "--json").document["summary"]["keep"]["files"] == 4


def test_waiting_for_another_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--lock-timeout` is how long it waits, by default not at all."""
    waits: list[float] = []

    def noted(folder: Path, timeout: float) -> AbstractContextManager[None]:
        waits.append(timeout)
        return run_lock(folder, timeout)

    monkeypatch.setattr("jwstsync.sync.run.run_lock", noted)
    for arguments in ((), ("--lock-timeout", "2.5")):
        desk.call("apply", *arguments)

    assert waits == [0, 2.5]


def test_a_script_of_the_difference(desk: Desk) -> None:
    """It is written, can be run, holds what is missing and nothing else; files and lockfile stay as they are."""
    desk.call("apply", "--limit", "3")
    before = desk.snapshot()
    written = desk.call("apply", "--script", "get.sh")
    script = desk.folder / "get.sh"

    assert written == Called(ExitCode.OK, "Wrote get.sh: 1 product; run it with: bash get.sh\n", "")
    assert os.access(script, os.X_OK)
    assert [name for name in map(product_name, [FIRST] * 4, SUFFIXES) if name in script.read_text()] == [
        product_name(FIRST, "uncal")
    ]
    script.unlink()
    assert desk.snapshot() == before


def test_an_input_file_of_aria2(desk: Desk) -> None:
    """It holds what is missing, is no program, and what it had better not fetch is left out by name."""
    desk.call("apply", "--limit", "3")
    whole = next(desk.root.rglob("*.fits"))
    whole.write_bytes(b"edited")
    written = desk.call("apply", "--script", "a file.txt", "--script-format", "aria2")
    listed = desk.folder / "a file.txt"

    assert (written.code, written.out) == (
        ExitCode.OK,
        "Wrote a file.txt: 1 product; run it with: aria2c -j 4 -i 'a file.txt'\n",
    )
    assert f"left out: repair {whole.name}: aria2 would write over what stands in its place" in written.err
    assert not os.access(listed, os.X_OK)
    assert product_name(FIRST, "uncal") in listed.read_text(encoding="utf-8")
    assert whole.name not in listed.read_text(encoding="utf-8")


def test_a_script_on_stdout(desk: Desk) -> None:
    """With '-' the script is all there is on stdout, and no file is written."""
    before = desk.snapshot()
    desk.call("apply", "--script", "get.sh")
    text = (desk.folder / "get.sh").read_text(encoding="utf-8")
    (desk.folder / "get.sh").unlink()

    assert desk.call("apply", "--script", "-") == Called(ExitCode.OK, text, "")
    assert desk.snapshot() == before


def test_a_script_of_a_frozen_set(desk: Desk, archive: Sandbox) -> None:
    """With --frozen the script is of what is locked, and nothing is asked; with --locked it may be refused."""
    desk.call("apply")
    (desk.root / product_path(FIRST)).unlink()
    heard = len(archive.requests)
    frozen = desk.call("apply", "--script", "-", "--frozen")
    silent = len(archive.requests) == heard
    archive.remake(CAL)

    assert (CAL in frozen.out, RATE in frozen.out, silent) == (True, False, True)
    assert desk.call("apply", "--script", "get.sh", "--locked").code == ExitCode.DIFFERENCES
    assert not (desk.folder / "get.sh").exists()


def test_a_script_that_is_not_all_that_was_asked_for(desk: Desk, archive: Sandbox) -> None:
    """It is written, and the exit code tells that a proposal could not be asked about."""
    desk.write(BOTH)
    archive.fault = no_answer_about(SECOND)
    written = desk.call("apply", "--script", "get.sh")

    assert (written.code, written.out) == (
        ExitCode.ARCHIVE,
        "Wrote get.sh: 1 product; run it with: bash get.sh\n",
    )
    assert "what is locked of it stays" in written.err


def test_a_script_tells_programs(desk: Desk) -> None:
    """Who speaks, and how it ended: nothing was fetched, whatever is in the script; also where there is none."""
    told, summary = ends(desk, "--script", "get.sh")
    assert (told, summary["exit_code"], summary["bytes"], summary["error"]) == ([], 0, 0, None)
    assert product_name(FIRST) in (desk.folder / "get.sh").read_text(encoding="utf-8")

    told, summary = ends(desk, "--script", "nowhere/get.sh")
    assert (told, summary["exit_code"]) == ([], ExitCode.INVALID)
    assert "nowhere/get.sh" in str(summary["error"])


def test_a_script_tells_programs_what_is_refused(bare: Desk) -> None:
    """What is not in it because of its name is told as a failure, as in a run."""
    rows = [{"parent_obsid": FIRST, "productFilename": name, "size": 2880} for name in (CAL, "..\\evil.fits")]
    observations = [{"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, rows)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        told, summary = ends(bare, "--script", "get.sh")

    assert ([one for one, _ in told], summary["exit_code"]) == (["failed"], ExitCode.PRODUCTS_FAILED)
    assert CAL in (bare.folder / "get.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--script", "-", "--json"), "--json and --script -: expected a file for the script"),
        (("--script-format", "aria2"), "--script-format: expected together with --script FILE"),
        (("--script", "get.sh", "--limit", "3"), "--script and --limit: expected one of them"),
        (("--script", "get.sh", "--sandbox"), "--script and --sandbox: expected a stand-in that stays"),
    ],
)
def test_scripts_that_make_no_sense(desk: Desk, arguments: Sequence[str], words: str) -> None:
    """They are refused, and no file is written."""
    refused = desk.call("apply", *arguments)

    assert refused.code == ExitCode.INVALID
    assert refused.err.startswith(f"jwstsync: {words}")
    assert not (desk.folder / "get.sh").exists()


def test_another_root(bare: Desk, tmp_path: Path) -> None:
    """Root and layout are the manifest's, and the manifest may lie elsewhere."""
    place = bare.write(
        ONE.replace(
            "[[proposal]]", '[destination]\nroot = "../mirror"\nlayout = "{proposal_id}/{filename}"\n[[proposal]]'
        ),
        "sets/first.toml",
    )
    with Sandbox(catalogue=catalogue()) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        assert bare.call("apply", "-f", str(place)).code == ExitCode.OK

    assert (bare.folder / "mirror" / "1111" / CAL).stat().st_size == SIZE
    assert (bare.folder / "sets" / "first.lock").exists()
    assert not list(tmp_path.glob("*.lock"))
