"""The lockfile: text to products and back, the same text for the same state, and every kind of damage told."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import tomli
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.lockfile import LockedProduct, Lockfile, format_lockfile, lockfile_schema, parse_lockfile
from jwstsync.errors import ExitCode, LockfileError
from tests.core.strategies import locked, lockfile_products

if TYPE_CHECKING:
    import random

Draft202012Validator: Any = import_module("jsonschema").Draft202012Validator  # it comes without types
SHA256 = "0123456789abcdef" * 4
MD5 = "0123456789abcdef" * 2
GOOD = f"""version = 1

[[product]]
uri = "mast:JWST/product/a.fits"
path = "JWST/a/a.fits"
proposal = 2733
size = 2880
sha256 = "{SHA256}"
md5 = "{MD5}"
stated_size = 2881
cal_ver = "1.16.1"
crds_ctx = "jwst_1303.pmap"
"""
SECOND = f"""
[[product]]
uri = "mast:JWST/product/b.fits"
path = "JWST/b/b.fits"
proposal = 2733
size = 0
sha256 = "{SHA256}"
"""


def changed(old: str, new: str) -> str:
    """The good lockfile with one change."""
    assert old in GOOD
    return GOOD.replace(old, new)


def without(key: str) -> str:
    """The good lockfile without one line."""
    return "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(f"{key} ="))


def with_path(path: str) -> str:
    """The good lockfile with another path."""
    return changed('"JWST/a/a.fits"', path)


WHOLE = "a whole number"
DATE_KEY = "$__toml_private_datetime"  # by which rtoml tells itself that a table is a date
SHA = "64 lower-case hex digits"
RELATIVE = "a relative path without '.', '..' and empty parts"
NO_CONTROL = "no '\\' and no control characters"
OUTSIDE = "a path outside .jwstsync"
DAMAGED = [
    pytest.param("", "version", "version = 1", id="empty file"),
    pytest.param("version = ", "", "not TOML", id="cut off"),
    pytest.param("<<<<<<< HEAD\n" + GOOD, "", "`jwstsync lock merge`", id="merge conflict"),
    pytest.param(changed("1.16.1", "<<<<<<<") + "<", "", "restore it from version control", id="no conflict"),
    pytest.param(GOOD + "version = 1\nversion = 2\n", "", "not TOML", id="double key"),
    pytest.param("version = " + "[" * 2000, "", "not TOML", id="deeply nested"),
    pytest.param("version = " + "1" * 5000, "", "not TOML", id="endless version"),
    pytest.param("version = 0x" + "f" * 5000, "version", "upgrade jwstsync", id="endless version in hex"),
    pytest.param(without("version"), "version", "version = 1", id="no version"),
    pytest.param(changed("version = 1", "version = 0"), "version", "version = 1", id="earlier version"),
    pytest.param(changed("version = 1", "version = 2"), "version", "upgrade jwstsync", id="later version"),
    pytest.param(changed("version = 1", "version = true"), "version", "version = 1", id="version a flag"),
    pytest.param(changed("version = 1", "version = 1.0"), "version", "version = 1", id="version not whole"),
    pytest.param(changed("version = 1", 'version = "1"'), "version", "version = 1", id="version a text"),
    pytest.param(f'"{DATE_KEY}" = "1979-05-27"', "version", "version = 1", id="a date for the reader"),
    pytest.param(
        f'version = 1\n[[product]]\n"{DATE_KEY}" = "1979-05-27"', "product[0]", "a [[product]]", id="product one"
    ),
    pytest.param("made = 1\n" + GOOD, "made", "only version and [[product]]", id="unknown key"),
    pytest.param('"a\\nb" = 1\n' + GOOD, '"a\\nb"', "only version and [[product]]", id="unknown key with line feed"),
    pytest.param("[" + "a." * 900 + "a]\n" + GOOD, "version", "version = 1", id="version in another table"),
    pytest.param(GOOD + "[" + "a." * 900 + "a]\n", "a", "only version and [[product]]", id="deep unknown table"),
    pytest.param("version = 1\nproduct = 3", "product", "a [[product]] block", id="product a number"),
    pytest.param(changed("[[product]]", "[product]"), "product", "a [[product]] block", id="product a table"),
    pytest.param("version = 1\nproduct = [3]", "product[0]", "a [[product]] block", id="products numbers"),
    pytest.param(
        GOOD + "mtime = 1\n", "product[0].mtime", "only the keys uri, path, proposal", id="unknown product key"
    ),
    pytest.param(without("uri"), "product[0].uri", "the product's name in the archive", id="no uri"),
    pytest.param(without("path"), "product[0].path", "a path below the root", id="no path"),
    pytest.param(without("proposal"), "product[0].proposal", WHOLE, id="no proposal"),
    pytest.param(without("size"), "product[0].size", "the number of bytes", id="no size"),
    pytest.param(without("sha256"), "product[0].sha256", SHA, id="no sha256"),
    pytest.param(GOOD + SECOND.replace("size = 0\n", ""), "product[1].size", WHOLE, id="second product"),
    pytest.param(changed("size = 2880", "size = true"), "product[0].size", WHOLE, id="size a flag"),
    pytest.param(changed("size = 2880", "size = 2880.0"), "product[0].size", WHOLE, id="size not whole"),
    pytest.param(changed("size = 2880", 'size = "2880"'), "product[0].size", WHOLE, id="size a text"),
    pytest.param(changed("size = 2880", "size = -1"), "product[0].size", WHOLE, id="size negative"),
    pytest.param(changed("size = 2880", f"size = {2**63}"), "product[0].size", WHOLE, id="size above all files"),
    pytest.param(changed("size = 2880", "size = 0x" + "f" * 5000), "product[0].size", WHOLE, id="size endless"),
    pytest.param(
        changed("stated_size = 2881", "stated_size = false"), "product[0].stated_size", WHOLE, id="stated size"
    ),
    pytest.param(changed("2733", "true"), "product[0].proposal", WHOLE, id="proposal a flag"),
    pytest.param(changed("2733", '"2733"'), "product[0].proposal", WHOLE, id="proposal a text"),
    pytest.param(changed("2733", "0"), "product[0].proposal", WHOLE, id="proposal zero"),
    pytest.param(
        changed('"mast:JWST/product/a.fits"', "7"), "product[0].uri", "name in the archive", id="uri a number"
    ),
    pytest.param(changed('"mast:JWST/product/a.fits"', '""'), "product[0].uri", "name in the archive", id="uri empty"),
    pytest.param(changed("a.fits", "a\\u001b.fits"), "product[0].uri", "name in the archive", id="uri with escape"),
    pytest.param(changed(SHA256, SHA256.upper()), "product[0].sha256", SHA, id="sha256 in upper case"),
    pytest.param(changed(SHA256, SHA256[:-1]), "product[0].sha256", SHA, id="sha256 short"),
    pytest.param(changed(SHA256, SHA256 + "\\n"), "product[0].sha256", SHA, id="sha256 with line feed"),
    pytest.param(changed(f'"{SHA256}"', "[]"), "product[0].sha256", SHA, id="sha256 a list"),
    pytest.param(changed(f'"{MD5}"', '"abc"'), "product[0].md5", "32 lower-case hex digits", id="md5 short"),
    pytest.param(changed(f'"{MD5}"', "1979-05-27"), "product[0].md5", "32 lower-case hex digits", id="md5 a date"),
    pytest.param(changed('"1.16.1"', "1.16"), "product[0].cal_ver", "pipeline version", id="cal_ver a number"),
    pytest.param(changed('"1.16.1"', '""'), "product[0].cal_ver", "pipeline version", id="cal_ver empty"),
    pytest.param(changed('"jwst_1303.pmap"', "true"), "product[0].crds_ctx", "CRDS context", id="crds_ctx a flag"),
    pytest.param(GOOD + "recheck = false\n", "product[0].recheck", "true, where a merge kept", id="recheck false"),
    pytest.param(GOOD + "recheck = 1\n", "product[0].recheck", "true, where a merge kept", id="recheck a number"),
    pytest.param(with_path("7"), "product[0].path", "a path below the root", id="path a number"),
    pytest.param(with_path('""'), "product[0].path", RELATIVE, id="path empty"),
    pytest.param(with_path('"/etc/passwd"'), "product[0].path", RELATIVE, id="path absolute"),
    pytest.param(with_path('"JWST/../../a.fits"'), "product[0].path", RELATIVE, id="path leaves the root"),
    pytest.param(with_path('"JWST//a.fits"'), "product[0].path", RELATIVE, id="path with empty part"),
    pytest.param(with_path("'JWST\\a.fits'"), "product[0].path", NO_CONTROL, id="path with backslash"),
    pytest.param(with_path('"JWST/a\\u0000.fits"'), "product[0].path", NO_CONTROL, id="path with null"),
    pytest.param(with_path('"JWST/a\\n.fits"'), "product[0].path", NO_CONTROL, id="path with line feed"),
    pytest.param(with_path('".jwstsync/journal"'), "product[0].path", OUTSIDE, id="path in the state folder"),
    pytest.param(with_path('".JWSTsync/journal"'), "product[0].path", OUTSIDE, id="path there in other case"),
    pytest.param(with_path(f'"{"a" * 256}"'), "product[0].path", "at most 255 bytes", id="path with long name"),
    pytest.param(
        GOOD + SECOND.replace("JWST/b/b", "JWST/a/a"), "product[1].path", "one product on each path", id="path twice"
    ),
    pytest.param(
        GOOD + SECOND.replace("JWST/b/b", "jwst/A/a"), "product[0].path", "one product on each path", id="path but case"
    ),
    pytest.param(GOOD + SECOND.replace("product/b", "product/a"), "product[1].uri", "each uri once", id="uri twice"),
]


@pytest.mark.parametrize(("text", "key", "expected"), DAMAGED)
def test_damage_is_told_by_its_place_and_what_would_be_right(text: str, key: str, expected: str) -> None:
    """A lockfile that is damaged is refused, with where and what would be right, on one line each."""
    with pytest.raises(LockfileError) as refusal:
        parse_lockfile(text, "jwstsync.lock")
    assert refusal.value.exit_code is ExitCode.INVALID
    assert any(problem.key == key and expected in problem.expected for problem in refusal.value.problems)
    lines = str(refusal.value).splitlines()
    assert len(lines) == len(refusal.value.problems)
    assert all(line.startswith("jwstsync.lock: ") and line.isprintable() and len(line) < 300 for line in lines)


def test_all_damage_is_told_at_once() -> None:
    """Everything wrong in the products is reported together."""
    text = (GOOD + SECOND).replace("size = 2880", "size = -1").replace("proposal = 2733", "proposal = 0")
    with pytest.raises(LockfileError) as refusal:
        parse_lockfile(text, "jwstsync.lock")
    keys = [problem.key for problem in refusal.value.problems]
    assert keys == ["product[0].proposal", "product[0].size", "product[1].proposal", ""]


def test_paths_and_doubles_are_told_at_once() -> None:
    """A path that leaves the root hides no product that is there twice."""
    text = with_path('"/etc/passwd"') + SECOND.replace("product/b", "product/a")
    with pytest.raises(LockfileError) as refusal:
        parse_lockfile(text, "jwstsync.lock")
    keys = [problem.key for problem in refusal.value.problems]
    assert keys == ["product[0].path", "product[0].uri", "product[1].uri", ""]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        (changed("2733", "0"), "restore it from version control, or remove it to lock what is there anew"),
        (with_path('"/etc/passwd"'), "restore it from version control, or remove it to lock what is there anew"),
        (GOOD + SECOND.replace("product/b", "product/a"), "if git has merged it so, take the merge back, call"),
    ],
)
def test_a_way_out_is_told(text: str, way: str) -> None:
    """After what is wrong comes what to do: a lockfile is not mended by hand."""
    with pytest.raises(LockfileError) as refusal:
        parse_lockfile(text, "jwstsync.lock")
    assert str(refusal.value).splitlines()[-1].startswith(f"jwstsync.lock: {way}")


def test_a_message_shows_what_stands_there() -> None:
    """The value that is wrong is shown as it stands, cut where it is long, and not at all where nothing stands."""
    with pytest.raises(LockfileError) as refusal:
        parse_lockfile(without("size").replace(SHA256, "x" * 100).replace('"1.16.1"', "true"), "mirror.lock")
    assert str(refusal.value).splitlines() == [
        "mirror.lock: product[0].size: expected the number of bytes, counted while writing, a whole number",
        f'mirror.lock: product[0].sha256 = "{"x" * 56}...: expected the SHA-256 of the bytes, {SHA}',
        "mirror.lock: product[0].cal_ver = true: expected the pipeline version, such as 1.16.1",
        "mirror.lock: restore it from version control, or remove it to lock what is there anew",
    ]


def test_the_good_lockfile_is_read() -> None:
    """What the damaged lockfiles are made from is itself valid, with every key where it belongs."""
    assert parse_lockfile(GOOD + SECOND, "jwstsync.lock") == Lockfile.of(
        [
            LockedProduct(
                uri="mast:JWST/product/a.fits",
                path=locked(path="JWST/a/a.fits").path,
                proposal=2733,
                size=2880,
                sha256=SHA256,
                md5=MD5,
                stated_size=2881,
                cal_ver="1.16.1",
                crds_ctx="jwst_1303.pmap",
            ),
            LockedProduct(
                uri="mast:JWST/product/b.fits",
                path=locked(path="JWST/b/b.fits").path,
                proposal=2733,
                size=0,
                sha256=SHA256,
            ),
        ]
    )


def test_the_text_is_fixed() -> None:
    """Header, key order and quoting are fixed, one key a line, and keys that are not known are left out."""
    text = format_lockfile(parse_lockfile(GOOD + SECOND, "mirror.lock"), "mirror.lock")
    assert text == "# mirror.lock is written by jwstsync. Commit it; do not edit it.\n" + GOOD + SECOND


def test_an_empty_lockfile_has_no_list_of_products() -> None:
    """Nothing locked gives a lockfile of just its version."""
    text = format_lockfile(Lockfile(), "jwstsync.lock")
    assert text == "# jwstsync.lock is written by jwstsync. Commit it; do not edit it.\nversion = 1\n"
    assert parse_lockfile(text, "jwstsync.lock") == Lockfile()


def test_windows_line_ends_are_read() -> None:
    """A lockfile that version control gave other line ends is the same lockfile."""
    assert parse_lockfile(GOOD.replace("\n", "\r\n"), "jwstsync.lock") == parse_lockfile(GOOD, "jwstsync.lock")


def test_a_byte_order_mark_is_no_damage() -> None:
    """An editor that sets one at the start of a lockfile does not change what is locked."""
    assert parse_lockfile("\ufeff" + GOOD, "jwstsync.lock") == parse_lockfile(GOOD, "jwstsync.lock")


def test_a_lockfile_knows_its_products_and_proposals() -> None:
    """A lockfile counts and lists its products by URI, and tells their proposals."""
    lockfile = Lockfile.of([locked(uri="mast:b", proposal=2), locked(uri="mast:a", proposal=1)])
    assert [product.uri for product in lockfile] == ["mast:a", "mast:b"]
    assert len(lockfile) == 2
    assert lockfile.proposals == {1, 2}


@given(lockfile_products)
@settings(deadline=None, max_examples=100)
def test_what_is_written_is_read_back(products: list[LockedProduct]) -> None:
    """Any lockfile is the same after writing and reading, and its text is the same after reading and writing."""
    lockfile = Lockfile.of(products)
    text = format_lockfile(lockfile, "jwstsync.lock")
    again = parse_lockfile(text, "jwstsync.lock")
    assert again == lockfile
    assert format_lockfile(again, "jwstsync.lock") == text


@given(products=lockfile_products, order=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_the_text_does_not_tell_the_history(products: list[LockedProduct], order: random.Random) -> None:
    """The same state gives the same bytes, in whatever order it came about, sorted by URI and with LF only."""
    shuffled = order.sample(products, len(products))
    text = format_lockfile(Lockfile({product.uri: product for product in shuffled}), "jwstsync.lock")
    assert text == format_lockfile(Lockfile.of(products), "jwstsync.lock")
    assert "\r" not in text
    assert [entry["uri"] for entry in tomli.loads(text).get("product", [])] == sorted(one.uri for one in products)


SIGNS = [
    *"\"'\\\n\r\t\x00\x7f\x0c\x85\u2028\ufeff[]{}=.,#-+_09a",
    *('"""', "'''", "\r\n", "[[", "]]", "0x", "0b1", "1e400", "nan", "true", "9" * 20),
    *("1979-05-27", "T07:32:00Z", "\\u0000", "\\ud800", 'uri = """a"""\n', f'"{DATE_KEY}" = "07:32:00"\n'),
    *("[product]\n", "[[product]]\n", "product = []\n", "version = 1\n", "version.a = 1\n"),
]


