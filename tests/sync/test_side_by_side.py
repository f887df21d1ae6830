"""Several questions at once: how many, in which order they come back, and what an interrupt leaves."""

from __future__ import annotations

import signal
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from jwstsync.archive.quiet import no_warnings
from jwstsync.errors import ArchiveError
from jwstsync.sync.side_by_side import AT_ONCE, side_by_side
from tests.sync.fakes import FakeArchive, Place, Product, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.core.caom import ProductRow

PATIENCE = 60  # seconds, after which nobody comes


def test_answers_come_in_the_order_of_the_questions() -> None:
    """Whoever answers first, and whatever fails: each answer is with its question."""

    def ask(number: int) -> int:
        if number % 3 == 0:
            raise ArchiveError(f"no {number}")
        return number * number

    answers, errors = side_by_side(ask, list(range(1, 10)))

    assert list(answers.items()) == [(number, number * number) for number in (1, 2, 4, 5, 7, 8)]
    assert errors == {3: "no 3", 6: "no 6", 9: "no 9"}
    assert side_by_side(ask, []) == ({}, {})


def test_four_are_asked_at_once_and_no_more() -> None:
    """Four questions meet, and a fifth never joins them."""
    together = threading.Barrier(AT_ONCE)
    lock, under_way, most = threading.Lock(), 0, 0

    def ask(_: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(PATIENCE)
        with lock:
            under_way -= 1

    side_by_side(ask, list(range(3 * AT_ONCE)))
    assert most == AT_ONCE == 4


def test_two_proposals_are_asked_side_by_side(place: Place) -> None:
    """Neither waits for the other."""
    together = threading.Barrier(2)

    class Meeting(FakeArchive):
        """An archive where the questions about two proposals wait for each other."""

        def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
            """None, once both have come."""
            assert group_ids
            together.wait(PATIENCE)
            return []

    place.archive = Meeting(Product("a_cal.fits", fits("a")))
    assert place.plan().goal.listed == {1: 0, 2: 0}


def test_what_is_no_failure_of_the_archive_is_raised() -> None:
    """A bug in a thread is not lost, and nothing more is begun after it."""

    def ask(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side(ask, [1, 2])


def test_an_interrupt_ends_the_wait() -> None:
    """Ctrl-C is not kept waiting by requests that take minutes, and no further one is begun."""
    begun: list[int] = []
    held, started = threading.Event(), threading.Barrier(AT_ONCE + 1)

    def ask(number: int) -> None:
        begun.append(number)
        started.wait(PATIENCE)
        held.wait(PATIENCE)

    def interrupt() -> None:
        started.wait(PATIENCE)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        side_by_side(ask, list(range(10)))
    held.set()
    assert sorted(begun) == [0, 1, 2, 3]


def test_warnings_are_quiet_in_all_threads_and_loud_again_after() -> None:
    """Of two threads that overlap, neither puts back the other's silence."""
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with no_warnings():
            first_in.set()
            second_in.wait(PATIENCE)
        first_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    first_in.wait(PATIENCE)
    with no_warnings():
        second_in.set()
        first_out.wait(PATIENCE)
        warnings.warn("not heard", UserWarning, stacklevel=1)
    thread.join()
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
