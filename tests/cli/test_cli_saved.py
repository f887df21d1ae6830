"""Saved plans: `plan --out FILE` writes one for a review, and `apply FILE` does just that, or nothing."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import TOKEN, Catalogue, Sandbox
from tests.cli.archive import (
    DOWNLOAD,
    EXCLUSIVE,
    FIRST,
    SECOND,
    SUFFIXES,
    URI,
    Held,
    no_answer_about,
    product_name,
    product_path,
)
from tests.cli.calls import BOTH, CLOSED, ONE, PATIENCE, Called, Desk, ended, fits, manifest_text
from tests.cli.test_cli_process import ONE_BY_ONE, there

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.terminals import Terminal

CAL = product_name(FIRST)
ONLY_CAL = ONE.replace('extension = "fits"', 'productFilename = "*_cal.fits"')
LATER = 'written by a later jwstsync; expected "jwstsync.saved-plan/1": upgrade jwstsync'
AGAIN = "jwstsync: expected a new plan: jwstsync plan --out plan.json\n"


def saved(desk: Desk, *arguments: str) -> Called:
    """Saves a plan, and tells what was said."""
    called = desk.call("plan", "--out", "plan.json", *arguments)
    assert (desk.folder / "plan.json").is_file()
    return called


def entries(desk: Desk) -> list[dict[str, object]]:
    """The actions of the saved plan."""
    found: list[dict[str, object]] = json.loads((desk.folder / "plan.json").read_bytes())["actions"]
    return found


def stale(desk: Desk, *arguments: str) -> str:
    """What is said of a stale plan, between its first line and its last; nothing was changed, and nothing fetched."""
    before = desk.snapshot()
    refused = desk.call("apply", "plan.json", *arguments)
    assert (refused.code, refused.out, desk.snapshot()) == (ExitCode.INVALID, "", before)
    assert refused.err.startswith("jwstsync: plan.json: stale:")
    assert refused.err.endswith(AGAIN)
    return refused.err.removesuffix(AGAIN)


def test_a_plan_is_saved_and_carried_out(desk: Desk) -> None:
    """`plan` says what it always says, and where the plan is; `apply` does it, once and no more."""
    plain, told = desk.call("plan"), saved(desk)
    applied, again = desk.call("apply", "plan.json"), desk.call("apply", "plan.json")

    assert told.out == f"{plain.out}Wrote plan.json; carry it out with: jwstsync apply plan.json\n"
    assert (told.code, told.err) == (ExitCode.OK, "")
    assert (applied.code, applied.out.splitlines()[-1][:15]) == (ExitCode.OK, "Done: 4 fetched")
    assert again == Called(ExitCode.OK, again.out, "")
    assert again.out.splitlines()[-1] == "Done: 4 kept."


def test_a_saved_plan_can_be_reviewed(desk: Desk, archive: Sandbox) -> None:
    """It fits its schema, has a line for each action, is the same whenever it is made, and tells no host and time."""
    saved(desk)
    text = (desk.folder / "plan.json").read_text(encoding="utf-8")
    saved(desk)
    lines = [line for line in text.splitlines() if line.startswith('    {"action": "fetch", "reason": "new", ')]

    assert (desk.folder / "plan.json").read_text(encoding="utf-8") == text
    assert [re.search(r'"uri": "mast:JWST/product/([^"]*)"', line)[1] for line in lines] == sorted(  # type: ignore[index]
        product_name(FIRST, suffix) for suffix in SUFFIXES
    )
    assert fits(desk.call("schema", "saved-plan").document, json.loads(text))
    assert not re.search(rf"{re.escape(archive.url)}|127\.0\.0\.1|{desk.folder}|\d{{4}}-\d\d-\d\d", text)


def test_programs_save_and_apply(desk: Desk) -> None:
    """With --json the plan's document and the run's events are as ever, and a stale plan ends the events."""
    document = saved(desk, "--json").document
    done = desk.call("apply", "plan.json", "--json").events
    desk.write(ONLY_CAL)
    refused = desk.call("apply", "plan.json", "--json")

    assert (document["schema"], document["summary"]["fetch"]["files"]) == ("jwstsync.plan/1", 4)
    assert (done[0]["type"], done[-1]["counts"]["done"], done[-1]["exit_code"]) == ("version", 4, 0)
    assert [event["type"] for event in refused.events] == ["version", "summary"]
    assert (refused.code, refused.events[-1]["exit_code"]) == (ExitCode.INVALID, 2)
    assert refused.events[-1]["error"].startswith("plan.json: stale: ")


def test_nothing_is_asked_even_in_a_terminal(clone: Desk, terminal: Terminal) -> None:
    """Who approved the plan has said yes already."""
    saved(clone)
    process = terminal.run(clone, "apply", "plan.json")
    shown = terminal.read()

    assert process.wait(PATIENCE) == ExitCode.OK
    assert "Do this?" not in shown
    assert "4 fetched" in shown


def test_a_product_is_made_anew_before_it_is_applied(desk: Desk, archive: Sandbox) -> None:
    """The plan is stale: other bytes would come than were reviewed; what has changed is said, product by product."""
    saved(desk)
    archive.remake(CAL, cal_ver="1.20.0")
    told = stale(desk)

    assert told.splitlines()[1].startswith(f"jwstsync:   {CAL}: the archive states otherwise now: md5 ")
    assert ", cal_ver 1.19.1 -> 1.20.0, crds_ctx jwst_1303.pmap -> jwst_1304.pmap" in told
    assert not desk.root.joinpath("JWST").exists()


def test_what_is_kept_is_made_anew_before_it_is_applied(synced: Desk, archive: Sandbox) -> None:
    """That nothing was to be done to a product is a part of the plan too."""
    saved(synced)
    archive.remake(CAL)

    assert stale(synced).splitlines()[1:] == [f"jwstsync:   {CAL}: not planned, now update (changed)"]


def test_a_new_product(desk: Desk, archive: Sandbox) -> None:
    """What the archive lists since would be fetched too, and nobody has seen it."""
    archive.remove(CAL)
    saved(desk)
    archive.rewind()

    assert stale(desk).splitlines()[1:] == [f"jwstsync:   {CAL}: not planned, now fetch (new)"]


def test_products_that_the_archive_has_no_more(desk: Desk, archive: Sandbox) -> None:
    """Less would be done, so that it is another plan; of many differences a few are named."""
    archive.remove(product_name(FIRST, "uncal"))
    saved(desk)
    for suffix in ("cal", "i2d"):
        archive.remove(product_name(FIRST, suffix))

    assert stale(desk).splitlines()[1:] == [
        f"jwstsync:   {product_name(FIRST, suffix)}: planned fetch, now nothing: not selected any more"
        for suffix in ("cal", "i2d")
    ]


def test_many_differences(desk: Desk) -> None:
    """Five are named, the rest are counted."""
    desk.write(manifest_text(f"id = [{FIRST}, {SECOND}]\ninclude = [{{}}]"))
    saved(desk)
    for proposal in (FIRST, SECOND):
        for suffix in SUFFIXES:
            path = desk.root / product_path(proposal, suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"a stranger")
    told = stale(desk).splitlines()

    assert told[1].endswith("_cal.fits: another file stands in its place than when this was planned")
    assert (len(told), told[-1]) == (7, "jwstsync:   and 3 more")


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: f"# a comment\n{text}",
        lambda text: text.replace("First Light", "Second Light"),
        lambda text: text.replace("[[proposal]]", "[limits]\nconnections = 1\n\n[[proposal]]"),
    ],
    ids=["comment", "name", "limits"],
)
def test_a_manifest_that_means_the_same(desk: Desk, edit: Callable[[str], str]) -> None:
    """What is for people, or how many connections there are, is no reason to refuse."""
    saved(desk)
    desk.write(edit(ONE))

    assert desk.call("apply", "plan.json").code == ExitCode.OK


def test_a_manifest_that_means_something_else(desk: Desk, archive: Sandbox) -> None:
    """A rule that was changed makes the plan stale before the archive is asked, though it selects the same."""
    saved(desk)
    desk.write(ONE.replace('extension = "fits"', 'productFilename = "*.fits"'))
    heard = len(archive.requests)
    told = stale(desk)

    assert told == (
        f"jwstsync: plan.json: stale: {desk.folder / 'jwstsync.toml'}: the manifest, or what the environment puts in "
        "place of it, means something else than when it was made\n"
    )
    assert len(archive.requests) == heard


def test_a_limit_that_was_lowered(desk: Desk) -> None:
    """It does not make the plan stale, and refuses it as it refuses any other."""
    saved(desk)
    desk.write(ONE.replace("[[proposal]]", "[limits]\nmax_download = 1\n\n[[proposal]]"))

    assert desk.call("apply", "plan.json").code == ExitCode.LIMIT


def test_lockfiles_that_are_changed(clone: Desk) -> None:
    """A comment or a version in it does not matter; other bytes that are locked do."""
    saved(clone)
    text = clone.lockfile.read_text(encoding="utf-8")
    clone.lockfile.write_text(re.sub('sha256 = "[0-9a-f]{8}', 'sha256 = "01234567', text, count=1), encoding="utf-8")
    told = stale(clone)
    clone.lockfile.write_text(f"# merged\n{text}", encoding="utf-8")
    applied = clone.call("apply", "plan.json")

    assert told.splitlines()[1:] == [f"jwstsync:   {CAL}: other bytes are locked"]
    assert (applied.code, applied.out.splitlines()[-1][:15]) == (ExitCode.OK, "Done: 4 fetched")


def test_a_product_that_is_locked_no_more(synced: Desk) -> None:
    """It is in its place, and adopting it was not planned."""
    saved(synced)
    blocks = synced.lockfile.read_text(encoding="utf-8").split("[[product]]")
    synced.lockfile.write_text("[[product]]".join([blocks[0], *blocks[2:]]), encoding="utf-8")

    assert stale(synced).splitlines()[1:] == [f"jwstsync:   {CAL}: not planned, now adopt (present)"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_run_that_was_cut_off_goes_on(desk: Desk, archive: Sandbox, number: signal.Signals) -> None:
    """The same plan goes on where the run was, and fetches nothing twice."""
    desk.write(ONE_BY_ONE)
    saved(desk)
    archive.fault = held = Held(DOWNLOAD, "_rate.fits")
    process = desk.spawn("apply", "plan.json")
    held.wait()
    process.send_signal(number)
    ended(process)
    here, heard = there(desk), len(archive.requests)
    archive.fault = None
    rest = desk.call("apply", "plan.json")
    asked = "".join(str(one) for one in archive.requests[heard:] if one.path == DOWNLOAD)

    assert here == ["cal.fits", "i2d.fits"] or number == signal.SIGKILL  # which may come before they have their names
    assert (rest.code, rest.err, there(desk)) == (ExitCode.OK, "", ["cal.fits", "i2d.fits", "rate.fits", "uncal.fits"])
    assert "_rate.fits" in asked
    assert not [name for name in here if f"_{name}" in asked]


def test_a_plan_in_stages(desk: Desk) -> None:
    """With --limit a part of it is done, and the rest another time."""
    saved(desk)
    runs = [desk.call("apply", "plan.json", "--limit", "3") for _ in range(2)]

    assert [run.out.splitlines()[-1].partition(";")[0] for run in runs] == [
        "Done: 3 fetched, 1 left for another run",
        "Done: 1 fetched, 3 kept",
    ]


def test_files_that_are_pruned(synced: Desk) -> None:
    """They are in the plan, and go without the option; a file of which another was made meanwhile makes it stale."""
    synced.write(ONLY_CAL)
    saved(synced, "--prune")
    rate = synced.root / product_path(FIRST, "rate")
    applied = synced.call("apply", "plan.json")

    assert sorted(str(one["action"]) for one in entries(synced)) == ["prune"] * 3
    assert (applied.code, applied.out.splitlines()[-1]) == (ExitCode.OK, "Done: 3 pruned, 1 kept.")
    assert not rate.exists()
    assert synced.call("apply", "plan.json").out.splitlines()[-1] == "Done: 1 kept."


def test_nothing_is_pruned_that_was_not_planned(synced: Desk) -> None:
    """A plan without --prune leaves the files that it drops; the option can not be given later."""
    synced.write(ONLY_CAL)
    saved(synced)
    refused = synced.call("apply", "plan.json", "--prune")
    applied = synced.call("apply", "plan.json")

    assert refused == Called(
        ExitCode.INVALID, "", "jwstsync: --prune and plan.json: expected what it was planned with, or neither\n"
    )
    assert applied.out.splitlines()[-1] == "Done: 3 dropped, 1 kept."
    assert (synced.root / product_path(FIRST, "rate")).is_file()


@pytest.mark.parametrize(
    ("planned", "given", "code"),
    [
        ("--frozen", "", ExitCode.OK),
        ("--frozen", "--frozen", ExitCode.OK),
        ("--frozen", "--locked", ExitCode.INVALID),
        ("--locked", "--locked", ExitCode.OK),
        ("", "--frozen", ExitCode.INVALID),
        ("--prune --max-prune 7", "--max-prune 7 --prune", ExitCode.OK),
        ("--prune --max-prune 7", "--max-prune 8 --prune", ExitCode.INVALID),
        ("--allow-empty", "--allow-empty", ExitCode.OK),
        ("", "--allow-empty", ExitCode.INVALID),
        ("", "--adopt-from .", ExitCode.INVALID),
        ("", "-y --limit 7 --limit-rate 1GB --max-duration 1h --lock-timeout 1", ExitCode.OK),
    ],
)
def test_options_of_a_saved_plan(clone: Desk, planned: str, given: str, code: ExitCode) -> None:
    """What shaped it is used again, and may be said again; what contradicts is refused; what bounds a run is free."""
    saved(clone, *planned.split())

    assert clone.call("apply", "plan.json", *given.split()).code == code


def test_a_frozen_plan_asks_nothing(clone: Desk, archive: Sandbox) -> None:
    """The mode comes from the plan, whatever the environment says."""
    saved(clone, "--frozen")
    clone.set(JWSTSYNC_LOCKED="1", JWSTSYNC_ADOPT_FROM=str(clone.folder))
    applied = clone.call("apply", "plan.json")

    assert (applied.code, applied.out.splitlines()[-1][:15]) == (ExitCode.OK, "Done: 4 fetched")
    assert {one.path for one in archive.requests} == {DOWNLOAD}


def test_a_script_of_a_saved_plan(desk: Desk, archive: Sandbox) -> None:
    """It fetches what was planned, and is refused where that is stale."""
    saved(desk)
    written = desk.call("apply", "plan.json", "--script", "get.sh")
    script = (desk.folder / "get.sh").read_text(encoding="utf-8")
    archive.remake(CAL)
    stale(desk, "--script", "other.sh")

    assert written == Called(ExitCode.OK, "Wrote get.sh: 4 products; run it with: bash get.sh\n", "")
    assert all(product_name(FIRST, suffix) in script for suffix in SUFFIXES)


def test_a_script_prunes_nothing(synced: Desk) -> None:
    """So a plan that does is not for a script."""
    saved(synced, "--prune")
    refused = synced.call("apply", "plan.json", "--script", "get.sh")

    assert (refused.code, refused.err) == (
        ExitCode.INVALID,
        "jwstsync: --script and plan.json: expected a plan without --prune, which no script does\n",
    )


def test_what_was_withheld_stays_withheld(desk: Desk) -> None:
    """A token that came since would have more fetched than was planned, and one that is gone less."""
    desk.write(CLOSED)
    saved(desk)
    desk.set(MAST_API_TOKEN=TOKEN)
    more = stale(desk)
    saved(desk)
    desk.monkeypatch.delenv("MAST_API_TOKEN")
    less = stale(desk)

    name = product_name(EXCLUSIVE, "i2d")
    assert more.splitlines()[1:] == [f"jwstsync:   {name}: planned withhold, now fetch (new)"]
    assert less.splitlines()[1:] == [f"jwstsync:   {name}: planned fetch, now withhold (exclusive_access)"]


def test_a_plan_that_is_not_whole_is_not_saved(desk: Desk, archive: Sandbox) -> None:
    """Where a query failed or the token is refused, the exit code tells as ever, and no file is written."""
    desk.write(BOTH)
    archive.fault = no_answer_about(SECOND)
    failed = desk.call("plan", "--out", "plan.json")
    archive.fault = None
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN="expired")
    refused = desk.call("plan", "--out", "plan.json")

    assert [called.code for called in (failed, refused)] == [ExitCode.ARCHIVE, ExitCode.TOKEN]
    for called in (failed, refused):
        assert called.err.endswith("jwstsync: plan.json: not written, since the plan is not whole\n")
    assert not (desk.folder / "plan.json").exists()


def test_a_plan_that_locked_refuses_is_not_saved(desk: Desk) -> None:
    """It could not be carried out."""
    refused = desk.call("plan", "--locked", "--out", "plan.json")

    assert refused.code == ExitCode.DIFFERENCES
    assert not (desk.folder / "plan.json").exists()


def test_a_saved_plan_is_not_carried_out_by_half(desk: Desk, archive: Sandbox) -> None:
    """Where a query fails or an answer is not believed, nothing is done, with the exit code for it."""
    desk.write(BOTH)
    saved(desk)
    before = desk.snapshot()
    archive.fault = no_answer_about(SECOND)
    failed = desk.call("apply", "plan.json")

    assert (failed.code, failed.out, desk.snapshot()) == (ExitCode.ARCHIVE, "", before)
    assert failed.err.endswith("jwstsync: plan.json: not carried out, since a saved plan is whole; try again later\n")


def test_a_token_that_is_refused(desk: Desk) -> None:
    """It is what is wrong, and not the plan."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=TOKEN)
    saved(desk)
    desk.set(MAST_API_TOKEN="expired")

    assert desk.call("apply", "plan.json").code == ExitCode.TOKEN


