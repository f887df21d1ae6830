"""From manifest, lockfile, archive and disk to a plan; nothing is changed here but the note of what `verify` finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.adoption import bytes_to_copy, with_offers
from jwstsync.core.amounts import exact_size_text
from jwstsync.core.goal import goal_of
from jwstsync.core.plan import Access, Action, ActionKind, Plan, decide, paths_to_hash
from jwstsync.core.selection import Selection, described, select
from jwstsync.errors import ArchiveError, DifferencesError, LockfileError, Problem
from jwstsync.settings import Settings, read_settings
from jwstsync.store.answers import Answers
from jwstsync.store.lockfiles import NO_LOCKFILE, lockfile_digest, read_lockfile
from jwstsync.store.tree import Tree
from jwstsync.sync.feedback import Silence
from jwstsync.sync.gather import WITHOUT_ASKING, gather, gather_keywords, open_archive
from jwstsync.sync.keeping import keep, kept_keywords, kept_listings
from jwstsync.sync.offering import folders, offers_below
from jwstsync.sync.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jwstsync.archive import Archive
    from jwstsync.archive.auth import Identity
    from jwstsync.core.caom import KeywordRow
    from jwstsync.core.keywords import KeywordQuestion
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.manifest import Manifest
    from jwstsync.sync.feedback import Feedback

_NAMED = 5  # products in a message


class Mode(StrEnum):
    """What a run may ask and change.

    `DEFAULT` asks the archive, and the lockfile may change; `LOCKED` asks, and fails if it would; `FROZEN` never asks,
    and makes the disk equal the lockfile; `OFFLINE` uses no network at all: a plan is made of the
    answers that were kept, or else as under `FROZEN`.
    """

    DEFAULT = "default"
    LOCKED = "locked"
    FROZEN = "frozen"
    OFFLINE = "offline"


def plan(
    manifest: Manifest,
    mode: Mode = Mode.DEFAULT,
    *,
    allow_empty: bool = False,
    adopt_from: Iterable[str | Path] = (),
    archive: Archive | None = None,
    feedback: Feedback | None = None,
    settings: Settings | None = None,
) -> Plan:
    """What `apply` would do. Takes no lock and changes nothing.

    Args:
        manifest: What is wanted.
        mode: Whether the archive is asked.
        allow_empty: Believe a proposal that had products and now lists none.
        adopt_from: Folders below which products may be, in place of a download.
        archive: Whom to ask; by default the manifest's.
        feedback: Who is told how it goes on.
        settings: Where a token is found and answers are kept; by default the environment's.

    Raises:
        JwstsyncError: The archive can not be asked, or a file not be read.
    """
    check_frozen(manifest, mode)
    settings = settings or read_settings()
    question = Question(manifest, mode, allow_empty, archive, feedback or Silence(), settings, folders(adopt_from))
    return question.answer(*_observed(manifest))[0]


def status(manifest: Manifest, *, feedback: Feedback | None = None, settings: Settings | None = None) -> Plan:
    """What differs between lockfile and disk, without the network; a lockfile that is not there locks nothing.

    Raises:
        JwstsyncError: A file can not be read.
    """
    question = Question(manifest, Mode.FROZEN, False, None, feedback or Silence(), settings or read_settings())  # noqa: FBT003
    return question.answer(*_observed(manifest))[0]


def _observed(manifest: Manifest) -> tuple[Tree, Lockfile]:
    return Tree(Path(manifest.root)), read_lockfile(Path(manifest.lockfile))[0]


def verify(manifest: Manifest, feedback: Feedback | None = None) -> Plan:
    """What is missing or wrong when every locked file is hashed; noted, so that the next `apply` repairs it.

    Raises:
        JwstsyncError: A file can not be read.
    """
    feedback = feedback or Silence()
    tree, lockfile = _observed(manifest)
    goal = goal_of(None, lockfile)
    disk = tree.observe(goal.paths)
    feedback.phase(f"hashing {len(disk)} files")
    disk = tree.hashed(disk, [path for path, state in disk.items() if state.size >= 0], feedback.hashed)
    found = decide(goal, lockfile, disk, Access())
    tree.suspect((action.path for action in found.of(ActionKind.REPAIR)), goal.paths)
    return found


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be found out for a plan."""

    manifest: Manifest
    mode: Mode
    allow_empty: bool
    archive: Archive | None
    feedback: Feedback
    settings: Settings
    adopt_from: Sequence[Path] = ()

    def answer(self, tree: Tree, lockfile: Lockfile) -> tuple[Plan, Token]:
        """The plan, and the token, which is looked for only if the plan needs one.

        Raises:
            JwstsyncError: The archive can not be asked, a file not be read, or what was found can be no token.
        """
        selection = self._selection()
        goal = goal_of(selection, lockfile, allow_empty=self.allow_empty)
        disk = tree.observe(goal.paths)
        unknown = paths_to_hash(goal, lockfile, disk)
        if unknown:
            self.feedback.phase(f"hashing {len(unknown)} files")
            disk = tree.hashed(disk, unknown, self.feedback.hashed)
        token = Token(self.manifest, self.settings, self._whoami, self.feedback)
        mode = self.manifest.archive.exclusive_access
        on_update = self.manifest.destination.on_update
        found = decide(goal, lockfile, disk, Access(mode, token=True), on_update)
        offers = offers_below(self.adopt_from, found, tree.root, self.feedback)
        found = with_offers(found, offers)
        if found.needs_token and token.find() is None:
            without = with_offers(decide(goal, lockfile, disk, Access(mode), on_update), offers)
            found = replace(without, token_problem=token.problem)
        return found, token

    def _whoami(self, token: str) -> Identity:
        self.feedback.phase(f"asking {self.manifest.archive.url} about the token")
        return self._asked().whoami(token)

    def _asked(self) -> Archive:
        return self.archive or open_archive(self.manifest.archive.url, self.manifest.archive.timeout)

    def _selection(self) -> Selection | None:
        """What is selected, by fresh answers or kept ones; None where there are none, or none are wanted."""
        match self.mode:
            case Mode.FROZEN:
                return None
            case Mode.OFFLINE:
                return self._kept_selection()
        archive = self._asked()
        listings, failed = gather(self.manifest, archive, self.feedback)
        if failed and self.mode is Mode.LOCKED:
            raise ArchiveError("\n".join([*failed.values(), WITHOUT_ASKING]))
        selection = select(self.manifest, listings, failed)
        answers, unanswered = gather_keywords(selection.asking, archive, self.feedback)
        if self.keeps is not None and self.archive is None:  # of another archive, nobody knows the address
            keep(self.keeps, self.manifest, listings, answers)
        return self._described(selection, answers, unanswered)

    def _kept_selection(self) -> Selection | None:
        kept = None if self.keeps is None else kept_listings(self.keeps, self.manifest)
        if self.keeps is None or kept is None:
            return None
        selection = select(self.manifest, [one.listing for one in kept], {})
        keywords, missing = kept_keywords(self.keeps, selection.asking)
        selection = self._described(selection, {one.question: one.rows for one in keywords}, missing)
        return replace(selection, kept_at=min([one.kept_at for one in kept] + [one.kept_at for one in keywords]))

    @property
    def keeps(self) -> Answers | None:
        """Where the archive's answers are kept."""
        folder = self.settings.cache_folder
        return None if folder is None else Answers(folder, self.manifest.archive.url)

    def _described(
        self,
        selection: Selection,
        answers: Mapping[KeywordQuestion, Sequence[KeywordRow]],
        failed: Mapping[KeywordQuestion, str],
    ) -> Selection:
        """The selection with what the keyword services say of it."""
        checksums = self.manifest.archive.checksums
        if failed and checksums == "require":
            needed = f'archive.checksums = "require": expected an answer; {WITHOUT_ASKING}'
            raise ArchiveError("\n".join([*failed.values(), needed]))
        selection = described(selection, answers, failed, checksums=checksums != "ignore")
        for warning in selection.warnings:
            self.feedback.warn(warning)
        return selection


