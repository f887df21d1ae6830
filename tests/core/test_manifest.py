"""What a manifest may say, what is made of it, and what is said of one that is wrong."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import tomli
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwstsync.core.caom import OBSERVATION_COLUMNS, PRODUCT_COLUMNS, Observation, ProductRow
from jwstsync.core.layout import DEFAULT_LAYOUT
from jwstsync.core.manifest import Archive, Manifest, manifest_schema, parse_manifest
from jwstsync.core.rules import EVERYTHING
from jwstsync.errors import ManifestError, Problem, UsageError
from tests.editors import linted

Draft202012Validator: Any = import_module("jsonschema").Draft202012Validator  # it comes without types
REPOSITORY = Path(__file__).parents[2]
SCHEMA_FILE = REPOSITORY / "schema" / "manifest.schema.json"
SOURCE = PurePosixPath("/data/southern-ring/jwstsync.toml")
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a first draw reads tables

RICH = """
version = 1

[archive]
url = "https://mast.example.org/"
exclusive_access = "fetch"
checksums = "require"
timeout = 60.5

[destination]
root = "data/jwst"
layout = "{proposal_id}/{instrument_name}/{filename}"

[limits]
connections = 8
max_download = "500 GB"
reserve_disk = 0

[rules.calibrated]
productType = "SCIENCE"
calib_level = [2, 3]
extension = "fits"

[rules.un-used_2]
size = "1 MB..2 GB"

[defaults]
include = ["calibrated"]

[[proposal]]
id = [2733, 2731]
name = "Southern Ring"
observations = { instrument_name = "MIRI*", t_min = 2022-07-01, t_max = "..2023-10-01" }
include = ["calibrated", { productSubGroupDescription = "I2D" }]
exclude = [{ productFilename = "*_rateints.fits" }, "un-used_2"]

[[proposal]]
id = 12782
"""
VERSION = "version = 1"
BLOCK = "id = 2733\ninclude = [{}]"


def written(top: str = "", block: str = BLOCK, version: str = VERSION) -> str:
    """A manifest of one block, with something above it."""
    return f"{version}\n{top}\n[[proposal]]\n{block}\n"


def parsed(text: str, source: PurePosixPath = SOURCE) -> Manifest:
    """The manifest of a text in which nothing is wrong."""
    return parse_manifest(text, source)


def problems_of(text: str) -> tuple[Problem, ...]:
    """All that is wrong with a text."""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, SOURCE)
    assert caught.value.path == str(SOURCE)
    return caught.value.problems


def outcome_of(text: str) -> tuple[Manifest | None, tuple[Problem, ...]]:
    """The manifest of a text, or all that is wrong with it."""
    try:
        return parse_manifest(text, SOURCE), ()
    except ManifestError as error:
        return None, error.problems


def as_json(value: object) -> object:
    """A TOML value as JSON has it, dates as texts."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return value.isoformat() if isinstance(value, date | time) else value


def fits_schema(text: str) -> bool:
    """Whether the schema takes the manifest, as an editor would see it."""
    return bool(Draft202012Validator(manifest_schema()).is_valid(as_json(tomli.loads(text))))


def test_a_short_manifest_has_the_defaults() -> None:
    """What a manifest does not say is as documented."""
    manifest = parsed(written())
    assert manifest.archive == Archive()
    assert manifest.archive.model_dump() == {
        "url": "https://mast.stsci.edu",
        "exclusive_access": "auto",
        "checksums": "auto",
        "timeout": 600,
    }
    assert manifest.destination.model_dump() == {
        "root": "mastDownload",
        "layout": DEFAULT_LAYOUT,
        "on_update": "replace",
    }
    assert manifest.limits.model_dump() == {"connections": 4, "max_download": None, "reserve_disk": 10**9}
    [block] = manifest.blocks
    assert (block.ids, block.name, block.observations, block.exclude) == ((2733,), None, EVERYTHING, ())
    assert [(named.label, named.rule) for named in block.include] == [("{}", EVERYTHING)]


def test_a_rich_manifest_is_read_whole() -> None:
    """Everything that may be said arrives where it belongs."""
    manifest = parsed(RICH)
    assert manifest.source == SOURCE
    assert manifest.archive.url == "https://mast.example.org"
    assert (manifest.archive.exclusive_access, manifest.archive.checksums) == ("fetch", "require")
    assert manifest.archive.timeout == 60.5
    assert manifest.destination.layout == "{proposal_id}/{instrument_name}/{filename}"
    assert manifest.limits.model_dump() == {"connections": 8, "max_download": 500 * 10**9, "reserve_disk": 0}
    ring, other = manifest.blocks
    assert (ring.ids, ring.name, other.ids, other.name) == ((2733, 2731), "Southern Ring", (12782,), None)
    assert [named.label for named in ring.include] == ["calibrated", '{ productSubGroupDescription = "I2D" }']
    assert [named.label for named in ring.exclude] == ['{ productFilename = "*_rateints.fits" }', "un-used_2"]
    assert [named.label for named in other.include] == ["calibrated"]
    assert other.exclude == ()


