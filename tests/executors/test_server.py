"""To whom downloads show the token, host by host; over the network it is seen with those that are on this machine."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from jwstsync.executors.server import Server

TOKEN = "a-token"
SENT = f"token {TOKEN}"


class ShownError(Exception):
    """Ends a request before it leaves; says what would have gone with it."""


async def as_from_netrc(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Puts in what belongs to another program."""
    request.headers["Authorization"] = "Basic bWU6c2VjcmV0"
    return await handler(request)


async def stop(request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Ends a request."""
    raise ShownError(request.headers.get("Authorization"))


def shown_to(url: str, token: str | None) -> str | None:
    """What goes with a request to an address when MAST is the archive."""

    async def ask() -> None:
        authorized = Server("https://mast.stsci.edu", "test", 1, 30.0, token)._authorized  # noqa: SLF001
        async with aiohttp.ClientSession(middlewares=[as_from_netrc, authorized, stop]) as session:
            await session.get(url)

    with pytest.raises(ShownError) as caught:
        asyncio.run(ask())
    header: str | None = caught.value.args[0]
    return header


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://mast.stsci.edu/a", SENT),
        ("https://data.stsci.edu/a", SENT),
        ("http://mast.stsci.edu/a", None),
        ("http://data.stsci.edu/a", None),
        ("https://stpubdata.s3.amazonaws.com/a", None),
        ("https://stsci.edu.example.org/a", None),
    ],
)
def test_mast_and_who_belongs_to_it_see_the_token(url: str, header: str | None) -> None:
    """Over https every host of the archive's institute; nobody else, and without encryption nobody."""
    assert shown_to(url, TOKEN) == header


def test_without_a_token_nothing_is_shown() -> None:
    """What other programs keep for the host stays where it is."""
    assert shown_to("https://mast.stsci.edu/a", None) is None
