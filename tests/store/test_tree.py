"""The tree of products: presence is observed, and memory is trusted only where it fits."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.disk import FileState
from jwstsync.core.layout import ProductPath
from jwstsync.errors import StoreError
from jwstsync.store.fold import remember
from jwstsync.store.record import read_suspects
from jwstsync.store.tree import NOT_A_FILE, Tree
from tests.core.strategies import md5_of, sha256_of
from tests.store.destination import NEW, OLD, Destination, digest_of, entry, path_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATH = path_of()


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    """A prepared root."""
    return Destination(tmp_path)


@pytest.fixture
def remembered(destination: Destination) -> Path:
    """A file in its place, with its hashes on record."""
    place = destination.put(NEW)
    remember(destination.tree, [entry(mtime_ns=place.stat().st_mtime_ns)])
    return place


def known(place: Path) -> FileState:
    """A file of which everything is known and nothing changed."""
    return FileState(len(NEW), sha256_of(NEW), md5_of(NEW), untouched=True, mtime_ns=place.stat().st_mtime_ns)


def test_free_paths_are_left_out(destination: Destination) -> None:
    """A path where nothing stands has no state, also where its folder is missing."""
    destination.put(NEW, "other.fits")

    assert destination.tree.observe([PATH, ProductPath("nowhere/a.fits")]) == {}


def test_unknown_file_has_size_and_time(destination: Destination) -> None:
    """Of a file that nobody recorded only size and time are known."""
    place = destination.put(NEW)

    assert destination.tree.observe([PATH]) == {PATH: FileState(len(NEW), mtime_ns=place.stat().st_mtime_ns)}


def test_record_is_trusted_while_it_fits(destination: Destination, remembered: Path) -> None:
    """A file with the size and time on record is known without reading it."""
    assert destination.tree.observe([PATH]) == {PATH: known(remembered)}


def test_other_time_is_not_trusted(destination: Destination, remembered: Path) -> None:
    """A file that was written again is not known, even if its size stayed."""
    found = remembered.stat()
    os.utime(remembered, ns=(found.st_atime_ns, found.st_mtime_ns + 1))

    assert destination.tree.observe([PATH]) == {PATH: FileState(len(NEW), mtime_ns=found.st_mtime_ns + 1)}


def test_other_size_is_not_trusted(destination: Destination, remembered: Path) -> None:
    """A file with another size is not known, even if its time was put back."""
    found = remembered.stat()
    remembered.write_bytes(NEW[:-1])
    os.utime(remembered, ns=(found.st_atime_ns, found.st_mtime_ns))

    assert destination.tree.observe([PATH]) == {PATH: FileState(len(NEW) - 1, mtime_ns=found.st_mtime_ns)}


def test_record_without_md5_knows_the_rest(destination: Destination) -> None:
    """Where no MD5 was taken the SHA-256 is known, and the MD5 is not taken for an empty one."""
    place = destination.put(NEW)
    remember(destination.tree, [replace(entry(mtime_ns=place.stat().st_mtime_ns), md5="")])

    state = destination.tree.observe([PATH])[PATH]

    assert (state.sha256, state.md5) == (sha256_of(NEW), None)


def test_suspects_are_not_trusted(destination: Destination, remembered: Path) -> None:
    """A file that was found wrong is hashed by the next plan, whatever its record says, until it is found whole."""
    tree = destination.tree
    tree.suspect([PATH], [PATH, "b.fits"])
    assert tree.observe([PATH]) == {PATH: replace(known(remembered), sha256=None, md5=None)}

    tree.suspect([], ["b.fits"])
    assert tree.observe([PATH])[PATH].sha256 is None

    tree.suspect([], [PATH])
    assert tree.observe([PATH]) == {PATH: known(remembered)}


def test_remembered_files_are_no_longer_suspect(destination: Destination, remembered: Path) -> None:
    """A file that was found whole is trusted again, and so is one that was written; others are not."""
    tree = destination.tree
    tree.suspect([PATH, path_of("b.fits"), path_of("c.fits")], [])

    remember(tree, [entry("b.fits")], {PATH})

    assert tree.observe([PATH]) == {PATH: known(remembered)}
    assert read_suspects(tree.suspects_file) == {path_of("c.fits")}


def test_suspecting_makes_no_state_folder(tmp_path: Path) -> None:
    """Where there is no local state, `verify` leaves none behind."""
    Tree(tmp_path / "root").suspect([PATH], [PATH])

    assert not (tmp_path / "root").exists()


def test_suspects_are_written_only_when_they_change(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `verify` that finds what is known already writes nothing."""
    destination.tree.suspect([PATH], [PATH])
    monkeypatch.delattr(os, "fsync")

    destination.tree.suspect([PATH], [PATH])


