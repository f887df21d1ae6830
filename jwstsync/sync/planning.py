"""From manifest, lockfile, archive and disk to a plan; nothing is changed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.archive.auth import Identity
from jwstsync.core.access import Access
from jwstsync.core.adoption import bytes_to_copy, with_offers
from jwstsync.core.amounts import counted, exact_size_text
from jwstsync.core.goal import goal_of, suddenly_empty
from jwstsync.core.moves import lacking, old_places
from jwstsync.core.orphans import Prune, prune_problem
from jwstsync.core.plan import Action, ActionKind, Plan, decide, paths_to_hash
from jwstsync.core.selection import Selection, described, select
from jwstsync.errors import ArchiveError, DifferencesError, LockfileError, Problem
from jwstsync.settings import Settings, read_settings
from jwstsync.store.answers import Answers
from jwstsync.store.fold import lockfile_name
from jwstsync.store.lockfiles import NO_LOCKFILE, lockfile_digest, read_lockfile
from jwstsync.store.places import known_places
from jwstsync.store.tree import Tree
from jwstsync.sync.feedback import Silence
from jwstsync.sync.garbage import seldom_collected
from jwstsync.sync.gather import WITHOUT_ASKING, gather, gather_keywords, open_archive
from jwstsync.sync.keeping import keep, kept_keywords, kept_listings
from jwstsync.sync.offering import folders, offers_below
from jwstsync.sync.pruning import planned
from jwstsync.sync.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jwstsync.archive import Archive
    from jwstsync.core.caom import KeywordRow
    from jwstsync.core.disk import FileState
    from jwstsync.core.goal import Goal
    from jwstsync.core.keywords import KeywordQuestion
    from jwstsync.core.layout import ProductPath
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
    prune: Prune | None = None,
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
        prune: That files are to be pruned; by default none is.

    Raises:
        JwstsyncError: The archive can not be asked, or a file not be read.
    """
    check_frozen(manifest, mode)
    feedback, settings = feedback or Silence(), settings or read_settings()
    question = Question(manifest, mode, allow_empty, archive, feedback, settings, folders(adopt_from), prune)
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
    prune: Prune | None = None

    def answer(self, tree: Tree, lockfile: Lockfile) -> tuple[Plan, Token]:
        """The plan, and the token, which is looked for only if the plan needs one.

        Raises:
            JwstsyncError: The archive can not be asked, a file not be read, or what was found can be no token.
        """
        with seldom_collected():
            return self._answered(tree, lockfile)

    def _answered(self, tree: Tree, lockfile: Lockfile) -> tuple[Plan, Token]:
        selection = self._selection(lockfile)
        goal = goal_of(selection, lockfile, allow_empty=self.allow_empty)
        disk = tree.observe(goal.paths)
        places = self._old_places(tree, goal, lockfile, disk)
        disk |= tree.observe(path for some in places.values() for path in some)
        unknown = paths_to_hash(goal, lockfile, disk, places)
        if unknown:
            self.feedback.phase(f"hashing {counted(len(unknown), 'file')}")
            disk = tree.hashed(disk, unknown, self.feedback.hashed)
        token = Token(self.manifest, self.settings, self._whoami, self.feedback)
        mode = self.manifest.archive.exclusive_access
        on_update = self.manifest.destination.on_update
        found = decide(goal, lockfile, disk, Access(mode, token=True), on_update, places)
        offers = offers_below(self.adopt_from, found, tree.root, self.feedback)
        found = with_offers(found, offers)
        if found.needs_token and token.find() is None:
            without = with_offers(decide(goal, lockfile, disk, Access(mode), on_update, places), offers)
            found = replace(without, token_problem=token.problem)
        if self.prune is not None:
            name = lockfile_name(tree, Path(self.manifest.lockfile))
            found = planned(found, lockfile, tree, name, self.feedback, allow_empty=self.allow_empty)
        return replace(found, access_problem=_access_problem(found, mode, token)), token

    def _old_places(
        self, tree: Tree, goal: Goal, lockfile: Lockfile, disk: Mapping[ProductPath, FileState]
    ) -> dict[str, tuple[ProductPath, ...]]:
        """Where else locked bytes may stand that are not where they are wanted."""
        short = lacking(goal, lockfile, disk)
        known = known_places(tree, lockfile_name(tree, Path(self.manifest.lockfile)), short) if short else {}
        return old_places(goal, lockfile, short, known)

    def _whoami(self, token: str) -> Identity:
        if self.mode is Mode.OFFLINE:
            return Identity(anonymous=False)  # there is nobody to ask; whoever goes online has it checked
        self.feedback.phase(f"asking {self.manifest.archive.url} about the token")
        return self._asked().whoami(token)

    def refusal(self, uri: str, token: str) -> str | None:
        """In which words the archive refuses a product to the owner of a token; None where it does not."""
        return self._asked().refusal(uri, token)

    def _asked(self) -> Archive:
        return self.archive or open_archive(self.manifest.archive.url, self.manifest.archive.timeout)

    def _selection(self, lockfile: Lockfile) -> Selection | None:
        """What is selected, by fresh answers or kept ones; None where there are none, or none are wanted.

        Raises:
            ArchiveError: A proposal could not be asked, and the lockfile must not change.
        """
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
            disbelieved = suddenly_empty(selection, lockfile, allow_empty=self.allow_empty)
            keep(self.keeps, self.manifest, [one for one in listings if one.proposal not in disbelieved], answers)
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
        """The selection with what the keyword services say of it.

        Raises:
            ArchiveError: One did not answer, and checksums are required.
        """
        checksums = self.manifest.archive.checksums
        if failed and checksums == "require":
            needed = f'archive.checksums = "require": expected an answer; {WITHOUT_ASKING}'
            raise ArchiveError("\n".join([*failed.values(), needed]))
        selection = described(selection, answers, failed, checksums=checksums != "ignore")
        for warning in selection.warnings:
            self.feedback.warn(warning)
        return selection


