"""A slow line between a client and the server: every answer comes, later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from harness import JupyterProcess, connect, shows

pytestmark = pytest.mark.anyio

LATENCY = 0.3
"""Seconds that a byte takes, each way."""
RATE = 50_000
"""Bytes a second, each way."""


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on what comes: each piece after its latency, no more than the rate allows."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        data = b"-"
        while data:
            data = await source.read(4096)
            await queue.put((time.monotonic() + LATENCY, data))
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
async def slow_line(server: JupyterProcess) -> AsyncIterator[Any]:
    """The server as it is reached over a slow line."""
    carriers: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", server.port)
        for source, target in ((reader, there[1]), (there[0], writer)):
            carriers.add(asyncio.create_task(carry(source, target)))

    listening = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        endpoint = server.endpoint.replace(f":{server.port}/", f":{port}/")
        yield SimpleNamespace(endpoint=endpoint, token=server.token)
    finally:
        listening.close()
        for task in carriers:
            task.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)
        with suppress(OSError):
            await listening.wait_closed()


async def test_an_agent_reads_edits_and_runs_over_a_slow_line(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('x' * 60_000)", "import time\nprint('begun', flush=True)\ntime.sleep(60)")
    async with slow_line(server) as line, connect(line) as agent:
        assert "60_000" in await agent.ok("read_cells", notebook=name)
        long = "a = 1  # " + "y" * 30_000
        await agent.ok("insert_cell", notebook=name, source=long, index=2)
        assert "y" * 1000 in await agent.ok("read_cell", notebook=name, cell=2)
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=60)
        execution = told.split(" · ")[0].split("\n")[-1]
        assert "x" * 10_000 in await agent.ok("read_output", execution=execution, limit=50_000)
        running = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=1, wait=1), "begun")
        assert "interrupted" in await agent.ok("interrupt_kernel", execution=running)