def damaged(text: str) -> st.SearchStrategy[str]:
    """``text`` with a piece of it, or two, replaced by anything, or by what means something in TOML."""
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, 20) | st.just(0))
    pieces = st.text(max_size=5) | st.lists(st.sampled_from(SIGNS), max_size=3).map("".join)
    once = st.builds(lambda end, piece: text[: end[0]] + piece + text[sum(end) :], ends, pieces)
    return once | st.builds(
        lambda one, piece, end: one[:end] + piece + one[end:], once, pieces, st.integers(0, len(text))
    )


@given(st.text(max_size=200) | st.sampled_from([GOOD, GOOD + SECOND]).flatmap(damaged))
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_lockfile_or_refused(text: str) -> None:
    """Nothing that a lockfile could hold ends in another error than that it is not valid."""
    try:
        lockfile = parse_lockfile(text, "jwstsync.lock")
    except LockfileError as error:
        assert all(line.isprintable() for line in str(error).split("\n"))  # noqa: PT017 - valid text is right as well
        return
    assert parse_lockfile(format_lockfile(lockfile, "jwstsync.lock"), "jwstsync.lock") == lockfile


def read(text: str) -> Lockfile | None:
    """The lockfile that a text is, if it is one."""
    try:
        return parse_lockfile(text, "jwstsync.lock")
    except LockfileError:
        return None


