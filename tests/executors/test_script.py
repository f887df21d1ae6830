"""Scripts that are run where nothing goes wrong, and the text that they are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.layout import TRASH, ProductPath, checked_path, version_folder
from jwstsync.errors import UnsafeNameError, UsageError
from jwstsync.executors.script import script_text
from jwstsync.sandbox import TOKEN
from jwstsync.store.formats import format_problem
from tests.executors.script_host import BASH, LOCKFILE, ROOT, SCRIPT, Host, archive, fetch_of

if TYPE_CHECKING:
    from jwstsync.core.fetch import Fetch
    from jwstsync.sandbox import Sandbox

URL = "https://mast.example"
NAMES = ("image_cal.fits", "image_cal.jpg", "image_asn.json", "image_cat.ecsv")
AWKWARD = "a 'quoted' \"$HOME\" `id` $(id) \\n & ; * [x] #?%41 é✓.fits"
USED = [
    "awk",
    "cat",
    "cksum",
    "cp",
    "date",
    "dd",
    "env",
    "find",
    "grep",
    "head",
    "ln",
    "mkdir",
    "mv",
    "od",
    "rm",
    "rmdir",
]
USED += ["sed", "sh", "tail", "tr", "uname", "wc"]


def is_safe(path: str) -> bool:
    """Whether a path may be that of a product."""
    try:
        return bool(checked_path(path))
    except UnsafeNameError:
        return False


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without anything on it."""
    return Host.below(tmp_path)


def text_of(*fetches: Fetch) -> str:
    """The script of these fetches, from an archive that nobody asks."""
    return script_text(fetches, archive_url=URL, root=ROOT, lockfile=LOCKFILE, proven=True)


def test_brings_every_product_with_its_bytes(host: Host) -> None:
    """A script brings every product, whatever is known of it, and leaves nothing else behind but notes of them."""
    with archive(*NAMES, "image_i2d.fits") as sandbox:
        content = {name: sandbox.content(name) for name in (*NAMES, "image_i2d.fits")}
        fetches = [fetch_of(name, content[name]) for name in NAMES]
        fetches[0] = fetch_of(NAMES[0], content[NAMES[0]], md5=True)
        fetches.append(fetch_of("image_i2d.fits", content["image_i2d.fits"], pinned=True))
        host.write(fetches, sandbox.url)
        ran = host.run()
        assert (ran.returncode, ran.stdout) == (0, "")
        assert ran.stderr.splitlines()[-1] == "done 5, skipped 0, failed 0, not tried 0"
        assert {host.place(fetch).name: host.place(fetch).read_bytes() for fetch in fetches} == content
        assert host.products() == {fetch.path for fetch in fetches}
        assert host.noted_products() == sorted(fetch.path for fetch in fetches)
        assert not host.left_behind()


def test_asks_for_nothing_when_run_again(host: Host) -> None:
    """A second run finds everything whole and asks the archive for nothing."""
    with archive(*NAMES) as sandbox:
        content = {name: sandbox.content(name) for name in NAMES}
        unknown = replace(fetch_of(NAMES[3]), wanted=replace(fetch_of(NAMES[3]).wanted, size=None))
        fetches = [fetch_of(NAMES[0], content[NAMES[0]], pinned=True), fetch_of(NAMES[1], content[NAMES[1]]), unknown]
        host.write([*fetches, fetch_of(NAMES[2], content[NAMES[2]], replaces=True)], sandbox.url)
        assert host.run().returncode == 0
        assert len(sandbox.requests) == 4
        again = host.run()
        assert len(sandbox.requests) == 4
        assert (again.returncode, again.stderr) == (0, "done 0, skipped 4, failed 0, not tried 0\n")


@pytest.mark.parametrize(("pinned", "md5"), [(True, False), (False, True)])
def test_tells_by_checksum_what_is_here(host: Host, *, pinned: bool, md5: bool) -> None:
    """A file of the right size with other bytes is no product; it goes to the trash when the product comes."""
    with archive(NAMES[0]) as sandbox:
        fetch = fetch_of(NAMES[0], sandbox.content(NAMES[0]), pinned=pinned, md5=md5)
        host.write([fetch], sandbox.url)
        stranger = sandbox.content(NAMES[0])[:-1] + b"?"
        host.place(fetch).parent.mkdir(parents=True)
        host.place(fetch).write_bytes(stranger)
        assert host.run().returncode == 0
        assert host.place(fetch).read_bytes() == sandbox.content(NAMES[0])
        assert host.trash() == [stranger]


