"""Downloads over HTTP with aiohttp: several at once, hashed while written, verified before they get their names.

Each product is streamed to a part, checked and handed to the store's committer. Which products, and what the lockfile
says of them, is decided elsewhere. The loop runs in a thread of its own, so that the caller just iterates.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from jwstsync.executors import Cause, Deferred, Done, Failed, Outcome
from jwstsync.executors.group_commit import GroupCommit
from jwstsync.store.commit import Landing
from jwstsync.store.formats import format_problem
from jwstsync.store.hashing import Digest, Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jwstsync.core.plan import Fetch
    from jwstsync.executors import Watch
    from jwstsync.store.commit import Committer
    from jwstsync.store.parts import Parts

_READ_BUFFER = 1 << 20
_CONNECT_TIMEOUT = 30.0  # seconds
_LONGEST_STALL = 60.0  # seconds without a byte
_HTTP_OK = 200
_WORDS_SHOWN = 200
_REFUSALS = {401: Cause.UNAUTHORIZED, 403: Cause.FORBIDDEN, 404: Cause.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Server:
    """Where products are downloaded from, and how it is talked to.

    Attributes:
        url: The archive's server; the token goes to no other host.
        agent: How this program names itself.
        connections: How many downloads at once.
        timeout: Seconds of a query; a download without a byte for this long, or for 60 s, has stalled.
        token: The MAST token, if there is one.
        use_checksums: Whether a checksum that the archive states has to fit.
    """

    url: str
    agent: str
    connections: int
    timeout: float
    token: str | None = None
    use_checksums: bool = True

    def address(self, uri: str) -> URL:
        """Where a product is downloaded; ``:`` and ``/`` of its name stay as they are."""
        return URL(f"{self.url}/api/v0.1/Download/file").with_query(uri=uri)


@dataclass(frozen=True, slots=True)
class _Received:
    """A body that came whole: where it is, what it is, and how long the server said it would be."""

    part: Path
    digest: Digest
    content_length: int | None


class _TransferError(Exception):
    """One transfer that did not bring the product."""

    def __init__(self, cause: Cause, error: str) -> None:
        super().__init__(error)
        self.cause = cause


class DownloadExecutor:
    """Carries out fetches by downloading.

    Args:
        server: Where from.
        parts: Where bytes are kept until they are verified.
        committer: What gives them their names.
    """

    def __init__(self, server: Server, parts: Parts, committer: Committer) -> None:
        self._server = server
        self._parts = parts
        self._committer = committer
        self._stopping = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._commits = GroupCommit(committer)

    def stop(self) -> None:
        """Ends the run soon; what is not done is deferred."""
        self._stopping.set()
        self._stop()

    def run(self, fetches: Sequence[Fetch], watch: Watch) -> Iterator[Outcome]:
        """One outcome for each fetch, as soon as it is known."""
        outcomes: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
        thread = threading.Thread(target=self._loop, args=(fetches, watch, outcomes), name="downloads")
        thread.start()
        try:
            while (outcome := outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            self.stop()
            thread.join()

    def _loop(
        self, fetches: Sequence[Fetch], watch: Watch, outcomes: queue.SimpleQueue[Outcome | BaseException | None]
    ) -> None:
        try:
            asyncio.run(self._download(fetches, watch, outcomes.put))
        except BaseException as error:  # noqa: BLE001 - raised again where the outcomes are read
            outcomes.put(error)
        outcomes.put(None)

    async def _download(self, fetches: Sequence[Fetch], watch: Watch, tell: Callable[[Outcome], None]) -> None:
        waiting = iter(fetches)
        self._commits = GroupCommit(self._committer)
        committing = asyncio.ensure_future(self._commits.run())
        async with self._session() as session:
            workers = [
                asyncio.ensure_future(self._work(session, waiting, watch, tell))
                for _ in range(self._server.connections)
            ]
            loop = asyncio.get_running_loop()
            self._stop = lambda: loop.call_soon_threadsafe(_cancel, workers)
            if self._stopping.is_set():
                _cancel(workers)
            results = await asyncio.gather(*workers, return_exceptions=True)
            self._stop = lambda: None
        committing.cancel()
        for fetch in waiting:
            tell(Deferred(fetch, "stopped before it was tried"))
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _session(self) -> aiohttp.ClientSession:
        """A session without aiohttp's limit of 300 s for a whole download, and with one for silence."""
        stall = min(self._server.timeout, _LONGEST_STALL)
        return aiohttp.ClientSession(
            headers={"User-Agent": self._server.agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=min(_CONNECT_TIMEOUT, self._server.timeout), sock_read=stall
            ),
            connector=aiohttp.TCPConnector(limit=self._server.connections),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            middlewares=[self._authorized],
            trust_env=True,
        )

    async def _authorized(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sends the token to the archive and to nobody else, and nothing that aiohttp found in ~/.netrc."""
        request.headers.popall("Authorization", None)
        if self._server.token and request.url.origin() == URL(self._server.url).origin():
            request.headers["Authorization"] = f"token {self._server.token}"
        return await handler(request)

    async def _work(
        self,
        session: aiohttp.ClientSession,
        waiting: Iterator[Fetch],
        watch: Watch,
        tell: Callable[[Outcome], None],
    ) -> None:
        for fetch in waiting:
            try:
                tell(await self._fetched(session, fetch, watch))
                if self._stopping.is_set():
                    break
            except asyncio.CancelledError:
                tell(Deferred(fetch, "stopped before it was whole"))
                raise
            finally:
                watch.ended(fetch)

    async def _fetched(self, session: aiohttp.ClientSession, fetch: Fetch, watch: Watch) -> Outcome:
        try:
            received = await self._believed(session, fetch, watch)
            return await self._landed(fetch, received)
        except _TransferError as error:
            return Failed(fetch, error.cause, str(error))
        except TimeoutError:
            return Failed(fetch, Cause.NETWORK, f"no byte came for {min(self._server.timeout, _LONGEST_STALL):g} s")
        except aiohttp.ClientError as error:
            return Failed(fetch, Cause.NETWORK, f"the connection broke: {_text(error)}")
        except OSError as error:
            return Failed(fetch, Cause.DISK, f"not written: {error.strerror or error}")

    async def _believed(self, session: aiohttp.ClientSession, fetch: Fetch, watch: Watch) -> _Received:
        """A transfer whose bytes are believed: what speaks against the first is put to the test of a second."""
        first = await self._received(session, fetch, watch)
        doubt = self._doubt(fetch, first)
        if doubt is None:
            return first
        self._parts.discard(first.part)
        watch.received(fetch, -first.digest.size)
        second = await self._received(session, fetch, watch)
        again = self._doubt(fetch, second)
        agree = second.digest == first.digest
        if again is None or (agree and again.cause is Cause.BYTES):
            return second
        self._parts.discard(second.part)
        raise again

    def _doubt(self, fetch: Fetch, received: _Received) -> _TransferError | None:
        """What speaks against the bytes: a checksum before the Content-Length before the stated size."""
        digest = received.digest
        if fetch.sha256 is not None:
            same = digest.sha256 == fetch.sha256
            return None if same else _TransferError(Cause.MISMATCH, "bytes differ from those that are locked")
        if fetch.md5 is not None and self._server.use_checksums:
            same = digest.md5 == fetch.md5
            return None if same else _TransferError(Cause.MISMATCH, "bytes differ from the archive's checksum")
        if received.content_length is not None or fetch.size in {None, digest.size}:
            return None
        return _TransferError(Cause.BYTES, f"{digest.size} bytes came, {fetch.size} are stated")

    async def _received(self, session: aiohttp.ClientSession, fetch: Fetch, watch: Watch) -> _Received:
        """One transfer: the body in a part of its own, whole by its Content-Length and right in form."""
        async with session.get(self._server.address(fetch.uri)) as response:
            if response.status != _HTTP_OK:
                raise await _refusal(response)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                encoding = response.headers["Content-Encoding"]
                raise _TransferError(Cause.BYTES, f"came encoded ({encoding}); expected the file's own bytes")
            length = response.content_length
            watch.started(fetch, length if length is not None else fetch.size)
            part = self._parts.new(fetch.uri)
            try:
                digest = await _stream(response, part, lambda count: watch.received(fetch, count))
                _check_form(part, fetch)
            except BaseException:
                self._parts.discard(part)
                raise
        return _Received(part, digest, length)

    async def _landed(self, fetch: Fetch, received: _Received) -> Outcome:
        digest = received.digest
        locked = fetch.locks(size=digest.size, sha256=digest.sha256, md5=digest.md5)
        error = await self._commits.commit(Landing(received.part, locked, digest, keeps_old=fetch.keeps_old))
        if error is None:
            return Done(fetch, locked)
        self._parts.discard(received.part)
        return Failed(fetch, Cause.DISK, f"not put in place: {error.strerror or error}")


def _check_form(part: Path, fetch: Fetch) -> None:
    problem = format_problem(part, fetch.path.rpartition("/")[2])
    if problem is not None:
        raise _TransferError(Cause.BYTES, f"the download {problem}")


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _stream(response: aiohttp.ClientResponse, part: Path, seen: Callable[[int], None]) -> Digest:
    hasher = Hasher()
    with part.open("wb", buffering=0) as file:
        async for chunk in response.content.iter_any():
            _write_all(file.write, chunk)
            hasher.update(chunk)
            seen(len(chunk))
    return hasher.digest()


def _write_all(write: Callable[[memoryview], int], chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[write(view) :]


async def _refusal(response: aiohttp.ClientResponse) -> _TransferError:
    """What the archive says when it gives no product, in its own words."""
    body = (await response.content.read(4 * _WORDS_SHOWN)).decode(errors="replace")
    words = " ".join(body.split())[:_WORDS_SHOWN]
    said = f"{response.status} {response.reason}" + (f" ({words})" if words and "<" not in words else "")
    return _TransferError(_REFUSALS.get(response.status, Cause.NETWORK), f"the archive answered {said}")


def _cancel(workers: Sequence[asyncio.Future[None]]) -> None:
    for worker in workers:
        worker.cancel()
