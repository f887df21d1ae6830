"""An answer as it comes over a socket: its head, and its body into whoever's memory.

By httptools, which finds its way through status, headers and chunks; a body whose length is stated goes past it, from
the socket to where it is wanted. What an answer means is said in `answers`; how a server is reached, in `connection`.
"""

from __future__ import annotations

import select
import ssl
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from jwstsync.executors import Cause
from jwstsync.executors.answers import SetbackError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

BROKEN = (OSError, HttpParserError, HttpParserUpgrade)
"""What it is when no answer comes, or none that is HTTP; the last where it would go on in another protocol."""
_PIECE = 1 << 16  # bytes that httptools is given at once
_LONGEST_HEAD = 1 << 18  # bytes
_UNREAD = 1 << 16  # bytes of a body nobody wants that are read all the same, as a new connection would take longer
_FIRST_FINAL = 200  # status codes below speak of an answer that is still to come; RFC 9110, 15.2
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError)


class Wire:
    """An open socket, which is read without waiting for longer than a server may be silent.

    Args:
        opened: The socket, encrypted or not.
        silence: Seconds without a byte after which it is given up.

    Attributes:
        silence: The same.
        piece: Memory for what is to be parsed.
    """

    def __init__(self, opened: socket.socket, silence: float) -> None:
        opened.settimeout(0)
        self.silence = silence
        self.piece = memoryview(bytearray(_PIECE))
        self._socket = opened
        self._tls = opened if isinstance(opened, ssl.SSLSocket) else None
        self._arrivals = select.poll()
        self._arrivals.register(opened, select.POLLIN)
        self._broken: OSError | None = None

    def send(self, head: bytes) -> None:
        """Sends a request.

        Raises:
            OSError: The connection broke.
        """
        self._socket.sendall(head)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come, as it has to be before anything is asked: not even the end."""
        return not self._arrivals.poll(0)

    def wait(self, latest: float | None = None) -> None:
        """Waits for something to come, at most for as long as the server may be silent.

        Args:
            latest: When to give up, by `monotonic`, where it was waited before.

        Raises:
            TimeoutError: Nothing does.
        """
        left = self.silence if latest is None else latest - monotonic()
        if left <= 0 or not self._arrivals.poll(left * 1000):
            raise TimeoutError

    def read_into(self, room: memoryview) -> int:
        """How many bytes have come and are in ``room`` now, at least one; 0 at the end.

        Encrypted bytes come in records of 16 kB: to see to each by itself would cost more than all the rest.

        Raises:
            OSError: The connection broke, or nothing comes.
        """
        count = self.read_piece_into(room)
        return count + self._records_into(room[count:], self._tls) if self._tls is not None and count else count

    def _records_into(self, room: memoryview, tls: ssl.SSLSocket) -> int:
        """How many more bytes have come; by `SSLSocket.read`, as ``recv_into`` takes twice the time for a record."""
        read: Callable[[int, memoryview], int] = tls.read  # type: ignore[assignment] # its types say bytes in any case
        position, end = 0, len(room)
        try:
            while position < end and (more := read(end - position, room[position:])):
                position += more
        except _NOT_YET:
            pass
        except OSError as error:  # what has come is good; whoever reads next hears of it
            self._broken = error
        return position

    def read_piece_into(self, room: memoryview) -> int:
        """The same, but of what has come perhaps only a part.

        A record that drips is as good as silence until it is whole.

        Raises:
            OSError: As `read_into` does.
        """
        if self._broken is not None:
            raise self._broken
        latest = None
        while True:
            try:
                return self._socket.recv_into(room)
            except _NOT_YET:
                latest = latest or monotonic() + self.silence
                self.wait(latest)


class _Parsed:
    """What httptools has read of one answer so far; it calls the methods.

    Attributes:
        status: The status code.
        reason: What the server says beside it.
        headers: By name in lower case; of those that come more than once, the first.
        body: Bytes of the body that nobody has taken.
        headed: Whether the head is complete.
        complete: Whether the answer is.
        in_chunks: Whether the body says itself where it ends.
        can_stay: Whether the connection can be used again after the answer.
    """

    def __init__(self) -> None:
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.headed = self.complete = self.in_chunks = self.can_stay = False
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # as old servers fill them up

    def feed(self, piece: memoryview) -> None:
        """Reads the next bytes.

        Raises:
            HttpParserError: They are no HTTP.
            HttpParserUpgrade: They would go on in another protocol.
        """
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade):
            if not self.complete:
                raise
            self.can_stay = False  # more came than was asked for

    @property
    def stays_without_body(self) -> bool:
        """Whether the connection can be used again after an answer to HEAD; the parser does not know of these."""
        closes = "close" in self.headers.get("connection", "").lower()
        return not closes and self._parser.get_http_version() == "1.1"

    def on_message_begin(self) -> None:
        """Ends the parsing where a second answer begins: `feed` does not mind the error.

        Raises:
            ValueError: It is one that nobody asked for.
        """
        if self.complete:
            raise ValueError("expected one answer")

    def on_status(self, words: bytes) -> None:
        """Takes what is said beside the status."""
        self.reason += words.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header; those that come after a body are not of interest."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        if not self.headed:
            self.headers.setdefault(key, text)
            self.in_chunks = self.in_chunks or (key == "transfer-encoding" and "chunked" in text.lower())

    def on_headers_complete(self) -> None:
        """Takes note of the end of a head; after some there comes another one, which counts."""
        self.status = self._parser.get_status_code()
        self.headed = self.status >= _FIRST_FINAL
        self.can_stay = self._parser.should_keep_alive()
        if not self.headed:
            self.reason, self.headers, self.in_chunks = "", {}, False

    def on_body(self, piece: bytes) -> None:
        """Takes bytes of the body."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Takes note of the end."""
        self.complete = self.headed


