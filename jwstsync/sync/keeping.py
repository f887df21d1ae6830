"""The archive's answers, kept after each plan and taken up again without a network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jwstsync.core.selection import groups_to_ask
from jwstsync.sync.gather import proposals_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jwstsync.core.caom import KeywordRow
    from jwstsync.core.keywords import KeywordQuestion
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.selection import Listing
    from jwstsync.store.answers import Answers, KeptKeywords, KeptListing


def keep(
    answers: Answers,
    manifest: Manifest,
    listings: Iterable[Listing],
    keywords: Mapping[KeywordQuestion, Sequence[KeywordRow]],
) -> None:
    """Keeps what has just come; what failed stays as it was kept before."""
    now = time.time()
    for listing in listings:
        answers.keep_listing(listing, groups_to_ask(manifest, listing.proposal, listing.observations), now)
    for question, rows in keywords.items():
        answers.keep_keywords(question, rows, now)


def kept_listings(answers: Answers, manifest: Manifest) -> list[KeptListing] | None:
    """What is kept of all the manifest's proposals; None if that of one is missing, or lacks observations it wants."""
    kept = [one for proposal in proposals_of(manifest) if (one := answers.listing(proposal)) is not None]
    if len(kept) < len(proposals_of(manifest)):
        return None
    wanted = (groups_to_ask(manifest, one.proposal, one.observations) for one in kept)
    return kept if all(set(groups) <= set(one.groups) for groups, one in zip(wanted, kept, strict=True)) else None


def kept_keywords(
    answers: Answers, questions: Iterable[KeywordQuestion]
) -> tuple[list[KeptKeywords], dict[KeywordQuestion, str]]:
    """What is kept of the keyword services' answers, and the questions of which there is none."""
    kept, missing = [], {}
    for question in sorted(questions):
        one = answers.keywords(question)
        if one is None:
            missing[question] = f"{question.service} keywords of proposal {question.proposal}: no answer is kept"
        else:
            kept.append(one)
    return kept, missing
