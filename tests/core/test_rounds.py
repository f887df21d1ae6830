"""Rounds of verification: what is known, what is next, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.disk import FileState
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import ActionKind
from jwstsync.core.rounds import Seen, longest_ago_first, recalled, verification_of
from tests.core.strategies import locked

RIGHT = b"the locked bytes"
WRONG = b"the other bytes."
PATH = ProductPath("JWST/obs/a.fits")
STATE = FileState(len(RIGHT), mtime_ns=7)


def product(name: str) -> LockedProduct:
    """A product as it is locked."""
    return locked(RIGHT, uri=f"mast:JWST/product/{name}", path=ProductPath(f"JWST/obs/{name}"))


def seen(name: str = "a.fits", *, mtime_ns: int = 7, at_ns: int = 100) -> Seen:
    """A file as it was when it was hashed."""
    one = product(name)
    return Seen(one.path, one.size, mtime_ns, one.sha256, at_ns)


def test_only_a_verification_s_own_memory_is_trusted() -> None:
    """The hash of a file is that which was seen, as long as size and time are the same; what else is known is not."""
    remembered = replace(STATE, sha256="0" * 64, untouched=True)

    assert recalled({PATH: remembered}, {}) == {PATH: replace(remembered, sha256=None)}
    assert recalled({PATH: remembered}, {PATH: seen()}) == {PATH: replace(remembered, sha256=seen().sha256)}
    assert recalled({PATH: remembered}, {PATH: seen(mtime_ns=8)}) == {PATH: replace(remembered, sha256=None)}
    assert recalled({PATH: replace(remembered, size=1)}, {PATH: seen()})[PATH].sha256 is None
    assert recalled({}, {PATH: seen()}) == {}


_NAMES = ("a.fits", "b.fits", "c.fits", "d.fits")
_STATES = st.sampled_from(
    (
        None,
        FileState(-1),
        FileState(1),
        FileState(len(RIGHT)),
        FileState(len(RIGHT), sha256=product("a").sha256),
        FileState(len(RIGHT), sha256=""),
        FileState(len(RIGHT), sha256="f" * 64),
    )
)


@given(st.fixed_dictionaries(dict.fromkeys(_NAMES, _STATES)))
def test_every_product_is_kept_or_wrong_or_remains(states: dict[str, FileState | None]) -> None:
    """Each once; what remains is there in the right size and was not hashed; what is kept has the right hash."""
    lockfile = Lockfile.of(map(product, _NAMES))
    disk = {product(name).path: state for name, state in states.items() if state is not None}
    found = verification_of(lockfile, disk)
    told = [action.uri for action in found.plan.actions] + [one.uri for one in found.remaining]

    assert sorted(told) == list(lockfile.products)
    assert {disk[one.path] for one in found.remaining} <= {FileState(len(RIGHT))}
    for action in found.plan.actions:
        state = disk.get(action.path)
        whole = state is not None and state.sha256 == product("a").sha256
        assert action.kind is (ActionKind.KEEP if whole else ActionKind.FETCH if state is None else ActionKind.REPAIR)
    assert found.differences == found.plan.differences


def test_what_was_looked_at_longest_ago_is_next() -> None:
    """A file that was hashed counts from then, one that was not, or has changed since, from when it was written."""
    products = [product(name) for name in _NAMES]
    disk = {one.path: replace(STATE, mtime_ns=10 * number) for number, one in enumerate(products)}
    before = {one.path: one for one in (seen("b.fits", mtime_ns=10, at_ns=25), seen("c.fits", mtime_ns=5, at_ns=1))}
    order = longest_ago_first(reversed(products), disk, before)

    assert [one.path[-6:] for one in order] == ["a.fits", "c.fits", "b.fits", "d.fits"]


@given(st.permutations(_NAMES))
def test_the_order_is_the_same_each_time(names: list[str]) -> None:
    """Of files of the same age, too."""
    products = [product(name) for name in names]
    disk = dict.fromkeys([one.path for one in products], STATE)

    assert [one.path[-6:] for one in longest_ago_first(products, disk, {})] == list(_NAMES)
