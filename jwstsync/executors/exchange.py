"""One request and its answer: the bytes of a span, as they come, on their way to the part.

How a server is asked is `connection`'s business, what its status or a header means is said in `answers`; when to ask
again, and what for, is the engine's.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from jwstsync.executors.answers import SetbackError, check_answer
from jwstsync.executors.inflow import Inflow
from jwstsync.executors.pacing import Host, Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from jwstsync.executors.account import Account
    from jwstsync.executors.connection import Connection
    from jwstsync.executors.pacing import Timing
    from jwstsync.executors.response import Response
    from jwstsync.executors.server import Server
    from jwstsync.executors.transfer import Span, Transfer


class AbandonedError(Exception):
    """The bytes of this span are no longer wanted."""


class Exchange:
    """Asks a server for spans, for any thread.

    Args:
        server: Which one.
        timing: What is known of time.
        stopped: Set when nobody waits any more.
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
        stopped: Event,
        account: Account,
        *,
        began: Callable[[], None],
        wrote: Callable[[Transfer], None],
    ) -> None:
        self.host = Host(timing, server.limit_rate, stopped)
        self._server = server
        self._timing = timing
        self._stopped = stopped
        self._account = account
        self._began = began
        self._wrote = wrote

    def stream(self, connection: Connection, transfer: Transfer, span: Span) -> None:
        """Has the bytes of a span come and be written.

        Raises:
            AbandonedError: They are no longer wanted.
            RefusalError: They are not to be had.
            SetbackError: They may be had later.
            OSError: They can not be written.
        """
        self.host.rested()
        address, headers = self._server.address(transfer.fetch.uri), _range_headers(transfer, span)
        with closing(connection.get(address, headers)) as response:
            if not transfer.wants(span):
                raise AbandonedError
            version = check_answer(response, transfer, span)
            if version is not None:
                self._account.start_over(transfer, span, version)
            self._account.begin(transfer, anew=version is not None)
            if transfer.version.ranges:
                self._began()
            self._read(response, transfer, span, connection.memory)

    def _read(self, response: Response, transfer: Transfer, span: Span, memory: memoryview) -> None:
        inflow = Inflow(transfer, span, self._timing.clock, memory)
        try:
            self._take(response, transfer, span, inflow)
        except BaseException:
            with suppress(OSError):  # what has come may be of use to the next try
                inflow.write()
            raise
        inflow.write()
        if not transfer.wants(span):
            raise AbandonedError

    def _take(self, response: Response, transfer: Transfer, span: Span, inflow: Inflow) -> None:
        limit = self._server.limit_rate
        pace = Pace(self._timing, None if limit is None else limit / self._server.connections)
        while not span.come and (count := response.read_into(inflow.room)):
            if not transfer.wants(span):
                raise AbandonedError
            is_last = inflow.take(count)
            self._account.update(transfer)
            self.host.took(count)
            if is_last:
                break
            pace.check(count)
            if inflow.due:
                inflow.write()
                self._wrote(transfer)
        if span.end is None:
            if self._stopped.is_set():  # the connection was ended here, and perhaps not the body
                raise AbandonedError
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
