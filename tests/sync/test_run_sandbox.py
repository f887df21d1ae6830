"""The same story with nothing faked: astroquery asks a stand-in for MAST, and products are downloaded from there."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

import jwstsync
from jwstsync import Mode
from jwstsync.errors import ArchiveError, ExitCode, TokenError
from jwstsync.executors import Cause
from jwstsync.sandbox import STRANGER_TOKEN, TOKEN, Catalogue, Sandbox
from jwstsync.settings import Settings
from jwstsync.sync.feedback import Silence
from jwstsync.sync.gather import AGENT, open_archive
from jwstsync.sync.run import open_run
from tests.sync.fakes import outcomes, told, with_checksum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.plan import Plan
    from jwstsync.sandbox import Fault
    from jwstsync.sync.report import Report

DOWNLOAD, INVOKE = "/api/v0.1/Download/file", "/api/v0/invoke"
RATE, CAL, ASN = "jw01111_rate.fits", "jw01111_cal.fits", "jw01111_asn.json"
OTHER, EXCLUSIVE = "jw02222_cal.fits", "jw02222_i2d.fits"
PUBLIC = {RATE, CAL, ASN, OTHER}


def catalogue() -> Catalogue:
    """Two proposals; the second has an observation under exclusive access."""
    observations = [
        {"obsid": 11, "obs_id": "jw01111-o001", "proposal_id": "1111"},
        {"obsid": 21, "obs_id": "jw02222-o001", "proposal_id": "2222"},
        {"obsid": 22, "obs_id": "jw02222-o002", "proposal_id": "2222", "dataRights": "EXCLUSIVE_ACCESS"},
        {"obsid": 29, "obs_id": "jw02222-o009", "proposal_id": "2222", "calib_level": -1},
    ]
    listed = {RATE: 11, CAL: 11, ASN: 11, OTHER: 21, EXCLUSIVE: 22}
    return Catalogue.from_rows(
        observations, [{"productFilename": name, "parent_obsid": parent} for name, parent in listed.items()]
    )


class Mirror:
    """A folder that is kept in step with a sandbox, by the functions that everybody calls."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.access, self.checksums = "auto", "auto"
        self.settings = Settings(keyring=False)

    @property
    def manifest(self) -> jwstsync.Manifest:
        """The manifest, written anew."""
        path = self.folder / "jwstsync.toml"
        path.write_text(
            f'version = 1\n[archive]\nurl = "{self.sandbox.url}"\nexclusive_access = "{self.access}"\n'
            f'checksums = "{self.checksums}"\n'
            "[limits]\nconnections = 1\n[[proposal]]\nid = [1111, 2222]\ninclude = [{}]\n",
            encoding="utf-8",
        )
        return jwstsync.load_manifest(path, Settings())

    def plan(self, mode: Mode = Mode.DEFAULT) -> Plan:
        """What would happen."""
        return jwstsync.plan(self.manifest, mode, settings=self.settings)

    def apply(self, mode: Mode = Mode.DEFAULT, **choices: Any) -> Report:  # noqa: ANN401 - passed on
        """Makes it so."""
        return jwstsync.apply(self.manifest, mode, settings=self.settings, **choices)

    @property
    def lock(self) -> Path:
        """The lockfile."""
        return self.folder / "jwstsync.lock"

    def file(self, name: str) -> Path:
        """Where a product lies, once it does."""
        [found] = (self.folder / "mastDownload" / "JWST").rglob(name)
        return found

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of all products."""
        found = (self.folder / "mastDownload" / "JWST").rglob("*")
        return {path.name: path.read_bytes() for path in found if path.is_file()}

    def asked(self, path: str) -> list[str | None]:
        """The requests at one address since the last call, by what they ask for; all are forgotten then."""
        requests, self._seen = self.sandbox.requests[self._seen :], len(self.sandbox.requests)
        return [request.uri and request.uri.rpartition("/")[2] for request in requests if request.path == path]

    _seen = 0


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A folder beside a sandbox, with nothing fetched yet."""
    with Sandbox(catalogue=catalogue()) as sandbox:
        yield Mirror(tmp_path, sandbox)


