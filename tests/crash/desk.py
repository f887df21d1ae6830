"""A folder in which a run has everything to do at once, the archive beside it, and the promises that always hold."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jwstsync.sandbox import Catalogue, Sandbox
from jwstsync.store.lockfiles import read_lockfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jwstsync.core.lockfile import LockedProduct
    from tests.crash.runs import Ended, Running, Runs

DOWNLOAD = "/api/v0.1/Download/file"
KEPT, SMALL, LARGE, TABLE = "kept_cal.fits", "small_cal.fits", "large_uncal.fits", "new_asn.json"
REMADE, GROWN, CUT, FLIPPED, FOREIGN, ADOPTED = (
    f"{name}_rate.fits" for name in ("remade", "grown", "cut", "flipped", "foreign", "adopted")
)
SIZES = {KEPT: 3, SMALL: 4, LARGE: 200, REMADE: 5, GROWN: 90, CUT: 6, FLIPPED: 7, FOREIGN: 8, ADOPTED: 9}
"""Of the FITS files, in blocks of 2,880 bytes."""
BLOCK = 2880
MINE = b"SIMPLE  = what somebody put there".ljust(BLOCK)
MANIFEST = "version = 1\n[limits]\nreserve_disk = 0\n[[proposal]]\nid = 1111\ninclude = [{}]\n"


def catalogue(sizes: Mapping[str, int]) -> Catalogue:
    """One observation with FITS files of so many blocks each, and an association."""
    observations = [{"obsid": 11, "obs_id": "jw01111-o001", "proposal_id": "1111"}]
    products = [{"productFilename": name, "parent_obsid": 11, "size": BLOCK * size} for name, size in sizes.items()]
    return Catalogue.from_rows(observations, [*products, {"productFilename": TABLE, "parent_obsid": 11}])


class Desk:
    """A folder with a manifest, from which the command is called in processes of their own."""

    def __init__(self, folder: Path, runs: Runs, url: str) -> None:
        self.folder = folder
        self._runs = runs
        self.environment = {"JWSTSYNC_ARCHIVE_URL": url, "NO_PROXY": "*"}

    @property
    def runs(self) -> Runs:
        """Where its calls are made."""
        return self._runs

    @property
    def root(self) -> Path:
        """Where the products are."""
        return self.folder / "mastDownload"

    @property
    def state(self) -> Path:
        """The local state."""
        return self.root / ".jwstsync"

    @property
    def lockfile(self) -> Path:
        """The lockfile."""
        return self.folder / "jwstsync.lock"

    @property
    def parts(self) -> list[str]:
        """The parts and notes that lie about."""
        return sorted(os.listdir(self.state / "parts"))  # noqa: PTH208 - names will do

    @property
    def journals(self) -> list[Path]:
        """The journals that no run has folded."""
        return list((self.state / "journal").rglob("*.jsonl"))

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of what stands where products belong, by name."""
        return {path.name: path.read_bytes() for path in (self.root / "JWST").rglob("*") if path.is_file()}

    @property
    def trash(self) -> list[bytes]:
        """What was put aside."""
        return [path.read_bytes() for path in (self.state / "trash").rglob("*") if path.is_file()]

    @property
    def locked(self) -> dict[str, LockedProduct]:
        """What is locked, by name; a lockfile that can not be read is none."""
        return {one.path.rpartition("/")[2]: one for one in read_lockfile(self.lockfile)[0]}

    def file(self, name: str) -> Path:
        """Where a product belongs."""
        return self.root / "JWST" / "jw01111-o001" / name

    def start(self, *calls: str, **wishes: object) -> Running:
        """Begins to make calls of the command, each one's arguments in a string, until one does not end with 0."""
        split = [one.split() for one in calls]
        return self._runs.start(self.folder, *split, environment=self.environment, **wishes)

    def call(self, *calls: str, **wishes: object) -> Ended:
        """As `start`, once it has ended."""
        return self.start(*calls, **wishes).ended()


@dataclass(slots=True)
class World:
    """An archive, and how a folder stands to it before a run that has everything to do.

    Attributes:
        sandbox: The archive.
        before: The folder as it stands; never changed.
        after: The same once a run has done all there is to do.
    """

    sandbox: Sandbox
    before: Desk
    after: Desk
    _seen: int = field(default=0)

    def copy(self, folder: Path) -> Desk:
        """A folder of one's own that stands as before."""
        shutil.copytree(self.before.folder, folder)
        return Desk(folder, self.before.runs, self.sandbox.url)

    def downloads(self) -> list[str]:
        """The names of the products that were asked for since this was asked the last time."""
        new = self.sandbox.requests[self._seen :]
        self._seen += len(new)
        return [str(one.uri).rpartition("/")[2] for one in new if one.path == DOWNLOAD]


def whole_world(sandbox: Sandbox, runs: Runs, folder: Path) -> World:
    """A world with something to fetch, to update, to repair, to adopt, to keep, and a foreign file in the way."""
    desk = Desk(folder / "before", runs, sandbox.url)
    desk.folder.mkdir()
    manifest = desk.folder / "jwstsync.toml"
    early = [KEPT, REMADE, GROWN, CUT, FLIPPED]
    manifest.write_text(MANIFEST.replace("[{}]", f"[{{ productFilename = {early} }}]"), encoding="utf-8")
    assert desk.call("apply").code == 0
    manifest.write_text(MANIFEST, encoding="utf-8")
    sandbox.remake(REMADE)
    sandbox.remake(GROWN, same_size=False)
    desk.file(CUT).write_bytes(desk.files[CUT][:1000])
    desk.file(FLIPPED).write_bytes(desk.files[FLIPPED][:-1] + b"?")
    desk.file(FOREIGN).write_bytes(MINE)
    desk.file(ADOPTED).write_bytes(sandbox.content(ADOPTED))
    after = Desk(folder / "after", runs, sandbox.url)
    shutil.copytree(desk.folder, after.folder)
    assert after.call("apply", "plan --check").code == 0
    world = World(sandbox, desk, after)
    world.downloads()
    assert after.files == {name: sandbox.content(name) for name in [*SIZES, TABLE]}
    return world


def check_promises(desk: Desk, world: World) -> set[str]:
    """Holds a folder to what is promised at any moment, and tells which products have their new bytes."""
    files, old, new = desk.files, world.before.files, world.after.files
    assert {name for name, content in files.items() if content not in {old.get(name), new[name]}} == set()
    assert old.keys() <= files.keys()
    known = [world.before.locked, world.after.locked]
    assert {name for name, one in desk.locked.items() if one not in [some.get(name) for some in known]} == set()
    for name in (FOREIGN, FLIPPED, CUT):
        assert old[name] in {files[name], *desk.trash}
    return {name for name, content in files.items() if content == new[name] and content != old.get(name)}


def check_goes_on(desk: Desk, world: World) -> list[str]:
    """Holds the next run to its end, and tells what it downloaded."""
    world.downloads()
    ended = desk.call("apply -q", "plan --check -q", "verify -q")
    assert (ended.code, ended.err) == (0, "")
    assert desk.files == world.after.files
    assert desk.lockfile.read_bytes() == world.after.lockfile.read_bytes()
    assert (desk.parts, desk.journals) == ([], [])
    assert sorted(path.name for path in desk.folder.iterdir()) == sorted(p.name for p in world.after.folder.iterdir())
    return world.downloads()
