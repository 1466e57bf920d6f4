"""A wire between us and a collaboration room that can be cut, or that leads to a room that has lost its content."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import websockets
from jupyter_ydoc import YNotebook
from pycrdt import Doc, YMessageType, create_sync_message, handle_sync_message
from websockets.asyncio.server import ServerConnection, serve

from jupyter_mcp_proxy.jupyter.room import RAW
from jupyter_mcp_proxy.jupyter.server import JupyterServer


class Wire(JupyterServer):
    """A server whose websockets go through a proxy of ours; everything else goes to it directly."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.direct = url.rstrip("/")
        self.opened: list[ServerConnection] = []
        self.refusal: tuple[int, str] | None = None
        """The code and reason with which a room is closed as soon as it is opened."""
        self.cut: tuple[int, str, Callable[[bytes], bool], bool] | None = None
        """How the next message that fits ends the connection, and whether it is passed on before."""
        self.empty = False
        """Whether a room that is opened now is one without content."""

    @asynccontextmanager
    async def websocket(
        self, path: str, subprotocols: list[str] | None = None, **query: str
    ) -> AsyncIterator[websockets.ClientConnection]:
        async with serve(self._serve, "127.0.0.1", 0, compression=None, max_size=None) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            async with JupyterServer(f"http://127.0.0.1:{port}", "") as through:
                through._headers = self._headers
                async with through.websocket(path, subprotocols, **query) as connection:
                    yield connection

    async def close(self, code: int, reason: str = "") -> None:
        """End the room's connection, as the server does."""
        await self.opened[-1].close(code, reason)

    async def _serve(self, client: ServerConnection) -> None:
        self.opened.append(client)
        assert client.request is not None
        if self.refusal is not None:
            await client.close(*self.refusal)
        elif self.empty:
            await _empty_room(client)
        else:
            url = self.direct.replace("http", "ws", 1) + client.request.path
            headers: dict[str, str] = dict(self._headers)
            async with websockets.connect(
                url, additional_headers=headers, max_size=None, compression=None, proxy=None
            ) as server:
                tasks = [asyncio.ensure_future(self._up(client, server)), asyncio.ensure_future(_down(server, client))]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(self, client: ServerConnection, server: Any) -> None:
        async for message in client:
            if self.cut is not None and isinstance(message, bytes) and self.cut[2](message):
                code, reason, _, passed_on = self.cut
                self.cut = None
                if passed_on:
                    await server.send(message)
                    await asyncio.sleep(0.2)
                await client.close(code, reason)
                return
            await server.send(message)


async def _down(server: Any, client: ServerConnection) -> None:
    async for message in server:
        await client.send(message)


async def _empty_room(client: ServerConnection) -> None:
    """What a room is that has lost its content: in step with everybody, and with no cell."""
    doc: Doc[Any] = Doc()
    YNotebook(doc)
    await client.send(create_sync_message(doc))
    async for message in client:
        if isinstance(message, bytes) and message[0] == YMessageType.SYNC:
            reply = handle_sync_message(message[1:], doc)
            if reply is not None:
                await client.send(reply)


def is_update(message: bytes) -> bool:
    """Whether a message changes the document."""
    return message[0] == YMessageType.SYNC and message[1] == 2


def is_save(message: bytes) -> bool:
    """Whether a message has the server write the file."""
    return message[0] == RAW