def test_folder_in_the_place_is_no_file(destination: Destination) -> None:
    """A folder where a product belongs is there and has no size; nobody reads it."""
    destination.place().mkdir(parents=True)

    assert destination.tree.observe([PATH]) == {PATH: FileState(NOT_A_FILE)}


def test_path_below_a_file_is_free(destination: Destination) -> None:
    """Where a file stands in the place of a folder, what belongs into the folder is not there."""
    (destination.tree.root / "JWST").write_bytes(OLD)

    assert destination.tree.observe([PATH]) == {}
    assert destination.tree.digest(PATH) is None


def test_folder_that_can_not_be_searched_is_told(destination: Destination) -> None:
    """Where the operating system does not tell what stands at a path, the run ends and names the folder."""
    loop = destination.tree.root / "JWST"
    loop.symlink_to(loop)

    with pytest.raises(StoreError, match=r"root/JWST: .*; expected a folder that can be searched"):
        destination.tree.observe([PATH])


def test_record_that_can_not_be_read_is_told(destination: Destination) -> None:
    """A record that is there and can not be read ends the run and is named."""
    destination.tree.record_file.mkdir()

    with pytest.raises(StoreError, match=r"destination: .*record.jsonl: Is a directory"):
        destination.tree.observe([PATH])


def test_symlinked_root_and_files_are_followed(tmp_path: Path) -> None:
    """A root on another disk, and files that were linked into it, are seen like any other."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    destination = Destination(tmp_path)
    (tmp_path / "elsewhere.fits").write_bytes(NEW)
    destination.place().parent.mkdir(parents=True)
    destination.place().symlink_to(tmp_path / "elsewhere.fits")

    assert destination.tree.observe([PATH])[PATH].size == len(NEW)
    assert (tmp_path / "disk" / ".jwstsync" / ".gitignore").exists()


def test_hashes_are_filled_in(destination: Destination, remembered: Path) -> None:
    """The files asked for are read, with each one's bytes told; the others keep what is known of them."""
    other = path_of("b.fits")
    destination.put(OLD, "b.fits")
    states = destination.tree.observe([PATH, other])
    counted: list[int] = []

    hashed = destination.tree.hashed(states, [other], counted.append)

    assert hashed[PATH] == known(remembered)
    assert (hashed[other].sha256, hashed[other].md5) == (sha256_of(OLD), md5_of(OLD))
    assert counted == [len(OLD)]


def test_hashed_size_is_that_of_the_bytes(destination: Destination) -> None:
    """A file that grew since it was observed is what was hashed, and is told by its old time."""
    destination.put(OLD)
    states = destination.tree.observe([PATH])
    destination.put(OLD + NEW)

    state = destination.tree.hashed(states, [PATH], lambda _: None)[PATH]

    assert (state.size, state.sha256) == (len(OLD + NEW), sha256_of(OLD + NEW))
    assert state.mtime_ns == states[PATH].mtime_ns


