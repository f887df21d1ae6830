"""What a command works with: the manifest that is meant, the settings, and whom to ask."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jwstsync.cli.options import globals_of
from jwstsync.errors import ManifestError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import click

    from jwstsync.cli.options import Globals
    from jwstsync.core.manifest import Manifest
    from jwstsync.settings import Settings

MANIFEST_NAME = "jwstsync.toml"


@dataclass(frozen=True, slots=True)
class Session:
    """One call's manifest and environment."""

    manifest: Manifest
    settings: Settings


@contextmanager
def session_of(context: click.Context, *, asks: bool = True) -> Iterator[Session]:
    """The session of a call; with ``--sandbox``, a stand-in for the archive serves as long as it lasts.

    Args:
        context: The call.
        asks: Whether the command may ask the archive; for one that never does no stand-in is started.

    Raises:
        ManifestError: There is no manifest, or it is not valid.
        UsageError: An option or variable has no sense.
    """
    from jwstsync.settings import Settings, read_settings
    from jwstsync.sync.gather import load_manifest

    options, settings = globals_of(context), read_settings()
    written = load_manifest(manifest_path(options), Settings())
    manifest = _with_wishes(written, options, settings)
    if not options.sandbox:
        yield Session(manifest, settings)
        return
    if not asks:
        yield Session(manifest.for_sandbox(manifest.archive.url), _private(settings))
        return
    with sandbox_settings(settings) as (url, private):
        yield Session(manifest.for_sandbox(url), private)


@contextmanager
def sandbox_settings(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """A running stand-in's address, and settings that never show it the user's own token, nor keep its answers."""
    from jwstsync.sandbox import TOKENS, Sandbox

    with Sandbox() as sandbox:
        token = settings.token if settings.token in TOKENS else None
        yield sandbox.url, replace(_private(settings), archive_url=sandbox.url, token=token)


def _private(settings: Settings) -> Settings:
    """The settings without what is the user's own."""
    return replace(settings, token=None, keyring=False, cache_folder=None)


@contextmanager
def archive_settings(options: Globals) -> Iterator[tuple[str, float, Settings]]:
    """The archive's address and time limit, and the settings, for commands that need no manifest.

    Raises:
        UsageError: An option or variable has no sense.
    """
    from pathlib import PurePath

    from jwstsync.core.manifest import Archive, Destination, Limits, Manifest
    from jwstsync.settings import read_settings

    settings = read_settings()
    default = Manifest(PurePath(MANIFEST_NAME), Archive(), Destination(), Limits(), ())
    archive = _with_wishes(default, options, settings).archive
    if not options.sandbox:
        yield archive.url, archive.timeout, settings
        return
    with sandbox_settings(settings) as (url, private):
        yield url, archive.timeout, private


def _with_wishes(manifest: Manifest, options: Globals, settings: Settings) -> Manifest:
    """The manifest with what the environment and the options put in place of its own."""
    from jwstsync.settings import ARCHIVE_URL

    try:
        manifest = manifest.with_archive(url=settings.archive_url)
    except UsageError as error:
        raise UsageError(f"{ARCHIVE_URL}: {error}") from None
    return manifest.with_archive(timeout=options.timeout)


def manifest_path(options: Globals) -> Path:
    """The manifest that is meant, which may not be there if it was named.

    Raises:
        ManifestError: None was named, and there is none.
    """
    from pathlib import Path

    return Path(options.manifest) if options.manifest else find_manifest(_here())


def _here() -> Path:
    from pathlib import Path

    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("this folder is gone; expected to be called in one that is there") from None


def find_manifest(folder: Path) -> Path:
    """The manifest of a folder: there, or in a parent folder up to the repository's root.

    Raises:
        ManifestError: There is none.
    """
    for candidate in (folder, *folder.parents):
        if (candidate / MANIFEST_NAME).is_file():
            return candidate / MANIFEST_NAME
        if (candidate / ".git").exists():
            break
    missing = "not found here or in a parent folder; expected a manifest: `jwstsync init` writes one"
    raise ManifestError(MANIFEST_NAME, [Problem("", "", missing)])
