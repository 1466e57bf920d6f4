"""HTTP connections from the Jupyter process to its sidecar, each proven before its first request.

A connection asks for proof as soon as it is open: the peer must know the secret (an HMAC over our nonce), and nothing
of a request is sent to one that does not.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque

import h11

from ..contract import NONCE_HEADER, PROOF_PATH, prove, same
from ..http1 import Connection

CONNECT_TIMEOUT = 5.0


class UpstreamError(Exception):
    """The sidecar could not be reached, or went away in the middle of a reply."""


class ImpostorError(UpstreamError):
    """Something answers at the sidecar's address that does not know its secret."""


class Upstream(Connection):
    """One keep-alive connection to the sidecar."""

    lost = UpstreamError
    idle_limit = 50.0
    """The sidecar closes one after 75 s."""

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
        return await self.request(method, target, framed, body)


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
