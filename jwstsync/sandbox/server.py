"""The sandbox as a context manager: a server on the loopback interface, in a thread of its own.

Nothing it serves leaves the machine, and nothing is left of it when the context ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import web

from jwstsync.sandbox.content import pieces
from jwstsync.sandbox.holdings import Holdings
from jwstsync.sandbox.proposals import built_in
from jwstsync.sandbox.routes import Routes
from jwstsync.sandbox.services import DEFAULT_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from jwstsync.sandbox.catalogue import Catalogue
    from jwstsync.sandbox.routes import Fault, Received

_Stop: TypeAlias = "Callable[[], object]"
_HOST = "127.0.0.1"
_GRACE = 0.1  # seconds for answers under way when the sandbox stops
_TURNS = 8  # of the loop, which needs half of them


class Sandbox:
    """A small stand-in for MAST, served while the context lasts.

    Args:
        catalogue: What it holds; by default proposals 2733 and 5398.
        port: Where it listens on 127.0.0.1; 0 for a free port.
        full_size: Products of the default catalogue are as large as in the archive, not a 64th.
        polls: How often a query answers that it is still executing before it is complete.
        page_cap: No page of an answer has more rows than this.

    Attributes:
        url: Where it is reached, such as ``http://127.0.0.1:41234``; empty before it is entered.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue | None = None,
        port: int = 0,
        full_size: bool = False,
        polls: int = 0,
        page_cap: int = DEFAULT_PAGE_SIZE,
    ) -> None:
        self.url = ""
        self._port = port
        self._holdings = Holdings(built_in(full_size=full_size) if catalogue is None else catalogue)
        self._routes = Routes(self._holdings, polls=polls, page_cap=page_cap)
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        listener = socket.create_server((_HOST, self._port))
        started: Future[_Stop] = Future()
        serving = _serving(self._routes.application(), listener, started)
        thread = threading.Thread(target=asyncio.run, args=(serving,), name="sandbox", daemon=True)
        thread.start()
        self._closing.callback(thread.join)
        self._closing.callback(started.result())
        self.url = f"http://{_HOST}:{listener.getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def requests(self) -> list[Received]:
        """All that was asked so far, in order."""
        return list(self._routes.received)

    @property
    def fault(self) -> Fault | None:
        """Called with each request before it is answered; a response that it returns is sent in place of the answer."""
        return self._routes.fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._routes.fault = fault

    def content(self, filename: str) -> bytes:
        """The bytes of a product, as they are served now.

        Raises:
            KeyError: There is no such product, or it was removed.
        """
        return b"".join(pieces(self._holdings.making(filename)))

    def remake(
        self,
        filename: str,
        *,
        cal_ver: str | None = None,
        crds_ctx: str | None = None,
        same_size: bool = True,
    ) -> None:
        """Make a product anew: other bytes under the same name, and listing and keywords with them.

        Args:
            filename: The product's file name.
            cal_ver: Its pipeline version from now on; by default that of the next known making, else the last
                number is raised by one.
            crds_ctx: Its reference context, likewise.
            same_size: Keep its size; else it grows by 2,880 bytes.

        Raises:
            KeyError: There is no such product, or it was removed.
        """
        self._holdings.remake(filename, cal_ver=cal_ver, crds_ctx=crds_ctx, same_size=same_size)

    def remove(self, filename: str) -> None:
        """Take a product out of the listings and the keywords; its download is 404 from now on.

        Raises:
            KeyError: There is no such product, or it was removed before.
        """
        self._holdings.remove(filename)

    def rewind(self) -> None:
        """Go back to the first known making of every product, removed ones included.

        In the default catalogue 12 products of proposal 5398 have an earlier making than the last.
        """
        self._holdings.rewind()

    def catch_up(self) -> list[str]:
        """Come to the last known making of every product; the names of those that were behind it."""
        return [making.filename for making in self._holdings.catch_up()]


async def _serving(application: web.Application, listener: socket.socket, started: Future[_Stop]) -> None:
    """Serve until told to stop, by calling what ``started`` is given."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    started.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await stopped.wait()
    loop.remove_reader(listener)  # asyncio loses what it has just accepted if the listener is closed at once
    await _settle()
    assert runner.server is not None  # noqa: S101 - it was set up
    transports = [one.transport for one in runner.server.connections]  # of all, since nobody is let in any more
    await runner.cleanup()
    for transport in transports:
        if transport is not None:
            transport.abort()  # there may be more to send than the client takes
    await _settle()


async def _settle() -> None:
    """Let what was accepted become a connection, and what is closed be gone; each takes a few turns of the loop."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def serve(*, port: int, full_size: bool, announce: Callable[[str], object]) -> None:
    """Serve in the foreground until Ctrl-C.

    Args:
        port: Where to listen on 127.0.0.1; 0 for a free port.
        full_size: Products as large as in the archive.
        announce: Told the URL once the sandbox listens.

    Raises:
        OSError: The port is taken.
    """
    with contextlib.suppress(KeyboardInterrupt), Sandbox(port=port, full_size=full_size) as sandbox:
        announce(sandbox.url)
        threading.Event().wait()
