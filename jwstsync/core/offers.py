"""Files elsewhere that have the name of a product: what may be taken in place of a download, and what stays.

Facts only: who finds them is the store's business, and what follows from them is decided in `adoption`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that has the name of a product, and may have its bytes.

    Attributes:
        path: Where it is, as text.
        size: In bytes.
        inside: Its path below the root, where it lies there; None elsewhere.
        copied: Whether it is on another file system than the root, so that its bytes have to be copied.
    """

    path: str
    size: int
    inside: str | None = None
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A file that has the name of a product and stays where it is.

    Attributes:
        uri: The product.
        path: Where it is, as text.
        why: Why, for people.
    """

    uri: str
    path: str
    why: str
