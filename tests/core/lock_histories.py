"""Lockfiles that come from one: what two branches made of it, by additions, removals, new versions and new layouts."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from jwstsync.core.layout import ProductPath, same_place
from jwstsync.core.lockfile import LockedProduct, Lockfile

NAMES = [f"jw02733{number:03}_mirimage_{suffix}.fits" for number in range(5) for suffix in ("cal", "i2d")]
LAYOUTS = ("JWST/{name}", "flat/{name}", "JWST/same.fits", "jwst/SAME.fits/{name}")


def product(name: str, version: int = 0, layout: str = LAYOUTS[0], *, known: bool = True) -> LockedProduct:
    """A locked product; each version has bytes of its own, and what the archive states of it, if that is known."""
    digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    return LockedProduct(
        uri=f"mast:JWST/product/{name}",
        path=ProductPath(layout.format(name=name)),
        proposal=2733,
        size=2880 * (1 + version // 2),
        sha256=digest,
        md5=digest[:32] if known else None,
        cal_ver=f"1.{version}.0",
        crds_ctx=f"jwst_{1300 + version}.pmap" if known else None,
    )


@dataclass(frozen=True, slots=True)
class History:
    """A lockfile, and what two branches made of it."""

    base: Lockfile
    ours: Lockfile
    theirs: Lockfile

    @property
    def swapped(self) -> History:
        """The same as the other branch sees it."""
        return History(self.base, self.theirs, self.ours)


changed_products = st.builds(
    product, st.sampled_from(NAMES), st.integers(0, 3), st.sampled_from(LAYOUTS), known=st.booleans()
)


def _valid(products: list[LockedProduct]) -> Lockfile:
    """The first of them on each place, and of each URI."""
    found: dict[str, LockedProduct] = {}
    for one in products:
        if same_place(one.path) not in {same_place(other.path) for other in found.values() if other.uri != one.uri}:
            found.setdefault(one.uri, one)
    return Lockfile.of(found.values())


lockfiles = st.lists(changed_products, max_size=12).map(_valid)


@st.composite
def branches(draw: st.DrawFn, base: Lockfile) -> Lockfile:
    """What a branch makes of a lockfile: some products changed or added, some removed."""
    removed = draw(st.sets(st.sampled_from(sorted(base.products) or [""]), max_size=3))
    changes = draw(st.lists(changed_products, max_size=4))
    return _valid([*changes, *(one for one in base if one.uri not in removed)])


histories = lockfiles.flatmap(lambda base: st.builds(History, st.just(base), branches(base), branches(base)))


def shuffled_names(chance: random.Random, count: int) -> list[str]:
    """Names of products in any order."""
    names = [f"jw{number:05}_nrca1_cal.fits" for number in range(count)]
    chance.shuffle(names)
    return names


def large_history(seed: int, products: int = 300, added: int = 20) -> History:
    """Two branches of a lockfile that each add products, and remake and remove some.

    Args:
        seed: Makes it another one.
        products: How many the lockfile has.
        added: How many each branch adds.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    names = shuffled_names(chance, 4 * products)
    base = [product(name) for name in names[:products]]
    fresh = iter(names[products:])

    def branch() -> Lockfile:
        kept = chance.sample(base, products - chance.randrange(5))
        remade = {one.uri for one in chance.sample(kept, 5)}
        version = chance.randrange(1, 4)
        made = [product(one.path.removeprefix("JWST/"), version) if one.uri in remade else one for one in kept]
        return Lockfile.of([*made, *(product(next(fresh), chance.randrange(2)) for _ in range(added))])

    return History(Lockfile.of(base), branch(), branch())


def stirred_history(seed: int, products: int = 300, added: int = 20) -> History:
    """Two branches of a lockfile that each add products, some of them both, and change and remove others.

    They meet in a part of it, so that every pair of changes to one product comes about: bytes made anew, what is stated
    of them, places, proposals, removals.

    Args:
        seed: Makes it another one.
        products: How many the lockfile has.
        added: How many each branch adds.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    names = shuffled_names(chance, 4 * products)
    base = {name: product(name, known=chance.random() < 0.8) for name in names[:products]}
    shared, *fresh = names[products : products + 4], names[products + 4 :: 2], names[products + 5 :: 2]
    meeting = chance.sample(sorted(base), 12)

    def branch(mine: list[str]) -> Lockfile:
        locked = dict(base)
        for name in [*chance.sample(meeting, 8), *chance.sample(sorted(base), chance.randrange(9))]:
            changed = _stirred(chance, name, base[name])
            locked.pop(name, None)
            locked |= {} if changed is None else {name: changed}
        both = shared[: chance.randrange(len(shared) + 1)]
        coming = [*both, *mine[: added - len(both)]]
        return Lockfile.of([*locked.values(), *(product(name, chance.randrange(3) // 2) for name in coming)])

    return History(Lockfile.of(base.values()), *map(branch, fresh))


def _stirred(chance: random.Random, name: str, before: LockedProduct) -> LockedProduct | None:
    """What a branch makes of a product; None where it removes it."""
    version = chance.randrange(1, 4)
    return chance.choice(
        [
            None,
            product(name, version),
            product(name, version, known=False),
            product(name, layout="flat/{name}"),
            replace(before, proposal=chance.randrange(1, 4)),
            replace(before, md5=None, crds_ctx=f"jwst_{1300 + version}.pmap"),
        ]
    )
