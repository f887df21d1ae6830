"""A made-up archive, an executor that puts its true bytes into place, and a folder that is kept in step with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jwstsync.archive.auth import Identity
from jwstsync.core.caom import KeywordRow, Observation, ProductRow, keyword_service
from jwstsync.errors import ArchiveError
from jwstsync.executors import Cause, Deferred, Done, Failed, Outcome
from jwstsync.settings import Settings
from jwstsync.store.commit import landing_of_part
from jwstsync.store.hashing import hash_file
from jwstsync.store.lockfiles import read_lockfile
from jwstsync.sync import planning, run, verifying
from jwstsync.sync.feedback import Silence
from jwstsync.sync.gather import load_manifest
from jwstsync.sync.planning import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from jwstsync.core.checksums import Trust
    from jwstsync.core.events import QueryState
    from jwstsync.core.fetch import Fetch
    from jwstsync.core.lockfile import Lockfile
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.plan import Plan
    from jwstsync.executors import Executor, Watch
    from jwstsync.store.commit import Committer
    from jwstsync.store.parts import Parts
    from jwstsync.sync.report import Report

RIGHT = "a-token-with-every-right"
EVERYTHING = """\
version = 1
[archive]
url = "http://127.0.0.1:9"
[destination]
root = "data"
[[proposal]]
id = [1, 2]
include = [{}]
"""
A, B, C = "a_cal.fits", "b_cal.fits", "c_cal.fits"


def fits(words: str, blocks: int = 1) -> bytes:
    """The bytes of a FITS file as far as its form goes."""
    return f"SIMPLE  = {words}".ljust(2880 * blocks).encode()


@dataclass(frozen=True, slots=True)
class Product:
    """What the made-up archive has under one file name."""

    name: str
    content: bytes
    proposal: int = 1
    cal_ver: str = "1.16.1"
    public: bool = True
    states_size: bool = True
    stale: bool = False

    @property
    def uri(self) -> str:
        """Its name in the archive."""
        return f"mast:JWST/product/{self.name}"

    @property
    def group(self) -> int:
        """The observation that lists it: each proposal has a public and an exclusive one."""
        return 10 * self.proposal + (1 if self.public else 2)

    @property
    def keywords(self) -> KeywordRow:
        """What its instrument's keyword service says of it."""
        md5 = hashlib.md5(self.content, usedforsecurity=False).hexdigest()
        return KeywordRow(self.name, len(self.content), md5, 60_000.0, self.cal_ver, "jwst_1413.pmap", stale=self.stale)

    @property
    def row(self) -> ProductRow:
        """How it is listed."""
        return ProductRow(
            data_uri=self.uri,
            filename=self.name,
            group_id=self.group,
            parent_group_id=self.group,
            obs_id=f"jw{self.proposal:05}",
            obs_collection="JWST",
            cal_ver=self.cal_ver,
            proposal_id=str(self.proposal),
            size=len(self.content) if self.states_size else None,
            data_rights="PUBLIC" if self.public else "EXCLUSIVE_ACCESS",
            calib_level=2,
        )


