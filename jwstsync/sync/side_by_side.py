"""Several questions to the archive at once, and never too many: it is shared."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from jwstsync.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AT_ONCE = 4
LOOK_UP = 0.5  # seconds
_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


def side_by_side(
    ask: Callable[[_Question], _Answer], questions: Sequence[_Question]
) -> tuple[dict[_Question, _Answer], dict[_Question, str]]:
    """The answers, and the errors of the questions that had none, each in the order of the questions.

    The threads are daemons: an interrupt ends the wait at once, and leaves behind at most one request in each.

    Args:
        ask: Called in a thread of its own; what it raises besides `ArchiveError` is raised here.
        questions: All different.
    """
    waiting: SimpleQueue[_Question] = SimpleQueue()
    for question in questions:
        waiting.put(question)
    done: SimpleQueue[tuple[_Question, _Answer | BaseException]] = SimpleQueue()
    try:
        for _ in range(min(AT_ONCE, len(questions))):
            threading.Thread(target=_work, args=(ask, waiting, done), daemon=True).start()
        outcomes = dict(_came(done) for _ in questions)
    finally:
        _emptied(waiting)
    answers: dict[_Question, _Answer] = {}
    errors: dict[_Question, str] = {}
    for question in questions:
        outcome = outcomes[question]
        if isinstance(outcome, ArchiveError):
            errors[question] = str(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            answers[question] = outcome
    return answers, errors


def _work(
    ask: Callable[[_Question], _Answer],
    waiting: SimpleQueue[_Question],
    done: SimpleQueue[tuple[_Question, _Answer | BaseException]],
) -> None:
    while (question := _next(waiting)) is not None:
        try:
            done.put((question, ask(question)))
        except BaseException as error:  # noqa: BLE001 - who waits for it has to know
            done.put((question, error))


def _came(done: SimpleQueue[tuple[_Question, _Answer | BaseException]]) -> tuple[_Question, _Answer | BaseException]:
    """The next outcome; a signal that comes just before the wait begins would not end it, so it looks up at times."""
    while True:
        with suppress(Empty):
            return done.get(timeout=LOOK_UP)


def _next(waiting: SimpleQueue[_Question]) -> _Question | None:
    try:
        return waiting.get_nowait()
    except Empty:
        return None


def _emptied(waiting: SimpleQueue[_Question]) -> None:
    """Leaves nothing to be begun."""
    while _next(waiting) is not None:
        pass
