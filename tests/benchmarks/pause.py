"""Answers every request 50 ms late, with nothing: what nginx waits for before each of its own answers on a slow line.

A program of its own, ``python -m tests.benchmarks.pause SOCKET``, so that nothing else that runs makes it later. It
says ``ready`` once it listens.
"""

from __future__ import annotations

import asyncio
import sys

PAUSE = 0.050  # seconds
_HEAD_END = b"\r\n\r\n"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class _Late(asyncio.Protocol):
    """One connection of nginx, which sends its next request after the answer to the last."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(_HEAD_END):
            self._head = b""
            asyncio.get_running_loop().call_later(PAUSE, self._transport.write, _ANSWER)


async def _serve(socket: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(_Late, socket)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