def test_a_proposal_that_suddenly_lists_nothing(synced: Desk, archive: Sandbox) -> None:
    """It is not believed, and so nobody knows whether the plan is stale."""
    saved(synced)
    for suffix in SUFFIXES:
        archive.remove(product_name(FIRST, suffix))
    archive.remove(CAL.replace(".fits", ".jpg"))

    assert synced.call("apply", "plan.json").code == ExitCode.ARCHIVE


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "not found; expected a file that `jwstsync plan --out` wrote"),
        ("version = 1\n", "not JSON; expected a file that `jwstsync plan --out` wrote"),
        ('{"schema": "jwstsync.saved-plan/9"}', f'schema = "jwstsync.saved-plan/9": {LATER}'),
    ],
)
def test_a_file_that_is_no_saved_plan(desk: Desk, archive: Sandbox, content: str | None, expected: str) -> None:
    """It is named, with what would be right, before the archive is asked."""
    if content is not None:
        desk.write(content, "plan.json")
    refused = desk.call("apply", "plan.json")

    assert refused == Called(ExitCode.INVALID, "", f"jwstsync: plan.json: {expected}\n")
    assert archive.requests == []


def test_a_folder_is_no_saved_plan(desk: Desk) -> None:
    """It can not be read, which is said."""
    refused = desk.call("apply", ".")

    assert refused == Called(ExitCode.INVALID, "", "jwstsync: .: not read: Is a directory\n")


