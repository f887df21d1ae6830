"""`jwstsync plan`: what it says of every kind of difference, as text for people and as JSON for programs."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from hashlib import md5
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Catalogue, Sandbox
from tests.cli.archive import (
    EXCLUSIVE,
    FIRST,
    RELEASE,
    SECOND,
    SIZE,
    SUFFIXES,
    URI,
    catalogue,
    no_answer_about,
    product_name,
    product_path,
)
from tests.cli.calls import BOTH, CLOSED, ONE, Called, Desk, fits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CAL = product_name(FIRST)
RING = """version = 1

[[proposal]]
id = 2733
name = "Southern Ring"
observations = { obs_id = "jw02733-o002_t001_miri_f1130w" }
include = [{ productType = "SCIENCE", calib_level = 2, extension = "fits" }]
"""


def test_the_plan_of_the_southern_ring(bare: Desk) -> None:
    """A proposal whose products are many is one line: how many, how much, which proposal, what they are."""
    bare.write(RING)
    with Sandbox() as ring:
        bare.set(JWSTSYNC_ARCHIVE_URL=ring.url)
        planned = bare.call("plan")

    assert planned.out.splitlines() == [
        "jwstsync plan: 1 proposal, 80 products selected of 3,470",
        "  +  80  fetch     38.1 MB   2733 Southern Ring: 16 cal, 16 crf, 16 i2d, 16 rate, 16 rateints",
        "Plan: 80 to fetch, 38.1 MB; 85.4 GB free.",
    ]
    assert (planned.code, planned.err) == (ExitCode.OK, "")


def test_few_files_are_listed(desk: Desk) -> None:
    """Where there are few changes, each file stands below its group, with its size and the reason."""
    assert desk.call("plan").out.splitlines() == [
        "jwstsync plan: 1 proposal, 4 products selected of 5",
        "  +   4  fetch     34.6 kB   1111 First Light: 1 cal, 1 i2d, 1 rate, 1 uncal",
        "          jw01111001001_02101_00001_nrca1_cal.fits  8.6 kB  (new)",
        "          jw01111001001_02101_00001_nrca1_i2d.fits  8.6 kB  (new)",
        "          jw01111001001_02101_00001_nrca1_rate.fits  8.6 kB  (new)",
        "          jw01111001001_02101_00001_nrca1_uncal.fits  8.6 kB  (new)",
        "Plan: 4 to fetch, 34.6 kB; 85.4 GB free.",
    ]


@pytest.mark.parametrize(("more", "arguments", "listed"), [(6, (), 10), (7, (), 0), (7, ("-v",), 11)])
def test_more_than_ten_files_are_listed_on_request(
    bare: Desk, more: int, arguments: tuple[str, ...], listed: int
) -> None:
    """Ten files are listed as they are, eleven only with -v."""
    with Sandbox(catalogue=catalogue(more=more)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        lines = bare.call("plan", *arguments).out.splitlines()

    assert sum(line.endswith("(new)") for line in lines) == listed


def test_what_is_kept_is_counted_and_listed_on_request(synced: Desk) -> None:
    """A group of kept files is one short line; -v lists them."""
    assert synced.call("plan").out.splitlines()[1:] == ["  =   4  keep", "Plan: nothing to do; 85.4 GB free."]
    assert synced.call("plan", "-v").out.splitlines()[1:3] == ["  =   4  keep", f"          {CAL}  8.6 kB"]


def test_kept_files_are_in_the_document_on_request(synced: Desk) -> None:
    """The summary counts them always, the actions have them with -v."""
    short, long = synced.call("plan", "--json").document, synced.call("plan", "--json", "-v").document

    assert short["summary"]["keep"] == long["summary"]["keep"] == {"files": 4, "bytes": 4 * SIZE}
    assert short["actions"] == []
    assert [(one["action"], one["reason"]) for one in long["actions"]] == [("keep", None)] * 4


def groups(called: Called) -> list[str]:
    """The lines of groups and files."""
    return [line for line in called.out.splitlines() if line.startswith("  ")]


def test_a_product_that_was_made_anew(synced: Desk, archive: Sandbox) -> None:
    """It is an update, and it is said what has changed: version and context, and whether the size has."""
    archive.remake(CAL, cal_ver="1.20.0")

    assert groups(synced.call("plan"))[:2] == [
        "  ~   1  update     8.6 kB   1111 First Light: 1 cal",
        f"          {CAL}  8.6 kB  (changed: cal_ver 1.19.1 -> 1.20.0, jwst_1303 -> jwst_1304, same size)",
    ]
    [action] = synced.call("plan", "--json").document["actions"]
    changes = action["detail"]["changes"]
    assert [(one["fact"], one["locked"], one["archive"]) for one in changes[:2]] == [
        ("cal_ver", "1.19.1", "1.20.0"),
        ("crds_ctx", "jwst_1303.pmap", "jwst_1304.pmap"),
    ]
    assert [one["fact"] for one in changes[2:]] == ["md5"]
    assert action["compared_by"] == "checksum"


def test_a_product_whose_bytes_alone_have_changed(synced: Desk, archive: Sandbox) -> None:
    """Where size, version and context stay, the archive's checksum tells, and it is said that nothing else has."""
    archive.remake(CAL, cal_ver="1.19.1", crds_ctx="jwst_1303.pmap")

    assert groups(synced.call("plan"))[1] == f"          {CAL}  8.6 kB  (changed: other checksum, same size)"


