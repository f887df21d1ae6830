"""`jwstsync init`, `add` and `remove`: a manifest to begin with, and one that is edited without losing a comment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Catalogue, Sandbox
from tests.cli.archive import FIRST, SECOND
from tests.cli.calls import ONE, Called, Desk, fits
from tests.editors import linted

WROTE = "Wrote {0}; see what it selects with: jwstsync plan\n"
ENROLLED = "the line in .gitattributes is for all clones; `jwstsync init --git` is called in each of them\n"
COMMENT = """\
id = 1111
# 1 observation, by instrument:
#   NIRCAM/IMAGE  1
# Its products:
#                                  files     size
#   calib_level = 1                    1   8.6 kB
#     productType = "SCIENCE"          1   8.6 kB
#       extension = "_uncal.fits"      1   8.6 kB
#   calib_level = 2                    3  17.9 kB
#     productType = "PREVIEW"          1    640 B
#       extension = "_cal.jpg"         1    640 B
#     productType = "SCIENCE"          2  17.3 kB
#       extension = "_cal.fits"        1   8.6 kB
#       extension = "_rate.fits"       1   8.6 kB
#   calib_level = 3                    1   8.6 kB
#     productType = "SCIENCE"          1   8.6 kB
#       extension = "_i2d.fits"        1   8.6 kB
# The usual choices; the first is what [defaults] takes:
#   include = ["calibrated"]  3 files  25.9 kB  calibrated science files, level 2 and 3
#   include = ["combined"]    1 file   8.6 kB   what is combined from several exposures, level 3
#   include = ["minimum"]     0 files  0 B      what MAST recommends at least
#   include = ["raw"]         1 file   8.6 kB   uncalibrated science files, level 1
#   include = [{}]            5 files  35.2 kB  everything, previews and auxiliary files too

