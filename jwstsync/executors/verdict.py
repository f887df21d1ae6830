"""Whether the bytes of a download are believed. How they came, and what becomes of them, is the engine's business."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jwstsync.core.checksums import Belief
from jwstsync.executors import Cause
from jwstsync.executors.answers import RefusalError

if TYPE_CHECKING:
    from jwstsync.core.checksums import Trust
    from jwstsync.core.fetch import Fetch
    from jwstsync.executors.transfer import Transfer
    from jwstsync.store.hashing import Digest


class DoubtError(Exception):
    """The bytes are not believed yet: they are to be fetched once more, to see if they stay so."""


class DoubtfulError(Exception):
    """The bytes stay as they are, and only a checksum that nothing has confirmed speaks against them."""

    def __init__(self, digest: Digest) -> None:
        super().__init__()
        self.digest = digest


class Judge:
    """Believes bytes or does not, for all transfers of a run.

    Args:
        use_checksums: Whether a checksum that the archive states is looked at.
        trust: What is known of these checksums.
    """

    def __init__(self, *, use_checksums: bool, trust: Trust) -> None:
        self.trust = trust
        self._use_checksums = use_checksums

    def knows_hash_of(self, fetch: Fetch) -> bool:
        """Whether the whole is held to a hash, so that bytes may be joined that nothing else proves."""
        return fetch.sha256 is not None or (fetch.md5 is not None and self._use_checksums)

    def believed(self, transfer: Transfer, digest: Digest) -> Digest:
        """The digest of bytes that are the product, with the MD5 where that is known without being taken.

        Raises:
            DoubtError: They are not believed the first time.
            DoubtfulError: They came twice, and it is to be found out what the archive's checksums are worth.
            RefusalError: They are not believed for good.
            OSError: They can not be read.
        """
        form = transfer.format_problem(digest.size)
        doubt = self._doubt(transfer, digest, form)
        agreed = form is None and digest == transfer.previous and doubt is not None and doubt.cause is Cause.BYTES
        if doubt is None or agreed:
            return digest if digest.md5 else replace(digest, md5=transfer.fetch.pinned_md5 or "")
        if form is None and self._is_open(transfer.fetch, digest, doubt):
            if self.trust.belief is Belief.ASIDE and not transfer.joined:
                return digest
            if digest == transfer.previous:
                raise DoubtfulError(digest)
        if transfer.previous is not None:
            raise doubt
        transfer.previous = digest
        raise DoubtError(str(doubt))

    def confirms(self, fetch: Fetch, digest: Digest) -> bool:
        """Whether bytes that are believed prove that the archive's checksums are of the bytes that it serves."""
        return self._use_checksums and fetch.sha256 is None and fetch.md5 == digest.md5

    def _is_open(self, fetch: Fetch, digest: Digest, doubt: RefusalError) -> bool:
        """Whether only an unconfirmed checksum speaks against bytes of the right size."""
        of_checksum = doubt.cause is Cause.MISMATCH and fetch.sha256 is None
        return of_checksum and self.trust.belief is not Belief.WRONG and fetch.size in {None, digest.size}

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
