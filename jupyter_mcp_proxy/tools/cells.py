"""Changing cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import BaseModel, Field

from ..documents.cells import Cell, check_cell_type, insertion_index, replaced, unified
from ..documents.seen import unchanged
from ..errors import BadValue
from ..outputs.render import cut
from .call import Call
from .registry import CellRef, IfHash, Notebook, tool

if TYPE_CHECKING:
    from ..documents.editor import Editor
    from ..documents.seen import Seen

DELETED = 1000
"""Characters of the sources of deleted cells that are told."""

Position = Annotated[int, Field(description="Index that the new cell will have; -1 for the end")]
After = Annotated[int | str | None, Field(description="Put it behind this cell instead (id, prefix or index)")]
Kind = Annotated[str, Field(description="code, markdown or raw")]


class NewCell(BaseModel):
    """A cell to insert."""

    source: str
    cell_type: str = "code"


@tool("edit", "Insert cells")
async def insert_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    source: str | None = None,
    cell_type: Kind = "code",
    index: Position = -1,
    after: After = None,
    cells: Annotated[list[NewCell] | None, Field(description="Several, in this order, instead of source")] = None,
) -> str:
    """Insert one cell, or several in one call; returns their ids."""
    call = Call.of(ctx)
    if (source is None) == (cells is None):
        raise BadValue("source", source, "either source or cells")
    wanted = [NewCell(source=source or "", cell_type=cell_type)] if cells is None else cells
    kinds = [check_cell_type(cell.cell_type) for cell in wanted]
    document = await call.document(notebook)
    seen = call.seen(document)

    def insert(editor: Editor) -> list[tuple[str, int]]:
        first = insertion_place(editor, index, after, seen)
        return [
            (editor.insert(first + offset, kind, cell.source), first + offset)
            for offset, (cell, kind) in enumerate(zip(wanted, kinds, strict=True))
        ]

    inserted = await document.edit(insert, author=call.author)
    if inserted:
        call.at(document, inserted[-1][0])
    if len(inserted) > 1:
        call.concerns(cells=[cell for cell, _ in inserted])
    told = ", ".join(
        f"{kind} cell {cell} at index {place}" for kind, (cell, place) in zip(kinds, inserted, strict=True)
    )
    return f"Inserted {told or 'nothing'} ({document.guarantee})."


def insertion_place(editor: Editor, index: int, after: int | str | None, seen: Seen) -> int:
    """The index that a caller wants a new cell to have."""
    if after is not None:
        return seen.find(editor, after) + 1
    return insertion_index(len(editor.ids()), seen.place(editor, index))


@tool("edit", "Delete cells", destructive=True)
async def delete_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: Annotated[int | str | list[int | str], Field(description="Cell, or a list of cells")],
    if_hash: IfHash = None,
) -> str:
    """Delete one cell or several. Says what they held; undo_changes brings them back."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)
    wanted = cell if isinstance(cell, list) else [cell]
    if if_hash is not None and len(wanted) != 1:
        raise BadValue("if_hash", if_hash, "nothing where several cells are deleted")

    def delete(editor: Editor) -> list[Cell]:
        found = {each.id: each for each in (unchanged(editor, name, if_hash, seen) for name in wanted)}
        for each in sorted(found.values(), key=lambda each: -each.index):
            editor.delete(each.index)
        return sorted(found.values(), key=lambda each: each.index)

    gone = await document.edit(delete, author=call.author)
    if len(gone) == 1:
        call.concerns(cell=gone[0].id)
    budget = max(DELETED // max(1, len(gone)), 60)
    told = [f"── {each.index} {each.id} {each.type}\n{cut(each.source, budget, 'undo_changes')}" for each in gone[:20]]
    more = f"\n… and {len(gone) - 20} more" if len(gone) > 20 else ""
    return f"Deleted {len(gone)} cell(s); those behind moved up. They held:\n" + "\n".join(told) + more


@tool("edit", "Replace a cell's source", destructive=True, idempotent=True)
async def overwrite_cell_source(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    source: str,
    if_hash: IfHash = None,
    cell_type: Annotated[str | None, Field(description="Make it code, markdown or raw")] = None,
) -> str:
    """Replace a cell's whole source; outputs stay. Written as the smallest edits, beside a person who types."""
    call = Call.of(ctx)
    kind = None if cell_type is None else check_cell_type(cell_type)
    document = await call.document(notebook)
    seen = call.seen(document)

    def overwrite(editor: Editor) -> Cell:
        found = unchanged(editor, cell, if_hash, seen)
        if kind is not None and kind != found.type:
            editor.set_type(found.index, kind)
        editor.set_source(found.index, source)
        return editor.cell_at(found.index, outputs=False)

    written = await document.edit(overwrite, author=call.author)
    call.at(document, written.id)
    return f"Wrote {written.type} cell {written.id} (index {written.index}), now hash {written.hash}."


class Edit(BaseModel):
    """A text to find and what to put in its place."""

    old: str
    new: str
    replace_all: bool = False


@tool("edit", "Edit a cell", destructive=True)
async def edit_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    edits: Annotated[list[Edit], Field(description="Applied in order, all or none")],
    if_hash: IfHash = None,
) -> str:
    """Find and replace inside a cell: each `old` must occur exactly once unless replace_all. Returns the diff."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)

    def edit(editor: Editor) -> tuple[Cell, Cell]:
        found = unchanged(editor, cell, if_hash, seen)
        editor.set_source(found.index, replaced(found.source, [(e.old, e.new, e.replace_all) for e in edits]))
        return found, editor.cell_at(found.index, outputs=False)

    before, after = await document.edit(edit, author=call.author)
    call.at(document, after.id)
    diff = cut(unified(before.source, after.source), 2000, "read_cell") or "(nothing changed)"
    return f"Edited cell {after.id} (index {after.index}), now hash {after.hash}.\n{diff}"


@tool("edit", "Move a cell", idempotent=True)
async def move_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    index: Annotated[int, Field(description="Index that it will have; -1 for the end")] = -1,
    after: After = None,
) -> str:
    """Move a cell; its id, outputs and metadata stay."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)

    def move(editor: Editor) -> tuple[str, int, int]:
        ids = editor.ids()
        source = seen.find(editor, cell)
        if after is not None:
            behind = seen.find(editor, after)
            to = behind if source < behind else behind + 1 if source > behind else source
        else:
            to = insertion_index(len(ids) - 1, seen.place(editor, index))
        if to != source:
            editor.move(source, to)
        return ids[source], source, to

    moved, source, to = await document.edit(move, author=call.author)
    call.at(document, moved)
    return f"Moved cell {moved} from index {source} to {to}."


@tool("edit", "Clear outputs", destructive=True, idempotent=True)
async def clear_outputs(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cells: Annotated[list[int | str] | None, Field(description="All cells if left out")] = None,
) -> str:
    """Remove the outputs and execution counts of code cells."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)

    def clear(editor: Editor) -> int:
        indices = range(len(editor.ids())) if cells is None else sorted({seen.find(editor, cell) for cell in cells})
        cleared = 0
        for index in indices:
            cell = editor.cell_at(index, outputs=False)
            if cell.type == "code" and (cell.execution_count is not None or editor.has_outputs(index) != "none"):
                editor.set_outputs(index, [])
                editor.set_execution(index, None, False)
                cleared += 1
        return cleared

    return f"Cleared {await document.edit(clear, author=call.author)} cell(s)."
