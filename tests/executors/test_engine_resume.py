"""Downloads that go on where they broke off: only when the bytes are surely the same, and never unchecked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.checksums import Belief, Trust
from jwstsync.executors import Cause, Deferred, Failed
from tests.core.strategies import locked, md5_of
from tests.executors.bench import BLOCK, Counts, bench_at, fits, names
from tests.executors.fault_server import cut_off, ranged, until_closed, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from tests.executors.bench import Bench
    from tests.executors.fault_server import Answer

CONTENT, OTHER = fits("right", blocks=4), fits("other", blocks=4)
ETAG, LATER = '"v1"', '"v2"'
HEAD, TAIL = CONTENT[:BLOCK], CONTENT[BLOCK:]
REST = f"bytes={BLOCK}-{len(CONTENT) - 1}"
RANGE = f"bytes {BLOCK}-{len(CONTENT) - 1}/{len(CONTENT)}"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def asked(bench: Bench) -> list[tuple[str | None, str | None]]:
    """The range and the condition of each request."""
    return [(one.headers.get("range"), one.headers.get("if-range")) for one in bench.server.requests]


def stopped(bench: Bench, fetch: Fetch, etag: str | None = ETAG, sends: int = BLOCK) -> None:
    """A run that is stopped with the first bytes of a product."""
    gate = bench.server.gate()
    bench.server.answer("a.fits", ranged(CONTENT, etag, sends=sends, gate=gate))
    executor = bench.executor(connections=1)

    class Stopping(Counts):
        def received(self, fetch: Fetch, count: int) -> None:
            super().received(fetch, count)
            executor.stop()

    assert list(executor.run([fetch], Stopping())) == [Deferred(fetch, "stopped before it was whole")]
    bench.server.requests.clear()
    bench.server.answer("a.fits", ranged(CONTENT, etag))


def test_broken_body_is_gone_on_with(bench: Bench) -> None:
    """With a strong entity tag only the rest is asked for, on condition that it is still the same file."""
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=BLOCK), ranged(CONTENT))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert asked(bench) == [(None, None), (REST, ETAG)]
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}


def test_known_hash_joins_bytes_without_a_tag(bench: Bench) -> None:
    """Where the whole is held to a checksum, the rest is asked for also from a server without entity tags."""
    answers = [ranged(CONTENT, None, sends=BLOCK), ranged(CONTENT, None)]

    assert names(bench.fetched(bench.offer("a.fits", CONTENT, *answers, md5=md5_of(CONTENT)))) == ["a.fits"]
    assert asked(bench) == [(None, None), (REST, None)]
    assert bench.files == {"a.fits": CONTENT}


@pytest.mark.parametrize("etag", [None, 'W/"v1"', "v1", '"'])
@pytest.mark.parametrize("ignored", [True, False])
def test_nothing_is_joined_that_can_not_be_proved(bench: Bench, etag: str | None, *, ignored: bool) -> None:
    """Without a strong entity tag, and without a checksum that counts, a broken body is fetched from its start."""
    md5 = md5_of(CONTENT) if ignored else None
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, etag, sends=BLOCK), ranged(CONTENT, etag), md5=md5)

    assert names(bench.fetched(fetch, use_checksums=not ignored)) == ["a.fits"]
    assert asked(bench) == [(None, None)] * 2
    assert bench.files == {"a.fits": CONTENT}


PART = "206 Partial Content"
UNFIT = {
    "another start": whole(TAIL, PART, etag=ETAG, content_range=f"bytes 0-{len(TAIL) - 1}/{len(CONTENT)}"),
    "another length": whole(TAIL, PART, etag=ETAG, content_range=RANGE + "0"),
    "no range": whole(TAIL, PART, etag=ETAG),
    "nonsense": whole(TAIL, PART, etag=ETAG, content_range="bytes some-more/all"),
    "another tag": whole(OTHER[BLOCK:], PART, etag=LATER, content_range=RANGE),
    "416": whole(b"", "416 Range Not Satisfiable", content_range=f"bytes */{len(CONTENT)}"),
}


@pytest.mark.parametrize("answer", UNFIT.values(), ids=UNFIT)
def test_unfit_part_starts_over(bench: Bench, answer: Answer) -> None:
    """A part of the file that is not what was asked for is not taken: the file is fetched from its start."""
    fetch = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=BLOCK), answer, ranged(CONTENT))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert asked(bench) == [(None, None), (REST, ETAG), (None, None)]
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}


def test_whole_in_place_of_a_part_starts_over(bench: Bench) -> None:
    """A 200 in answer to a range brings the whole file, of whatever version, and is taken as that."""
    fetch = bench.offer("a.fits", OTHER, ranged(CONTENT, sends=BLOCK), whole(OTHER, etag=LATER))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.files == {"a.fits": OTHER}
    assert bench.watch.bytes == {"a.fits": len(OTHER)}
    assert len(bench.server.requests) == 2


def test_remade_file_is_never_mixed(bench: Bench) -> None:
    """A file that is made anew between two tries is fetched from its start, because the condition says so."""
    fetch = bench.offer("a.fits", OTHER, ranged(CONTENT, sends=BLOCK), ranged(OTHER, LATER))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert asked(bench) == [(None, None), (REST, ETAG)]
    assert bench.files == {"a.fits": OTHER}


def test_next_run_goes_on(bench: Bench) -> None:
    """What a stopped run has is kept, and the next run asks for the rest only, and tells so."""
    fetch = bench.offer("a.fits", CONTENT)
    stopped(bench, fetch)
    assert sorted(path.suffix for path in bench.parts) == [".note", ".part"]

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert asked(bench) == [(REST, ETAG)]
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.bytes == {"a.fits": len(CONTENT)}
    assert (bench.watch.started_with, bench.watch.resumed) == ([("a.fits", len(CONTENT))], [BLOCK])


def test_next_run_goes_on_by_hash(bench: Bench) -> None:
    """A known hash is as good as an entity tag, also across runs."""
    fetch = bench.offer("a.fits", CONTENT, md5=md5_of(CONTENT))
    stopped(bench, fetch, None)

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert asked(bench) == [(REST, None)]
    assert bench.files == {"a.fits": CONTENT}


def test_nothing_is_kept_that_can_not_be_proved(bench: Bench) -> None:
    """A stopped run leaves no bytes that nobody could go on with."""
    fetch = bench.offer("a.fits", CONTENT)
    stopped(bench, fetch, None)

    assert bench.parts == []


def test_next_run_starts_over_with_another_version(bench: Bench) -> None:
    """What is kept of an older version is thrown away."""
    fetch = bench.offer("a.fits", OTHER)
    stopped(bench, fetch)
    bench.server.answer("a.fits", ranged(OTHER, LATER))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.files == {"a.fits": OTHER}


@pytest.mark.parametrize("pin", [True, False])
def test_damaged_part_is_noticed(bench: Bench, *, pin: bool) -> None:
    """A bit that flips in a part between two runs is found by the hash of the whole, and the file is fetched anew."""
    fetch = bench.offer("a.fits", CONTENT, md5=md5_of(CONTENT))
    fetch = replace(fetch, pinned=locked(CONTENT, uri=fetch.uri, path=fetch.path)) if pin else fetch
    stopped(bench, fetch)
    [part] = (path for path in bench.parts if path.suffix == ".part")
    with part.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert asked(bench) == [(REST, ETAG), (None, None)]
    assert bench.files == {"a.fits": CONTENT}
    assert bench.watch.resumed == [BLOCK, 0]


def test_a_part_is_not_believed_for_want_of_a_checksum(bench: Bench) -> None:
    """Where the checksums are set aside, a damaged part is found out all the same: the file is fetched once anew."""
    fetch = bench.offer("a.fits", CONTENT, md5=md5_of(OTHER))
    stopped(bench, fetch)
    [part] = (path for path in bench.parts if path.suffix == ".part")
    with part.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")

    assert names(bench.fetched(fetch, trust=Trust(Belief.ASIDE))) == ["a.fits"]
    assert asked(bench) == [(REST, ETAG), (None, None)]
    assert bench.files == {"a.fits": CONTENT}


def test_part_that_is_whole_asks_nothing(bench: Bench) -> None:
    """Bytes that are all here, because the run ended just before their commit, are verified and not asked for."""
    fetch = bench.offer("a.fits", CONTENT)
    stopped(bench, fetch)
    [part] = (path for path in bench.parts if path.suffix == ".part")
    [note] = (path for path in bench.parts if path.suffix == ".note")
    with part.open("ab") as file:
        file.write(TAIL)
    note.write_text(note.read_text().replace(f"[[0, {BLOCK}]]", f"[[0, {len(CONTENT)}]]"))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.server.requests == []
    assert bench.files == {"a.fits": CONTENT}


def test_failed_product_keeps_what_can_be_gone_on_with(bench: Bench) -> None:
    """Where the host is at fault the part stays for the next run; a product without provable bytes leaves nothing."""
    gone = whole(b"", "503 Busy")
    kept = bench.offer("a.fits", CONTENT, ranged(CONTENT, sends=BLOCK), gone)
    bare = bench.offer("b.fits", CONTENT, cut_off(HEAD, len(TAIL)), gone)

    outcomes = list(bench.executor().run([kept, bare], bench.watch))

    assert {one.cause for one in outcomes if isinstance(one, Failed)} == {Cause.HOST}
    assert sorted(path.suffix for path in bench.parts) == [".note", ".part"]
    bench.server.answer("a.fits", ranged(CONTENT))
    assert names(bench.fetched(kept)) == ["a.fits"]


def test_short_body_without_a_length_is_believed_twice_only(bench: Bench) -> None:
    """A body of unknown length that is cut at different places is never taken for the whole."""
    fetch = bench.offer("a.fits", CONTENT, until_closed(CONTENT[:BLOCK]), until_closed(CONTENT[: 2 * BLOCK]))

    assert bench.fetched(fetch) == [
        Failed(fetch, Cause.BYTES, f"{2 * BLOCK} bytes came, {len(CONTENT)} are stated"),
    ]
