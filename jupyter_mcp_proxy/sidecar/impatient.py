"""A connection that says nothing is closed: who holds many of them must not take the descriptors of those that do."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 5.0
"""Seconds until the head of a connection's first request must be here: our parent sends it at once."""


class ImpatientProtocol(H11Protocol):
    """uvicorn's (0.54), which waits for a first request for as long as a connection is open."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio."""
        super().connection_made(transport)
        self._impatience = self.loop.call_later(PATIENCE, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._impatience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()