def test_updates_are_counted_by_transition(synced: Desk, archive: Sandbox) -> None:
    """One line for a proposal tells how many went from which version to which, the most first."""
    for suffix in ("cal", "rate"):
        archive.remake(product_name(FIRST, suffix), cal_ver="1.20.0")
    archive.remake(product_name(FIRST, "i2d"), cal_ver="1.19.1", crds_ctx="jwst_1303.pmap")
    archive.remake(product_name(FIRST, "uncal"), cal_ver="1.19.1", crds_ctx="jwst_1400.pmap", same_size=False)

    assert groups(synced.call("plan"))[:2] == [
        "  ~   4  update    37.4 kB   1111 First Light: 1 cal, 1 i2d, 1 rate, 1 uncal",
        "          2 cal_ver 1.19.1 -> 1.20.0, jwst_1303 -> jwst_1304; 1 other checksum; 1 jwst_1303 -> jwst_1400",
    ]


def test_a_rule_that_takes_nothing_is_said(desk: Desk) -> None:
    """Once, however many proposals it is used for; in JSON it is a list of its own."""
    rule = '{ productFilename = "*_ratints.fits" }'
    desk.write(BOTH + f"exclude = [{rule}, {rule}]\n")
    planned = desk.call("plan")

    assert planned.err == (
        'note: rule { productFilename = "*_ratints.fits" } takes no listed product; '
        "`jwstsync search ID --products` shows what there is\n"
    )
    assert desk.call("plan", "-q").err == ""
    assert desk.call("plan", "--json").document["idle_rules"] == [rule]


def test_stale_products_are_counted(bare: Desk) -> None:
    """What the archive is going to make anew is a note, and nothing to do."""
    observation = {"obsid": 1, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}
    product = {"productFilename": CAL, "parent_obsid": 1}
    keywords = {"filename": CAL, "instrume": "NIRCAM", "program": "1111", "isStale": True, "fileSize": SIZE}
    with Sandbox(catalogue=Catalogue.from_rows([observation], [product], [keywords])) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        bare.call("apply")
        planned = bare.call("plan")
        document = bare.call("plan", "--json").document

    assert planned.err == "note: 1 product marked stale, which the archive is going to make anew\n"
    assert planned.out.endswith("\nPlan: nothing to do; 85.4 GB free.\n")
    assert document["stale"] == 1


def test_a_product_that_was_made_anew_in_another_size(synced: Desk, archive: Sandbox) -> None:
    """Where the size has changed too, both sizes are said."""
    archive.remake(CAL, cal_ver="1.19.1", same_size=False)

    assert groups(synced.call("plan"))[1] == (
        f"          {CAL}  11.5 kB  (changed: jwst_1303 -> jwst_1304, 8.6 kB -> 11.5 kB)"
    )


