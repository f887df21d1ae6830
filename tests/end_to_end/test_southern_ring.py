"""The way of STScI's notebook on JWST proposals, with the 80 products that it downloads, through real processes."""

from __future__ import annotations

import json
import os
import signal
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from jwstsync.errors import ExitCode
from tests.cli.calls import Called, Desk, ended

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.sandbox import Sandbox

GROUP = "87602450"  # of the F1130W observation
EXPOSURE = "jw02733002001_02103_00001_mirimage"
CAL, RATE, I2D = (f"{EXPOSURE}_{suffix}.fits" for suffix in ("cal", "rate", "i2d"))
NOTHING = "nothing to do"


def post(url: str, form: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    """What a server answers to a form."""
    data = urllib.parse.urlencode(form or {}).encode()
    with urllib.request.urlopen(url, data=data, timeout=60) as answer:  # noqa: S310 - the sandbox
        return json.load(answer)


def listed(url: str) -> list[str]:
    """The names that are left of an observation's products when the notebook has filtered them."""
    query = {"service": "Mast.Caom.Products", "params": {"obsid": GROUP}, "format": "json"}
    rows = post(f"{url}/api/v0/invoke", {"request": json.dumps(query)})["data"]
    assert len(rows) == 3470
    science = [row for row in rows if row["productType"] == "SCIENCE" and row["calib_level"] == 2]
    return sorted(row["productFilename"] for row in science if row["productFilename"].endswith(".fits"))


def place(name: str) -> str:
    """Where a product of the exposure lies below the root."""
    return f"JWST/{EXPOSURE}/{name}"


def closing(called: Called) -> str:
    """What a plan comes to in the end, without the room on the disk."""
    return called.out.splitlines()[-1].partition(";")[0]


def test_from_nothing_to_80_products(desk: Desk, ring: Sandbox) -> None:
    """Planned, fetched, and planned again: the 80 files are there as the archive has them, and astropy opens them."""
    from astropy.io import fits

    planned, applied, again = (desk.process(name) for name in ("plan", "apply", "plan"))
    files = {path.name: path for path in desk.root.rglob("*.fits")}

    assert [one.code for one in (planned, applied, again)] == [ExitCode.OK] * 3
    assert [one.err for one in (planned, applied, again)] == [""] * 3
    assert closing(planned) == "Plan: 80 to fetch, 38.1 MB"
    assert applied.out.endswith("\nDone: 80 fetched; 38.1 MB downloaded.\n")
    assert closing(again) == f"Plan: {NOTHING}"
    assert sorted(files) == listed(ring.url)
    assert len(files) == 80
    assert files[CAL].read_bytes() == ring.content(CAL)
    with fits.open(files[CAL]) as opened:
        assert opened[0].header["CAL_VER"] == "1.16.1"
        assert opened[0].header["FILENAME"] == CAL


def test_files_that_come_to_harm(full: Desk, ring: Sandbox) -> None:
    """One deleted, one cut short, one with a flipped bit: each command finds what it can, and apply makes it good."""
    before = full.snapshot()
    (full.root / place(CAL)).unlink()
    os.truncate(full.root / place(RATE), 2880)
    flipped = full.root / place(I2D)
    stated, content = flipped.stat(), bytearray(flipped.read_bytes())
    content[10_000] ^= 1
    flipped.write_bytes(content)
    os.utime(flipped, ns=(stated.st_atime_ns, stated.st_mtime_ns))
    names = ("status", "verify", "status", "plan", "apply", "verify")
    trusting, verified, knowing, planned, applied, good = (full.process(name) for name in names)

    assert (trusting.code, closing(trusting)) == (ExitCode.OK, "Status: 1 to fetch, 464 kB, 1 to repair, 331 kB")
    assert (verified.code, closing(verified)) == (
        ExitCode.DIFFERENCES,
        "Verify: 1 to fetch, 464 kB, 2 to repair, 792 kB",
    )
    assert closing(knowing) == closing(verified).replace("Verify", "Status")
    assert closing(planned) == closing(verified).replace("Verify", "Plan")
    assert f"{RATE}  331 kB  (truncated)" in planned.out
    assert f"{I2D}  461 kB  (damaged)" in planned.out
    assert applied.out.endswith("\nDone: 1 fetched, 2 repaired, 77 kept; 1.3 MB downloaded.\n")
    assert (good.code, closing(good)) == (ExitCode.OK, f"Verify: {NOTHING}")
    assert full.snapshot() == before
    assert sum(request.uri is not None for request in ring.requests) == 3


def test_a_product_that_is_made_anew(full: Desk) -> None:
    """On a running `jwstsync sandbox` a product is made anew: the plan shows it, and apply brings the new one."""
    server = full.spawn("sandbox", "--port", "0")
    assert server.stdout is not None
    url = server.stdout.readline().split()[2].rstrip(";")
    full.set(JWSTSYNC_ARCHIVE_URL=url)
    post(f"{url}/sandbox/remake?name={CAL}")
    old = full.read(place(CAL))
    checked, applied, again = full.process("plan", "--check"), full.process("apply"), full.process("plan", "--check")
    server.send_signal(signal.SIGINT)

    assert checked.code == ExitCode.DIFFERENCES
    assert checked.out.splitlines()[1:3] == [
        "  ~   1  update     464 kB   2733 Southern Ring: 1 cal",
        f"          {CAL}  464 kB  (changed: cal_ver 1.16.1 -> 1.16.2, jwst_1303 -> jwst_1304, same size)",
    ]
    assert applied.out.endswith("\nDone: 1 updated, 79 kept; 464 kB downloaded.\n")
    assert (again.code, closing(again)) == (ExitCode.OK, f"Plan: {NOTHING}")
    assert full.read(place(CAL)) != old
    assert b"'1.16.2  '" in full.read(place(CAL))[:2880]
    assert ended(server).code == ExitCode.OK


def test_a_script_in_place_of_a_download(desk: Desk, ring: Sandbox, fetched: Path) -> None:
    """A script that bash runs brings the same files; apply then adopts them all, and locks the same bytes."""
    written = desk.process("apply", "--script", "fetch.sh")
    assert written.out == "Wrote fetch.sh: 80 products; run it with: bash fetch.sh\n"
    assert not desk.lockfile.exists()
    run = desk.process(command=("bash", "fetch.sh"))
    assert run.code == ExitCode.OK
    (desk.folder / "fetch.sh").unlink()
    heard = len(ring.requests)
    adopted = desk.process("apply")
    direct = Desk(fetched, desk.monkeypatch, desk.capture).snapshot()

    assert adopted.out.endswith("\nDone: 80 adopted.\n")
    assert not any(request.uri for request in ring.requests[heard:])
    assert desk.snapshot() == direct
