"""What verifications write down: it comes back, is worth a look only while it makes sense, and does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.layout import ProductPath
from jwstsync.core.rounds import Seen
from jwstsync.errors import StoreError
from jwstsync.store.rounds import Rounds
from tests.store.destination import on_disk

if TYPE_CHECKING:
    from pathlib import Path

_SEEN = st.builds(
    Seen,
    path=st.text(min_size=1).map(ProductPath),
    size=st.integers(0, 2**63),
    mtime_ns=st.integers(0, 2**63),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    at_ns=st.integers(0, 2**63),
)
ONE = Seen(ProductPath("a.fits"), 1, 2, "0" * 64, 3)
OTHER = Seen(ProductPath("b.fits"), 4, 5, "1" * 64, 6)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where it is written down."""
    return tmp_path / "verified" / "key.jsonl"


@on_disk
@given(st.lists(st.one_of(st.none(), _SEEN)))
def test_what_was_seen_comes_back(tmp_path_factory: pytest.TempPathFactory, steps: list[Seen | None]) -> None:
    """Whatever was seen and whenever a round ended, another verification knows the same."""
    file = tmp_path_factory.mktemp("rounds") / "verified" / "key.jsonl"
    rounds = Rounds(file)
    before: dict[ProductPath, Seen] = {}
    seen: dict[ProductPath, Seen] = {}
    for step in steps:
        if step is not None:
            seen[step.path] = step
            rounds.add(step)
        elif seen:
            before, seen = before | seen, {}
            rounds.end_round()
        if step is not None and step.size % 2:
            rounds.close()
    rounds.close()

    for known in (rounds, Rounds(file)):
        assert (known.before, known.seen) == (before, seen)


@pytest.mark.parametrize(
    "line",
    [
        b'{"path":"b.fits","si',
        b"[" * 100_000,
        b"\xff",
        b"7",
        b'{"path":"b.fits"}',
        b'{"path":"b.fits","size":true,"mtime_ns":5,"sha256":"1","at_ns":6}',
        b'{"path":"b.fits","size":4,"mtime_ns":5,"sha256":"1","at_ns":6,"more":7}',
    ],
)
def test_a_line_that_makes_no_sense_is_passed_over(file: Path, line: bytes) -> None:
    """As one that a loss of power has torn; what is written after it is not."""
    rounds = Rounds(file)
    rounds.add(ONE)
    rounds.close()
    with file.open("ab") as torn:
        torn.write(line)
    after = Rounds(file)
    after.add(OTHER)
    after.close()

    assert Rounds(file).seen == {ONE.path: ONE, OTHER.path: OTHER}


def test_files_that_are_no_more_are_forgotten_at_the_end_of_a_round(file: Path) -> None:
    """What is written down is a line for each file that there is, and one for the end."""
    rounds = Rounds(file)
    for one in (ONE, OTHER, ONE):
        rounds.add(one)
    rounds.end_round({OTHER.path})

    assert Rounds(file).before == rounds.before == {OTHER.path: OTHER}
    assert len(file.read_bytes().splitlines()) == 2


def test_what_a_dead_verification_left_is_removed(file: Path) -> None:
    """A file that it had begun to write and never finished."""
    file.parent.mkdir()
    file.with_name(f".{file.name}.0-x.tmp").write_bytes(b"{")
    rounds = Rounds(file)
    rounds.add(ONE)
    rounds.close()

    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_that_can_not_be_read_is_named(file: Path) -> None:
    """A folder in its place, say."""
    file.mkdir(parents=True)

    with pytest.raises(StoreError, match=r"verified: .*key\.jsonl: Is a directory"):
        Rounds(file)
