"""Reading and changing cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import regex
from mcp.server.mcpserver import Context
from mcp_types import ContentBlock
from pydantic import BaseModel, Field

from ..documents.cells import Cell, check_cell_type, insertion_index, replaced, short_ids, unified
from ..errors import BadValue, StaleCell
from ..outputs.render import cut, told
from .blocks import text_block
from .call import Call
from .pictures import Shown, image_blocks
from .registry import CellRef, IfHash, Images, Notebook, OptionalNotebook, tool

if TYPE_CHECKING:
    from ..documents.editor import Editor

FIRST_LINE = 90
BRIEF = 400
"""Characters of output that `brief` shows of a cell."""

Position = Annotated[int, Field(description="Index that the new cell will have; -1 for the end")]
After = Annotated[int | str | None, Field(description="Put it behind this cell instead (id, prefix or index)")]
Kind = Annotated[str, Field(description="code, markdown or raw")]


def outline(editor: Editor, start: int, limit: int, ran: dict[int, str], search: str | None = None) -> tuple[str, int]:
    """One line a cell from `start` on, and the number of all cells.

    A line has index, short id, type, [execution count], output or error, and the first line of the source. A count
    is followed by * where the source is another than the kernel ran under it, by ? where the kernel is not
    known to have run it. With `search` only the cells whose source matches, with the line that does.
    """
    pattern = None if search is None else compiled(search)
    ids = editor.ids()
    short = short_ids(ids)
    lines: list[str] = []
    for index in range(start, len(ids)):
        cell = editor.cell_at(index, outputs=False)
        source = cell.source.strip("\n").split("\n")
        first = source[0]
        if pattern is not None:
            found = next((line for line in source if pattern.search(line, timeout=1)), None)
            if found is None:
                continue
            first = found
        if len(lines) == limit:
            lines.append(f"… more cells; list_cells with start={index} shows them")
            break
        has = {"none": "", "output": " out", "error": " ERR"}[editor.has_outputs(index)]
        first = first if len(first) <= FIRST_LINE else first[: FIRST_LINE - 1] + "…"
        more = f"  +{len(source) - 1} lines" if len(source) > 1 else ""
        lines.append(f"{index} {short[index]} {cell.type}{_count(cell, ran)}{has}: {first}{more}")
    return "\n".join(lines), len(ids)


def _count(cell: Cell, ran: dict[int, str]) -> str:
    if cell.execution_count is None:
        return ""
    code = ran.get(cell.execution_count)
    mark = "?" if code is None else "" if code.rstrip() == cell.source.rstrip() else "*"
    return f" [{cell.execution_count}]{mark}"


def compiled(expression: str) -> regex.Pattern[str]:
    """A regular expression, or BadValue saying what is wrong with it."""
    try:
        return regex.compile(expression)
    except regex.error as error:
        raise BadValue("search", expression, f"a regular expression ({error})") from error


@tool("read", "List cells")
async def list_cells(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    start: Annotated[int, Field(description="First index", ge=0)] = 0,
    limit: Annotated[int, Field(description="Most cells", ge=1, le=500)] = 100,
    search: Annotated[str | None, Field(description="Only cells whose source matches this regex")] = None,
) -> str:
    """Outline of a notebook, a line a cell: index, id, type, [execution count] with * if edited since it ran and ? if
    not known to have run in this kernel, out or ERR, first line."""
    call = Call.of(ctx)
    path = call.workspace.named(call.client, notebook)
    document = await call.document(path)
    ran = call.workspace.kernels.ran(path)
    text, total = await document.read(lambda editor: outline(editor, start, limit, ran, search))
    return f"{path}: {total} cells, {document.guarantee}\n{text}"


@tool("read", "Read a cell")
async def read_cell(
    ctx: Context[Any, Any],
    cell: CellRef,
    notebook: OptionalNotebook = None,
    outputs: Annotated[bool, Field(description="With its outputs")] = True,
    images: Images = "first",
) -> list[ContentBlock]:
    """Read one cell: its source with its hash, and its outputs as text and image."""
    call = Call.of(ctx)
    path = call.workspace.named(call.client, notebook)
    document = await call.document(path)
    found = await document.read(lambda editor: editor.cell(cell))
    call.concerns(cell=found.id)
    handle = f"read_output(notebook={path!r}, cell={found.id!r})"
    budget = call.settings.output_budget
    blocks: list[ContentBlock] = [text_block(describe(found, handle, budget if outputs else 0))]
    return blocks + (await image_blocks([Shown(found.outputs, handle)], images) if outputs else [])


@tool("read", "Read cells")
async def read_cells(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    cells: Annotated[list[int | str] | None, Field(description="Ids, prefixes or indices; all if left out")] = None,
    outputs: Annotated[Literal["off", "brief", "full"], Field(description="How much of the outputs")] = "brief",
    images: Images = "first",
) -> list[ContentBlock]:
    """Read several cells in one call, sources with their hashes."""
    call = Call.of(ctx)
    path = call.workspace.named(call.client, notebook)
    document = await call.document(path)
    wanted = await document.read(
        lambda editor: editor.cells() if cells is None else [editor.cell(cell) for cell in cells]
    )
    if cells is not None and len(wanted) == 1:
        call.concerns(cell=wanted[0].id)
    each = {"off": 0, "brief": BRIEF, "full": call.settings.output_budget}[outputs]
    left = call.settings.output_budget * (4 if outputs == "full" else 2)
    parts: list[str] = []
    shown: list[Shown] = []
    for number, cell in enumerate(wanted):
        handle = f"read_output(notebook={path!r}, cell={cell.id!r})"
        text = describe(cell, handle, each)
        if left < len(text) and parts:
            rest = ", ".join(str(other.index) for other in wanted[number:][:50])
            parts.append(f"… {len(wanted) - number} cells left out for length: {rest}. Read them with `cells`.")
            break
        left -= len(text)
        parts.append(text)
        shown.append(Shown(cell.outputs, handle, f"cell {cell.index}"))
    blocks: list[ContentBlock] = [text_block("\n\n".join(parts) or "The notebook has no cells.")]
    return blocks + (await image_blocks(shown, images) if each else [])


def describe(cell: Cell, handle: str, budget: int) -> str:
    """A cell as text: a headline, its source, and up to `budget` characters of its outputs."""
    count = f" [{cell.execution_count}]" if cell.execution_count is not None else ""
    text = f"── {cell.index} {cell.id} {cell.type}{count} hash {cell.hash}\n{cell.source}"
    if not cell.outputs or not budget:
        return text
    return f"{text}\n── output\n{told(cell.outputs, budget, handle)}"


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

    def insert(editor: Editor) -> list[tuple[str, int]]:
        first = insertion_place(editor, index, after)
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


def insertion_place(editor: Editor, index: int, after: int | str | None) -> int:
    """The index that a caller wants a new cell to have."""
    return insertion_index(len(editor.ids()), index) if after is None else editor.find(after) + 1


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
    wanted = cell if isinstance(cell, list) else [cell]
    if if_hash is not None and len(wanted) != 1:
        raise BadValue("if_hash", if_hash, "nothing where several cells are deleted")

    def delete(editor: Editor) -> list[Cell]:
        found = {each.id: each for each in (unchanged(editor, name, if_hash) for name in wanted)}
        for each in sorted(found.values(), key=lambda each: -each.index):
            editor.delete(each.index)
        return sorted(found.values(), key=lambda each: each.index)

    gone = await document.edit(delete, author=call.author)
    if len(gone) == 1:
        call.concerns(cell=gone[0].id)
    budget = 1000 // max(1, len(gone))
    told = [f"── {each.index} {each.id} {each.type}\n{cut(each.source, budget, 'undo_changes')}" for each in gone]
    return f"Deleted {len(gone)} cell(s); those behind moved up. They held:\n" + "\n".join(told)


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

    def overwrite(editor: Editor) -> Cell:
        found = unchanged(editor, cell, if_hash)
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

    def edit(editor: Editor) -> tuple[Cell, Cell]:
        found = unchanged(editor, cell, if_hash)
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

    def move(editor: Editor) -> tuple[str, int, int]:
        ids = editor.ids()
        source = editor.find(cell)
        if after is not None:
            behind = editor.find(after)
            to = behind if source < behind else behind + 1 if source > behind else source
        else:
            to = insertion_index(len(ids) - 1, index)
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

    def clear(editor: Editor) -> int:
        indices = range(len(editor.ids())) if cells is None else sorted({editor.find(cell) for cell in cells})
        cleared = 0
        for index in indices:
            cell = editor.cell_at(index, outputs=False)
            if cell.type == "code" and (cell.execution_count is not None or editor.has_outputs(index) != "none"):
                editor.set_outputs(index, [])
                editor.set_execution(index, None, False)
                cleared += 1
        return cleared

    return f"Cleared {await document.edit(clear, author=call.author)} cell(s)."


def unchanged(editor: Editor, cell: int | str, if_hash: str | None) -> Cell:
    """The cell that is meant, if its source is still the one that the caller read; StaleCell if not."""
    found = editor.cell_at(editor.find(cell), outputs=False)
    if if_hash is not None:
        if not if_hash.strip():
            raise BadValue("if_hash", if_hash, "the hash that read_cell showed, or nothing")
        if if_hash.strip() != found.hash:
            raise StaleCell(found.id, found.source, found.hash)
    return found
