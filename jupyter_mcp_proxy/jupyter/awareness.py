"""Who is in JupyterLab and which document each person has in front of them: the room of all of them.

The server forwards what its clients say and tells newcomers nothing, so a person becomes known with
their next sign of life, within 15 s of our joining.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress

import websockets
from pycrdt import Awareness, Doc, YMessageType, read_message

from ..errors import ServerUnreachable
from .presence import Presences
from .server import JupyterServer

log = logging.getLogger(__name__)

ROOM = "api/collaboration/room/JupyterLab:globalAwareness"


class GlobalAwareness:
    """The states of everybody in JupyterLab. An async context manager; we are nobody ourselves, and show agents."""

    def __init__(self, server: JupyterServer) -> None:
        self._server = server
        self._awareness = Awareness(Doc())
        self._awareness.set_local_state(None)
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self.presences = Presences(self._outgoing.put_nowait)
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = asyncio.Event()

    async def __aenter__(self) -> GlobalAwareness:
        try:
            self._connection = await self._stack.enter_async_context(self._server.websocket(ROOM))
        except (OSError, websockets.WebSocketException) as error:
            raise ServerUnreachable("Asking what people look at", str(error)) from error
        self._tasks = [
            asyncio.create_task(self._read(), name="global awareness"),
            asyncio.create_task(self._write(), name="global awareness, agents"),
            asyncio.create_task(self.presences.renew(), name="global awareness, presence"),
            asyncio.create_task(self._awareness.start(), name="global awareness, forgetting who left"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.presences.hide_all()
        if not self.closed.is_set():
            with suppress(asyncio.TimeoutError, websockets.WebSocketException):
                await asyncio.wait_for(self._outgoing.join(), 1)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        self.closed.set()

    def people(self) -> list[tuple[str, str | None]]:
        """Each person's name, with the path of the document in front of them (None for none)."""
        found = []
        for state in self._awareness.states.values():
            user = (state or {}).get("user")
            if user and not state.get("agent"):
                # `current` is a widget's id such as `notebook:RTC:folder/a.ipynb`.
                current = str(state.get("current") or "")
                path = current.rpartition(":")[2] or None
                found.append((str(user.get("display_name") or user.get("name") or "somebody"), path))
        return found

    async def _read(self) -> None:
        try:
            async for frame in self._connection:
                if isinstance(frame, bytes) and frame and frame[0] == YMessageType.AWARENESS:
                    self._awareness.apply_awareness_update(read_message(frame[1:]), self)
        except websockets.ConnectionClosed:
            log.debug("the room of all people was closed")
        finally:
            self.closed.set()

    async def _write(self) -> None:
        with suppress(websockets.ConnectionClosed):  # which `_read` tells
            while True:
                await self._connection.send(await self._outgoing.get())
                self._outgoing.task_done()
