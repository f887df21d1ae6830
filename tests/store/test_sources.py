"""Files are found by name wherever they lie, and each folder is searched once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jwstsync.store.sources import Brought, Way, bring, find_offers

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.core.offers import Offer

NAME = "a_cal.fits"


def put(file: Path, content: bytes = b"content") -> str:
    """Puts a file somewhere, and gives its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(file)


def found(root: Path, *folders: Path) -> list[Offer]:
    """The files of the one name below these folders; all of them can be searched."""
    unread: list[str] = []
    offers = find_offers(folders, {NAME}, root, unread.append)
    assert unread == []
    assert offers.keys() <= {NAME}
    return offers.get(NAME, [])


def test_a_name_is_found_at_any_depth(tmp_path: Path) -> None:
    """In the folders' order and each one's sorted; names differ in case, and a folder is no file."""
    paths = [put(tmp_path / folder / NAME) for folder in ("z", "a", "a/b/c", "a/c")]
    put(tmp_path / "a" / "b" / NAME.upper())
    put(tmp_path / "a" / "b_cal.fits")
    (tmp_path / "a" / "d" / NAME).mkdir(parents=True)
    inside = put(tmp_path / "a" / "d" / NAME / NAME)

    assert [offer.path for offer in found(tmp_path / "root", tmp_path / "z", tmp_path)] == [
        paths[0],
        paths[1],
        paths[2],
        paths[3],
        inside,
    ]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    """A link to a file is one, a link to a folder is searched as that folder, and nothing is searched twice."""
    first = put(tmp_path / "old" / "one" / NAME, b"1")
    (tmp_path / "old" / "one" / "up").symlink_to(tmp_path / "old")
    (tmp_path / "old" / "one" / "self").symlink_to("self")
    put(tmp_path / "far" / NAME, b"22")
    (tmp_path / "old" / "two").symlink_to(tmp_path / "far")
    (tmp_path / "old" / "zero").symlink_to(tmp_path / "far")
    put(tmp_path / "file", b"333")
    (tmp_path / "old" / "three").mkdir()
    (tmp_path / "old" / "three" / NAME).symlink_to(tmp_path / "file")
    (tmp_path / "old" / "four").mkdir()
    (tmp_path / "old" / "four" / NAME).symlink_to("nowhere")
    offers = found(tmp_path / "root", tmp_path / "old", tmp_path / "old")

    assert [(offer.path, offer.size) for offer in offers] == [
        (first, 1),
        (str(tmp_path / "old" / "three" / NAME), 3),
        (str(tmp_path / "old" / "two" / NAME), 2),
    ]


def test_local_state_and_what_is_no_file_are_passed_over(tmp_path: Path) -> None:
    """Parts, trash and old versions of any root are no products; nor is a pipe, which would never end."""
    put(tmp_path / "root" / ".jwstsync" / "trash" / NAME)
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / NAME)

    assert found(tmp_path / "root", tmp_path) == []


def test_what_lies_below_the_root_is_known(tmp_path: Path) -> None:
    """By its path there, through whatever link it was found."""
    put(tmp_path / "root" / "JWST" / NAME)
    put(tmp_path / "rooted" / NAME)
    (tmp_path / "link").symlink_to(tmp_path / "root")

    assert [offer.inside for offer in found(tmp_path / "root", tmp_path / "root")] == [f"JWST/{NAME}"]
    assert [offer.inside for offer in found(tmp_path / "link", tmp_path / "root")] == [f"JWST/{NAME}"]
    assert [offer.inside for offer in found(tmp_path / "root", tmp_path / "link")] == [f"JWST/{NAME}"]
    assert [offer.inside for offer in found(tmp_path / "root", tmp_path / "rooted")] == [None]


def test_what_can_not_be_searched_is_told(tmp_path: Path) -> None:
    """A folder that went away, say; the others are searched."""
    put(tmp_path / "there" / NAME)
    unread: list[str] = []
    offers = find_offers([tmp_path / "gone", tmp_path / "there"], {NAME}, tmp_path / "root", unread.append)

    assert unread == [f"{tmp_path / 'gone'}: not searched: No such file or directory"]
    assert len(offers[NAME]) == 1


@pytest.mark.parametrize("way", Way)
def test_a_root_on_the_same_file_system_needs_no_copy(tmp_path: Path, way: Way) -> None:
    """Also one that is not there yet; and whatever way bytes come, they are hashed where they have come to."""
    source = put(tmp_path / "old" / NAME)
    [offer] = found(tmp_path / "not" / "yet" / "root", tmp_path / "old")
    brought = bring(tmp_path / "old" / NAME, tmp_path / "part", [way], lambda: False)

    assert not offer.copied
    assert isinstance(brought, Brought)
    assert brought.part.read_bytes() == b"content"
    assert (brought.digest.size, brought.source.st_ino) == (7, os.stat(source).st_ino)  # noqa: PTH116 - a text


def test_a_name_that_leads_elsewhere_by_now_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening a source and naming it again another file may take its place: what was opened is brought in."""
    source = tmp_path / "old" / NAME
    put(source)
    real = os.path.realpath

    def swapped(path: str) -> str:
        put(tmp_path / "new", b"another")
        (tmp_path / "new").replace(source)
        return real(path)

    monkeypatch.setattr(os.path, "realpath", swapped)
    brought = bring(source, tmp_path / "part", [Way.LINK], lambda: False)

    assert (brought.way, brought.part.read_bytes()) == (Way.COPY, b"content")
