"""A tree that the unmodified astroquery client has made is taken over without one request for a download."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from astroquery.mast import ObservationsClass

import jwstsync
from jwstsync.errors import ExitCode
from jwstsync.sandbox import TOKEN, Catalogue, Sandbox
from jwstsync.settings import Settings
from jwstsync.sync.feedback import Silence
from jwstsync.sync.run import open_run
from tests.sync.fakes import outcomes, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jwstsync.sandbox import Received
    from jwstsync.sync.report import Report
    from jwstsync.sync.run import Run

DOWNLOAD = "/api/v0.1/Download/file"
FITS = [f"jw01111001001_02101_0000{number}_nrca1_cal.fits" for number in (1, 2, 3)]
ASN, SECRET_ASN = (
    "jw01111-o001_20260101t000000_image2_00001_asn.json",
    "jw01111-o002_20260101t000000_image2_00001_asn.json",
)
SECRET = "jw01111002001_02101_00001_nrca1_cal.fits"
NAMES = {*FITS, ASN, SECRET, SECRET_ASN}


def catalogue() -> Catalogue:
    """A proposal with a public and an exclusive observation, and associations of which no size is stated."""
    observations = [
        {"obsid": 11, "obs_id": "jw01111-o001", "proposal_id": "1111"},
        {
            "obsid": 12,
            "obs_id": "jw01111-o002",
            "proposal_id": "1111",
            "dataRights": "EXCLUSIVE_ACCESS",
            "t_obs_release": 97_964.0,
        },
    ]
    names = {**dict.fromkeys([*FITS, ASN], 11), SECRET: 12, SECRET_ASN: 12}
    products = [
        {"productFilename": name, "parent_obsid": parent, **({"size": None} if name.endswith(".json") else {})}
        for name, parent in names.items()
    ]
    return Catalogue.from_rows(observations, products)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The archive."""
    with Sandbox(catalogue=catalogue()) as sandbox:
        yield sandbox


@pytest.fixture
def made(sandbox: Sandbox, tmp_path: Path) -> Path:
    """The folder in which the client, with a token, has downloaded everything of the proposal."""
    client = ObservationsClass()
    portal = vars(client)["_portal_api_connection"]
    portal.MAST_REQUEST_URL = f"{sandbox.url}/api/v0/invoke"
    portal.COLUMNS_CONFIG_URL = f"{sandbox.url}/portal/Mashup/Mashup.asmx/columnsconfig"
    portal.MAST_DOWNLOAD_URL = f"{sandbox.url}{DOWNLOAD}"
    vars(client)["_auth_obj"].SESSION_INFO_URL = f"{sandbox.url}/whoami"
    try:
        client.login(TOKEN)
        products = client.get_product_list(client.query_criteria(proposal_id="1111"))
        table = client.download_products(products, download_dir=str(tmp_path / "made"), verbose=False)
    finally:
        vars(client)["_session"].close()
    assert set(table["Status"]) == {"COMPLETE"}
    assert {path.name for path in (tmp_path / "made" / "mastDownload").rglob("*.*") if path.is_file()} == NAMES
    return tmp_path / "made"


def manifest_in(folder: Path, sandbox: Sandbox) -> jwstsync.Manifest:
    """The manifest of a folder, which takes everything."""
    folder.mkdir(exist_ok=True)
    text = f'version = 1\n[archive]\nurl = "{sandbox.url}"\n[[proposal]]\nid = 1111\ninclude = [{{}}]\n'
    (folder / "jwstsync.toml").write_text(text, encoding="utf-8")
    return jwstsync.load_manifest(folder / "jwstsync.toml", Settings())


def applied(
    folder: Path, sandbox: Sandbox, token: str | None = None, adopt_from: Sequence[Path] = (), *, move: bool = False
) -> Report:
    """What comes of a run in a folder."""
    settings = Settings(token=token, keyring=False)
    return jwstsync.apply(manifest_in(folder, sandbox), settings=settings, adopt_from=adopt_from, move=move)


