"""Commits landings of many transfers in groups: whatever is ready when the disk is free goes in one synced step."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from jwstsync.store.commit import Committer, Landing

_T = TypeVar("_T")


class GroupCommit:
    """The queue before a committer, for the transfers of one event loop.

    Args:
        committer: What gives the landings their names, one group at a time, in a thread.
    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._ready: asyncio.Queue[tuple[Landing, asyncio.Future[Exception | None]]] = asyncio.Queue()

    async def commit(self, landing: Landing) -> OSError | None:
        """Waits until the landing has its name, and tells what stood against it."""
        done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._ready.put_nowait((landing, done))
        error = await done
        if error is None or isinstance(error, OSError):
            return error
        raise error

    async def run(self) -> None:
        """Commits until it is cancelled."""
        while True:
            group = [await self._ready.get()]
            while not self._ready.empty():
                group.append(self._ready.get_nowait())
            results = await self._results([landing for landing, _ in group])
            for (_, done), result in zip(group, results, strict=True):
                done.set_result(result)

    async def _results(self, landings: list[Landing]) -> Sequence[Exception | None]:
        try:
            results = await asyncio.to_thread(self._committer.commit, landings)
            return [result for _, result in zip(landings, results, strict=True)]
        except Exception as error:  # noqa: BLE001 - the journal, or a bug: either way somebody waits to hear of it
            return [error] * len(landings)


async def finished(work: Awaitable[_T]) -> _T:
    """What comes of work that is not to be left half-done: whoever is cancelled meanwhile waits for it."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    return task.result()
