"""A sandbox that may be made to fail, and a clock on which no time is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.archive import transport
from jwstsync.sandbox import Sandbox
from tests.archive.answers import catalogue
from tests.archive.servers import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """A sandbox for all tests; `sandbox` gives it out."""
    with Sandbox(catalogue=catalogue()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The proposal of 60 observations, served without faults at first."""
    yield shared_sandbox
    shared_sandbox.fault = None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock on which only the pauses between polls pass."""
    clock = Clock()
    monkeypatch.setattr(transport, "time", clock)
    return clock