def test_nothing_is_written_where_an_edited_plan_says(desk: Desk) -> None:
    """Its paths are compared, and never used."""
    saved(desk)
    file = desk.folder / "plan.json"
    file.write_text(file.read_text(encoding="utf-8").replace(f'"JWST/{Path(product_path(FIRST)).parent.name}/', '"../'))
    told = stale(desk)

    assert told.splitlines()[1] == f"jwstsync:   {CAL}: planned at ../{CAL}, now at {product_path(FIRST)}"


def test_a_plan_of_another_manifest(desk: Desk) -> None:
    """It is said of which it is."""
    saved(desk)
    desk.write(ONE, "mirror.toml")
    refused = desk.call("apply", "plan.json", "-f", "mirror.toml")

    expected = "a plan of jwstsync.toml; expected -f with that manifest, not mirror.toml"
    assert refused == Called(ExitCode.INVALID, "", f"jwstsync: plan.json: {expected}\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("--out jwstsync.toml", "--out jwstsync.toml: is the manifest; expected a file of its own"),
        ("--out jwstsync.lock", "--out jwstsync.lock: is the lockfile; expected a file of its own"),
        ("--out nowhere/plan.json", "nowhere/plan.json: expected a place in a folder that is there"),
        ("--out plan.json --offline", "--out and --offline: expected one of them"),
        ("--out plan.json --adopt-from .", "--out and --adopt-from: expected one of them"),
        ("--out plan.json --explain *", "--out and --explain: expected one of them"),
    ],
)
def test_plans_that_can_not_be_saved(clone: Desk, archive: Sandbox, arguments: str, error: str) -> None:
    """Over the manifest or the lockfile, or where it could not be carried out as it is: refused before anything."""
    before = clone.snapshot()

    assert clone.call("plan", *arguments.split()) == Called(ExitCode.INVALID, "", f"jwstsync: {error}\n")
    assert (archive.requests, clone.snapshot()) == ([], before)