def test_rules_of_a_manifest_are_ready_for_use() -> None:
    """Named and inline rules speak of products, and ``observations`` of observations."""
    [ring, other] = parsed(RICH).blocks
    cal = ProductRow("mast:x_cal.fits", "x_cal.fits", 1, 1, "x", product_type="SCIENCE", calib_level=2, size=5)
    assert ring.include[0].rule.takes(cal)
    assert not ring.include[1].rule.takes(cal)
    assert ring.include[0] == other.include[0]
    seen = Observation(1, "x", instrument_name="MIRI/IMAGE", started_at=59761.5, ended_at=60218.9)
    assert ring.observations.takes(seen)
    assert other.observations is not None
    assert other.observations.takes(Observation(2, "y"))


def test_a_block_s_own_include_stands_instead_of_the_default() -> None:
    """A block that says what it includes takes nothing from the defaults."""
    manifest = parsed(written("defaults.include = [{ calib_level = 3 }]", 'id = 1\ninclude = [{ extension = "fits" }]'))
    assert [named.label for named in manifest.blocks[0].include] == ['{ extension = "fits" }']


def test_an_empty_exclude_excludes_nothing() -> None:
    """An empty list of what to exclude is as good as none."""
    assert parsed(written(block=f"{BLOCK}\nexclude = []")).blocks[0].exclude == ()


def test_manifests_of_one_text_are_equal() -> None:
    """The same text from the same file gives an equal manifest that hashes alike; another text does not."""
    assert parsed(RICH) == parsed(RICH)
    assert hash(parsed(RICH)) == hash(parsed(RICH))
    assert parsed(RICH) != parsed(RICH.replace("calib_level = [2, 3]", "calib_level = [3, 2]"))


@pytest.mark.parametrize(
    ("source", "root", "destination", "lockfile"),
    [
        pytest.param("jwstsync.toml", "data", "data", "jwstsync.lock", id="relative"),
        pytest.param("/a/mirror.toml", "data", "/a/data", "/a/mirror.lock", id="absolute manifest"),
        pytest.param("/a/mirror.toml", "/srv/jwst", "/srv/jwst", "/a/mirror.lock", id="absolute root"),
        pytest.param("/a/mirror.toml", "../data", "/a/../data", "/a/mirror.lock", id="above"),
        pytest.param("a/b.c.toml", "data/", "a/data", "a/b.c.lock", id="points in the name"),
        pytest.param("a/mirror", "data", "a/data", "a/mirror.lock", id="without a suffix"),
        pytest.param("a/mirror.cfg", "data", "a/data", "a/mirror.cfg.lock", id="another suffix"),
    ],
)
def test_root_and_lockfile(source: str, root: str, destination: str, lockfile: str) -> None:
    """The root is relative to the manifest; the lockfile stands beside it under its name."""
    manifest = parsed(written(f'destination.root = "{root}"'), PurePosixPath(source))
    assert (manifest.root, manifest.lockfile) == (PurePosixPath(destination), PurePosixPath(lockfile))


@pytest.mark.parametrize(
    ("root", "destination"),
    [
        pytest.param("mastDownload", "/a/mastDownload-sandbox", id="plain"),
        pytest.param("../data/", "/a/../data-sandbox", id="above"),
        pytest.param("/srv/jwst", "/srv/jwst-sandbox", id="absolute"),
        pytest.param(".", "/a-sandbox", id="the manifest's folder"),
        pytest.param("..", "/a/mirror-sandbox", id="its parent"),
        pytest.param("/", "/a/mirror-sandbox", id="everything"),
    ],
)
def test_a_sandbox_stands_beside_the_real_files(root: str, destination: str) -> None:
    """In a sandbox another archive is asked, and neither the real root nor the real lockfile is named."""
    real = parsed(written(f'destination.root = "{root}"\narchive.timeout = 5'), PurePosixPath("/a/mirror.toml"))
    sandbox = real.for_sandbox("http://127.0.0.1:8000/")
    assert sandbox.root == PurePosixPath(destination) != real.root
    assert sandbox.lockfile == PurePosixPath("/a/mirror.sandbox.lock") != real.lockfile
    assert (sandbox.archive.url, sandbox.archive.timeout) == ("http://127.0.0.1:8000", 5)
    assert sandbox.blocks == real.blocks