def test_everything_comes_once_and_stays(mirror: Mirror) -> None:
    """Fetched and verified, then nothing more to do: no download, the same lockfile, not even written again."""
    report = mirror.apply()
    assert report.exit_code is ExitCode.OK
    assert mirror.files == {name: mirror.sandbox.content(name) for name in PUBLIC}
    assert sorted(str(name) for name in mirror.asked(DOWNLOAD)) == sorted(PUBLIC)

    locked, stat = mirror.lock.read_bytes(), mirror.lock.stat()
    assert told(mirror.plan()) == {EXCLUSIVE: "withhold exclusive_access"}
    assert mirror.apply().exit_code is ExitCode.OK
    assert mirror.asked(DOWNLOAD) == []
    assert (mirror.lock.read_bytes(), mirror.lock.stat().st_mtime_ns) == (locked, stat.st_mtime_ns)


def test_what_is_damaged_is_fetched_again(mirror: Mirror) -> None:
    """A deleted, a truncated and a flipped file are put right, the last once verify has found it."""
    mirror.apply()
    whole = mirror.files
    mirror.file(RATE).unlink()
    mirror.file(CAL).write_bytes(whole[CAL][:1000])
    mirror.file(OTHER).write_bytes(whole[OTHER][:-1] + b"?")
    mirror.asked(DOWNLOAD)
    found = jwstsync.verify(mirror.manifest)

    assert told(found.plan) == {RATE: "fetch missing", CAL: "repair truncated", OTHER: "repair modified"}
    assert mirror.apply().exit_code is ExitCode.OK
    assert sorted(str(name) for name in mirror.asked(DOWNLOAD)) == sorted([RATE, CAL, OTHER])
    assert mirror.files == whole


