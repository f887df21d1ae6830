"""Verify: every file is hashed, once a round, however often it is cut short and whatever a run does meanwhile."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from jwstsync.core.rounds import Verification
from jwstsync.errors import StoreError, UsageError
from jwstsync.store import record, tree
from jwstsync.store.hashing import Digest, hash_file
from jwstsync.store.rounds import Rounds
from jwstsync.sync import verifying
from jwstsync.sync.verifying import Verifying, verify
from tests.sync.clock import FakeClock
from tests.sync.fakes import A, B, C, Diary, Place, fits, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.layout import ProductPath

SIZES = {A: 2880, B: 5760, C: 2880}


class Hashing(Diary):
    """Feedback that counts what is hashed, and can do something in between.

    Attributes:
        hashed_bytes: The bytes that were hashed of each file, by name.
        at_start: Called with the name of each file that begins.
        at_end: Called with the name of each file that has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hashed_bytes: dict[str, int] = {}
        self.at_start: Callable[[str], None] = lambda _: None
        self.at_end: Callable[[str], None] = lambda _: None

    def started(self, fetch: Fetch, size: int | None, resumed: int = 0) -> None:
        """A file begins."""
        name = fetch.path.rpartition("/")[2]
        assert (size, resumed) == (SIZES.get(name, size), 0)
        self.at_start(name)

    def received(self, fetch: Fetch, count: int) -> None:
        """Bytes were hashed."""
        name = fetch.path.rpartition("/")[2]
        self.hashed_bytes[name] = self.hashed_bytes.get(name, 0) + count

    def ended(self, fetch: Fetch) -> None:
        """A file has ended."""
        self.at_end(fetch.path.rpartition("/")[2])


@pytest.fixture
def hashing() -> Hashing:
    """Who is told."""
    return Hashing()