def limit_problem(plan: Plan, manifest: Manifest) -> str | None:
    """Which limit a plan breaks, with the figures, or None.

    Raises:
        StoreError: The disk does not tell how much is free.
    """
    needed = sum(action.size or 0 for action in plan.transfers)
    most, reserve = manifest.limits.max_download, manifest.limits.reserve_disk
    if most is not None and needed > most:
        return f"limits.max_download = {exact_size_text(most)}: the plan would fetch {exact_size_text(needed)}"
    free, copied = Tree(Path(manifest.root)).free_bytes(), bytes_to_copy(plan)
    if needed + copied > max(0, free - reserve):
        kept = f"limits.reserve_disk = {exact_size_text(reserve)} stay free"
        copies = f", {exact_size_text(copied)} to copy" if copied else ""
        return f"disk: {exact_size_text(needed)} to fetch{copies}, {exact_size_text(free)} free, of which {kept}"
    return None


def check_frozen(manifest: Manifest, mode: Mode) -> None:
    """Refuses to make the disk equal a lockfile that is not there.

    Raises:
        LockfileError: It is not there.
        StoreError: It can not be read.
    """
    if mode is Mode.FROZEN and lockfile_digest(Path(manifest.lockfile)) == NO_LOCKFILE:
        missing = "not found; expected a lockfile: `jwstsync apply` makes one"
        raise LockfileError(str(manifest.lockfile), [Problem("", "", missing)])


def check_locked(plan: Plan) -> None:
    """Refuses a plan after which the lockfile would say something else.

    Raises:
        ArchiveError: A proposal had products and now lists none.
        DifferencesError: The lockfile would change, or the archive has made anew what is locked and can not be had.
    """
    if plan.goal.disbelieved:
        raise ArchiveError(disbelief(plan))
    remade = [one for one in plan.of(ActionKind.WITHHOLD) if one.locked is not None and not one.pinned]
    if remade:
        raise DifferencesError(f"--locked: made anew in the archive, and under exclusive access: {named(remade)}")
    changes = plan.changes_lockfile
    if changes:
        raise DifferencesError(f"--locked: the lockfile would change: {named(changes)}; expected it to be up to date")


def disbelief(plan: Plan) -> str:
    """What is said of proposals that had products and now list none."""
    ids = ", ".join(str(proposal) for proposal in sorted(plan.goal.disbelieved))
    return f"proposal {ids}: had products, and now lists none; what is locked stays (--allow-empty believes it)"


def named(actions: Sequence[Action]) -> str:
    """A few products by action and file name, and how many more there are."""
    names = [f"{action.kind.value} {action.path.rpartition('/')[2]}" for action in actions[:_NAMED]]
    more = len(actions) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
