"""Downloads that go wrong: nothing wrong gets a name, nothing good is lost, and each failure stays with its product."""

from __future__ import annotations

import errno
import gzip
import os
import resource
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.executors import Cause, Done, Failed
from tests.core.strategies import locked, md5_of, sha256_of
from tests.executors.bench import BLOCK, bench_at, fits, names
from tests.executors.fault_server import (
    chunked,
    cut_off,
    raw,
    redirect,
    reset,
    stalled,
    until_closed,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from tests.executors.bench import Bench
    from tests.executors.fault_server import Answer

RIGHT, WRONG, OTHER = fits("right"), fits("wrong"), fits("other", blocks=2)
HTML = b"<!DOCTYPE html><html><body>we are down for maintenance</body></html>"
NONSENSE = "a" * 90 + " " + "b" * 200
ARCHIVE = "the archive answered "
BROKE = "the connection broke: "


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


FAULTS = {
    "web page": (whole(HTML), Cause.BYTES, "the download is not FITS: it begins with b'<!DOCTYPE html>"),
    "web page, padded": (whole(HTML.ljust(BLOCK)), Cause.BYTES, "the download is not FITS"),
    "empty": (whole(b""), Cause.BYTES, "the download is empty"),
    "torn in a block": (whole(RIGHT + b"x"), Cause.BYTES, "the download is not whole FITS: 2881 bytes"),
    "torn, length unknown": (until_closed(RIGHT[:-1]), Cause.BYTES, "the download is not whole FITS: 2879 bytes"),
    "encoded": (whole(gzip.compress(RIGHT), content_encoding="gzip"), Cause.BYTES, "came encoded (gzip); expected"),
    "cut off": (cut_off(RIGHT, BLOCK), Cause.NETWORK, "the body ended 2880 bytes early"),
    "cut off at once": (cut_off(b"", BLOCK), Cause.NETWORK, "the body ended 2880 bytes early"),
    "cut off in a chunk": (chunked(RIGHT, whole=False), Cause.NETWORK, BROKE),
    "reset": (reset(RIGHT, BLOCK), Cause.NETWORK, BROKE),
    "hung up": (raw(b""), Cause.NETWORK, BROKE),
    "no HTTP": (raw(b"220 ftp.example.org ready\r\n\r\n"), Cause.NETWORK, BROKE),
    "no length": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), Cause.NETWORK, BROKE),
    "redirect in a circle": (redirect("/mast:JWST/product/a.fits"), Cause.NETWORK, "sent on 10 times"),
    "redirect to elsewhere": (
        redirect("ftp://example.org/a.fits"),
        Cause.NETWORK,
        "sent on to 'ftp://example.org/a.fits'",
    ),
    "401": (
        whole(b"token\n  is expired", "401 Unauthorized"),
        Cause.UNAUTHORIZED,
        ARCHIVE + "401 Unauthorized (token is expired)",
    ),
    "403": (whole(b"not yours", "403 Forbidden"), Cause.FORBIDDEN, ARCHIVE + "403 Forbidden (not yours)"),
    "404": (whole(HTML, "404 Not Found"), Cause.NOT_FOUND, ARCHIVE + "404 Not Found"),
    "500": (whole(b"", "500 Internal Server Error"), Cause.HOST, ARCHIVE + "500 Internal Server Error"),
    "many words": (
        whole(NONSENSE.encode() * 9, "500 Oops"),
        Cause.HOST,
        f"{ARCHIVE}500 Oops ({NONSENSE[:200]})",
    ),
    "no text": (whole(b"\xff\xfe\x00", "500 Oops"), Cause.HOST, ARCHIVE + "500 Oops"),
    "a part": (whole(RIGHT, "206 Partial Content"), Cause.NETWORK, "came with Content-Range ''; expected bytes from 0"),
    "nothing": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), Cause.NETWORK, ARCHIVE + "204 No Content"),
}


@pytest.mark.parametrize(("answer", "cause", "words"), FAULTS.values(), ids=FAULTS)
def test_fault_fails_its_product_alone(bench: Bench, answer: Answer, cause: Cause, words: str) -> None:
    """A product that can not be had fails with its cause, what stood there stays, and the products around it land."""
    bench.put("a.fits", OTHER)
    fetches = [bench.offer("0.fits", RIGHT), bench.offer("a.fits", RIGHT, answer), bench.offer("b.fits", RIGHT)]

    before, failed, after = bench.fetched(*fetches, connections=1)

    assert names([before, after]) == ["0.fits", "b.fits"]
    assert isinstance(failed, Failed)
    assert failed.cause is cause
    assert failed.error.startswith(words)
    assert bench.files == {"0.fits": RIGHT, "a.fits": OTHER, "b.fits": RIGHT}
    assert not bench.trash.exists()
    assert bench.watch.ended_times == {"0.fits": 1, "a.fits": 1, "b.fits": 1}


