"""A server on loopback that gives each product the answers a test wants, down to the bytes on the wire.

It speaks just as much HTTP/1.1 as downloads need, and so can break every rule of it. What an archive would answer is
the sandbox's business.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for what should happen at once."""

Answer: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]
_RESET = struct.pack("ii", 1, 0)  # on, and no time to linger: a closed socket resets its connection


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its target as it was sent, and its headers by lower-case name."""

    target: str
    headers: Mapping[str, str]

    @property
    def name(self) -> str:
        """The file name of the product that is asked for."""
        return unquote_plus(self.target).rpartition("/")[2]


_asked: ContextVar[Asked] = ContextVar("asked")
"""The request that an answer is for."""
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Gate:
    """Where answers wait until a test lets them go; made by `FaultServer.gate`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open = asyncio.Event()
        self._reached = threading.Event()

    def open(self) -> None:
        """Lets everything through from now on."""
        self._loop.call_soon_threadsafe(self._open.set)

    def wait_for_arrival(self) -> None:
        """Returns once an answer stands at the gate."""
        assert self._reached.wait(PATIENCE)

    async def passed(self) -> None:
        """What an answer does here."""
        self._reached.set()
        await self._open.wait()


class FaultServer:
    """The server, at work while its context lasts.

    Args:
        tls: What it shows its clients, where it is to be asked over https.

    Attributes:
        requests: What was asked, in order.
        busiest: The most requests that were under way at once.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Asked] = []
        self._tls = tls
        self.busiest = 0
        self._under_way = 0
        self._answers: defaultdict[str, list[Answer]] = defaultdict(list)
        self._conversations: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="fault server")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is, as an archive's address."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def answer(self, name: str, *answers: Answer) -> None:
        """Has requests for a product answered one after the other so, and all later ones like the last."""
        self._answers[name] = list(answers)

    def asked_for(self, name: str) -> list[Asked]:
        """The requests for one product."""
        return [asked for asked in self.requests if asked.name == name]

    def gate(self) -> Gate:
        """A new gate, closed."""
        return Gate(self._loop)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        self._conversations.add(conversation)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                await self._answered(await reader.readuntil(b"\r\n\r\n"), writer)
        writer.close()
        self._conversations.discard(conversation)

    async def _answered(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        asked = Asked(first.split(" ")[1], headers)
        self.requests.append(asked)
        self._under_way += 1
        self.busiest = max(self.busiest, self._under_way)
        _asked.set(asked)
        try:
            await self._next_answer(asked.name)(writer)
            await writer.drain()
        finally:
            self._under_way -= 1

    def _next_answer(self, name: str) -> Answer:
        answers = self._answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _head(status: str = "200 OK", **headers: str | int) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def whole(content: bytes, status: str = "200 OK", **headers: str | int) -> Answer:
    """An answer by the book; further headers with ``_`` for ``-``."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(status, content_length=len(content), **headers) + content)

    return answer


def redirect(url: str) -> Answer:
    """An answer that sends the client elsewhere."""
    return whole(b"", "302 Found", location=url)


def chunked(content: bytes, *, whole: bool = True) -> Answer:
    """A body whose length nobody states; without its end where it is not ``whole``."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(transfer_encoding="chunked") + f"{len(content):x}\r\n".encode() + content + b"\r\n")
        writer.write(b"0\r\n\r\n" if whole else b"")
        if not whole:
            writer.close()

    return answer


def until_closed(content: bytes) -> Answer:
    """A body that lasts until the connection is closed, as it is for files made on the fly."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(connection="close") + content)
        writer.close()

    return answer


def cut_off(content: bytes, missing: int) -> Answer:
    """A body that ends before its stated length, with the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(content_length=len(content) + missing) + content)
        writer.close()

    return answer


def reset(content: bytes, missing: int) -> Answer:
    """A connection that breaks in the body, as when a server dies."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(content_length=len(content) + missing) + content)
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()

    return answer


def held(content: bytes, gate: Gate, begins_with: int = 0) -> Answer:
    """A body of which so many bytes come, and the rest once the gate is open."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(content_length=len(content)) + content[:begins_with])
        await writer.drain()
        await gate.passed()
        writer.write(content[begins_with:])

    return answer


def stalled(content: bytes, missing: int) -> Answer:
    """A body that stops in the middle and never goes on."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(content_length=len(content) + missing) + content)
        await writer.drain()
        await asyncio.Event().wait()

    return answer


def together(content: bytes, barrier: asyncio.Barrier) -> Answer:
    """A body that comes once as many are asked for at once as the barrier has parties."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await barrier.wait()
        for _ in range(20):  # whoever else is under way gets here too
            await asyncio.sleep(0)
        await whole(content)(writer)

    return answer


def raw(data: bytes) -> Answer:
    """Any bytes in place of an answer, and the end of the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    return answer


def ranged(content: bytes, etag: str | None = '"v1"', *, sends: int | None = None, gate: Gate | None = None) -> Answer:
    """An answer of a server that knows ranges; at most ``sends`` bytes come, or come before the gate opens."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        headers = _asked.get().headers
        wanted = _RANGE.fullmatch(headers.get("range", ""))
        facts = {"accept_ranges": "bytes"} | ({"etag": etag} if etag else {})
        start, end, status = 0, len(content), "200 OK"
        if wanted and headers.get("if-range", etag) == etag:
            start, end = int(wanted[1]), int(wanted[2] or len(content) - 1) + 1
            status = "206 Partial Content"
            facts["content_range"] = f"bytes {start}-{end - 1}/{len(content)}"
        body = content[start:end]
        writer.write(_head(status, content_length=len(body), **facts) + body[:sends])
        await writer.drain()
        if gate is not None and sends is not None:
            await gate.passed()
            writer.write(body[sends:])
        elif sends is not None and sends < len(body):
            writer.close()

    return answer


def dripping() -> Answer:
    """A body that goes on and on, a byte at a time."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(content_length=1 << 30))
        while not writer.is_closing():
            writer.write(b"S")
            await writer.drain()
            await asyncio.sleep(0)

    return answer