def test_a_relative_manifest_has_a_sandbox_too() -> None:
    """A root that has no name of its own is not what a sandbox is named after."""
    real = parsed(written('destination.root = "."'), PurePosixPath("jwstsync.toml"))
    assert real.for_sandbox("http://127.0.0.1:8000").root == PurePosixPath("jwstsync-sandbox")


def test_flags_and_environment_override_the_archive() -> None:
    """Address and time limit can be replaced, each alone; the rest stays, and so does the manifest itself."""
    manifest = parsed(RICH)
    other = manifest.with_archive(url="http://localhost:8000/mast/")
    assert (other.archive.url, other.archive.timeout) == ("http://localhost:8000/mast", 60.5)
    assert manifest.with_archive(timeout=5).archive.timeout == 5
    assert manifest.with_archive() == manifest
    assert other.archive.exclusive_access == "fetch"
    assert manifest.archive.url == "https://mast.example.org"


def test_bad_overrides_are_usage_errors() -> None:
    """A flag or variable that makes no sense is refused with all that is wrong, as in the manifest."""
    with pytest.raises(UsageError) as caught:
        parsed(RICH).with_archive(url="mast.stsci.edu", timeout=math.nan)
    url, timeout = str(caught.value).splitlines()
    assert url.startswith('archive.url = "mast.stsci.edu": expected an address such as https://')
    assert timeout == "archive.timeout = nan: expected a number of seconds, more than 0"


