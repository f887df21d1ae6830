"""Partial downloads: files in the local state folder that no product's name points to."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Parts:
    """The parts of one run.

    Args:
        folder: Where they lie; on the file system of the root, so that a rename is one step.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = f"{os.getpid()}-{secrets.token_hex(4)}"

    def new(self, uri: str) -> Path:
        """A name for the part of a product that no other run and no other transfer uses."""
        name = hashlib.sha256(uri.encode()).hexdigest()[:16]
        return self._folder / f"{name}.{self._run}-{secrets.token_hex(2)}.part"

    def discard(self, part: Path) -> None:
        """Removes a part, if it is there."""
        part.unlink(missing_ok=True)