def test_tells_by_size_what_is_here(host: Host) -> None:
    """Where no checksum is known, a file of another size gives way, and one of the right size is left."""
    with archive("one.fits", "two.fits") as sandbox:
        one, two = (fetch_of(name, sandbox.content(name)) for name in ("one.fits", "two.fits"))
        host.write([one, two], sandbox.url)
        host.place(one).parent.mkdir(parents=True)
        host.place(one).write_bytes(sandbox.content("one.fits")[:-2880])
        host.place(two).write_bytes(sandbox.content("two.fits")[:-1] + b"?")
        assert host.run().stderr.splitlines()[-1] == "done 1, skipped 1, failed 0, not tried 0"
        assert host.place(one).read_bytes() == sandbox.content("one.fits")
        assert host.place(two).read_bytes().endswith(b"?")


def test_replaces_an_older_version_of_the_same_size(host: Host) -> None:
    """An update without a checksum is fetched although the old file has its size, once, and the old one is not kept."""
    with archive(NAMES[0]) as sandbox:
        old = sandbox.content(NAMES[0])
        sandbox.remake(NAMES[0])
        fetch = fetch_of(NAMES[0], sandbox.content(NAMES[0]), replaces=True)
        host.write([fetch], sandbox.url)
        host.place(fetch).parent.mkdir(parents=True)
        host.place(fetch).write_bytes(old)
        assert host.run().returncode == 0
        assert host.place(fetch).read_bytes() == sandbox.content(NAMES[0]) != old
        assert host.trash() == []
        assert host.run().stderr == "done 0, skipped 1, failed 0, not tried 0\n"


def test_keeps_what_somebody_may_miss(host: Host) -> None:
    """Where an update finds a file that was edited here, the old bytes go to the trash."""
    with archive(NAMES[0]) as sandbox:
        fetch = replace(fetch_of(NAMES[0], sandbox.content(NAMES[0]), replaces=True), aside=TRASH)
        host.write([fetch], sandbox.url)
        host.place(fetch).parent.mkdir(parents=True)
        host.place(fetch).write_bytes(b"edited")
        assert host.run().returncode == 0
        assert host.place(fetch).read_bytes() == sandbox.content(NAMES[0])
        assert host.trash() == [b"edited"]


def update_of(sandbox: Sandbox, content: bytes) -> Fetch:
    """The fetch of a product made anew, whose old version, these bytes, is to be kept."""
    fetch = fetch_of(NAMES[0], sandbox.content(NAMES[0]), md5=True, replaces=True)
    return replace(fetch, aside=version_folder("1.18.1", sha256(content).hexdigest()))


