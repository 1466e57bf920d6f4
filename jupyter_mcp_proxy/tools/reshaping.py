"""Splitting and merging cells, and their metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..documents.cells import check_cell_type, parts
from ..documents.line_ends import joined
from ..documents.metadata import shown, wrong_shape
from ..documents.protection import refuse_protected
from ..documents.seen import unchanged
from ..errors import BadValue
from ..outputs.render import cut
from .call import Call
from .cells import listed
from .registry import CellRef, IfHash, Index, Notebook, tool

if TYPE_CHECKING:
    from ..documents.editor import Editor

OF_ONE_CELL = frozenset({"nbgrader", "trusted"})
"""Metadata that the other parts of a split cell do not get: an identity, and Jupyter's own mark."""
OF_PEOPLE = frozenset({"deletable", "editable", "nbgrader", "trusted"})
"""Metadata that agents do not set: they protect a cell, or say that its outputs may run scripts."""
TOLD = 2000
"""Characters of metadata that are told."""


@tool("edit", "Split a cell")
async def split_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    at: Annotated[list[int], Field(description="Lines, from 2, that begin a new cell")],
    if_hash: IfHash = None,
) -> str:
    """Split a cell; the first part keeps its id and outputs."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)

    def split(editor: Editor) -> tuple[list[str], str]:
        found = unchanged(editor, cell, if_hash, seen)
        refuse_protected(editor, found, "editable")
        kind = check_cell_type(found.type)
        sources = parts(found.source, at)
        if editor.attachments(found.index):
            raise BadValue("cell", cell, "a cell without attached files: they would be in one part only")
        kept = {name: v for name, v in editor.cell_metadata(found.index).items() if name not in OF_ONE_CELL}
        editor.set_source(found.index, sources[0])
        made = [found.id]
        for index, source in enumerate(sources[1:], found.index + 1):
            made.append(editor.insert(index, kind, source))
            editor.set_cell_metadata(index, kept)
        return made, listed(editor, made)

    made, told = await call.edit(document, split)
    call.at(document, made[0])
    call.concerns(cells=made)
    return f"Split into {told}."


@tool("edit", "Merge cells", destructive=True)
async def merge_cells(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cells: Annotated[list[Index | str], Field(description="Of one type, one behind the other")],
    if_hash: Annotated[list[str] | None, Field(description="Hash of each")] = None,
) -> str:
    """Merge cells into the first, which keeps its id and outputs; the others go, with theirs."""
    call = Call.of(ctx)
    if if_hash is not None and len(if_hash) != len(cells):
        raise BadValue("if_hash", if_hash, f"as many hashes as cells, {len(cells)}, or nothing")
    hashes: list[str] | list[None] = if_hash or [None] * len(cells)
    document = await call.document(notebook)
    seen = call.seen(document)

    def merge(editor: Editor) -> tuple[str, str]:
        known = zip(cells, hashes, strict=True)
        places = sorted({unchanged(editor, cell, digest, seen).index for cell, digest in known})
        if len(places) < 2 or places != list(range(places[0], places[0] + len(places))):
            raise BadValue("cells", cells, "two or more cells, one behind the other (move_cell moves one)")
        found = [editor.cell_at(place, outputs=False) for place in places]
        if len({each.type for each in found}) > 1:
            raise BadValue("cells", cells, "cells of one type (overwrite_cell_source changes it)")
        if any(editor.attachments(each.index) for each in found[1:]):
            raise BadValue("cells", cells, "cells without attached files, but for the first")
        for each in found:
            refuse_protected(editor, each, "editable")
        for each in found[1:]:
            refuse_protected(editor, each, "deletable")
        editor.set_source(places[0], joined(each.source for each in found))
        for place in reversed(places[1:]):
            editor.delete(place)
        return found[0].id, listed(editor, [found[0].id])

    merged, told = await call.edit(document, merge)
    call.at(document, merged)
    return f"Merged into {told}."


@tool("edit", "Set a cell's metadata", destructive=True, idempotent=True)
async def set_cell_metadata(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    metadata: Annotated[dict[str, Any], Field(description="Only these names change; null removes one")],
) -> str:
    """Set metadata of a cell, such as {"tags": ["parameters"]}. read_cell shows them."""
    call = Call.of(ctx)
    refused = sorted(OF_PEOPLE & metadata.keys())
    if refused:
        raise BadValue("metadata", metadata, f"names without {', '.join(refused)}, which only people set")
    if expected := wrong_shape(metadata):
        raise BadValue("metadata", metadata, expected)
    document = await call.document(notebook)
    seen = call.seen(document)

    def label(editor: Editor) -> tuple[str, int, dict[str, Any]]:
        place = seen.find(editor, cell)
        editor.set_cell_metadata(place, metadata)
        return editor.ids()[place], place, editor.cell_metadata(place)

    labelled, place, now = await call.edit(document, label)
    call.at(document, labelled)
    return f"Cell {labelled} (index {place}) has the metadata {cut(shown(now) or '{}', TOLD, 'read_cell')}"