def test_file_that_went_away_is_left_out(destination: Destination) -> None:
    """A file that was removed between the look and the hash is not there."""
    destination.put(NEW)
    states = destination.tree.observe([PATH])
    shutil.rmtree(destination.tree.root / "JWST")

    assert destination.tree.hashed(states, [PATH], lambda _: None) == {}


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_digest_is_of_all_bytes(destination: Destination, size: int) -> None:
    """A digest counts and hashes every byte, at every size around that of the read buffer."""
    content = bytes(range(251)) * (size // 251 + 1)
    destination.put(content[:size])

    assert destination.tree.digest(PATH) == digest_of(content[:size])


def test_unreadable_product_is_told(destination: Destination) -> None:
    """A product that can not be read is named."""
    destination.place().mkdir(parents=True)

    with pytest.raises(StoreError, match=r"product: .*a.fits: Is a directory"):
        destination.tree.digest(PATH)


def test_root_is_prepared_once(tmp_path: Path) -> None:
    """Preparing makes root and state folder, hidden from git and from backups; doing it again changes nothing."""
    tree = Tree(tmp_path / "deep" / "root")
    tree.prepare()
    tag = tree.state_folder / "CACHEDIR.TAG"
    assert tag.read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    assert tree.parts_folder.is_dir()

    (tree.state_folder / ".gitignore").write_text("# mine\n")
    before = tag.stat().st_mtime_ns
    tree.prepare()

    assert (tree.state_folder / ".gitignore").read_text() == "# mine\n"
    assert tag.stat().st_mtime_ns == before


def test_git_sees_nothing_of_the_state(tmp_path: Path) -> None:
    """The state folder ignores all of itself, so that a root inside a repository stays clean."""
    Tree(tmp_path).prepare()

    assert (tmp_path / ".jwstsync" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("use", [Tree.prepare, lambda tree: tree.observe([PATH])])
def test_file_in_the_roots_place_is_told(tmp_path: Path, use: Callable[[Tree], object]) -> None:
    """A file where the root should be ends the run, is named, and stays."""
    tree = Tree(tmp_path / "root")
    tree.root.write_bytes(OLD)

    with pytest.raises(
        StoreError, match=r"^(destination|\[destination\] root): .*root.*: (Not a directory|File exists)"
    ):
        use(tree)

    assert tree.root.read_bytes() == OLD


def test_free_bytes_are_those_of_the_disk(tmp_path: Path) -> None:
    """The room for a root is known before the root is made."""
    (tmp_path / "root").mkdir()
    total = shutil.disk_usage(tmp_path).total

    assert 0 < Tree(tmp_path / "root").free_bytes() <= total
    assert 0 < Tree(tmp_path / "not" / "yet").free_bytes() <= total


def test_room_that_is_not_told_is_an_error(tmp_path: Path) -> None:
    """A root whose name no disk can take is told, and is no bug."""
    with pytest.raises(StoreError, match=r"destination: .*: File name too long"):
        Tree(tmp_path / ("x" * 300)).free_bytes()


def test_old_versions_are_counted(destination: Destination) -> None:
    """All files below the folder of the versions, with their bytes; a link counts for itself."""
    tree = destination.tree
    assert tree.kept_versions() == (0, 0)
    for number, content in enumerate((OLD, NEW)):
        kept = tree.state_folder / "versions" / f"1.{number}" / PATH
        kept.parent.mkdir(parents=True)
        kept.write_bytes(content)
    assert tree.kept_versions() == (2, len(OLD) + len(NEW))
    kept.with_name("link").symlink_to("x")
    assert tree.kept_versions() == (3, len(OLD) + len(NEW) + 1)


def test_old_versions_that_can_not_be_counted(destination: Destination) -> None:
    """What is no folder holds no versions, and says so."""
    (destination.tree.state_folder / "versions").write_bytes(b"")
    with pytest.raises(StoreError, match=r"^old versions: .*versions: Not a directory"):
        destination.tree.kept_versions()
