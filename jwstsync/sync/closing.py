"""What the user should know at the end of a run, besides what became of each product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwstsync.core.checksums import Belief
from jwstsync.core.retry import HOST_FAILURES
from jwstsync.sync.planning import named
from jwstsync.sync.report import gave_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwstsync.core.checksums import Trust
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Plan
    from jwstsync.sync.report import Result

_UNCONFIRMED = "accepted with bytes that differ from the archive's checksums, which"


def closing_warnings(
    plan: Plan, results: Sequence[Result], manifest: Manifest, trust: Trust, *, begun: bool
) -> Iterator[str]:
    """What is said at the end.

    Args:
        plan: What was to happen.
        results: What has become of it.
        manifest: Of which archive.
        trust: What is known of the archive's checksums now.
        begun: Whether anything was.
    """
    if begun and plan.access_problem:
        yield plan.access_problem
    if unconfirmed := [result.action for result in results if result.unconfirmed]:
        proof = "nothing has confirmed" if trust.belief is Belief.OPEN else "were confirmed only later"
        yield f"{named(unconfirmed)}: {_UNCONFIRMED} {proof}"
    if gave_up(results):
        yield f"{manifest.archive.url}: {HOST_FAILURES} products in a row could not be had; the rest is left"
