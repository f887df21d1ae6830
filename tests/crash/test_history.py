"""Any history of archive, manifest, layouts, disk and crashes: the promises hold, and the lockfile forgets the way."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jwstsync.core.lockfile import Lockfile
from jwstsync.core.orphans import Prune
from jwstsync.errors import ExitCode
from jwstsync.store.lockfiles import write_lockfile
from jwstsync.sync.planning import Mode
from tests.crash.switch import watch
from tests.sync.fakes import EVERYTHING, FakeArchive, Place, Product, fits, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.sync.report import Report
    from tests.crash.switch import Call

NAMES = ("a_cal.fits", "b_cal.fits", "c_rate.fits", "d_rate.fits")
PROPOSALS = {name: 1 + number % 2 for number, name in enumerate(NAMES)}
SELECTIONS = ("{}", '{ productFilename = "*_cal.fits" }', '{ productFilename = "[!b]*" }', '{ productFilename = "d*" }')
LAYOUTS = {
    "{obs_collection}/{obs_id}/{filename}": "JWST/jw{proposal:05}/{name}",
    "{filename}": "{name}",
    "p{proposal_id}/a/{filename}": "p{proposal}/a/{name}",
}
"""Layouts, and the places that they have here."""
EPOCH_NS = 1_700_000_000 * 10**9
names = st.sampled_from(NAMES)


class CutOffError(BaseException):
    """The moment at which a run is killed."""


class Disk:
    """Stands before the calls that change a folder; from a chosen one on none is made any more, as in a dead process.

    Args:
        tick: Gives the time at which a part is synced: no two files of this history have the same.
    """

    def __init__(self, tick: Callable[[], int]) -> None:
        self._tick = tick
        self._left: int | None = None
        self._after = False

    def die_at(self, number: int | None, *, after: bool = False) -> None:
        """Has the process die at the n-th call from now, before or after it; with None it lives again."""
        self._left, self._after = number, after

    def __call__(self, call: Call, real: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        """Makes the call, unless the process is dead."""
        if call.name == "fsync" and call.path.endswith(".part"):
            os.utime(call.path, ns=(0, self._tick()))
        if self._left is None:
            return real()
        self._left -= 1
        if self._left > 0:
            return real()
        if self._left == 0 and self._after:
            real()
        raise CutOffError


class History(RuleBasedStateMachine):
    """One folder, and what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._folder = Path(tempfile.mkdtemp())
        self._archive = FakeArchive()
        (self._folder / "place").mkdir()
        self._place = Place(self._folder / "place", self._archive)
        self._ticks = 0
        self._versions = 0
        self._made: dict[str, set[bytes]] = {name: set() for name in NAMES}
        self._put: dict[str, set[bytes]] = {name: set() for name in NAMES}
        self._foreign: dict[str, bytes] = {}
        self._silent: set[bytes] = set()
        self._layout, self._selection = next(iter(LAYOUTS)), "{}"
        self._choices: dict[str, Any] = {}
        self._disk = Disk(self._tick)
        self._patch.setattr(keyring, "get_password", lambda *_: None)
        self._patch.setattr("jwstsync.store.owners.is_alive", lambda _: False)  # every other run was another process
        watch(str(self._place.folder), self._disk, self._patch.setattr)

    def teardown(self) -> None:
        """Leaves nothing behind."""
        self._patch.undo()
        shutil.rmtree(self._folder)

    def _tick(self) -> int:
        self._ticks += 1
        return EPOCH_NS + self._ticks * 10**9

    def _content(self) -> bytes:
        self._versions += 1
        return fits(str(self._versions), blocks=self._versions)

    @initialize(listed=st.sets(names))
    def begin(self, listed: set[str]) -> None:
        """The archive has something from the beginning."""
        for name in listed:
            self.add(name)

    @rule(selection=st.sampled_from(SELECTIONS))
    def edit_the_manifest(self, selection: str) -> None:
        """Somebody wants something else."""
        self._selection = selection
        self._write_the_manifest()

    @rule(layout=st.sampled_from(list(LAYOUTS)))
    def change_the_layout(self, layout: str) -> None:
        """Somebody wants it elsewhere."""
        self._layout = layout
        self._write_the_manifest()

    def _write_the_manifest(self) -> None:
        text = EVERYTHING.replace("[{}]", f"[{self._selection}]")
        self._place.write(text.replace('root = "data"', f'root = "data"\nlayout = "{self._layout}"'))

    @rule(one=names, other=names)
    def exchange_places(self, one: str, other: str) -> None:
        """Somebody brings a lockfile in which two products have each other's place."""
        locked = {product.uri.rpartition("/")[2]: product for product in self._place.lockfile}
        if one in locked and other in locked:
            exchanged = {one: locked[other].path, other: locked[one].path}
            products = [replace(product, path=exchanged.get(name, product.path)) for name, product in locked.items()]
            write_lockfile(self._place.lock, Lockfile.of(products))

    def _wanted_at(self, name: str) -> Path:
        """Where a product belongs."""
        return self._place.root / LAYOUTS[self._layout].format(proposal=PROPOSALS[name], name=name)

    def _find(self, name: str) -> Path:
        """Where a file of that name is, or would be."""
        found = sorted(path for path in self._place.root.rglob(name) if ".jwstsync" not in path.parts)
        return found[0] if found else self._wanted_at(name)

    @property
    def _contents(self) -> list[bytes]:
        """The bytes of all files but the local state's."""
        found = (path for path in self._place.root.rglob("*") if path.is_file() and ".jwstsync" not in path.parts)
        return [path.read_bytes() for path in found]

    @rule(name=names)
    def add(self, name: str) -> None:
        """The archive adds a product, or makes it anew."""
        content = self._content()
        self._made[name].add(content)
        self._archive.add(Product(name, content, PROPOSALS[name], cal_ver=f"1.{self._versions}"))

    @rule(name=names)
    def remove(self, name: str) -> None:
        """The archive takes a product away."""
        self._archive.holdings.pop(name, None)

    @rule(name=names)
    def delete_a_file(self, name: str) -> None:
        """Somebody deletes a product."""
        self._find(name).unlink(missing_ok=True)
        self._forget(name)

    @rule(name=names)
    def cut_a_file(self, name: str) -> None:
        """Somebody, or a disk, cuts a product."""
        self._spoil(name, lambda content: content[: len(content) // 2], kept=False)

    @rule(name=names, kept=st.booleans())
    def flip_a_file(self, name: str, *, kept: bool) -> None:
        """Bytes of a product change; what only a disk does leaves its time as it was."""
        self._spoil(name, lambda content: bytes([content[0] ^ 1]) + content[1:], kept=kept)

    def _spoil(self, name: str, change: Callable[[bytes], bytes], *, kept: bool) -> None:
        place = self._find(name)
        if not place.exists() or not place.read_bytes():
            return
        mtime_ns = place.stat().st_mtime_ns
        content = change(place.read_bytes())
        self._write(name, content, mtime_ns if kept else self._tick())
        if kept:
            self._silent.add(content)

    @rule(name=names, like=st.booleans())
    def put_a_file(self, name: str, *, like: bool) -> None:
        """Somebody puts a file of their own where a product belongs, perhaps of its very size."""
        self._versions += 1
        product = self._archive.holdings.get(name)
        size = len(product.content) if product and like else 100
        content = f"foreign {self._versions} ".ljust(size).encode()
        self._write(name, content, self._tick())
        self._foreign[name] = content

    def _write(self, name: str, content: bytes, mtime_ns: int) -> None:
        place = self._find(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)  # what was put aside is linked
        place.write_bytes(content)
        os.utime(place, ns=(mtime_ns, mtime_ns))
        self._put[name].add(content)
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Whoever overwrites or deletes a file takes it away themselves, unless it is in the trash already."""
        self._foreign.pop(name, None)

    @rule()
    def verify(self) -> None:
        """Somebody has everything hashed."""
        self._place.verify()
        if self._place.root.joinpath(".jwstsync").is_dir():
            places = [self._place.root / one.path for one in self._place.lockfile]
            self._silent -= {place.read_bytes() for place in places if place.is_file()}

    @rule(number=st.integers(1, 60), after=st.booleans(), prune=st.booleans(), frozen=st.booleans())
    def crash(self, number: int, *, after: bool, prune: bool, frozen: bool) -> None:
        """A run is killed at some step."""
        self._disk.die_at(number, after=after)
        with suppress(CutOffError):
            if frozen and self._place.lock.exists():
                self._place.apply(Mode.FROZEN)
            else:
                self._applied(prune=prune)
        self._disk.die_at(None)

    def _applied(self, *, prune: bool) -> Report:
        """A run, which asks for nothing that is there, in its place or where it is locked."""
        places = {name: [self._wanted_at(name)] for name in NAMES}
        for one in self._place.lockfile:
            places[one.uri.rpartition("/")[2]].append(self._place.root / one.path)
        there = {
            name
            for name, one in self._archive.holdings.items()
            if any(place.is_file() and place.read_bytes() == one.content for place in places[name])
        }
        self._archive.sent.clear()
        try:
            pruning = Prune(len(NAMES) * len(LAYOUTS)) if prune else None
            return self._place.apply(allow_empty=True, prune=pruning, **self._choices)
        finally:
            assert there.isdisjoint(self._archive.sent)

    @precondition(lambda self: self._place.lock.exists())
    @rule()
    def apply_frozen(self) -> None:
        """A run asks for the locked bytes alone: the lockfile stays."""
        before = self._place.lock.read_bytes()
        self._place.apply(Mode.FROZEN)
        assert self._place.lock.read_bytes() == before

    @rule(prune=st.booleans())
    def apply(self, *, prune: bool) -> None:
        """A run does all there is to do: nothing is left to do, and the lockfile is that of a run that began anew."""
        assert self._applied(prune=prune).exit_code is ExitCode.OK
        assert told(self._place.plan(allow_empty=True)) == {}
        for name in self._place.locked:
            content = self._wanted_at(name).read_bytes()
            assert content == self._archive.holdings[name].content or content in self._silent
        with tempfile.TemporaryDirectory() as folder:
            text = (self._place.folder / "jwstsync.toml").read_text(encoding="utf-8")
            fresh = Place(Path(folder), self._archive, text)
            assert fresh.apply(allow_empty=True).exit_code is ExitCode.OK
            assert fresh.lockfile == self._place.lockfile
            if self._place.lockfile:
                assert fresh.lock.read_bytes() == self._place.lock.read_bytes()
        assert list((self._place.root / ".jwstsync" / "parts").iterdir()) == []
        assert list((self._place.root / ".jwstsync").glob("moves/*")) == []

    @invariant()
    def nothing_wrong_has_a_name(self) -> None:
        """Under a final name stands what the archive has made at some time, or what somebody put there."""
        known = {content for some in (*self._made.values(), *self._put.values()) for content in some}
        assert set(self._contents) <= known

    @invariant()
    def nothing_is_lost(self) -> None:
        """What somebody put there is there, or in the trash."""
        assert set(self._foreign.values()) <= {*self._contents, *self._place.trash}

    @invariant()
    def the_lockfile_is_valid(self) -> None:
        """It can be read, and says of each product what the archive had at some time."""
        for one in self._place.lockfile:
            assert one.size in {len(content) for content in self._made[one.uri.rpartition("/")[2]]}


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
