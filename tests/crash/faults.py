"""What the archive does to downloads in these tests: holds them, or sends them piece by piece until it is enough."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from typing import TYPE_CHECKING

from aiohttp import web

from tests.crash.desk import DOWNLOAD
from tests.crash.runs import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.sandbox import Sandbox

PIECE = 8 << 10
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Held:
    """Downloads that wait until they are let go; of each body so many bytes come before.

    Args:
        sandbox: The archive, whose bytes come.
        after: How many bytes come at once.
    """

    def __init__(self, sandbox: Sandbox, after: int = 0) -> None:
        self._sandbox = sandbox
        self._after = after
        self._count = 0
        self._arrived = threading.Condition()
        self._open = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Has a download wait."""
        if request.path != DOWNLOAD:
            return None
        self._loop = asyncio.get_running_loop()
        body = Body(self._sandbox, request)
        await body.begin()
        await body.send(self._after)
        with self._arrived:
            self._count += 1
            self._arrived.notify_all()
        await self._open.wait()
        await body.send(body.left)
        return body.response

    def wait_for(self, count: int) -> None:
        """Returns once so many downloads wait, or have waited."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self._count >= count, PATIENCE)

    def let_go(self) -> None:
        """Lets all of them through, those to come as well."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._open.set)


class Countdown:
    """Something happens at the n-th event of a run: a request that comes, or a piece of a body that has gone.

    Args:
        sandbox: The archive, whose bytes come.
        number: Which event.
        happens: What is done then; whoever asked has to wait until it is.
    """

    def __init__(self, sandbox: Sandbox, number: int, happens: Callable[[], None]) -> None:
        self._sandbox = sandbox
        self._left = number
        self._happens = happens

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Sends a download piece by piece."""
        await self._event()
        if request.path != DOWNLOAD:
            return None
        body = Body(self._sandbox, request)
        await body.begin()
        while body.left:
            await body.send(PIECE)
            await self._event()
        return body.response

    async def _event(self) -> None:
        self._left -= 1
        if self._left == 0:
            await asyncio.to_thread(self._happens)


class Body:
    """A download as it is asked for, with a strong entity tag and ranges."""

    def __init__(self, sandbox: Sandbox, request: web.Request) -> None:
        content = sandbox.content(request.query["uri"].rpartition("/")[2])
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
        partial = wanted is not None and request.headers.get("If-Range", etag) == etag
        self._request = request
        self._position = int(wanted[1]) if wanted and partial else 0
        end = int(wanted[2]) + 1 if wanted and partial and wanted[2] else len(content)
        self._content = content[:end]
        headers = {"ETag": etag, "Accept-Ranges": "bytes"}
        if partial:
            headers["Content-Range"] = f"bytes {self._position}-{end - 1}/{len(content)}"
        self.response = web.StreamResponse(status=206 if partial else 200, headers=headers)
        self.response.content_length = self.left

    @property
    def left(self) -> int:
        """The bytes that have not gone yet."""
        return len(self._content) - self._position

    async def begin(self) -> None:
        """Sends the head."""
        await self.response.prepare(self._request)

    async def send(self, count: int) -> None:
        """Sends the next bytes, as far as there are any."""
        piece = self._content[self._position : self._position + count]
        self._position += len(piece)
        await self.response.write(piece)
