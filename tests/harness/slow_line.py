"""A slow line between two programs: every byte comes, later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

from harness.servers import JupyterProcess

LATENCY = 0.3
"""Seconds that a byte takes, each way."""
RATE = 50_000
"""Bytes a second, each way."""


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, latency: float) -> None:
    """Pass on what comes: each piece after its latency, no more than the rate allows."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        data = b"-"
        while data:
            data = await source.read(4096)
            await queue.put((time.monotonic() + latency, data))
            await asyncio.sleep(len(data) / RATE)

    taking = asyncio.ensure_future(take())
    try:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - time.monotonic()))
            if not data:
                break
            target.write(data)
            await target.drain()
    except OSError:
        pass  # whom it goes to has hung up
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        target.close()


@asynccontextmanager
async def slow_line(server: JupyterProcess, latency: float = LATENCY) -> AsyncIterator[Any]:
    """The server as it is reached over a slow line."""
    carriers: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", server.port)
        for source, target in ((reader, there[1]), (there[0], writer)):
            carriers.add(asyncio.create_task(carry(source, target, latency)))

    listening = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        endpoint = server.endpoint.replace(f":{server.port}/", f":{port}/")
        url = server.url.replace(f":{server.port}/", f":{port}/")
        yield SimpleNamespace(endpoint=endpoint, url=url, token=server.token)
    finally:
        listening.close()
        for task in carriers:
            task.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)
        with suppress(OSError):
            await listening.wait_closed()
