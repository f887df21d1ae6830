"""How bytes get their final names: in the one safe order, nothing lost, and each landing for itself."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from jwstsync.core.layout import TRASH, ProductPath
from jwstsync.store.commit import landing_in_place, put_aside
from jwstsync.store.journal import journal_folder, read_journal
from jwstsync.store.record import ADOPTED, WRITTEN, Entry
from tests.store.destination import NAME, NEW, OLD, Destination, digest_of, path_of, product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    AnyPath: TypeAlias = str | Path

JOURNAL = "journal"
JOURNALS = journal_folder(Path(), "../jwstsync.lock").name
PART, ASIDE, PLACE, FOLDER = f"{NAME}.part", f"aside {NAME}", NAME, "obs/"


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    """A prepared root."""
    return Destination(tmp_path)


class Steps:
    """What the operating system is asked for, in order, by the last names of the files that it is about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, str]] = []
        self._names: dict[int, str] = {}
        self._open = os.open
        monkeypatch.setattr(os, "open", self._opened)
        for call in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, call, self._synced(call, getattr(os, call)))
        for call in ("link", "replace"):
            monkeypatch.setattr(os, call, self._named(call, getattr(os, call)))

    def _opened(self, path: AnyPath, flags: int, mode: int = 0o777) -> int:
        descriptor = self._open(path, flags, mode)
        self._names[descriptor] = self._name(Path(path))
        return descriptor

    def _synced(self, call: str, real: Callable[[int], None]) -> Callable[[int], None]:
        def synced(descriptor: int) -> None:
            self.seen.append((call, self._names[descriptor]))
            real(descriptor)

        return synced

    def _named(self, call: str, real: Callable[[AnyPath, AnyPath], None]) -> Callable[[AnyPath, AnyPath], None]:
        def named(source: AnyPath, target: AnyPath) -> None:
            self.seen.append((call, self._name(Path(target))))
            real(source, target)

        return named

    @staticmethod
    def _name(path: Path) -> str:
        if path.suffix == ".jsonl":
            return JOURNAL
        aside = "aside " if "trash" in path.parts else ""
        return aside + path.name + ("/" if path.is_dir() else "")


def refusing(monkeypatch: pytest.MonkeyPatch, module: ModuleType, call: str, code: int) -> None:
    """Has a call refused."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module, call, refuse)


def told(results: list[OSError | None]) -> list[str | None]:
    """What stood against each landing, in the system's words."""
    return [None if error is None else error.strerror for error in results]


def files(folder: Path) -> Iterator[str]:
    """All files below a folder."""
    return (str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file())


