"""What a person does with the changes of agents: look at them, keep them, take them back.

They are taken back as `undo_changes` does it for the agent, so never with anything of a person's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import CannotUndo, ProxyError

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..documents.editor import Editor
    from ..documents.review import Change
    from ..workspace import Workspace

MOST = 500
"""Changes that are listed, the newest."""
GONE = "This can no longer be taken back here: it was taken back or kept, or the notebook was opened anew since."
PERSON = "a person"
"""How the history calls a person whose name Jupyter does not know."""


def waiting(workspace: Workspace) -> list[dict[str, Any]]:
    """The changes that no person has kept, the oldest first, without what they say."""
    found = [
        (change.time, brief(document, change)) for document in workspace.documents for change in document.review.changes
    ]
    return [shown for _, shown in sorted(found, key=lambda each: each[0])][-MOST:]


def brief(document: Document, change: Change) -> dict[str, Any]:
    """A change as the list has it."""
    return {
        "id": change.id,
        "notebook": document.path,
        "client": change.client,
        "token": change.token or None,
        "time": change.time,
        "undoable": change.number in document.undoable(change.key),
        "cells": [
            {"cell": piece.cell, "index": piece.index, "action": piece.action}
            for piece in change.pieces
            if piece.cell not in change.kept
        ],
    }


async def whole(workspace: Workspace, id: str) -> dict[str, Any] | None:
    """A change with what its cells said before and after it, and say now; None where it does not wait any more."""
    found = _find(workspace, id)
    if found is None:
        return None
    document, change = found
    wanted = {piece.cell for piece in change.pieces}

    def look(editor: Editor) -> dict[str, str]:
        there = enumerate(editor.ids())
        return {cell: editor.cell_at(index, outputs=False).source for index, cell in there if cell in wanted}

    now = await document.read(look)
    pieces = {piece.cell: piece for piece in change.pieces}
    shown = brief(document, change)
    for cell in shown["cells"]:
        piece = pieces[cell["cell"]]
        cell.update(before=piece.before, after=piece.after, now=now.get(piece.cell))
    return shown


async def saved(workspace: Workspace, path: str) -> str | None:
    """A person has just saved a notebook: the snapshot of what of agents' work is not in it, where there is such."""
    document = next((each for each in workspace.documents if each.path == path), None)
    if document is None:
        return None
    await document.look_back()
    loss = document.just_overwritten()
    return None if loss is None else loss.snapshot


def keep(workspace: Workspace, ids: list[str], cell: str | None) -> int:
    """Keep changes, or what they did to one cell; how many of them waited."""
    return sum(document.review.keep(id, cell) for document in workspace.documents for id in ids)


async def undo(workspace: Workspace, id: str, *, later: bool, by: str) -> dict[str, Any]:
    """Take a change back, with the later ones of its agent on the same cells, or with all `later` ones of it.

    Says which cells have changed, and why nothing more has where something is in the way.
    """
    found = _find(workspace, id)
    if found is None:
        return {"cells": [], "why": GONE}
    document, change = found
    from ..documents.document import Author

    author = Author(change.key, change.client, change.token)
    since, only = (change.number, None) if later else (None, change.number)
    workspace.hold(document)
    try:
        entries = await document.undo(author, since, only=only, by=by or PERSON)
    except CannotUndo as error:
        return {"cells": [], "why": explained(document, change.client, error)}
    except ProxyError as error:
        return {"cells": [], "why": str(error)}
    finally:
        workspace.release(document)
    cells = list(dict.fromkeys(entry.cell for entry in entries))
    return {"cells": cells, "why": None if cells or document.review.find(id) is None else GONE}


def explained(document: Document, client: str, error: CannotUndo) -> str:
    """Why a change cannot be taken back, said to a person: the error itself is written for the agent that made it."""
    order = document.history.order
    which = f"cell {order.index(error.cell)}" if error.cell in order else f"cell {error.cell[:8]}"
    reason = error.reason.replace("you left", f"{client} left")
    return f"Not taken back, so that nothing of anybody else's goes with it. In {which}: {reason}."


def _find(workspace: Workspace, id: str) -> tuple[Document, Change] | None:
    for document in workspace.documents:
        change = document.review.find(id)
        if change is not None:
            return document, change
    return None
