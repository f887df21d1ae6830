"""A plan as a script: just the difference, for a host without Python; the next run adopts what it fetched."""

from __future__ import annotations

import os
import subprocess
import unicodedata
from typing import TYPE_CHECKING

import pytest

import jwstsync
from jwstsync.errors import DifferencesError, StoreError
from jwstsync.sandbox import Catalogue, Sandbox
from jwstsync.settings import Settings
from jwstsync.sync.planning import Mode
from jwstsync.sync.script import STDOUT, Form, write_script
from tests.sync.fakes import EVERYTHING, A, B, C, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from pathlib import Path


def written(place: Place, mode: Mode = Mode.DEFAULT) -> str:
    """The script of a folder's difference."""
    path = place.folder / "fetch.sh"
    text = write_script(place.manifest, place.plan(mode), mode, str(path)).text
    assert path.read_text(encoding="utf-8") == text
    return text


def test_a_script_has_just_the_difference(synced: Place) -> None:
    """What is missing, damaged, new or made anew; not what is whole, withheld, or gone."""
    synced.file(A).unlink()
    synced.archive.remake(B, fits("b, larger", blocks=3))
    synced.archive.add(Product("d_cal.fits", fits("d")), Product("x_cal.fits", fits("x"), public=False))
    text = written(synced)

    assert {name for name in (A, B, C, "d_cal.fits", "x_cal.fits") if name in text} == {A, B, "d_cal.fits"}


def test_a_script_can_be_run(synced: Place) -> None:
    """It is executable, and bash understands it."""
    written(synced)
    path = synced.folder / "fetch.sh"

    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_writing_a_script_changes_nothing_else(synced: Place) -> None:
    """Files and lockfile stay; only the next run records what the script fetched."""
    synced.archive.remake(A, fits("a, larger", blocks=3))
    before = synced.state
    written(synced)

    assert synced.state == before
    assert synced.archive.sent == []