def downloads(sandbox: Sandbox, since: int) -> list[Received]:
    """What was asked of the products' own addresses."""
    return [one for one in sandbox.requests[since:] if one.path == DOWNLOAD]


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("where", ["in place", "elsewhere", "moved"])
def test_the_tree_is_taken_over(made: Path, sandbox: Sandbox, tmp_path: Path, where: str, token: str | None) -> None:
    """In its place or brought in from there, exclusive products included, whether there is a token or not.

    Only the size of what nothing else tells anything of is asked for, and with the token if that is needed.
    """
    fetched = tmp_path / "fetched"
    assert applied(fetched, sandbox, TOKEN).exit_code is ExitCode.OK
    since = len(sandbox.requests)
    if where == "in place":
        folder, report = made, applied(made, sandbox, token)
    else:
        folder = tmp_path / "desk"
        report = applied(folder, sandbox, token, adopt_from=[made], move=where == "moved")

    assert set(told(report.plan).values()) == {"adopt present" if where == "in place" else "adopt offered"}
    assert (report.exit_code, outcomes(report), report.left) == (ExitCode.OK, dict.fromkeys(NAMES, "done"), ())
    asked = downloads(sandbox, since)
    assert {one.method for one in asked} == {"HEAD"}
    assert sorted(str(one.uri).rpartition("/")[2] for one in asked) == [ASN, SECRET_ASN]
    assert {one.headers.get("Authorization") for one in asked} == {token and f"token {token}"}
    files = {path.name: path.read_bytes() for path in (folder / "mastDownload" / "JWST").rglob("*.*") if path.is_file()}
    assert files == {name: sandbox.content(name) for name in NAMES}
    assert (folder / "jwstsync.lock").read_bytes() == (fetched / "jwstsync.lock").read_bytes()
    assert (sum(path.is_file() for path in made.rglob("*_*.*")) == 0) is (where == "moved")


def test_an_association_of_another_size_is_fetched(made: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    """Where no listing states a size, the archive is asked for it: whole JSON of another will not do."""
    [there] = made.rglob(ASN)
    there.write_bytes(b'{"old": true}')
    since = len(sandbox.requests)
    report = applied(tmp_path / "desk", sandbox, adopt_from=[made])

    assert [left.why for left in report.left] == [f"13 bytes, the archive serves {len(sandbox.content(ASN))}"]
    asked = downloads(sandbox, since)
    assert [str(one.uri).rpartition("/")[2] for one in asked if one.method == "GET"] == [ASN]
    [file] = (tmp_path / "desk" / "mastDownload").rglob(ASN)
    assert file.read_bytes() == sandbox.content(ASN)


def test_an_archive_that_states_no_size_leaves_it_to_the_form(made: Path, sandbox: Sandbox) -> None:
    """What it will not tell is no reason to download."""
    since = len(sandbox.requests)

    async def not_today(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=404) if request.method == "HEAD" else None

    sandbox.fault = not_today
    report = applied(made, sandbox)

    assert outcomes(report) == dict.fromkeys(NAMES, "done")
    assert {one.method for one in downloads(sandbox, since)} == {"HEAD"}


class Stopping(Silence):
    """Somebody who stops a run when it is about to ask for sizes."""

    def __init__(self) -> None:
        self.run: Run | None = None

    def phase(self, text: str) -> None:
        """Stops it."""
        if self.run is not None and text.startswith("asking for 2 sizes"):
            self.run.stop()


@pytest.mark.parametrize("waits", [False, True])
def test_a_run_is_stopped_when_it_asks_for_sizes(made: Path, sandbox: Sandbox, *, waits: bool) -> None:
    """An archive that does not answer holds up nobody who wants to stop: all is adopted the next time."""
    stopping, since = Stopping(), len(sandbox.requests)

    async def silent(request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD":
            run.stop()
            await asyncio.Event().wait()
        return None

    with open_run(manifest_in(made, sandbox), settings=Settings(keyring=False), feedback=stopping) as run:
        stopping.run = None if waits else run
        sandbox.fault = silent
        results = list(run.carry_out())
    sandbox.fault = None

    assert {result.outcome for result in results} == {"deferred"}
    assert bool(downloads(sandbox, since)) is waits
    assert outcomes(applied(made, sandbox)) == dict.fromkeys(NAMES, "done")
