"""Files that a script brought are jwstsync's own: `--prune` takes them as it takes what `apply` wrote."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

import jwstsync
from jwstsync.core.orphans import Prune
from jwstsync.sandbox import Catalogue, Sandbox
from jwstsync.settings import Settings
from jwstsync.store.record import ADOPTED, WRITTEN, read_record
from jwstsync.sync.planning import Mode
from jwstsync.sync.run import open_run
from jwstsync.sync.script import write_script
from tests.sync.fakes import EVERYTHING, A, B, C, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Plan
    from jwstsync.sync.report import Report

NOBODY = Settings(keyring=False)
FLAT = ('root = "data"', 'root = "data"\nlayout = "{filename}"')
JUST_A = ("[{}]", f'[{{ productFilename = "{A}" }}]')


class Folder:
    """A folder that is kept in step with a sandbox of three products, by runs and by scripts."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.write()

    def write(self, *changes: tuple[str, str]) -> None:
        """Writes the manifest anew."""
        text = EVERYTHING.replace("http://127.0.0.1:9", self.sandbox.url).replace("[1, 2]", "1")
        for old, new in changes:
            text = text.replace(old, new)
        (self.folder / "jwstsync.toml").write_text(text, encoding="utf-8")

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is now."""
        return jwstsync.load_manifest(self.folder / "jwstsync.toml", Settings())

    def plan(self, mode: Mode = Mode.DEFAULT) -> Plan:
        """What would happen, pruning included."""
        return jwstsync.plan(self.manifest, mode, settings=NOBODY, prune=Prune())

    def apply(self) -> Report:
        """Has it done."""
        return jwstsync.apply(self.manifest, settings=NOBODY, prune=Prune())

    def run_script(self, mode: Mode = Mode.DEFAULT, *, written_for: Manifest | None = None) -> None:
        """Has a script fetch the difference."""
        manifest = written_for or self.manifest
        write_script(manifest, jwstsync.plan(manifest, mode, settings=NOBODY), mode, str(self.folder / "get.sh"))
        subprocess.run(["bash", "get.sh"], cwd=self.folder, check=True, capture_output=True)

    def file(self, name: str) -> Path:
        """The place of a product."""
        return self.folder / "data" / "JWST" / "jw00001-o001" / name

    @property
    def origins(self) -> dict[str, str]:
        """How each file came, by its name, as it is remembered."""
        record = read_record(self.folder / "data" / ".jwstsync" / "record.jsonl")
        return {path.rpartition("/")[2]: entry.origin for path, entry in record.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """The folder, without any file yet."""
    observation = {"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1", "instrument_name": "NIRCAM/IMAGE"}
    products = [{"productFilename": name, "parent_obsid": 1} for name in (A, B, C)]
    with Sandbox(catalogue=Catalogue.from_rows([observation], products)) as sandbox:
        yield Folder(tmp_path, sandbox)


def test_what_a_script_brought_is_pruned(folder: Folder) -> None:
    """Nothing locks it any more, and nobody else put it there: it goes to the trash, with its folder's right to go."""
    folder.run_script()
    folder.apply()
    assert folder.origins == dict.fromkeys((A, B, C), WRITTEN)

    folder.write(JUST_A)
    assert told(folder.plan()) == {B: "prune orphan", C: "prune orphan"}
    folder.apply()
    assert sorted(path.name for path in folder.file(A).parent.iterdir()) == [A]


def test_what_a_script_replaced_stays_jwstsyncs(folder: Folder) -> None:
    """An update that a script brought is pruned like the version before it, and its folder goes with a new layout."""
    folder.apply()
    folder.sandbox.remake(B)
    folder.run_script()
    assert told(folder.plan()) == {B: "adopt present"}
    folder.apply()
    assert folder.origins == dict.fromkeys((A, B, C), WRITTEN)

    folder.write(FLAT)
    folder.apply()
    assert not (folder.folder / "data" / "JWST").exists()
    folder.write(FLAT, JUST_A)
    assert told(folder.plan()) == {B: "prune orphan", C: "prune orphan"}


def test_what_a_script_restored_stays_jwstsyncs(folder: Folder) -> None:
    """Locked bytes that are back in place, by a script or by hand, are what jwstsync wrote."""
    folder.apply()
    folder.file(B).unlink()
    folder.run_script(Mode.FROZEN)
    kept = folder.file(C).read_bytes()
    folder.file(C).unlink()
    folder.file(C).write_bytes(kept)
    folder.apply()
    assert folder.origins == dict.fromkeys((A, B, C), WRITTEN)


def test_a_lost_lockfile_costs_no_right_to_prune(folder: Folder) -> None:
    """What is adopted and is byte for byte what a run on this lockfile wrote there is still its own."""
    folder.apply()
    (folder.folder / "jwstsync.lock").unlink()
    assert set(told(folder.plan()).values()) == {"adopt present"}
    folder.apply()
    assert folder.origins == dict.fromkeys((A, B, C), WRITTEN)


def test_what_came_otherwise_is_not_pruned(folder: Folder) -> None:
    """A file from elsewhere, though a script runs beside it, is not jwstsync's; nor is one that replaced a script's."""
    folder.file(A).parent.mkdir(parents=True)
    folder.file(A).write_bytes(folder.sandbox.content(A))
    folder.run_script()
    folder.file(B).unlink()
    folder.file(B).write_bytes(folder.sandbox.content(B))
    folder.apply()
    assert folder.origins == {A: ADOPTED, B: ADOPTED, C: WRITTEN}


def test_another_manifests_script_gives_no_right(folder: Folder) -> None:
    """Two manifests may share a root: what the script of one brought is not the other's to take away."""
    other = folder.folder / "other.toml"
    other.write_text((folder.folder / "jwstsync.toml").read_text(encoding="utf-8"), encoding="utf-8")
    folder.run_script(written_for=jwstsync.load_manifest(other, Settings()))
    folder.apply()
    assert folder.origins == dict.fromkeys((A, B, C), ADOPTED)


def test_a_run_that_was_stopped_costs_no_right(folder: Folder) -> None:
    """What a script noted is needed until all of it has been recorded, and is cleared away then."""
    folder.run_script()
    noted = folder.folder / "data" / ".jwstsync" / "fetched"
    with open_run(folder.manifest, settings=NOBODY) as run:
        for _ in run.carry_out():
            run.stop()
    assert list(noted.iterdir())
    folder.apply()
    assert folder.origins == dict.fromkeys((A, B, C), WRITTEN)
    assert not noted.exists()
