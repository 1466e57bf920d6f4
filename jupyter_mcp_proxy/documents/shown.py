"""The clients that work in a shared document, as others in its room see them."""

from __future__ import annotations

from typing import Any

from pycrdt import Array, Text

from ..jupyter.presence import Presences
from .document import Author
from .people import agent_state


class Shown:
    """Each client that works here: its name, and the cell that it works on."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, str | None]] = {}

    def put(self, who: Author, cell_id: str | None) -> None:
        """A client works here, in that cell; without one in the cell that it was in."""
        self._places[who.key] = (who.name, cell_id or self._places.get(who.key, ("", None))[1])

    def take(self, key: str) -> bool:
        """A client does not work here any more; whether it did."""
        return self._places.pop(key, None) is not None

    def announce(self, room: Presences, ids: list[str], cells: Array[Any], *keys: str) -> None:
        """Say in the room where these clients are, or all of them."""
        for key in keys or self._places:
            name, cell_id = self._places[key]
            source: Text | None = cells[ids.index(cell_id)]["source"] if cell_id in ids else None
            room.show(key, agent_state(name, cell_id, source))