def kept_versions(host: Host) -> dict[str, bytes]:
    """The old versions that were kept, by the folder of the version."""
    folder = host.folder / ROOT / ".jwstsync" / "versions"
    return {path.relative_to(folder).parts[0]: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("content", [b"old", b"edited"])
def test_keeps_old_versions_if_wanted(host: Host, content: bytes) -> None:
    """The old bytes go where `apply` puts them; whatever else stands there is not taken for them."""
    with archive(NAMES[0]) as sandbox:
        fetch = update_of(sandbox, b"old")
        host.write([fetch], sandbox.url)
        host.place(fetch).parent.mkdir(parents=True)
        host.place(fetch).write_bytes(content)
        assert host.run().returncode == 0
        assert host.place(fetch).read_bytes() == sandbox.content(NAMES[0])
    version = f"1.18.1-{sha256(b'old').hexdigest()[:8]}"
    assert kept_versions(host) == ({version: b"old"} if content == b"old" else {})
    assert host.trash() == ([] if content == b"old" else [content])


def test_keeps_each_old_version_once(host: Host) -> None:
    """Where its bytes are kept already nothing is added; where a run was cut off, it is gone on with."""
    with archive(NAMES[0]) as sandbox:
        fetch = update_of(sandbox, b"old")
        assert fetch.aside is not None
        host.write([fetch], sandbox.url)
        kept = host.folder / ROOT / ".jwstsync" / fetch.aside / fetch.path
        kept.parent.mkdir(parents=True)
        host.place(fetch).parent.mkdir(parents=True)
        for before in (b"old", b"ol", None):
            host.place(fetch).unlink(missing_ok=True)
            host.place(fetch).write_bytes(b"old")
            kept.unlink(missing_ok=True)
            if before is None:
                kept.hardlink_to(host.place(fetch))
            else:
                kept.write_bytes(before)
            assert host.run().returncode == 0
            assert list(kept_versions(host).values()) == [b"old"]
            assert ([path.name for path in kept.parent.iterdir()], host.trash()) == ([kept.name], [])


def test_takes_names_as_they_are(host: Host) -> None:
    """Names with quotes, blanks, dollars, backticks, dashes and letters of all scripts come to nothing but files."""
    names = (AWKWARD, "-rf.fits", " leading and trailing ")
    with archive(*names) as sandbox:
        fetches = [fetch_of(name, sandbox.content(name), path=f"-o/{name}", md5=True) for name in names]
        host.write(fetches, sandbox.url)
        assert host.run("-j", "1").returncode == 0
        assert host.products() == {fetch.path for fetch in fetches}
        assert [request.uri for request in sandbox.requests] == [fetch.uri for fetch in fetches]


def test_token_reaches_the_archive_and_nobody_else(host: Host) -> None:
    """A token comes from the environment at run time; it is in no argument, no environment of curl, and no file."""
    with archive(NAMES[0], exclusive=[NAMES[0]]) as sandbox:
        fetch = fetch_of(NAMES[0], sandbox.content(NAMES[0]), md5=True)
        host.write([fetch], sandbox.url)
        host.variables["MAST_API_TOKEN"] = TOKEN
        assert host.run().returncode == 0
        assert sandbox.requests[-1].headers["Authorization"] == f"token {TOKEN}"
        files = [path for folder in (host.folder, host.notes) for path in folder.rglob("*") if path.is_file()]
        assert {"curl", "environments", SCRIPT} < {path.name for path in files}
        assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_a_stranger_sees_the_token_only_if_the_user_says_so(host: Host) -> None:
    """A manifest may come from anybody: to a host that is not MAST's, who runs the script has to grant it."""
    with archive(NAMES[0]) as sandbox:
        fetch = fetch_of(NAMES[0], sandbox.content(NAMES[0]))
        host.write([fetch], sandbox.url, shows_token=False)
        host.variables["MAST_API_TOKEN"] = TOKEN
        ended = host.run()
        assert ended.returncode == 0
        assert "not one of MAST's hosts, and so not shown your token" in ended.stderr
        assert "Authorization" not in sandbox.requests[-1].headers

        host.place(fetch).unlink()
        host.variables["JWSTSYNC_ARCHIVE_URL"] = sandbox.url
        assert host.run().returncode == 0
        assert sandbox.requests[-1].headers["Authorization"] == f"token {TOKEN}"


def test_token_is_only_a_token(host: Host) -> None:
    """Quotes, backslashes and blanks in a token are a part of it, and add nothing to what curl is told."""
    odd = '"\nurl = "file:///etc/passwd\\'.replace("\n", "\\n") + " $HOME"
    with archive(NAMES[0]) as sandbox:
        host.write([fetch_of(NAMES[0], sandbox.content(NAMES[0]))], sandbox.url)
        host.variables["MAST_API_TOKEN"] = odd
        assert host.run().returncode == 0
        assert sandbox.requests[-1].headers["Authorization"] == f"token {odd}"


@pytest.mark.parametrize("token", ["two\nlines", "carriage\rreturn", "tab\tbed"])
def test_token_of_several_lines_is_refused(host: Host, token: str) -> None:
    """A token with control characters ends the run before anything is asked."""
    with archive(NAMES[0]) as sandbox:
        host.write([fetch_of(NAMES[0], sandbox.content(NAMES[0]))], sandbox.url)
        host.variables["MAST_API_TOKEN"] = token
        ran = host.run()
        assert ran.returncode == 2
        assert "MAST_API_TOKEN: expected one line" in ran.stderr
        assert not sandbox.requests


def test_goes_where_it_is_told_to(host: Host) -> None:
    """``-d`` puts the products below another folder, whatever its name."""
    with archive(NAMES[0]) as sandbox:
        fetch = fetch_of(NAMES[0], sandbox.content(NAMES[0]))
        host.write([fetch], sandbox.url)
        assert host.run("-d", "-other place", "-j", "8").returncode == 0
        assert (host.folder / "-other place" / fetch.path).read_bytes() == sandbox.content(NAMES[0])
        assert not (host.folder / ROOT).exists()


def test_lists_what_is_missing_and_touches_nothing(host: Host) -> None:
    """``-n`` prints what a run would fetch, and neither asks the archive nor makes a folder."""
    with archive(*NAMES) as sandbox:
        fetches = [fetch_of(name, sandbox.content(name), md5=True) for name in NAMES]
        host.write(fetches, sandbox.url)
        assert host.run("-n").stdout.splitlines() == [fetch.path for fetch in fetches]
        assert [path.name for path in host.folder.iterdir()] == [SCRIPT]
        host.place(fetches[1]).parent.mkdir(parents=True)
        host.place(fetches[1]).write_bytes(sandbox.content(NAMES[1]))
        assert host.run("-n").stdout.splitlines() == [fetches[i].path for i in (0, 2, 3)]
        assert not sandbox.requests


@pytest.mark.parametrize("options", [["-j", "0"], ["-j", "9"], ["-j", "x"], ["-x"], ["-d"], ["-d", ""], ["here"]])
def test_wrong_options_are_refused(host: Host, options: list[str]) -> None:
    """A wrong option is exit code 2, with what would be right."""
    host.write([fetch_of("image_cal.fits")], URL)
    ran = host.run(*options)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "expected" in ran.stderr


def test_help_names_everything(host: Host) -> None:
    """``-h`` tells the options, the archive, the number of products and the variable for the token."""
    host.write([fetch_of("image_cal.fits")], URL)
    ran = host.run("-h")
    assert ran.returncode == 0
    assert all(word in ran.stdout for word in ("-d DIR", "-j N", "-n", URL, "1 products", "MAST_API_TOKEN"))


def test_nothing_to_fetch_is_all_well(host: Host) -> None:
    """A script of no fetches does nothing, successfully."""
    host.write([], URL)
    assert (ran := host.run()).returncode == 0
    assert ran.stderr == "done 0, skipped 0, failed 0, not tried 0\n"


@pytest.mark.parametrize("tools", [["sha256sum", "md5sum"], ["shasum", "md5sum"], ["openssl"], []])
def test_needs_only_posix_tools(host: Host, tools: list[str]) -> None:
    """Besides bash and curl there need be only POSIX tools; what hashes is whatever is there, and else that is said."""
    for name in [*USED, *tools]:
        (host.commands / name).symlink_to(shutil.which(name) or name)
    host.variables["PATH"] = str(host.commands)
    with archive(*NAMES) as sandbox:
        good = fetch_of(NAMES[0], sandbox.content(NAMES[0]), pinned=True)
        other = fetch_of(NAMES[1], sandbox.content(NAMES[1])[::-1], md5=True)
        longer = fetch_of(NAMES[2], sandbox.content(NAMES[2]) + b"\n", pinned=True)
        host.write([good, other, longer], sandbox.url)
        ran = host.run()
        assert ran.returncode == 1
        assert "not found" not in ran.stderr
        assert ran.stderr.count("no tool for it here") == (0 if tools else 1)
        assert host.products() == ({good.path} if tools else {good.path, other.path})


def test_tells_formats_as_the_store_does(host: Host) -> None:
    """Without a checksum the script takes a file for a product exactly where the store does."""
    fits, page = b"SIMPLE  =".ljust(2880), b"\xef\xbb\xbf \n<!DOCTYPE HTML><p>"
    starts = {
        "fits": fits,
        "jpg": b"\xff\xd8\xff\xe0",
        "png": b"\x89PNG\r\n\x1a\n",
        "gz": b"\x1f\x8b",
        "json": b"[1]\n",
    }
    contents = {f"good.{suffix}": start for suffix, start in starts.items()}
    contents |= {f"page.{suffix}": page for suffix in (*starts, "JPEG", "csv", "html", "xml")}
    contents |= {f"NUL.{suffix}": b"\0" + start for suffix, start in starts.items() if suffix != "json"}
    contents |= {
        "GOOD.FITS": fits,
        "cut.fits": fits[:-1],
        "open.json": b'{"a": [1',
        "padded.json": b" {} " + b" " * 999,
        "error.json": b'\xef\xbb\xbf {\n\t"status" : "error", "msg": "no such file"}',
        "complete.json": b'{"status": "COMPLETE"}',
        "error.csv": b'{"status":"ERROR"}',
        "bare_asn.json": b'{"message": "Forbidden"}',
        "ERROR_ASN.JSON": b'{"status": "ERROR"}',
        "good_asn.json": b'{"degraded_status": "none", "asn_type": "image3", "products": [{}]}',
    }
    contents |= {"plain.csv": b"a,b\n", "denied.csv": b"<Error>denied", "empty.csv": b"", "none": b"<html>"}
    fetches = [fetch_of(name, content, path=name) for name, content in contents.items()]
    host.write(fetches, URL)
    (host.folder / ROOT).mkdir()
    for fetch in fetches:
        host.place(fetch).write_bytes(contents[fetch.path])
    wrong = [fetch.path for fetch in fetches if format_problem(host.place(fetch), fetch.path)]
    assert host.run("-n").stdout.splitlines() == wrong
    assert len(wrong) == 20


def test_passes_the_linters(tmp_path: Path) -> None:
    """The text is what bash and shellcheck call a clean script, whatever the names in it."""
    script = tmp_path / "script.sh"
    script.write_text(text_of(fetch_of(AWKWARD), fetch_of("EOF.fits", b"1", md5=True)), encoding="utf-8")
    subprocess.run([BASH, "-n", str(script)], check=True)
    linter = Path(sys.executable).with_name("shellcheck")  # the test extra's
    subprocess.run([linter, "--norc", str(script)], check=True)


def test_has_nothing_that_bash_3_lacks() -> None:
    """The script keeps to what bash 3.2 has, the one that macOS brings."""
    commands = (
        r"\b(mapfile|readarray|coproc|(declare|local|typeset) -[a-zA-Z]*[Ang]|wait -n|printf -v|shopt -s globstar)\b"
    )
    words = r"\[\[? -v|\bread -[a-z]*N|\bwait -[fp]|\blastpipe\b|local -( |$)|\\u[0-9a-f]|\{\d+\.\.\d+\.\.|:-?\d+:-|"
    words += r",,?\}|\^\^?\}|@[A-Za-z]\}|\[-\d|&>>|\|&|;;?&|%\(|\{[a-z]+\}[<>]|\b(BASHPID|EPOCH\w+|SRANDOM)\b"
    assert not re.search(f"{commands}|{words}", text_of())
    for newer in ("local -A x", "local -n x", "mapfile x", "wait -n", "printf -v x", "coproc x"):
        assert re.search(commands, newer), newer
    for newer in ("${x,,}", "${x^}", "${x@Q}", "${x[-1]}", "x &>>y", "x |& y", ";;&", "printf '%(%F)T'", "exec {x}>y"):
        assert re.search(words, newer), newer
    for newer in ("[ -v x ]", "read -rN 1", "wait -p x", "shopt -s lastpipe", "local - x", "$'\\u00e9'", "${x:0:-1}"):
        assert re.search(words, newer), newer


def test_expands_no_array_that_may_be_empty() -> None:
    """Under ``set -u`` bash before 4.4 takes an empty array for an unset one.

    These have an element wherever they are expanded as they are; a new one has to be looked at.
    """
    bare = re.sub(r"\$\{(\w+)\[@\]\+[^}]*\}\"\}", "", text_of())
    assert set(re.findall(r"\$\{(\w+)\[@\]", bare)) == {
        *("all", "answered", "files", "folders", "full", "missing", "old_parts", "parts", "places", "queue", "seen"),
        *("spent", "summed"),
    }


def test_tells_curl_nothing_that_old_ones_do_not_know(host: Host) -> None:
    """The script keeps to what curl 7.52 has, which it is told on its standard input."""
    noted = host.notes / "configuration"
    host.command("curl", f'printf "%s\\n" "$@" >>"$NOTES/curl"; cat >>"{noted}"; exit 3\n')
    host.variables["MAST_API_TOKEN"] = TOKEN
    host.write([fetch_of(name, b"1", md5=True) for name in NAMES[:2] * 8], URL)
    host.run("-j", "1")
    told = [line.partition(" = ")[0] for line in noted.read_text(encoding="utf-8").splitlines()]
    assert set(host.noted("curl")) == {"-q", "--fail-early", "--config", "-"}
    assert set(told) == {
        *("next", "url", "output", "dump-header", "globoff", "silent", "show-error", "fail", "proto", "user-agent"),
        *("connect-timeout", "speed-time", "speed-limit", "write-out", "header"),
    }
    assert 'write-out = "%{http_code} %{redirect_url}\\n"' in noted.read_text(encoding="utf-8")


def test_runs_with_a_curl_for_windows(host: Host) -> None:
    """A curl that ends lines as Windows does, as in Git Bash, points nowhere by that."""
    curl = shutil.which("curl")
    host.command("curl", f"#!{BASH}\nset -o pipefail; {curl} \"$@\" | sed $'s/$/\\r/'\n")
    with archive(*NAMES) as sandbox:
        host.write([fetch_of(name, sandbox.content(name), md5=True) for name in NAMES], sandbox.url)
        assert host.run().returncode == 0
        assert len(sandbox.requests) == len(NAMES)


def test_same_fetches_make_the_same_text() -> None:
    """The text depends on the fetches, the archive and the root alone."""
    one, two = fetch_of("one.fits", b"1", md5=True), fetch_of("two.fits", b"2", pinned=True)
    assert text_of(one, two) == text_of(one, two) != text_of(two, one)
    assert script_text([one, two], archive_url=f"{URL}/", root=ROOT, lockfile=LOCKFILE, proven=True) == text_of(
        one, two
    )


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x00b", "a\x7fb", "a\u2028b", "a\ud800b"])
def test_control_characters_are_refused(name: str) -> None:
    """No control character gets into a script, wherever it stands."""
    good = fetch_of("image_cal.fits")
    renamed = [replace(good.wanted, uri=name), replace(good.wanted, path=ProductPath(name))]
    for wanted in renamed:
        with pytest.raises(UsageError, match="expected no control characters"):
            text_of(replace(good, wanted=wanted))
    with pytest.raises(UsageError, match="expected no control characters"):
        script_text([good], archive_url=URL, root=name, lockfile=LOCKFILE, proven=True)
    with pytest.raises(UsageError, match="expected no control characters"):
        script_text([good], archive_url=URL + name, root=ROOT, lockfile=LOCKFILE, proven=True)


@pytest.mark.parametrize(
    "url", ["mast.example", "file:///etc", "https://", 'https://a"b', "https://a b", "https://a\\b"]
)
def test_odd_archives_are_refused(url: str) -> None:
    """An archive has a web address, without anything that curl could misread."""
    with pytest.raises(UsageError, match="expected http"):
        script_text([], archive_url=url, root=ROOT, lockfile=LOCKFILE, proven=True)


@pytest.mark.parametrize("md5", ["x" * 32, "a" * 31, "A" * 32, ""])
def test_odd_checksums_are_refused(md5: str) -> None:
    """What is no checksum never stands where the script expects one."""
    fetch = fetch_of("image_cal.fits")
    with pytest.raises(UsageError, match="expected 32 or 64"):
        text_of(replace(fetch, wanted=replace(fetch.wanted, md5=md5)))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])).filter(is_safe), min_size=1, unique=True))
def test_every_safe_name_survives_the_shell(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    """Whatever products are called, bash reads their paths as they were written."""
    host = Host.below(tmp_path_factory.mktemp("names"))
    host.write([fetch_of("image_cal.fits", path=path) for path in paths], URL)
    assert host.run("-n").stdout.splitlines() == paths


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_every_name_survives_the_address(name: str) -> None:
    """A product's name in the archive is a part of an address, and stays itself."""
    line = next(line for line in text_of(fetch_of(name, path="x")).splitlines() if line.startswith("0\t+\t"))
    asked = line.split("\t")[6]
    assert unquote(asked) == f"mast:JWST/product/{name}"
    assert re.fullmatch(r"mast:JWST/product/[\w.~%/:-]+", asked, re.ASCII)
