"""Adopting: files that are in place are hashed and recorded, files elsewhere brought in; nothing is downloaded.

What may be adopted is decided before. Here the bytes are looked at, and get their names by the store's one order of
steps. A file elsewhere is never written to; where it is to be moved, it goes once its bytes last in their new place.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jwstsync.core.adoption import Offered, objection
from jwstsync.core.offers import Left
from jwstsync.executors import disk_cause
from jwstsync.store.commit import landing_in_place, landing_of_part
from jwstsync.store.formats import format_problem
from jwstsync.store.origins import Origins
from jwstsync.store.record import ADOPTED, WRITTEN
from jwstsync.store.sources import Brought, SourceError, Way, bring, check_unchanged
from jwstsync.sync.fetching import size_questions
from jwstsync.sync.report import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.offers import Offer
    from jwstsync.core.plan import Action
    from jwstsync.executors.sizes import SizeQuestions
    from jwstsync.store.commit import Committer, Landing
    from jwstsync.store.hashing import Digest
    from jwstsync.store.parts import Parts
    from jwstsync.store.tree import Tree
    from jwstsync.sync.feedback import Feedback
    from jwstsync.sync.token import Token

_WAYS = (Way.REFLINK, Way.LINK)
_WAYS_OF_A_MOVE = (Way.LINK, Way.REFLINK)
"""The source's name goes: one file is left, and no bytes were written."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a run adopts.

    Attributes:
        manifest: Whose archive is asked for sizes, and whether its checksums count.
        token: What is shown to it.
        move: Whether a file elsewhere goes once its bytes are in place.
        stays: Paths below the root that stay all the same, because they are somebody's products.
    """

    manifest: Manifest
    token: Token
    move: bool = False
    stays: Collection[str] = ()


class Adopting:
    """The adoptions of one run.

    Args:
        tree: Where the products belong.
        parts: Where bytes lie until they are verified.
        committer: What gives them their names.
        terms: On what terms.
        feedback: Who is told how it goes on.

    Attributes:
        left: The files elsewhere that had a product's name and stay where they are.
    """

    def __init__(self, tree: Tree, parts: Parts, committer: Committer, terms: Terms, feedback: Feedback) -> None:
        self.left: list[Left] = []
        self._tree = tree
        self._parts = parts
        self._committer = committer
        self._terms = terms
        self._feedback = feedback
        self._origins = Origins(tree, committer.lockfile_name)
        self._questions: SizeQuestions | None = None
        self._stopping = False

    def stop(self) -> None:
        """Ends it soon; what is not done is deferred. May be called from a signal handler, or another thread."""
        self._stopping = True
        if self._questions is not None:
            self._questions.stop()

    def run(self, actions: Sequence[Action]) -> Iterator[tuple[Action, Result | None]]:
        """What became of each adoption; None where its bytes are not right, and the product has to be had elsewise."""
        if not actions:
            return
        self._feedback.phase(f"adopting {len(actions)} files")
        served = self._served(actions)
        for action in actions:
            yield action, self._adopted(action, served.get(action.uri))

    def _served(self, actions: Sequence[Action]) -> Mapping[str, int]:
        """How many bytes the archive would serve of what nothing else tells anything of."""
        unknown = [action for action in actions if self._is_unknown(action)]
        if not unknown or self._is_stopping():
            return {}
        self._feedback.phase(f"asking for {len(unknown)} sizes")
        self._questions = size_questions(self._terms.manifest, self._token_for(unknown))
        if self._is_stopping():  # before there was anybody to stop
            self._questions.stop()
        return self._questions.ask(action.uri for action in unknown)

    def _is_unknown(self, action: Action) -> bool:
        fetch = action.fetch
        return fetch.size is None and (fetch.md5 is None or not self._use_checksums)

    def _token_for(self, actions: Sequence[Action]) -> str | None:
        """The token, looked for if something needs it that the user wants from the archive."""
        token, access = self._terms.token, self._terms.manifest.archive.exclusive_access
        needed = access != "skip" and any(action.wanted and not action.wanted.public for action in actions)
        if needed:
            return token.find_late()
        return token.find() if token.sought else None

    @property
    def _use_checksums(self) -> bool:
        return self._terms.manifest.archive.checksums != "ignore"

    def _adopted(self, action: Action, served: int | None) -> Result | None:
        if self._stopping:
            return _deferred(action)
        if not isinstance(action, Offered):
            return self._in_place(action, served)
        results = (self._brought(action, offer, served) for offer in action.offers)
        return next((result for result in results if result is not None), None)

    def _in_place(self, action: Action, served: int | None) -> Result | None:
        place = self._tree.place(action.path)
        digest = self._tree.digest(action.path, self._is_stopping)
        if self._stopping:
            return _deferred(action)
        try:
            if digest is None or self._objection(action, place, digest, served) is not None:
                return None
        except OSError:  # gone meanwhile, say
            return None
        self._feedback.hashed(digest.size)

        def landing() -> Landing:
            found = landing_in_place(place, _locked(action, digest), digest)
            return replace(found, origin=self._origins.of(action.path, digest.sha256, found.mtime_ns))

        return self._recorded(action, landing)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _objection(self, action: Action, file: Path, digest: Digest, served: int | None) -> str | None:
        wrong = objection(
            action.fetch,
            size=digest.size,
            sha256=digest.sha256,
            md5=digest.md5,
            served=served,
            use_checksums=self._use_checksums,
        )
        return wrong or format_problem(file, action.path.rpartition("/")[2])

    def _brought(self, action: Offered, offer: Offer, served: int | None) -> Result | None:
        part = self._parts.place_for(action.uri)
        try:
            brought = bring(Path(offer.path), part, self._ways(action, offer), self._is_stopping)
            if self._stopping:
                return _deferred(action)
            self._feedback.hashed(brought.digest.size)
            wrong = self._objection(action, part, brought.digest, served)
            if wrong is None:
                return self._landed(action, offer, brought)
            self._leave(action, offer, wrong)
        except SourceError as error:
            self._leave(action, offer, str(error))
        except OSError as error:
            return _failed(action, error, "not brought in")
        finally:
            with suppress(OSError):  # it is no product, and swept some time
                part.unlink(missing_ok=True)
        return None

    def _ways(self, action: Action, offer: Offer) -> Sequence[Way]:
        """How bytes may come in.

        A second name has the source's own time. Where a file with this very size and time stands in the place already,
        nothing could tell after a crash which of the two it is, and the bytes get a time of their own.
        """
        ways = _WAYS_OF_A_MOVE if self._terms.move else _WAYS
        try:
            there, source = self._tree.place(action.path).stat(), Path(offer.path).stat()
        except OSError:
            return ways
        alike = (there.st_size, there.st_mtime_ns) == (source.st_size, source.st_mtime_ns)
        return [way for way in ways if way is not Way.LINK] if alike else ways

    def _landed(self, action: Offered, offer: Offer, brought: Brought) -> Result:
        goes = self._terms.move and offer.inside not in self._terms.stays

        def landing() -> Landing:
            part, digest, origin = brought.part, brought.digest, ADOPTED if goes else WRITTEN
            locked, aside = _locked(action, digest), action.fetch.aside
            with part.open("rb") as file:
                made = landing_of_part(part, file.fileno(), locked, digest, aside=aside, origin=origin)
                if brought.way is Way.LINK:
                    check_unchanged(brought.source, os.fstat(file.fileno()))
            return made

        result = self._recorded(action, landing, offer.path, brought.way)
        if goes and result.outcome == "done":
            self._remove(action, offer, brought)
        return result

    def _remove(self, action: Action, offer: Offer, brought: Brought) -> None:
        """Takes the source's name away, if it is still the one whose bytes are in place now."""
        source = Path(offer.path)
        try:
            check_unchanged(brought.source, source.stat())
            source.unlink()
        except (SourceError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self._leave(action, offer, f"brought in, and not removed: {why}")

    def _recorded(
        self, action: Action, landing: Callable[[], Landing], source: str | None = None, way: Way | None = None
    ) -> Result:
        try:
            [error] = self._committer.commit([landing()])
        except OSError as refused:
            error = refused
        if error is not None:
            return _failed(action, error, "not recorded")
        return Result(action, "done", source=source, way=way)

    def _leave(self, action: Action, offer: Offer, why: str) -> None:
        self.left.append(Left(action.uri, offer.path, why))


def _failed(action: Action, error: OSError, what: str) -> Result:
    return Result(action, "failed", f"{what}: {error.strerror or error}", disk_cause(error))


def _locked(action: Action, digest: Digest) -> LockedProduct:
    return action.fetch.locks(size=digest.size, sha256=digest.sha256, md5=digest.md5)


def _deferred(action: Action) -> Result:
    return Result(action, "deferred", "stopped before it was hashed")
