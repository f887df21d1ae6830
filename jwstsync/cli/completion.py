"""What a shell completes: the proposals and the names of rules that the manifest has.

Commands and options are click's business. What is wrong with the manifest is not said here: it completes what it can.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from jwstsync.errors import JwstsyncError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click


def proposals(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The manifest's proposals that begin so, each with its name, but for those that stand there already."""
    given = {str(one) for one in context.params.get(str(parameter.name)) or ()}
    named = dict(_proposals(_manifest(context)))
    found = sorted(one for one in named if one.startswith(incomplete) and one not in given)
    return [CompletionItem(one, help=named[one]) for one in found]


def rules(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the manifest's rules that begin so."""
    names = _manifest(context).get("rules")
    known = sorted(names) if isinstance(names, dict) else []
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def _manifest(context: click.Context) -> dict[str, Any]:
    from jwstsync.cli.options import globals_of
    from jwstsync.cli.session import manifest_path
    from jwstsync.sync.gather import manifest_text

    try:
        return tomllib.loads(manifest_text(manifest_path(globals_of(context))))
    except (JwstsyncError, tomllib.TOMLDecodeError):
        return {}


def _proposals(manifest: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    blocks = manifest.get("proposal")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            ids = block.get("id")
            name = block.get("name")
            for one in ids if isinstance(ids, list) else [ids]:
                if isinstance(one, int):
                    yield str(one), name if isinstance(name, str) else None