def _access_problem(plan: Plan, exclusive_access: str, token: Token) -> str | None:
    """Why a run fetches nothing, or not all that it should, where the manifest wants exclusive products."""
    withheld = plan.of(ActionKind.WITHHOLD)
    if withheld and exclusive_access == "error":
        return f"exclusive access: {named(withheld)} can not be had; expected a token with the right"
    if withheld and exclusive_access == "fetch" and not token.problem:
        return f"{len(withheld)} exclusive products need a token; {token.expected}"
    return None


def limit_problem(plan: Plan, manifest: Manifest, prune: Prune | None = None) -> str | None:
    """Which limit a plan breaks, with the figures, or None.

    Args:
        plan: What would happen.
        manifest: What may be fetched, and how much of the disk be taken.
        prune: How many files may be pruned.

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
    return prune_problem(plan, prune or Prune())


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
    differences = []
    if changes := plan.changes_lockfile:
        differences.append(f"--locked: the lockfile would change: {named(changes)}; expected it to be up to date")
    if remade := [one for one in plan.of(ActionKind.WITHHOLD) if one.remade]:
        differences.append(f"--locked: made anew in the archive, and under exclusive access: {named(remade)}")
    if differences:
        raise DifferencesError("\n".join(differences))


def disbelief(plan: Plan) -> str:
    """What is said of proposals that had products and now list none."""
    ids = ", ".join(str(proposal) for proposal in sorted(plan.goal.disbelieved))
    return f"proposal {ids}: had products, and now lists none; what is locked stays (--allow-empty believes it)"


def named(actions: Sequence[Action]) -> str:
    """A few products by action and file name, and how many more there are."""
    names = [f"{action.kind.value} {action.path.rpartition('/')[2]}" for action in actions[:_NAMED]]
    more = len(actions) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
