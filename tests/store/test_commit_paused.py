"""A committer that is paused, so that its lines can be read and its journal changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jwstsync.store.journal import Journal, read_journal
from tests.store.destination import Destination

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class NotedLock:
    """A lock that tells that somebody wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.wanted = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.wanted.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_nothing_is_committed_while_the_committer_is_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever commits in the meantime waits, and writes into the journal that is there then."""
    destination = Destination(tmp_path)
    committer, journal = destination.committer()
    lock = NotedLock()
    monkeypatch.setattr(committer, "_lock", lock)
    landing = destination.landing()
    thread = threading.Thread(target=committer.commit, args=[[landing]])
    with committer.paused():
        assert lock.wanted.acquire(timeout=60)
        thread.start()
        assert lock.wanted.acquire(timeout=60)
        assert (committer.lines, destination.place().exists()) == ([], False)
        journal.remove()
        committer.journal = Journal(destination.journals, "another")
    thread.join()

    [path] = destination.journals.iterdir()
    assert read_journal(path) == ("another", committer.lines)
    assert len(committer.lines) == 1