class FakeArchive:
    """An archive, its downloads included.

    Attributes:
        holdings: What it has, by file name.
        down: The proposals that it does not answer for.
        asked: The proposals that it was asked for.
        questions: The keyword services and proposals that it was asked for.
        silent: The keyword services that do not answer.
        sent: The file names of the products that were downloaded, or tried.
        tokens: The token that came with each run of downloads.
        trusts: What was known of its checksums before each run of downloads.
        checked: The tokens whose owners were asked for.
        refused: The tokens that are not good any more.
        knows_nobody: Whether it can not say whose a token is.
        probed: The file names of the products that were asked for just to see whether they can be had.
        troubles: What happens to the download of a product in place of success.
    """

    def __init__(self, *products: Product) -> None:
        self.holdings = {product.name: product for product in products}
        self.down: set[int] = set()
        self.asked: list[int] = []
        self.questions: list[tuple[str, int]] = []
        self.silent: set[str] = set()
        self.sent: list[str] = []
        self.tokens: list[str | None] = []
        self.trusts: list[Trust] = []
        self.checked: list[str] = []
        self.refused: set[str] = set()
        self.knows_nobody = False
        self.probed: list[str] = []
        self.troubles: dict[str, Cause] = {}

    def add(self, *products: Product) -> None:
        """Takes products in, or makes them anew."""
        self.holdings.update({product.name: product for product in products})

    def remake(self, name: str, content: bytes, cal_ver: str = "1.18.0") -> None:
        """Makes a product anew under its old name."""
        self.holdings[name] = replace(self.holdings[name], content=content, cal_ver=cal_ver)

    def observations(self, proposal_id: int) -> list[Observation]:
        """A public and an exclusive observation."""
        self.asked.append(proposal_id)
        if proposal_id in self.down:
            raise ArchiveError(f"proposal {proposal_id}: down for maintenance")
        return [
            Observation(10 * proposal_id + 1, "public", "JWST", calib_level=3),
            Observation(10 * proposal_id + 2, "exclusive", "JWST", calib_level=3, released_at=97_964.0),
        ]

    def products(self, group_ids: Sequence[int]) -> list[ProductRow]:
        """The rows of these observations."""
        return [product.row for product in self.holdings.values() if product.group in group_ids]

    def whoami(self, token: str) -> Identity:
        """Whose a token is."""
        self.checked.append(token)
        if self.knows_nobody:
            raise ArchiveError("whoami: down for maintenance")
        return Identity(anonymous=token in self.refused, name="Somebody")

    def refusal(self, uri: str, token: str) -> str | None:
        """How a product is refused."""
        self.probed.append(uri.rpartition("/")[2])
        product = self.holdings.get(self.probed[-1])
        return "401" if product is not None and not product.public and token != RIGHT else None

    def keywords(self, service: str, proposal_id: int) -> list[KeywordRow]:
        """What a service knows of its instrument's files."""
        self.questions.append((service, proposal_id))
        if service in self.silent:
            raise ArchiveError(f"{service} keywords of proposal {proposal_id}: down for maintenance")
        known = (product for product in self.holdings.values() if product.proposal == proposal_id)
        return [one.keywords for one in known if keyword_service(one.name, None) == service]

    def executor(self, _: Manifest, token: str | None, parts: Parts, committer: Committer, trust: Trust) -> Executor:
        """What downloads from here."""
        self.tokens.append(token)
        self.trusts.append(trust)
        return FakeExecutor(self, token, parts, committer)


class FakeExecutor:
    """Puts the archive's true bytes into place, one product after the other, in the thread of the caller."""

    def __init__(self, archive: FakeArchive, token: str | None, parts: Parts, committer: Committer) -> None:
        self._archive = archive
        self._token = token
        self._parts = parts
        self._committer = committer
        self._stopping = False

    def stop(self) -> None:
        """Defers what is still to come."""
        self._stopping = True

    def run(self, fetches: Sequence[Fetch], watch: Watch) -> Iterator[Outcome]:
        """One outcome for each fetch."""
        for fetch in fetches:
            watch.started(fetch, fetch.size)
            yield Deferred(fetch, "stopped") if self._stopping else self._outcome(fetch, watch)
            watch.ended(fetch)

    def _outcome(self, fetch: Fetch, watch: Watch) -> Outcome:
        product = self._archive.holdings.get(fetch.uri.rpartition("/")[2])
        if product is None:
            return Failed(fetch, Cause.NOT_FOUND, "404")
        self._archive.sent.append(product.name)
        if product.name in self._archive.troubles:
            return Failed(fetch, self._archive.troubles[product.name], "trouble")
        if not product.public and self._token != RIGHT:
            return Failed(fetch, Cause.UNAUTHORIZED, "401")
        watch.received(fetch, len(product.content))
        return self._landed(fetch, product.content)

    def _landed(self, fetch: Fetch, content: bytes) -> Outcome:
        part = self._parts.claim(fetch.uri)
        part.path.write_bytes(content)
        digest = hash_file(part.path)
        if fetch.sha256 not in {None, digest.sha256}:
            self._parts.discard(part)
            return Failed(fetch, Cause.MISMATCH, "bytes differ from those that are locked")
        locked = fetch.locks(size=digest.size, sha256=digest.sha256, md5=digest.md5)
        with part.path.open("rb") as file:
            landing = landing_of_part(part.path, file.fileno(), locked, digest, aside=fetch.aside)
        [error] = self._committer.commit([landing])
        return Done(fetch, locked) if error is None else Failed(fetch, Cause.DISK, str(error))


