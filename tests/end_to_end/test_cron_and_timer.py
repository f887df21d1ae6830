"""The example for a host of one's own: its crontab lines and units, checked and carried out against the sandbox."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.amounts import parse_duration
from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from tests.cli.archive import no_download_of
from tests.cli.calls import PATIENCE, isolate
from tests.end_to_end.ci import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = EXAMPLES / "cron"
PROGRAM = "/opt/jwstsync/bin/jwstsync"
HERE = str(Path(sys.executable).parent / "jwstsync")
UNITS = ("jwstsync.service", "jwstsync.timer", "jwstsync-failed.service")
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAME = "jw02733-o002_t001_miri_f770w_i2d.fits"


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """The archive."""
    isolate(monkeypatch, tmp_path / "nobody")
    with Sandbox() as sandbox:
        monkeypatch.setenv("JWSTSYNC_ARCHIVE_URL", sandbox.url)
        yield sandbox


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """What the example calls /srv/jwst."""
    folder = tmp_path / "srv"
    folder.mkdir()
    shutil.copy(EXAMPLE / "jwstsync.toml", folder)
    return folder


def crontab() -> tuple[dict[str, str], list[tuple[list[str], str]]]:
    """The variables of the crontab, and the times and the command of each line."""
    lines = [line for line in (EXAMPLE / "crontab").read_text(encoding="utf-8").splitlines() if line]
    written = [line for line in lines if not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in written if re.match(r"\w+=", line))
    calls = [line.split(None, len(FIELDS)) for line in written if not re.match(r"\w+=", line)]
    return variables, [(call[:-1], call[-1]) for call in calls]


def by_cron(command: str, srv: Path) -> tuple[int, str]:
    """The exit code of a command that cron calls, and what it would mail."""
    variables, _ = crontab()
    path = variables["PATH"].replace(str(Path(PROGRAM).parent), str(Path(HERE).parent))
    kept = {name: os.environ[name] for name in ("HOME", "JWSTSYNC_ARCHIVE_URL")}
    ended = subprocess.run(
        ["/bin/sh", "-c", command.replace("/srv/jwst", str(srv))],
        cwd=os.environ["HOME"],
        env={**kept, "PATH": path, "LOGNAME": "jwst", "SHELL": "/bin/sh"},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * PATIENCE,
    )
    return ended.returncode, ended.stdout


def test_the_crontab_is_one() -> None:
    """Times within their ranges, and no percent sign, which cron takes for the end of a line."""
    variables, calls = crontab()
    assert variables.keys() == {"MAILTO", "PATH"}
    assert len(calls) == 2
    for times, command in calls:
        assert "%" not in command
        for time, (least, most) in zip(times, FIELDS, strict=True):
            assert time == "*" or least <= int(time) <= most


def test_cron_mails_only_what_went_wrong(ring: Sandbox, srv: Path) -> None:
    """Nothing is printed as long as all is well; what failed and what is damaged is, and is then made good."""
    (_, nightly), (_, weekly) = crontab()[1]
    ring.fault = no_download_of(NAME)
    _, failed = by_cron(nightly, srv)
    assert f"{NAME}: " in failed
    assert "jwstsync apply: exit code 3\n" in failed

    ring.fault = None
    assert by_cron(nightly, srv) == (0, "")
    assert by_cron(weekly, srv) == (0, "")
    damaged = next(srv.rglob(NAME))
    os.truncate(damaged, 2880)
    assert "1 to repair" in by_cron(weekly, srv)[1]
    assert by_cron(nightly, srv) == (0, "")
    assert damaged.stat().st_size > 2880


def unit(name: str) -> configparser.ConfigParser:
    """What a unit file says."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(EXAMPLE / name, encoding="utf-8")
    return parser


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say of them once the program is where they call it."""
    for name in UNITS:
        text = (EXAMPLE / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(PROGRAM, HERE), encoding="utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in UNITS)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_service_does_it(ring: Sandbox, srv: Path) -> None:
    """What the service calls fetches all, says nothing, and ends before systemd ends it or the next night comes."""
    service = unit("jwstsync.service")["Service"]
    assert service["WorkingDirectory"] == service["ReadWritePaths"] == "/srv/jwst"
    call = shlex.split(service["ExecStart"])
    assert call[0] == PROGRAM
    longest = parse_duration(call[call.index("--max-duration") + 1])
    assert longest + 1800 <= parse_duration(service["TimeoutStartSec"].replace("min", "m")) < 24 * 3600
    assert int(service["SuccessExitStatus"]) == ExitCode.TERMINATED
    ended = subprocess.run(
        [HERE, *call[1:]], cwd=srv, check=False, capture_output=True, text=True, timeout=2 * PATIENCE
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert len(list(srv.rglob("*_i2d.fits"))) == 4
    assert len(ring.requests) > 4


def test_units_name_each_other() -> None:
    """The timer starts the service of its name, and what tells of a failure is there and looks at that service."""
    assert unit("jwstsync.service")["Unit"]["OnFailure"] in UNITS
    assert "--unit jwstsync.service" in unit("jwstsync-failed.service")["Service"]["ExecStart"]
    assert "Unit" not in unit("jwstsync.timer")["Timer"]
