"""A stand-in for MAST on localhost: for tests, for demonstrations, and for trying jwstsync out without the archive.

It answers what the archive answers to a query, a listing and a download, with bytes that it makes itself. It imports
nothing of the rest of jwstsync.
"""

from __future__ import annotations

from jwstsync.sandbox.catalogue import Catalogue
from jwstsync.sandbox.routes import Fault, Received
from jwstsync.sandbox.server import Sandbox, serve
from jwstsync.sandbox.tokens import EXPIRED_TOKEN, STRANGER_TOKEN, TOKEN, TOKENS

__all__ = [
    "EXPIRED_TOKEN",
    "STRANGER_TOKEN",
    "TOKEN",
    "TOKENS",
    "Catalogue",
    "Fault",
    "Received",
    "Sandbox",
    "serve",
]
