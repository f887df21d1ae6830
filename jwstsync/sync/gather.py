"""What there is to decide on: the manifest as the environment changes it, and what the archive lists for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync import __version__
from jwstsync.core.manifest import Manifest, parse_manifest
from jwstsync.core.selection import Listing, groups_to_ask
from jwstsync.errors import ArchiveError, ManifestError, Problem
from jwstsync.settings import Settings, read_settings
from jwstsync.sync.queries import Queries
from jwstsync.sync.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jwstsync.archive import Archive
    from jwstsync.core.caom import KeywordRow, Observation, ProductRow
    from jwstsync.core.keywords import KeywordQuestion
    from jwstsync.sync.feedback import Feedback

AGENT = f"jwstsync/{__version__}"
PORTION = 100  # observations whose products are one question; of a large proposal several are asked at once
WITHOUT_ASKING = "what is locked can be had without asking: --frozen"


def load_manifest(path: str | Path, settings: Settings | None = None) -> Manifest:
    """The manifest in a file, with the environment's server and time limit in place of its own.

    Raises:
        ManifestError: It is not there, or not valid; with everything that is wrong.
    """
    settings = settings or read_settings()
    text = manifest_text(path)
    return parse_manifest(text, Path(path)).with_archive(url=settings.archive_url, timeout=settings.timeout)


def manifest_text(path: str | Path) -> str:
    """The text of a manifest, with the ends of its lines as they are.

    Raises:
        ManifestError: It is not there, or no text.
    """
    try:
        return Path(path).read_bytes().decode()
    except FileNotFoundError:
        missing = "not found; expected a manifest, such as `jwstsync init` writes"
        raise ManifestError(str(path), [Problem("", "", missing)]) from None
    except UnicodeDecodeError:
        raise ManifestError(str(path), [Problem("", "", "expected UTF-8 text")]) from None
    except IsADirectoryError:
        folder = "is a folder; expected a manifest, such as jwstsync.toml in it"
        raise ManifestError(str(path), [Problem("", "", folder)]) from None
    except OSError as error:
        raise ManifestError(str(path), [Problem("", "", f"not read: {error.strerror}")]) from None


def open_archive(url: str, timeout: float) -> Archive:
    """The archive at an address. Nothing is asked yet."""
    from jwstsync.archive.mast import MastArchive  # noqa: PLC0415 - most commands can do without

    return MastArchive(url, timeout=timeout, agent=AGENT)


def _listing(proposal: int, observations: Sequence[Observation], answers: Sequence[Sequence[ProductRow]]) -> Listing:
    rows = [row for answer in answers for row in answer]
    return Listing(proposal, observations, rows, thin=not all(answers))


def proposals_of(manifest: Manifest) -> list[int]:
    """The proposals that a manifest names, in ascending order."""
    return sorted({proposal for block in manifest.blocks for proposal in block.ids})


def gather(manifest: Manifest, archive: Archive, feedback: Feedback) -> tuple[list[Listing], dict[int, str]]:
    """What the archive lists for the manifest's proposals, and the errors of those that could not be asked.

    Raises:
        ArchiveError: None of them could be asked.
    """

    def ask(proposal: int) -> list[Observation]:
        feedback.phase(f"asking {manifest.archive.url} about proposal {proposal}")
        queries.begun(proposal)
        with queries.one_of(proposal):
            return archive.observations(proposal)

    def ask_for_products(part: tuple[int, int]) -> list[ProductRow]:
        proposal, start = part
        with queries.one_of(proposal):
            found = archive.products(groups[proposal][start : start + PORTION])
        queries.came(proposal, len(found))
        return found

    queries = Queries(feedback)
    observations, failed = side_by_side(ask, proposals_of(manifest))
    groups = {proposal: groups_to_ask(manifest, proposal, found) for proposal, found in observations.items()}
    parts = [(proposal, start) for proposal, asked in groups.items() for start in range(0, len(asked), PORTION)]
    for proposal, asked in groups.items():
        queries.divided(proposal, -(-len(asked) // PORTION))
    rows, errors = side_by_side(ask_for_products, parts)
    for (proposal, _), error in errors.items():
        failed.setdefault(proposal, error)
    listings = [
        _listing(proposal, found, [rows[part] for part in parts if part[0] == proposal])
        for proposal, found in observations.items()
        if proposal not in failed
    ]
    if not listings:
        reasons = "\n".join(dict.fromkeys(failed.values()))
        raise ArchiveError(f"{reasons}\n{WITHOUT_ASKING}")
    return listings, dict(sorted(failed.items()))


def gather_keywords(
    questions: Iterable[KeywordQuestion], archive: Archive, feedback: Feedback
) -> tuple[dict[KeywordQuestion, list[KeywordRow]], dict[KeywordQuestion, str]]:
    """What the keyword services say, and the errors of the questions that were not answered."""

    def ask(question: KeywordQuestion) -> list[KeywordRow]:
        feedback.phase(f"asking for {question.service} keywords of proposal {question.proposal}")
        return archive.keywords(question.service, question.proposal)

    return side_by_side(ask, sorted(questions))
