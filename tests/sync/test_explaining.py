"""Why products are selected or left out, as the archive and the lockfile have them."""

from __future__ import annotations

import pytest

from jwstsync.errors import LockfileError
from jwstsync.sandbox import Catalogue, Sandbox
from jwstsync.sync.explaining import explanations
from jwstsync.sync.gather import AGENT
from tests.sync.fakes import EVERYTHING, A, B, C, Diary, Place, Product, fits


def test_a_name_is_explained(place: Place) -> None:
    """Why products whose names match a glob are selected or left out, one by one, with the rule that decides."""
    place.write(EVERYTHING.replace("[{}]", '[{ productFilename = "a_*" }]'))
    explained, failed = explanations(place.manifest, "[AB]_cal.fits", archive=place.archive)

    assert [(one.filename, one.selected) for one in explained] == [(A, True), (B, False)]
    assert all("productFilename" in reason for reason in explained[1].reasons)
    assert failed == {}


def test_what_no_observation_rule_takes_is_explained(place: Place) -> None:
    """The archive is also asked for the products of the observations that a block leaves out."""
    place.write(EVERYTHING.replace("include", 'observations = { instrument_name = "NIRCAM*" }\ninclude'))
    explained, _ = explanations(place.manifest, A, archive=place.archive)

    [one] = explained
    assert not one.selected
    assert all("observations leaves it out: instrument_name" in reason for reason in one.reasons)


def test_what_is_locked_and_gone_is_explained(synced: Place) -> None:
    """A product that the archive lists no more is known by the lockfile."""
    del synced.archive.holdings[A]
    explained, _ = explanations(synced.manifest, A, archive=synced.archive)

    assert [one.reasons for one in explained] == [["1: locked, and the archive lists it no more"]]


def test_a_lockfile_that_is_not_valid(place: Place) -> None:
    """It is an error here too: half of an answer would look like the whole."""
    place.lock.write_text("what?", encoding="utf-8")

    with pytest.raises(LockfileError):
        explanations(place.manifest, A, archive=place.archive)


def test_a_proposal_that_does_not_answer(place: Place) -> None:
    """The others' products are explained, and it is told with its error."""
    place.archive.down.add(2)
    explained, failed = explanations(place.manifest, "*", archive=place.archive)

    assert explained
    assert {verdict.proposal for one in explained for verdict in one.verdicts} == {1}
    assert list(failed) == [2]


def test_nothing_is_explained_where_nothing_is_listed(place: Place) -> None:
    """A name that the archive does not list has no explanation; asking is told as it goes on."""
    diary = Diary()

    assert explanations(place.manifest, "nothing_*", archive=place.archive, feedback=diary) == ([], {})
    assert len(diary.phases) == 2


def test_explanations_come_from_the_manifests_archive(place: Place) -> None:
    """Without another one, the configured server is asked, in this program's name."""
    observation = {"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1"}
    catalogue = Catalogue.from_rows([observation], [{"productFilename": C, "parent_obsid": 1}])
    with Sandbox(catalogue=catalogue) as sandbox:
        manifest = place.manifest.with_archive(url=sandbox.url)
        explained, _ = explanations(manifest, "*")
        agents = {request.headers["User-Agent"].split()[0] for request in sandbox.requests}

    assert [(one.filename, one.selected) for one in explained] == [(C, True)]
    assert agents == {AGENT}
    assert AGENT.startswith("jwstsync/")


def test_a_product_is_explained_without_a_download(place: Place) -> None:
    """To ask why changes nothing on the disk."""
    place.archive.add(Product("d_cal.fits", fits("d")))
    explanations(place.manifest, "*", archive=place.archive)

    assert not place.root.exists()
