"""A sync by apply, with true bytes on a true disk: fetched once, kept whole, replaced only by what is verified."""

from __future__ import annotations

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.errors import ExitCode
from jwstsync.executors import Cause
from tests.core.strategies import md5_of
from tests.sync.fakes import EVERYTHING, A, B, C, FakeArchive, Place, Product, fits, outcomes, told, with_checksum

if TYPE_CHECKING:
    from collections.abc import Callable


def flip(path: Path) -> None:
    """Changes one byte, and leaves size and modification time as they were."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def truncate(path: Path) -> None:
    """Cuts a file in two, and leaves its modification time as it was."""
    stat = path.stat()
    os.truncate(path, stat.st_size // 2)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def overwrite(path: Path) -> None:
    """Puts other bytes of the same size in place."""
    path.write_bytes(fits("by hand", blocks=path.stat().st_size // 2880))
    os.utime(path, ns=(0, 0))


def lengthen(path: Path) -> None:
    """Writes on at the end."""
    path.write_bytes(path.read_bytes() + fits("more"))
    os.utime(path, ns=(0, 0))


def touch(path: Path) -> None:
    """Changes the modification time alone."""
    os.utime(path, ns=(1, 1_000_000_000_123_456_789))


# --- step by step


def test_a_first_run_fetches_everything_and_records_it(place: Place) -> None:
    """Afterwards every file has the archive's bytes, and the lockfile says which they are."""
    report = place.apply()

    assert report.exit_code is ExitCode.OK
    assert place.files == {name: product.content for name, product in place.archive.holdings.items()}
    assert place.locked == {A, B, C}
    assert {(one.proposal, one.size) for one in place.lockfile} == {(1, 2880), (1, 5760), (2, 2880)}
    assert report.fetched_bytes == place.diary.received_bytes == 4 * 2880


def test_a_second_run_has_nothing_to_do(synced: Place) -> None:
    """Plan and apply are empty, nothing is downloaded, and the lockfile is not even written again."""
    before = synced.state
    assert told(synced.plan()) == {}
    report = synced.apply()

    assert (report.exit_code, report.results) == (ExitCode.OK, ())
    assert synced.state == before
    assert synced.archive.sent == []
    assert synced.diary.hashes == []