ADDRESS = "expected an address such as https://mast.stsci.edu"
SECONDS = "expected a number of seconds, more than 0"
FOLDER = "expected a folder, relative to the manifest"
SIZE = "expected a size"
ID = "expected a proposal id, a whole number from 1 to 99999, or a list of them"
LIST = "expected a list of rules"
STRUCTURE, MEANING = True, False  # whether the schema sees it too
BAD = [
    pytest.param(written(version=""), "version", "expected 1", STRUCTURE, id="no version"),
    pytest.param(written(version="version = 2"), "version", "expected 1", STRUCTURE, id="later version"),
    pytest.param(written(version="version = 0"), "version", "expected 1", STRUCTURE, id="version zero"),
    pytest.param(written(version='version = "1"'), "version", "expected 1", STRUCTURE, id="version as text"),
    pytest.param(written(version="version = true"), "version", "expected 1", STRUCTURE, id="version as a flag"),
    pytest.param(written(version="version = 1.0"), "version", "expected 1", MEANING, id="version as a float"),
    pytest.param(written("archives.url = 1"), "archives", "nearest is archive", STRUCTURE, id="unknown table"),
    pytest.param(written("zzz = 1"), "zzz", "expected one of archive, def", STRUCTURE, id="no table is near"),
    pytest.param(written('"a b" = 1'), '"a b"', "expected one of archive", STRUCTURE, id="key in quotes"),
    pytest.param(written("archive = 1"), "archive", "expected a table, [archive]", STRUCTURE, id="no table"),
    pytest.param(written("[[archive]]"), "archive", "expected a table, [archive]", STRUCTURE, id="list of tables"),
    pytest.param(written("archive.ulr = 1"), "archive.ulr", "nearest is url", STRUCTURE, id="unknown key"),
    pytest.param(written("archive.url = 1"), "archive.url", ADDRESS, STRUCTURE, id="address that is a number"),
    pytest.param(written('archive.url = ""'), "archive.url", ADDRESS, MEANING, id="empty address"),
    pytest.param(written('archive.url = "mast.stsci.edu"'), "archive.url", ADDRESS, MEANING, id="no scheme"),
    pytest.param(written('archive.url = "ftp://mast.stsci.edu"'), "archive.url", ADDRESS, MEANING, id="scheme"),
    pytest.param(written('archive.url = "https:///api"'), "archive.url", ADDRESS, MEANING, id="no host"),
    pytest.param(written('archive.url = "https://u:p@host"'), "archive.url", ADDRESS, MEANING, id="credentials"),
    pytest.param(written('archive.url = "https://host?a=b"'), "archive.url", ADDRESS, MEANING, id="query"),
    pytest.param(written('archive.url = "https://host#a"'), "archive.url", ADDRESS, MEANING, id="fragment"),
    pytest.param(written('archive.url = "https://ho st"'), "archive.url", ADDRESS, MEANING, id="blank in a host"),
    pytest.param(written('archive.url = "https://host:x"'), "archive.url", ADDRESS, MEANING, id="port"),
    pytest.param(written('archive.url = "https://[::1"'), "archive.url", ADDRESS, MEANING, id="open bracket"),
    pytest.param(
        written('archive.exclusive_access = "all"'),
        "archive.exclusive_access",
        'expected "auto", "skip", "fetch" or "error"',
        STRUCTURE,
        id="unknown choice",
    ),
    pytest.param(
        written("archive.checksums = true"),
        "archive.checksums",
        'expected "auto", "require" or "ignore"',
        STRUCTURE,
        id="flag for a choice",
    ),
    pytest.param(written("archive.timeout = 0"), "archive.timeout", SECONDS, STRUCTURE, id="no time"),
    pytest.param(written("archive.timeout = -1.5"), "archive.timeout", SECONDS, STRUCTURE, id="negative time"),
    pytest.param(written('archive.timeout = "60"'), "archive.timeout", SECONDS, STRUCTURE, id="time as text"),
    pytest.param(written("archive.timeout = true"), "archive.timeout", SECONDS, STRUCTURE, id="time as a flag"),
    pytest.param(written("archive.timeout = inf"), "archive.timeout", SECONDS, MEANING, id="endless time"),
    pytest.param(written("destination.root = 1"), "destination.root", FOLDER, STRUCTURE, id="root is a number"),
    pytest.param(written('destination.root = ""'), "destination.root", FOLDER, STRUCTURE, id="empty root"),
    pytest.param(written('destination.root = "  "'), "destination.root", FOLDER, STRUCTURE, id="blank root"),
    pytest.param(written('destination.root = "~/d"'), "destination.root", FOLDER, STRUCTURE, id="home folder"),
    pytest.param(written('destination.root = "a\\u0000"'), "destination.root", FOLDER, STRUCTURE, id="NUL"),
    pytest.param(written('destination.root = "a\\nb"'), "destination.root", FOLDER, STRUCTURE, id="line break"),
    pytest.param(
        written('destination.on_update = "trash"'),
        "destination.on_update",
        'expected "replace" or "keep"',
        STRUCTURE,
        id="unknown choice on an update",
    ),
    pytest.param(
        written("destination.layout = []"),
        "destination.layout",
        "expected a text, such as",
        STRUCTURE,
        id="layout list",
    ),
    pytest.param(
        written('destination.layout = "/{filename}"'),
        "destination.layout",
        "relative to the root",
        MEANING,
        id="absolute layout",
    ),
    pytest.param(
        written('destination.layout = "../{filename}"'), "destination.layout", "without '..'", MEANING, id="layout up"
    ),
    pytest.param(
        written('destination.layout = "{obs_id}"'),
        "destination.layout",
        "last part is {filename}",
        MEANING,
        id="no name",
    ),
    pytest.param(
        written('destination.layout = "{x}/{filename}"'), "destination.layout", "only the fields", MEANING, id="field"
    ),
    pytest.param(
        written("limits.connections = 0"), "limits.connections", "from 1 to 8", STRUCTURE, id="no connections"
    ),
    pytest.param(
        written("limits.connections = 9"), "limits.connections", "from 1 to 8", STRUCTURE, id="many connections"
    ),
    pytest.param(
        written("limits.connections = 4.5"), "limits.connections", "from 1 to 8", STRUCTURE, id="part of a connection"
    ),
    pytest.param(
        written("limits.connections = true"), "limits.connections", "from 1 to 8", STRUCTURE, id="connections as a flag"
    ),
    pytest.param(written('limits.max_download = "lots"'), "limits.max_download", SIZE, MEANING, id="no size"),
    pytest.param(
        written('limits.max_download = "5 XB"'), "limits.max_download", "one of the units", MEANING, id="unknown unit"
    ),
    pytest.param(written("limits.max_download = -1"), "limits.max_download", SIZE, STRUCTURE, id="negative size"),
    pytest.param(written("limits.reserve_disk = true"), "limits.reserve_disk", SIZE, STRUCTURE, id="size as a flag"),
    pytest.param(written("limits.reserve_disk = 1.5"), "limits.reserve_disk", SIZE, STRUCTURE, id="size as a float"),
    pytest.param(written("rules = 1"), "rules", "such as [rules.calibrated]", STRUCTURE, id="rules are no table"),
    pytest.param(written("rules.a = 1"), "rules.a", "expected a rule, such as {", STRUCTURE, id="rule is no table"),
    pytest.param(written('[rules."a b"]'), 'rules."a b"', "letters, digits", STRUCTURE, id="name of a rule"),
    pytest.param(written('rules."" = {}'), 'rules.""', "letters, digits", STRUCTURE, id="empty name of a rule"),
    pytest.param(
        written("rules.a.calib_level = [2, 'x']"),
        "rules.a.calib_level[1]",
        "expected a number",
        MEANING,
        id="value in a rule that nobody uses",
    ),
    pytest.param(
        written("rules.a.calib_level = []"), "rules.a.calib_level", "at least one value", STRUCTURE, id="empty list"
    ),
    pytest.param(
        written("rules.a.producttype = 'x'"), "rules.a.producttype", "nearest is productType", STRUCTURE, id="column"
    ),
    pytest.param(
        written("rules.a.t_min = 2022-07-01"),
        "rules.a.t_min",
        "in a rule for observations",
        STRUCTURE,
        id="observation column in a product rule",
    ),
    pytest.param(written("defaults = []"), "defaults", "expected a table, [defaults]", STRUCTURE, id="defaults"),
    pytest.param(
        written("defaults.exclude = []"), "defaults.exclude", "nearest is include", STRUCTURE, id="default exclude"
    ),
    pytest.param(written("defaults.include = {}"), "defaults.include", LIST, STRUCTURE, id="default include"),
    pytest.param(
        written("defaults.include = []"), "defaults.include", "at least one rule", STRUCTURE, id="empty default include"
    ),
    pytest.param(
        written("defaults.include = ['x']"),
        "defaults.include[0]",
        "expected a table [rules.x]",
        MEANING,
        id="undefined name, and no rule is defined",
    ),
    pytest.param("version = 1", "proposal", "at least one [[proposal]] block", STRUCTURE, id="no proposal"),
    pytest.param(
        "version = 1\nproposal = []", "proposal", "at least one [[proposal]] block", STRUCTURE, id="empty proposals"
    ),
    pytest.param(
        "version = 1\n[proposal]\nid = 1", "proposal", "at least one [[proposal]] block", STRUCTURE, id="one bracket"
    ),
    pytest.param("version = 1\nproposal = [2733]", "proposal[0]", "[[proposal]] block", STRUCTURE, id="bare id"),
    pytest.param(written(block="include = [{}]"), "proposal[0].id", ID, STRUCTURE, id="no id"),
    pytest.param(written(block="id = 'abc'\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="id as text"),
    pytest.param(written(block="id = '2733'\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="number as text"),
    pytest.param(written(block="id = true\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="id as a flag"),
    pytest.param(written(block="id = 0\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="id zero"),
    pytest.param(written(block="id = 100000\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="six digits"),
    pytest.param(written(block="id = 27.5\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="id as a float"),
    pytest.param(written(block="id = []\ninclude = [{}]"), "proposal[0].id", ID, STRUCTURE, id="no ids"),
    pytest.param(written(block="id = [1, true]\ninclude = [{}]"), "proposal[0].id[1]", ID, STRUCTURE, id="flag in ids"),
    pytest.param(written(block="id = [[1]]\ninclude = [{}]"), "proposal[0].id[0]", ID, STRUCTURE, id="list in ids"),
    pytest.param(
        written(block="id = [7, 8, 7]\ninclude = [{}]"), "proposal[0].id[2]", "every id once", STRUCTURE, id="id twice"
    ),
    pytest.param(
        written(block=f"{BLOCK}\ntitle = 'x'"), "proposal[0].title", "expected one of exclude", STRUCTURE, id="title"
    ),
    pytest.param(written(block=f"{BLOCK}\nname = 1"), "proposal[0].name", "expected a text", STRUCTURE, id="name"),
    pytest.param(
        written(block=f"{BLOCK}\nobservations = 'MIRI'"), "proposal[0].observations", "a rule", STRUCTURE, id="text"
    ),
    pytest.param(
        written(block=f"{BLOCK}\nobservations.extension = 'fits'"),
        "proposal[0].observations.extension",
        "in a rule for include and exclude",
        STRUCTURE,
        id="extension of observations",
    ),
    pytest.param(
        written(block=f"{BLOCK}\nobservations.t_min = '2022-02-30'"),
        "proposal[0].observations.t_min",
        "a day and a time that exist",
        MEANING,
        id="no such day",
    ),
    pytest.param(written(block="id = 1"), "proposal[0].include", "here or in [defaults]", MEANING, id="no include"),
    pytest.param(
        written("[defaults]", "id = 1"), "proposal[0].include", "in [defaults]", MEANING, id="defaults without include"
    ),
    pytest.param(
        written(block="id = 1\ninclude = []"), "proposal[0].include", "at least one rule", STRUCTURE, id="empty include"
    ),
    pytest.param(
        written("defaults.include = [{}]", "id = 1\ninclude = []"),
        "proposal[0].include",
        "at least one rule",
        STRUCTURE,
        id="empty include beside a default",
    ),
    pytest.param(
        written(block="id = 1\ninclude = 'x'"), "proposal[0].include", LIST, STRUCTURE, id="include without a list"
    ),
    pytest.param(
        written(block="id = 1\ninclude = [1]"), "proposal[0].include[0]", "the name of a rule", STRUCTURE, id="number"
    ),
    pytest.param(
        written("[rules.calibrated]", "id = 1\ninclude = ['calibratd']"),
        "proposal[0].include[0]",
        "the nearest is calibrated",
        MEANING,
        id="undefined name",
    ),
    pytest.param(
        written(block="id = 1\ninclude = [{}, { calib_level = '5..1' }]"),
        "proposal[0].include[1].calib_level",
        'such as "1..5"',
        MEANING,
        id="reversed range",
    ),
    pytest.param(
        written(block=f"{BLOCK}\nexclude = {{ extension = 'fits' }}"), "proposal[0].exclude", LIST, STRUCTURE, id="one"
    ),
    pytest.param(
        written(block=f"{BLOCK}\nexclude = [{{ extension = '*.fits' }}]"),
        "proposal[0].exclude[0].extension",
        "the end of a file name",
        MEANING,
        id="glob in an extension",
    ),
]


@pytest.mark.parametrize(("text", "key", "expected", "structural"), BAD)
def test_bad_manifests(text: str, key: str, expected: str, *, structural: bool) -> None:
    """Each mistake is reported once, by its key path, with what would be right; the schema sees those of structure."""
    [problem] = problems_of(text)
    assert problem.key == key
    assert expected in problem.expected
    assert problem.expected[0].islower()
    assert fits_schema(text) is not structural


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(written(), id="short"),
        pytest.param(RICH, id="rich"),
        pytest.param(written('archive.url = "http://127.0.0.1:8000/mast"'), id="address with port and path"),
        pytest.param(written('archive.url = "https://[::1]:8000"'), id="address in brackets"),
        pytest.param(written("archive.timeout = 1"), id="whole seconds"),
        pytest.param(written('destination.root = "../my data"'), id="root with a blank"),
        pytest.param(written('destination.root = "."'), id="root is the manifest's folder"),
        pytest.param(written("limits.max_download = 0"), id="no download at all"),
        pytest.param(written("rules.a = {}\nrules.b-2_X = {}"), id="empty rules"),
        pytest.param(written("defaults.include = ['a', 'a']\nrules.a.calib_level = 3", "id = 1"), id="a rule twice"),
        pytest.param(written(block="id = [99999, 1]\ninclude = [{}]"), id="smallest and largest id"),
        pytest.param(written(block=f"{BLOCK}\nname = ''"), id="empty name"),
        pytest.param(written(block=f"{BLOCK}\nobservations.mtFlag = [true, false]"), id="flags"),
        pytest.param(written(block=f"{BLOCK}\nexclude = [{{ mrp_only = false, obsID = 5 }}]"), id="flag and number"),
        pytest.param(written() + "[[proposal]]\n" + BLOCK, id="a proposal in two blocks"),
        pytest.param("#:schema ../../schema/manifest.schema.json\r\nversion = 1\r\n" + written(version=""), id="CRLF"),
    ],
)
def test_good_manifests(text: str) -> None:
    """What is right for us is right for the schema."""
    assert parsed(text).blocks
    assert fits_schema(text)


def test_every_problem_comes_at_once_and_in_order() -> None:
    """All mistakes are reported together, in the order of the file; what is missing, at the end of its table."""
    text = """
        destinations = 1
        [limits]
        connections = 9
        reserve_disk = "1 XB"
        [rules.a]
        calib_level = ["x", 2, "5..1"]
        extention = "fits"
        [[proposal]]
        include = ["b", { size = "?", mrp_only = 1 }]
        id = [0, 5, 5]
        [[proposal]]
        nme = "x"
        [archive]
        url = "x"
    """
    assert [problem.key for problem in problems_of(text)] == [
        "destinations",
        "limits.connections",
        "limits.reserve_disk",
        "rules.a.calib_level[0]",
        "rules.a.calib_level[2]",
        "rules.a.extention",
        "proposal[0].include[0]",
        "proposal[0].include[1].size",
        "proposal[0].include[1].mrp_only",
        "proposal[0].id[0]",
        "proposal[0].id[2]",
        "proposal[1].nme",
        "proposal[1].id",
        "proposal[1].include",
        "archive.url",
        "version",
    ]


def test_a_problem_reads_well() -> None:
    """A problem is told with its file, key path, value, and what would be right."""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(written(block='id = "abc"\ninclude = [{}]'), PurePosixPath("mirror.toml"))
    assert str(caught.value) == (
        'mirror.toml: proposal[0].id = "abc": expected a proposal id, a whole number from 1 to 99999, or a list of them'
    )


def test_a_long_value_is_cut() -> None:
    """A value that would fill the screen is shown by its beginning."""
    [problem] = problems_of(written(f"archive.timeout = {list(range(100))}"))
    assert problem.value.startswith("[0, 1, 2, ")
    assert problem.value.endswith("...")
    assert len(problem.value) == 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("version = 1\nid = = 2\n", "expected TOML; line 2, column 6: invalid value", id="syntax"),
        pytest.param("a = 1\na = 2", "expected TOML; line 2, column ", id="key twice"),
        pytest.param("x = 'abc", "expected TOML; line 1, column 9: ", id="end of the file"),
        pytest.param("x = " + "[" * 5000, "tables nested hundreds deep", id="nested"),
        pytest.param("x = " + "9" * 5000, "numbers of thousands of digits", id="digits"),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(text: str, expected: str) -> None:
    """A text that is no TOML is one problem, with line and column."""
    [problem] = problems_of(text)
    assert (problem.key, problem.value) == ("", "")
    assert expected in problem.expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("version = 0x" + "f" * 5000, id="number"),
        pytest.param(written("archive.timeout = 0x" + "f" * 5000), id="number for a float"),
        pytest.param(written("limits.max_download = 0x" + "f" * 5000), id="number for a size"),
        pytest.param(written("rules.a.obsID = 0x" + "f" * 5000), id="number for a text"),
        pytest.param("a." * 900 + "b = 1", id="nested keys"),
        pytest.param(written("x = [" + "[" * 300 + "]" * 301), id="nested lists"),
    ],
)
def test_what_is_too_large_is_a_problem_like_any_other(text: str) -> None:
    """Numbers beyond TOML's and deep nesting are reported, and break nothing."""
    assert all(problem.expected.startswith("expected ") for problem in problems_of(text))


scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.sampled_from(["", "auto", "calibrated", "500 GB", "!>=5..x", "*[", "{filename}", "https://x", "2022-07-01"])
    | st.text("ab.[]{}!<>=*?/\\~\x00\x1b\n é", max_size=6)
    | st.sampled_from([date(2022, 7, 1), time(12), datetime(2022, 7, 1, 12)])  # noqa: DTZ001 - TOML's own
)
keys = st.sampled_from(
    ["calib_level", "size", "t_min", "extension", "mrp_only", "include", "id", "a b", "rules", "[key]"]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)


def table(*names: str) -> st.SearchStrategy[Any]:
    """A table of some of these keys, an unknown one, or no table at all."""
    return st.dictionaries(st.sampled_from([*names, "x"]), values, max_size=4) | values


rule_tables = table("calib_level", "size", "productType", "t_min", "extension")
references = st.lists(rule_tables | st.just("calibrated") | values, max_size=3) | values
blocks = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(1, 9) | st.lists(st.integers(0, 3), max_size=3) | values,
        "name": values,
        "observations": rule_tables,
        "include": references,
        "exclude": references,
    },
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "version": st.just(1) | values,
        "archive": table("url", "exclusive_access", "checksums", "timeout"),
        "destination": table("root", "layout", "on_update"),
        "limits": table("connections", "max_download", "reserve_disk"),
        "rules": st.dictionaries(st.sampled_from(["calibrated", "a b", "[key]"]), rule_tables, max_size=2) | values,
        "defaults": st.fixed_dictionaries({}, optional={"include": references}) | values,
        "proposal": st.lists(blocks | values, max_size=3) | values,
        "x": values,
    },
)


@settings(UNHURRIED, max_examples=300)
@given(document=documents)
def test_any_toml_is_a_manifest_or_problems(document: dict[str, Any]) -> None:
    """Whatever TOML says, it is a manifest, or every problem has words; and no other error comes of it."""
    manifest, problems = outcome_of(tomli_w.dumps(document))
    if manifest:
        assert all(block.ids and block.include for block in manifest.blocks)
    else:
        assert problems
        assert all(problem.expected.startswith("expected ") for problem in problems)
        assert all(len(problem.value) <= 60 for problem in problems)


@settings(UNHURRIED, max_examples=300)
@given(start=st.integers(0, len(RICH)), length=st.integers(0, 30), instead=st.text('[]{}"=.\n!a1 ', max_size=4))
def test_a_damaged_manifest_is_a_manifest_or_problems(start: int, length: int, instead: str) -> None:
    """A manifest with a piece torn out and replaced is read or refused, and no other error comes of it."""
    manifest, problems = outcome_of(RICH[:start] + instead + RICH[start + length :])
    assert (manifest is None) is bool(problems)


def test_the_schema_file_is_fresh() -> None:
    """The schema in the repository is the one that the models give."""
    fresh = json.dumps(manifest_schema(), indent=2) + "\n"
    how = "stale: run `jwstsync schema manifest > schema/manifest.schema.json`"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == fresh, how


def test_the_schema_is_one() -> None:
    """The schema is a valid JSON Schema of the draft that it names."""
    schema = manifest_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def objects_in(schema: object) -> list[dict[str, Any]]:
    """Every object schema with properties, however deep."""
    if isinstance(schema, list):
        return [found for one in schema for found in objects_in(one)]
    if not isinstance(schema, dict):
        return []
    here = [schema] if "properties" in schema and schema.get("type") == "object" else []
    return here + [found for one in schema.values() for found in objects_in(one)]


def test_the_schema_describes_every_key_and_forbids_the_rest() -> None:
    """An editor can say what each key is for, shows an example that fits, and marks unknown ones."""
    schema: Any = manifest_schema()
    tables = objects_in(schema)
    assert len(tables) == 8
    for one in tables:
        assert one["additionalProperties"] is False
        for name, key in one["properties"].items():
            target = schema["$defs"][key["$ref"].rpartition("/")[2]] if "$ref" in key else {}
            assert (key | target)["description"], name
            validator = Draft202012Validator({**key, "$defs": schema["$defs"]})
            assert [validator.is_valid(example) for example in (key | target)["examples"]] in ([True], [True, True]), (
                name
            )


def test_the_schema_knows_every_column() -> None:
    """The rules in the schema have MAST's columns as their keys."""
    rules: Any = manifest_schema()["$defs"]
    assert set(rules["ObservationRule"]["properties"]) == set(OBSERVATION_COLUMNS)
    assert set(rules["ProductRule"]["properties"]) == {*PRODUCT_COLUMNS, "extension", "mrp_only"}


TABLES = {"archive": "Archive", "destination": "Destination", "limits": "Limits", "defaults": "Defaults"}


def test_the_examples_in_the_schema_are_good() -> None:
    """What the schema shows as an example is taken by the parser."""
    schema: Any = manifest_schema()
    good = {"version": 1, "rules": {"calibrated": {}}, "proposal": [{"id": 1, "include": [{}]}]}
    keys = {**schema["properties"], **{name: schema["$defs"][key] for name, key in TABLES.items()}}
    documents = [good | {name: example} for name, key in keys.items() for example in key.get("examples", [])]
    for table, definition in TABLES.items():
        examples = schema["$defs"][definition]["properties"].items()
        documents += [good | {table: {name: example}} for name, key in examples for example in key["examples"]]
    for name, key in schema["$defs"]["ProposalTable"]["properties"].items():
        documents += [
            good | {"proposal": [{"id": 1, "include": [{}]} | {name: example}]} for example in key["examples"]
        ]
    assert len(documents) > 20
    for document in documents:
        assert parse_manifest(tomli_w.dumps(document), SOURCE).blocks


def test_the_examples_are_good() -> None:
    """The manifests under ``examples/`` are valid, and fit the schema that they name, also by a tool of others."""
    examples = sorted((REPOSITORY / "examples").rglob("jwstsync.toml"))
    assert len(examples) >= 2
    for path in examples:
        text = path.read_text(encoding="utf-8")
        assert parse_manifest(text, path).blocks
        assert fits_schema(text)
        assert text.startswith("#:schema ../../schema/manifest.schema.json\n")
        assert linted(path) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("connections = 4", "connections = 9"),
        ("[limits]", "[limit]"),
        ("productType", "prodType"),
        ("id = 2733", "id = []"),
    ],
)
def test_editors_see_what_is_wrong(tmp_path: Path, right: str, wrong: str) -> None:
    """A tool of others finds mistakes by the schema alone."""
    text = (REPOSITORY / "examples" / "survey-mirror" / "jwstsync.toml").read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "jwstsync.toml"
    changed = text.replace("../../schema/manifest.schema.json", str(SCHEMA_FILE)).replace(right, wrong)
    path.write_text(changed, encoding="utf-8")
    assert f":{1 + changed[: changed.index(wrong)].count(chr(10))}:" in linted(path)
