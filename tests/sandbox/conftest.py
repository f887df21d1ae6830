"""A sandbox that tests share and do not change, and unmodified astroquery clients pointed at a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from jwstsync.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from astroquery.mast import MastClass, ObservationsClass

Client = TypeVar("Client")


class Pointed(Protocol):
    """Makes a client that asks a sandbox in place of MAST."""

    def __call__(self, kind: type[Client], sandbox: Sandbox, /) -> Client:
        """A new client of that kind."""


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The default catalogue, served to all tests that do not change it."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def pointed() -> Iterator[Pointed]:
    """Clients pointed at a sandbox; their connections are closed after the test."""
    clients = []

    def point(kind: type[Client], sandbox: Sandbox, /) -> Client:
        client = kind()
        # The client reads its configured server once, at import: what it has made of it is moved by hand.
        portal = vars(client)["_portal_api_connection"]
        portal.MAST_REQUEST_URL = f"{sandbox.url}/api/v0/invoke"
        portal.COLUMNS_CONFIG_URL = f"{sandbox.url}/portal/Mashup/Mashup.asmx/columnsconfig"
        portal.MAST_DOWNLOAD_URL = f"{sandbox.url}/api/v0.1/Download/file"
        portal.MAST_BUNDLE_URL = f"{sandbox.url}/api/v0.1/Download/bundle"
        vars(client)["_auth_obj"].SESSION_INFO_URL = f"{sandbox.url}/whoami"
        clients.append(client)
        return client

    yield point
    for client in clients:
        vars(client)["_session"].close()


@pytest.fixture
def observations(pointed: Pointed, sandbox: Sandbox) -> ObservationsClass:
    """The client of astroquery for observations and their products."""
    from astroquery.mast import ObservationsClass

    return pointed(ObservationsClass, sandbox)


@pytest.fixture
def mast(pointed: Pointed, sandbox: Sandbox) -> MastClass:
    """The client of astroquery for any service."""
    from astroquery.mast import MastClass

    return pointed(MastClass, sandbox)
