"""Reading cells: the outline of a notebook, and cells with their sources and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp_types import ContentBlock
from pydantic import Field

from ..documents.cells import Cell, short_ids
from ..documents.headings import sections
from ..documents.metadata import shown as shown_metadata
from ..documents.sources import cut_within, excerpt
from ..errors import BadValue
from ..outputs.render import told
from ..outputs.text import output_text
from .blocks import text_block
from .call import Call
from .matching import first_lines
from .ours import heading
from .pictures import Shown, image_blocks
from .proposing import summary
from .registry import CellRef, Images, Index, OptionalNotebook, tool

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..documents.editor import Editor
    from ..execution.marks import CellMarks, Mark

FIRST_LINE = 90
BRIEF = 400
"""Characters of output that `brief` shows of a cell."""

Only = Literal["stale", "failed"]
OnlySome = Annotated[
    Only | None, Field(description="stale: edited since it ran, or not run in this kernel; failed: ERR")
]


def outline(
    editor: Editor,
    start: int,
    limit: int,
    marks: CellMarks,
    budget: int,
    found: Mapping[str, str] | None = None,
    only: Only | None = None,
) -> tuple[str, int]:
    """One line a cell from `start` on, in about `budget` characters, and the number of all cells.

    A line has index, short id, type, [execution count], what runs, output or error, and the first line of the source.
    A count is followed by * where the source is another than the kernel ran under it, by ? where the kernel is not
    known to have run it. With `found` only its cells, by their ids, with the line that it has; with `only` those that
    are stale or have failed.
    """
    ids = editor.ids()
    short = short_ids(ids)
    lines: list[str] = []
    for index in range(start, len(ids)):
        cell = editor.cell_at(index, outputs=False)
        if only is not None and not is_meant(editor, cell, marks, only):
            continue
        source = cell.source.strip("\n").split("\n")
        first = source[0]
        if found is not None:
            if cell.id not in found:
                continue
            first = found[cell.id]
        has = {"none": "", "output": " out", "error": " ERR"}[editor.has_outputs(index)]
        first = first if len(first) <= FIRST_LINE else first[: FIRST_LINE - 1] + "…"
        more = f"  +{len(source) - 1} lines" if len(source) > 1 else ""
        is_draft = " proposed" if cell.id in editor.proposed else ""
        line = f"{index} {short[index]} {cell.type}{marks.of(editor, cell)}{has}{is_draft}: {first}{more}"
        budget -= len(line) + 1
        if len(lines) == limit or (budget < 0 and lines):
            lines.append(f"… more cells; list_cells with start={index} shows them")
            break
        lines.append(line)
    return "\n".join(lines), len(ids)


def by_headings(editor: Editor, start: int, limit: int, budget: int) -> tuple[str, int]:
    """One line a heading from cell `start` on: its cells, and itself; and the number of all cells."""
    count = len(editor.ids())
    lines: list[str] = []
    for section in sections(editor.cells(outputs=False), count):
        if section.first < start:
            continue
        line = f"{section.first}-{section.last} {'#' * section.level} {section.title[:FIRST_LINE]}".replace("  ", " ")
        budget -= len(line) + 1
        if len(lines) == limit or (budget < 0 and lines):
            lines.append(f"… more headings; start={section.first} shows them")
            break
        lines.append(line)
    return "\n".join(lines), count


def is_meant(editor: Editor, cell: Cell, marks: CellMarks, only: Only) -> bool:
    """Whether a cell is one of those that are meant."""
    return editor.has_outputs(cell.index) == "error" if only == "failed" else marks.is_stale(editor, cell)


async def _found(call: Call, document: Document, start: int, search: str) -> dict[str, str]:
    """For each cell from an index on whose source or output has a line that matches, that line."""

    def texts(editor: Editor) -> dict[str, tuple[str, str]]:
        cells = (editor.cell_at(index) for index in range(start, len(editor.ids())))
        return {cell.id: (cell.source, "\n".join(map(output_text, cell.outputs))) for cell in cells}

    sources = await call.read(document, texts)
    lines = await first_lines("search", search, [text for both in sources.values() for text in both])
    found: dict[str, str] = {}
    for number, cell in enumerate(sources):
        if 2 * number in lines:
            found[cell] = lines[2 * number]
        elif 2 * number + 1 in lines:
            found[cell] = f"out> {lines[2 * number + 1]}"
    return found


async def _opened(ctx: Context[Any, Any], notebook: str | None) -> tuple[Call, str, Document, CellMarks]:
    """The call, and the notebook that it means: its path, its document, and the marks of its cells."""
    call = Call.of(ctx)
    path = call.workspace.users.named(call.client, notebook)
    document = await call.document(path)
    return call, document.path, document, call.workspace.marks.of(document)


@tool("read", "List cells", hint="outline or search the cells of a Jupyter notebook")
async def list_cells(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    start: Annotated[int, Field(description="First index", ge=0)] = 0,
    limit: Annotated[int, Field(description="Most cells", ge=1, le=500)] = 100,
    search: Annotated[str | None, Field(description="Only cells whose source or output matches this regex")] = None,
    only: OnlySome = None,
    headings: Annotated[bool, Field(description="Only Markdown headings, with their cells")] = False,
) -> str:
    """Outline of a notebook, a line a cell: index, id, type, [count] with * if edited since it ran and ? if not known
    to have run in this kernel, what runs or is queued, out or ERR, first line."""
    if headings and (search is not None or only is not None):
        raise BadValue("headings", headings, "false with search or only")
    call, path, document, marks = await _opened(ctx, notebook)
    budget = call.settings.output_budget
    found = None if search is None else await _found(call, document, start, search)
    text, total = await call.read(
        document,
        lambda editor: (
            by_headings(editor, start, limit, budget)
            if headings
            else outline(editor, start, limit, marks, budget, found, only)
        ),
    )
    none = "" if text or only is None else f"No cell is {only}." if only == "stale" else "No cell has failed."
    waits = summary(call.workspace.proposals.of(path, call.who).values())
    return f"{path}: {total} cells, {document.guarantee}{waits}\n{text}{none}"


@tool("read", "Read a cell")
async def read_cell(
    ctx: Context[Any, Any],
    cell: CellRef,
    notebook: OptionalNotebook = None,
    outputs: Annotated[bool, Field(description="With its outputs")] = True,
    offset: Annotated[int, Field(description="First line of the source, from 1; negative from the end")] = 1,
    limit: Annotated[int | None, Field(description="Most lines", ge=1)] = None,
    images: Images = "first",
) -> list[ContentBlock]:
    """Read one cell: source with its hash, metadata, and outputs as text and image."""
    call, path, document, marks = await _opened(ctx, notebook)
    seen = call.seen(document)

    def look(editor: Editor) -> tuple[Cell, Mark, str]:
        place = seen.named(editor, cell)
        return *with_mark(editor, editor.cell_at(place), marks), shown_metadata(editor.cell_metadata(place))

    found, mark, metadata = await call.read(document, look)
    call.concerns(cell=found.id, index=found.index)
    handle = f"read_output(notebook={path!r}, cell={found.id!r})"
    budget = call.settings.output_budget
    text = source_text(found, mark, path, budget, offset, limit)
    text += f"\n{heading('── metadata')} {cut_within(metadata, BRIEF)}" if metadata else ""
    text += outputs_text(found, mark, handle, budget if outputs else 0)
    blocks: list[ContentBlock] = [text_block(text)]
    return blocks + (await image_blocks([Shown(found.outputs, handle)], images) if outputs else [])


@tool("read", "Read cells", hint="read cells and outputs of a Jupyter notebook")
async def read_cells(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    cells: Annotated[list[Index | str] | None, Field(description="Else all")] = None,
    outputs: Annotated[Literal["off", "brief", "full"], Field(description="How much of the outputs")] = "brief",
    images: Images = "first",
) -> list[ContentBlock]:
    """Read several cells in one call, sources with their hashes."""
    call, path, document, marks = await _opened(ctx, notebook)
    seen = call.seen(document)

    def look(editor: Editor) -> list[tuple[Cell, Mark]]:
        found = editor.cells() if cells is None else [editor.cell_at(seen.named(editor, cell)) for cell in cells]
        return [with_mark(editor, cell, marks) for cell in found]

    wanted = await call.read(document, look)
    if cells is not None and len(wanted) == 1:
        call.concerns(cell=wanted[0][0].id, index=wanted[0][0].index)
    each = {"off": 0, "brief": BRIEF, "full": call.settings.output_budget}[outputs]
    budget = call.settings.output_budget
    left = budget * (4 if outputs == "full" else 2)
    parts: list[str] = []
    shown: list[Shown] = []
    for number, (cell, mark) in enumerate(wanted):
        handle = f"read_output(notebook={path!r}, cell={cell.id!r})"
        text = f"{source_text(cell, mark, path, budget)}{outputs_text(cell, mark, handle, each)}"
        if left < len(text) and parts:
            rest = ", ".join(str(other.index) for other, _ in wanted[number:][:50])
            parts.append(f"… {len(wanted) - number} cells left out for length: {rest}. Read them with `cells`.")
            break
        left -= len(text)
        parts.append(text)
        shown.append(Shown(cell.outputs, handle, f"cell {cell.index}"))
    blocks: list[ContentBlock] = [text_block("\n\n".join(parts) or "The notebook has no cells.")]
    return blocks + (await image_blocks(shown, images) if each else [])


def with_mark(editor: Editor, cell: Cell, marks: CellMarks) -> tuple[Cell, Mark]:
    """A cell and its mark."""
    return cell, marks.of(editor, cell)


def source_text(cell: Cell, mark: Mark, path: str, budget: int, offset: int = 1, limit: int | None = None) -> str:
    """A headline, and the cell's source in about `budget` characters. The hash is that of the whole source."""
    head = heading(f"── {cell.index} {cell.id} {cell.type}{mark} hash {cell.hash}")
    shown = excerpt(cell.source, budget, f"read_cell(notebook={path!r}, cell={cell.id!r})", offset, limit)
    if shown.text is not cell.source:
        head += " of the whole source"
    return f"{head}\n{shown}"


def outputs_text(cell: Cell, mark: Mark, handle: str, budget: int) -> str:
    """What a cell has put out, in up to `budget` characters, below a line of its own; empty where there is nothing."""
    if not cell.outputs or not budget:
        return ""
    stale = ", stale: the source was edited since" if mark.freshness == "*" else ""
    return f"\n{heading('── output')}{stale}\n{told(cell.outputs, budget, handle)}"
