"""What a run refuses, before anything is fetched; and what it does when the archive answers badly or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ArchiveError, DifferencesError, ExitCode, LimitError
from jwstsync.executors import Cause
from jwstsync.store.tree import Tree
from jwstsync.sync.planning import Mode, limit_problem, plan
from tests.sync.fakes import EVERYTHING, A, B, C, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Callable


def with_limits(place: Place, limits: str) -> None:
    """Writes the manifest with these limits."""
    place.write(EVERYTHING.replace("[destination]", f"[limits]\n{limits}\n[destination]"))


# --- modes


def make_new(place: Place) -> None:
    """The archive has one more product."""
    place.archive.add(Product("d_cal.fits", fits("d")))


def make_anew(place: Place) -> None:
    """The archive has made a product anew."""
    place.archive.remake(A, fits("a, larger", blocks=3))


def take_away(place: Place) -> None:
    """The archive no longer has a product."""
    del place.archive.holdings[A]


@pytest.mark.parametrize(
    ("change", "named"), [(make_new, "fetch d_cal.fits"), (make_anew, "update a_cal.fits"), (take_away, "drop a_cal")]
)
def test_locked_refuses_what_would_change_the_lockfile(
    synced: Place, change: Callable[[Place], None], named: str
) -> None:
    """Exit code 1 and nothing changed, not even what is missing; the products are named."""
    change(synced)
    synced.file(B).unlink()
    before = synced.state

    with pytest.raises(DifferencesError, match=f"^--locked: the lockfile would change: .*{named}") as caught:
        synced.apply(Mode.LOCKED)

    assert caught.value.exit_code is ExitCode.DIFFERENCES
    assert synced.state == before
    assert synced.archive.sent == []


def test_a_refusal_names_a_few_products_and_counts_the_rest(place: Place) -> None:
    """Of hundreds of differences five are named."""
    place.archive.add(*(Product(f"e{number}_cal.fits", fits("e")) for number in range(5)))

    with pytest.raises(DifferencesError, match=r"fetch a_cal.fits, .*fetch e2_cal.fits and 3 more; expected"):
        place.apply(Mode.LOCKED)


def test_locked_passes_where_only_files_are_missing_or_damaged(synced: Place) -> None:
    """The disk is made equal to the lockfile, which is not written."""
    synced.file(A).unlink()
    synced.file(B).write_bytes(b"short")
    locked = synced.lock.stat()
    report = synced.apply(Mode.LOCKED)

    assert report.exit_code is ExitCode.OK
    assert told(report.plan) == {A: "fetch missing", B: "repair truncated"}
    assert sorted(synced.archive.asked) == [1, 2]
    assert synced.files[A] == fits("a")
    assert synced.files[B] == fits("b", blocks=2)
    assert (synced.lock.stat().st_mtime_ns, synced.lock.stat().st_ino) == (locked.st_mtime_ns, locked.st_ino)


@pytest.mark.parametrize("mode", [Mode.LOCKED, Mode.FROZEN])
def test_a_lockfile_that_must_not_change_is_not_even_tidied(synced: Place, mode: Mode) -> None:
    """A line end that git made another one, or a comment, stays: not a byte is written."""
    synced.lock.write_bytes(synced.lock.read_bytes() + b"# by hand\r\n")
    synced.file(A).unlink()
    before = synced.lock.read_bytes()

    assert synced.apply(mode).exit_code is ExitCode.OK
    assert synced.lock.read_bytes() == before
    assert synced.files[A] == fits("a")


def test_frozen_asks_nothing_and_restores(synced: Place) -> None:
    """Without a question to the archive's index, the disk becomes what the lockfile says."""
    synced.archive.add(Product("d_cal.fits", fits("d")))
    synced.archive.down = {1, 2}
    synced.file(A).unlink()
    locked = synced.lock.stat()
    report = synced.apply(Mode.FROZEN)

    assert report.exit_code is ExitCode.OK
    assert synced.archive.asked == []
    assert synced.archive.sent == [A]
    assert synced.files[A] == fits("a")
    assert synced.lock.stat() == locked


