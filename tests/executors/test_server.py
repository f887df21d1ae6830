"""To whom downloads show the token, host by host; over the network it is seen with those that are on this machine."""

from __future__ import annotations

import pytest

from jwstsync.executors.server import Server

SENT = {"Authorization": "token a-token"}


def shown_to(scheme: str, host: str, port: int, token: str | None) -> dict[str, str]:
    """What goes with a request to a host when MAST is the archive."""
    return Server("https://mast.stsci.edu", "test", 1, 30.0, token).authorization((scheme, host, port))


@pytest.mark.parametrize(
    ("scheme", "host", "port", "headers"),
    [
        ("https", "mast.stsci.edu", 443, SENT),
        ("https", "data.stsci.edu", 443, SENT),
        ("http", "mast.stsci.edu", 80, {}),
        ("http", "mast.stsci.edu", 443, {}),
        ("http", "data.stsci.edu", 80, {}),
        ("https", "stpubdata.s3.amazonaws.com", 443, {}),
        ("https", "stsci.edu.example.org", 443, {}),
    ],
)
def test_mast_and_who_belongs_to_it_see_the_token(scheme: str, host: str, port: int, headers: dict[str, str]) -> None:
    """Over https every host of the archive's institute; nobody else, and without encryption nobody."""
    assert shown_to(scheme, host, port, "a-token") == headers


def test_without_a_token_nothing_is_shown() -> None:
    """What other programs keep for the host stays where it is."""
    assert shown_to("https", "mast.stsci.edu", 443, None) == {}
