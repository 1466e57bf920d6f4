"""Entering a notebook's collaboration room, also where its file holds what no room can, or is another than it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..errors import NotShareable, ServerError
from ..jupyter.room import Room
from ..jupyter.server import JupyterServer
from .storable import Odd

UNANSWERED = 5.0
"""Seconds until a room is given up whose file has what the server cannot open."""
RELOAD_LOOKS, UNSEEN = 40, 15
"""Tenths of a second that a room may take to notice that its file is another, at all and by itself."""


async def entered(server: JupyterServer, path: str, odd: Odd | None) -> Room:
    """The room, entered. With what it cannot hold the server never answers, unless it has opened it before."""
    if odd is None or odd.loads:
        return await Room(server, path).__aenter__()
    try:
        return await Room(server, path, patience=UNANSWERED).__aenter__()
    except ServerError as error:
        cure = "JupyterLab cannot open it here either. A person must take that out of the file, or open it elsewhere"
        raise NotShareable(path, odd.where, cure) from error


async def reloaded(notebook: Any, content: dict[str, Any], touch: Callable[[], None], *, older: bool = False) -> None:
    """Wait until a room's notebook holds what the file does. One that all have left is kept for a minute, and
    jupyter-collaboration (4) looks each second whether its file was written by others since.

    Where the file is `older` than what was there it sees nothing, and would write what the room holds over it. It is
    told by `touch`; so it is where it has not looked in time, unless somebody types there.
    """
    wanted = [_text(cell["source"]) for cell in content.get("cells", [])]
    for look in range(RELOAD_LOOKS):
        if [str(cell["source"]) for cell in notebook.ycells] == wanted:
            break
        if (older and look == 0) or (not older and look == UNSEEN and not notebook.dirty):
            touch()
        await asyncio.sleep(0.1)


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
