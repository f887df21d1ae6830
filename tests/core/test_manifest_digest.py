"""What a manifest means, as one digest: it changes where files would, and only there."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from jwstsync.core.manifest import Manifest, parse_manifest
from jwstsync.core.manifest_digest import manifest_digest

TEXT = """version = 1

[archive]
exclusive_access = "auto"

[destination]
root = "mastDownload"

[rules.calibrated]
calib_level = [2, 3]
extension = "fits"

[[proposal]]
id = [2733, 2731]
name = "Southern Ring"
observations = { instrument_name = "MIRI*" }
include = ["calibrated", { extension = "json" }]
exclude = [{ productFilename = "*_rateints.fits" }]

[[proposal]]
id = 1366
include = [{}]
"""
SAME = [
    ("version = 1", "# another comment\nversion = 1"),
    ("version = 1\n", "version = 1\n\n[limits]\nconnections = 2\nmax_download = 1\nreserve_disk = 0\n"),
    ('exclusive_access = "auto"', "timeout = 5"),
    ('root = "mastDownload"', ""),
    ('name = "Southern Ring"', 'name = "NGC 3132"'),
    ('calib_level = [2, 3]\nextension = "fits"', 'extension = "fits"\ncalib_level = [2, 3]'),
    ('["calibrated", { extension = "json" }]', '[{ extension = "json" }, "calibrated"]'),
    ("[2733, 2731]", "[2731, 2733]"),
]
OTHER = [
    ('exclusive_access = "auto"', 'exclusive_access = "skip"'),
    ('exclusive_access = "auto"', 'checksums = "require"'),
    ('exclusive_access = "auto"', 'url = "https://example.org"'),
    ('root = "mastDownload"', 'root = "elsewhere"'),
    ('root = "mastDownload"', 'layout = "{filename}"'),
    ('root = "mastDownload"', 'on_update = "keep"'),
    ("calib_level = [2, 3]", "calib_level = [2]"),
    ("[2733, 2731]", "[2733]"),
    ('instrument_name = "MIRI*"', 'instrument_name = "NIRCAM*"'),
    ('exclude = [{ productFilename = "*_rateints.fits" }]', ""),
    ('include = ["calibrated", { extension = "json" }]\nexclude', 'exclude = ["calibrated"]\ninclude'),
    ("id = 1366\ninclude = [{}]", 'id = 1366\ninclude = ["calibrated"]'),
]


def manifest_of(text: str) -> Manifest:
    """The manifest that a text is."""
    return parse_manifest(text, PurePath("jwstsync.toml"))


def digest_of(old: str = "", new: str = "") -> str:
    """The digest of the manifest with a piece replaced."""
    assert old in TEXT
    return manifest_digest(manifest_of(TEXT.replace(old, new) if old else TEXT))


@pytest.mark.parametrize(("old", "new"), SAME)
def test_what_means_the_same(old: str, new: str) -> None:
    """Comments, names, orders, defaults that are written out, limits and time limits do not count."""
    assert digest_of(old, new) == digest_of()


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_what_means_something_else(old: str, new: str) -> None:
    """Which products, whose bytes, where they go and what becomes of the old ones does; no two of them are the same."""
    assert digest_of(old, new) != digest_of()
    assert len({digest_of(*pair) for pair in OTHER}) == len(OTHER)


def test_blocks_in_another_order() -> None:
    """What they select is united, whichever comes first."""
    head, first, second = TEXT.split("[[proposal]]")
    assert manifest_digest(manifest_of(f"{head}[[proposal]]{second}[[proposal]]{first}")) == digest_of()


def test_the_archive_of_a_run() -> None:
    """Another address counts; that of a private stand-in does not, which is another each time, but that it is one."""
    manifest = manifest_of(TEXT)
    stand_ins = [manifest.for_sandbox(f"http://127.0.0.1:{port}") for port in (1000, 2000)]
    assert manifest_digest(manifest.with_archive(url="https://example.org")) != manifest_digest(manifest)
    assert manifest_digest(stand_ins[0]) == manifest_digest(stand_ins[1]) != manifest_digest(manifest)