def test_a_script_may_go_to_the_output(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """With - for a file, the text is given and none is written."""
    monkeypatch.chdir(synced.folder)
    synced.file(A).unlink()
    before = sorted(synced.folder.rglob("*"))

    assert A in write_script(synced.manifest, synced.plan(), Mode.DEFAULT, STDOUT).text

    assert sorted(synced.folder.rglob("*")) == before


def test_a_script_of_a_locked_set_changes_no_lockfile(synced: Place) -> None:
    """Under --locked a script only restores: what is new is refused, and no script is written."""
    synced.file(A).unlink()
    assert A in written(synced, Mode.LOCKED)

    (synced.folder / "fetch.sh").unlink()
    synced.archive.add(Product("d_cal.fits", fits("d")))
    with pytest.raises(DifferencesError, match=r"d_cal\.fits"):
        written(synced, Mode.LOCKED)
    assert not (synced.folder / "fetch.sh").exists()


def test_a_script_that_can_not_be_written_is_told(synced: Place) -> None:
    """A folder that is not there is named with the system's reason."""
    with pytest.raises(StoreError, match=r"script: .*No such file or directory"):
        write_script(synced.manifest, synced.plan(), Mode.DEFAULT, str(synced.folder / "nowhere" / "fetch.sh"))


def test_what_is_no_file_is_not_replaced_by_one(synced: Place) -> None:
    """A pipe is written to, a link stays one, and a folder is refused."""
    folder, found = synced.folder, synced.plan()
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (folder / "link").symlink_to("fetch.sh")
    for name in ("pipe", "link"):
        text = write_script(synced.manifest, found, Mode.DEFAULT, str(folder / name)).text.encode()
    assert os.read(reader, len(text)).startswith(b"#!/usr/bin/env bash")
    os.close(reader)

    assert (folder / "pipe").is_fifo()
    assert (folder / "link").is_symlink()
    assert (folder / "fetch.sh").read_bytes() == text
    with pytest.raises(StoreError, match=r"script: .*Is a directory"):
        write_script(synced.manifest, found, Mode.DEFAULT, str(synced.root))


def root_of(text: str) -> str:
    """The folder that a script fills."""
    [line] = [line for line in text.splitlines() if line.startswith("root=")]
    return line.removeprefix("root=")


@pytest.mark.parametrize("root", ["data", ".", "../data", "/data/jwst"])
def test_a_script_fills_the_manifests_root(place: Place, root: str) -> None:
    """The root as the manifest names it: relative to where the script is run, unless it is absolute."""
    place.write(EVERYTHING.replace('root = "data"', f'root = "{root}"'))
    found = place.plan(Mode.OFFLINE)

    assert root_of(write_script(place.manifest, found, Mode.OFFLINE, STDOUT).text) == root


@pytest.mark.parametrize(("root", "private"), [("data", "data-sandbox"), ("/data/jwst", "/data/jwst-sandbox")])
def test_a_script_of_a_sandbox_never_fills_the_real_root(place: Place, root: str, private: str) -> None:
    """What is tried out stays beside what is real, in a script as in a run."""
    place.write(EVERYTHING.replace('root = "data"', f'root = "{root}"'))
    manifest = place.manifest.for_sandbox("http://127.0.0.1:9")

    assert root_of(write_script(manifest, place.plan(Mode.OFFLINE), Mode.OFFLINE, STDOUT).text) == private


def test_what_a_script_fetched_is_adopted(tmp_path: Path) -> None:
    """Edge to edge: planned here, fetched by bash and curl, recorded by the next run without a download."""
    observation = {"obsid": 1, "obs_id": "jw00001-o001", "proposal_id": "1"}
    products = [{"productFilename": name, "parent_obsid": 1} for name in (A, B)]
    manifest_path, settings = tmp_path / "jwstsync.toml", Settings(keyring=False)
    with Sandbox(catalogue=Catalogue.from_rows([observation], products)) as sandbox:
        manifest_path.write_text(EVERYTHING.replace("http://127.0.0.1:9", sandbox.url).replace("[1, 2]", "1"), "utf-8")
        manifest = jwstsync.load_manifest(manifest_path, Settings())
        plan = jwstsync.plan(manifest, settings=settings)
        write_script(manifest, plan, Mode.DEFAULT, str(tmp_path / "fetch.sh"))
        done = subprocess.run(["bash", "fetch.sh"], cwd=tmp_path, check=False, capture_output=True)
        downloads = len(sandbox.requests)
        report = jwstsync.apply(manifest, settings=settings)
        later = sandbox.requests[downloads:]

    assert done.returncode == 0, done.stderr
    assert told(report.plan) == dict.fromkeys((A, B), "adopt present")
    assert outcomes(report) == dict.fromkeys((A, B), "done")
    assert not [request for request in later if request.uri is not None]


@pytest.mark.parametrize(("named", "stranger"), [(None, "yes"), ("https://mast.example.org", "")])
def test_a_manifest_can_not_have_a_script_send_the_token_elsewhere(
    synced: Place, named: str | None, stranger: str
) -> None:
    """A script knows whether its archive may see the token: MAST, or what the user has named."""
    synced.write(EVERYTHING.replace('url = "http://127.0.0.1:9"', 'url = "https://mast.example.org"'))
    script = write_script(synced.manifest, synced.plan(), Mode.DEFAULT, STDOUT, named_archive=named)
    assert f"\nstranger={stranger} #" in script.text


@pytest.mark.parametrize("checksums", ["auto", "require", "ignore"])
def test_a_script_knows_what_checksums_are_worth(place: Place, checksums: str) -> None:
    """They are proven once one was confirmed on bytes, or where the manifest says so; ignored ones are not in it."""
    place.write(EVERYTHING.replace("[destination]", f'checksums = "{checksums}"\n[destination]'))
    place.archive.add(Product("jw1_nrca1_cal.fits", fits("n")))
    text = written(place)
    assert f"\nproven={'yes' if checksums == 'require' else ''} #" in text
    assert (str(place.archive.holdings["jw1_nrca1_cal.fits"].keywords.md5) in text) is (checksums != "ignore")

    place.apply()
    place.archive.remake(A, fits("anew"))
    assert f"\nproven={'' if checksums == 'ignore' else 'yes'} #" in written(place)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize(
    "evil", ["\x1b[2J\x1b]0;gotcha\x07", "\x9b31m", "\r", "\nrm -rf ~\n", "\x7f", "\u2028", "\ud800"]
)
def test_the_archive_can_not_harm_a_terminal(synced: Place, evil: str, form: Form) -> None:
    """A script that is shown has no control characters but tabs and ends of lines, whatever names and versions are."""
    synced.write(EVERYTHING.replace('root = "data"', 'root = "data"\non_update = "keep"'))
    synced.archive.add(Product(f"a{evil}_cal.fits", fits("e")), Product("good_cal.fits", fits("g")))
    synced.archive.remake(A, fits("anew", 2), cal_ver=f"1{evil}")
    synced.apply()
    synced.archive.remake(A, fits("and again", 3))
    synced.file("good_cal.fits").unlink()
    found = synced.plan()
    text = write_script(synced.manifest, found, Mode.DEFAULT, STDOUT, form).text

    assert [one.uri for one in found.goal.refused] == [f"mast:JWST/product/a{evil}_cal.fits"]
    assert "good_cal.fits" in text
    assert not [one for one in text if one not in "\n\t" and unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"}]
    assert "rm -rf ~" not in text.splitlines()
