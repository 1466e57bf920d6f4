"""What others do beside the agent, and taking back what it did itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..documents.history import OTHERS, OURSELVES, PUT_BACK, STRUCTURAL, summarize
from ..errors import NotApplied
from .call import Call
from .proposing import summary
from .registry import Notebook, OptionalNotebook, tool

if TYPE_CHECKING:
    from ..documents.history import Entry

MOST_ENTRIES = 100
FORGOTTEN = " (not those before its shared document was opened anew, as after renames on the disk)"


@tool("read", "What changed")
async def notebook_changes(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    since: Annotated[int, Field(description="Number of the last change you know; 0: all")] = 0,
) -> str:
    """Cells added, edited, deleted, moved and run since a change, by whom."""
    call = Call.of(ctx)
    path = call.workspace.users.named(call.client, notebook)
    document = await call.document(path)
    path = document.path
    history = await document.look_back()
    entries = history.since(since)
    people = ", ".join(document.people()) or "somebody else"
    lines = [describe(entry, people) for entry in entries[-MOST_ENTRIES:]]
    if len(entries) > MOST_ENTRIES:
        lines.insert(0, f"… {len(entries) - MOST_ENTRIES} older changes left out")
    known = "" if since == 0 or not entries or entries[0].number == since + 1 else " Older ones are not remembered."
    proposals = call.workspace.proposals
    lines += [
        f"{clock(each.time)} {each.verdict} {each.cell[:8]}, which you proposed"
        for each in proposals.outcomes(path, call.who)
    ]
    lines += [loss.line() for loss in document.overwritten]
    waits = summary(proposals.of(path, call.who).values())
    return "\n".join(
        [f"{path}: {len(entries)} changes after {since}, the last is {history.last}{waits}.{known}", *lines]
    )


def describe(entry: Entry, people: str) -> str:
    """One change as a line."""
    return f"{entry.number} {clock(entry.time)} {entry.action} {entry.index} {entry.cell[:8]} by {entry.who or people}"


def clock(at: float) -> str:
    """The time of day."""
    return datetime.fromtimestamp(at).strftime("%H:%M:%S")


@tool("edit", "Take back changes", destructive=True)
async def undo_changes(
    ctx: Context[Any, Any],
    notebook: Notebook,
    since: Annotated[
        int | None, Field(description="Number of a change of yours: it and all your later ones; else only the last")
    ] = None,
) -> str:
    """Take back your own edits; what people did since stays. Runs and files are not taken back."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    if call.proposes(document):
        proposals = call.workspace.proposals
        if since is None and proposals.take_back(document.path, call.who):
            return f"Took back what you proposed last{summary(proposals.of(document.path, call.who).values())}."
        raise NotApplied("Nothing was taken back: what is in the notebook is a person's to take back now.")
    entries = await document.undo(call.author, since)
    if not entries:
        why = FORGOTTEN if document.has_forgotten(call.author.key) else ""
        return f"There is no change of yours in {document.path} that could be taken back{why}; nothing was done."
    return f"Took back: {summarize(entries)}. The last change is now {document.history.last}."


@tool("read", "What people look at")
async def get_user_focus(ctx: Context[Any, Any]) -> str:
    """Which notebook and cell each person has in front of them. Needs jupyter-collaboration."""
    call = Call.of(ctx)
    workspace = call.workspace
    if not await workspace.has_collaboration():
        return "This server has no jupyter-collaboration, so what people look at is not known."
    lines = []
    for name, path in await workspace.focus():
        cell = ""
        if path is not None and path.endswith(".ipynb"):
            document = await workspace.document(path)
            found = await document.cursor_of(name)
            cell = (
                f", cell {found.index} {found.id[:8]}: {found.source.splitlines()[0][:80] if found.source else ''}"
                if found
                else ""
            )
        lines.append(f"{name}: {path or 'no document'}{cell}")
    return "\n".join(lines) or "Nobody has JupyterLab open on this server."


def notice(entries: list[Entry], number: int, client: str) -> str:
    """One line for any result: what others did since the client last looked; empty where they did nothing.

    Of other agents only what moves cells is told: who takes turns with another need not hear of each edit.
    """
    by: dict[str, list[Entry]] = {}
    for entry in entries:
        agent = entry.key not in (client, OURSELVES, PUT_BACK) and entry.action in STRUCTURAL
        if entry.key == OTHERS or agent:
            by.setdefault(entry.who or "a person", []).append(entry)
    if not by:
        return ""
    said = "; ".join(f"{who} {summarize(each)}" for who, each in by.items())
    return f"[Note: meanwhile {said}. notebook_changes(since={number}) has the details.]"
