"""Changing cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..documents.cells import CELL_TYPES, SHORT, Cell, check_cell_type, insertion_index, short_ids, source_hash
from ..documents.line_ends import like
from ..documents.protection import refuse_protected
from ..documents.replacing import Replacement, literal, replaced, unified
from ..documents.seen import unchanged
from ..errors import BadValue
from ..outputs.render import cut
from .arguments import Item
from .call import Call
from .expressions import Expressions
from .ours import heading
from .registry import CellRef, IfHash, Index, Notebook, tool

if TYPE_CHECKING:
    from ..documents.editor import Editor
    from ..documents.seen import Seen

DIFF, DIFFS = 2000, 6000
"""Characters of the diff of a cell, and of the diffs of all cells of a call, that are told."""
DELETED = 1000
"""Characters of the sources of deleted cells that are told."""

Position = Annotated[int, Field(description="Index that the new cell will have; -1: end")]
After = Annotated[Index | str | None, Field(description="Put it behind this cell instead")]
Kind = Annotated[str, Field(json_schema_extra={"enum": list(CELL_TYPES)})]
"""Checked by us: what is wrong is told with what was given."""


class NewCell(Item):
    """A cell to insert."""

    source: str
    cell_type: Kind = "code"
    after: Index | str | None = None


@tool("edit", "Insert cells", hint="add code or Markdown cells to a Jupyter notebook")
async def insert_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    source: Annotated[str | None, Field(description="Of one cell; or give cells")] = None,
    cell_type: Kind = "code",
    index: Position = -1,
    after: After = None,
    cells: Annotated[
        list[NewCell] | None,
        Field(description="Several instead of source, each with its `after`"),
    ] = None,
) -> str:
    """Insert one cell (source) or several (cells); returns ids and hashes."""
    call = Call.of(ctx)
    if (source is None) == (cells is None):
        raise BadValue("source", source, "either source or cells")
    wanted = [NewCell(source=source or "", cell_type=cell_type)] if cells is None else cells
    kinds = [check_cell_type(cell.cell_type) for cell in wanted]
    document = await call.document(notebook)
    seen = call.seen(document)

    def insert(editor: Editor) -> tuple[list[str], str]:
        first = insertion_place(editor, index, after, seen)
        ids = editor.ids()
        behind = [None if cell.after is None else ids[seen.find(editor, cell.after)] for cell in wanted]
        last: dict[str, str] = {}
        made: list[str] = []
        for cell, kind, anchor in zip(wanted, kinds, behind, strict=True):
            before = last.get(anchor, anchor) if anchor is not None else made[-1] if made else None
            made.append(editor.insert(first if before is None else editor.place(before) + 1, kind, cell.source))
            if anchor is not None:
                last[anchor] = made[-1]
        return made, listed(editor, made)

    inserted, told = await call.edit(document, insert)
    if inserted:
        call.at(document, inserted[-1])
    if len(inserted) > 1:
        call.concerns(cells=inserted)
    return f"Inserted {told or 'nothing'} ({document.guarantee})."


def listed(editor: Editor, cells: list[str]) -> str:
    """Cells as a client may name them next: type, short id, index and hash."""
    ids = editor.ids()
    short = short_ids(ids)
    places = [editor.place(cell) for cell in cells]
    return ", ".join(
        f"{cell.type} cell {short[cell.index]} at index {cell.index}, hash {cell.hash}"
        for cell in (editor.cell_at(place, outputs=False) for place in places)
    )


def insertion_place(editor: Editor, index: int, after: int | str | None, seen: Seen) -> int:
    """The index that a caller wants a new cell to have."""
    if after is not None:
        return seen.find(editor, after) + 1
    return insertion_index(len(editor.ids()), seen.place(editor, index))


@tool("edit", "Delete cells", destructive=True)
async def delete_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: Annotated[Index | str | list[Index | str], Field(description="Cell or cells")],
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
        for each in found.values():
            refuse_protected(editor, each, "deletable")
        for each in sorted(found.values(), key=lambda each: -each.index):
            editor.delete(each.index)
        return sorted(found.values(), key=lambda each: each.index)

    gone = await call.edit(document, delete)
    if len(gone) == 1:
        call.concerns(cell=gone[0].id, index=gone[0].index)
    budget = max(DELETED // max(1, len(gone)), 60)
    told = [
        heading(f"── {each.index} {each.id} {each.type}\n{cut(each.source, budget, 'undo_changes')}")
        for each in gone[:20]
    ]
    more = f"\n… and {len(gone) - 20} more" if len(gone) > 20 else ""
    return f"Deleted {len(gone)} cell(s); those behind moved up. They held:\n" + "\n".join(told) + more


@tool("edit", "Replace a cell's source", destructive=True, idempotent=True)
async def overwrite_cell_source(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    source: str,
    if_hash: IfHash = None,
    cell_type: Annotated[Kind | None, Field(description="Change its type")] = None,
) -> str:
    """Replace a cell's whole source; outputs stay. Returns the diff."""
    call = Call.of(ctx)
    kind = None if cell_type is None else check_cell_type(cell_type)
    document = await call.document(notebook)
    seen = call.seen(document)

    def overwrite(editor: Editor) -> tuple[Cell, Cell]:
        found = unchanged(editor, cell, if_hash, seen)
        refuse_protected(editor, found, "editable")
        if kind is not None and kind != found.type:
            editor.set_type(found.index, kind)
        editor.set_source(found.index, like(found.source, source))
        return found, editor.cell_at(found.index, outputs=False)

    before, written = await call.edit(document, overwrite)
    call.at(document, written.id)
    diff = cut(unified(before.source, written.source), DIFF, "read_cell") if before.source else ""
    told = f"Wrote {written.type} cell {written.id} (index {written.index}), now hash {written.hash}."
    return f"{told}\n{diff}".rstrip()


