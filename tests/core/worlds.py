"""Whole worlds for the plan's tests: archive, lockfile, disk, and what carrying out a plan does to them.

A world knows the true bytes everywhere; the planner sees of it what a run would: listings, a lockfile, sizes, and the
hashes that are known or that it asks for. Nothing here uses the planner's own judgement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product as every_choice
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from jwstsync.core.access import Access
from jwstsync.core.after import lockfile_after
from jwstsync.core.disk import FileState
from jwstsync.core.goal import Goal, goal_of
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.core.plan import TRANSFERS, Action, ActionKind, Plan, decide, paths_to_hash
from jwstsync.core.selection import Refused, Selected, Selection
from tests.core.strategies import md5_of, sha256_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PROPOSALS = (1, 2, 3)
REMOVED = 9  # a proposal that the manifest no longer has
TWINS = {b"first": b"other", b"second": b"higher"}  # other bytes, and no more than the checksum tells
CONTENTS = (*TWINS, *TWINS.values())
FOREIGN = b"not of the archive"


@dataclass(frozen=True, slots=True)
class Version:
    """What the archive serves under one name for a while; ``listed_size`` is what its listings say of it."""

    content: bytes
    listed_size: int
    cal_ver: str
    crds_ctx: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Which facts the archive states at one time."""

    size: bool
    md5: bool
    cal_ver: bool
    crds_ctx: bool


@dataclass(frozen=True, slots=True)
class Locking:
    """How a product was locked: which of its versions, what was known of it then, and under which proposal."""

    version: Version
    facts: Facts
    proposal: int


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the archive.

    Attributes:
        number: Names it.
        proposal: The smallest that selects it.
        now: What the archive serves.
        facts: What the archive states of it.
        locking: How it was locked.
        fate: ``selected``, ``refused`` for its name, ``unselected``, or ``gone`` from the archive.
        public: Whether anybody may download it.
    """

    number: int
    proposal: int
    now: Version
    facts: Facts
    locking: Locking | None
    fate: str
    public: bool

    @property
    def uri(self) -> str:
        """Its name in the archive."""
        return f"mast:JWST/product/{self.number}.fits"

    @property
    def path(self) -> ProductPath:
        """Its place below the root."""
        return ProductPath(f"JWST/{self.number}/{self.number}.fits")

    @property
    def wanted(self) -> Selected:
        """What the archive states of it, as a selection has it."""
        return Selected(
            uri=self.uri,
            path=self.path,
            proposal=self.proposal,
            size=stated_size(self.now, self.facts),
            md5=md5_of(self.now.content) if self.facts.md5 else None,
            cal_ver=self.now.cal_ver if self.facts.cal_ver else None,
            crds_ctx=self.now.crds_ctx if self.facts.crds_ctx else None,
            public=self.public,
        )

    @property
    def locked(self) -> LockedProduct | None:
        """What an earlier run has locked."""
        if self.locking is None:
            return None
        version, facts = self.locking.version, self.locking.facts
        stated = stated_size(version, facts)
        return LockedProduct(
            uri=self.uri,
            path=self.path,
            proposal=self.locking.proposal,
            size=len(version.content),
            sha256=sha256_of(version.content),
            md5=md5_of(version.content) if facts.md5 else None,
            stated_size=None if stated == len(version.content) else stated,
            cal_ver=version.cal_ver if facts.cal_ver else None,
            crds_ctx=version.crds_ctx if facts.crds_ctx else None,
        )


def stated_size(version: Version, facts: Facts) -> int | None:
    """The size that is stated; one that is wrong always is, as nobody could tell otherwise that nothing changed."""
    wrong = version.listed_size != len(version.content)
    return version.listed_size if facts.size or wrong else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at a path: the bytes (None for a folder), and what the store knows without hashing."""

    content: bytes | None
    knows_sha256: bool
    knows_md5: bool
    untouched: bool

    @property
    def state(self) -> FileState:
        """What the store observes."""
        if self.content is None:
            return FileState(-1)
        sha256 = sha256_of(self.content) if self.knows_sha256 else None
        md5 = md5_of(self.content) if self.knows_sha256 and self.knows_md5 else None
        return FileState(len(self.content), sha256, md5, self.untouched)

    @property
    def hashed(self) -> Standing:
        """The same once the store has hashed it."""
        return replace(self, knows_sha256=True, knows_md5=True)