def test_a_product_that_can_not_be_taken(bare: Desk) -> None:
    """The plan is whole without it and is saved with the exit code 3, which carrying it out has too."""
    bad = f"jwevil\ud800{CAL}"
    rows = [{"parent_obsid": FIRST, "productFilename": name, "size": 2880} for name in (CAL, bad)]
    observations = [{"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, rows)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        planned, applied = saved(bare), bare.call("apply", "plan.json")
    [error] = json.loads((bare.folder / "plan.json").read_bytes())["errors"]

    assert [called.code for called in (planned, applied)] == [ExitCode.PRODUCTS_FAILED] * 2
    assert error["uri"] == f"{URI}jwevil?{CAL}"
    assert list(bare.root.rglob(CAL))


def test_check_and_out(desk: Desk) -> None:
    """A plan with differences is saved, and the exit code tells of them."""
    assert saved(desk, "--check").code == ExitCode.DIFFERENCES
    assert desk.call("apply", "plan.json").code == ExitCode.OK
    assert saved(desk, "--check").code == ExitCode.OK


def test_the_private_stand_in(bare: Desk) -> None:
    """A plan for it is carried out with it, though it is another one each time, and not with the archive."""
    bare.write(ONE.replace(str(FIRST), "5398"))
    assert bare.call("plan", "--sandbox", "--out", "plan.json", "-q").code == ExitCode.OK
    applied = bare.call("apply", "plan.json", "--sandbox", "--limit", "1")

    assert applied.code == ExitCode.OK
    assert bare.call("apply", "plan.json").code == ExitCode.INVALID


def test_the_options_of_a_stale_plan_are_told(synced: Desk, archive: Sandbox) -> None:
    """So that the new one can be made as the old one was."""
    saved(synced, "--prune", "--max-prune", "7", "--allow-empty")
    archive.remake(CAL)

    again = synced.call("apply", "plan.json").err.splitlines()[-1]
    assert again == ("jwstsync: expected a new plan: jwstsync plan --allow-empty --prune --max-prune 7 --out plan.json")
