"""What is not asked for any more once the archive has refused something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.fetch import Fetch


def with_a_chance(waiting: Iterable[Fetch], refused: Fetch) -> tuple[list[Fetch], list[Fetch]]:
    """The fetches that still make sense after one was refused, and those that do not.

    Rights are given by proposal: who has none to one of its exclusive products has none to the others. What is public,
    as far as is known, is refused for a reason of its own, and tells nothing about others.
    """
    left: list[Fetch] = []
    hopeless: list[Fetch] = []
    for fetch in waiting:
        alike = not fetch.wanted.public and fetch.wanted.proposal == refused.wanted.proposal
        (hopeless if alike and not refused.wanted.public else left).append(fetch)
    return left, hopeless
