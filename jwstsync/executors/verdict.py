"""Whether the bytes of a download are believed. How they came, and what becomes of them, is the engine's business."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.executors import Cause
from jwstsync.executors.answers import RefusalError
from jwstsync.store.formats import format_problem

if TYPE_CHECKING:
    from jwstsync.core.plan import Fetch
    from jwstsync.executors.transfer import Transfer
    from jwstsync.store.hashing import Digest


class DoubtError(Exception):
    """The bytes are not believed yet: they are to be fetched once more, to see if they stay so."""


class Judge:
    """Believes bytes or does not, for all transfers of a run.

    Args:
        use_checksums: Whether a checksum that the archive states has to fit.
    """

    def __init__(self, *, use_checksums: bool) -> None:
        self._use_checksums = use_checksums

    def knows_hash_of(self, fetch: Fetch) -> bool:
        """Whether the whole is held to a hash, so that bytes may be joined that nothing else proves."""
        return fetch.sha256 is not None or (fetch.md5 is not None and self._use_checksums)

    def believed(self, transfer: Transfer, digest: Digest) -> Digest:
        """The digest of bytes that are the product, with the MD5 where that is known without being taken.

        Raises:
            DoubtError: They are not believed the first time.
            RefusalError: They are not believed for good.
            OSError: They can not be read.
        """
        form = format_problem(transfer.part.path, transfer.fetch.path.rpartition("/")[2])
        doubt = self._doubt(transfer, digest, form)
        agreed = form is None and digest == transfer.previous and doubt is not None and doubt.cause is Cause.BYTES
        if doubt is None or agreed:
            return digest if digest.md5 else replace(digest, md5=transfer.fetch.pinned_md5 or "")
        if transfer.previous is not None:
            raise doubt
        transfer.previous = digest
        raise DoubtError(str(doubt))

    def _doubt(self, transfer: Transfer, digest: Digest, form: str | None) -> RefusalError | None:
        """What speaks against the bytes: a checksum before the Content-Length before the stated size."""
        fetch = transfer.fetch
        if form is not None:
            return RefusalError(Cause.BYTES, f"the download {form}")
        if fetch.sha256 is not None:
            same = digest.sha256 == fetch.sha256
            return None if same else RefusalError(Cause.MISMATCH, "bytes differ from those that are locked")
        if fetch.md5 is not None and self._use_checksums:
            same = digest.md5 == fetch.md5
            return None if same else RefusalError(Cause.MISMATCH, "bytes differ from the archive's checksum")
        if transfer.length_was_told or fetch.size in {None, digest.size}:
            return None
        return RefusalError(Cause.BYTES, f"{digest.size} bytes came, {fetch.size} are stated")
