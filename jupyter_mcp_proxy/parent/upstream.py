"""HTTP connections from the Jupyter process to its sidecar, each proven before its first request.

The relay's cost is what every call pays, so this is a small pool on asyncio's streams with `h11` for the
protocol. A connection asks for proof as soon as it is open: the peer must know the secret (an HMAC
over our nonce), and nothing of a request is sent to one that does not.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import h11

from ..contract import NONCE_HEADER, PROOF_PATH, prove, same

READ_SIZE = 64 * 1024
IDLE_LIMIT = 50.0
"""Seconds after which an unused connection is not used again; the sidecar closes it after 75."""
CONNECT_TIMEOUT = 5.0


class UpstreamError(Exception):
    """The sidecar could not be reached, or went away in the middle of a reply."""


class ImpostorError(UpstreamError):
    """Something answers at the sidecar's address that does not know its secret."""


class Upstream:
    """One keep-alive connection to the sidecar."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._last_used = time.monotonic()

    @classmethod
    async def open(cls, port: int, unix_socket: str | None, secret: str) -> Upstream:
        """Connect and demand proof. `unix_socket` wins over `port` on 127.0.0.1."""
        try:
            return await asyncio.wait_for(cls._open(port, unix_socket, secret), CONNECT_TIMEOUT)
        except (OSError, asyncio.TimeoutError) as error:
            raise UpstreamError(str(error) or "no answer in time") from error

    @classmethod
    async def _open(cls, port: int, unix_socket: str | None, secret: str) -> Upstream:
        if unix_socket:
            reader, writer = await asyncio.open_unix_connection(unix_socket)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connection = cls(reader, writer)
        try:
            await connection._demand_proof(secret, unix_socket or str(port))
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _demand_proof(self, secret: str, address: str) -> None:
        nonce = secrets.token_hex(16)
        response = await self.send("GET", PROOF_PATH, [("Host", "127.0.0.1"), (NONCE_HEADER, nonce)], b"")
        body = bytearray()
        async for chunk in self.body():
            body += chunk
            if len(body) > 1024:
                break
        answer = body.decode("ascii", "replace")
        if response.status_code != 200 or not same(answer, prove(secret, nonce, address)):
            raise ImpostorError("the process at the sidecar's address is not the one that was started")

    async def send(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> h11.Response:
        """Send one request and return the head of its response; read `body()` next."""
        # A header may hold more than ASCII, such as a name; h11 takes those as bytes.
        framed = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        if body or method != "GET":
            framed.append((b"Content-Length", str(len(body)).encode()))
        data = self._http.send(h11.Request(method=method, target=target, headers=framed)) or b""
        if body:
            data += self._http.send(h11.Data(data=body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        try:
            self._writer.write(data)
            await self._writer.drain()
            while True:
                event = await self._event()
                if isinstance(event, h11.Response):
                    return event
        except OSError as error:
            raise UpstreamError(str(error)) from error

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the response's body as they arrive; reads no faster than it is consumed."""
        try:
            while True:
                event = await self._event()
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return
        except OSError as error:
            raise UpstreamError(str(error)) from error

    async def _event(self) -> Any:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise UpstreamError(str(error)) from error
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ_SIZE))
            elif isinstance(event, h11.ConnectionClosed):
                raise UpstreamError("the sidecar closed the connection")
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
        return (
            not self._reader.at_eof()
            and not self._writer.is_closing()
            and time.monotonic() - self._last_used < IDLE_LIMIT
        )

    def abort(self) -> None:
        """Close at once: the sidecar sees a client that is gone."""
        self._writer.transport.abort()


class Pool:
    """The connections to one sidecar."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._idle: deque[Upstream] = deque()

    async def take(self, port: int, unix_socket: str | None) -> Upstream:
        """An idle connection, or a new and proven one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh():
                return connection
            connection.abort()
        connection = await Upstream.open(port, unix_socket, self._secret)
        connection.reusable()
        return connection

    def give_back(self, connection: Upstream) -> None:
        """Keep a connection whose response was read to its end; close any other."""
        if connection.reusable():
            self._idle.append(connection)
        else:
            connection.abort()

    def put(self, connection: Upstream) -> None:
        """Keep a connection that was taken and not used."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle, as after a restart of the sidecar."""
        while self._idle:
            self._idle.pop().abort()
