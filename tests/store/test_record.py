"""What is remembered of files: it comes back as it was, and nonsense in it costs only what it says."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.store.record import (
    ADOPTED,
    WRITTEN,
    Entry,
    format_entry,
    known_hashes,
    merged,
    parse_entry,
    read_record,
    read_suspects,
    write_record,
    write_suspects,
)
from tests.core.strategies import digests, printable, safe_paths
from tests.store.destination import MTIME_NS, entry, on_disk

if TYPE_CHECKING:
    from pathlib import Path

GOOD = entry("good.fits")
numbers = st.integers(0, 2**63 - 1)
entries = st.builds(
    Entry,
    path=safe_paths,
    uri=printable,
    proposal=numbers,
    lockfile=st.text(),
    size=numbers,
    mtime_ns=numbers,
    sha256=digests(64),
    md5=st.just("") | digests(32),
    origin=st.sampled_from([WRITTEN, ADOPTED]),
)
records = st.lists(entries, max_size=4, unique_by=lambda one: one.path)


def changed(**values: object) -> bytes:
    """A good line with some values that make no sense, or with keys it should not have."""
    return json.dumps({**asdict(GOOD), **values}).encode()


def without(key: str) -> bytes:
    """A good line with a key missing."""
    return json.dumps({name: value for name, value in asdict(GOOD).items() if name != key}).encode()


NONSENSE = [
    pytest.param(b"", id="empty"),
    pytest.param(format_entry(GOOD).encode()[:-1], id="torn"),
    pytest.param(bytes(300), id="zeros"),
    pytest.param(b"\xff\xfe" * 20, id="not UTF-8"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[1, 2]", id="a list"),
    pytest.param(b'"text"', id="a text"),
    pytest.param(b"{}", id="no keys"),
    pytest.param(b"[" * 100_000, id="endless nesting"),
    pytest.param(b"9" * 5000, id="endless number"),
    pytest.param(without("md5"), id="a key missing"),
    pytest.param(changed(made="2023"), id="a key too many"),
    pytest.param(changed(path=None), id="path null"),
    pytest.param(changed(sha256=5), id="hash a number"),
    pytest.param(changed(size="5"), id="size a text"),
    pytest.param(changed(mtime_ns=5.5), id="time not whole"),
]


@on_disk
@given(records)
def test_record_comes_back(tmp_path_factory: pytest.TempPathFactory, written: list[Entry]) -> None:
    """Any entries come back as they were written, under their paths."""
    path = tmp_path_factory.getbasetemp() / "record.jsonl"

    write_record(path, written)

    assert read_record(path) == {one.path: one for one in written}


@on_disk
@given(records, st.data())
def test_torn_record_keeps_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, written: list[Entry], data: st.DataObject
) -> None:
    """A record that is cut off anywhere gives the entries before the cut, and no other."""
    path = tmp_path_factory.getbasetemp() / "torn.jsonl"
    write_record(path, written)
    content = path.read_bytes()
    kept = data.draw(st.integers(0, len(content)))

    path.write_bytes(content[:kept])

    found = list(read_record(path).values())
    assert found == written[: len(found)]
    assert len(found) >= content[:kept].count(b"\n")


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_passed_over(tmp_path: Path, nonsense: bytes) -> None:
    """A line that makes no sense is no entry, and does not cost the lines around it."""
    path = tmp_path / "record.jsonl"
    other = entry("other.fits")
    path.write_bytes(b"\n".join([format_entry(GOOD).encode(), nonsense, format_entry(other).encode()]))

    assert parse_entry(nonsense) is None
    assert list(read_record(path).values()) == [GOOD, other]


def test_entry_is_one_line() -> None:
    """An entry is one line of plain ASCII, whatever its names hold."""
    text = format_entry(replace(GOOD, uri="mast:ü\n\u2028"))

    assert text.isascii()
    assert len(text.splitlines()) == 1


def test_no_record_remembers_nothing(tmp_path: Path) -> None:
    """Where there is no record nothing is remembered; one that can not be read is told."""
    assert read_record(tmp_path / "absent") == {}
    with pytest.raises(IsADirectoryError):
        read_record(tmp_path)


def test_later_entries_win() -> None:
    """What is known later stands over what was known of the same file."""
    later = replace(GOOD, sha256="0" * 64)
    other = entry("other.fits")

    assert merged({GOOD.path: GOOD, other.path: other}, [later]) == {GOOD.path: later, other.path: other}


def test_hashes_are_known_while_size_and_time_fit() -> None:
    """An entry speaks of a file only as long as its size and its modification time are as they were."""
    assert known_hashes(GOOD, GOOD.size, MTIME_NS) == (GOOD.sha256, GOOD.md5)
    assert known_hashes(GOOD, GOOD.size + 1, MTIME_NS) is None
    assert known_hashes(GOOD, GOOD.size, MTIME_NS + 1) is None
    assert known_hashes(None, GOOD.size, MTIME_NS) is None


@on_disk
@given(st.frozensets(safe_paths))
def test_suspects_come_back(tmp_path_factory: pytest.TempPathFactory, suspects: frozenset[str]) -> None:
    """The paths that were found wrong come back, whatever their names hold."""
    path = tmp_path_factory.getbasetemp() / "suspects.json"

    write_suspects(path, suspects)

    assert read_suspects(path) == suspects


@pytest.mark.parametrize(
    ("content", "suspects"),
    [
        (b"", []),
        (b'["a.fits", "b.', []),
        (b"\xff\xfe", []),
        (b'{"a.fits": 1}', []),
        (b"[" * 100_000, []),
        (b'["a.fits", 5, null]', ["a.fits"]),
    ],
)
def test_nonsense_suspects_nothing(tmp_path: Path, content: bytes, suspects: list[str]) -> None:
    """A list of suspects that makes no sense suspects nobody, since `verify` finds them again."""
    path = tmp_path / "suspects.json"
    path.write_bytes(content)

    assert read_suspects(path) == frozenset(suspects)
    assert read_suspects(tmp_path / "absent") == frozenset()