class Response:
    """An answer whose body is still to be read.

    Args:
        wire: Where it comes from.
        asked: The headers that were sent for it.
        give_up: Ends the connection, which is of no use any more.
        has_body: Whether what was asked for can have one.

    Attributes:
        status: The status code.
        reason: What the server says beside it.
        headers: By name in lower case; of those that come more than once, the first.
        asked: The headers that were sent for it.
        length: The bytes of the body, as far as the server states them; 0 where there can be none.

    Raises:
        OSError: The connection broke, or nothing comes.
        HttpParserError: What comes is no HTTP.
        HttpParserUpgrade: It would go on in another protocol.
    """

    def __init__(
        self, wire: Wire, asked: Mapping[str, str], give_up: Callable[[], None], *, has_body: bool = True
    ) -> None:
        self.asked = asked
        self._wire = wire
        self._give_up = give_up
        self._parsed = parsed = _Parsed()
        wire.wait()
        self._feed_until(lambda: parsed.headed)
        self.status, self.reason, self.headers = parsed.status, parsed.reason, parsed.headers
        stated = self.headers.get("content-length")
        self.length = None if stated is None else int(stated)
        self._past_parser: int | None = None  # bytes of the body that the parser does not see
        if not has_body:
            self.length = 0
            parsed.complete, parsed.can_stay = True, parsed.stays_without_body and not parsed.body
        elif self.length is not None and not parsed.complete:
            self._past_parser = self.length - len(parsed.body)

    def _feed_until(self, done: Callable[[], bool]) -> None:
        """Has the parser read what comes; a head, or what is around a chunk, may not drip for ever.

        Raises:
            ConnectionError: There comes no more.
            HttpParserError: It goes on and on.
            TimeoutError: It takes too long.
        """
        size, piece, latest = 0, self._wire.piece, None
        while not done():
            if latest is not None and monotonic() > latest:
                raise TimeoutError
            count = self._wire.read_piece_into(piece)
            latest = latest or monotonic() + self._wire.silence
            size += count
            if not count:
                self._end_with_connection()
            elif size > _LONGEST_HEAD:
                raise HttpParserError("neither the headers nor what follows a chunk have an end")
            self._parsed.feed(piece[:count])

    def _end_with_connection(self) -> None:
        if not self._parsed.headed or self._parsed.in_chunks:
            raise ConnectionError("closed before the end")
        self._parsed.complete, self._parsed.can_stay = True, False

    def read_into(self, room: memoryview) -> int:
        """How many bytes of the body have come and are in ``room`` now; 0 at its end.

        Raises:
            SetbackError: The connection broke, or nothing came for too long; what had come before was given.
        """
        try:
            return self._received(room)
        except TimeoutError as error:
            raise SetbackError(f"no byte came for {self._wire.silence:g} s", cause=Cause.HOST) from error
        except BROKEN as error:
            raise SetbackError(f"the connection broke: {text_of(error)}") from error

    def _received(self, room: memoryview) -> int:
        parsed = self._parsed
        if self._past_parser is None:
            self._feed_until(lambda: bool(parsed.body) or parsed.complete)
        elif not parsed.body:
            return self._received_past_parser(room[: self._past_parser])
        count = min(len(room), len(parsed.body))
        room[:count] = parsed.body[:count]
        del parsed.body[:count]
        return count

    def _received_past_parser(self, room: memoryview) -> int:
        count = self._wire.read_into(room) if room else 0
        self._past_parser = (self._past_parser or 0) - count
        self._parsed.complete = not self._past_parser
        return count

    def read(self, most: int) -> bytes:
        """The next bytes, as many as have come but at most so many; nothing at the end of the body.

        Raises:
            SetbackError: As `read_into` does.
        """
        room = bytearray(most)
        return bytes(room[: self.read_into(memoryview(room))])

    def close(self) -> None:
        """Ends it; a body that has not come to its end takes the connection with it."""
        if not (self._parsed.complete and self._parsed.can_stay):
            self._give_up()

    def finish(self) -> None:
        """Ends it; a short body is read to its end first, so that the connection can be used again."""
        if self.length is not None and self.length <= _UNREAD:
            with suppress(SetbackError):
                while self.read(_UNREAD):
                    pass
        self.close()


def text_of(error: Exception) -> str:
    """What an error says of itself; its name where it says nothing."""
    if isinstance(error, HttpParserError):
        return f"no HTTP ({error})"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
