"""What all tests stand on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from jwstsync.archive import tries

if TYPE_CHECKING:
    from collections.abc import Iterator

# A process that a shell starts in the background ignores Ctrl-C, and so do its children; tests that send one need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_pauses() -> Iterator[None]:
    """An archive that fails is asked again at once; how long the pauses are is told in tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tries, "LONGEST_PAUSE", 0.0)
        yield
