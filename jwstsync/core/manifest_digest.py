"""A digest of what a manifest means for the files, so that a later one that means the same is known for it.

Comments, names, the order of blocks and rules, and how patiently the archive is asked do not count; limits do not
either, which only refuse, and are looked at anew by every run.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwstsync.core.manifest import Manifest
    from jwstsync.core.rules import NamedRule, Rule

_SANDBOX = "sandbox"
"""The address of a private stand-in, which has another port each time."""


def manifest_digest(manifest: Manifest) -> str:
    """The SHA-256 of what a manifest means, as the environment changes it, in hexadecimal."""
    archive, destination = manifest.archive, manifest.destination
    url = _SANDBOX if manifest.sandboxed else archive.url
    meaning = [
        [url, archive.exclusive_access, archive.checksums],
        [destination.root, destination.layout, destination.on_update],
        sorted(_blocks(manifest)),
    ]
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()


def _blocks(manifest: Manifest) -> Iterator[tuple[object, ...]]:
    for block in manifest.blocks:
        rules = (_lines(block.observations), _rules(block.include), _rules(block.exclude))
        yield from ((proposal, *rules) for proposal in block.ids)


def _rules(rules: Iterable[NamedRule]) -> list[list[str]]:
    return sorted(_lines(one.rule) for one in rules)


def _lines(rule: Rule) -> list[str]:
    return sorted(map(str, rule.lines))