class Diary(Silence):
    """Feedback that is written down."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.warnings: list[str] = []
        self.hashes: list[int] = []
        self.queries: list[tuple[int, str, int | str | None]] = []
        self.received_bytes = 0

    def phase(self, text: str) -> None:
        """Something begins."""
        self.phases.append(text)

    def warn(self, text: str) -> None:
        """Something the user should know."""
        self.warnings.append(text)

    def query(self, proposal: int, state: QueryState, *, products: int | None = None, error: str | None = None) -> None:
        """A question goes its way."""
        self.queries.append((proposal, state, products if error is None else error))

    def hashed(self, count: int) -> None:
        """A file was hashed."""
        self.hashes.append(count)

    def received(self, fetch: Fetch, count: int) -> None:
        """Bytes came."""
        assert count >= 0, fetch
        self.received_bytes += count


class Place:
    """A folder with a manifest, kept in step with an archive.

    Attributes:
        archive: Whom it is kept in step with.
        settings: What its user's environment says.
        diary: What the user was told.
    """

    def __init__(self, folder: Path, archive: FakeArchive, text: str = EVERYTHING) -> None:
        self.folder = folder
        self.archive = archive
        self.settings = Settings(keyring=False)
        self.diary = Diary()
        self.write(text)

    def write(self, text: str) -> None:
        """Writes the manifest."""
        (self.folder / "jwstsync.toml").write_text(text, encoding="utf-8")

    @property
    def manifest(self) -> Manifest:
        """The manifest as it stands."""
        return load_manifest(self.folder / "jwstsync.toml", Settings())

    @property
    def root(self) -> Path:
        """The folder of the products."""
        return self.folder / "data"

    @property
    def lock(self) -> Path:
        """The lockfile."""
        return self.folder / "jwstsync.lock"

    @property
    def lockfile(self) -> Lockfile:
        """What is locked."""
        return read_lockfile(self.lock)[0]

    @property
    def locked(self) -> set[str]:
        """The file names that are locked."""
        return {uri.rpartition("/")[2] for uri in self.lockfile.products}

    def file(self, name: str, proposal: int = 1) -> Path:
        """Where a product belongs."""
        return self.root / "JWST" / f"jw{proposal:05}" / name

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of all files outside the local state, by name."""
        found = (path for path in self.root.rglob("*") if path.is_file() and ".jwstsync" not in path.parts)
        return {path.name: path.read_bytes() for path in found}

    @property
    def state(self) -> dict[str, tuple[int, int, bytes]]:
        """All that a refused run must leave alone: files and lockfile with their bytes, times and inodes."""
        found = [self.lock, *(path for path in self.root.rglob("*") if ".jwstsync" not in path.parts)]
        files = [(path, path.stat()) for path in found if path.is_file()]
        return {str(path): (stat.st_mtime_ns, stat.st_ino, path.read_bytes()) for path, stat in files}

    @property
    def trash(self) -> list[bytes]:
        """What was put aside."""
        return sorted(path.read_bytes() for path in (self.root / ".jwstsync" / "trash").rglob("*") if path.is_file())

    def plan(self, mode: Mode = Mode.DEFAULT, **choices: Any) -> Plan:  # noqa: ANN401 - passed on
        """What would happen."""
        choices = {"archive": self.archive, "settings": self.settings, "feedback": self.diary, **choices}
        return planning.plan(self.manifest, mode, **choices)

    def verify(self, **choices: Any) -> Plan:  # noqa: ANN401 - passed on
        """What is wrong when everything is hashed."""
        return verifying.verify(self.manifest, feedback=self.diary, **choices).plan

    def open_run(self, mode: Mode = Mode.DEFAULT, **choices: Any) -> AbstractContextManager[run.Run]:  # noqa: ANN401 - as above
        """A run, to be looked at before it ends."""
        return run.open_run(self.manifest, mode, **self._all(choices))

    def apply(self, mode: Mode = Mode.DEFAULT, **choices: Any) -> Report:  # noqa: ANN401 - as above
        """Makes it so."""
        return run.apply(self.manifest, mode, **self._all(choices))

    def _all(self, choices: dict[str, Any]) -> dict[str, Any]:
        return {
            "archive": self.archive,
            "make_executor": self.archive.executor,
            "settings": self.settings,
            "feedback": self.diary,
            **choices,
        }


def told(found: Plan) -> dict[str, str]:
    """What a plan says of each product that it does not keep: action and reason by file name."""
    return {
        action.path.rpartition("/")[2]: f"{action.kind} {action.reason}"
        for action in found.actions
        if action.kind != "keep"
    }


def outcomes(report: Report) -> dict[str, str]:
    """What became of each product, by file name."""
    return {result.action.path.rpartition("/")[2]: result.outcome for result in report.results}


def with_checksum(current: run.Run, name: str, md5: str) -> None:
    """Gives a product of a run's plan the checksum that the archive states."""
    actions = [
        replace(one, wanted=replace(one.wanted, md5=md5)) if one.wanted and one.path.endswith(name) else one
        for one in current.plan.actions
    ]
    current.plan = replace(current.plan, actions=actions)