@pytest.fixture
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One file after the other, so that what is cut off is the same each time."""
    monkeypatch.setattr(verifying, "_MOST_AT_ONCE", 1)


one_by_one = pytest.mark.usefixtures("_one_by_one")


def verified(place: Place, **choices: Any) -> tuple[dict[str, str], list[str], list[str]]:  # noqa: ANN401 - passed on
    """What was found wrong, which files were hashed, and which remain."""
    hashing = choices.setdefault("feedback", Hashing())
    found = verify(place.manifest, **choices)
    assert {name: SIZES[name] for name in hashing.hashed_bytes} == hashing.hashed_bytes  # each whole, and once
    return (
        told(found.plan),
        sorted(hashing.hashed_bytes),
        sorted(one.path.rpartition("/")[2] for one in found.remaining),
    )


def verified_for_one_file(place: Place, mjd: float | None = None) -> tuple[dict[str, str], list[str], list[str]]:
    """The same with a time limit that is over after one file, at some moment."""
    clock, hashing = FakeClock(), Hashing()
    hashing.at_end = lambda _: clock.go_on(3600)
    known = clock.clock if mjd is None else clock.at(mjd)
    return verified(place, time_limit="1h", clock=known, feedback=hashing)


def written_at(place: Place, **seconds: int) -> None:
    """Gives files their times, by the first letter of their names."""
    for letter, at in seconds.items():
        name = f"{letter}_cal.fits"
        os.utime(place.file(name, 2 if name == C else 1), (at, at))


def damage(place: Place, name: str, content: bytes | None = None) -> None:
    """Changes a file's bytes, or puts them right, and keeps its time."""
    file = place.file(name)
    stat = file.stat()
    file.write_bytes(fits("z", blocks=stat.st_size // 2880) if content is None else content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


# --- what is found


def test_every_file_that_is_there_is_hashed(synced: Place, hashing: Hashing) -> None:
    """Nothing is trusted, nothing is fetched, nobody is asked; who waits is told what is done."""
    synced.file(B).unlink()

    assert verified(synced, feedback=hashing) == ({B: "fetch missing"}, [A, C], [])
    assert hashing.phases == ["hashing 2 files"]
    assert (synced.archive.asked, synced.archive.sent) == ([], [])


def test_what_is_no_file_or_has_another_size_is_not_hashed(synced: Place) -> None:
    """It is wrong as it stands."""
    synced.file(A).unlink()
    synced.file(A).mkdir()
    synced.file(B).write_bytes(b"cut")

    assert verified(synced) == ({A: "repair truncated", B: "repair truncated"}, [C], [])


def test_local_state_is_not_needed(synced: Place) -> None:
    """Without what was remembered the same is found; and from then on a verification can be cut short there, too."""
    shutil.rmtree(synced.root / ".jwstsync")
    synced.file(A).write_bytes(fits("z"))

    assert verified(synced)[0] == {A: "repair modified"}
    assert (synced.root / ".jwstsync" / "verified").is_dir()


def test_a_file_that_is_right_again_is_no_longer_suspected(synced: Place) -> None:
    """One that was put right by hand is trusted again once it was verified."""
    whole = synced.file(A).read_bytes()
    for content, found in ((None, {A: "repair damaged"}), (whole, {})):
        damage(synced, A, content)
        assert verified(synced)[0] == found
        assert told(synced.plan()) == found

    synced.diary.hashes.clear()
    assert told(synced.plan()) == {}
    assert synced.diary.hashes == []


def test_where_nothing_is_locked(place: Place) -> None:
    """Before the first run there is nothing to be wrong, and nothing is begun."""
    assert verify(place.manifest).differences == []
    assert not place.root.exists()


def test_a_sector_that_can_not_be_read(synced: Place, hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is damage: it is said, the others are hashed all the same, and apply replaces the file and keeps the old one."""

    def failing(path: Path, *arguments: Any, **choices: Any) -> Digest:  # noqa: ANN401 - passed on
        if path == synced.file(A) and path.stat().st_ino == inode:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return hash_file(path, *arguments, **choices)

    inode = synced.file(A).stat().st_ino
    monkeypatch.setattr(tree, "hash_file", failing)

    assert verified(synced, feedback=hashing) == ({A: "repair damaged"}, [B, C], [])
    assert hashing.warnings == [f"product: {synced.file(A)}: Input/output error"]
    assert told(synced.plan()) == {A: "repair damaged"}
    assert synced.apply().exit_code == 0
    assert synced.file(A).stat().st_ino != inode
    assert synced.trash == [fits("a")]
    assert verified(synced)[0] == {}


def test_a_file_that_may_not_be_read(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is found wrong, while a plan does not dare to replace it."""

    def refusing(path: Path, *arguments: Any, **choices: Any) -> Digest:  # noqa: ANN401 - passed on
        if path == synced.file(A):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return hash_file(path, *arguments, **choices)

    monkeypatch.setattr(tree, "hash_file", refusing)

    assert verified(synced) == ({A: "repair damaged"}, [B, C], [])
    with pytest.raises(StoreError, match=r"a_cal.fits: Permission denied"):
        synced.plan()


def test_a_place_that_can_not_be_written(synced: Place, hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is found and told all the same, and it is said, once, that nothing is noted."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Rounds, "_open", refuse)
    monkeypatch.setattr(record, "write_suspects", refuse)
    damage(synced, A)

    assert verified(synced, feedback=hashing) == ({A: "repair damaged"}, [A, B, C], [])
    assert hashing.warnings == [
        "local state: Read-only file system; what is found is not noted, and another verification begins anew"
    ]


def test_a_time_limit_that_is_none(synced: Place) -> None:
    """It is refused, with what would be right."""
    with pytest.raises(UsageError, match="time_limit = 'soon': expected a time above 0"):
        verify(synced.manifest, time_limit="soon")


# --- rounds


@one_by_one
def test_what_is_cut_short_goes_on_where_it_stopped(synced: Place) -> None:
    """No file is hashed twice in a round; first comes what was written longest ago; then another round begins."""
    written_at(synced, a=200, b=100, c=300)

    assert verified_for_one_file(synced) == ({}, [B], [A, C])
    assert verified_for_one_file(synced) == ({}, [A], [C])
    assert verified_for_one_file(synced) == ({}, [C], [])
    assert verified(synced) == ({}, [A, B, C], [])


@one_by_one
def test_another_round_begins_with_what_was_hashed_longest_ago(synced: Place) -> None:
    """So a verification that never comes to the end of a round neglects no file."""
    written_at(synced, a=200, b=100, c=300)
    for moment in (60_003.0, 60_001.0, 60_002.0):
        verified_for_one_file(synced, moment)

    assert verified_for_one_file(synced) == ({}, [A], [B, C])
    assert verified_for_one_file(synced) == ({}, [C], [B])


@one_by_one
def test_what_was_found_wrong_counts_to_the_end_of_the_round(synced: Place) -> None:
    """Also in the parts of the round in which it is not hashed; and what is missing is seen in each."""
    written_at(synced, a=100, b=200, c=300)
    damage(synced, A)
    wrong = {A: "repair modified"}

    assert verified_for_one_file(synced) == (wrong, [A], [B, C])
    synced.file(C, 2).unlink()
    assert verified_for_one_file(synced) == ({**wrong, C: "fetch missing"}, [B], [])


def test_a_round_that_is_complete_is_not_gone_on_with(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verification that was killed before it could end its round is no reason for the next to hash nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(Verifying, "_note", lambda _: None)
        assert verified(synced) == ({}, [A, B, C], [])

    assert verified(synced) == ({}, [A, B, C], [])


@one_by_one
def test_a_file_that_changed_after_it_was_hashed_is_hashed_again(synced: Place) -> None:
    """In the same round, whether it was touched or repaired."""
    written_at(synced, a=100, b=200, c=300)
    damage(synced, A)
    verified_for_one_file(synced)
    verified_for_one_file(synced)
    written_at(synced, b=400)
    synced.apply()

    assert verified(synced) == ({}, [A, B, C], [])
    assert synced.trash == [fits("z")]


@one_by_one
def test_a_new_round_on_request(synced: Place) -> None:
    """What the unfinished one came to is hashed again, after the rest."""
    written_at(synced, a=100, b=200, c=300)
    verified_for_one_file(synced)
    hashing, order = Hashing(), list[str]()
    hashing.at_start = order.append

    assert verified(synced, restart=True, feedback=hashing) == ({}, [A, B, C], [])
    assert order == [B, C, A]


def test_a_limit_of_more_than_is_needed(synced: Place) -> None:
    """Changes nothing."""
    assert verified(synced, time_limit=3600) == ({}, [A, B, C], [])


@one_by_one
def test_files_that_are_locked_no_more_are_forgotten(synced: Place) -> None:
    """What is written down does not grow for ever."""
    verified(synced)
    [file] = (synced.root / ".jwstsync" / "verified").iterdir()
    size = file.stat().st_size
    for _ in range(3):
        verified(synced)
    assert file.stat().st_size == size

    synced.archive.holdings.pop(A)
    synced.apply()
    verified(synced)
    assert A not in file.read_text(encoding="utf-8")


# --- ended early


@one_by_one
def test_a_stop_keeps_what_was_verified(synced: Place, hashing: Hashing) -> None:
    """The files that were hashed until then are not hashed again."""
    written_at(synced, a=100, b=200, c=300)
    current = Verifying(synced.manifest, feedback=hashing)
    hashing.at_start = lambda name: current.stop() if name == B else None
    found = current.carry_out()

    assert [one.path.rpartition("/")[2] for one in found.remaining] == [B, C]
    assert verified(synced) == ({}, [B, C], [])


def test_a_stop_in_the_middle_of_a_file(synced: Place, hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends at once; half a file is no verified file, and none that is damaged."""
    monkeypatch.setattr("jwstsync.store.hashing._CHUNK", 960)
    current = Verifying(synced.manifest, feedback=hashing)
    monkeypatch.setattr(hashing, "received", lambda *_: current.stop())
    found = current.carry_out()

    assert found.differences == []
    assert len(found.remaining) == 3
    assert verified(synced) == ({}, [A, B, C], [])


def test_several_at_once(synced: Place, hashing: Hashing) -> None:
    """Files are hashed side by side: two of them have begun before either ends."""
    both = threading.Barrier(2)
    first_two = iter(range(2))
    hashing.at_start = lambda _: void(both.wait(60)) if next(first_two, None) is not None else None

    assert verify(synced.manifest, feedback=hashing).differences == []


@one_by_one
def test_a_bug_in_a_thread_ends_the_rest(synced: Place, hashing: Hashing) -> None:
    """It is raised, and what was hashed before is kept."""
    written_at(synced, a=100, b=200, c=300)

    def fail(name: str) -> None:
        if name == B:
            raise ZeroDivisionError

    hashing.at_start = fail
    with pytest.raises(ZeroDivisionError):
        verify(synced.manifest, feedback=hashing)
    assert verified(synced) == ({}, [B, C], [])


@one_by_one
@pytest.mark.parametrize("moment", ["while it hashes", "while threads begin"])
def test_ctrl_c_in_a_pipeline(synced: Place, hashing: Hashing, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Where it is no signal to be received, it ends the threads at once, and is raised."""
    written_at(synced, a=100, b=200, c=300)
    current, stopped = Verifying(synced.manifest, feedback=hashing), threading.Event()
    stop = current.stop

    def stopping() -> None:
        stop()
        stopped.set()

    def interrupt(name: str) -> None:
        if name == B:
            if moment == "while it hashes":
                os.kill(os.getpid(), signal.SIGINT)
            stopped.wait(60)

    class Interrupted(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **choices: Any) -> NoReturn:  # noqa: ANN401 - passed on
            super().submit(*arguments, **choices)
            raise KeyboardInterrupt

    hashing.at_start = interrupt
    monkeypatch.setattr(current, "stop", stopping)
    if moment == "while threads begin":
        monkeypatch.setattr(verifying, "ThreadPoolExecutor", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        current.carry_out()

    assert stopped.is_set()
    assert C not in hashing.hashed_bytes
    if moment == "while it hashes":
        assert verified(synced) == ({}, [B, C], [])


def test_a_file_that_is_written_to_all_the_time(synced: Place, hashing: Hashing) -> None:
    """It is looked at a few times, and then remains for another verification."""
    moments = iter(range(100))
    hashing.at_end = lambda name: os.utime(synced.file(A), (at := next(moments), at)) if name == A else None
    found = verify(synced.manifest, feedback=hashing)

    assert (found.differences, [one.path.rpartition("/")[2] for one in found.remaining]) == ([], [A])
    assert hashing.hashed_bytes == {A: 5 * SIZES[A], B: SIZES[B], C: SIZES[C]}


# --- while a run is at work


@one_by_one
def test_what_a_run_replaces_meanwhile_is_no_damage(synced: Place, hashing: Hashing) -> None:
    """A product that is made anew and updated while others are hashed is judged by its new entry."""
    written_at(synced, a=100, b=200, c=300)
    for name in (A, B, C):
        synced.archive.remake(name, fits("y", blocks=SIZES[name] // 2880))
    hashing.at_start = lambda name: None if name != B or synced.archive.sent else void(synced.apply())
    found = verify(synced.manifest, feedback=hashing)

    assert (told(found.plan), found.remaining) == ({}, ())
    assert len(synced.archive.sent) == 3


def void(_: object) -> None:
    """Takes what is not needed."""


def test_what_a_run_has_put_in_place_and_not_yet_locked(synced: Place) -> None:
    """Its journal says which bytes they are, though the lockfile still names the old ones."""
    for name in (A, B, C):
        synced.archive.remake(name, fits("y", blocks=SIZES[name] // 2880))
    found = list[Verification]()
    with synced.open_run() as run:
        found += [verify(synced.manifest, restart=True) for _ in run.carry_out()]

    assert [told(one.plan) for one in found] == [{}, {}, {}]
    assert [one.remaining for one in found] == [(), (), ()]


def test_what_is_found_while_a_run_is_at_work_stays_noted(synced: Place) -> None:
    """That run had trusted the file, and must not take it from the suspects when it ends."""
    synced.archive.remake(B, fits("y", blocks=2))
    with synced.open_run() as run:
        damage(synced, A)
        assert verified(synced)[0] == {A: "repair damaged"}
        assert [one.outcome for one in run.carry_out()] == ["done"]

    assert told(synced.plan()) == {A: "repair damaged"}
    assert synced.apply().exit_code == 0
    assert synced.trash == [fits("z")]
    assert told(synced.plan()) == {}


def test_what_a_run_puts_in_place_between_two_looks(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is replaced after the lockfile was read, and before the disk is looked at, is no damage."""
    synced.archive.remake(A, fits("a longer one", blocks=3))
    observe = tree.Tree.observe
    looks = iter(range(10))

    def late(self: tree.Tree, paths: list[ProductPath]) -> object:
        if next(looks) == 1:
            synced.apply()
        return observe(self, paths)

    monkeypatch.setattr(tree.Tree, "observe", late)
    found = verify(synced.manifest)

    assert synced.archive.sent == [A]
    assert (told(found.plan), found.remaining) == ({}, ())