@given(st.sampled_from(["", GOOD, GOOD + SECOND]).flatmap(damaged))
@settings(deadline=None, max_examples=400)
def test_a_lockfile_says_what_toml_says(text: str) -> None:
    """Whatever was done to it: two readers agree, the fast one and the one that follows the standard to the letter."""
    try:
        standard = tomli_w.dumps(tomli.loads(text.removeprefix("\ufeff")))
    except ValueError:
        assert read(text) is None
    else:
        assert read(text) == read(standard)


@given(lockfile_products)
@settings(deadline=None, max_examples=30)
def test_what_is_written_fits_the_schema(products: list[LockedProduct]) -> None:
    """The schema of lockfiles takes every lockfile that is written."""
    document = tomli.loads(format_lockfile(Lockfile.of(products), "jwstsync.lock"))
    Draft202012Validator(lockfile_schema()).validate(document)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(changed("version = 1", "version = 2"), id="later version"),
        pytest.param("made = 1\n" + GOOD, id="unknown key"),
        pytest.param(GOOD + "mtime = 1\n", id="unknown product key"),
        pytest.param(without("sha256"), id="no sha256"),
        pytest.param(changed("size = 2880", "size = -1"), id="size negative"),
        pytest.param(changed(MD5, "abc"), id="md5 short"),
    ],
)
def test_the_schema_is_as_strict_as_the_reader(text: str) -> None:
    """Keys that are unknown, missing or of wrong form are refused by the schema of lockfiles as well."""
    assert not Draft202012Validator(lockfile_schema()).is_valid(tomli.loads(text))
