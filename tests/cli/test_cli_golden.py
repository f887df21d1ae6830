"""What somebody sees in a terminal of 80 and of 120 columns and without one, word for word, with colors or not.

What is seen stands in files, ``golden/<what>-<where>.txt``; in a terminal of 80 columns with a margin that tells each
line's color. They are written anew, for somebody to look at, by
``RENEW_GOLDEN=1 .venv/bin/python -m pytest -n 2 tests/cli/test_cli_golden.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from jwstsync.core.layout import checked_path
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from jwstsync.sandbox.proposals import built_in
from jwstsync.store.lockfiles import write_lockfile
from tests.cli.calls import PATIENCE, Desk
from tests.cli.terminals import Terminal, screen_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


GOLDEN = Path(__file__).with_name("golden")
RENEW = "RENEW_GOLDEN"
MANIFEST = """\
version = 1

[rules.calibrated]
productType = "SCIENCE"
calib_level = [2, 3]
extension = "fits"

[[proposal]]
id = 2733
name = "Southern Ring"
observations = { instrument_name = "MIRI*" }
include = ["calibrated"]
exclude = [{ productFilename = "*_rateints.fits" }]

[[proposal]]
id = 5398
name = "A survey with a name that takes some room in a table, and more of it in a narrow one"
include = ["calibrated"]
"""
FEW = """\
version = 1

[[proposal]]
id = 2733
name = "Southern Ring"
observations = { obs_id = "jw02733-o002_t001_miri_f1130w" }
include = [{ productSubGroupDescription = "I2D", extension = "fits" }]
"""
BAD = """\
version = 1

[archive]
exclusive_acess = "skip"

[rules.calibrated]
productType = "SCIENCE"
calib_level = ">2 and <4"

[[proposal]]
id = 2733
include = ["calibratd"]