@dataclass(frozen=True, slots=True)
class World:
    """An archive, a manifest's selection of it, a lockfile, a disk and the user's right."""

    products: tuple[Product, ...]
    lockfile: Lockfile
    disk: Mapping[ProductPath, Standing]
    access: Access
    failed: frozenset[int]
    allow_empty: bool
    frozen: bool

    @property
    def has_right(self) -> bool:
        """Whether the archive gives out what is exclusive."""
        return self.access.token and self.access.mode != "skip"

    def of_fate(self, *fates: str) -> list[Product]:
        """The products with one of these fates in the proposals that answered."""
        return [one for one in self.products if one.fate in fates and one.proposal not in self.failed]

    @property
    def listed(self) -> list[Product]:
        """What the archive lists in its answers."""
        return self.of_fate("selected", "refused", "unselected")

    @property
    def answered(self) -> frozenset[int]:
        """The proposals whose query did not fail."""
        return frozenset(PROPOSALS) - self.failed

    @property
    def empty(self) -> frozenset[int]:
        """The proposals that list nothing at all."""
        return self.answered - {one.proposal for one in self.listed}

    @property
    def selection(self) -> Selection:
        """What the manifest selects, as the archive answers."""
        return Selection(
            products={one.uri: one.wanted for one in self.of_fate("selected")},
            refused=[Refused(one.uri, one.proposal, "its name") for one in self.of_fate("refused")],
            uris=frozenset(one.uri for one in self.listed),
            failed=dict.fromkeys(self.failed, "no answer"),
            complete=self.answered,
            empty=self.empty,
        )

    @property
    def goal(self) -> Goal:
        """What the set should hold."""
        return goal_of(None if self.frozen else self.selection, self.lockfile, allow_empty=self.allow_empty)

    @property
    def hashed(self) -> World:
        """The world once the files have been hashed for which the planner asks."""
        goal = self.goal
        states = {path: self.disk[path].state for path in goal.paths if path in self.disk}
        asked = paths_to_hash(goal, self.lockfile, states)
        return replace(self, disk={**self.disk, **{path: self.disk[path].hashed for path in asked}})

    @property
    def plan(self) -> Plan:
        """What the planner decides."""
        world, goal = self.hashed, self.goal
        states = {path: world.disk[path].state for path in goal.paths if path in world.disk}
        return decide(goal, self.lockfile, states, self.access)

    def content_at(self, path: ProductPath) -> bytes | None:
        """The true bytes at a path; None for a folder or nothing."""
        return self.disk[path].content if path in self.disk else None

    def after(self, plan: Plan, chosen: Collection[str]) -> tuple[World, set[str]]:
        """The world once the chosen products of the plan were carried out, and those of them that succeeded."""
        landings = {action.uri: self._bytes_for(action) for action in plan.actions if action.uri in chosen}
        disk, landed = dict(self.disk), {}
        for action in plan.actions:
            content = landings.get(action.uri)
            if content is not None:
                landed[action.uri] = action.fetch.locks(
                    size=len(content), sha256=sha256_of(content), md5=md5_of(content)
                )
                disk[action.path] = Standing(content, knows_sha256=True, knows_md5=True, untouched=True)
        return replace(self, disk=disk, lockfile=lockfile_after(plan, landed)), set(landed)

    def _bytes_for(self, action: Action) -> bytes | None:
        """The verified bytes that end up in place for an action; None where it fails or does nothing."""
        if action.kind is ActionKind.ADOPT:
            present = self.content_at(action.path)
            return present if present is not None and self._is_right(action, present) else self._served(action)
        return self._served(action) if action.kind in TRANSFERS else None

    def _is_right(self, action: Action, content: bytes) -> bool:
        wanted = action.wanted
        assert wanted is not None
        return wanted.size in {None, len(content)} and wanted.md5 in {None, md5_of(content)}

    def _served(self, action: Action) -> bytes | None:
        product = next(one for one in self.products if one.uri == action.uri)
        if product.fate == "gone" or not (product.public or self.has_right):
            return None
        pinned = action.fetch.pinned
        return product.now.content if pinned is None or pinned.sha256 == sha256_of(product.now.content) else None


# Few choices, each among many: that keeps worlds quick to draw.
flags = st.booleans()
versions = st.sampled_from(
    [
        Version(content, len(content) + wrong_by, cal_ver, crds_ctx)
        for wrong_by in (0, 0, 0, 1)
        for cal_ver in ("1.16.1", "1.18.0")
        for crds_ctx in ("jwst_1303.pmap", "jwst_1364.pmap")
        for content in CONTENTS
    ]
)
facts = st.sampled_from([Facts(*stated) for stated in every_choice((True, False), repeat=4)])
rights = st.sampled_from([True] * 3 + [False])  # most products are public
fates = st.sampled_from(["selected"] * 5 + ["refused", "unselected", "gone"])
lockings = st.builds(Locking, versions, facts, st.sampled_from([*PROPOSALS, REMOVED]))
accesses = st.sampled_from(
    [Access(mode, token) for mode in ("auto", "skip", "fetch", "error") for token in (True, False)]
)
known = st.sampled_from(
    [
        partial(Standing, knows_sha256=False, knows_md5=False, untouched=False),  # not written here, or touched since
        partial(Standing, knows_sha256=False, knows_md5=False, untouched=True),  # suspected
        partial(Standing, knows_sha256=True, knows_md5=False, untouched=True),
        partial(Standing, knows_sha256=True, knows_md5=True, untouched=True),
    ]
)


@st.composite
def _product(draw: st.DrawFn, number: int) -> Product:
    now = draw(versions)
    locking = draw(st.none() | lockings)
    if locking is not None:
        silently = replace(now, content=TWINS.get(now.content, now.content))
        relabelled = replace(now, cal_ver=locking.version.cal_ver)
        earlier = draw(st.sampled_from([now, silently, relabelled, locking.version]))
        locking = replace(locking, version=earlier)
    return Product(number, draw(st.sampled_from(PROPOSALS)), now, draw(facts), locking, draw(fates), draw(rights))


def _flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@st.composite
def _standing(draw: st.DrawFn, product: Product) -> Standing | None:
    true = [product.now.content] + ([product.locking.version.content] if product.locking else [])
    wrong = [other for content in true for other in (content[:-1], _flipped(content))]
    found = draw(st.sampled_from(["absent", *true, *true, *wrong, FOREIGN, None]))
    return None if isinstance(found, str) else draw(known)(found)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world of a few products."""
    products = tuple(draw(_product(number)) for number in range(draw(st.integers(1, 4))))
    standings = {product.path: draw(_standing(product)) for product in products}
    return World(
        products=products,
        lockfile=Lockfile.of(locked for one in products if (locked := one.locked) is not None),
        disk={path: standing for path, standing in standings.items() if standing is not None},
        access=draw(accesses),
        failed=draw(st.sampled_from([frozenset[int]()] * 3 + [frozenset({1}), frozenset({1, 2})])),
        allow_empty=draw(flags),
        frozen=draw(st.sampled_from([False] * 7 + [True])),
    )