def test_order_of_steps_is_safe_at_every_point(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are durable, then the journal, then the old file's second name, and then the new one gets the first."""
    destination.put(OLD)
    committer, _ = destination.committer()
    steps = Steps(monkeypatch)

    assert committer.commit([destination.landing()]) == [None]

    journal, link, replaced = (
        steps.seen.index(step) for step in (("fdatasync", JOURNAL), ("link", ASIDE), ("replace", PLACE))
    )
    folders = {f"aside {folder}/" for folder in ("trash", "now", "JWST", "obs")}
    assert steps.seen[0] == ("fsync", PART)
    assert set(steps.seen[1:journal]) == {("fsync", f"{name}/") for name in (".jwstsync", "journal", JOURNALS)}
    assert set(steps.seen[link + 1 : replaced]) == {("fsync", name) for name in (".jwstsync/", *folders)}
    assert (journal + 1, steps.seen[replaced:]) == (link, [("replace", PLACE), ("fsync", FOLDER)])


def test_group_shares_its_syncs(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a group all lines of the journal are durable at once, before the first name is given, and then its folder."""
    committer, _ = destination.committer()
    destination.place().parent.mkdir(parents=True)
    landings = [destination.landing(name) for name in ("a.fits", "b.fits", "c.fits")]
    steps = Steps(monkeypatch)

    assert committer.commit(landings) == [None] * 3

    kinds = [call for call, name in steps.seen if name not in {".jwstsync/", "journal/", JOURNALS + "/"}]
    assert kinds == ["fdatasync", *["replace"] * 3, "fsync"]


def test_folders_are_synced_at_once(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of a group wait for the disk together, so that they share its work, but no more than 16 of them."""
    committer, _ = destination.committer()
    landings = [destination.landing(f"{number:02}.fits") for number in range(32)]
    landings = [
        replace(one, locked=replace(one.locked, path=ProductPath(f"{number:02}/{number:02}.fits")))
        for number, one in enumerate(landings)
    ]
    together = threading.Barrier(16)
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.isdigit():
            together.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)

    assert committer.commit(landings) == [None] * 32
    assert together.n_waiting == 0


def test_part_that_can_not_be_synced_is_no_landing(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that the disk does not take for sure can not land."""
    refusing(monkeypatch, os, "fsync", errno.EIO)

    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        destination.landing()


def test_new_folders_are_durable_before_the_names_in_them(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each folder that has to be made is synced in its parent before anything relies on it, the journal's own too."""
    committer, _ = destination.committer()
    steps = Steps(monkeypatch)

    assert committer.commit([destination.landing()]) == [None]

    assert steps.seen[0] == ("fsync", PART)
    assert set(steps.seen[1:3]) == {("fsync", "root/"), ("fsync", "JWST/")}
    assert set(steps.seen[3:6]) == {("fsync", f"{name}/") for name in (".jwstsync", "journal", JOURNALS)}
    assert steps.seen[6:] == [("fdatasync", JOURNAL), ("replace", PLACE), ("fsync", FOLDER)]


def test_landed_bytes_are_in_place_and_on_record(destination: Destination) -> None:
    """A landing moves its part to the final name, and says in journal and lines what lockfile and record will hold."""
    committer, _ = destination.committer()

    assert committer.commit([destination.landing()]) == [None]

    place = destination.place()
    assert place.read_bytes() == NEW
    assert list(destination.tree.parts_folder.iterdir()) == []
    [line] = committer.lines
    assert line.locked == product()
    assert line.entry == Entry(
        path=path_of(),
        uri=product().uri,
        proposal=2733,
        lockfile="../jwstsync.lock",
        size=len(NEW),
        mtime_ns=place.stat().st_mtime_ns,
        sha256=digest_of(NEW).sha256,
        md5=digest_of(NEW).md5,
        origin=WRITTEN,
    )
    [journal] = destination.journals.iterdir()
    assert read_journal(journal) == ("", [line])


def test_file_in_place_is_adopted_as_it_is(destination: Destination) -> None:
    """A file that is in its place already is recorded as adopted, and is not touched."""
    before = destination.put(NEW).stat()
    committer, _ = destination.committer()

    assert committer.commit([landing_in_place(destination.place(), product(), digest_of(NEW))]) == [None]

    assert committer.lines[0].entry.origin == ADOPTED
    assert committer.lines[0].entry.mtime_ns == before.st_mtime_ns
    assert destination.place().stat() == before
    assert not destination.trash.exists()


def test_file_that_went_away_is_not_adopted(destination: Destination) -> None:
    """A file that was removed before it could be recorded is no landing."""
    with pytest.raises(FileNotFoundError):
        landing_in_place(destination.place(), product(), digest_of(NEW))


def test_nothing_to_commit_writes_nothing(destination: Destination) -> None:
    """A group of which nothing can land begins no journal."""
    committer, _ = destination.committer()
    (destination.tree.root / "JWST").write_bytes(OLD)

    assert committer.commit([]) == []
    assert told(committer.commit([destination.landing()])) == [os.strerror(errno.EEXIST)]
    assert not destination.journals.exists()


def test_what_stood_there_goes_to_the_trash(destination: Destination) -> None:
    """The old file is the very same file in the trash, under its path."""
    old = destination.put(OLD).stat()
    committer, _ = destination.committer()

    committer.commit([destination.landing()])

    aside = destination.trash / path_of()
    assert aside.read_bytes() == OLD
    assert aside.stat().st_ino == old.st_ino
    assert destination.place().read_bytes() == NEW


def test_old_version_gives_way_where_it_may(destination: Destination) -> None:
    """A landing that need not keep what it replaces leaves nothing of it."""
    destination.put(OLD)
    committer, _ = destination.committer()

    committer.commit([destination.landing(aside=None)])

    assert destination.place().read_bytes() == NEW
    assert not destination.trash.exists()


def test_old_version_is_kept_where_it_belongs(destination: Destination) -> None:
    """A landing may name a folder for what it replaces: the very same file lies there, and nothing in the trash."""
    old = destination.put(OLD).stat()
    committer, _ = destination.committer()

    committer.commit([destination.landing(aside="versions/1.16.1-01234567")])

    kept = destination.tree.state_folder / "versions" / "1.16.1-01234567" / path_of()
    assert kept.read_bytes() == OLD
    assert kept.stat().st_ino == old.st_ino
    assert destination.place().read_bytes() == NEW
    assert not destination.trash.exists()


def test_copy_is_put_aside_where_links_are_refused(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk without hard links the old file is copied, with its time, and durably before its name is taken."""
    old = destination.put(OLD).stat()
    committer, _ = destination.committer()
    landing = destination.landing()
    refusing(monkeypatch, os, "link", errno.EPERM)
    steps = Steps(monkeypatch)

    assert committer.commit([landing]) == [None]

    aside = destination.trash / path_of()
    assert aside.read_bytes() == OLD
    assert aside.stat().st_mtime_ns == old.st_mtime_ns
    assert destination.place().read_bytes() == NEW
    assert [step for step in steps.seen if step[1] in {ASIDE, PLACE}] == [
        ("link", ASIDE),
        ("fsync", ASIDE),
        ("replace", PLACE),
    ]


def test_nothing_is_replaced_that_can_not_be_put_aside(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where neither a link nor a copy can be had, the old file keeps its name and the landing fails."""
    destination.put(OLD)
    committer, _ = destination.committer()
    landing = destination.landing()
    refusing(monkeypatch, os, "link", errno.EPERM)
    refusing(monkeypatch, shutil, "copy2", errno.ENOSPC)

    assert told(committer.commit([landing])) == [os.strerror(errno.ENOSPC)]
    assert destination.place().read_bytes() == OLD
    assert committer.lines == []


def test_dangling_link_goes_to_the_trash(destination: Destination) -> None:
    """A symbolic link to a disk that is not mounted is nothing that may be lost."""
    destination.place().parent.mkdir(parents=True)
    destination.place().symlink_to("/nowhere/a.fits")
    committer, _ = destination.committer()

    assert committer.commit([destination.landing()]) == [None]

    assert (destination.trash / path_of()).readlink() == Path("/nowhere/a.fits")
    assert destination.place().read_bytes() == NEW
    assert not destination.place().is_symlink()


def test_linked_file_is_left_where_it_is(destination: Destination, tmp_path: Path) -> None:
    """Where the name was a symbolic link, the link goes to the trash and the file behind it is not touched."""
    (tmp_path / "mine.fits").write_bytes(OLD)
    destination.place().parent.mkdir(parents=True)
    destination.place().symlink_to(tmp_path / "mine.fits")
    committer, _ = destination.committer()

    assert committer.commit([destination.landing()]) == [None]

    assert (tmp_path / "mine.fits").read_bytes() == OLD
    assert (destination.trash / path_of()).is_symlink()
    assert destination.place().read_bytes() == NEW


@pytest.mark.parametrize("links", [True, False])
def test_what_was_put_aside_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool) -> None:
    """Another file that is put aside under the same name, by whatever run, takes nothing away: a number is added."""
    if not links:
        refusing(monkeypatch, os, "link", errno.EPERM)
    place, aside = tmp_path / "a.fits", tmp_path / "trash" / "a.fits"
    for content in (OLD, NEW, b"third"):
        (tmp_path / "next").write_bytes(content)
        (tmp_path / "next").replace(place)
        put_aside(place, aside)

    kept = {path.name: path.read_bytes() for path in aside.parent.iterdir()}
    assert kept == {"a.fits": OLD, "a.fits.2": NEW, "a.fits.3": b"third"}


def test_bytes_are_put_aside_once(tmp_path: Path) -> None:
    """A copy of what was put aside before adds nothing, as when somebody went back to an old version for a while."""
    place, aside = tmp_path / "a.fits", tmp_path / "versions" / "a.fits"
    for content in (OLD, NEW, OLD, NEW):
        place.unlink(missing_ok=True)
        place.write_bytes(content)
        put_aside(place, aside)

    assert {path.name: path.read_bytes() for path in aside.parent.iterdir()} == {"a.fits": OLD, "a.fits.2": NEW}


def test_links_are_put_aside_as_links(tmp_path: Path) -> None:
    """A link is none of the file's second names, though its bytes are the same; the same link is kept once."""
    place, aside = tmp_path / "a.fits", tmp_path / "trash" / "a.fits"
    place.write_bytes(OLD)
    put_aside(place, aside)
    for target in ("/nowhere/a.fits", aside, "/nowhere/a.fits"):
        place.unlink()
        place.symlink_to(target)
        put_aside(place, aside)

    kept = {path.name: str(path.readlink()) if path.is_symlink() else "" for path in aside.parent.iterdir()}
    assert kept == {"a.fits": "", "a.fits.2": "/nowhere/a.fits", "a.fits.3": str(aside)}


def test_file_is_put_aside_once(tmp_path: Path) -> None:
    """A file that has its second name already needs no third, as when a landing is tried again."""
    place, aside = tmp_path / "a.fits", tmp_path / "trash" / "a.fits"
    place.write_bytes(OLD)

    for _ in range(2):
        put_aside(place, aside)

    assert [path.stat().st_ino for path in aside.parent.iterdir()] == [place.stat().st_ino]


@pytest.mark.parametrize("aside", [TRASH, "versions/1.16.1-01234567", None])
def test_folder_at_the_name_stays(destination: Destination, aside: str | None) -> None:
    """A folder where a product belongs is never removed, nor is what it holds; the product's landing fails."""
    inside = destination.place() / "mine.txt"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(OLD)
    committer, _ = destination.committer()

    assert told(committer.commit([destination.landing(aside=aside)])) == [os.strerror(errno.EISDIR)]
    assert inside.read_bytes() == OLD
    assert committer.lines == []


def test_failures_stay_with_their_landing(destination: Destination) -> None:
    """One landing that fails, early or late, stops no other of its group."""
    destination.place("folder.fits").mkdir(parents=True)
    (destination.tree.root / "file").write_bytes(OLD)
    committer, _ = destination.committer()
    lost = destination.landing("lost.fits")
    assert lost.part is not None
    lost.part.unlink()
    landings = [destination.landing("a.fits"), lost, destination.landing("folder.fits"), destination.landing("b.fits")]

    results = committer.commit(landings)

    assert told(results) == [None, os.strerror(errno.ENOENT), os.strerror(errno.EISDIR), None]
    assert [line.locked.path for line in committer.lines] == [path_of("a.fits"), path_of("b.fits")]
    assert list(files(destination.tree.root / "JWST")) == ["obs/a.fits", "obs/b.fits"]


def test_file_in_the_place_of_a_folder_stays(destination: Destination) -> None:
    """Where a file stands in the place of a folder, it stays, and what belongs into the folder fails."""
    (destination.tree.root / "JWST").write_bytes(OLD)
    committer, _ = destination.committer()

    assert told(committer.commit([destination.landing()])) == [os.strerror(errno.EEXIST)]
    assert (destination.tree.root / "JWST").read_bytes() == OLD


def test_folder_that_goes_away_fails_its_landing_alone(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that somebody removes in the middle costs the products in it, and no other."""
    committer, _ = destination.committer()
    going = destination.landing("going.fits")
    going = replace(going, locked=replace(going.locked, path=ProductPath("going/going.fits")))
    fdatasync = os.fdatasync

    def meddle(descriptor: int) -> None:
        fdatasync(descriptor)
        (destination.tree.root / "going").rmdir()

    monkeypatch.setattr(os, "fdatasync", meddle)

    assert told(committer.commit([going, destination.landing()])) == [os.strerror(errno.ENOENT), None]
    assert [line.locked.path for line in committer.lines] == [path_of()]
    assert destination.place().read_bytes() == NEW


def test_unwritable_journal_gives_no_names(destination: Destination) -> None:
    """Without a journal nothing lands: the old files keep their names, and the parts stay for whoever tries again."""
    destination.put(OLD)
    destination.journals.parent.write_bytes(b"mine")
    committer, _ = destination.committer()
    landings = [destination.landing(), destination.landing("b.fits")]

    with pytest.raises(OSError, match="journal"):
        committer.commit(landings)

    assert destination.place().read_bytes() == OLD
    assert not destination.place("b.fits").exists()
    assert committer.lines == []
    assert all(landing.part and landing.part.exists() for landing in landings)
