"""Plans without a network, by the answers that an archive gave before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import jwstsync
from jwstsync.core.plan import ActionKind
from jwstsync.errors import ArchiveError, ExitCode
from jwstsync.sandbox import TOKEN, Catalogue, Sandbox
from jwstsync.settings import Settings
from jwstsync.sync.planning import Mode
from jwstsync.sync.report import plan_exit_codes
from tests.sync.fakes import Diary, Place, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.plan import Plan

CAL, MIRI = "jw00001001001_02101_00001_nrca1_cal.fits", "jw00001002001_02101_00001_mirimage_cal.fits"
MANIFEST = """
version = 1
[archive]
url = "{url}"
{archive}
[[proposal]]
id = 1
{observations}
include = [{{}}]
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A proposal with an observation of each of two instruments."""
    observations = [
        {"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1"},
        {"obsid": 2, "obs_id": "jw00001-o002", "proposal_id": "1", "instrument_name": "MIRI/IMAGE"},
    ]
    products = [{"productFilename": CAL, "parent_obsid": 1}, {"productFilename": MIRI, "parent_obsid": 2}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, products)) as served:
        yield served


class Desk:
    """Somebody with a folder, a cache, and an archive that may be away."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.diary = Diary()
        self.settings = Settings(keyring=False, token=TOKEN, cache_folder=folder / "cache")

    def plan(self, mode: Mode = Mode.DEFAULT, *, observations: str = "", archive: str = "") -> Plan:
        """What would happen, by this manifest."""
        path = self.folder / "jwstsync.toml"
        path.write_text(MANIFEST.format(url=self.url, observations=observations, archive=archive), encoding="utf-8")
        manifest = jwstsync.load_manifest(path, Settings())
        return jwstsync.plan(manifest, mode, feedback=self.diary, settings=self.settings)


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    """Somebody who has not asked yet."""
    return Desk(tmp_path, sandbox.url)


def test_the_last_answer_makes_the_same_plan(desk: Desk, sandbox: Sandbox) -> None:
    """Keywords included; and nothing is asked for it."""
    asked = desk.plan()
    heard = len(sandbox.requests)
    offline = desk.plan(Mode.OFFLINE)

    assert told(offline) == told(asked) == {CAL: "fetch new", MIRI: "fetch new"}
    assert [action.wanted for action in offline.actions] == [action.wanted for action in asked.actions]
    assert all(action.wanted and action.wanted.md5 for action in offline.actions)
    assert asked.goal.kept_at is None
    assert offline.goal.kept_at is not None
    assert len(sandbox.requests) == heard


def test_where_no_answer_is_kept_lockfile_and_disk_are_compared(desk: Desk, tmp_path: Path) -> None:
    """Before the first question, of another archive, or where nothing may be kept, it is as with --frozen."""
    assert desk.plan(Mode.OFFLINE).goal.kept_at is None

    desk.plan()
    for other in (Desk(tmp_path, "http://127.0.0.1:9"), Desk(tmp_path, desk.url)):
        if other.url == desk.url:
            other.settings = Settings(keyring=False)
        found = other.plan(Mode.OFFLINE)
        assert (found.actions, found.goal.kept_at) == ((), None)


def test_an_answer_to_a_smaller_question_is_no_answer(desk: Desk) -> None:
    """What was asked about one instrument's observations tells nothing of another's; all of them tell of each."""
    desk.plan(observations='observations = { instrument_name = "MIRI*" }')
    assert desk.plan(Mode.OFFLINE).goal.kept_at is None

    desk.plan()
    found = desk.plan(Mode.OFFLINE, observations='observations = { instrument_name = "MIRI*" }')
    assert told(found) == {MIRI: "fetch new"}
    assert found.goal.kept_at is not None


def test_keywords_that_are_not_kept_are_said(desk: Desk, tmp_path: Path) -> None:
    """The plan goes on by size and version, as where the service fails; required checksums are an error as there."""
    desk.plan()
    for path in tmp_path.rglob("keywords-1-Miri.*"):
        path.unlink()
    found = desk.plan(Mode.OFFLINE)

    assert len(found.of(ActionKind.FETCH)) == 2
    warning = "Miri keywords of proposal 1: no answer is kept; 1 products are compared by stated size and version"
    assert desk.diary.warnings == [warning]
    with pytest.raises(ArchiveError, match="no answer is kept"):
        desk.plan(Mode.OFFLINE, archive='checksums = "require"')


def test_answers_of_an_archive_that_was_handed_in_are_not_kept(place: Place, tmp_path: Path) -> None:
    """Nobody knows whether it is the one that the manifest names."""
    place.settings = Settings(keyring=False, cache_folder=tmp_path / "cache")
    place.plan()

    assert not (tmp_path / "cache").exists()


def test_an_answer_that_is_not_believed_is_not_kept(desk: Desk, sandbox: Sandbox, tmp_path: Path) -> None:
    """The last one that made sense is what plans without a network go by."""
    manifest_path = tmp_path / "jwstsync.toml"
    desk.plan()
    jwstsync.apply(jwstsync.load_manifest(manifest_path, Settings()), settings=desk.settings)
    for name in (CAL, MIRI):
        sandbox.remove(name)
    assert list(plan_exit_codes(desk.plan())) == [ExitCode.ARCHIVE]

    offline = desk.plan(Mode.OFFLINE)
    assert list(plan_exit_codes(offline)) == []
    assert offline.goal.listed == {1: 2}


def test_without_a_network_a_token_is_taken_at_its_word(tmp_path: Path) -> None:
    """Nobody is asked whose it is, neither the archive nor whoever sits at the terminal."""
    observations = [{"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1"}]
    products = [{"productFilename": CAL, "parent_obsid": 1, "dataRights": "EXCLUSIVE_ACCESS"}]
    with Sandbox(catalogue=Catalogue.from_rows(observations, products)) as sandbox:
        desk = Desk(tmp_path, sandbox.url)
        asked = desk.plan()
        heard = len(sandbox.requests)
        offline = desk.plan(Mode.OFFLINE)

        assert told(offline) == told(asked) == {CAL: "fetch new"}
        assert (len(sandbox.requests), desk.diary.warnings) == (heard, [])


def test_no_token_is_kept(desk: Desk, tmp_path: Path) -> None:
    """The cache has what the archive says to everybody."""
    import gzip

    desk.plan()
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]

    assert len(kept) == 3
    assert all(TOKEN.encode() not in gzip.decompress(path.read_bytes()) for path in kept)
