"""Products for the core's tests, made with good defaults or arbitrary, and the plan for a single one.

What arbitrary archives, lockfiles and disks look like together is in `worlds`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from jwstsync.core.access import Access
from jwstsync.core.disk import FileState
from jwstsync.core.goal import Goal
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import Action, Plan, decide
from jwstsync.core.selection import Selected

if TYPE_CHECKING:
    from collections.abc import Iterable

URI = "mast:JWST/product/jw02733002001_02103_00001_mirimage_cal.fits"
PATH = ProductPath("JWST/jw02733002001_02103_00001_mirimage/jw02733002001_02103_00001_mirimage_cal.fits")
OLD = b"the bytes that are locked"
NEW = b"the bytes of the next version"


def sha256_of(content: bytes) -> str:
    """The SHA-256 as a lockfile has it."""
    return hashlib.sha256(content).hexdigest()


def md5_of(content: bytes) -> str:
    """The checksum as the archive states it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def selected(content: bytes = OLD, **changes: Any) -> Selected:  # noqa: ANN401 - fields of many types
    """A product as the archive states it, with ``content`` for its bytes and no checksum."""
    return replace(
        Selected(uri=URI, path=PATH, proposal=2733, size=len(content), cal_ver="1.16.1", crds_ctx="jwst_1303.pmap"),
        **changes,
    )


def locked(content: bytes = OLD, **changes: Any) -> LockedProduct:  # noqa: ANN401 - fields of many types
    """A product locked with the bytes ``content``, as `selected` states it."""
    product = LockedProduct(
        uri=URI,
        path=PATH,
        proposal=2733,
        size=len(content),
        sha256=sha256_of(content),
        cal_ver="1.16.1",
        crds_ctx="jwst_1303.pmap",
    )
    return replace(product, **changes)


def hashed(content: bytes, *, untouched: bool = False) -> FileState:
    """A file with these bytes, of which everything is known."""
    return FileState(len(content), sha256_of(content), md5_of(content), untouched)


def unhashed(content: bytes, *, untouched: bool = False) -> FileState:
    """A file with these bytes, of which only the size is known."""
    return FileState(len(content), untouched=untouched)


def lockfile_of(*products: LockedProduct) -> Lockfile:
    """A lockfile of just these products."""
    return Lockfile.of(products)


def by_uri(products: Iterable[Selected]) -> dict[str, Selected]:
    """Products as selections and goals hold them."""
    return {product.uri: product for product in products}


PINNED = locked(md5=md5_of(OLD))
NEW_WITH_MD5 = selected(NEW, md5=md5_of(NEW))
FLIPPED = b"T" + OLD[1:]
WITHOUT_TOKEN = Access()


def plan_for(
    wanted: Selected | None,
    before: LockedProduct | None,
    state: FileState | None = None,
    access: Access = WITHOUT_TOKEN,
    on_update: str = "replace",
) -> Plan:
    """The plan for one product and what stands at its place."""
    goal = Goal(by_uri([wanted] if wanted else []))
    lockfile = lockfile_of(*([before] if before else []))
    return decide(goal, lockfile, {PATH: state} if state else {}, access, on_update)


def action_for(
    wanted: Selected | None,
    before: LockedProduct | None,
    state: FileState | None = None,
    access: Access = WITHOUT_TOKEN,
    on_update: str = "replace",
) -> Action:
    """The one action of that plan."""
    (action,) = plan_for(wanted, before, state, access, on_update).actions
    return action


printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
"""Texts that a URI or a version may be."""

names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="/\\"), min_size=1, max_size=12)
folders = names.filter(lambda name: name not in {".", ".."} and name.casefold() != ".jwstsync")
safe_paths = st.lists(folders, min_size=1, max_size=4).map("/".join).map(ProductPath)


def digests(length: int) -> st.SearchStrategy[str]:
    """Hashes of so many hexadecimal digits."""
    return st.binary(min_size=length // 2, max_size=length // 2).map(bytes.hex)


sizes = st.integers(0, 2**63 - 1)
locked_products = st.builds(
    LockedProduct,
    uri=printable,
    path=safe_paths,
    proposal=st.integers(1, 99_999),
    size=sizes,
    sha256=digests(64),
    md5=st.none() | digests(32),
    stated_size=st.none() | sizes,
    cal_ver=st.none() | printable,
    crds_ctx=st.none() | printable,
    recheck=st.sampled_from([None, True]),
)
lockfile_products = st.lists(
    locked_products,
    max_size=5,
    unique_by=(lambda product: product.uri, lambda product: product.path.casefold()),
)
"""The products of a lockfile, in any order."""
