"""A download executor with all it needs around it: a server, a root, a journal, and somebody who watches."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import ProductPath
from jwstsync.core.selection import Selected
from jwstsync.executors import Done
from jwstsync.executors.download import DownloadExecutor
from jwstsync.executors.pacing import Timing
from jwstsync.executors.server import Server
from jwstsync.store.commit import Committer
from jwstsync.store.journal import Journal
from jwstsync.store.lockfiles import NO_LOCKFILE
from jwstsync.store.parts import Parts
from jwstsync.store.tree import Tree
from tests.executors.fault_server import FaultServer, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pytest

    from jwstsync.executors import Outcome, Setback
    from tests.executors.fault_server import Answer

AGENT = "jwstsync/0 (test)"
BLOCK = 2880


def fits(seed: str = "", blocks: int = 1) -> bytes:
    """Bytes that have the form of FITS, another kind for every seed."""
    return (f"SIMPLE  = {seed:>20}".encode()).ljust(BLOCK * blocks, b"\x01")


class Counts:
    """A watch that counts, by product name."""

    def __init__(self) -> None:
        self.started_with: list[tuple[str, int | None]] = []
        self.resumed: list[int] = []
        self.setbacks: list[tuple[str, Setback]] = []
        self.bytes: Counter[str] = Counter()
        self.ended_times: Counter[str] = Counter()

    def started(self, fetch: Fetch, size: int | None, resumed: int = 0) -> None:
        """Notes a transfer."""
        self.started_with.append((_name(fetch), size))
        self.resumed.append(resumed)

    def retried(self, fetch: Fetch, setback: Setback) -> None:
        """Notes what went wrong."""
        self.setbacks.append((_name(fetch), setback))

    def received(self, fetch: Fetch, count: int) -> None:
        """Adds bytes."""
        self.bytes[_name(fetch)] += count

    def ended(self, fetch: Fetch) -> None:
        """Counts an end."""
        self.ended_times[_name(fetch)] += 1


def _name(fetch: Fetch) -> str:
    return fetch.path.rpartition("/")[2]


class FakeTime:
    """A clock that goes on only when somebody waits; every pause is as long as it may be.

    Attributes:
        tick: The seconds that go by with each look at the clock.
        slept: The seconds of each pause, in order.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.tick = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """The time."""
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float, _: threading.Event) -> None:
        """Takes no time at all."""
        self.slept.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        """What downloads know of it."""
        return Timing(clock=self.clock, sleep=self.sleep, chance=lambda: 1.0)


class Bench:
    """An empty root, and executors that fill it from a fault server."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.server = server
        self.tree = Tree(folder / "root")
        self.tree.prepare()
        self.journals = self.tree.state_folder / "journal"
        self.trash = self.tree.state_folder / "trash"
        self.committer = Committer(self.tree, Journal(self.journals, NO_LOCKFILE), "../jwstsync.lock", self.trash)
        self.watch = Counts()
        self.time = FakeTime()

    def offer(self, name: str, content: bytes, *answers: Answer, **stated: Any) -> Fetch:  # noqa: ANN401 - many types
        """A product that the server has, and how it answers for it; ``stated`` is what the archive says of it."""
        self.server.answer(name, *(answers or [whole(content)]))
        facts = {"size": len(content), **stated}
        path = ProductPath(f"JWST/obs/{name}")
        return Fetch(Selected(uri=f"mast:JWST/product/{name}", path=path, proposal=2733, **facts))

    def executor(self, committer: Committer | None = None, **settings: Any) -> DownloadExecutor:  # noqa: ANN401 - as above
        """An executor; its settings are those of `Server`."""
        facts = {"url": self.server.url, "agent": AGENT, "connections": 4, "timeout": 30.0, **settings}
        committer = committer or self.committer
        return DownloadExecutor(Server(**facts), Parts(self.tree.parts_folder), committer, self.time.timing)

    def fetched(self, *fetches: Fetch, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - as above
        """What becomes of these fetches, by name; no part may be left behind."""
        outcomes = list(self.executor(**settings).run(fetches, self.watch))
        assert self.parts == []
        return sorted(outcomes, key=lambda outcome: outcome.fetch.path)

    @property
    def parts(self) -> list[Path]:
        """The parts that lie about."""
        return list(self.tree.parts_folder.iterdir())

    @property
    def files(self) -> dict[str, bytes]:
        """What stands in the products' folder."""
        folder = self.tree.root / "JWST" / "obs"
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}

    def put(self, name: str, content: bytes) -> Path:
        """Puts a file in a product's place."""
        place = self.tree.root / "JWST" / "obs" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place


@contextmanager
def bench_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose server is reached without a proxy, and which leaves no download running and no session open."""
    monkeypatch.setenv("NO_PROXY", "*")
    with FaultServer() as server:
        yield Bench(folder, server)
    gc.collect()  # a session that nobody closed warns now
    assert "downloads" not in {thread.name for thread in threading.enumerate()}


def names(outcomes: Iterable[Outcome], kind: type[Outcome] = Done) -> list[str]:
    """The products with an outcome of this kind."""
    return [_name(outcome.fetch) for outcome in outcomes if isinstance(outcome, kind)]