def test_frozen_never_takes_other_bytes(synced: Place) -> None:
    """What was published is pinned: bytes made anew end in exit code 6, and file and lockfile stay as they are."""
    synced.archive.remake(A, fits("z"))
    synced.file(A).write_bytes(fits("by hand"))
    synced.file(C, proposal=2).unlink()
    before = synced.state
    report = synced.apply(Mode.FROZEN)

    assert report.exit_code is ExitCode.BYTES_DIFFER
    assert outcomes(report) == {A: "failed", C: "done"}
    assert [one.error for one in report.results if one.error] == [
        "bytes differ from those that are locked: the archive has made the product anew since it was locked"
    ]
    after = synced.state
    assert {path: after[path] for path in before} == before


def test_frozen_tells_what_the_archive_no_longer_has(synced: Place) -> None:
    """A product that is gone fails alone, exit code 3, and stays locked."""
    del synced.archive.holdings[A]
    synced.file(A).unlink()
    report = synced.apply(Mode.FROZEN)

    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert [(result.outcome, result.cause) for result in report.results] == [("failed", Cause.NOT_FOUND)]
    assert synced.locked == {A, B, C}


def test_locked_bytes_are_pinned_in_every_mode(synced: Place) -> None:
    """A change that the archive does not state is more likely damage on the way: exit code 6, not an update."""
    synced.archive.remake(A, fits("z"), "1.16.1")
    synced.file(A).unlink()
    locked = synced.lock.read_bytes()

    report = synced.apply()
    assert (report.exit_code, outcomes(report)) == (ExitCode.BYTES_DIFFER, {A: "failed"})
    assert [one.error for one in report.results] == ["bytes differ from those that are locked"]
    assert synced.lock.read_bytes() == locked


@pytest.mark.parametrize("mode", [Mode.FROZEN, Mode.OFFLINE])
def test_no_archive_is_needed_where_none_is_asked(synced: Place, mode: Mode) -> None:
    """A plan from the lockfile is made without an archive: none is opened, and none is reached."""
    synced.file(A).unlink()

    assert told(plan(synced.manifest, mode, settings=synced.settings)) == {A: "fetch missing"}
    assert synced.archive.asked == []


# --- an archive that answers badly


def test_a_proposal_that_fails_keeps_what_is_locked(synced: Place) -> None:
    """The others go on, what is locked of it is restored, and the run ends with exit code 4."""
    synced.archive.down = {1}
    synced.archive.add(Product("d_cal.fits", fits("d"), proposal=2), Product("e_cal.fits", fits("e")))
    synced.file(A).unlink()
    report = synced.apply()

    assert report.exit_code is ExitCode.ARCHIVE
    assert report.plan.goal.failed == {1: "proposal 1: down for maintenance"}
    assert outcomes(report) == {A: "done", "d_cal.fits": "done"}
    assert synced.locked == {A, B, C, "d_cal.fits"}


def test_locked_asks_for_every_answer(synced: Place) -> None:
    """Where the lockfile has to be right, a proposal that fails ends the run with exit code 4, nothing changed."""
    synced.archive.down = {1}
    synced.file(A).unlink()
    before = synced.state

    with pytest.raises(ArchiveError, match=r"^proposal 1: down for maintenance\n.*--frozen$"):
        synced.apply(Mode.LOCKED)
    assert synced.state == before


def test_an_archive_that_is_down_ends_the_run(synced: Place) -> None:
    """When no proposal can be asked, plan and apply say so, name --frozen, and change nothing."""
    synced.archive.down = {1, 2}
    synced.file(A).unlink()
    before = synced.state

    for ask in (synced.plan, synced.apply):
        with pytest.raises(ArchiveError, match=r"proposal 1: down .*\nproposal 2: down .*\n.*--frozen") as caught:
            ask()
        assert caught.value.exit_code is ExitCode.ARCHIVE
    assert synced.state == before
    assert synced.archive.sent == []


def test_a_proposal_that_is_suddenly_empty_is_not_believed(synced: Place) -> None:
    """More likely the archive is ill than the data gone: what is locked stays and is restored, exit code 4."""
    del synced.archive.holdings[C]
    synced.file(A).unlink()
    report = synced.apply()

    assert report.exit_code is ExitCode.ARCHIVE
    assert report.plan.goal.disbelieved == {2}
    assert outcomes(report) == {A: "done"}
    assert synced.locked == {A, B, C}
    with pytest.raises(ArchiveError, match=r"^proposal 2: had products, and now lists none; .*--allow-empty"):
        synced.apply(Mode.LOCKED)


