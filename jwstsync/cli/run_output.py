"""Where a run tells what happens: people read it as text, programs as events, which are the business of `stream`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from jwstsync.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwstsync.cli.options import Globals
    from jwstsync.core.offers import Left
    from jwstsync.core.plan import Plan
    from jwstsync.core.selection import Refused
    from jwstsync.errors import ExitCode
    from jwstsync.sync.feedback import Feedback
    from jwstsync.sync.report import Result


class RunOutput(Output):
    """The two streams of a run, to people: what programs are told as events is told nobody."""

    def feedback(self, progress: Feedback) -> Feedback:
        """Who hears how the run goes on; people, by ``progress``."""
        return progress

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tells who speaks, and of an end before the end."""
        yield

    def planned(self, plan: Plan) -> None:
        """Tells what is going to happen."""

    def result(self, result: Result) -> None:
        """Tells what became of an action."""

    def refused(self, refused: Iterable[Refused]) -> None:
        """Tells which products can not be taken."""

    def left(self, left: Iterable[Left]) -> None:
        """Tells which files elsewhere stay where they are."""

    def end(self, code: ExitCode) -> None:
        """Tells how the run ended."""


def run_output(options: Globals) -> RunOutput:
    """The streams of a run, as the global options want them."""
    if not options.as_json:
        return RunOutput(options)
    from jwstsync.cli.stream import Stream

    return Stream(options)
