"""What somebody sees in a terminal of 80 and of 120 columns and without one, word for word, with colors or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from jwstsync.core.layout import checked_path
from jwstsync.core.lockfile import LockedProduct, Lockfile
from jwstsync.sandbox import Sandbox
from jwstsync.store.lockfiles import write_lockfile
from tests.cli.calls import PATIENCE, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.terminals import Terminal

GOLDEN = Path(__file__).with_name("golden")
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
CALLS = {
    "search": ("search", "2733", "5398"),
    "products": ("search", "2733", "5398", "--products"),
    "explain": ("plan", "--explain", "jw02733002001_02101_00001_mirimage_*"),
    "show": ("show",),
}


@pytest.fixture(scope="module")
def southern_ring() -> Iterator[str]:
    """The address of the stand-in with its own two proposals."""
    with Sandbox() as sandbox:
        yield sandbox.url


@pytest.fixture
def seen(bare: Desk, southern_ring: str) -> Desk:
    """A desk with a manifest of two proposals, with products of several versions locked."""
    bare.write(MANIFEST)
    bare.set(JWSTSYNC_ARCHIVE_URL=southern_ring, TERM="xterm-256color")
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


def golden(name: str) -> str:
    """What is to be seen."""
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def shown(desk: Desk, terminal: Terminal, columns: int, *arguments: str) -> str:
    """What stdout of a call shows in a terminal; the messages go elsewhere."""
    terminal.resize(columns)
    with (desk.folder / "messages").open("w") as messages:
        process = terminal.run(desk, *arguments, stderr=messages.fileno())
        text = terminal.read()
    assert process.wait(PATIENCE) == 0
    return text


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", list(CALLS))
def test_in_a_terminal_without_colors(seen: Desk, terminal: Terminal, name: str, columns: int) -> None:
    """Everything is there, and no line is wider than the terminal."""
    seen.set(NO_COLOR="1")
    text = shown(seen, terminal, columns, *CALLS[name])

    assert text == golden(f"{name}-{columns}")
    assert all(len(line) <= columns for line in text.splitlines())


@pytest.mark.parametrize(
    ("name", "columns", "colored"),
    [
        ("search", 80, "\x1b[35m  jw05398-o024_t001_nircam_f444w-grismr\x1b[0m"),
        ("products", 120, "\x1b[1mproposal 2733: 10 observations, 1,259 products, 370 MB\x1b[0m"),
        ("explain", 80, "\x1b[32mjw02733002001_02101_00001_mirimage_cal.fits: selected\x1b[0m"),
        ("show", 120, "\x1b[1mjwstsync.lock: 6 products of 2 proposals, 178 MB\x1b[0m"),
    ],
)
def test_in_a_terminal_with_colors(seen: Desk, terminal: Terminal, name: str, columns: int, colored: str) -> None:
    """The words are the same, and what matters is colored: what is not public, what is selected, what it is about."""
    text = shown(seen, terminal, columns, *CALLS[name])

    assert click.unstyle(text) == golden(f"{name}-{columns}")
    assert colored in text


@pytest.mark.parametrize("name", list(CALLS))
def test_without_a_terminal(seen: Desk, name: str) -> None:
    """A line for each row, whole and without colors, whatever the environment says of a terminal's width."""
    seen.set(COLUMNS="20")
    called = seen.process(*CALLS[name])

    assert (called.code, called.out) == (0, golden(f"{name}-piped"))
