"""HTTP to one endpoint, by way of the environment's proxy where there is one.

What a request's end means is told exactly: that it never left (`NotSent`), or that it left and its reply was cut
(`Cut`). Only who knows that may send it again.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

from ..http1 import Connection
from .proxies import Barred, Proxy, proxy_for, tunnel

CONNECT_TIMEOUT = 10.0
LARGEST_REFUSAL = 64 * 1024
"""Bytes of a refusal's body that are looked at."""


class NotSent(Exception):
    """Nothing of the request has left."""


class Cut(Exception):
    """The request has left, and its reply did not come to its end."""


@dataclass(frozen=True)
class Address:
    """Where an endpoint is, and what its requests carry."""

    url: str
    token: str = ""
    verified: bool = True
    """Whether the certificate has to be good; one on loopback is usually the person's own."""


class Reply:
    """The head of a reply; its body is read as it comes."""

    def __init__(self, connection: Connection, head: h11.Response) -> None:
        self._connection = connection
        self.status: int = head.status_code
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}

    def header(self, name: str) -> str:
        """A header by its name in small letters; empty for none."""
        return self._headers.get(name, "")

    @property
    def is_stream(self) -> bool:
        """Whether events come, one after the other."""
        return self.header("content-type").startswith("text/event-stream")

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Cut."""
        return self._connection.body()

    async def whole(self, limit: int | None = None) -> bytes:
        """The body, or its beginning. Raises Cut."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if limit is not None and len(body) > limit:
                break
        return bytes(body)


class ToServer(Connection):
    """A connection to a server, or to the proxy before it."""

    lost = Cut

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: Proxy | None = None) -> None:
        """`proxy`: what takes each request, since it goes through it in the clear."""
        super().__init__(reader, writer)
        self._proxy = proxy

    @classmethod
    async def open(cls, address: Address) -> ToServer:
        """Connect. Raises NotSent."""
        parts = urlsplit(address.url)
        try:
            proxy = proxy_for(parts)
            reader, writer = await asyncio.wait_for(_streams(parts, address.verified, proxy), CONNECT_TIMEOUT)
        except asyncio.TimeoutError as error:
            raise NotSent(f"no connection within {CONNECT_TIMEOUT:.0f} s") from error
        except (OSError, Barred) as error:
            raise NotSent(str(error)) from error
        with suppress(OSError):  # a peer that vanishes, as with a laptop's network, is noticed some day
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return cls(reader, writer, proxy if parts.scheme == "http" else None)

    async def send(self, method: str, address: Address, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request; its reply once that begins. Raises Cut."""
        parts = urlsplit(address.url)
        framed = {"Host": parts.netloc.rpartition("@")[2], **headers}
        framed |= {"Authorization": f"Bearer {address.token}"} if address.token else {}
        framed |= {"Content-Length": str(len(body))} if method == "POST" else {}
        target = parts.path or "/"
        if self._proxy is not None:
            target = f"http://{framed['Host']}{target}"
            framed |= {"Proxy-Authorization": self._proxy.authorization} if self._proxy.authorization else {}
        return Reply(self, await self.request(method, target, list(framed.items()), body))


async def _streams(
    parts: SplitResult, verified: bool, proxy: Proxy | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = _context(verified) if parts.scheme == "https" else None
    host, port = parts.hostname or "", parts.port or (443 if context else 80)
    if proxy is None:
        return await asyncio.open_connection(host, port, ssl=context)
    if context is None:
        return await asyncio.open_connection(proxy.host, proxy.port, ssl=_context(True) if proxy.tls else None)
    return await asyncio.open_connection(sock=await tunnel(proxy, host, port), ssl=context, server_hostname=host)


def _context(verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Http:
    """Requests to an endpoint, each on a connection that nothing else uses meanwhile."""

    def __init__(self) -> None:
        self._idle: deque[tuple[Address, ToServer]] = deque()

    @asynccontextmanager
    async def asked(
        self, method: str, address: Address, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[Reply]:
        """A reply while it is read. Whoever leaves before its end hangs up. Raises NotSent and Cut."""
        connection = self._taken(address) or await ToServer.open(address)
        kept = False
        try:
            yield await connection.send(method, address, headers, body)
            kept = connection.reusable()
        finally:
            if kept:
                self._idle.append((address, connection))
            else:
                connection.abort()

    def _taken(self, address: Address) -> ToServer | None:
        while self._idle:
            where, connection = self._idle.pop()
            if where == address and connection.fresh():
                return connection
            connection.abort()
        return None

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop()[1].abort()