def test_an_empty_proposal_is_believed_on_request(synced: Place) -> None:
    """With --allow-empty its products leave the lockfile; the files stay."""
    del synced.archive.holdings[C]
    before = synced.files

    assert told(synced.plan(allow_empty=True)) == {C: "drop gone"}
    assert synced.apply(allow_empty=True).exit_code is ExitCode.OK
    assert synced.locked == {A, B}
    assert synced.files == before


@pytest.mark.parametrize("name", ["", "../../evil.fits", "/etc/passwd", "evil\n.fits", ".jwstsync\\evil.fits"])
def test_a_name_that_is_no_name_fails_its_product_alone(place: Place, name: str) -> None:
    """Names from the archive are untrusted: that product is refused with exit code 3, the others come."""
    place.archive.add(Product(name, fits("evil")))
    report = place.apply()

    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert len(report.plan.goal.refused) == 1
    assert outcomes(report) == dict.fromkeys((A, B, C), "done")
    assert set(place.files) == {A, B, C}
    assert [path.name for path in place.folder.rglob("*evil*")] == []


def test_two_products_on_one_path_are_both_refused(place: Place) -> None:
    """Nobody can tell which of them is meant; a file system may take one name for the other."""
    place.archive.add(Product("A_CAL.fits", fits("other")))
    report = place.apply()

    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert set(place.files) == {B, C}


# --- limits


def refused(place: Place) -> str:
    """Why a run is refused by a limit: with exit code 5, and before anything was done."""
    with pytest.raises(LimitError) as caught:
        place.apply()
    assert caught.value.exit_code is ExitCode.LIMIT
    assert (place.files, place.archive.sent, place.lock.exists()) == ({}, [], False)
    return str(caught.value)


def test_a_plan_that_would_fetch_too_much_is_refused(place: Place) -> None:
    """One byte too many is refused with the figures; a plan that is just small enough is carried out."""
    with_limits(place, "max_download = 11519")
    assert refused(place) == "limits.max_download = 11.5 kB (11,519 bytes): the plan would fetch 11.5 kB (11,520 bytes)"

    with_limits(place, "max_download = 11520")
    assert place.apply().exit_code is ExitCode.OK


def test_a_disk_that_is_too_small_is_seen_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to stay free stays free: refused before a byte is fetched, not when the disk is full."""
    with_limits(place, "reserve_disk = 100")
    for free, told_free in ((0, "0 B"), (50, "50 B"), (11619, "11.6 kB (11,619 bytes)")):
        monkeypatch.setattr(Tree, "free_bytes", lambda _, free=free: free)
        figures = f"{told_free} free, of which limits.reserve_disk = 100 B stay free"
        assert refused(place) == f"disk: 11.5 kB (11,520 bytes) to fetch, {figures}"

    monkeypatch.setattr(Tree, "free_bytes", lambda _: 11620)
    assert place.apply().exit_code is ExitCode.OK


def test_plan_shows_what_apply_would_refuse(place: Place) -> None:
    """A plan over a limit is still a plan; the limit is told beside it."""
    with_limits(place, "max_download = 1")
    found = place.plan()

    assert set(told(found)) == {A, B, C}
    problem = "limits.max_download = 1 B: the plan would fetch 11.5 kB (11,520 bytes)"
    assert limit_problem(found, place.manifest) == problem


def test_limits_count_only_what_is_fetched(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept or adopted needs no room: a full disk is no reason to refuse it."""
    monkeypatch.setattr(Tree, "free_bytes", lambda _: 0)
    with_limits(synced, "max_download = 0")
    synced.lock.unlink()

    assert synced.apply().exit_code is ExitCode.OK
    assert synced.locked == {A, B, C}


def test_an_unknown_size_is_held_against_nobody(place: Place) -> None:
    """Where the archive states no size, a limit counts nothing for the product, and it is fetched."""
    place.archive.holdings = {A: Product(A, fits("a"), states_size=False)}
    with_limits(place, "max_download = 0")

    report = place.apply()
    assert (report.exit_code, report.fetched_bytes) == (ExitCode.OK, 2880)
    assert place.files == {A: fits("a")}
