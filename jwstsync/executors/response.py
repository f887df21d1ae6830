"""An answer as it comes over a socket: its head, and its body into whoever's memory.

By httptools, which finds its way through status, headers and chunks; a body whose length is stated goes past it, from
the socket to where it is wanted. What an answer means is said in `answers`; how a server is reached, in `connection`.
"""

from __future__ import annotations

import select
import ssl
from contextlib import suppress
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
        self._in_records = isinstance(opened, ssl.SSLSocket)
        self._arrivals = select.poll()
        self._arrivals.register(opened, select.POLLIN)

    def send(self, head: bytes) -> None:
        """Sends a request.

        Raises:
            OSError: The connection broke.
        """
        self._socket.sendall(head)

    def wait(self) -> None:
        """Waits for something to come.

        Raises:
            TimeoutError: Nothing does.
        """
        if not self._arrivals.poll(self.silence * 1000):
            raise TimeoutError

    def read_into(self, room: memoryview) -> int:
        """How many bytes have come and are in ``room`` now, at least one; 0 at the end.

        Encrypted bytes come in records of 16 kB: to see to each by itself would cost more than all the rest.

        Raises:
            OSError: The connection broke, or nothing comes.
        """
        count = self.read_piece_into(room)
        while self._in_records and 0 < count < len(room):
            try:
                more = self._socket.recv_into(room[count:])
            except OSError:  # nothing yet, or it broke: whoever reads next will hear of it
                break
            if not more:
                break
            count += more
        return count

    def read_piece_into(self, room: memoryview) -> int:
        """The same, but of what has come perhaps only a part.

        Raises:
            OSError: As `read_into` does.
        """
        while True:
            try:
                return self._socket.recv_into(room)
            except _NOT_YET:
                self.wait()


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
        length: The bytes of the body, as far as the server states them.

    Raises:
        OSError: The connection broke, or nothing comes.
        HttpParserError: What comes is no HTTP.
    """

    def __init__(
        self, wire: Wire, asked: Mapping[str, str], give_up: Callable[[], None], *, has_body: bool = True
    ) -> None:
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self.asked = asked
        self.length: int | None = None
        self._wire = wire
        self._give_up = give_up
        self._headed = self._complete = self._can_stay = False
        self._past_parser: int | None = None
        self._ahead = bytearray()
        self._parser = HttpResponseParser(self)
        self._read_head(has_body=has_body)

    def _read_head(self, *, has_body: bool) -> None:
        size = 0
        self._wire.wait()
        while not self._headed:
            size += self._feed()
            if size > _LONGEST_HEAD:
                raise HttpParserError("the headers do not end")
        if not has_body:
            self._complete, self.length = True, 0
        if not self._complete and self.length is not None:
            self._past_parser = self.length - len(self._ahead)

    def _feed(self) -> int:
        """Has the parser read what comes next, and tells how much it was.

        Raises:
            ConnectionError: There comes no more.
            HttpParserError: It is no HTTP.
            HttpParserUpgrade: It would go on in another protocol.
        """
        piece = self._wire.piece
        count = self._wire.read_piece_into(piece)
        if not count:
            self._end_with_connection()
            return 0
        try:
            self._parser.feed_data(piece[:count])
        except (HttpParserError, HttpParserUpgrade):
            if not self._complete:
                raise
            self._can_stay = False  # more came than was asked for
        return count

    def _end_with_connection(self) -> None:
        if not self._headed or "chunked" in self.headers.get("transfer-encoding", "").lower():
            raise ConnectionError("closed before the end")
        self._complete = True

    def on_message_begin(self) -> None:
        """Called by the parser where an answer begins.

        Raises:
            ValueError: It is one that nobody asked for.
        """
        if self._complete:
            raise ValueError("expected one answer")

    def on_status(self, words: bytes) -> None:
        """Called by the parser with what is said beside the status."""
        self.reason += words.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser with a header, before the body or after it."""
        if not self._headed:
            self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1").strip())

    def on_headers_complete(self) -> None:
        """Called by the parser at the end of a head."""
        self.status = self._parser.get_status_code()
        self._headed = self.status >= _FIRST_FINAL
        self._can_stay = self._parser.should_keep_alive()
        if not self._headed:
            self.reason, self.headers = "", {}
        elif "content-length" in self.headers:
            self.length = int(self.headers["content-length"])

    def on_body(self, piece: bytes) -> None:
        """Called by the parser with bytes of a body."""
        self._ahead += piece

    def on_message_complete(self) -> None:
        """Called by the parser at the end of an answer."""
        self._complete = self._headed

    def read_into(self, room: memoryview) -> int:
        """How many bytes of the body have come and are in ``room`` now; 0 at its end.

        Raises:
            SetbackError: The connection broke, or nothing came for too long; what had come before was given.
        """
        try:
            return self._taken(room) if self._ahead else self._received(room)
        except TimeoutError as error:
            raise SetbackError(f"no byte came for {self._wire.silence:g} s", cause=Cause.HOST) from error
        except BROKEN as error:
            raise SetbackError(f"the connection broke: {text_of(error)}") from error

    def _taken(self, room: memoryview) -> int:
        count = min(len(room), len(self._ahead))
        room[:count] = self._ahead[:count]
        del self._ahead[:count]
        return count

    def _received(self, room: memoryview) -> int:
        if self._past_parser is not None:
            count = self._wire.read_into(room[: self._past_parser]) if self._past_parser else 0
            self._past_parser -= count
            self._complete = not self._past_parser
            return count
        while not self._ahead and not self._complete:
            self._feed()
        return self._taken(room)

    def read(self, most: int) -> bytes:
        """The next bytes, as many as have come but at most so many; nothing at the end of the body.

        Raises:
            SetbackError: As `read_into` does.
        """
        room = bytearray(most)
        return bytes(room[: self.read_into(memoryview(room))])

    def close(self) -> None:
        """Ends it; a body that was not read to its end takes the connection with it."""
        if not (self._complete and self._can_stay) or self._ahead:
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
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
