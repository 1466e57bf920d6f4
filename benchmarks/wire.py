"""What an MCP client puts on the wire and gets back, counted below the client, in HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation

from .comparison import Cost
from .lean import CLIENT

TIMEOUT = 300


class Meter(httpx2.AsyncBaseTransport):
    """A transport that counts. What belongs to a request is counted where `cost` pointed when it was sent."""

    def __init__(self) -> None:
        self.cost = Cost()
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its body and its head count at once, the response's body as it is read."""
        cost = self.cost
        cost.sent += len(await request.aread())
        cost.headers += _size(f"{request.method} {request.url.raw_path.decode()}", request.headers)
        response = await self._inner.handle_async_request(request)
        cost.headers += _size("200 OK", response.headers)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Counted(response.stream, cost)
        return response

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, cost: Cost) -> None:
        self._stream = stream
        self._cost = cost

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._cost.received += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _size(first: str, headers: httpx2.Headers) -> int:
    """The head of a message: its first line (about), its headers, and the empty line."""
    return len(first) + len(" HTTP/1.1\r\n\r\n") + sum(len(name) + len(value) + 4 for name, value in headers.raw)


@asynccontextmanager
async def metered(url: str, token: str, era: str) -> AsyncIterator[tuple[Client, Meter]]:
    """The SDK's client, connected, and the meter below it."""
    meter = Meter()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT, transport=meter) as http:
        # The SDK takes no event beyond 1 MiB by itself, and the other side's reply of 3 MB is one in the old era.
        transport = streamable_http_client(url, http_client=http, max_sse_event_size=None)
        async with Client(transport, mode=era, client_info=Implementation(**CLIENT)) as client:
            yield client, meter
