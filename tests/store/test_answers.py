"""The archive's last answers on the disk: what is kept comes back, and what is broken counts as none."""

from __future__ import annotations

import gzip
import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.caom import KeywordRow, Observation, ProductRow
from jwstsync.core.keywords import KeywordQuestion
from jwstsync.core.selection import Listing
from jwstsync.store import answers
from jwstsync.store.answers import Answers
from tests.core.listings import NIRCAM, row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "https://mast.stsci.edu"
NOW = 1_795_000_000.5
LISTING = Listing(2733, [NIRCAM], [row("a_cal.fits"), replace(row("b_cal.fits"), size=None, cal_ver=None)])
QUESTION = KeywordQuestion("Nircam", 2733)
KEYWORDS = [KeywordRow("a_cal.fits", 2880, "0" * 32, 60_000.5, "1.19.1", "jwst_1413.pmap", None, stale=False)]


@pytest.fixture
def kept(tmp_path: Path) -> Answers:
    """A listing and an answer of a keyword service."""
    found = Answers(tmp_path, URL)
    found.keep_listing(LISTING, [10, 20], NOW)
    found.keep_keywords(QUESTION, KEYWORDS, NOW)
    return found


def test_what_is_kept_comes_back(tmp_path: Path, kept: Answers) -> None:
    """Every row, null or not, with the groups that were asked for and the time."""
    assert kept.listing(2733) == Answers(tmp_path, URL).listing(2733)
    listing, keywords = kept.listing(2733), kept.keywords(QUESTION)

    assert listing is not None
    assert keywords is not None
    assert (listing.listing, listing.groups, listing.kept_at) == (LISTING, [10, 20], NOW)
    assert (keywords.rows, keywords.kept_at) == (KEYWORDS, NOW)


texts = st.none() | st.text(max_size=5)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
observations = st.builds(Observation, st.integers(), st.text(max_size=5), texts, calib_level=st.none() | st.integers())
product_rows = st.builds(
    ProductRow,
    st.text(max_size=5),
    st.text(max_size=5),
    st.integers(),
    st.integers(),
    st.text(max_size=5),
    size=numbers,
)


@given(st.lists(observations, max_size=3), st.lists(product_rows, max_size=3))
@settings(deadline=None, max_examples=30)
def test_whatever_an_archive_lists_comes_back(
    tmp_path_factory: pytest.TempPathFactory, found: list[Observation], rows: list[ProductRow]
) -> None:
    """Strange texts and large numbers too."""
    rows = [replace(one, size=None if one.size is None else int(one.size)) for one in rows]
    kept = Answers(tmp_path_factory.mktemp("cache"), URL)
    kept.keep_listing(Listing(1, found, rows), [], NOW)

    listing = kept.listing(1)
    assert listing is not None
    assert listing.listing == Listing(1, found, rows)


def test_what_was_not_kept_is_none(tmp_path: Path, kept: Answers) -> None:
    """Another proposal, service or archive has no answer."""
    assert kept.listing(1) is None
    assert kept.keywords(KeywordQuestion("Miri", 2733)) is None
    assert Answers(tmp_path, "https://example.org").listing(2733) is None
    assert Answers(tmp_path / "none", URL).listing(2733) is None


def test_a_later_answer_takes_the_place_of_an_earlier_one(kept: Answers) -> None:
    """One answer is kept for each proposal, the last."""
    kept.keep_listing(Listing(2733, [], []), [], NOW + 1)
    listing = kept.listing(2733)

    assert listing is not None
    assert (listing.rows, listing.kept_at) == ([], NOW + 1)


def changed(**values: object) -> Callable[[bytes], bytes]:
    """A file in which something else is said."""
    return lambda content: gzip.compress(json.dumps({**json.loads(gzip.decompress(content)), **values}).encode())


def cut(content: bytes) -> bytes:
    """A file that was not written to its end."""
    return content[:-20]


DAMAGES: dict[str, Any] = {
    "empty": lambda _: b"",
    "not packed": gzip.decompress,
    "cut off": cut,
    "a flipped bit": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "no JSON": lambda _: gzip.compress(b"<html>"),
    "another form": lambda _: gzip.compress(b"[]"),
    "nothing in it": lambda _: gzip.compress(b"{}"),
    "a later version": changed(version=2),
    "an unknown key": changed(more=1),
    "another archive's": changed(url="https://example.org"),
    "another proposal's": changed(proposal=1, question={"service": "Nircam", "proposal": 1}),
    "no time": changed(kept_at=-1),
    "a time after all": changed(kept_at=1e300),
    "a text for a number": changed(kept_at=str(NOW)),
    "rows that are none": changed(rows=[[]]),
    "a row without a name": changed(rows=[{}]),
    "a size that is text": changed(
        rows=[{"data_uri": "", "filename": "", "group_id": 1, "parent_group_id": 1, "obs_id": "", "size": "1"}]
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_broken_counts_as_none(tmp_path: Path, kept: Answers, damage: Callable[[bytes], bytes]) -> None:
    """Nothing that somebody else may have written is taken for an answer, and none of it is an error."""
    for path in tmp_path.rglob("*.gz"):
        path.write_bytes(damage(path.read_bytes()))

    assert kept.listing(2733) is None
    assert kept.keywords(QUESTION) is None


@pytest.mark.parametrize("limit", ["LARGEST_FILE", "LARGEST_TEXT"])
def test_what_is_too_large_counts_as_none(kept: Answers, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """A file that unpacks without end does not fill the memory."""
    monkeypatch.setattr(answers, limit, 100)

    assert kept.listing(2733) is None


def test_a_cache_that_can_not_be_written_is_left_at_that(tmp_path: Path) -> None:
    """A plan is none the worse for a full disk, or a file where the folder should be."""
    (tmp_path / "answers").write_text("in the way", encoding="utf-8")
    kept = Answers(tmp_path, URL)
    kept.keep_listing(LISTING, [], NOW)

    assert kept.listing(2733) is None


def test_what_can_not_be_written_is_left_at_that(kept: Answers) -> None:
    """A name with half a character in it is no text; what was kept before stays."""
    kept.keep_listing(Listing(2733, [], [row("\ud800")]), [], NOW + 1)
    listing = kept.listing(2733)

    assert listing is not None
    assert listing.kept_at == NOW


def test_the_cache_is_the_users_own(tmp_path: Path, kept: Answers) -> None:
    """Nobody else on the machine need see what somebody works on."""
    assert kept.listing(2733) is not None
    [folder] = (tmp_path / "answers").iterdir()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["keywords-2733-Nircam.json.gz", "proposal-2733.json.gz"]
