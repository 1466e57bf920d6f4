"""A server that goes away, before a request or after it: whether to ask again differs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from harness.machine import free_port

from jupyter_mcp_proxy.errors import ServerUnreachable
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio
CHANGES: dict[str, Any] = {
    "rename": lambda server: server.rename_contents("a.txt", "b.txt"),
    "copy": lambda server: server.copy_contents("a.txt", "b.txt"),
    "delete": lambda server: server.delete_contents("a.txt"),
    "start": lambda server: server.start_session("a.ipynb", {"name": "python3"}),
    "restart": lambda server: server.restart_kernel("1"),
}


@pytest.fixture
async def ends() -> AsyncIterator[str]:
    """The URL of a server that takes a request and ends without an answer, as one that is killed meanwhile."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("change", CHANGES)
async def test_what_may_have_been_done_is_to_be_looked_for_and_not_repeated(ends: str, change: str) -> None:
    async with JupyterServer(ends) as server:
        with pytest.raises(ServerUnreachable, match="It may have been done: look before you repeat it") as told:
            await CHANGES[change](server)
        assert "Retry" not in str(told.value)


@pytest.mark.parametrize("change", CHANGES)
async def test_what_was_never_sent_can_be_tried_again(change: str) -> None:
    async with JupyterServer(f"http://127.0.0.1:{free_port()}") as server:
        with pytest.raises(ServerUnreachable, match="Retry in a few seconds"):
            await CHANGES[change](server)


async def test_looking_can_be_tried_again(ends: str) -> None:
    async with JupyterServer(ends) as server:
        with pytest.raises(ServerUnreachable, match="Retry in a few seconds"):
            await server.contents("a.txt")