[[proposal]]
id = 2222
"""


@pytest.fixture
def empty(desk: Desk) -> Desk:
    """A desk without a manifest, and the small archive to ask."""
    (desk.folder / "jwstsync.toml").unlink()
    return desk


@pytest.fixture
def repository(empty: Desk) -> Desk:
    """The same in a git repository that is one."""
    (empty.folder / ".git").rmdir()
    git(empty.folder, "init", "--quiet")
    return empty


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def manifest_of(desk: Desk) -> str:
    """The text of the manifest."""
    return (desk.folder / "jwstsync.toml").read_text(encoding="utf-8")


def test_a_manifest_from_what_the_archive_has(empty: Desk) -> None:
    """It tells in comments what there is and what the usual choices would take, and can be planned at once."""
    begun = empty.call("init", str(FIRST), str(SECOND))

    assert begun == Called(ExitCode.OK, WROTE.format("jwstsync.toml"), "")
    assert COMMENT in manifest_of(empty)
    assert [block["id"] for block in tomli.loads(manifest_of(empty))["proposal"]] == [FIRST, SECOND]
    assert empty.call("plan").out.startswith("jwstsync plan: 2 proposals, 6 products selected of 10\n")


@pytest.mark.parametrize("choice", ["calibrated", "combined", "minimum", "raw", "{}"])
def test_the_usual_choices_are_what_the_plan_says(empty: Desk, choice: str) -> None:
    """What a comment says that a choice would take is what a plan with it takes."""
    assert empty.call("init", str(FIRST)).code == ExitCode.OK
    text = manifest_of(empty)
    include = "include = [{}]" if choice == "{}" else f'include = ["{choice}"]'
    told = next(line for line in text.splitlines() if line.startswith(f"#   {include}"))
    (empty.folder / "jwstsync.toml").write_text(text + include + "\n", encoding="utf-8")
    summary = empty.call("plan", "--json").document["summary"]["fetch"]

    assert told.removeprefix(f"#   {include}").split()[0] == str(summary["files"])


def test_a_manifest_from_nothing(bare: Desk) -> None:
    """Without proposals nothing is asked, and an example stands in their place."""
    begun = bare.call("init", "--manifest", "new.toml")

    assert begun.out == WROTE.format("new.toml")
    assert tomli.loads((bare.folder / "new.toml").read_text(encoding="utf-8"))["proposal"] == [{"id": 2733}]


@pytest.mark.parametrize("proposals", [[], [str(FIRST)]])
def test_editors_explain_the_manifest(empty: Desk, proposals: list[str]) -> None:
    """It names a schema that is there, by which tools find what is right and what is wrong."""
    empty.call("init", *proposals)
    file = empty.folder / "jwstsync.toml"

    assert json.loads((empty.folder / ".jwstsync.schema.json").read_text(encoding="utf-8")) == (
        empty.call("schema", "manifest").document
    )
    assert linted(file) == ""
    file.write_text(manifest_of(empty).replace("productType", "prodType"), encoding="utf-8")
    assert "prodType" in linted(file)


def test_rows_with_hardly_anything_in_them(bare: Desk) -> None:
    """Nulls are told as unknown, and what the archive says can not end a comment."""
    observation = {"obsid": 7, "obs_id": "jw7", "proposal_id": "7", "instrument_name": None}
    product = {"parent_obsid": 7, "productFilename": "jw7_\na.fits", "size": None, "productType": None}
    with Sandbox(catalogue=Catalogue.from_rows([observation], [product])) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        assert bare.call("init", "7", "-f", "new.toml").code == ExitCode.OK

    text = (bare.folder / "new.toml").read_text(encoding="utf-8")
    assert "#   unknown  1\n" in text
    assert tomli.loads(text)["proposal"] == [{"id": 7}]


def test_a_manifest_that_is_there_already(desk: Desk) -> None:
    """It is never overwritten, nor is anything asked for it."""
    before = desk.snapshot()
    refused = desk.call("init", str(FIRST))

    said = "is there already; expected a new file, or `jwstsync add` for more proposals"
    assert refused == Called(ExitCode.INVALID, "", f"jwstsync: jwstsync.toml: {said}\n")
    assert desk.call("init", "--git", str(FIRST)).code == ExitCode.INVALID
    assert desk.snapshot() == before


def test_a_manifest_where_none_can_be_written(bare: Desk) -> None:
    """A folder that is not there is named."""
    refused = bare.call("init", "-f", "nowhere/new.toml")

    assert refused == Called(
        ExitCode.INVALID, "", "jwstsync: nowhere/new.toml: expected a place in a folder that is there\n"
    )


def test_a_manifest_for_a_proposal_that_there_is_not(desk: Desk) -> None:
    """Nothing is written: a wrong id is a mistake of the call, and each is named."""
    refused = desk.call("init", "77", str(FIRST), "78", "-f", "new.toml")

    said = (
        "jwstsync: proposal {}: the archive lists no executed JWST observation; "
        "expected the number of one that has any, such as 2733\n"
    )
    assert refused == Called(ExitCode.INVALID, "", said.format(77) + said.format(78))
    assert not (desk.folder / "new.toml").exists()


def test_git_is_told_once(repository: Desk) -> None:
    """`init --git` writes a line for everybody and the driver for this clone, and nothing when called again."""
    begun = repository.call("init", "--git")
    again = repository.call("init", "--git")

    driver = f"{Path(sys.executable).with_name('jwstsync')} lock merge %O %A %B %P"
    assert begun.out.splitlines() == [
        WROTE.format("jwstsync.toml").strip(),
        "Wrote .gitattributes: /jwstsync.lock merge=jwstsync",
        "Wrote git config merge.jwstsync.name: jwstsync's lockfiles, by product",
        f"Wrote git config merge.jwstsync.driver: {driver}",
    ]
    assert begun.err == ENROLLED
    assert again == Called(ExitCode.OK, "Nothing to write: git merges the lockfile with jwstsync already\n", "")
    assert (repository.folder / ".gitattributes").read_text(encoding="utf-8") == "/jwstsync.lock merge=jwstsync\n"
    assert git(repository.folder, "config", "merge.jwstsync.driver") == f"{driver}\n"


def test_what_git_was_told_before(repository: Desk) -> None:
    """Other lines stay, and a driver of another installation is put right."""
    attributes = repository.folder / ".gitattributes"
    attributes.write_text("*.fits binary", encoding="utf-8")
    git(repository.folder, "config", "merge.jwstsync.driver", "/gone/jwstsync lock merge %O %A %B")
    repository.call("init", "--git")

    assert attributes.read_text(encoding="utf-8") == "*.fits binary\n/jwstsync.lock merge=jwstsync\n"
    assert git(repository.folder, "config", "merge.jwstsync.driver").startswith(str(Path(sys.executable).parent))


@pytest.mark.parametrize("name", ["mirror", "with blank", 'a"b', "a*[b]", "!x", "#x", "a\\b"])
def test_any_name_of_a_lockfile(repository: Desk, name: str) -> None:
    """The line is for just this lockfile, whatever its name, in the folder where it is."""
    folder = repository.folder / "below"
    folder.mkdir()
    repository.call("init", "--git", "-f", f"below/{name}.toml")

    for file, driver in ((f"below/{name}.lock", "jwstsync"), (f"{name}.lock", "unspecified"), ("below/ab.lock", "")):
        said = git(repository.folder, "check-attr", "-z", "merge", "--", file).split("\0")[2]
        assert said == (driver or "unspecified"), file


def test_git_where_there_is_no_repository(empty: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named what is missing: a repository, or git."""
    empty.write(ONE)
    refused = empty.call("init", "--git")
    monkeypatch.setenv("PATH", str(empty.folder))
    without = empty.call("init", "--git")

    assert refused.err == (
        f"jwstsync: --git: {empty.folder}: expected a folder in a git repository: `git init` makes one\n"
    )
    assert without.err == "jwstsync: --git: git was not found; expected it to be installed\n"
    assert (refused.code, without.code) == (ExitCode.INVALID, ExitCode.INVALID)


