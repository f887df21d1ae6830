"""What of large files is cut for idle connections, by sizes alone; that it comes right is seen elsewhere."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import ProductPath
from jwstsync.core.selection import Selected
from jwstsync.executors.running import WORTH_SHARING, Running
from jwstsync.executors.transfer import Transfer, Version
from jwstsync.store.parts import Note, Part

MB = 1_000_000


def running(*lengths: int, ranges: bool = True) -> Running:
    """Transfers of files of these lengths, each fetched by one connection that has just begun."""
    result = Running()
    for number, length in enumerate(lengths):
        name = f"{number}.fits"
        fetch = Fetch(Selected(uri=f"mast:JWST/product/{name}", path=ProductPath(f"JWST/obs/{name}"), proposal=1))
        transfer = Transfer(fetch, Part(Path(name), Note()), hash_is_known=False)
        transfer.version = Version('"v"', length, ranges=ranges)
        transfer.spans[0].end, transfer.spans[0].taken = length, True
        result.begin(transfer)
    return result


def left(found: Running) -> list[list[int]]:
    """What each span of each file still lacks."""
    return [[span.left for span in transfer.spans] for transfer in found.transfers.values()]


def test_fewer_files_than_connections_end_together() -> None:
    """Of three files on four connections the fourth gets the last quarter of each, one after the other."""
    found = running(64 * MB, 64 * MB, 64 * MB)

    first = found.shared(4)

    assert first is not None
    assert (first[1].position, first[1].end, first[1].taken) == (48 * MB, 64 * MB, True)
    assert left(found) == [[48 * MB, 16 * MB]] * 3
    assert [found.left_over() is None for _ in range(3)] == [False, False, True]


def test_one_large_file_is_for_all() -> None:
    """One file on four connections is cut in four."""
    found = running(100 * MB)

    assert found.shared(4) is not None
    assert left(found) == [[25 * MB] * 4]


def test_nothing_is_cut_without_ranges() -> None:
    """A server that knows no ranges is asked for the whole."""
    found = running(100 * MB, ranges=False)

    assert found.shared(4) is None
    assert left(found) == [[100 * MB]]


@given(st.lists(st.integers(min_value=1, max_value=300 * MB), min_size=1, max_size=7), st.integers(1, 8))
def test_cut_pieces_are_the_whole(lengths: list[int], connections: int) -> None:
    """Whatever is cut, each byte is in one span; files below 32 MB stay whole, and pieces are worth their request."""
    found = running(*lengths)
    found.shared(connections)

    for length, transfer in zip(lengths, found.transfers.values(), strict=True):
        bounds = sorted((span.position, span.end or 0) for span in transfer.spans)
        assert [end for _, end in bounds] == [*(start for start, _ in bounds[1:]), length]
        assert bounds[0][0] == 0
        if length < WORTH_SHARING:
            assert len(bounds) == 1
        if len(bounds) > 1:
            assert min(end - start for start, end in bounds) >= WORTH_SHARING / 8
