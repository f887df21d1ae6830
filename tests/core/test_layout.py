"""Where a product lives, and which names are refused."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.layout import (
    DEFAULT_LAYOUT,
    FIELDS,
    ProductPath,
    checked_path,
    product_path,
    same_place,
    template_problem,
    version_folder,
)
from jwstsync.errors import UnsafeNameError
from tests.core.strategies import safe_paths

VALUES: dict[str, str | int | None] = {
    "obs_collection": "JWST",
    "proposal_id": "2733",
    "obs_id": "jw02733-o002_t001_miri_f1130w",
    "instrument_name": "MIRI",
    "calib_level": 3,
    "productType": "SCIENCE",
    "productSubGroupDescription": "I2D",
    "filename": "jw02733-o002_t001_miri_f1130w_i2d.fits",
}
EVERY_FIELD = "/".join("{" + name + "}" for name in FIELDS)
UNSAFE_PATHS = [
    pytest.param("", "empty parts", id="empty"),
    pytest.param("/etc/passwd", "relative path", id="absolute"),
    pytest.param("../secret.fits", "without '.', '..'", id="leaves the root"),
    pytest.param("a/../../b.fits", "without '.', '..'", id="leaves the root from below"),
    pytest.param("a/./b.fits", "without '.', '..'", id="dot"),
    pytest.param("a//b.fits", "empty parts", id="empty part"),
    pytest.param("a/", "empty parts", id="folder"),
    pytest.param("a\\b.fits", "no '\\'", id="backslash"),
    pytest.param("a/b\x00.fits", "no control characters", id="null"),
    pytest.param("a/b\n.fits", "no control characters", id="line feed"),
    pytest.param("a/b\x7f.fits", "no control characters", id="delete"),
    pytest.param("a/b\x9b.fits", "no control characters", id="C1 control"),
    pytest.param("a/b\u2028.fits", "no control characters", id="line separator"),
    pytest.param("a/b\ud800.fits", "no control characters", id="half a surrogate pair"),
    pytest.param(".jwstsync/journal", "outside .jwstsync", id="state folder"),
    pytest.param(".JwstSync/journal", "outside .jwstsync", id="state folder in other case"),
    pytest.param(".jw\u017ftsync/journal", "outside .jwstsync", id="state folder in other case of long s"),
    pytest.param(".jwstsync", "outside .jwstsync", id="state folder itself"),
    pytest.param("a/" + "b" * 256, "at most 255 bytes", id="long name"),
    pytest.param("a/" + "é" * 128, "at most 255 bytes", id="long name in bytes"),
]


def test_default_layout_is_the_tree_of_astroquery() -> None:
    """The default layout is <collection>/<obs_id>/<file name>, as astroquery downloads."""
    assert product_path(DEFAULT_LAYOUT, VALUES) == (
        "JWST/jw02733-o002_t001_miri_f1130w/jw02733-o002_t001_miri_f1130w_i2d.fits"
    )


def test_every_field_stands_in_its_place() -> None:
    """A layout can name every field, and each is filled with its own value."""
    assert product_path(EVERY_FIELD, VALUES) == "/".join(str(VALUES[name]) for name in FIELDS)


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        pytest.param("NGC 3132", "NGC 3132", id="blank stays"),
        pytest.param("a'b\"c", "a'b\"c", id="quotes stay"),
        pytest.param("é$*?:", "é$*?:", id="other characters stay"),
        pytest.param("MIRI/IMAGE", "MIRI_IMAGE", id="slash"),
        pytest.param("a\\b", "a_b", id="backslash"),
        pytest.param("a\tb\x7f\x80", "a_b__", id="control characters"),
        pytest.param("a\u2028b\u2029", "a_b_", id="line separators"),
        pytest.param("a\udc80b", "a_b", id="half a surrogate pair"),
        pytest.param(".hidden", "_hidden", id="leading dot"),
        pytest.param("..", "_.", id="parent folder"),
        pytest.param("a.b", "a.b", id="dot within stays"),
        pytest.param("{filename}", "{filename}", id="braces are no field"),
        pytest.param(2, "2", id="number"),
        pytest.param(0, "0", id="zero"),
        pytest.param(None, "unknown", id="null"),
        pytest.param("", "unknown", id="empty"),
    ],
)
def test_values_are_made_safe(value: str | int | None, safe: str) -> None:
    """A value loses what could leave its folder, and nothing else."""
    assert product_path("{obs_id}/{filename}", {"obs_id": value, "filename": "a.fits"}) == f"{safe}/a.fits"


@pytest.mark.parametrize(
    "filename",
    [
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param(3, id="number"),
        pytest.param("..", id="parent folder"),
        pytest.param(".hidden.fits", id="leading dot"),
        pytest.param("a/b.fits", id="slash"),
        pytest.param("../../b.fits", id="leaves the root"),
        pytest.param("a\\b.fits", id="backslash"),
        pytest.param("a\x00.fits", id="null character"),
        pytest.param("a\x1b[2J.fits", id="escape"),
        pytest.param("a\ud800.fits", id="half a surrogate pair"),
    ],
)
def test_file_names_are_refused_rather_than_changed(filename: str | int | None) -> None:
    """A file name that is not safe as it stands is refused, and the message names it."""
    with pytest.raises(UnsafeNameError, match=r"^file name .*expected a plain name"):
        product_path(DEFAULT_LAYOUT, {**VALUES, "filename": filename})


def test_a_product_without_a_file_name_is_refused() -> None:
    """A row that has no file name at all is refused like a bad one."""
    with pytest.raises(UnsafeNameError, match="file name None"):
        product_path(DEFAULT_LAYOUT, {"obs_id": "a"})


def test_a_path_that_values_make_unsafe_is_refused() -> None:
    """Values that are safe each for itself do not lead into the state folder together."""
    with pytest.raises(UnsafeNameError, match=r"outside \.jwstsync"):
        product_path(".{obs_id}/{filename}", {"obs_id": "jwstsync", "filename": "journal"})


@pytest.mark.parametrize(
    "template", [DEFAULT_LAYOUT, "{filename}", EVERY_FIELD, "a b/{{x}}/{calib_level}-x/{filename}"]
)
def test_good_layouts_have_no_problem(template: str) -> None:
    """Any relative layout of known fields that ends in the file name is taken."""
    assert template_problem(template) is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("", "last part is {filename}", id="empty"),
        pytest.param("/data/{filename}", "relative to the root", id="absolute"),
        pytest.param("../{filename}", "without '..'", id="leaves the root"),
        pytest.param("a/../{filename}", "without '..'", id="parent folder"),
        pytest.param("{obs_id}", "last part is {filename}", id="no file name"),
        pytest.param("{filename}/{obs_id}", "last part is {filename}", id="file name first"),
        pytest.param("{obs_id}/x_{filename}", "last part is {filename}", id="file name with prefix"),
        pytest.param("{obs_id}/{filename}.gz", "last part is {filename}", id="file name with suffix"),
        pytest.param("{filename}/{filename}", "{filename} once", id="file name twice"),
        pytest.param("a}/{filename}", "every '{' closed", id="brace not opened"),
        pytest.param("{obs_id/{filename}", "every '{' closed", id="brace not closed"),
        pytest.param("{target}/{filename}", "only the fields {obs_collection}", id="unknown field"),
        pytest.param("{}/{filename}", "only the fields", id="no field"),
        pytest.param("{0}/{filename}", "only the fields", id="numbered field"),
        pytest.param("{obs_id.__class__}/{filename}", "only the fields", id="attribute"),
        pytest.param("{obs_id[0]}/{filename}", "only the fields", id="index"),
        pytest.param("{obs_id!r}/{filename}", "only the fields", id="conversion"),
        pytest.param("{calib_level:03}/{filename}", "only the fields", id="format"),
        pytest.param("a//{filename}", "no empty folder names", id="empty folder"),
        pytest.param("./{filename}", "no '.'", id="dot"),
        pytest.param("a\\b/{filename}", "without '\\'", id="backslash"),
        pytest.param("a\nb/{filename}", "control characters", id="line feed"),
        pytest.param(".jwstsync/{filename}", "outside .jwstsync", id="state folder"),
        pytest.param(".JWSTSYNC/x/{filename}", "outside .jwstsync", id="state folder in other case"),
    ],
)
def test_layout_problems_say_what_would_be_right(template: str, expected: str) -> None:
    """Each thing wrong in a layout is told by what would be right."""
    problem = template_problem(template)
    assert problem is not None
    assert problem.startswith("expected ")
    assert expected in problem


@pytest.mark.parametrize(("path", "expected"), UNSAFE_PATHS)
def test_unsafe_paths_are_refused(path: str, expected: str) -> None:
    """A path that leaves the root, enters the state folder or has names no disk should carry is refused."""
    with pytest.raises(UnsafeNameError) as refusal:
        checked_path(path)
    assert expected in str(refusal.value)
    assert str(refusal.value).isprintable()


@given(safe_paths)
@settings(deadline=None, max_examples=100)
def test_safe_paths_are_left_as_they_are(path: ProductPath) -> None:
    """A path that is safe comes back unchanged."""
    assert checked_path(path) == path


def lies_below_the_root(path: str) -> bool:
    """Whether a disk would put ``path`` below the root and outside the state folder, as told by pathlib."""
    pure = PurePosixPath(path)
    below = not pure.is_absolute() and ".." not in pure.parts and str(pure) == path != "."
    return below and pure.parts[0].casefold() != ".jwstsync" and bool(path.encode("utf-8"))


arbitrary = st.text(st.characters() | st.sampled_from("./\\{}\x00~"), max_size=20) | st.sampled_from(
    ["..", ".", ".jwstsync", ".JWSTSYNC", "jwstsync", "unknown"]
)
templates = st.lists(
    arbitrary | st.sampled_from(["{" + name + "}" for name in FIELDS] + [".{obs_id}", "{obs_id}{calib_level}"]),
    max_size=4,
).map(lambda parts: "/".join([*parts, "{filename}"]))


@given(template=templates, values=st.dictionaries(st.sampled_from(FIELDS), arbitrary | st.integers() | st.none()))
@settings(deadline=None, max_examples=200)
def test_product_paths_are_safe_or_refused(template: str, values: dict[str, str | int | None]) -> None:
    """Whatever the archive says, a layout without a problem leads below the root or the product is refused."""
    if template_problem(template) is not None:
        return
    try:
        path = product_path(template, values)
    except UnsafeNameError:
        return
    assert lies_below_the_root(path)
    assert path.endswith(str(values["filename"]))


@given(st.text(st.characters() | st.sampled_from("./\\ajwstsync"), max_size=30))
@settings(deadline=None, max_examples=200)
def test_checked_paths_are_safe_or_refused(path: str) -> None:
    """Whatever a lockfile says, a path leads below the root or is refused."""
    try:
        checked = checked_path(path)
    except UnsafeNameError:
        return
    assert checked == path
    assert lies_below_the_root(path)


def test_paths_that_differ_only_by_case_are_one_place() -> None:
    """File systems that ignore case would make one file of such paths."""
    assert same_place("JWST/A.fits") == same_place("jwst/a.FITS")
    assert same_place("JWST/A.fits") != same_place("JWST/B.fits")


@pytest.mark.parametrize(
    ("cal_ver", "folder"),
    [
        pytest.param("1.18.1", "versions/1.18.1-01234567", id="usual"),
        pytest.param(None, "versions/unknown-01234567", id="unknown"),
        pytest.param("../../1.0", "versions/_._.._1.0-01234567", id="leaves the folder"),
        pytest.param("é" * 80, f"versions/{'é' * 50}-01234567", id="long"),
    ],
)
def test_folders_of_old_versions(cal_ver: str | None, folder: str) -> None:
    """An old version's folder has its pipeline version and the beginning of its hash, and a name for any disk."""
    assert version_folder(cal_ver, "0123456789abcdef" * 4) == folder


@given(st.text())
def test_folders_of_old_versions_are_safe(cal_ver: str) -> None:
    """Whatever a lockfile says, it is one folder right below that of the versions."""
    folder = version_folder(cal_ver, "0" * 64)
    assert checked_path(folder) == folder
    assert folder.count("/") == 1
