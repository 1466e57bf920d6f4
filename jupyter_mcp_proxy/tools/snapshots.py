"""What a person does with the snapshots of notebooks: list them, compare one with what is there now, put it back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ..documents.restoring import differences
from ..documents.stored import of_cells
from ..errors import InvalidNotebook, ProxyError

if TYPE_CHECKING:
    from ..workspace import Workspace

MOST = 500
"""Snapshots that are listed, the newest."""
GONE = "There is no such snapshot any more: of each notebook the newest ten are kept."


async def listed(workspace: Workspace, notebook: str | None) -> list[dict[str, Any]]:
    """The snapshots of one notebook, or of all of this server, the newest first."""
    found = await asyncio.to_thread(workspace.snapshots.all)
    shown = [each for each in found if notebook in (None, each.notebook)]
    return [{"notebook": each.notebook, "time": each.time} for each in shown[:MOST]]


async def compared(workspace: Workspace, notebook: str, time: str) -> dict[str, Any] | None:
    """What putting a snapshot back would change; None where there is none."""
    content = await _content(workspace, notebook, time)
    if content is None:
        return None
    document = await workspace.document(notebook)
    cells = await document.read(lambda editor: differences(editor, content))
    return {"notebook": notebook, "time": time, "cells": cells}


async def restored(workspace: Workspace, notebook: str, time: str) -> dict[str, Any]:
    """Put a snapshot back. Says which cells have changed, and why none has where that cannot be."""
    try:
        content = await _content(workspace, notebook, time)
        if content is None:
            return {"cells": [], "why": GONE}
        document = await workspace.document(notebook)
        workspace.hold(document)
        try:
            return {"cells": await document.restore(content), "why": None}
        finally:
            workspace.release(document)
    except ProxyError as error:
        return {"cells": [], "why": str(error)}


async def _content(workspace: Workspace, notebook: str, time: str) -> dict[str, Any] | None:
    """What a snapshot holds; it is one of those that are listed, whatever is asked for."""

    def read() -> dict[str, Any] | None:
        for each in workspace.snapshots.all():
            if (each.notebook, each.time) == (notebook, time):
                return of_cells(notebook, json.loads(each.file.read_text(encoding="utf-8")))
        return None

    try:
        return await asyncio.to_thread(read)
    except (OSError, ValueError) as error:
        raise InvalidNotebook(notebook, f"its snapshot cannot be read: {error}") from error
