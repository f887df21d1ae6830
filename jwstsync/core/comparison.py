"""Whether the archive has made a product anew since it was locked, by what that is seen, and what has changed.

Only like is compared with like, and an unknown on either side is no change. A checksum, where both sides have one,
decides alone: half of all re-made files keep their size, one in eight also version and context. What a merge has marked
for another look counts as made anew unless a checksum tells otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.selection import Selected

_SOFTWARE_VERSION = re.compile("[0-9][0-9A-Za-z.+-]*")  # such as 1.19.1, and not a build such as 2026_1b


class Basis(StrEnum):
    """By what the archive's product and the locked one were compared; `VERSION` is with the CRDS context and size."""

    CHECKSUM = "checksum"
    VERSION = "version"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that archive and lockfile state otherwise: ``size``, ``md5``, ``cal_ver`` or ``crds_ctx``."""

    fact: str
    locked: str | int
    archive: str | int


def changed_in_archive(wanted: Selected, locked: LockedProduct) -> bool:
    """Whether the archive has made a product anew since it was locked."""
    if wanted.md5 is not None and locked.md5 is not None:
        return wanted.md5 != locked.md5
    return (
        (locked.recheck is not None and not wanted.carried)
        or _differ(wanted.size, stated_size(locked))
        or _differ(wanted.crds_ctx, locked.crds_ctx)
        or (wanted.cal_ver != locked.cal_ver and _version_differs(wanted, locked))
    )


def compared_by(wanted: Selected, locked: LockedProduct) -> Basis | None:
    """By what they are compared; None where neither side can be, or the archive said nothing."""
    if wanted.carried:
        return None
    if wanted.md5 is not None and locked.md5 is not None:
        return Basis.CHECKSUM
    if (wanted.crds_ctx is not None and locked.crds_ctx is not None) or _comparable_versions(wanted, locked):
        return Basis.VERSION
    return Basis.SIZE if wanted.size is not None else None


def changes(wanted: Selected, locked: LockedProduct) -> tuple[Change, ...]:
    """The facts that both sides state, and differ in, like with like."""
    versions = _comparable_versions(wanted, locked)
    version = wanted.cal_ver if wanted.cal_ver in versions else wanted.listed_ver
    facts = (
        ("cal_ver", locked.cal_ver, version if versions and locked.cal_ver not in versions else None),
        ("crds_ctx", locked.crds_ctx, wanted.crds_ctx),
        ("size", stated_size(locked), wanted.size),
        ("md5", locked.md5, wanted.md5),
    )
    return tuple(
        Change(fact, then, now) for fact, then, now in facts if then is not None and now is not None and then != now
    )


def stated_size(locked: LockedProduct) -> int:
    """The size that the archive stated when it was locked."""
    return locked.size if locked.stated_size is None else locked.stated_size


def _differ(one: str | int | None, other: str | int | None) -> bool:
    return one is not None and other is not None and one != other


def _version_differs(wanted: Selected, locked: LockedProduct) -> bool:
    versions = _comparable_versions(wanted, locked)
    return bool(versions) and locked.cal_ver not in versions


def _comparable_versions(wanted: Selected, locked: LockedProduct) -> set[str]:
    """The stated versions that are like the locked one.

    A checksum or a context in the lockfile says that keywords were had when it was locked, so that its version is
    theirs; without them it may be the listing's. Keywords and listing both name the calibration software; what has
    another form is something else.
    """
    if locked.cal_ver is None:
        return set()
    from_keywords = locked.md5 is not None or locked.crds_ctx is not None
    stated = {wanted.cal_ver} if from_keywords else {wanted.cal_ver, wanted.listed_ver}
    return {
        version for version in stated if version is not None and _is_software(version) == _is_software(locked.cal_ver)
    }


def _is_software(version: str) -> bool:
    return _SOFTWARE_VERSION.fullmatch(version) is not None
