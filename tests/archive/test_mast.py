"""MAST through the unmodified astroquery client: what it is asked."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from pydantic_core import from_json

from jwstsync.archive import mast, transport
from jwstsync.sandbox import TOKEN, Sandbox
from tests.archive.answers import COLUMNS_CONFIG, GROUPS, INVOKE, PROPOSAL, archive_at, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from jwstsync.sandbox import Received

LARGEST_BATCH = 100


def seen_of(sandbox: Sandbox, asked: Callable[[], object]) -> list[Received]:
    """What the sandbox receives while something is asked."""
    before = len(sandbox.requests)
    asked()
    return sandbox.requests[before:]


def test_only_the_proposal_and_the_collection_are_asked_for(sandbox: Sandbox) -> None:
    """Every finer choice is made here: two filters go out, without leading zeros, and no wildcard."""
    seen = seen_of(sandbox, lambda: archive_at(sandbox.url).observations(PROPOSAL))

    assert [(one.path, one.service) for one in seen] == [
        (COLUMNS_CONFIG, "Mast.Caom.Cone"),
        (INVOKE, "Mast.Caom.Filtered"),
    ]
    assert seen[1].params == {
        "columns": "*",
        "filters": [
            {"paramName": "proposal_id", "values": ["1345"]},
            {"paramName": "obs_collection", "separator": ";", "values": ["JWST"]},
        ],
    }


def test_observations_come_in_the_archives_order(sandbox: Sandbox) -> None:
    """All of the proposal's JWST observations, and those of nobody else."""
    found = archive_at(sandbox.url).observations(PROPOSAL)

    assert [one.group_id for one in found] == GROUPS
    assert {one.obs_collection for one in found} == {"JWST"}


def test_products_are_asked_for_in_small_batches(sandbox: Sandbox) -> None:
    """Each observation is asked for once, 25 in a request: the archive breaks off on hundreds."""
    seen = seen_of(sandbox, lambda: archive_at(sandbox.url).products(GROUPS))
    asked = [one.params["obsid"].split(",") for one in seen if one.params is not None]

    assert [group for batch in asked for group in batch] == [str(group) for group in GROUPS]
    assert [len(batch) for batch in asked] == [25, 25, 10]
    assert mast.OBSERVATIONS_PER_REQUEST <= LARGEST_BATCH


def test_every_listing_of_a_product_comes_through(sandbox: Sandbox) -> None:
    """A product comes once for each parent that lists it; which of them counts is decided elsewhere."""
    rows = archive_at(sandbox.url).products(GROUPS)

    assert len(rows) == 2 * len(GROUPS)
    assert sorted(row.parent_group_id for row in rows if row.filename == "jw01345_pool.csv") == GROUPS


def test_nothing_is_asked_about_no_observations(sandbox: Sandbox) -> None:
    """A proposal without observations to ask for costs no request."""
    archive = archive_at(sandbox.url)

    assert seen_of(sandbox, lambda: archive.products([])) == []


def test_all_pages_come() -> None:
    """An answer of many pages is one list, whole and in order, for observations and products alike."""
    with Sandbox(catalogue=catalogue(), page_cap=7) as sandbox:
        archive = archive_at(sandbox.url)
        assert [one.group_id for one in archive.observations(PROPOSAL)] == GROUPS
        rows = archive.products(GROUPS)

    assert len(rows) == len({(row.data_uri, row.parent_group_id) for row in rows}) == 2 * len(GROUPS)


def test_requests_name_the_program_and_show_no_token(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive can tell who asks; a token is for downloads, and is not sent with questions."""
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    archive = archive_at(sandbox.url)
    seen = seen_of(sandbox, lambda: [archive.observations(PROPOSAL), archive.products(GROUPS[:1])])

    assert len(seen) == 4
    for one in seen:
        assert one.headers["User-Agent"].startswith("jwstsync/1.2.3 astroquery/")
        assert not {"Authorization", "Cookie"} & one.headers.keys()


def test_only_the_configured_server_is_reached(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection goes to MAST itself, or anywhere else, when another server is set."""
    reached = set()
    connect = socket.socket.connect

    def spy(connecting: socket.socket, address: tuple[str, int]) -> None:
        reached.add(f"http://{address[0]}:{address[1]}")
        connect(connecting, address)

    monkeypatch.setattr(socket.socket, "connect", spy)
    archive = archive_at(sandbox.url)
    archive.observations(PROPOSAL)
    archive.products(GROUPS)

    assert reached == {sandbox.url}


def test_two_archives_do_not_meet(sandbox: Sandbox) -> None:
    """What one server said of its columns is not taken for another's, although astroquery would share it."""
    archive_at(sandbox.url).observations(PROPOSAL)
    with Sandbox(catalogue=catalogue()) as other:
        seen = seen_of(other, lambda: archive_at(other.url).observations(PROPOSAL))

    assert [one.path for one in seen] == [COLUMNS_CONFIG, INVOKE]


def test_astroquery_is_imported_with_the_first_question() -> None:
    """To have an archive costs no import of a second; most runs that fail early never need it."""
    script = (
        "import sys; from jwstsync.archive.mast import MastArchive;"
        "MastArchive('http://127.0.0.1:9', timeout=1, agent='x').products([]);"
        "sys.exit(bool({'astroquery', 'astropy', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_answer_is_read_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status that astroquery looks for and the rows come of one reading: an answer may have 50 MB."""
    read = []

    def spy(content: bytes) -> object:
        read.append(content)
        return from_json(content)

    monkeypatch.setattr(transport, "from_json", spy)
    seen = seen_of(sandbox, lambda: archive_at(sandbox.url).products(GROUPS))

    assert len(seen) == len(read) == 4
