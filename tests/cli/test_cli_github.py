"""What a step of a GitHub workflow is told: a summary of plan and apply, and annotations for what failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jwstsync.cli.github import MOST
from jwstsync.cli.options import Globals
from jwstsync.cli.output import Output, complain
from jwstsync.cli.render import work_text
from jwstsync.cli.stream import Stream
from jwstsync.cli.summaries import plan_page, report_page
from jwstsync.core.goal import Goal
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct
from jwstsync.core.plan import Action, ActionKind, Plan, Reason
from jwstsync.core.selection import Refused, Selected
from jwstsync.errors import ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN, TOKEN
from jwstsync.sync.report import Report, Result
from tests.cli.archive import FIRST, SECOND, no_answer_about, no_download_of, product_name
from tests.cli.calls import BOTH, CLOSED, manifest_text
from tests.cli.test_cli_markdown import READER, cells

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.sandbox import Sandbox
    from tests.cli.calls import Desk

NOW = 61_387.5  # MJD of 2026-12-13, noon
RELEASED = 61_440.0  # 2027-02-04


@pytest.fixture
def summary(bare: Desk) -> Path:
    """The file for the step's summary, in a workflow."""
    path = bare.folder.with_name("summary.md")
    bare.set(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(path))
    return path


def rows(text: str) -> list[list[str]]:
    """The rows of all tables of a page, with the heads, as they are shown."""
    texts = iter(cells(text))
    counts: list[int] = []
    for token in READER.parse(text):
        if token.type == "tr_open":
            counts.append(0)
        elif token.type in {"td_open", "th_open"}:
            counts[-1] += 1
    return [[next(texts) for _ in range(count)] for count in counts]


def annotated(text: str) -> list[str]:
    """The annotations among what a call said on stderr."""
    return [line for line in text.splitlines() if line.startswith("::")]


def selected(name: str, **more: Any) -> Selected:  # noqa: ANN401
    """A product."""
    return Selected(uri=f"mast:JWST/product/{name}", path=ProductPath(name), proposal=1, **more)


def locked(name: str) -> LockedProduct:
    """A product as it is locked."""
    return LockedProduct(
        uri=f"mast:JWST/product/{name}",
        path=ProductPath(name),
        proposal=1,
        size=1000,
        sha256="0" * 64,
        cal_ver="1.18.1",
        crds_ctx="jwst_1364.pmap",
    )


CHANGED = selected("a_cal.fits", size=2000, cal_ver="1.19.1", crds_ctx="jwst_1413.pmap")
SAME_SIZE = selected("b_cal.fits", size=1000, cal_ver="1.19.1", crds_ctx="jwst_1364.pmap")
CLOSED_ONE = selected("c|<b>_cal.fits", size=5, public=False, released_at=RELEASED)
PLAN = Plan(
    [
        Action(ActionKind.UPDATE, Reason.CHANGED, CHANGED, locked("a_cal.fits")),
        Action(ActionKind.UPDATE, Reason.CHANGED, SAME_SIZE, locked("b_cal.fits")),
        Action(ActionKind.WITHHOLD, Reason.EXCLUSIVE_ACCESS, CLOSED_ONE, None),
        Action(ActionKind.KEEP, None, selected("k_cal.fits", size=7), None),
    ],
    Goal(
        {},
        refused=[Refused("mast:JWST/product/../x", 1, "path '..': not safe")],
        failed={2: "proposal 2: no answer"},
        warnings=["no keywords"],
        idle_rules=["calibrated"],
    ),
)
HEAD = "1 withheld: 1 public on 2027-02-04 (in 53 days)"
TROUBLE = [
    ["proposal", "product", "error"],
    ["2", "", "proposal 2: no answer"],
    ["1", "x", "path '..': not safe"],
]
NOTES = [
    ["warning"],
    ["no keywords"],
    ["note: rule calibrated takes no listed product; `jwstsync search ID --products` shows what there is"],
]
WITHHELD = [["product", "proposal", "why"], ["c|<b>_cal.fits", "1", "exclusive access until 2027-02-04"]]
UPDATE = ["product", "proposal", "pipeline version", "CRDS context", "size"]
BOTH_CHANGED = ["a_cal.fits", "1", "1.18.1 -> 1.19.1", "jwst_1364.pmap -> jwst_1413.pmap", "1.0 kB -> 2.0 kB"]
VERSION_CHANGED = ["b_cal.fits", "1", "1.18.1 -> 1.19.1", "jwst_1364.pmap", "1.0 kB"]


def test_the_page_of_a_plan() -> None:
    """Counts and bytes, failures, warnings, versions of what has changed, and what is withheld, for people."""
    text = plan_page(PLAN, "plan", now=NOW, most=MOST)
    head = text.replace("\\", "").splitlines()[:5]

    assert head == ["## jwstsync plan", "", f"{work_text(PLAN)}.", "", HEAD]
    assert rows(text) == [
        ["action", "products", "size"],
        ["update", "2", "3.0 kB"],
        ["withhold", "1", "5 B"],
        ["keep", "1", "7 B"],
        *TROUBLE,
        *NOTES,
        UPDATE,
        BOTH_CHANGED,
        VERSION_CHANGED,
        *WITHHELD,
    ]


