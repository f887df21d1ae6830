"""What an outcome means to the user: done, failed, withheld or left for another run, by the manifest's own terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.core.access import Access
from jwstsync.core.withheld import access_text, overdue_text
from jwstsync.executors import REFUSALS, Cause, Done, Failed
from jwstsync.sync.planning import Mode
from jwstsync.sync.report import Result

if TYPE_CHECKING:
    from jwstsync.core.goal import Goal
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Action
    from jwstsync.core.selection import Selected
    from jwstsync.executors import Outcome
    from jwstsync.sync.clock import Clock
    from jwstsync.sync.token import Token


class Results:
    """What outcomes mean in one run.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked.
        token: The user's token.
        clock: What is known of time.
        goal: What the set should hold.
    """

    def __init__(self, manifest: Manifest, mode: Mode, token: Token, clock: Clock, goal: Goal) -> None:
        self._manifest = manifest
        self._mode = mode
        self._token = token
        self._clock = clock
        self._goal = goal

    def of(self, action: Action, outcome: Outcome) -> Result:
        """What became of an action that was given to an executor."""
        if isinstance(outcome, Done):
            unconfirmed = self._is_unconfirmed(action, outcome)
            return Result(action, "done", fetched=outcome.locked.size, unconfirmed=unconfirmed)
        if not isinstance(outcome, Failed):
            return Result(action, "deferred", outcome.why)
        error = self._token.hidden(outcome.error)
        if outcome.cause is Cause.MISMATCH and self._mode is Mode.FROZEN:
            error = f"{error}: the archive has made the product anew since it was locked"
        if action.wanted is None or outcome.cause not in REFUSALS:
            return Result(action, "failed", error, outcome.cause)
        if overdue := overdue_text(action.wanted, self._clock.mjd()):
            error = f"{error}; {overdue}"
        if action.wanted.public and not self._may_be_exclusive(action.wanted):
            return Result(action, "failed", error, outcome.cause)
        if self._manifest.archive.exclusive_access == "auto":
            return Result(action, "withheld", error)
        return Result(action, "failed", error, Cause.UNAUTHORIZED)

    def withheld(self, action: Action) -> Result:
        """What becomes of a product that the archive is not even asked for."""
        assert action.wanted is not None  # noqa: S101 - what is dropped is not withheld
        return Result(action, "withheld", access_text(action.wanted, self._clock.mjd()))

    def may_be_fetched(self, action: Action) -> bool:
        """Whether it makes sense to ask for a product that the plan did not mean to fetch."""
        access = Access(self._manifest.archive.exclusive_access, token=True)
        if action.wanted is None or not access.allows(action.wanted):
            return False
        return action.wanted.public or self._token.find_late() is not None

    def _may_be_exclusive(self, wanted: Selected) -> bool:
        """Whether nobody knows if a product is public, because its proposal's answer is missing or not believed."""
        doubtful = wanted.proposal in self._goal.failed or wanted.proposal in self._goal.disbelieved
        return wanted.carried and doubtful

    def _is_unconfirmed(self, action: Action, done: Done) -> bool:
        stated = self._manifest.archive.checksums != "ignore" and action.fetch.md5 is not None
        return stated and not action.pinned and done.locked.md5 is None
