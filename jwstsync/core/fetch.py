"""What is to be fetched: which bytes, to which path, and what becomes of what stands there; and in which order.

What has to be fetched is decided in `plan`; how it comes is the executors' business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jwstsync.core.layout import TRASH
from jwstsync.core.lockfile import LockedProduct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.core.layout import ProductPath
    from jwstsync.core.selection import Selected


@dataclass(frozen=True, slots=True)
class Fetch:
    """The bytes that are wanted at a path.

    Attributes:
        wanted: The product as the archive states it.
        pinned: What is locked, where exactly these bytes will do.
        replaces: Whether an older version gives way, whatever its size.
        aside: The folder below the state folder that takes what stands at the path; None where nobody will miss it.
    """

    wanted: Selected
    pinned: LockedProduct | None = None
    replaces: bool = False
    aside: str | None = TRASH

    @property
    def uri(self) -> str:
        """The product's name in the archive."""
        return self.wanted.uri

    @property
    def path(self) -> ProductPath:
        """Where the bytes belong below the root."""
        return self.wanted.path

    @property
    def size(self) -> int | None:
        """How many bytes are expected; not certain unless pinned."""
        return self.pinned.size if self.pinned else self.wanted.size

    @property
    def sha256(self) -> str | None:
        """The hash that the bytes must have."""
        return self.pinned.sha256 if self.pinned else None

    @property
    def md5(self) -> str | None:
        """The checksum that the archive states."""
        return self.wanted.md5

    @property
    def pinned_md5(self) -> str | None:
        """The MD5 that the bytes have if they have the hash that they must have; it need not be taken then."""
        return self.pinned.md5 if self.pinned else None

    def locks(self, *, size: int, sha256: str, md5: str) -> LockedProduct:
        """The lockfile's entry once these bytes are in place."""
        if self.pinned:
            return self.refreshed(self.pinned, md5)
        stated = self.wanted.size
        return LockedProduct(
            uri=self.uri,
            path=self.path,
            proposal=self.wanted.proposal,
            size=size,
            sha256=sha256,
            md5=md5 if md5 == self.wanted.md5 else None,
            stated_size=stated if stated != size else None,
            cal_ver=self.wanted.cal_ver,
            crds_ctx=self.wanted.crds_ctx,
        )

    def refreshed(self, locked: LockedProduct, md5: str | None = None) -> LockedProduct:
        """The same bytes, with what manifest and archive say of them now; what was known stays known, unless in doubt.

        The context comes with the keywords' version, which takes the place of the listing's.

        Args:
            locked: What is locked.
            md5: That of its bytes, where it is known; it confirms a checksum that came after the bytes.
        """
        locked = locked if not locked.recheck or self.wanted.carried else replace(locked, crds_ctx=None, recheck=None)
        context_is_new = locked.crds_ctx is None and self.wanted.crds_ctx is not None
        cal_ver = self.wanted.cal_ver if context_is_new else locked.cal_ver
        return replace(
            locked,
            path=self.path,
            proposal=self.wanted.proposal,
            md5=locked.md5 or (md5 if md5 is not None and md5 == self.wanted.md5 else None),
            cal_ver=cal_ver or locked.cal_ver or self.wanted.cal_ver,
            crds_ctx=locked.crds_ctx or self.wanted.crds_ctx,
        )


def queue_order(fetches: Iterable[Fetch]) -> list[Fetch]:
    """The order to fetch in: the largest first, so that none is left alone at the end; else by observation."""
    return sorted(fetches, key=lambda fetch: (-(fetch.size or 0), _observation(fetch), fetch.path))


def _observation(fetch: Fetch) -> str:
    """The observation of a product; a lockfile does not tell, but a file's name is it and what kind of file it is."""
    return fetch.wanted.obs_id or fetch.path.rpartition("/")[2].rpartition("_")[0]
