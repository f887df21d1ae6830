"""The archive, as the rest sees it: observations, products and keywords by proposal, and whose a token is.

How MAST is asked is in `mast`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwstsync.archive.auth import Identity
    from jwstsync.core.caom import KeywordRow, Observation, ProductRow


class Archive(Protocol):
    """What can be asked of an archive. Every method raises `jwstsync.errors.ArchiveError` and nothing else."""

    def observations(self, proposal_id: int) -> list[Observation]:
        """The JWST observations of a proposal, planned ones included, in the archive's order."""
        ...

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """The product rows of these observations, one for each parent that lists a product, in the archive's order."""
        ...

    def keywords(self, service: str, proposal_id: int) -> list[KeywordRow]:
        """The rows that an instrument's keyword service has of a proposal, in the archive's order.

        Args:
            service: The last part of the service's name, such as ``Nircam`` or ``GuideStar``.
            proposal_id: Whose files they are of.
        """
        ...

    def whoami(self, token: str) -> Identity:
        """Whom the archive takes the owner of a token for: nobody, if it is not good, or not any more."""
        ...

    def refusal(self, uri: str, token: str) -> str | None:
        """In which words the owner of a token is refused a product; None where they are not, as far as can be told."""
        ...
