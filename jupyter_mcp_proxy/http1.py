"""One HTTP/1.1 connection on asyncio's streams, with `h11` for the protocol.

For the relay, whose cost every call pays, and for the stdio server, which is started for each conversation: it loads in
a tenth of the time of a library that does more, and what the end of a request means is told exactly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import h11

READ_SIZE = 64 * 1024


class Connection:
    """A connection that may carry several requests, one after the other."""

    lost: ClassVar[type[Exception]] = ConnectionError
    """What is raised where a request may have left, and its response did not come to its end."""
    idle_limit: ClassVar[float] = 15.0
    """Seconds after which an unused connection is not used again: whoever is behind it may have forgotten it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._last_used = time.monotonic()

    async def request(
        self, method: str, target: str, headers: list[tuple[str, str]] | list[tuple[bytes, bytes]], body: bytes
    ) -> h11.Response:
        """Send one request, framed by its headers; the head of its response, of which `body()` is read next.

        Raises `lost`.
        """
        data = self._http.send(h11.Request(method=method, target=target, headers=headers)) or b""
        data += (self._http.send(h11.Data(data=body)) or b"") if body else b""
        data += self._http.send(h11.EndOfMessage()) or b""
        try:
            self._writer.write(data)
            await self._writer.drain()
            while not isinstance(event := await self._event(), h11.Response):
                pass
        except OSError as error:
            raise self.lost(str(error)) from error
        return event

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the response's body as they arrive; reads no faster than it is consumed. Raises `lost`."""
        try:
            while not isinstance(event := await self._event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
        except OSError as error:
            raise self.lost(str(error)) from error

    async def _event(self) -> Any:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise self.lost(str(error)) from error
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ_SIZE))
            elif isinstance(event, h11.ConnectionClosed):
                raise self.lost("the other side closed the connection")
            else:
                return event

    def reusable(self) -> bool:
        """Whether another request may be sent, once a response was read to its end. Starts its next cycle."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._last_used = time.monotonic()
            return True
        return False

    def fresh(self) -> bool:
        """Whether an idle connection is still worth a request."""
        gone = self._reader.at_eof() or self._writer.is_closing()
        return not gone and time.monotonic() - self._last_used < self.idle_limit

    def abort(self) -> None:
        """Close at once: the other side sees a client that is gone."""
        self._writer.transport.abort()
