"""Whether the archive's checksums are believed when the bytes that come differ from them.

Nobody has proven that MAST's checksum is the MD5 of the bytes that it serves. One match proves it: from then on a
mismatch is a failure. As long as nothing has matched, bytes that came twice the same are only doubtful; a few of these,
or the end of a run, set the archive's statement aside. Who fetches, and what becomes of the bytes, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

MOST_DOUBTFUL = 3
"""Doubtful products, without any match, that set the archive's checksums aside."""


class Belief(StrEnum):
    """What a mismatch means: the bytes are `WRONG`, that is `OPEN`, or the checksum is `ASIDE`."""

    WRONG = "wrong"
    OPEN = "open"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of the archive's checksums so far.

    Attributes:
        belief: What a mismatch means now.
        doubtful: How many products wait for that to be decided.
    """

    belief: Belief = Belief.OPEN
    doubtful: int = 0

    @classmethod
    def of(cls, checksums: str, *, confirmed: bool) -> Trust:
        """The trust that a run begins with.

        Args:
            checksums: As the manifest has it.
            confirmed: Whether a checksum was confirmed on bytes before.
        """
        return CONFIRMED if checksums == "require" or confirmed else cls()

    def matched(self) -> Trust:
        """A checksum was that of the bytes: they all are, also those that were set aside."""
        return CONFIRMED

    def doubted(self) -> Trust:
        """One more product came twice with the same bytes, and another checksum."""
        count = self.doubtful + 1
        enough = self.belief is Belief.OPEN and count >= MOST_DOUBTFUL
        return replace(self, belief=Belief.ASIDE if enough else self.belief, doubtful=count)

    def ended(self) -> Trust:
        """Nothing more comes that could prove anything."""
        return replace(self, belief=Belief.ASIDE) if self.belief is Belief.OPEN else self


CONFIRMED = Trust(Belief.WRONG)
"""A checksum was that of the bytes, or is taken to be."""
