"""Files elsewhere spare downloads: found by name, verified, brought in; they themselves are never changed."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode, LimitError, UsageError
from jwstsync.store.tree import Tree
from jwstsync.sync.planning import Mode
from tests.sync.elsewhere import CONTENT, A, B, C, Elsewhere, X, all_of_them, three_products
from tests.sync.fakes import EVERYTHING, RIGHT, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.core.layout import ProductPath
    from jwstsync.store.hashing import Digest
    from tests.sync.fakes import FakeArchive


@pytest.fixture
def archive() -> FakeArchive:
    """Three products with checksums."""
    return three_products()


@pytest.fixture
def old(tmp_path: Path) -> Elsewhere:
    """All of them elsewhere."""
    return all_of_them(tmp_path / "old")


@pytest.mark.parametrize("move", [False, True])
def test_files_elsewhere_are_brought_in(
    place: Place, old: Elsewhere, tmp_path_factory: pytest.TempPathFactory, *, move: bool
) -> None:
    """Wherever they lie below the folder: no download, verified bytes, the lockfile of a run that fetched them."""
    fresh = Place(tmp_path_factory.mktemp("fresh"), place.archive)
    assert fresh.apply().exit_code is ExitCode.OK
    place.archive.sent.clear()
    before = old.state
    report = place.apply(adopt_from=[old.folder], move=move)

    assert told(report.plan) == dict.fromkeys((A, B, C), "adopt offered")
    assert (report.exit_code, outcomes(report)) == (ExitCode.OK, dict.fromkeys((A, B, C), "done"))
    assert (place.archive.sent, report.fetched_bytes) == ([], 0)
    assert place.files == CONTENT
    assert place.lock.read_bytes() == fresh.lock.read_bytes()
    assert old.state == ({} if move else before)
    assert told(place.plan()) == {}
    assert list((place.root / ".jwstsync" / "parts").iterdir()) == []
    assert sorted(place.diary.hashes) == [2880, 2880, 5760]


def test_a_plan_says_what_would_be_brought_in(place: Place, old: Elsewhere) -> None:
    """It changes nothing, neither here nor there."""
    before = old.state
    found = place.plan(adopt_from=[str(old.folder)])

    assert told(found) == dict.fromkeys((A, B, C), "adopt offered")
    assert found.transfers == []
    assert old.state == before
    assert not place.root.exists()


def test_only_what_is_to_be_had_is_looked_for(synced: Place, old: Elsewhere) -> None:
    """What is whole is kept, and its namesakes are left alone, whatever they are."""
    old.put(A, b"other")
    report = synced.apply(adopt_from=[old.folder], move=True)

    assert (report.results, report.left) == ((), ())
    assert len(old.state) == 4


def damaged(place: Place) -> None:
    """The bytes in the place are no longer those that are locked."""
    place.file(A).write_bytes(fits("?"))


def missing(place: Place) -> None:
    """Nothing is in the place."""
    place.file(A).unlink()


def remade(place: Place) -> None:
    """The archive has made the product anew, and so the locked bytes will not do."""
    place.archive.remake(A, fits("a2"))


@pytest.mark.parametrize("mode", list(Mode)[:3])
@pytest.mark.parametrize("what", [damaged, missing])
def test_locked_bytes_come_from_elsewhere_in_every_mode(
    synced: Place, old: Elsewhere, what: Callable[[Place], None], mode: Mode
) -> None:
    """A product that is missing or damaged is put right without a download, and the lockfile stays as it is."""
    locked = synced.lock.read_bytes()
    what(synced)
    report = synced.apply(mode, adopt_from=[old.folder])

    assert (told(report.plan), outcomes(report)) == ({A: "adopt offered"}, {A: "done"})
    assert (synced.archive.sent, synced.files, synced.lock.read_bytes()) == ([], CONTENT, locked)
    assert synced.trash == ([fits("?")] if what is damaged else [])


@pytest.mark.parametrize("size_differs", [False, True])
def test_a_new_version_comes_from_elsewhere(synced: Place, old: Elsewhere, *, size_differs: bool) -> None:
    """Of two files with one name the one that has the new bytes is taken, and the old version stays there."""
    new = fits("a2", blocks=2 if size_differs else 1)
    synced.archive.remake(A, new)
    old.put(f"z/{A}", new)
    report = synced.apply(adopt_from=[old.folder])

    assert told(report.plan) == {A: "adopt offered"}
    assert (synced.files[A], synced.archive.sent) == (new, [])
    [left] = report.left
    assert left.path == str(old.folder / "mastDownload" / "JWST" / "jw00001" / A)
    assert synced.lockfile.products[f"mast:JWST/product/{A}"].cal_ver == "1.18.0"


def test_an_old_version_is_not_taken_for_a_new_one(synced: Place, old: Elsewhere) -> None:
    """Without a checksum a file of the same size may be the old one: the new one is fetched."""
    synced.archive.silent = {"Nircam", "Miri", "Nirspec", "Niriss", "Fgs", "GuideStar"}
    remade(synced)
    report = synced.apply(adopt_from=[old.folder])

    assert told(report.plan) == {A: "update changed"}
    assert [left.why for left in report.left] == ["nothing tells it from the version that is locked"]
    assert synced.files[A] == fits("a2")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (fits("?"), "its bytes have not the archive's checksum"),
        (fits("a")[:1000], "1000 bytes, 2880 are stated"),
        (b"", "0 bytes, 2880 are stated"),
    ],
)
@pytest.mark.parametrize("move", [False, True])
def test_wrong_bytes_stay_and_are_told(place: Place, old: Elsewhere, content: bytes, why: str, *, move: bool) -> None:
    """A file with the right name alone stays where it is, in all that it is; the product is fetched."""
    wrong = old.put(f"mastDownload/JWST/jw00001/{A}", content)
    before = old.state[str(wrong)]
    report = place.apply(adopt_from=[old.folder], move=move)

    assert (report.exit_code, place.archive.sent, place.files) == (ExitCode.OK, [A], CONTENT)
    assert [(left.path, left.why) for left in report.left] == [(str(wrong), why)]
    assert old.state[str(wrong)] == before
    assert place.trash == []
    assert list((place.root / ".jwstsync" / "parts").iterdir()) == []


def test_what_is_found_out_in_the_run_is_said_in_a_few_lines(place: Place, tmp_path: Path) -> None:
    """Of many files with wrong bytes a few are named, and how many more there are."""
    names = [f"{number}_nrca1_cal.fits" for number in range(8)]
    place.archive.add(*(Product(name, fits(name)) for name in names))
    elsewhere = Elsewhere(tmp_path / "old")
    for name in names:
        elsewhere.put(name, fits("?"))
    place.apply(adopt_from=[elsewhere.folder])

    [warning] = place.diary.warnings
    assert (
        warning.splitlines()[0]
        == f"left as it is: {elsewhere.folder / names[0]}: its bytes have not the archive's checksum"
    )
    assert warning.splitlines()[-1] == "and 3 more"
    assert len(warning.splitlines()) == 6


def test_of_several_candidates_the_fitting_one_is_taken(place: Place, old: Elsewhere) -> None:
    """Whatever order they are found in."""
    old.put(f"0/{A}", fits("?"))
    old.put(f"z/{A}", fits("??"))
    old.put(f"z/1/{A}", b"cut")
    report = place.apply(adopt_from=[old.folder])

    assert (place.files, place.archive.sent) == (CONTENT, [])
    assert {Path(left.path).parent.name for left in report.left} == {"0", "1"}


def test_no_page_is_taken_for_a_product(place: Place, tmp_path: Path) -> None:
    """Where neither size nor checksum is known, a file still has to be what its name says."""
    name = "t_asn.json"
    place.archive.add(Product(name, b'{"products": []}', states_size=False))
    elsewhere = Elsewhere(tmp_path / "old")
    elsewhere.put(f"0/{name}", b"<html>")
    elsewhere.put(f"1/{name}", b'{"status": "ERROR"}')
    elsewhere.put(f"2/{name}", b'{"products": []}')
    report = place.apply(adopt_from=[elsewhere.folder])

    assert place.files[name] == b'{"products": []}'
    assert ["is not JSON" in left.why for left in report.left] == [True, False]
    assert report.left[1].why == "is no association: it has no products"


# --- rights and limits


@pytest.mark.parametrize("access", ["auto", "skip", "fetch", "error"])
def test_exclusive_products_need_no_token(place: Place, old: Elsewhere, access: str) -> None:
    """What somebody has, they have: it is adopted in every mode, and no token is looked for."""
    place.archive.add(Product(X, fits("x"), public=False))
    place.write(EVERYTHING.replace("[destination]", f'exclusive_access = "{access}"\n[destination]'))
    old.put(X, fits("x"))
    report = place.apply(adopt_from=[old.folder])

    assert (report.exit_code, outcomes(report)[X]) == (ExitCode.OK, "done")
    assert (place.archive.sent, place.archive.checked, place.archive.tokens) == ([], [], [])


@pytest.mark.parametrize("token", [None, RIGHT])
def test_an_exclusive_file_that_is_another_needs_one(place: Place, old: Elsewhere, token: str | None) -> None:
    """With a token the product is fetched in its place, without one it is withheld."""
    place.archive.add(Product(X, fits("x"), public=False))
    place.settings = replace(place.settings, token=token)
    old.put(X, fits("?"))
    report = place.apply(adopt_from=[old.folder])

    assert outcomes(report)[X] == ("withheld" if token is None else "done")
    assert place.archive.sent == ([] if token is None else [X])
    assert len(report.left) == 1


def limited(place: Place, old: Elsewhere) -> Place:
    """A place that may fetch one of its three products."""
    (old.folder / B).unlink()
    place.write(EVERYTHING.replace("[destination]", "[limits]\nmax_download = 5760\n[destination]"))
    return place


def test_limits_count_what_is_left_to_fetch(place: Place, old: Elsewhere) -> None:
    """A plan that is too large is carried out where enough of it lies elsewhere."""
    with pytest.raises(LimitError):
        limited(place, old).apply()
    assert place.apply(adopt_from=[old.folder]).exit_code is ExitCode.OK
    assert place.archive.sent == [B]


def test_limits_count_what_turns_out_to_be_left(place: Place, old: Elsewhere) -> None:
    """Bytes that are wrong would have to be fetched: if that is too much, nothing is, and what came in stays."""
    old.put(C, fits("?"))
    (old.folder / "02733" / "obs2" / "MIRI" / C).unlink()
    with pytest.raises(LimitError, match=r"max_download = 5.8 kB .* the plan would fetch 8.6 kB"):
        limited(place, old).apply(adopt_from=[old.folder])

    assert (place.archive.sent, place.locked) == ([], {A})


def test_copies_need_room(place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes from another file system counts for the disk, and not as a download."""
    place.write(EVERYTHING.replace("[destination]", "[limits]\nmax_download = 0\nreserve_disk = 0\n[destination]"))
    monkeypatch.setattr("jwstsync.store.sources._device", lambda _: -1)
    monkeypatch.setattr("jwstsync.store.tree.shutil.disk_usage", lambda _: SimpleNamespace(free=11_519))
    with pytest.raises(LimitError, match=r"disk: 0 B to fetch, 11.5 kB \(11,520 bytes\) to copy"):
        place.apply(adopt_from=[old.folder])
    monkeypatch.setattr("jwstsync.store.tree.shutil.disk_usage", lambda _: SimpleNamespace(free=11_520))

    assert place.apply(adopt_from=[old.folder]).exit_code is ExitCode.OK


def test_a_folder_that_is_not_there_is_told(place: Place, tmp_path: Path) -> None:
    """Before anything is asked."""
    for call in (place.plan, place.apply):
        with pytest.raises(UsageError, match=f"--adopt-from {tmp_path / 'gone'}: expected a folder"):
            call(adopt_from=[tmp_path / "gone"])
    assert place.archive.asked == []


def test_a_folder_that_can_not_be_searched_is_told(
    place: Place, old: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies elsewhere is brought in all the same."""
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("02733"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    place.apply(adopt_from=[old.folder])

    assert place.diary.warnings == [f"{old.folder / '02733'}: not searched: Permission denied"]
    assert place.archive.sent == [C]


def test_a_file_that_goes_away_while_it_is_looked_at_is_fetched(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its hash and the look at its form, too."""
    synced.lock.unlink()
    real = Tree.digest

    def gone(tree: Tree, path: ProductPath, stopped: Callable[[], bool]) -> Digest | None:
        digest = real(tree, path, stopped)
        if path.endswith(A):
            tree.place(path).unlink()
        return digest

    monkeypatch.setattr(Tree, "digest", gone)

    assert synced.apply().exit_code is ExitCode.OK
    assert (synced.archive.sent, synced.files) == ([A], CONTENT)
