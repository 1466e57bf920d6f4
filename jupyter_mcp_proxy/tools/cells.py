"""Reading and changing cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp_types import ContentBlock
from pydantic import Field

from ..errors import BadValue, StaleCell
from ..notebook.cells import Cell, check_cell_type, insertion_index, short_ids
from ..notebook.render import cut, output_text
from .blocks import image_blocks, text_block
from .call import Call
from .registry import CellRef, IfHash, Notebook, OptionalNotebook, tool

if TYPE_CHECKING:
    from ..notebook.document import Editor

FIRST_LINE = 90
BRIEF = 400
"""Characters of output that `brief` shows of a cell."""

Position = Annotated[int, Field(description="Index that the new cell will have; -1 for the end")]
After = Annotated[int | str | None, Field(description="Put it behind this cell instead (id, prefix or index)")]
Kind = Annotated[str, Field(description="code, markdown or raw")]


def outline(editor: Editor, start: int, limit: int) -> tuple[str, int]:
    """One line a cell from `start` on (index, id, type, count, output, first line), and the number of all cells."""
    ids = editor.ids()
    short = short_ids(ids)
    lines = []
    for index in range(start, min(start + limit, len(ids))):
        cell = editor.cell_at(index, outputs=False)
        has = {"none": "", "output": " out", "error": " ERR"}[editor.has_outputs(index)]
        count = f" [{cell.execution_count}]" if cell.execution_count is not None else ""
        source = cell.source.strip("\n").split("\n")
        first = source[0] if len(source[0]) <= FIRST_LINE else source[0][: FIRST_LINE - 1] + "…"
        more = f"  +{len(source) - 1} lines" if len(source) > 1 else ""
        lines.append(f"{index} {short[index]} {cell.type}{count}{has}: {first}{more}")
    if start + limit < len(ids):
        lines.append(f"… {len(ids) - start - limit} more cells; list_cells with start={start + limit} shows them")
    return "\n".join(lines), len(ids)


@tool("read", "List cells")
async def list_cells(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    start: Annotated[int, Field(description="First index", ge=0)] = 0,
    limit: Annotated[int, Field(description="Most cells", ge=1, le=500)] = 100,
) -> str:
    """Outline of a notebook, a line a cell: index, id, type, [execution count], out or ERR, first line."""
    call = Call.of(ctx)
    path = call.workspace.named(call.client, notebook)
    document = await call.document(path)
    text, total = await document.read(lambda editor: outline(editor, start, limit))
    return f"{path}: {total} cells, {document.guarantee}\n{text}"


@tool("read", "Read a cell")
async def read_cell(
    ctx: Context[Any, Any],
    cell: CellRef,
    notebook: OptionalNotebook = None,
    outputs: Annotated[bool, Field(description="With its outputs")] = True,
) -> list[ContentBlock]:
    """Read one cell: its source with its hash, and its outputs as text and image."""
    call = Call.of(ctx)
    path = call.workspace.named(call.client, notebook)
    document = await call.document(path)
    found = await document.read(lambda editor: editor.cell(cell))
    handle = f"read_output(notebook={path!r}, cell={found.id!r})"
    budget = call.settings.output_budget
    blocks: list[ContentBlock] = [text_block(describe(found, handle, budget if outputs else 0))]
    return blocks + (image_blocks(found.outputs, handle) if outputs else [])


@tool("read", "Read cells")
async def read_cells(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    cells: Annotated[list[int | str] | None, Field(description="Ids, prefixes or indices; all if left out")] = None,
    outputs: Annotated[Literal["off", "brief", "full"], Field(description="How much of the outputs")] = "brief",
) -> str:
    """Read several cells in one call, sources with their hashes. Images are named; read_cell shows them."""
    call = Call.of(ctx)
    path = call.workspace.named(call.client, notebook)
    document = await call.document(path)
    wanted = await document.read(
        lambda editor: editor.cells() if cells is None else [editor.cell(cell) for cell in cells]
    )
    each = {"off": 0, "brief": BRIEF, "full": call.settings.output_budget}[outputs]
    left = call.settings.output_budget * (4 if outputs == "full" else 2)
    parts: list[str] = []
    for number, cell in enumerate(wanted):
        text = describe(cell, f"read_output(notebook={path!r}, cell={cell.id!r})", each)
        if left < len(text) and parts:
            rest = ", ".join(str(other.index) for other in wanted[number:][:50])
            parts.append(f"… {len(wanted) - number} cells left out for length: {rest}. Read them with `cells`.")
            break
        left -= len(text)
        parts.append(text)
    return "\n\n".join(parts) or "The notebook has no cells."


def describe(cell: Cell, handle: str, budget: int) -> str:
    """A cell as text: a headline, its source, and up to `budget` characters of its outputs."""
    count = f" [{cell.execution_count}]" if cell.execution_count is not None else ""
    text = f"── {cell.index} {cell.id} {cell.type}{count} hash {cell.hash}\n{cell.source}"
    if not cell.outputs or not budget:
        return text
    said = "\n".join(output_text(output).rstrip("\n") for output in cell.outputs)
    return f"{text}\n── output\n{cut(said, budget, handle)}"


@tool("edit", "Insert a cell")
async def insert_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    source: str,
    cell_type: Kind = "code",
    index: Position = -1,
    after: After = None,
) -> str:
    """Insert a cell and return its id."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    inserted, position = await document.edit(lambda editor: insert(editor, source, cell_type, index, after))
    document.present(call.client_name, inserted)
    return f"Inserted {cell_type} cell {inserted} at index {position} ({document.guarantee})."