def test_the_lockfile_does_not_depend_on_the_history(synced: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same set has the same lockfile, byte for byte, fetched at once or in any number of runs."""
    other = Place(tmp_path_factory.mktemp("other"), synced.archive)
    while other.locked != synced.locked:
        other.apply(limit=1)

    assert other.lock.read_bytes() == synced.lock.read_bytes()


def test_the_lockfile_says_nothing_of_the_disk(synced: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A fresh clone has the lockfile and no files: every locked product is fetched, and the lockfile stays."""
    clone = Place(tmp_path_factory.mktemp("clone"), synced.archive)
    shutil.copy2(synced.lock, clone.lock)
    locked = clone.state

    assert told(clone.plan()) == dict.fromkeys((A, B, C), "fetch missing")
    assert clone.apply().exit_code is ExitCode.OK
    assert clone.files == synced.files
    assert clone.state[str(clone.lock)] == locked[str(clone.lock)]


# --- files that are not as they should be


@pytest.mark.parametrize(
    ("damage", "planned"),
    [
        (Path.unlink, "fetch missing"),
        (truncate, "repair truncated"),
        (lengthen, "repair modified"),
        (overwrite, "repair modified"),
    ],
)
def test_damage_that_shows_is_repaired(synced: Place, damage: Callable[[Path], None], planned: str) -> None:
    """Plan and verify tell the same, apply fetches that file alone, and what stood there is in the trash."""
    damage(synced.file(B))
    stood = [content for name, content in synced.files.items() if name == B]
    locked = synced.lock.read_bytes()

    assert told(synced.plan()) == told(synced.verify()) == {B: planned}
    assert synced.apply().exit_code is ExitCode.OK
    assert synced.files[B] == fits("b", blocks=2)
    assert synced.archive.sent == [B]
    assert synced.trash == stood
    assert synced.lock.read_bytes() == locked
    assert told(synced.verify()) == {}


def test_every_run_has_its_own_trash(synced: Place) -> None:
    """Runs in quick succession that put the same file right keep what stood there each time."""
    for stood in (b"1", b"2", b"3"):
        synced.file(A).write_bytes(stood)
        synced.apply()

    assert synced.trash == [b"1", b"2", b"3"]


def test_damage_that_does_not_show_is_found_by_verify(synced: Place) -> None:
    """Size and time trusted, a flipped bit is only found by hashing; from then on plan knows, and apply repairs it."""
    flip(synced.file(A))
    flipped = synced.files[A]

    assert told(synced.plan()) == {}
    assert told(synced.verify()) == {A: "repair damaged"}
    assert told(synced.plan()) == {A: "repair damaged"}
    assert synced.files[A] == flipped

    assert outcomes(synced.apply()) == {A: "done"}
    assert synced.files[A] == fits("a")
    assert synced.trash == [flipped]
    assert told(synced.plan()) == told(synced.verify()) == {}


def test_what_was_found_whole_again_is_trusted_again(synced: Place) -> None:
    """A file that was wrong once and was put right by hand is hashed once more, and then no longer."""
    flip(synced.file(A))
    synced.verify()
    flip(synced.file(A))
    synced.diary.hashes.clear()

    assert synced.apply().results == ()
    assert synced.diary.hashes == [2880]
    assert synced.apply().results == ()
    assert synced.diary.hashes == [2880]


def test_a_file_that_was_only_touched_is_hashed_once(synced: Place) -> None:
    """A copy or a backup changes times: what is whole is kept, and remembered with its new time."""
    touch(synced.file(A))

    assert told(synced.plan()) == {}
    assert synced.apply().results == ()
    assert synced.archive.sent == []
    synced.diary.hashes.clear()
    assert told(synced.plan()) == {}
    assert synced.diary.hashes == []


def test_a_folder_in_the_way_fails_its_product_alone(place: Place) -> None:
    """What can not be put in place is told; the others come, and the next run tries again."""
    place.file(A).mkdir(parents=True)
    report = place.apply()

    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert outcomes(report) == {A: "failed", B: "done", C: "done"}
    assert place.locked == {B, C}
    place.file(A).rmdir()
    assert outcomes(place.apply()) == {A: "done"}


def test_a_lost_state_folder_costs_hashing_alone(synced: Place) -> None:
    """Without what was remembered, every file is hashed and kept, and nothing is fetched."""
    shutil.rmtree(synced.root / ".jwstsync")
    before = synced.state

    assert synced.apply().results == ()
    assert synced.state == before
    assert sorted(synced.diary.hashes) == [2880, 2880, 5760]


@given(st.dictionaries(st.sampled_from([A, B, C]), st.sampled_from([Path.unlink, truncate, flip, overwrite, touch])))
@settings(max_examples=15, deadline=None)
def test_verify_and_apply_put_everything_right(damages: dict[str, Callable[[Path], None]]) -> None:
    """Whatever became of the files, the set is whole after verify and apply, and nothing that stood there is lost."""
    archive = FakeArchive(Product(A, fits("a")), Product(B, fits("b", blocks=2)), Product(C, fits("c")))
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), archive)
        place.apply()
        locked, whole = place.lock.read_bytes(), place.files
        for name, damage in damages.items():
            damage(place.file(name))
        wrong = sorted(content for name, content in place.files.items() if content != whole[name])
        found = told(place.verify())
        report = place.apply()

        assert report.exit_code is ExitCode.OK
        assert (place.files, place.lock.read_bytes(), place.trash) == (whole, locked, wrong)
        assert outcomes(report) == dict.fromkeys(found, "done")
        assert told(place.plan()) == told(place.verify()) == {}


# --- files that came by other ways