@pytest.mark.parametrize("said", [HTML, b"\xff\xfe\x00"])
def test_only_words_are_quoted(bench: Bench, said: bytes) -> None:
    """What the archive says is quoted only where it is text."""
    [failed] = bench.fetched(bench.offer("a.fits", RIGHT, whole(said, "404 Not Found")))

    assert failed == Failed(failed.fetch, Cause.NOT_FOUND, ARCHIVE + "404 Not Found")


@pytest.mark.parametrize("sent", [b"", RIGHT])
def test_stalled_download_fails(bench: Bench, sent: bytes) -> None:
    """A download that time and again is without a byte for the time limit fails, and the others land."""
    fetches = [bench.offer("a.fits", RIGHT, stalled(sent, BLOCK)), bench.offer("b.fits", RIGHT)]

    failed, done = bench.fetched(*fetches, timeout=0.05)

    assert failed == Failed(fetches[0], Cause.HOST, "no byte came for 0.05 s")
    assert names([done]) == ["b.fits"]


def test_absent_archive_fails_every_product(bench: Bench) -> None:
    """Where nobody listens every product fails, each for itself."""
    fetches = [bench.offer("a.fits", RIGHT), bench.offer("b.fits", RIGHT)]

    outcomes = bench.fetched(*fetches, url="http://127.0.0.1:9")

    failed = [one for one in outcomes if isinstance(one, Failed)]
    assert [one.cause for one in failed] == [Cause.HOST] * 2
    assert all(one.error.startswith("not connected: 127.0.0.1:9: Connection refused") for one in failed)


def pinned(fetch: Fetch, content: bytes) -> Fetch:
    """A fetch of exactly these bytes."""
    return replace(fetch, pinned=locked(content, uri=fetch.uri, path=fetch.path))


def test_other_bytes_than_locked_are_refused(bench: Bench) -> None:
    """Bytes that differ from the locked ones twice are a mismatch, and what stood there stays."""
    bench.put("a.fits", OTHER)
    fetch = pinned(bench.offer("a.fits", WRONG, md5=md5_of(WRONG)), RIGHT)

    assert bench.fetched(fetch) == [Failed(fetch, Cause.MISMATCH, "bytes differ from those that are locked")]
    assert len(bench.server.requests) == 2
    assert bench.files == {"a.fits": OTHER}


def test_other_bytes_than_stated_are_refused(bench: Bench) -> None:
    """Bytes that differ from the archive's checksum twice are a mismatch, also where both downloads agree."""
    bench.put("a.fits", OTHER)
    fetch = bench.offer("a.fits", WRONG, md5=md5_of(RIGHT))

    assert bench.fetched(fetch) == [Failed(fetch, Cause.MISMATCH, "bytes differ from the archive's checksum")]
    assert len(bench.server.requests) == 2
    assert bench.files == {"a.fits": OTHER}


@pytest.mark.parametrize("with_lock", [True, False])
def test_wrong_bytes_are_asked_for_once_more(bench: Bench, *, with_lock: bool) -> None:
    """Bytes that are wrong once and right the second time land, and the wrong ones are counted back."""
    fetch = bench.offer("a.fits", RIGHT, whole(WRONG), whole(RIGHT), md5=md5_of(RIGHT))

    assert names(bench.fetched(pinned(fetch, RIGHT) if with_lock else fetch)) == ["a.fits"]

    assert bench.files == {"a.fits": RIGHT}
    assert bench.watch.bytes == {"a.fits": len(RIGHT)}
    assert bench.watch.started_with == [("a.fits", len(RIGHT))] * 2
    assert bench.watch.ended_times == {"a.fits": 1}


def test_checksums_may_be_ignored(bench: Bench) -> None:
    """Where the user says so a checksum that does not fit is passed over, and is not locked."""
    [done] = bench.fetched(bench.offer("a.fits", RIGHT, md5=md5_of(WRONG)), use_checksums=False)

    assert isinstance(done, Done)
    assert (done.locked.sha256, done.locked.md5) == (sha256_of(RIGHT), None)
    assert len(bench.server.requests) == 1


def test_ignored_checksums_do_not_unpin(bench: Bench) -> None:
    """What is locked is held to its hash, also where the archive's checksums are ignored."""
    [failed] = bench.fetched(pinned(bench.offer("a.fits", WRONG), RIGHT), use_checksums=False)

    assert isinstance(failed, Failed)
    assert failed.cause is Cause.MISMATCH