[[proposal]]
id = []
include = [{ productSubGroupDescripton = "I2D" }]
"""
CALLS = {
    "search": ("search", "2733", "5398"),
    "products": ("search", "2733", "5398", "--products"),
    "plan": ("plan",),
    "explain": ("plan", "--explain", "jw02733002001_02101_00001_mirimage_*"),
    "show": ("show",),
}
AFTER = ("apply", "status", "verify")
WHERE: Mapping[str, int | None] = {"80": 80, "120": 120, "piped": None}
"""By name, how many columns a terminal has, or that there is none. That of 120 has NO_COLOR."""
COLOR = re.compile(r"\x1b\[(?:\d+;)*[349]\d")
QUESTION = "Do this? [y/N]: "
FAR = 2127  # nothing becomes public before: what is said of a release depends on the day


@pytest.fixture(scope="module")
def southern_ring() -> Iterator[str]:
    """The address of the stand-in."""
    with Sandbox(catalogue=built_in(full_size=False, year=FAR)) as sandbox:
        yield sandbox.url


@pytest.fixture
def seen(bare: Desk, southern_ring: str) -> Desk:
    """A desk with a manifest of two proposals, with products of several versions locked."""
    bare.write(MANIFEST)
    bare.set(JWSTSYNC_ARCHIVE_URL=southern_ring)
    versions = [("1.16.1", "jwst_1303.pmap"), ("1.18.1", "jwst_1364.pmap"), (None, None), ("1.18.1", "jwst_1413.pmap")]
    products = [
        LockedProduct(
            uri=f"mast:JWST/product/jw{proposal:05}001001_02101_00001_{number}_cal.fits",
            path=checked_path(f"JWST/jw{proposal:05}001001_02101_00001_{number}_cal.fits"),
            proposal=proposal,
            size=29_684_160 + number,
            sha256="0" * 64,
            cal_ver=cal_ver,
            crds_ctx=crds_ctx,
        )
        for proposal in (2733, 5398)
        for number, (cal_ver, crds_ctx) in enumerate(versions[: 4 if proposal == 2733 else 2])
    ]
    write_lockfile(bare.lockfile, Lockfile.of(products))
    return bare


@pytest.fixture(params=list(WHERE))
def where(request: pytest.FixtureRequest, bare: Desk) -> str:
    """Where the command is called: by the name of a kind of terminal."""
    bare.set(TERM="xterm-256color", **({"NO_COLOR": "1"} if request.param == "120" else {}))
    return str(request.param)


def called(desk: Desk, where: str, code: ExitCode, *arguments: str) -> str:
    """What is seen of a call that ends with this code, its question answered with yes."""
    columns = WHERE[where]
    if columns is None:
        desk.set(COLUMNS="20")  # which is nothing to a pipe
        piped = desk.process(*arguments, stderr=subprocess.STDOUT)
        assert piped.code == code
        assert "\x1b" not in piped.out
        return stable(desk, piped.out)
    with Terminal.opened() as terminal:
        terminal.resize(columns)
        process = terminal.run(desk, *arguments)
        shown = ""
        if arguments[-1] == "apply":
            shown = terminal.read(QUESTION)
            terminal.type("y\n")
        shown += terminal.read()
    assert process.wait(PATIENCE) == code
    lines = screen_lines(stable(desk, shown))
    assert [text for text, _ in lines if cell_len(text) > columns] == []
    colored = where == "80"
    assert colored or (COLOR.search(shown) is None and {style for _, style in lines} == {""})
    return "".join(f"{style:<8}| {text}".rstrip() + "\n" if colored else f"{text}\n" for text, style in lines)


def stable(desk: Desk, text: str) -> str:
    """A text with words that stay the same for those that do not; those that may stand in mid-line are as long."""
    text = text.replace(str(desk.folder), "/home/me/jwst")
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:12345", text)
    text = re.sub(r"[\d.]+ ([kMGTP]?B) free", "410 GB free", text)
    text = re.sub(r"in \d\d,\d{3} days", "in 36,525 days", text)
    return re.sub(r"(?:^asking .*\n)+", in_order, text, flags=re.MULTILINE)


def in_order(asked: re.Match[str]) -> str:
    """Questions that are asked side by side, and those about keywords after them."""
    lines = asked[0].splitlines(keepends=True)
    return "".join(sorted(lines, key=lambda line: (line.startswith("asking for"), line)))


def check(name: str, where: str, seen: str) -> None:
    """What is seen is what is in the file; or it is written, if that is wanted."""
    path = GOLDEN / f"{name}-{where}.txt"
    if os.environ.get(RENEW):
        path.write_text(seen, encoding="utf-8")
    assert seen == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(CALLS))
def test_looking(seen: Desk, where: str, name: str) -> None:
    """A table or a plan is whole at any width: no line is wider than the terminal, and colors are only where wanted."""
    check(name, where, called(seen, where, ExitCode.OK, *CALLS[name]))


def test_first_sync(bare: Desk, where: str) -> None:
    """Somebody applies a manifest, looks at what is here, and has it verified when a file was damaged and one lost."""
    bare.write(FEW)
    check("apply", where, called(bare, where, ExitCode.OK, "--sandbox", "apply"))
    check("status", where, called(bare, where, ExitCode.OK, "--sandbox", "status"))
    first, second, *_ = sorted((bare.folder / "mastDownload-sandbox").rglob("jw*.fits"))
    first.write_bytes(b"X" * first.stat().st_size)
    second.unlink()
    check("verify", where, called(bare, where, ExitCode.DIFFERENCES, "--sandbox", "verify"))


def test_a_bad_manifest(bare: Desk, where: str) -> None:
    """All that is wrong is told, and each time what would be right."""
    bare.write(BAD)
    check("error", where, called(bare, where, ExitCode.INVALID, "plan"))


def test_every_golden_text_is_looked_at() -> None:
    """None is left of a test that has gone."""
    names = {f"{name}-{where}.txt" for name in (*CALLS, *AFTER, "error") for where in WHERE}
    assert {path.name for path in GOLDEN.iterdir()} == names