@pytest.mark.parametrize(
    ("spoil", "group", "reason"),
    [
        (lambda path: path.unlink(), "  +   1  fetch ", "missing"),
        (lambda path: os.truncate(path, 100), "  !   1  repair ", "truncated"),
        (lambda path: path.write_bytes(b"x" * SIZE), "  !   1  repair ", "modified"),
    ],
    ids=["missing", "truncated", "modified"],
)
def test_a_file_that_is_not_as_locked(synced: Desk, spoil: Callable[[Path], object], group: str, reason: str) -> None:
    """What is missing is fetched, what is wrong is repaired, and the reason is said."""
    spoil(synced.root / product_path(FIRST))
    head, file = groups(synced.call("plan"))[:2]

    assert head.startswith(group)
    assert head.endswith("1111 First Light: 1 cal")
    assert file == f"          {CAL}  8.6 kB  ({reason})"


def test_a_file_that_is_in_place_is_adopted(desk: Desk, archive: Sandbox) -> None:
    """What somebody else fetched into place is not downloaded."""
    place = desk.root / product_path(FIRST)
    place.parent.mkdir(parents=True)
    place.write_bytes(archive.content(CAL))
    planned = desk.call("plan")

    assert groups(planned)[4:] == [
        "  <   1  adopt      8.6 kB   1111 First Light: 1 cal",
        f"          {CAL}  8.6 kB  (present)",
    ]
    assert planned.out.endswith("\nPlan: 3 to fetch, 25.9 kB, 1 to adopt; 85.4 GB free.\n")


def test_what_is_not_public_is_withheld(desk: Desk) -> None:
    """Without a token it is told apart, with the day when it will be public, and it is no failure."""
    desk.write(CLOSED)
    desk.monkeypatch.setattr("jwstsync.sync.clock.mjd_now", lambda: RELEASE - 52.5)
    planned = desk.call("plan", "--check")
    closed = product_name(EXCLUSIVE, "i2d")

    assert groups(planned)[2:] == [
        "  ?   1  withhold   8.6 kB   3333: 1 i2d",
        f"          {closed}  8.6 kB  (exclusive access until 2127-02-04)",
        "  1 withheld: 1 public on 2127-02-04 (in 53 days)",
    ]
    assert planned.out.endswith("\nPlan: 1 to fetch, 8.6 kB, 1 withheld; 85.4 GB free.\n")
    assert planned.code == ExitCode.DIFFERENCES


def test_a_release_that_has_passed(desk: Desk) -> None:
    """What is still listed as exclusive is withheld, and said to be on its way; programs have the date."""
    desk.write(CLOSED)
    desk.monkeypatch.setattr("jwstsync.sync.clock.mjd_now", lambda: RELEASE + 1)
    planned, told = desk.call("plan"), desk.call("plan", "--json").document

    assert "its release date 2127-02-04 has passed: files take a while to move" in planned.out
    assert "\n  1 withheld: 1 whose release date has passed (files take a while to move to the" in planned.out
    assert [one["detail"]["released"] for one in told["actions"] if one["action"] == "withhold"] == ["2127-02-04"]


def test_what_is_only_withheld_is_no_difference(desk: Desk) -> None:
    """`--check` counts what apply would do."""
    desk.write(CLOSED)
    desk.call("apply")
    planned = desk.call("plan", "--check")

    assert planned.out.endswith("\nPlan: 1 withheld; 85.4 GB free.\n")
    assert planned.code == ExitCode.OK


def test_what_no_rule_selects_any_more_is_dropped(synced: Desk) -> None:
    """It leaves the lockfile, and is told apart from what the archive lists no longer."""
    synced.write(ONE.replace('extension = "fits"', 'extension = "fits", calib_level = 2'))

    assert groups(synced.call("plan"))[:3] == [
        "  .   2  drop      17.3 kB   1111 First Light: 1 i2d, 1 uncal",
        f"          {product_name(FIRST, 'i2d')}  8.6 kB  (unselected)",
        f"          {product_name(FIRST, 'uncal')}  8.6 kB  (unselected)",
    ]


