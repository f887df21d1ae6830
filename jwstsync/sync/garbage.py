"""How often Python looks for objects that hold each other, while many are made that do not.

By default it does so after every 700 new objects, and each time that these have grown by a quarter it goes through all
that there are. A plan of 100,000 products makes millions that stay, hardly any of them in a circle: that would be a
fifth of its time.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SELDOM = (100_000, 20, 100)
"""After so many new objects; of these times every 20th goes further back, and of those every 100th through all."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """While it lasts, garbage in circles is looked for seldom; what is not in circles goes away as always."""
    before = gc.get_threshold()
    gc.set_threshold(*(max(pair) for pair in zip(before, SELDOM, strict=True)) if before[0] else before)
    try:
        yield
    finally:
        gc.set_threshold(*before)
