"""Whether a lockfile agrees with a manifest, as far as that can be told without the archive and the disk.

A lockfile knows of each product its file name, its URI and the smallest proposal that selects it, and nothing else that
a rule asks for. What depends on more counts as agreeing: only what the next `apply` will surely change is told.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.core.lockfile import LockedProduct, Lockfile
    from jwstsync.core.manifest import Manifest, ProposalBlock
    from jwstsync.core.rules import Rule


def disagreements(manifest: Manifest, lockfile: Lockfile) -> Iterator[str]:
    """What is locked, and the manifest surely asks for no more or has somewhere else; with what would be right."""
    layout = manifest.destination.layout
    for product in lockfile:
        blocks = [block for block in manifest.blocks if product.proposal in block.ids]
        folder, _, name = product.path.rpartition("/")
        if not blocks:
            yield f"{name}: of proposal {product.proposal}; expected a proposal that the manifest names"
        elif not any(_may_select(block, product) for block in blocks):
            yield f"{name}: no rule selects it for proposal {product.proposal}; expected one that does"
        elif not _folders(layout).fullmatch(folder):
            yield f"{name}: in the folder {folder or '.'!r}; expected one as the layout has it, {layout!r}"


def _may_select(block: ProposalBlock, product: LockedProduct) -> bool:
    return any(_takes(one.rule, product) is not False for one in block.include) and not any(
        _takes(one.rule, product) for one in block.exclude
    )


def _takes(rule: Rule, product: LockedProduct) -> bool | None:
    """Whether a rule takes a product; None where the lockfile does not tell."""
    known = {"filename": product.path.rpartition("/")[2], "data_uri": product.uri}
    found = {line.test(known[one]) if (one := line.column.attribute) in known else None for line in rule.lines}
    return False if False in found else None if None in found else True


@lru_cache
def _folders(layout: str) -> re.Pattern[str]:
    """The folders that a layout may put a product in; its last part is the file name, whatever else it has."""
    parts = string.Formatter().parse(layout.rpartition("/")[0])
    return re.compile("".join(re.escape(text) + ("" if name is None else "[^/]+") for text, name, _, _ in parts))