def test_what_the_archive_lists_no_longer_is_dropped(synced: Desk, archive: Sandbox) -> None:
    """Its reason is that it is gone."""
    archive.remove(CAL)

    assert groups(synced.call("plan"))[1] == f"          {CAL}  8.6 kB  (gone)"


def test_groups_are_by_proposal(desk: Desk) -> None:
    """Each proposal has its own line, by its number; one without a name goes without."""
    desk.write(BOTH)

    assert [line for line in groups(desk.call("plan")) if line.startswith("  +")] == [
        "  +   1  fetch      8.6 kB   1111: 1 cal",
        "  +   1  fetch      8.6 kB   2222: 1 cal",
    ]


def test_a_proposal_that_can_not_be_asked_about(desk: Desk, archive: Sandbox) -> None:
    """What is locked of it stays, the others go on, and the exit code tells."""
    desk.write(BOTH)
    desk.call("apply")
    archive.fault = no_answer_about(SECOND)
    planned = desk.call("plan")

    assert planned.code == ExitCode.ARCHIVE
    assert groups(planned) == ["  =   2  keep"]
    assert planned.err.startswith(f"jwstsync: {archive.url}: observations of proposal 2222: ")
    stays = "what is locked of it stays, and can be had without asking: --frozen"
    assert planned.err.endswith(f"database session was killed (tried 6 times); {stays}\n")


def test_a_proposal_that_suddenly_lists_nothing(synced: Desk, archive: Sandbox) -> None:
    """It is not believed, unless somebody says so; then all of it is dropped."""
    for suffix in SUFFIXES:
        archive.remove(product_name(FIRST, suffix))
    archive.remove(CAL.replace(".fits", ".jpg"))
    doubted, believed = synced.call("plan"), synced.call("plan", "--allow-empty")

    assert (doubted.code, groups(doubted)) == (ExitCode.ARCHIVE, ["  =   4  keep"])
    assert doubted.err == (
        "jwstsync: proposal 1111: had products, and now lists none; what is locked stays (--allow-empty believes it)\n"
    )
    assert [synced.call(command, "--locked").err for command in ("plan", "apply")] == [doubted.err] * 2
    assert (believed.code, groups(believed)[0][:12]) == (ExitCode.OK, "  .   4  dro")
    assert believed.err == (
        "jwstsync: proposal 1111: the archive lists nothing that the manifest asks for; "
        "`jwstsync search 1111` shows what it has\n"
    )