def test_a_copied_tree_is_adopted(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Files from elsewhere are recorded without a download, and give the same lockfile."""
    mirror.apply()
    other = Mirror(tmp_path_factory.mktemp("other"), mirror.sandbox)
    shutil.copytree(mirror.folder / "mastDownload" / "JWST", other.folder / "mastDownload" / "JWST")
    mirror.asked(DOWNLOAD)

    assert set(outcomes(other.apply()).values()) == {"done", "withheld"}
    assert mirror.asked(DOWNLOAD) == []
    assert other.lock.read_bytes() == mirror.lock.read_bytes()


@pytest.mark.parametrize("same_size", [True, False])
def test_a_product_made_anew_is_replaced(mirror: Mirror, *, same_size: bool) -> None:
    """Another pipeline version, of the same size or another: fetched, put in place, locked."""
    mirror.apply()
    mirror.sandbox.remake(CAL, cal_ver="1.20.0", same_size=same_size)

    assert told(mirror.plan())[CAL] == "update changed"
    assert outcomes(mirror.apply())[CAL] == "done"
    assert mirror.files[CAL] == mirror.sandbox.content(CAL)
    assert 'cal_ver = "1.20.0"' in mirror.lock.read_text(encoding="utf-8")
    assert CAL not in told(mirror.plan())


def test_a_removed_product_leaves_the_lockfile_alone(mirror: Mirror) -> None:
    """The archive no longer lists it: dropped from the lockfile, kept on the disk."""
    mirror.apply()
    mirror.sandbox.remove(RATE)

    assert told(mirror.plan())[RATE] == "drop gone"
    mirror.apply()
    assert RATE not in mirror.lock.read_text(encoding="utf-8")
    assert RATE in mirror.files


def test_frozen_restores_without_a_question(mirror: Mirror) -> None:
    """Files come back with no query at all; bytes that were made anew are refused with exit code 6."""
    mirror.apply()
    whole, locked = mirror.files, mirror.lock.read_bytes()
    mirror.file(RATE).unlink()
    mirror.asked(INVOKE)
    assert mirror.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert mirror.asked(INVOKE) == []
    assert mirror.files == whole

    mirror.sandbox.remake(CAL)
    mirror.file(CAL).write_bytes(b"by hand")
    report = mirror.apply(Mode.FROZEN)
    assert (report.exit_code, outcomes(report)) == (ExitCode.BYTES_DIFFER, {CAL: "failed"})
    assert (mirror.files[CAL], mirror.lock.read_bytes()) == (b"by hand", locked)


@pytest.mark.parametrize(
    ("access", "token", "exit_code", "outcome"),
    [
        ("auto", None, ExitCode.OK, "withheld"),
        ("auto", STRANGER_TOKEN, ExitCode.OK, "withheld"),
        ("auto", TOKEN, ExitCode.OK, "done"),
        ("skip", None, ExitCode.OK, "withheld"),
        ("skip", STRANGER_TOKEN, ExitCode.OK, "withheld"),
        ("skip", TOKEN, ExitCode.OK, "withheld"),
        ("fetch", None, ExitCode.TOKEN, "withheld"),
        ("fetch", STRANGER_TOKEN, ExitCode.TOKEN, "failed"),
        ("fetch", TOKEN, ExitCode.OK, "done"),
        ("error", TOKEN, ExitCode.OK, "done"),
    ],
)
def test_exclusive_products_come_with_the_right_alone(
    mirror: Mirror, access: str, token: str | None, exit_code: ExitCode, outcome: str
) -> None:
    """Public products come in every case; the exclusive one to whom the archive gives it, as the mode asks."""
    mirror.access, mirror.settings = access, Settings(token=token, keyring=False)
    report = mirror.apply()

    assert report.exit_code is exit_code
    assert outcomes(report) == {**dict.fromkeys(PUBLIC, "done"), EXCLUSIVE: outcome}
    assert mirror.files.keys() == PUBLIC | ({EXCLUSIVE} if outcome == "done" else set())


@pytest.mark.parametrize(("token", "asked"), [(None, 0), (STRANGER_TOKEN, 1)])
def test_error_without_the_right_downloads_nothing(mirror: Mirror, token: str | None, asked: int) -> None:
    """The run is refused before the first download; with a token the archive is asked once whether it will do."""
    mirror.access, mirror.settings = "error", Settings(token=token, keyring=False)

    with pytest.raises(TokenError, match=EXCLUSIVE):
        mirror.apply()
    assert len(mirror.asked(DOWNLOAD)) == asked
    assert mirror.files == {}
    assert not mirror.lock.exists()


def test_the_environment_chooses_the_server(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With JWSTSYNC_ARCHIVE_URL, questions and downloads go there, whatever the manifest says."""
    path = tmp_path / "elsewhere.toml"
    path.write_text(
        'version = 1\n[archive]\nurl = "http://127.0.0.1:9"\n[[proposal]]\nid = 1111\ninclude = [{}]\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("JWSTSYNC_ARCHIVE_URL", mirror.sandbox.url)
    report = jwstsync.apply(jwstsync.load_manifest(path))

    assert report.exit_code is ExitCode.OK
    assert set(outcomes(report)) == {RATE, CAL, ASN}
    assert (tmp_path / "elsewhere.lock").exists()


def test_questions_and_downloads_name_the_program(mirror: Mirror) -> None:
    """The archive can tell who asks and who downloads, and write to somebody if that is too much."""
    mirror.apply()

    assert len(mirror.sandbox.requests) > len(PUBLIC)
    assert {request.headers["User-Agent"].split()[0] for request in mirror.sandbox.requests} == {AGENT}


@pytest.mark.parametrize(
    ("checksums", "exit_code", "cause"),
    [("auto", ExitCode.BYTES_DIFFER, Cause.MISMATCH), ("ignore", ExitCode.OK, None)],
)
def test_a_download_has_to_have_the_archives_checksum(
    mirror: Mirror, checksums: str, exit_code: ExitCode, cause: Cause | None
) -> None:
    """Bytes without it are refused with exit code 6, unless the manifest ignores checksums."""
    mirror.checksums = checksums
    with open_run(mirror.manifest, settings=mirror.settings) as run:
        with_checksum(run, CAL, "0" * 32)
        causes = {result.action.path.rpartition("/")[2]: result.cause for result in run.carry_out()}
    report = run.report()

    assert report.exit_code is exit_code
    assert causes == {**dict.fromkeys([*PUBLIC, EXCLUSIVE]), CAL: cause}
    assert (CAL in mirror.files) is (cause is None)


def test_the_manifests_time_limit_is_the_downloads(mirror: Mirror) -> None:
    """A download without a byte for so long has failed."""

    async def silent(request: web.Request) -> web.StreamResponse | None:
        if CAL in request.query_string:
            await asyncio.Event().wait()
        return None

    mirror.sandbox.fault = silent
    manifest = mirror.manifest.with_archive(timeout=0.3)
    with open_run(manifest, archive=open_archive(mirror.sandbox.url, 60), settings=mirror.settings) as run:
        errors = {result.action.path.rpartition("/")[2]: result.error for result in run.carry_out()}

    assert errors[CAL] == "no byte came for 0.3 s"


async def ill_for_the_first(request: web.Request) -> web.StreamResponse | None:
    """The archive's database fails for one proposal."""
    body = (await request.post()).get("request", "") if request.path == INVOKE else ""
    error = {"status": "ERROR", "msg": "database session killed"}
    return web.json_response(error) if '"1111"' in str(body) else None


def test_a_proposal_that_fails_leaves_the_others(mirror: Mirror) -> None:
    """What is locked of it stays and is restored, the other proposal comes, exit code 4."""
    mirror.apply()
    locked = mirror.lock.read_bytes()
    mirror.file(RATE).unlink()
    mirror.file(OTHER).unlink()
    mirror.sandbox.fault = ill_for_the_first
    report = mirror.apply()

    assert report.exit_code is ExitCode.ARCHIVE
    assert "database session killed" in report.plan.goal.failed[1111]
    assert {name for name, outcome in outcomes(report).items() if outcome == "done"} == {RATE, OTHER}
    assert mirror.lock.read_bytes() == locked


def test_an_archive_that_is_down_is_told(mirror: Mirror) -> None:
    """Nothing is changed, and the way without the archive's answers is named; that way works."""
    mirror.apply()
    mirror.file(RATE).unlink()
    mirror.manifest  # noqa: B018 - written while the address is known

    async def down(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503) if request.path != DOWNLOAD else None

    mirror.sandbox.fault = down
    with pytest.raises(ArchiveError, match=r"503 [^$]*--frozen"):
        mirror.apply()
    assert RATE not in mirror.files
    assert mirror.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert RATE in mirror.files


def test_a_stopped_run_is_gone_on_with(mirror: Mirror) -> None:
    """What came before the stop is not fetched again."""
    asked = 0

    async def hold_the_third(request: web.Request) -> web.Response | None:
        nonlocal asked
        asked += request.path == DOWNLOAD
        return web.Response(status=503, headers={"Retry-After": "600"}) if asked > 2 else None

    mirror.sandbox.fault = hold_the_third
    with open_run(mirror.manifest, settings=mirror.settings) as run:
        for result in run.carry_out():
            if result.outcome == "done":
                run.stop()
    mirror.sandbox.fault = None
    first = {name for name, outcome in outcomes(run.report()).items() if outcome == "done"}
    assert first == set(mirror.files)
    assert 0 < len(first) < len(PUBLIC)
    mirror.asked(DOWNLOAD)

    report = mirror.apply()
    assert mirror.files.keys() == PUBLIC
    assert set(mirror.asked(DOWNLOAD)) == PUBLIC - first
    assert report.exit_code is ExitCode.OK


def test_the_association_is_whole(mirror: Mirror) -> None:
    """Products that are no FITS files come as well, and are what their name says."""
    mirror.apply()

    assert isinstance(json.loads(mirror.files[ASN]), dict)


class Warnings(Silence):
    """Feedback of which only the warnings are kept."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Keeps it."""
        self.warnings.append(text)


def other_bytes(sandbox: Sandbox) -> Fault:
    """A fault: every FITS file comes with a bit flipped."""

    async def fault(request: web.Request) -> web.Response | None:
        name = request.query.get("uri", "").rpartition("/")[2]
        if request.path != DOWNLOAD or not name.endswith(".fits"):
            return None
        content = sandbox.content(name)
        return web.Response(body=content[:-1] + bytes([content[-1] ^ 1]))

    return fault


def test_checksums_that_nothing_confirms_are_set_aside(mirror: Mirror) -> None:
    """Where no product has the bytes that the archive's checksums say, they are accepted, said, and stay."""
    mirror.sandbox.fault = other_bytes(mirror.sandbox)
    heard = Warnings()
    report = mirror.apply(feedback=heard)
    unconfirmed = [result.action.uri for result in report.results if result.unconfirmed]

    assert report.exit_code is ExitCode.OK
    assert len(unconfirmed) == sum(name.endswith(".fits") for name in mirror.files) > 0
    assert sum("nothing has confirmed" in warning for warning in heard.warnings) == 1
    assert "md5" not in mirror.lock.read_text(encoding="utf-8")
    assert mirror.plan().differences == []


def test_a_confirmed_checksum_holds_in_the_next_run(mirror: Mirror) -> None:
    """What an earlier run confirmed on bytes makes a mismatch a failure."""
    mirror.apply()
    mirror.sandbox.remake(OTHER)
    mirror.sandbox.fault = other_bytes(mirror.sandbox)

    assert mirror.apply().exit_code is ExitCode.BYTES_DIFFER
