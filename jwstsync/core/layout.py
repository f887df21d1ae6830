"""Where a product lives below the root, and which names are refused.

Names from the archive and from lockfiles are untrusted. A value that fills a layout is made safe; a path that is still
unsafe is refused with `UnsafeNameError`. Whether a path is free on the disk is the store's business.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING, NewType

from jwstsync.errors import UnsafeNameError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ProductPath = NewType("ProductPath", str)
"""A checked path below the root: relative, POSIX, without ``..``; text, because plans compare 100,000 of them."""

DEFAULT_LAYOUT = "{obs_collection}/{obs_id}/{filename}"
FIELDS = (
    "obs_collection",
    "proposal_id",
    "obs_id",
    "instrument_name",
    "calib_level",
    "productType",
    "productSubGroupDescription",
    "filename",
)
STATE_FOLDER = ".jwstsync"
TRASH = "trash"
"""Below the state folder: what stood in the way of new bytes, and is no old version."""
MOVES = "moves"
"""Below the state folder: files that wait for another to leave the place where they belong."""
VERSIONS = "versions"
"""Below the state folder: old versions, one folder for each version of each product."""
UNKNOWN = "unknown"
_MAX_NAME_BYTES = 255  # NAME_MAX of every file system in use
_MAX_VERSION_BYTES = 100  # of a pipeline version in a name
_SHORT_HASH = 8  # hexadecimal digits that tell versions of one name apart
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # surrogates: JSON has them, disks do not
_PLAIN = re.compile(r"\w[\w.+-]{0,200}(/\w[\w.+-]{0,200})*", re.ASCII)  # safe at a glance, as nearly all paths are
_PLAIN_NAME = re.compile(r"\w[\w.+-]{0,200}", re.ASCII)
_FOLDERS = 1_000  # the products of a folder come one after the other
_FILENAME = "{filename}"


def template_problem(template: str) -> str | None:
    """What would be right about a layout, or None where nothing is wrong."""
    if template.startswith("/"):
        return "expected a layout relative to the root, without a leading '/'"
    if ".." in template.split("/"):
        return "expected a layout without '..'"
    if not template.endswith("/" + _FILENAME) and template != _FILENAME:
        return "expected a layout whose last part is {filename}, such as " + DEFAULT_LAYOUT
    return _field_problem(template) or _folder_problem(template)


def _field_problem(template: str) -> str | None:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return "expected every '{' closed by '}'"
    names = [name for _, name, _, _ in parts if name is not None]
    plain = all(not spec and conversion is None for _, name, spec, conversion in parts if name is not None)
    if not plain or set(names) - set(FIELDS):
        return "expected only the fields " + ", ".join("{" + name + "}" for name in FIELDS)
    return None if names.count("filename") == 1 else "expected {filename} once"


def _folder_problem(template: str) -> str | None:
    folders = template.split("/")[:-1]
    if any(not folder or folder == "." for folder in folders):
        return "expected no empty folder names and no '.'"
    if any(_UNSAFE.search(folder) for folder in folders):
        return "expected folder names without '\\' and control characters"
    return f"expected a layout outside {STATE_FOLDER}" if folders and same_place(folders[0]) == STATE_FOLDER else None


def product_path(template: str, values: Mapping[str, str | int | None]) -> ProductPath:
    """The path of one product.

    Args:
        template: A layout without a `template_problem`.
        values: The layout's fields by name; a null one becomes ``unknown``.

    Raises:
        UnsafeNameError: The file name is not one, or the path is unsafe in spite of made-safe values.
    """
    filename = values.get("filename")
    is_plain = isinstance(filename, str) and _PLAIN_NAME.fullmatch(filename) is not None
    if not is_plain and (not isinstance(filename, str) or _safe(filename) != filename or not filename):
        raise UnsafeNameError(f"file name {filename!r}: expected a plain name without '/', '\\' and control characters")
    folder, also_plain = _folder(template, tuple([values.get(name) for name in _folder_fields(template)]))
    path = f"{folder}{filename}"
    return ProductPath(path) if is_plain and also_plain else checked_path(path)


def is_file_name(name: str | None) -> bool:
    """Whether this can be the name of a file as it is."""
    return name is not None and name != "" and (_PLAIN_NAME.fullmatch(name) is not None or _safe(name) == name)


@lru_cache
def _folder_fields(template: str) -> tuple[str, ...]:
    fields = (name for _, name, _, _ in string.Formatter().parse(template.removesuffix(_FILENAME)))
    return tuple(name for name in fields if name is not None)


@lru_cache(_FOLDERS)
def _folder(template: str, values: tuple[str | int | None, ...]) -> tuple[str, bool]:
    """The part of a path before the file name, with the ``/`` at its end, and whether it is safe at a glance."""
    fields = zip(_folder_fields(template), map(_safe, values), strict=True)
    folder = template.removesuffix(_FILENAME).format_map(dict(fields))
    return folder, not folder or _PLAIN.fullmatch(folder.removesuffix("/")) is not None


def _safe(value: str | int | None) -> str:
    text = UNKNOWN if value is None or value == "" else _UNSAFE.sub("_", str(value))
    return "_" + text[1:] if text.startswith(".") else text


def version_folder(cal_ver: str | None, sha256: str) -> str:
    """Where an old version of a product goes below the state folder: ``versions/1.18.1-0a1b2c3d``, made safe.

    Args:
        cal_ver: The pipeline version that made it; ``unknown`` stands for None.
        sha256: Of its bytes.
    """
    version = _safe(cal_ver).encode()[:_MAX_VERSION_BYTES].decode(errors="ignore")
    return f"{VERSIONS}/{version}-{sha256[:_SHORT_HASH]}"


def checked_path(path: str) -> ProductPath:
    """``path`` itself, once it is known to lie below the root.

    Raises:
        UnsafeNameError: It is absolute, leaves the root, lies in the state folder, or no disk should carry its names.
    """
    if _PLAIN.fullmatch(path):
        return ProductPath(path)
    parts = path.split("/")
    if path.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise UnsafeNameError(f"path {path!r}: expected a relative path without '.', '..' and empty parts")
    if any(_UNSAFE.search(part) for part in parts):
        raise UnsafeNameError(f"path {path!r}: expected no '\\' and no control characters")
    if same_place(parts[0]) == STATE_FOLDER:
        raise UnsafeNameError(f"path {path!r}: expected a path outside {STATE_FOLDER}")
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        raise UnsafeNameError(f"path {path[:60]!r}...: expected names of at most {_MAX_NAME_BYTES} bytes")
    return ProductPath(path)


def same_place(path: str) -> str:
    """What two paths share when a file system that ignores case would make them one file."""
    return path.casefold()


def folders_of(path: str) -> Iterator[str]:
    """The folders that a path lies in, from the nearest one up; the root is not one of them."""
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)
