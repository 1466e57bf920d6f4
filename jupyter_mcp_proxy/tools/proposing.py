"""Edits that wait for a person: how an agent proposes them, and how a person accepts or rejects them.

What is accepted is made as an edit of that agent, so history, marks and undo have it as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import NotApplied, ProxyError

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..documents.editor import Editor
    from ..documents.proposals import Proposal, Proposals, Who
    from ..workspace import Workspace

T = TypeVar("T")

MOST_NAMED = 10
"""Cells that are named where there are many."""
PROPOSED = (
    "Proposed, not applied: a person reviews your edits first. You read the notebook with them; they run only once "
    "accepted, which you are told then. Proposed is:"
)
CLASHES = {
    "gone": "Its cell is not there any more; reject it.",
    "edited": "Somebody has changed the same lines since. What is shown would take the place of theirs.",
}
"""Why a proposal cannot be accepted as it is, said to a person."""
SHARED = "It belongs to another change that cannot be accepted as it is."


class _NothingToDo(ProxyError):
    """No proposal can be accepted as it is."""


async def propose(
    proposals: Proposals, who: Who, key: str, document: Document, change: Callable[[Editor], T]
) -> tuple[T, bool]:
    """Make a change to the client's draft of a notebook; its result, and whether anything is proposed by it."""
    from ..documents.draft import DraftEditor
    from ..documents.review import MADE

    def draft(editor: Editor) -> tuple[T, bool]:
        before = proposals.of(document.path, who)
        drafted = DraftEditor(editor, before, key)
        result = change(drafted)
        now = drafted.proposed_now()
        if now == before:
            return result, False
        known = {each.id for each in before.values()}
        proposals.propose(document.path, who, now)
        if (made := MADE.get()) is not None:
            made += [each.id for each in now.values() if each.id not in known]
        return result, True

    async with proposals.deciding:
        return await document.read(draft)


def summary(cells: Iterable[Proposal]) -> str:
    """What a client proposes in a notebook, behind the line that tells of the notebook; empty where that is nothing."""
    cells = list(cells)
    gone = [each.cell[:8] for each in cells if each.deletes]
    deleted = f", {', '.join(gone[:MOST_NAMED])}{' …' if gone[MOST_NAMED:] else ''} left out as deleted" if gone else ""
    return f"; as you propose it, not applied: {len(cells)} cells{deleted}" if cells else ""


def refuse_proposed(editor: Editor, cells: Iterable[str]) -> None:
    """NotApplied where a cell that is to run is only proposed so."""
    found = [cell[:8] for cell in cells if cell in editor.proposed]
    if found:
        raise NotApplied(f"Not run: {', '.join(found[:MOST_NAMED])} is proposed, not applied.")


def action(each: Proposal) -> str:
    """What a proposal would do to its cell, as the panel calls it."""
    if each.adds:
        return "added"
    if each.deletes:
        return "deleted"
    return "moved" if each.behind is not None and each.source == each.base and not each.type else "edited"


# -- what a person asks ---------------------------------------------------------------------------------


def waiting(workspace: Workspace) -> list[dict[str, Any]]:
    """All proposals, the oldest first, without what they say."""
    return [brief(path, who, each) for path, who, each in workspace.proposals.waiting]


def brief(path: str, who: Who, each: Proposal) -> dict[str, Any]:
    """A proposal as the list has it."""
    return {
        "id": each.id,
        "notebook": path,
        "client": who[0],
        "token": who[1] or None,
        "time": each.time,
        "undoable": False,
        "proposed": True,
        "cells": [{"cell": each.cell, "index": each.index, "action": action(each)}],
    }


async def whole(workspace: Workspace, id: str) -> dict[str, Any] | None:
    """A proposal with what its cell says now and would say; None where it does not wait any more.

    Where it clashes `clash` says how, and the cell would say what the agent has written.
    """
    from ..documents.draft import clash, stands

    found = next((one for one in workspace.proposals.waiting if one[2].id == id), None)
    if found is None:
        return None
    path, who, each = found
    document = await workspace.document(path)

    def look(editor: Editor) -> tuple[str | None, str | None]:
        ids = editor.ids()
        now = editor.cell_at(ids.index(each.cell), outputs=False).source if each.cell in ids else None
        return now, clash(editor, each)

    now, why = await document.read(look)
    after = None if each.deletes else each.source if each.adds or why or now is None else stands(each, now)
    shown = brief(path, who, each)
    shown["cells"][0].update(before=now, after=after, now=now)
    return shown | {"clash": CLASHES.get(why or "")}


async def accept(workspace: Workspace, ids: list[str], *, insist: bool) -> dict[str, Any]:
    """Make proposals of the notebooks, with those that they are tied to; which cells, and why others were left."""
    from ..documents.document import Author
    from ..documents.draft import accepted, clash, tied

    proposals = workspace.proposals
    cells: list[str] = []
    left: dict[str, str] = {}
    async with proposals.deciding:
        for path, who in dict.fromkeys((path, who) for path, who, each in proposals.waiting if each.id in ids):
            wanted = tied(proposals.of(path, who), ids)
            whys: dict[str, str] = {}

            def change(editor: Editor, wanted: list[Proposal] = wanted, whys: dict[str, str] = whys) -> list[Proposal]:
                whys.clear()
                whys.update({each.id: CLASHES[why] for each in wanted if (why := clash(editor, each)) is not None})
                made = accepted(editor, wanted, insist=insist)
                if not made:
                    raise _NothingToDo
                return made

            try:
                document = await workspace.document(path)
                workspace.hold(document)
                try:
                    done = await document.edit(change, author=Author(wanted[-1].key, *who))
                finally:
                    workspace.release(document)
            except _NothingToDo:
                done = []
            except ProxyError as error:
                done, whys = [], {each.id: str(error) for each in wanted}
            proposals.decided(path, who, done, "accepted")
            cells += [each.cell for each in done]
            left |= {each.id: whys.get(each.id, SHARED) for each in wanted if each not in done}
    return {"cells": cells, "left": left}


async def reject(workspace: Workspace, ids: list[str]) -> dict[str, Any]:
    """Drop proposals, with those that they are tied to."""
    from ..documents.draft import tied

    proposals = workspace.proposals
    cells: list[str] = []
    async with proposals.deciding:
        for path, who in dict.fromkeys((path, who) for path, who, each in proposals.waiting if each.id in ids):
            dropped = tied(proposals.of(path, who), ids)
            proposals.decided(path, who, dropped, "rejected")
            cells += [each.cell for each in dropped]
    return {"cells": cells, "left": {}}
