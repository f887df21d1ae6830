"""Which hosts may be shown the token, and which archives are shown one at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.hosts import MAST, is_for_mast_tokens, may_see_token, origin_of


def shown(url: str, archive: str) -> bool:
    """Whether a token for an archive may go to an address; never to one that makes no sense."""
    try:
        return may_see_token(origin_of(url), origin_of(archive))
    except ValueError:
        return False


@pytest.mark.parametrize(
    "url",
    [
        "https://mast.stsci.edu/api/v0.1/Download/file",
        "https://MAST.stsci.edu:443/",
        "https://stsci.edu/",
        "https://stpubdata.stsci.edu/jwst/a.fits",
        "https://a.b.stsci.edu:8443/",
        "https://mast.stsci.edu./",
    ],
)
def test_hosts_of_mast_see_its_token(url: str) -> None:
    """The archive's own host does, and over https every other one of its institute."""
    assert shown(url, MAST)


@pytest.mark.parametrize(
    "url",
    [
        "http://mast.stsci.edu/",
        "http://archive.stsci.edu/",
        "https://stsci.edu.example.org/",
        "https://notstsci.edu/",
        "https://mast.stsci.edu@example.org/",
        "https://harvard.edu/",
        "https://edu/",
        "https://stpubdata.s3.amazonaws.com/jwst/a.fits",
        "https://130.167.252.1/",
        "https://[::1]/",
        "https://localhost/",
        "wss://mast.stsci.edu/",
        "https://mast.stsci.edu\\@example.org/",
        "https://example.org\\@mast.stsci.edu/",
        "https://me:secret@mast.stsci.edu/",
        "https://mast.stsci.edu:port/",
        "https:///api",
    ],
)
def test_other_hosts_do_not(url: str) -> None:
    """Neither do other institutes and object stores, nor bare addresses, nor anybody without encryption."""
    assert not shown(url, MAST)


@pytest.mark.parametrize(
    ("archive", "url"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8002/"),
        ("http://127.0.0.1:8001", "http://127.0.0.2:8001/"),
        ("http://127.0.0.1:8001", "http://localhost:8001/"),
        ("http://localhost:8001", "https://localhost:8002/"),
        ("http://a.localhost:8001", "https://b.localhost:8001/"),
        ("https://192.168.0.1", "https://192.168.0.2/"),
        ("https://a.co.uk", "https://b.co.uk/"),
        ("https://a.github.io", "https://b.github.io/"),
        ("https://a.s3.amazonaws.com", "https://b.s3.amazonaws.com/"),
        ("https://a.intranet", "https://b.intranet/"),
    ],
)
def test_what_belongs_to_different_owners(archive: str, url: str) -> None:
    """Addresses count by themselves, port and all; under a public suffix every name has an owner of its own."""
    assert shown(archive, archive)
    assert not shown(url, archive)
    assert not shown(archive, url)


@given(st.from_regex(r"[a-z][a-z0-9]{0,9}(\.[a-z][a-z0-9]{0,9}){0,4}", fullmatch=True))
def test_every_other_name_over_https_ends_in_the_same(host: str) -> None:
    """Whoever is shown MAST's token has a name below stsci.edu."""
    if shown(f"https://{host}/", MAST):
        assert f".{host}".endswith(".stsci.edu")
    assert shown(f"https://{host}.stsci.edu/", MAST)


@pytest.mark.parametrize(
    ("archive", "meant"),
    [
        ("https://mast.stsci.edu", True),
        ("https://masttest.stsci.edu", True),
        ("http://127.0.0.1:8733", True),
        ("http://localhost:8733", True),
        ("http://[::1]:8733", True),
        ("http://mast.stsci.edu", False),
        ("https://mast.example.org", False),
        ("http://10.0.0.1:8733", False),
        ("https://localhost.example.org", False),
        ("ftp://mast.stsci.edu", False),
    ],
)
def test_archives_that_a_mast_token_is_for(archive: str, *, meant: bool) -> None:
    """MAST is one, and so is a stand-in on this machine; not whoever a manifest names."""
    assert is_for_mast_tokens(archive) is meant
