"""Plan: what it finds, what it leaves alone, and what it remembers."""

from __future__ import annotations

import os

import pytest

from jwstsync.core.documents import plan_document
from jwstsync.errors import ArchiveError, ExitCode, LockfileError, StoreError
from jwstsync.settings import Settings
from jwstsync.sync.planning import Mode, disbelief, named, plan
from jwstsync.sync.report import plan_exit_codes
from jwstsync.sync.verifying import verify
from tests.sync.fakes import A, B, C, Place, Product, fits, told


def test_a_plan_changes_nothing(place: Place) -> None:
    """Neither root nor lockfile nor local state are begun by a look."""
    assert told(place.plan()) == dict.fromkeys((A, B, C), "fetch new")
    assert [path.name for path in place.folder.iterdir()] == ["jwstsync.toml"]


def test_a_plan_of_a_synced_folder_leaves_even_the_state_alone(synced: Place) -> None:
    """A plan that hashes does not remember it: that is left to a run that holds the lock."""
    os.utime(synced.file(A), ns=(0, 0))
    before = {path: path.stat().st_mtime_ns for path in synced.folder.rglob("*")}

    assert told(synced.plan()) == {}
    assert synced.diary.hashes == [2880]
    assert synced.diary.phases[-1] == "hashing 1 file"
    assert {path: path.stat().st_mtime_ns for path in synced.folder.rglob("*")} == before


@pytest.mark.parametrize("mode", [Mode.DEFAULT, Mode.LOCKED])
def test_these_modes_ask_the_archive(synced: Place, mode: Mode) -> None:
    """By default, and where the lockfile has to be right, a plan shows what is new."""
    synced.archive.add(Product("d_cal.fits", fits("d")))

    assert told(synced.plan(mode)) == {"d_cal.fits": "fetch new"}
    assert sorted(synced.archive.asked) == [1, 2]


@pytest.mark.parametrize("mode", [Mode.FROZEN, Mode.OFFLINE])
def test_these_modes_ask_nothing(synced: Place, mode: Mode) -> None:
    """Lockfile and disk alone are compared, whatever the archive would say."""
    synced.archive.add(Product("d_cal.fits", fits("d")))
    synced.file(B).unlink()

    assert told(synced.plan(mode)) == {B: "fetch missing"}
    assert synced.archive.asked == []


def test_without_feedback_and_settings_the_process_is_asked(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan from Python needs a manifest, and no more."""
    monkeypatch.setenv("MAST_API_TOKEN", "made-up")
    synced.archive.add(Product("x_cal.fits", fits("x"), public=False))

    assert told(plan(synced.manifest, archive=synced.archive)) == {"x_cal.fits": "fetch new"}
    assert told(verify(synced.manifest).plan) == {}


def test_a_token_makes_the_difference(place: Place) -> None:
    """An exclusive product is withheld without a token, and planned with one."""
    place.archive.add(Product("x_cal.fits", fits("x"), public=False))
    assert told(place.plan())["x_cal.fits"] == "withhold exclusive_access"

    place.settings = Settings(token="made-up", keyring=False)
    assert told(place.plan())["x_cal.fits"] == "fetch new"


def test_what_is_wrong_with_a_plan_already_has_its_exit_code(synced: Place) -> None:
    """A failed proposal, a disbelieved one and a refused name show in the plan, before anything is carried out."""
    assert list(plan_exit_codes(synced.plan())) == []

    synced.archive.add(Product("..", fits("evil")))
    assert list(plan_exit_codes(synced.plan())) == [ExitCode.PRODUCTS_FAILED]

    del synced.archive.holdings[C]
    found = synced.plan()
    assert list(plan_exit_codes(found)) == [ExitCode.ARCHIVE, ExitCode.PRODUCTS_FAILED]
    assert disbelief(found).startswith("proposal 2: had products, and now lists none; what is locked stays")

    synced.archive.down = {2}
    assert list(plan_exit_codes(synced.plan())) == [ExitCode.ARCHIVE, ExitCode.PRODUCTS_FAILED]


def test_a_plan_is_told_with_all_that_is_wrong(synced: Place) -> None:
    """The document has every error with its proposal."""
    synced.archive.add(Product("..", fits("evil")))
    synced.archive.down = {2}
    errors = plan_document(synced.plan(), "jwstsync.plan/1", all_actions=False)["errors"]

    assert [error["proposal"] for error in errors] == [2, 1]


def test_a_damaged_lockfile_is_told(synced: Place) -> None:
    """A lockfile that is not valid is never guessed at: exit code 2 for plan, verify and apply, nothing changed."""
    synced.lock.write_text("version = 1\n[[product]]\n", encoding="utf-8")
    before = synced.state
    for ask in (synced.plan, synced.verify, synced.apply):
        with pytest.raises(LockfileError) as caught:
            ask()
        assert caught.value.exit_code is ExitCode.INVALID

    assert synced.state == before
    assert synced.archive.sent == []


def test_a_root_that_is_a_file_is_told(place: Place) -> None:
    """A file where the root should be ends the run with its name, before the archive is asked."""
    place.root.write_text("in the way", encoding="utf-8")

    with pytest.raises(StoreError, match="data"):
        place.apply()
    assert place.archive.asked == []


# --- words


def test_a_few_actions_are_named(place: Place) -> None:
    """Up to five by action and file name; of more, how many more."""
    found = place.plan().actions
    assert named(found) == f"fetch {A}, fetch {B}, fetch {C}"
    assert named([*found, *found]) == f"fetch {A}, fetch {B}, fetch {C}, fetch {A}, fetch {B} and 1 more"


def test_an_archive_that_is_not_there_is_told(place: Place) -> None:
    """Without another archive, the manifest's own is asked; refused, plan names it and the way without it."""
    with pytest.raises(ArchiveError, match=r"http://127.0.0.1:9: observations of proposal 1: not reached[^$]*--frozen"):
        plan(place.manifest, settings=place.settings)
