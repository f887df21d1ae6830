"""Warnings of a library that are none here, kept quiet while any thread is at work in it.

`warnings.catch_warnings` puts the filters back as they were when it began: of two threads, the one that ends last would
put back the other's silence, for good.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_filters = ExitStack()
_threads = 0


@contextmanager
def no_warnings() -> Iterator[None]:
    """Nothing is warned of; the first thread that comes silences, the last that leaves puts everything back."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _threads  # noqa: PLW0603 - as the filters are
    with _lock:
        if _threads == 0:
            _filters.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _threads += 1


def _leave() -> None:
    global _threads  # noqa: PLW0603 - as above
    with _lock:
        _threads -= 1
        if _threads == 0:
            _filters.close()
