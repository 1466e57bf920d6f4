"""Somebody else in a room, as JupyterLab is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
from jupyter_ydoc import YNotebook
from pycrdt import Text, create_awareness_message

from harness import JupyterProcess
from jupyter_mcp_proxy.jupyter.room import Room
from jupyter_mcp_proxy.jupyter.server import JupyterServer


class Person:
    """Somebody else in the room, with a replica of their own."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.notebook: Any = YNotebook(room.doc, room.awareness)

    def source(self, cell: int = 0) -> str:
        return str(self.notebook.ycells[cell]["source"])

    def outputs(self, cell: int = 0) -> str:
        return "".join(str(output.get("text", "")) for output in self.notebook.ycells[cell]["outputs"].to_py())

    async def types(self, cell: int, text: str, at: int | None = None, pause: float = 0.0) -> None:
        """Type into a cell, a character at a time."""
        for character in text:
            source: Text = self.notebook.ycells[cell]["source"]
            end = len(str(source).encode())
            source.insert(end if at is None else at, character)
            if at is not None:
                at += len(character.encode())
            await anyio.sleep(pause)

    async def sees(self, condition: Any, seconds: float = 10) -> None:
        with anyio.fail_after(seconds):
            while not condition():
                await anyio.sleep(0.01)

    def insert(self, index: int, source: str, id: str) -> None:
        """Make a cell."""
        cell = {"id": id, "cell_type": "code", "source": source, "metadata": {}, "outputs": []}
        self.notebook.ycells.insert(index, self.notebook.create_ycell(cell))

    def delete(self, index: int) -> None:
        """Remove a cell."""
        del self.notebook.ycells[index]


@asynccontextmanager
async def person(server: JupyterProcess, name: str, shown: str | None = None) -> AsyncIterator[Person]:
    """A person in a notebook's room, shown there by that name."""
    async with JupyterServer(server.url, server.token) as api, Room(api, name) as room:
        if shown is not None:
            room.awareness.set_local_state({"user": {"name": shown, "display_name": shown}})
            room._outgoing.put_nowait(
                create_awareness_message(room.awareness.encode_awareness_update([room.awareness.client_id]))
            )
        yield Person(room)
