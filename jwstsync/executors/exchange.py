"""One request and its answer: the bytes of a span, as they come, on their way to the part.

What a status or a header means is said in `answers`; when to ask again, and what for, is the engine's business.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp

from jwstsync.executors import Cause
from jwstsync.executors.answers import SetbackError, check_answer
from jwstsync.executors.group_commit import finished
from jwstsync.executors.inflow import Inflow
from jwstsync.executors.pacing import Host, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwstsync.executors.account import Account
    from jwstsync.executors.pacing import Timing
    from jwstsync.executors.server import Server
    from jwstsync.executors.transfer import Span, Transfer

TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class AbandonedError(Exception):
    """The bytes of this span are no longer wanted."""


class Exchange:
    """Asks a server for spans.

    Args:
        server: Which one.
        timing: What is known of time.
        account: Who is told of the bytes.
        began: Called when a body begins that idle connections may share.
        wrote: Called now and then while a long body is written.

    Attributes:
        host: How long the server wants to be left alone.
    """

    def __init__(
        self,
        server: Server,
        timing: Timing,
        account: Account,
        *,
        began: Callable[[], None],
        wrote: Callable[[Transfer], None],
    ) -> None:
        self.host = Host(timing, server.limit_rate)
        self._server = server
        self._timing = timing
        self._account = account
        self._began = began
        self._wrote = wrote

    async def stream(self, session: aiohttp.ClientSession, transfer: Transfer, span: Span) -> list[bytes]:
        """Has the bytes of a span come and be written, and gives the last of them, which are still to be written.

        Raises:
            AbandonedError: They are no longer wanted.
            RefusalError: They are not to be had.
            SetbackError: They may be had later.
            OSError: They can not be written.
        """
        await self.host.rested()
        try:
            address, headers = self._server.address(transfer.fetch.uri), _range_headers(transfer, span)
            async with session.get(address, headers=headers) as response:
                if not transfer.wants(span):
                    raise AbandonedError
                version = await check_answer(response, transfer, span)
                if version is not None:
                    self._account.start_over(transfer, span, version)
                self._account.begin(transfer, anew=version is not None)
                if transfer.version.ranges:
                    self._began()
                return await self._read(response, transfer, span)
        except aiohttp.ConnectionTimeoutError as error:
            raise SetbackError("not connected: nobody answered in time", cause=Cause.HOST) from error
        except TimeoutError as error:
            raise SetbackError(f"no byte came for {self._server.silence:g} s", cause=Cause.HOST) from error
        except aiohttp.ClientConnectorError as error:
            if error.errno in TOO_MANY_FILES:
                raise OSError(error.errno, error.strerror) from error
            raise SetbackError(f"not connected: {_text(error)}", cause=Cause.HOST) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise SetbackError(f"the connection broke: {_text(error)}") from error

    async def _read(self, response: aiohttp.ClientResponse, transfer: Transfer, span: Span) -> list[bytes]:
        inflow = Inflow(transfer, span, self._timing.clock)
        try:
            await self._take(response, transfer, span, inflow)
            await inflow.settle()
        except BaseException:
            with suppress(OSError):  # what has come may be of use to the next try
                await finished(inflow.drain())
            raise
        if not transfer.wants(span):
            raise AbandonedError
        return inflow.rest()

    async def _take(self, response: aiohttp.ClientResponse, transfer: Transfer, span: Span, inflow: Inflow) -> None:
        limit = self._server.limit_rate
        pace = Pace(self._timing, None if limit is None else limit / self._server.connections)
        async for chunk in response.content.iter_any():
            if not transfer.wants(span):
                raise AbandonedError
            fits = inflow.take(chunk)
            self._account.update(transfer)
            if not fits or (span.come and response.content.total_bytes < (response.content_length or 0)):
                return  # the rest of the body is another connection's now
            pace.check(len(chunk))
            await self.host.took(len(chunk))
            if inflow.due and not span.come:
                await inflow.write()
                self._wrote(transfer)
        if span.end is None:
            transfer.learn(span, span.position + span.ahead)
            transfer.length_was_told = False  # the body may have ended early
        if not span.come:
            raise SetbackError(f"the body ended {span.left} bytes early")


def _range_headers(transfer: Transfer, span: Span) -> dict[str, str]:
    length, etag = transfer.version.length, transfer.version.etag
    if not span.position and span.end == length:
        return {}
    last = "" if span.end is None else str(span.end - 1)
    condition = {"If-Range": etag} if etag else {}
    return {"Range": f"bytes={span.position}-{last}"} | condition


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
