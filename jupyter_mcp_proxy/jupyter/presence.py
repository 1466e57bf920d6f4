"""Who is shown in a collaboration room. Each agent is somebody of its own, as each person's browser is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pycrdt import Awareness, Doc, create_awareness_message

RENEWAL = 15.0
"""Seconds between two signs of life; who gives none for 30 s is taken for gone (y-protocols, `awareness.js`)."""


class Presences:
    """Those whom one connection shows in its room; `send` takes the messages that say so."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._shown: dict[str, Awareness] = {}

    def show(self, who: str, state: dict[str, Any]) -> None:
        """Show somebody, or show them in another place. Says nothing where nothing has changed."""
        awareness = self._shown.get(who)
        if awareness is None:
            awareness = self._shown[who] = Awareness(Doc())
        if awareness.get_local_state() != state:
            self._say(awareness, state)

    def hide(self, who: str) -> None:
        """Let somebody leave; others would see them for 30 s more."""
        awareness = self._shown.pop(who, None)
        if awareness is not None:
            self._say(awareness, None)

    def hide_all(self) -> None:
        """Let everybody leave."""
        for who in list(self._shown):
            self.hide(who)

    async def renew(self) -> None:
        """Give a sign of life of everybody, until cancelled."""
        while True:
            await asyncio.sleep(RENEWAL)
            for awareness in self._shown.values():
                self._say(awareness, awareness.get_local_state())

    def _say(self, awareness: Awareness, state: dict[str, Any] | None) -> None:
        awareness.set_local_state(state)
        self._send(create_awareness_message(awareness.encode_awareness_update([awareness.client_id])))