@pytest.mark.parametrize("answer", [whole(RIGHT), until_closed(RIGHT)])
def test_checksum_beats_the_stated_size(bench: Bench, answer: Answer) -> None:
    """Bytes with the right checksum are right, whatever size is stated and whatever length is sent."""
    [done] = bench.fetched(bench.offer("a.fits", RIGHT, answer, md5=md5_of(RIGHT), size=5))

    assert isinstance(done, Done)
    assert (done.locked.size, done.locked.stated_size) == (len(RIGHT), 5)
    assert len(bench.server.requests) == 1


def test_sent_length_beats_the_stated_size(bench: Bench) -> None:
    """A body as long as its Content-Length is whole, whatever the listing says."""
    assert names(bench.fetched(bench.offer("a.fits", RIGHT, size=len(RIGHT) + 60))) == ["a.fits"]
    assert len(bench.server.requests) == 1


@pytest.mark.parametrize("answer", [chunked, until_closed])
def test_two_that_agree_overrule_the_stated_size(bench: Bench, answer: Callable[[bytes], Answer]) -> None:
    """A body of unknown length and another size than stated is believed once it has come twice."""
    [done] = bench.fetched(bench.offer("a.fits", RIGHT, answer(RIGHT), size=5 * BLOCK))

    assert isinstance(done, Done)
    assert (done.locked.size, done.locked.stated_size) == (len(RIGHT), 5 * BLOCK)
    assert len(bench.server.requests) == 2
    assert bench.files == {"a.fits": RIGHT}


@pytest.mark.parametrize("second", [WRONG, OTHER])
def test_two_that_differ_are_not_believed(bench: Bench, second: bytes) -> None:
    """Two bodies of unknown length that differ, neither of the stated size, are both refused."""
    fetch = bench.offer("a.fits", RIGHT, until_closed(RIGHT), until_closed(second), size=5 * BLOCK)

    [failed] = bench.fetched(fetch)

    assert failed == Failed(fetch, Cause.BYTES, f"{len(second)} bytes came, {5 * BLOCK} are stated")
    assert bench.files == {}


def test_second_of_the_stated_size_is_believed(bench: Bench) -> None:
    """Where the first body was torn and the second has the stated size, the second lands."""
    fetch = bench.offer("a.fits", OTHER, until_closed(OTHER[:BLOCK]), until_closed(OTHER))

    assert names(bench.fetched(fetch)) == ["a.fits"]
    assert bench.files == {"a.fits": OTHER}


def test_failure_of_the_second_download_counts(bench: Bench) -> None:
    """Where the second download breaks, the product fails with what broke it."""
    fetch = bench.offer("a.fits", RIGHT, whole(WRONG), whole(b"gone", "404 Not Found"), md5=md5_of(RIGHT))

    [failed] = bench.fetched(fetch)

    assert failed == Failed(fetch, Cause.NOT_FOUND, ARCHIVE + "404 Not Found (gone)")


def test_folder_at_the_name_fails_its_product(bench: Bench) -> None:
    """A folder where a product belongs stays, the product fails, and the others land."""
    (bench.tree.root / "JWST/obs/a.fits/mine").mkdir(parents=True)

    failed, done = bench.fetched(bench.offer("a.fits", RIGHT), bench.offer("b.fits", RIGHT))

    assert failed == Failed(failed.fetch, Cause.DISK, "not put in place: Is a directory")
    assert names([done]) == ["b.fits"]
    assert (bench.tree.root / "JWST/obs/a.fits/mine").is_dir()


def test_unwritable_journal_fails_every_product(bench: Bench) -> None:
    """Without a journal nothing gets a name, and every product is told as failed."""
    bench.journals.write_bytes(b"mine")

    outcomes = bench.fetched(bench.offer("a.fits", RIGHT), bench.offer("b.fits", RIGHT))

    assert [one.cause for one in outcomes if isinstance(one, Failed)] == [Cause.DISK] * 2
    assert bench.files == {}


def test_absent_parts_folder_fails_every_product(bench: Bench) -> None:
    """Where parts can not be written, every product is told as failed, with the system's words."""
    bench.tree.parts_folder.rmdir()
    fetch = bench.offer("a.fits", RIGHT)

    [failed] = bench.executor().run([fetch], bench.watch)

    assert failed == Failed(fetch, Cause.DISK, "not written: No such file or directory")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Has the operating system write no file beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_takes_only_a_part_fails_the_product(bench: Bench) -> None:
    """Where a write ends half-way the product fails, and its torn bytes get no name and leave no part."""
    bench.put("a.fits", OTHER)
    fetches = [bench.offer("a.fits", fits("right", blocks=9)), bench.offer("b.fits", RIGHT)]

    with files_of_at_most(5 * BLOCK + 7):
        failed, done = bench.fetched(*fetches)

    assert failed == Failed(fetches[0], Cause.DISK, f"not written: {os.strerror(errno.EFBIG)}")
    assert names([done]) == ["b.fits"]
    assert bench.files == {"a.fits": OTHER, "b.fits": RIGHT}