def insert(editor: Editor, source: str, cell_type: str, index: int, after: int | str | None) -> tuple[str, int]:
    """Insert a cell where a caller wants it; its id and index."""
    kind = check_cell_type(cell_type)
    count = len(editor.ids())
    position = insertion_index(count, index) if after is None else editor.find(after) + 1
    return editor.insert(position, kind, source), position


@tool("edit", "Delete a cell", destructive=True)
async def delete_cell(ctx: Context[Any, Any], notebook: Notebook, cell: CellRef, if_hash: IfHash = None) -> str:
    """Delete a cell. Says what it held."""
    call = Call.of(ctx)
    document = await call.document(notebook)

    def delete(editor: Editor) -> Cell:
        found = unchanged(editor, cell, if_hash)
        editor.delete(found.index)
        return found

    gone = await document.edit(delete)
    return f"Deleted {gone.type} cell {gone.id} (index {gone.index}; those behind it moved up). It held:\n" + cut(
        gone.source, 1000, "nothing"
    )


@tool("edit", "Replace a cell's source", destructive=True, idempotent=True)
async def overwrite_cell_source(
    ctx: Context[Any, Any], notebook: Notebook, cell: CellRef, source: str, if_hash: IfHash = None
) -> str:
    """Replace a cell's whole source; outputs stay. Written as the smallest edits, beside a person who types."""
    call = Call.of(ctx)
    document = await call.document(notebook)

    def overwrite(editor: Editor) -> Cell:
        found = unchanged(editor, cell, if_hash)
        editor.set_source(found.index, source)
        return editor.cell_at(found.index, outputs=False)

    written = await document.edit(overwrite)
    document.present(call.client_name, written.id)
    return f"Wrote cell {written.id} (index {written.index}), now hash {written.hash}."


def unchanged(editor: Editor, cell: int | str, if_hash: str | None) -> Cell:
    """The cell that is meant, if its source is still the one that the caller read; StaleCell if not."""
    found = editor.cell_at(editor.find(cell), outputs=False)
    if if_hash is not None:
        if not if_hash.strip():
            raise BadValue("if_hash", if_hash, "the hash that read_cell showed, or nothing")
        if if_hash.strip() != found.hash:
            raise StaleCell(found.id, found.source, found.hash)
    return found