def test_the_page_of_a_run() -> None:
    """What became of each action, also of those that failed, with the exit code."""
    update, other, withheld, _ = PLAN.actions
    results = [
        Result(update, "done", fetched=2000),
        Result(other, "failed", "HTTP 404"),
        Result(withheld, "withheld", "exclusive access until 2027-02-04"),
    ]
    text = report_page(Report(PLAN, results, ExitCode.ARCHIVE), ExitCode.ARCHIVE, now=NOW, most=MOST)

    assert text.replace("\\", "").splitlines()[2] == (
        "Done: 1 updated, 1 kept, 1 withheld, 1 failed, 1 refused; 2.0 kB downloaded. Exit code 4."
    )
    assert rows(text) == [
        ["action", "done", "failed", "deferred", "withheld", "size"],
        ["update", "1", "1", "0", "0", "2.0 kB"],
        ["withhold", "0", "0", "0", "1", "0 B"],
        ["keep", "1", "0", "0", "0", "7 B"],
        *TROUBLE,
        ["1", "b_cal.fits", "HTTP 404"],
        *NOTES,
        [*UPDATE, "outcome"],
        [*BOTH_CHANGED, "done"],
        [*VERSION_CHANGED, "failed"],
        *WITHHELD,
    ]


def test_a_large_plan_is_cut() -> None:
    """The page of a plan with more than fits says how many products of which kind it leaves out."""
    updates = [Action(ActionKind.UPDATE, Reason.CHANGED, SAME_SIZE, locked("b_cal.fits")) for _ in range(20_000)]
    text = plan_page(Plan([*updates, *PLAN.actions], PLAN.goal), "plan", now=NOW, most=MOST)

    assert MOST - 2_000 < len(text.encode()) <= MOST
    lines = text.replace("\\", "").splitlines()
    assert "| update | 20,002 | 20.0 MB |" in lines
    shown = sum(line.startswith("| b_cal.fits |") for line in lines)
    assert lines[-1].endswith(f"Left out: {20_002 - shown:,} updated products, 1 withheld product.**")


def test_plan_tells_the_step(desk: Desk, summary: Path) -> None:
    """The summary has the counts; a plan that is no failure has no annotation."""
    called = desk.call("plan")

    assert (called.code, called.err) == (ExitCode.OK, "")
    assert summary.read_text(encoding="utf-8").startswith("## jwstsync plan\n\n4 to fetch")
    assert rows(summary.read_text(encoding="utf-8")) == [["action", "products", "size"], ["fetch", "4", "34.6 kB"]]


def test_apply_tells_the_step(desk: Desk, summary: Path) -> None:
    """Products that fail are in the summary, each, and in one annotation for all; stdout stays JSON."""
    called = desk.call("apply", "--json")

    assert called.code == ExitCode.OK
    assert [event["type"] for event in called.events][-1] == "summary"
    assert called.err == ""
    assert rows(summary.read_text(encoding="utf-8"))[1] == ["fetch", "4", "0", "0", "0", "34.6 kB"]


def test_products_that_fail(desk: Desk, archive: Sandbox, summary: Path) -> None:
    """Each is in the summary, and one annotation names them; on stderr, so that stdout stays JSON."""
    names = [product_name(FIRST, "rate"), product_name(FIRST, "cal")]
    archive.fault = no_download_of(*names)
    called = desk.call("apply", "--json")
    told = annotated(called.err)

    assert called.code == ExitCode.PRODUCTS_FAILED
    assert [one["outcome"] for one in called.told("product")].count("failed") == 2
    assert len(told) == 1
    assert told[0].startswith("::error title=jwstsync apply%3A 2 products failed::")
    assert all(name in told[0] for name in names)
    failed = [row for row in rows(summary.read_text(encoding="utf-8")) if row[0] == str(FIRST)]
    assert sorted(row[1] for row in failed) == sorted(names)


def test_a_proposal_that_can_not_be_asked(desk: Desk, archive: Sandbox, summary: Path) -> None:
    """The others go on, and the failure is annotated, by plan and by apply."""
    desk.write(BOTH)
    desk.set(JWSTSYNC_TIMEOUT="2")
    archive.fault = no_answer_about(SECOND)
    called = [desk.call("plan"), desk.call("apply")]

    assert [one.code for one in called] == [ExitCode.ARCHIVE] * 2
    assert [len(annotated(one.err)) for one in called] == [1, 1]
    assert all("database session was killed" in annotated(one.err)[0] for one in called)
    assert summary.read_text(encoding="utf-8").count("### Failures") == 2