def test_files_that_are_there_are_adopted(synced: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A tree that somebody copied is hashed and recorded: no download, and the same lockfile as if it were fetched."""
    copy = Place(tmp_path_factory.mktemp("copy"), synced.archive)
    shutil.copytree(synced.root / "JWST", copy.root / "JWST")
    report = copy.apply()

    assert told(report.plan) == dict.fromkeys((A, B, C), "adopt present")
    assert (report.exit_code, report.fetched_bytes) == (ExitCode.OK, 0)
    assert copy.archive.tokens == []
    assert copy.lock.read_bytes() == synced.lock.read_bytes()
    assert sorted(copy.diary.hashes) == [2880, 2880, 5760]


@pytest.mark.parametrize("stood", [b"<html>".ljust(2880), b"\0" * 2880])
def test_a_file_that_only_fits_in_size_is_fetched_in_the_same_run(place: Place, stood: bytes) -> None:
    """What is no FITS file is not adopted for its name: the product comes, and what stood there is in the trash."""
    place.file(A).parent.mkdir(parents=True)
    place.file(A).write_bytes(stood)

    assert told(place.plan())[A] == "adopt present"
    report = place.apply()
    assert outcomes(report) == dict.fromkeys((A, B, C), "done")
    assert report.fetched_bytes == 4 * 2880
    assert place.files[A] == fits("a")
    assert place.trash == [stood]
    assert told(place.plan()) == {}


@pytest.mark.parametrize(
    ("md5_of_what", "checksums", "fetched"),
    [(fits("a"), "auto", []), (fits("z"), "auto", [A]), (fits("z"), "ignore", [])],
)
def test_the_archives_checksum_decides_what_is_adopted(
    synced: Place, md5_of_what: bytes, checksums: str, fetched: list[str]
) -> None:
    """Bytes that have it are adopted, others are fetched; where checksums are not asked for, the form alone counts."""
    synced.lock.unlink()
    synced.write(EVERYTHING.replace("[destination]", f'checksums = "{checksums}"\n[destination]'))
    with synced.open_run() as run:
        with_checksum(run, A, md5_of(md5_of_what))
        results = list(run.carry_out())

    assert {result.outcome for result in results} == {"done"}
    assert synced.archive.sent == fetched
    confirmed = {one.md5 for one in synced.lockfile if one.uri.endswith(A)}
    assert confirmed == {md5_of(fits("a")) if md5_of_what == fits("a") else None}


def test_a_file_that_goes_away_before_it_is_adopted_is_fetched(synced: Place) -> None:
    """Between plan and run a file may vanish; the product is there in the end all the same."""
    synced.lock.unlink()
    with synced.open_run() as run:
        synced.file(A).unlink()
        results = list(run.carry_out())

    assert {result.outcome for result in results} == {"done"}
    assert synced.archive.sent == [A]
    assert synced.files[A] == fits("a")


def test_a_file_that_can_not_be_recorded_is_not_adopted(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while a file is recorded fails that product, and the next run adopts it."""
    synced.lock.unlink()
    with monkeypatch.context() as broken, synced.open_run() as run:
        broken.setattr(
            "jwstsync.store.commit.Committer.commit", lambda _, landings: [OSError(5, "I/O error")] * len(landings)
        )
        results = list(run.carry_out())
        report = run.report()

    assert {(result.outcome, result.cause) for result in results} == {("failed", Cause.DISK)}
    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert not synced.lock.exists()
    assert set(outcomes(synced.apply()).values()) == {"done"}


# --- an archive that changes


@pytest.mark.parametrize(
    ("content", "cal_ver"),
    [(fits("a, larger", blocks=3), "1.16.1"), (fits("a, with another pipeline"), "1.18.0")],
)
def test_a_product_made_anew_replaces_the_old_one(synced: Place, content: bytes, cal_ver: str) -> None:
    """Another size or another pipeline version: the new bytes are fetched, put in place and locked."""
    synced.archive.remake(A, content, cal_ver)

    assert told(synced.plan()) == {A: "update changed"}
    assert outcomes(synced.apply()) == {A: "done"}
    assert synced.files[A] == content
    [now] = [one for one in synced.lockfile if one.uri.endswith(A)]
    assert (now.size, now.cal_ver) == (len(content), cal_ver)
    assert told(synced.plan()) == told(synced.verify()) == {}


def test_work_by_hand_is_not_lost_to_a_new_version(synced: Place) -> None:
    """Where somebody wrote into a file that is made anew, that is no old version, but what they may miss."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    overwrite(synced.file(A))

    assert told(synced.plan()) == {A: "update changed"}
    assert outcomes(synced.apply()) == {A: "done"}
    assert synced.files[A] == fits("a, larger", blocks=3)
    assert synced.trash == [fits("by hand")]


def with_kept_versions(place: Place) -> None:
    """Writes the manifest so that old versions are kept."""
    place.write(EVERYTHING.replace("[destination]", '[destination]\non_update = "keep"'))


def kept_versions(place: Place) -> dict[str, bytes]:
    """The old versions that are kept, by their path below the folder for them."""
    folder = place.root / ".jwstsync" / "versions"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_old_versions_are_kept_if_wanted(synced: Place) -> None:
    """Each under its own version and hash, with the path that it had; and whoever wants it not, keeps none."""
    with_kept_versions(synced)
    before = {one.uri.rpartition("/")[2]: one for one in synced.lockfile}
    first, second, third = synced.files[A], fits("a, larger", blocks=3), fits("a, by the same version", blocks=4)
    synced.archive.remake(A, second, "1.18.0")
    synced.apply()
    synced.archive.remake(A, third, "1.18.0")
    synced.apply()
    synced.write(EVERYTHING)
    synced.archive.remake(A, first, "1.19.0")
    synced.apply()

    path = synced.file(A).relative_to(synced.root)
    assert kept_versions(synced) == {
        f"{before[A].cal_ver}-{sha256(first).hexdigest()[:8]}/{path}": first,
        f"1.18.0-{sha256(second).hexdigest()[:8]}/{path}": second,
    }
    assert (synced.files[A], synced.trash) == (first, [])


def test_only_the_locked_version_is_an_old_version(synced: Place) -> None:
    """What somebody wrote into a file, or what damaged it, goes to the trash also where old versions are kept."""
    with_kept_versions(synced)
    synced.archive.remake(A, fits("a, larger", blocks=3))
    overwrite(synced.file(A))
    synced.file(B).write_bytes(b"damaged")
    synced.apply()

    assert kept_versions(synced) == {}
    assert synced.trash == [fits("by hand"), b"damaged"]


def test_new_bytes_that_are_in_place_already_are_adopted(synced: Place) -> None:
    """What a script brought meanwhile need not come twice."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    synced.file(A).write_bytes(fits("a, larger", blocks=3))

    assert outcomes(synced.apply()) == {A: "done"}
    assert synced.archive.sent == []
    assert told(synced.plan()) == {}


def test_a_failed_update_leaves_the_old_bytes(synced: Place) -> None:
    """No good file is replaced before its successor is verified: file and lockfile stay as they were."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    synced.archive.troubles[A] = Cause.BYTES
    before = synced.state

    report = synced.apply()
    assert report.exit_code is ExitCode.PRODUCTS_FAILED
    assert [(one.outcome, one.cause, one.error) for one in report.results] == [("failed", Cause.BYTES, "trouble")]
    assert synced.state == before


def test_a_product_that_is_gone_is_dropped_and_stays(synced: Place) -> None:
    """It leaves the lockfile; the file is not touched, as nobody asked for that."""
    del synced.archive.holdings[B]
    before = synced.files

    assert told(synced.plan()) == {B: "drop gone"}
    assert outcomes(synced.apply()) == {B: "done"}
    assert synced.locked == {A, C}
    assert synced.files == before
    assert told(synced.plan()) == {}


def test_a_product_that_no_rule_takes_is_dropped_and_stays(synced: Place) -> None:
    """A narrower rule shortens the lockfile, and a wider one adopts what is still there."""
    before = synced.files
    locked = synced.lock.read_bytes()
    synced.write(EVERYTHING.replace("[{}]", '[{ productFilename = "a_*" }]'))

    assert told(synced.plan()) == dict.fromkeys((B, C), "drop unselected")
    synced.apply()
    assert synced.locked == {A}
    assert synced.files == before

    synced.write(EVERYTHING)
    assert told(synced.plan()) == dict.fromkeys((B, C), "adopt present")
    synced.apply()
    assert synced.lock.read_bytes() == locked
