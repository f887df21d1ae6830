"""What the user has a right to, as far as is known, and what is not asked for any more once something was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.selection import Selected


@dataclass(frozen=True, slots=True)
class Access:
    """What the user has a right to: ``mode`` is the manifest's ``exclusive_access``, ``token`` whether there is one."""

    mode: str = "auto"
    token: bool = False

    def allows(self, product: Selected) -> bool:
        """Whether it makes sense to ask the archive for the product."""
        return product.public or (self.token and self.mode != "skip")


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