class Edit(Item):
    """A text to find and what to put in its place."""

    old: str
    new: str
    replace_all: bool = False
    cell: Annotated[Index | str | None, Field(description="Its own cell")] = None
    word: Annotated[bool, Field(description="Whole words only")] = False
    regex: Annotated[bool, Field(description=r"`old` is a regex, `new` may have \1")] = False


@tool("edit", "Edit cells", destructive=True, hint="find and replace in cells of a Jupyter notebook")
async def edit_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    edits: Annotated[list[Edit], Field(description="Made in order, all or none")],
    cell: Annotated[Index | str | None, Field(description="Cell of edits that name none; else all code cells")] = None,
    if_hash: IfHash = None,
    dry_run: Annotated[bool, Field(description="Only return the diff")] = False,
) -> str:
    """Find and replace in a cell, or over the notebook: each `old` must occur exactly once there unless replace_all.
    Returns the diff."""
    call = Call.of(ctx)
    if if_hash is not None and cell is None:
        raise BadValue("if_hash", if_hash, "nothing where no `cell` is given")
    if not edits:
        raise BadValue("edits", edits, "at least one edit; nothing was done")
    expressions = Expressions()
    made = [replacement(number, edit, expressions) for number, edit in enumerate(edits)]
    document = await call.document(notebook)
    seen = call.seen(document)

    def edited(editor: Editor) -> tuple[list[tuple[Cell, str]], int]:
        """The cells that are to change with their new sources."""
        cells: dict[str, Cell] = {}
        targets: list[list[str]] = []
        for edit in edits:
            name = cell if edit.cell is None else edit.cell
            if name is None:
                found = [each for each in editor.cells(outputs=False) if each.type == "code"]
            else:
                found = [unchanged(editor, name, if_hash if edit.cell is None else None, seen)]
            cells.update((each.id, each) for each in found)
            targets.append([each.id for each in found])
        sources = {id: each.source for id, each in cells.items()}
        new, count = replaced(sources, list(zip(made, targets, strict=True)))
        for each in cells.values():
            if new[each.id] != each.source:
                refuse_protected(editor, each, "editable")
        named = [each for each in cells.values() if cell is not None or new[each.id] != each.source]
        return [(each, new[each.id]) for each in sorted(named, key=lambda each: each.index)], count

    def write(editor: Editor) -> tuple[list[tuple[Cell, str]], int]:
        changed, count = expressions.known(lambda: edited(editor))
        for each, source in changed:
            editor.set_source(each.index, source)
        return changed, count

    found = await expressions.looked_up(partial(call.read, document), edited)
    changed, count = found if dry_run else await call.edit(document, write)
    if changed and not dry_run:
        call.at(document, changed[-1][0].id)
    if len(changed) > 1:
        call.concerns(cells=[each.id for each, _ in changed])
    return told_edits(changed, count, dry_run)


def told_edits(changed: list[tuple[Cell, str]], count: int, dry_run: bool) -> str:
    """What was changed, or would be, as a diff for each cell."""
    if len(changed) == 1:
        ((before, after),) = changed
        place = f"cell {before.id} (index {before.index})"
        diff = cut(unified(before.source, after), DIFF, "read_cell") or "(nothing changed)"
        said = f"Would edit {place}; nothing was written." if dry_run else ""
        return f"{said or f'Edited {place}, now hash {source_hash(after)}.'}\n{diff}"
    made = f"{len(changed)} cells, {count} replacement(s)"
    parts = [f"Would edit {made}; nothing was written." if dry_run else f"Edited {made}."]
    budget = max(DIFFS // max(1, len(changed)), 100)
    for before, after in changed:
        now = "" if dry_run else f" now hash {source_hash(after)}"
        parts.append(heading(f"── {before.index} {before.id[:SHORT]}{now}"))
        parts.append(cut(unified(before.source, after, around=0), budget, "read_cell"))
    return "\n".join(parts)


def replacement(number: int, edit: Edit, expressions: Expressions) -> Replacement:
    """What an edit finds, and what it puts there."""
    if edit.regex:
        find = expressions.find(f"edits[{number}]", edit.old, edit.new, word=edit.word)
    else:
        find = literal(edit.old, edit.new, word=edit.word)
    return Replacement(edit.old, find, edit.replace_all, edit.regex)


@tool("edit", "Move a cell", idempotent=True)
async def move_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    index: Annotated[int, Field(description="Index that it will have; -1: end")] = -1,
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

    moved, source, to = await call.edit(document, move)
    call.at(document, moved)
    return f"Moved cell {moved} from index {source} to {to}."


@tool("edit", "Clear outputs", destructive=True, idempotent=True)
async def clear_outputs(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cells: Annotated[list[Index | str] | None, Field(description="Else all")] = None,
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
                editor.labelled.add(cell.id)  # no source differs, and it can be taken back
                cleared += 1
        return cleared

    return f"Cleared {await call.edit(document, clear)} cell(s)."
