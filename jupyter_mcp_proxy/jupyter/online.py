"""Who is online in JupyterLab: the people, and the agents that we show beside them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ..errors import ProxyError
from .server import JupyterServer

if TYPE_CHECKING:
    from .awareness import GlobalAwareness

log = logging.getLogger(__name__)


class Online:
    """The room of all who are in JupyterLab, joined when it is first needed, and again where it was closed since.

    An async context manager.
    """

    def __init__(self, server: JupyterServer) -> None:
        self._server = server
        self._room: GlobalAwareness | None = None
        self._lock = asyncio.Lock()
        self._agents: dict[str, dict[str, Any]] = {}
        """What is shown of each agent."""
        self._joining: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Online:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        await self._leave()

    async def people(self) -> list[tuple[str, str | None]]:
        """Each person's name, with the path of the document in front of them (None for none)."""
        return (await self._joined()).people()

    def show(self, who: str, state: dict[str, Any]) -> None:
        """Show an agent among those who are online, or with another document. Nobody waits for that."""
        self._agents[who] = state
        if self._room is not None and not self._room.closed.is_set():
            self._room.presences.show(who, state)
        elif self._joining is None or self._joining.done():
            self._joining = asyncio.create_task(self._join(), name="joining those who are online")

    def hide(self, who: str) -> None:
        """An agent has gone."""
        if self._agents.pop(who, None) is not None and self._room is not None:
            self._room.presences.hide(who)

    async def _join(self) -> None:
        try:
            await self._joined()
        except ProxyError as error:
            log.debug("agents are not shown among those who are online: %s", error)

    async def _joined(self) -> GlobalAwareness:
        async with self._lock:
            if self._room is None or self._room.closed.is_set():
                from .awareness import GlobalAwareness

                await self._leave()
                self._room = await GlobalAwareness(self._server).__aenter__()
                for who, state in self._agents.items():
                    self._room.presences.show(who, state)
            return self._room

    async def _leave(self) -> None:
        if self._room is not None:
            await self._room.__aexit__(None, None, None)
            self._room = None