def test_differences_of_a_check(desk: Desk, summary: Path) -> None:
    """A check that fails says why in an annotation; --locked does too, with the summary of the plan before it."""
    checked, held = desk.call("plan", "--check", "-q"), desk.call("plan", "--locked", "-q")

    assert (checked.code, checked.err.splitlines()) == (
        ExitCode.DIFFERENCES,
        ["::error title=jwstsync plan::4 to fetch, 34.6 kB"],
    )
    assert held.code == ExitCode.DIFFERENCES
    assert annotated(held.err)[0].startswith("::error title=jwstsync plan::--locked: the lockfile would change")
    assert summary.read_text(encoding="utf-8").count("## jwstsync plan\n") == 3


def test_a_manifest_that_is_not_valid(desk: Desk, summary: Path) -> None:
    """Its problems are shown at the file, by the absolute path, and apply still answers programs."""
    desk.write(manifest_text("id = 0\ninclude = [{ colour = 1 }]"))
    called = desk.call("apply", "--json")
    told = annotated(called.err)

    assert called.code == ExitCode.INVALID
    assert [event["type"] for event in called.events] == ["version", "summary"]
    assert len(told) == 2
    start = f"::error file={desk.folder / 'jwstsync.toml'},title=jwstsync apply::proposal[0]."
    assert all(line.startswith(start) for line in told)
    assert "exit code 2" in summary.read_text(encoding="utf-8")


def test_scripts_are_planned_too(desk: Desk, summary: Path) -> None:
    """Writing a script shows what it will fetch."""
    assert desk.call("apply", "--script", "fetch.sh").code == ExitCode.OK
    assert summary.read_text(encoding="utf-8").startswith("## jwstsync apply --script\n\n4 to fetch")


def test_all_summaries_of_a_step_share_the_room(desk: Desk, summary: Path) -> None:
    """Pages are appended to what is there, up to 900 kB in all; then there is none."""
    summary.write_text("x" * (MOST - 1_050) + "\n", encoding="utf-8")
    assert desk.call("plan").code == ExitCode.OK
    assert summary.stat().st_size <= MOST
    assert "Left out: 1 action" in summary.read_text(encoding="utf-8").replace("\\", "")
    summary.write_text("x" * MOST, encoding="utf-8")
    assert desk.call("plan").code == ExitCode.OK
    assert summary.stat().st_size == MOST


def test_a_summary_that_can_not_be_written(desk: Desk, summary: Path) -> None:
    """It is a warning, and changes nothing else."""
    summary.mkdir()
    called = desk.call("apply", "-q")

    assert called.code == ExitCode.OK
    assert called.err == f"jwstsync: GITHUB_STEP_SUMMARY={summary}: not written: Is a directory\n"


@pytest.mark.parametrize("variables", [{}, {"GITHUB_ACTIONS": "false"}, {"GITHUB_ACTIONS": ""}])
def test_elsewhere_nothing_is_told(desk: Desk, variables: dict[str, str]) -> None:
    """Without a workflow around it, no file is written and no annotation said."""
    path = desk.folder.with_name("summary.md")
    desk.set(GITHUB_STEP_SUMMARY=str(path), **variables)
    called = desk.call("plan", "--check")

    assert called.code == ExitCode.DIFFERENCES
    assert annotated(called.err) == []
    assert not path.exists()


def test_a_workflow_without_a_summary(desk: Desk) -> None:
    """Runners that know no summaries are told of failures all the same."""
    desk.set(GITHUB_ACTIONS="true")
    called = desk.call("plan", "--check")

    assert called.err == "::error title=jwstsync plan::4 to fetch, 34.6 kB\n"


@pytest.mark.parametrize("token", [TOKEN, EXPIRED_TOKEN])
def test_the_token_is_told_to_nobody(desk: Desk, summary: Path, token: str) -> None:
    """Neither the summary nor an annotation has it, whether it is good or not."""
    desk.write(CLOSED)
    desk.set(MAST_API_TOKEN=token)
    called = desk.call("apply")

    assert called.code == (ExitCode.OK if token == TOKEN else ExitCode.TOKEN)
    assert len(annotated(called.err)) == (token != TOKEN)
    assert summary.stat().st_size
    assert token not in summary.read_text(encoding="utf-8") + called.out + called.err


@pytest.mark.parametrize(
    "said", ["::add-mask::x", "  ::stop-commands::y", "##[error]z", "a ##[group]", "###[x", "a\n::b"]
)
def test_nothing_that_the_archive_says_is_a_command(said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """In no line that is printed, as text or JSON, does the runner find a command; JSON says the same as before."""
    output, programs = Output(Globals()), Stream(Globals(as_json=True))
    output.answer(said)
    output.message(said)
    complain(said)
    programs.warning(said)
    out, err = capfd.readouterr()

    assert not any(line.lstrip().startswith("::") or "##[" in line for line in (out + err).splitlines())
    assert json.loads(out.splitlines()[-1])["message"] == said
    programs.document({"said": [said]})
    programs.small_document({"said": said})
    document = capfd.readouterr().out
    assert "##[" not in document
    assert json.loads(document.partition("\n}\n")[0] + "}") == {"said": [said]}