def test_a_proposal_is_added(desk: Desk) -> None:
    """A block comes at the end, the rest stays to the byte, and the next plan has it."""
    (desk.folder / "jwstsync.toml").write_text("# mine\n" + ONE, encoding="utf-8")
    added = desk.call("add", str(SECOND), "--include", '{ extension = "jpg" }', "--name", "Second Light")

    path = desk.folder / "jwstsync.toml"
    assert added == Called(
        ExitCode.OK, f"Added proposal {SECOND} to {path}; see what that changes with: jwstsync plan\n", ""
    )
    block = f'\n[[proposal]]\nid = {SECOND}\nname = "Second Light"\ninclude = [{{ extension = "jpg" }}]\n'
    assert manifest_of(desk) == "# mine\n" + ONE + block
    assert desk.call("plan").out.startswith("jwstsync plan: 2 proposals, 5 products selected of 10\n")


def test_several_proposals_with_rules_of_the_manifest(bare: Desk) -> None:
    """They share a block, and an id that is given twice counts once."""
    bare.call("init", "-f", "new.toml")
    before = (bare.folder / "new.toml").read_text(encoding="utf-8")
    added = bare.call(
        "-f", "new.toml", "add", "7", "8", "7", "--include", "raw", "--include", "{}", "--exclude", "combined"
    )

    assert added.out == "Added proposals 7, 8 to new.toml; see what that changes with: jwstsync plan\n"
    block = '\n[[proposal]]\nid = [7, 8]\ninclude = ["raw", {}]\nexclude = ["combined"]\n'
    assert (bare.folder / "new.toml").read_text(encoding="utf-8") == before + block


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", str(FIRST)], f"has proposal {FIRST} already; expected other proposals, or to edit it by hand"),
        (["add", "7"], "--include: expected a rule, since [defaults] has none; the manifest has no rules with a name"),
        (["add", "7", "--include", "rau"], "--include rau: expected the name of a rule, or one such as"),
        (["add", "7", "--include", "{ calib_lev = 3 }"], "the nearest is calib_level"),
        (["remove", "7"], f"has not proposal 7; expected some of proposal {FIRST}"),
        (["remove", str(FIRST)], "expected at least one proposal to be left"),
        (["add", "0"], "Invalid value for 'ID...'"),
        (["remove"], "Missing argument 'ID...'"),
    ],
)
def test_edits_that_are_refused(bare: Desk, arguments: list[str], said: str) -> None:
    """What makes no sense is told with exit code 2, and the manifest stays as it is."""
    refused = bare.call(*arguments)

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert said in refused.err
    assert manifest_of(bare) == ONE


def test_an_edit_without_a_manifest(empty: Desk) -> None:
    """It says what would write one."""
    refused = empty.call("add", "7")

    assert refused.code == ExitCode.INVALID
    assert "`jwstsync init` writes one" in refused.err


def test_a_proposal_is_removed(synced: Desk) -> None:
    """The next apply drops what was locked for it alone, and deletes no file."""
    files = {name: digest for name, digest in synced.snapshot().items() if name.endswith(".fits")}
    synced.call("add", str(SECOND), "--include", "{}")
    removed = synced.call("remove", str(FIRST))

    assert removed.code == ExitCode.OK
    assert removed.out.startswith(f"Removed proposal {FIRST} from ")
    assert synced.call("apply", "-y").code == ExitCode.OK
    assert {one["proposal"] for one in tomli.loads(synced.lockfile.read_text(encoding="utf-8"))["product"]} == {SECOND}
    assert files.items() <= synced.snapshot().items()


def test_a_manifest_that_is_linked_to(bare: Desk) -> None:
    """The file is edited that the link leads to, and who may read and write it stays."""
    real = bare.folder / "real.toml"
    (bare.folder / "jwstsync.toml").rename(real)
    real.chmod(0o660)
    (bare.folder / "jwstsync.toml").symlink_to(real)
    assert bare.call("add", "7", "--include", "{}").code == ExitCode.OK

    assert (bare.folder / "jwstsync.toml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o660
    assert "id = 7" in real.read_text(encoding="utf-8")


def test_edits_for_programs(repository: Desk) -> None:
    """Each command that writes a manifest says which proposals came or went, and what was written."""
    schema = repository.call("schema", "edit").document
    begun = repository.call("init", "--git", "--json", str(FIRST)).document
    again = repository.call("init", "--git", "--json").document
    more = repository.call("add", str(SECOND), "--include", "calibrated", "--json").document
    less = repository.call("remove", str(FIRST), "--json").document

    assert all(fits(schema, one) for one in (begun, again, more, less))
    assert (begun["manifest"], begun["added"], begun["removed"]) == ("jwstsync.toml", [FIRST], [])
    assert begun["written"][:3] == [
        "jwstsync.toml",
        ".jwstsync.schema.json",
        ".gitattributes: /jwstsync.lock merge=jwstsync",
    ]
    assert (again["added"], again["written"]) == ([], [])
    path = str(repository.folder / "jwstsync.toml")
    assert (more["added"], more["removed"], more["written"]) == ([SECOND], [], [path])
    assert (less["added"], less["removed"], less["written"]) == ([], [FIRST], [path])
