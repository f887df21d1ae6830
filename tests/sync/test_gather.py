"""What there is to decide on: the manifest with the environment's changes, and the archive's answers to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.archive.mast import MastArchive
from jwstsync.core.caom import Observation, ProductRow
from jwstsync.core.layout import DEFAULT_LAYOUT
from jwstsync.errors import ArchiveError, ManifestError, UsageError
from jwstsync.settings import Settings
from jwstsync.sync.feedback import Silence
from jwstsync.sync.gather import PORTION, gather, load_manifest, open_archive
from tests.sync.fakes import EVERYTHING, Diary, FakeArchive, Place, Product, fits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def problem_of(path: Path) -> str:
    """What is wrong with a manifest."""
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    return str(caught.value)


# --- the manifest


def test_a_manifest_is_read_with_its_own_settings(place: Place) -> None:
    """Without an environment, the manifest's server and time limit count, or the defaults."""
    manifest = load_manifest(str(place.folder / "jwstsync.toml"), Settings())

    assert manifest.archive.url == "http://127.0.0.1:9"
    assert manifest.archive.timeout == 600
    assert manifest.destination.layout == DEFAULT_LAYOUT


def test_the_environment_overrides_the_manifest(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """JWSTSYNC_ARCHIVE_URL and JWSTSYNC_TIMEOUT stand above [archive]."""
    monkeypatch.setenv("JWSTSYNC_ARCHIVE_URL", "http://127.0.0.1:7/")
    monkeypatch.setenv("JWSTSYNC_TIMEOUT", "7.5")
    archive = load_manifest(place.folder / "jwstsync.toml").archive

    assert (archive.url, archive.timeout) == ("http://127.0.0.1:7", 7.5)


@pytest.mark.parametrize(
    "settings", [Settings(archive_url="mast"), Settings(timeout=0), Settings(timeout=float("nan"))]
)
def test_an_environment_that_makes_no_sense_is_told(place: Place, settings: Settings) -> None:
    """A wrong variable is a usage error that says what would be right."""
    with pytest.raises(UsageError, match="expected"):
        load_manifest(place.folder / "jwstsync.toml", settings)


def test_a_manifest_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The missing file is named, and how to get one."""
    path = tmp_path / "jwstsync.toml"

    assert problem_of(path) == f"{path}: not found; expected a manifest, such as `jwstsync init` writes"


def test_a_manifest_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are a manifest that is not valid, not a crash."""
    path = tmp_path / "jwstsync.toml"
    path.write_bytes("name = 'Südring'".encode("latin-1"))

    assert problem_of(path) == f"{path}: expected UTF-8 text"


def test_a_manifest_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """A folder of that name is named with the system's reason."""
    assert problem_of(tmp_path) == f"{tmp_path}: is a folder; expected a manifest, such as jwstsync.toml in it"


def test_an_invalid_manifest_is_named(place: Place) -> None:
    """All that is wrong is told with the file, before anything is asked."""
    place.write("version = 2")

    assert problem_of(place.folder / "jwstsync.toml").startswith(f"{place.folder / 'jwstsync.toml'}: ")


# --- the archive


def test_the_archive_at_an_address_is_mast() -> None:
    """To open it asks nothing: there need not be a server."""
    assert isinstance(open_archive("http://127.0.0.1:9", 1), MastArchive)


class Watched(FakeArchive):
    """An archive that notes which observations it is asked about."""

    def __init__(self, *products: Product) -> None:
        super().__init__(*products)
        self.groups: list[list[int]] = []

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """The rows of these observations."""
        self.groups.append(list(group_ids))
        return super().products(group_ids)


def test_each_proposal_is_asked_for_once_and_in_order(place: Place) -> None:
    """However many blocks name a proposal, and in whatever order; who waits is told which one it is."""
    place.archive.add(Product("d_cal.fits", fits("d"), proposal=9))
    place.write(EVERYTHING.replace("[1, 2]", "[9, 1]") + "[[proposal]]\nid = 9\ninclude = [{}]\n")
    diary = Diary()
    listings, failed = gather(place.manifest, place.archive, diary)

    assert sorted(place.archive.asked) == [1, 9]
    assert [(listing.proposal, len(listing.rows)) for listing in listings] == [(1, 2), (9, 1)]
    assert failed == {}
    assert diary.phases == [f"asking http://127.0.0.1:9 about proposal {proposal}" for proposal in (1, 9)]
    assert sorted(diary.queries) == [(1, "answered", 2), (1, "begun", None), (9, "answered", 1), (9, "begun", None)]


def test_only_observations_that_a_block_takes_are_asked_about(place: Place) -> None:
    """What `observations` leaves out costs no request for its products."""
    place.write(EVERYTHING + '[[proposal]]\nid = 3\nobservations = { obs_id = "exclusive" }\ninclude = [{}]\n')
    archive = Watched()
    gather(place.manifest, archive, Silence())

    assert archive.groups == [[11, 12], [21, 22], [32]]


def test_a_proposal_that_fails_does_not_stop_the_others(place: Place) -> None:
    """Its error is kept, and what the others list is there."""
    place.archive.down = {1}
    diary = Diary()
    listings, failed = gather(place.manifest, place.archive, diary)

    assert [listing.proposal for listing in listings] == [2]
    assert failed == {1: "proposal 1: down for maintenance"}
    assert (1, "failed", failed[1]) in diary.queries
    assert not any(one[:2] == (1, "answered") for one in diary.queries)


class Large(FakeArchive):
    """An archive with a proposal of many observations, which it lists, or not, in portions."""

    def __init__(self, *, gone: int | None = None) -> None:
        super().__init__()
        self.portions: list[Sequence[int]] = []
        self._gone = gone

    def observations(self, proposal_id: int) -> list[Observation]:
        """250 observations of the first proposal, and one of the second."""
        count = 250 if proposal_id == 1 else 1
        return [Observation(1000 * proposal_id + n, f"o{n}", "JWST", calib_level=3) for n in range(count)]

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """One product of each."""
        self.portions.append(group_ids)
        if self._gone in group_ids:
            raise ArchiveError(f"{self._gone}: gone")
        return [ProductRow(f"mast:{group}", f"{group}.fits", group, group, "o") for group in group_ids]


def test_products_of_a_large_proposal_are_asked_for_in_portions(place: Place) -> None:
    """Of a hundred observations each, side by side with others; all rows come, in the order of the observations."""
    archive, diary = Large(), Diary()
    first, second = gather(place.manifest, archive, diary)[0]

    assert sorted(map(len, archive.portions)) == [1, 50, 100, 100]
    assert [row.group_id for row in first.rows] == list(range(1000, 1250))
    assert [row.group_id for row in second.rows] == [2000]
    assert sorted(one for one in diary.queries if one[1] != "begun") == [(1, "answered", 250), (2, "answered", 1)]


def test_a_portion_that_fails_fails_its_proposal(place: Place) -> None:
    """Half a list is none: products would seem to be gone."""
    diary = Diary()
    listings, failed = gather(place.manifest, Large(gone=1150), diary)

    assert [listing.proposal for listing in listings] == [2]
    assert failed == {1: "1150: gone"}
    assert [one for one in sorted(diary.queries) if one[1] != "begun"] == [(1, "failed", failed[1]), (2, "answered", 1)]


def test_a_proposal_is_told_to_have_failed_once(place: Place) -> None:
    """However many of its portions do, and whatever comes after the first."""

    class Odd(Large):
        def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
            if len(group_ids) == PORTION:
                raise ArchiveError("gone")
            return super().products(group_ids)

    diary = Diary()
    gather(place.manifest, Odd(), diary)

    assert [one for one in diary.queries if one[0] == 1] == [(1, "begun", None), (1, "failed", "gone")]


def test_no_observations_are_an_answer(place: Place) -> None:
    """A proposal of which nothing is to be asked for has no products."""
    place.write(EVERYTHING + '[[proposal]]\nid = 3\nobservations = { obs_id = "nothing" }\ninclude = [{}]\n')
    diary = Diary()
    gather(place.manifest, place.archive, diary)

    assert (3, "answered", 0) in diary.queries


class Broken(FakeArchive):
    """An archive of which one part is down."""

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """Fails the same for all."""
        raise ArchiveError(f"no products, asked for {len(group_ids)} observations")


def test_an_archive_that_fails_for_all_is_an_error(place: Place) -> None:
    """Each reason is given once, and how to go on without the archive."""
    with pytest.raises(ArchiveError) as caught:
        gather(place.manifest, Broken(), Silence())

    reason, hint = str(caught.value).splitlines()
    assert reason == "no products, asked for 2 observations"
    assert "--frozen" in hint