def test_a_name_that_must_not_become_a_path(bare: Desk) -> None:
    """The product is refused by name, without what would move a terminal's cursor; the others are planned."""
    bad = f"jw\x1b[2Jevil\ud800{CAL}"
    rows = [{"parent_obsid": FIRST, "productFilename": name, "size": 2880} for name in (CAL, bad)]
    observations = [{"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, rows)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        planned, document = bare.call("plan"), bare.call("plan", "--json").document

    assert (planned.code, len(groups(planned))) == (ExitCode.PRODUCTS_FAILED, 2)
    assert planned.err.startswith(f"jwstsync: refused: {URI}jw?[2Jevil?{CAL}: ")
    assert planned.err.isascii()
    assert "\x1b" not in planned.err
    [error] = document["errors"]
    assert (error["proposal"], error["uri"]) == (FIRST, URI + bad)


def test_a_lockfile_that_is_up_to_date(synced: Desk) -> None:
    """`--locked` has nothing against it, also where a file is missing."""
    (synced.root / product_path(FIRST)).unlink()

    assert synced.call("plan", "--locked").code == ExitCode.OK
    assert synced.call("plan", "--locked", "--check").code == ExitCode.DIFFERENCES


def test_a_lockfile_that_would_change(synced: Desk, archive: Sandbox) -> None:
    """`--locked` shows the plan, says what would change, and fails."""
    archive.remake(CAL)
    planned = synced.call("plan", "--locked")

    assert planned.code == ExitCode.DIFFERENCES
    assert groups(planned)[0].startswith("  ~   1  update ")
    assert planned.err == (
        f"jwstsync: --locked: the lockfile would change: update {CAL}; expected it to be up to date\n"
    )


def test_a_published_set_proves_that_its_input_is_unchanged(synced: Desk, archive: Sandbox) -> None:
    """`--locked --json` lists each product that was made anew, and exits 1 as long as there is one."""
    unchanged = synced.call("plan", "--locked", "--json")
    for suffix in ("cal", "rate"):
        archive.remake(product_name(FIRST, suffix), cal_ver="1.20.0")
    changed = synced.call("plan", "--locked", "--json")

    assert (unchanged.code, unchanged.document["actions"]) == (ExitCode.OK, [])
    assert changed.code == ExitCode.DIFFERENCES
    assert [(one["action"], one["path"]) for one in changed.document["actions"]] == [
        ("update", product_path(FIRST, "cal")),
        ("update", product_path(FIRST, "rate")),
    ]


@pytest.mark.parametrize("mode", ["--frozen", "--offline"])
def test_modes_that_ask_nothing(synced: Desk, archive: Sandbox, mode: str) -> None:
    """The lockfile is compared with the disk, and the archive hears nothing of it."""
    archive.remake(CAL)
    heard = len(archive.requests)
    shutil.rmtree(synced.cache, ignore_errors=True)
    planned = synced.call("plan", mode)

    assert planned.out.splitlines() == [
        "jwstsync plan: 1 proposal, 4 products locked",
        "  =   4  keep",
        "Plan: nothing to do; 85.4 GB free.",
    ]
    said = f"no network, and no answer of {archive.url} is kept for this: comparing lockfile and disk\n"
    assert planned.err == (said if mode == "--offline" else "")
    assert len(archive.requests) == heard


def test_a_plan_by_the_last_answer(synced: Desk, archive: Sandbox) -> None:
    """Without a network, what the archive said last is compared, and it is said how old that is."""
    archive.remake(CAL, cal_ver="1.20.0")
    asked = synced.call("plan", "--json").document
    archive.remake(product_name(FIRST, "rate"))
    heard = len(archive.requests)
    planned, document = synced.call("plan", "--offline"), synced.call("plan", "--offline", "--json").document

    assert planned.out.startswith("jwstsync plan: 1 proposal, 4 products selected of 5\n  ~   1  update ")
    assert re.fullmatch(r"no network: by the answers of [-0-9: ]{16} UTC, less than a minute old\n", planned.err)
    assert asked["kept_at"] is None
    assert datetime.fromisoformat(document["kept_at"]).tzinfo == UTC
    assert {**document, "kept_at": None} == asked
    assert len(archive.requests) == heard
    assert fits(synced.call("schema", "plan").document, document)


def test_the_answers_of_a_private_stand_in_are_not_kept(bare: Desk) -> None:
    """What it serves is made up, and the user's cache is for what archives say."""
    bare.write(RING)
    assert bare.call("plan", "--sandbox").code == ExitCode.OK

    assert not bare.cache.exists()


def test_status_tells_of_the_disk_alone(synced: Desk, archive: Sandbox) -> None:
    """Whatever is kept of the archive, it is no part of lockfile against disk."""
    archive.remake(CAL)
    synced.call("plan")

    assert synced.call("status").out.splitlines()[1:] == ["  =   4  keep", "Status: nothing to do; 85.4 GB free."]


def test_where_nothing_is_locked_yet(bare: Desk) -> None:
    """That there is nothing to do is put right by what has to be done first."""
    planned = bare.call("plan", "--offline")

    assert planned.out.splitlines()[0] == "jwstsync plan: 1 proposal, 0 products locked"
    assert planned.err.splitlines()[1:] == ["nothing is locked yet: jwstsync apply locks what it fetches"]


@pytest.mark.parametrize("arguments", ["plan --frozen", "apply --frozen", "apply --frozen --script get.sh"])
def test_a_frozen_set_that_is_not_there(bare: Desk, arguments: str) -> None:
    """Without a lockfile nothing is frozen: exit code 2, with what makes one, and nothing is begun."""
    before = bare.snapshot()
    refused = bare.call(*arguments.split())

    missing = f"{bare.lockfile}: not found; expected a lockfile: `jwstsync apply` makes one"
    assert refused == Called(ExitCode.INVALID, "", f"jwstsync: {missing}\n")
    assert (bare.snapshot(), bare.root.exists()) == (before, False)


def test_a_limit_is_told_beforehand(desk: Desk) -> None:
    """The plan says that apply would refuse it, and is no failure itself."""
    desk.write(ONE.replace("[[proposal]]", '[limits]\nmax_download = "10 kB"\n\n[[proposal]]'))
    planned = desk.call("plan")

    assert planned.code == ExitCode.OK
    assert planned.err.startswith("jwstsync: limits.max_download = 10.0 kB (10,000 bytes): the plan would fetch ")
    assert planned.err.endswith("; apply would refuse\n")
    assert desk.call("plan", "--json").err == ""


def test_the_private_stand_in(bare: Desk) -> None:
    """With --sandbox the user's own archive, root and lockfile are left alone."""
    bare.write(RING)
    before = bare.snapshot()
    planned, applied = bare.call("--sandbox", "plan"), bare.call("apply", "--limit", "2", "--sandbox")

    assert planned.out.startswith("jwstsync plan: 1 proposal, 80 products selected of 3,470\n")
    assert applied.out.endswith("\nDone: 2 fetched, 78 left for another run; 924 kB downloaded.\n")
    assert {path.split("/")[0] for path in bare.snapshot().keys() - before.keys()} == {
        "jwstsync.sandbox.lock",
        "mastDownload-sandbox",
    }


def test_documents_fit_their_schema(desk: Desk, archive: Sandbox) -> None:
    """Of a first plan, of one with every kind of trouble, and of those of status and verify."""
    schema = desk.call("schema", "plan").document
    desk.write(BOTH)
    first = desk.call("plan", "--json")
    desk.call("apply")
    os.truncate(desk.root / product_path(FIRST), 10)
    desk.write(BOTH.replace("2222", "2222, 3333"))
    archive.fault = no_answer_about(SECOND)
    troubled = [desk.call(command, "--json", "-v") for command in ("plan", "status", "verify")]

    assert [one.code for one in troubled] == [ExitCode.ARCHIVE, ExitCode.OK, ExitCode.DIFFERENCES]
    assert [one.document["schema"] for one in troubled] == [
        "jwstsync.plan/1",
        "jwstsync.status/1",
        "jwstsync.verify/1",
    ]
    assert all(fits(schema, one.document) for one in (first, *troubled))
    assert troubled[0].document["errors"][0]["proposal"] == SECOND
    assert not fits(schema, {**first.document, "more": 1})


def test_every_action_has_a_summary(desk: Desk, archive: Sandbox) -> None:
    """Also where there is none; and all keys of an action always stand."""
    document = desk.call("plan", "--json").document

    assert list(document["summary"]) == [
        *("keep", "fetch", "update", "repair", "adopt", "move", "withhold", "drop", "prune")
    ]
    assert document["summary"]["fetch"] == {"files": 4, "bytes": 4 * SIZE}
    assert document["summary"]["move"] == {"files": 0, "bytes": 0}
    assert document["actions"][0] == {
        "action": "fetch",
        "reason": "new",
        "uri": URI + CAL,
        "path": product_path(FIRST),
        "proposal": FIRST,
        "size": SIZE,
        "source": None,
        "compared_by": None,
        "detail": {
            "locked": None,
            "archive": {
                "size": SIZE,
                "md5": md5(archive.content(CAL), usedforsecurity=False).hexdigest(),
                "cal_ver": "1.19.1",
                "crds_ctx": "jwst_1303.pmap",
            },
            "moved_from": None,
            "size_on_disk": None,
            "released": "2022-07-13",
            "changes": None,
        },
    }


def test_planning_changes_nothing(desk: Desk) -> None:
    """Neither files nor folders come of it."""
    desk.call("plan")
    desk.call("plan", "--json")

    assert sorted(path.name for path in desk.folder.iterdir()) == [".git", "jwstsync.toml"]
