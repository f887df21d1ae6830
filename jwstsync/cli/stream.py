"""A run's two streams for programs, which ask with ``--json``: all that happens is told on stdout as events.

What an event holds and when progress is told is the core's business. Events come from whatever thread something happens
in, each as a line of its own, at once.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, get_args

from jwstsync import __version__
from jwstsync.cli.ending import ending_of
from jwstsync.cli.run_output import RunOutput
from jwstsync.core import events
from jwstsync.core.courses import Courses
from jwstsync.core.documents import OutcomeName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jwstsync.cli.options import Globals
    from jwstsync.core.events import Event, ProductEvent, QueryState, SummaryEvent
    from jwstsync.core.fetch import Fetch
    from jwstsync.core.offers import Left
    from jwstsync.core.plan import Plan
    from jwstsync.core.selection import Refused
    from jwstsync.errors import ExitCode
    from jwstsync.executors import Setback
    from jwstsync.sync.feedback import Feedback
    from jwstsync.sync.report import Result


class Stream(RunOutput):
    """The streams of a run, and the feedback that it gives to programs.

    Args:
        options: The global options.
        clock: The seconds since some moment.
    """

    def __init__(self, options: Globals, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(options)
        self._clock = clock
        self._lock = RLock()
        self._is_over = False
        self._courses = Courses()
        self._outcomes: Counter[OutcomeName] = Counter()
        self._fetched_bytes = self._unconfirmed = 0

    def _tell(self, event: Event) -> None:
        """Prints an event; of what still goes on in a thread when the last one is out, nothing is told."""
        with self._lock:
            if not self._is_over:
                self.line(events.event_line(event))

    # --- the run as a whole

    def feedback(self, progress: Feedback) -> Feedback:  # noqa: ARG002 - that is for people
        """Itself: how the run goes on is told as events too."""
        return self

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tells who speaks, and of an end before the end."""
        self._tell(events.version_event(__version__))
        try:
            yield
        except BaseException as error:
            self.end(*ending_of(error))
            raise

    def planned(self, plan: Plan) -> None:
        """Tells what is going to happen."""
        for event in events.kept_events(plan):
            self._tell(event)
        self._tell(events.planned_event(plan))

    def result(self, result: Result) -> None:
        """Tells what became of an action."""
        self._fetched_bytes += result.fetched
        self._unconfirmed += result.unconfirmed
        self._product(events.product_event(result.action, result.outcome, source=result.source, error=result.error))

    def refused(self, refused: Iterable[Refused]) -> None:
        """Tells which products can not be taken."""
        for one in refused:
            self._product(events.refused_event(one))

    def _product(self, event: ProductEvent) -> None:
        self._outcomes[event["outcome"]] += 1
        self._tell(event)

    def left(self, left: Iterable[Left]) -> None:
        """Tells which files elsewhere stay where they are."""
        for one in left:
            self._tell(events.left_event(one))

    def warning(self, text: str) -> None:
        """Says on stderr what went wrong, and tells it."""
        super().warning(text)
        self._tell(events.warning_event(text))

    def end(self, code: ExitCode, error: str | None = None) -> None:
        """Tells how the run ended, and nothing after it."""
        summary: SummaryEvent = {
            "type": "summary",
            "exit_code": int(code),
            "counts": {outcome: self._outcomes[outcome] for outcome in get_args(OutcomeName)},
            "bytes": self._fetched_bytes,
            "unconfirmed": self._unconfirmed,
            "error": error,
        }
        with self._lock:
            self._tell(summary)
            self._is_over = True

    # --- feedback

    def phase(self, text: str) -> None:
        """Says nothing: each question and each product has its events."""

    def hashed(self, count: int) -> None:
        """Says nothing."""

    def warn(self, text: str) -> None:
        """Says what the user should know."""
        self.warning(text)

    def query(self, proposal: int, state: QueryState, *, products: int | None = None, error: str | None = None) -> None:
        """Tells how a question about a proposal goes."""
        self._tell(events.query_event(proposal, state, products=products, error=error))

    def started(self, fetch: Fetch, size: int | None, resumed: int = 0) -> None:
        """Tells that a product begins to come."""
        with self._lock:
            self._courses.started(fetch, size, self._clock())
            self._tell(events.start_event(fetch, size, resumed))

    def received(self, fetch: Fetch, count: int) -> None:
        """Tells how much of a product is here, if it is time for that."""
        with self._lock:
            progress = self._courses.received(fetch, count, self._clock())
            if progress is not None:
                self._tell(progress)

    def retried(self, fetch: Fetch, setback: Setback) -> None:
        """Tells that a download broke, and is tried again."""
        self._tell(
            events.retry_event(fetch, setback.error, setback.in_a_row, setback.pause, whole_host=setback.whole_host)
        )

    def ended(self, fetch: Fetch) -> None:
        """Takes note that a product is done with; what became of it is told as its result."""
        with self._lock:
            self._courses.ended(fetch)
