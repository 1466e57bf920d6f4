"""Running code, waiting for it, and reading what it put out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ContentBlock
from pydantic import Field

from ..documents.cells import Cell, source_hash
from ..documents.seen import unchanged
from ..errors import BadValue, NotRun, ProxyError
from ..execution.batch import Batch
from ..outputs.rich import as_text, bundle, is_text
from ..outputs.text import output_text
from . import asking
from .allowing import Allowed, allowed
from .blocks import text_block
from .call import Call
from .cells import After, Position, insertion_place
from .following import Result, followed
from .matching import found_lines
from .notebooks import start_kernel, told_start
from .ours import heading
from .permission import Piece
from .pictures import Which, image_block
from .proposing import refuse_proposed
from .reading import OnlySome, is_meant
from .registry import CellRef, IfHash, Images, Index, Notebook, OptionalNotebook, Wait, tool

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..documents.editor import Editor
    from ..execution.kernels import KernelRef
    from ..outputs.changes import Output
    from ..outputs.transcript import Transcript

Code = Annotated[str, Field(description="In the kernel's language; %magics and !shell in IPython")]


@tool("run", "Run a cell", destructive=True, hint="run a cell of a Jupyter notebook")
async def execute_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cell: CellRef,
    wait: Wait = None,
    if_hash: IfHash = None,
    images: Images = "first",
    stdin: Annotated[list[str] | None, Field(description="Answers to input(), in order")] = None,
) -> Result:
    """Run a code cell in the notebook's kernel; outputs go into the notebook as they come and into the result."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)

    def look(editor: Editor) -> Cell:
        found = unchanged(editor, cell, if_hash, seen)
        refuse_proposed(editor, [found.id])
        return found

    found = await call.read(document, look)
    if found.type != "code":
        raise BadValue("cell", cell, f"a code cell; {found.id} is {found.type}")
    call.at(document, found.id)
    may = await allowed(call, document.path, [Piece(found.source, found.id, found.index)], stdin)
    return await run(call, document, found.source, found.id, wait, may, images=images, stdin=stdin)


@tool("run", "Insert and run a cell", destructive=True, hint="add code to a Jupyter notebook and run it")
async def insert_execute_code_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    source: Code,
    index: Position = -1,
    after: After = None,
    wait: Wait = None,
    images: Images = "first",
    stdin: list[str] | None = None,
) -> Result:
    """Insert a code cell and run it; the result has its id and its outputs."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    seen = call.seen(document)

    def insert(editor: Editor) -> tuple[str, int]:
        place = insertion_place(editor, index, after, seen)
        return editor.insert(place, "code", source), place

    told = "Inserted at index {}, hash {}"
    if call.proposes(document):
        inserted, place = await call.edit(document, insert)
        call.at(document, inserted)
        told = told.format(place, source_hash(source))
        return CallToolResult(content=[text_block(f"{told}, as cell {inserted}. Not run.")])
    may = await allowed(call, document.path, [Piece(source)], stdin)
    kernel = await start_kernel(call, document)  # one that will not start leaves no cell behind
    inserted, place = await call.edit(document, insert)
    call.at(document, inserted)
    told = f"{told.format(place, source_hash(source))}."
    try:
        return await run(call, document, source, inserted, wait, may, kernel, images, stdin=stdin, before=told)
    except ProxyError as error:
        raise NotRun(inserted, str(error)) from error


@tool("run", "Run code without a cell", destructive=True, hint="run Python or shell in a live Jupyter kernel")
async def execute_ipython(
    ctx: Context[Any, Any],
    notebook: Notebook,
    code: Code,
    wait: Wait = None,
    images: Images = "first",
    stdin: list[str] | None = None,
) -> Result:
    """Run code, magics or shell commands in the notebook's kernel without leaving a cell."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    may = await allowed(call, document.path, [Piece(code)], stdin)
    return await run(call, document, code, None, wait, may, images=images, stdin=stdin)


@tool("run", "Run cells", destructive=True, hint="run all cells of a Jupyter notebook")
async def run_cells(
    ctx: Context[Any, Any],
    notebook: Notebook,
    cells: Annotated[list[Index | str] | None, Field(description="Run in this order; else all")] = None,
    start: Annotated[Index | str | None, Field(description="First cell to run")] = None,
    until: Annotated[Index | str | None, Field(description="Last cell to run")] = None,
    only: OnlySome = None,
    stop_on_error: bool = True,
    restart_first: bool = False,
    outputs: Annotated[Literal["line", "brief"], Field(description="How much of each cell's outputs")] = "line",
    wait: Wait = None,
    images: Images = "first",
    stdin: list[str] | None = None,
) -> Result:
    """Run code cells one after the other; a line for each, and the traceback of what failed."""
    call = Call.of(ctx)
    for name, given in (("start", start), ("until", until)):
        if cells is not None and given is not None:
            raise BadValue(name, given, "nothing where `cells` are given")
    document = await call.document(notebook)
    marks, seen = call.workspace.marks.of(document), call.seen(document)

    def choose(editor: Editor) -> list[Cell]:
        first = 0 if start is None else seen.find(editor, start)
        end = len(editor.ids()) if until is None else seen.find(editor, until) + 1
        if end <= first and until is not None:
            raise BadValue("until", until, f"a cell that is not before `start`, which is {first}")
        wanted = range(first, end) if cells is None else [seen.find(editor, cell) for cell in cells]
        found = [editor.cell_at(index, outputs=False) for index in wanted]
        if only is not None and not (only == "stale" and restart_first):  # after a restart nothing is fresh
            found = [cell for cell in found if is_meant(editor, cell, marks, only)]
        code = [cell for cell in found if cell.type == "code" and (cells is not None or cell.source.strip())]
        tags = {cell.id: editor.tags(cell.index) for cell in code}
        may_fail.update(id for id, each in tags.items() if "raises-exception" in each)
        # Left out where a cell is named, too, as nbclient does: whoever wants it runs it with execute_cell.
        skipped.extend(cell.index for cell in code if "skip-execution" in tags[cell.id])
        chosen = [cell for cell in code if cell.index not in skipped]
        refuse_proposed(editor, [cell.id for cell in chosen])
        return chosen

    may_fail: set[str] = set()
    skipped: list[int] = []
    chosen = await call.read(document, choose)
    left_out = f"Left out, tagged skip-execution: {', '.join(map(str, skipped))}." if skipped else ""
    none = "" if only is None else f"Nothing was run: no code cell {'is stale' if only == 'stale' else 'has failed'}."
    if not chosen and (skipped or none):
        return CallToolResult(content=[text_block(left_out or none)])
    if not chosen:
        raise BadValue("cells", cells, "at least one code cell with a source")
    if len(chosen) == 1:
        call.concerns(cell=chosen[0].id, index=chosen[0].index)
    seconds = waiting(call, wait)
    await allowed(call, document.path, [Piece(cell.source, cell.id, cell.index) for cell in chosen], stdin)
    kernel = await start_kernel(call, document)
    if restart_first and not kernel.started:
        await call.workspace.kernels.restart(kernel.id)
        call.workspace.restarted(call.client, document.path)
    batch = await call.workspace.runner.start_batch(
        document,
        kernel.id,
        [(cell.id, cell.index, cell.source) for cell in chosen],
        stop_on_error=stop_on_error,
        may_fail=may_fail,
        can_ask=asking.can_be_asked(call),
    )
    batch.brief = outputs == "brief"
    answers = deque(stdin or [])
    for _, execution in batch.executions:
        execution.answers = answers
    before = f"{told_start(kernel)}\n{left_out}".strip()
    return await followed(call, batch, seconds, before=before, images=images)


@tool("read", "Wait for an execution")
async def wait_execution(
    ctx: Context[Any, Any],
    execution: Annotated[str, Field(description="Id that a run returned")],
    wait: Annotated[float | None, Field(description="Seconds to wait for its end (default 45)", ge=0, le=280)] = None,
    images: Images = "first",
) -> Result:
    """Wait for an execution and return what is new since you last asked. Cancelling this call stops nothing."""
    call = Call.of(ctx)
    found = call.execution(execution)
    return await followed(call, found, waiting(call, wait), started=False, images=images)


@tool("read", "Read output")
async def read_output(
    ctx: Context[Any, Any],
    execution: Annotated[str | None, Field(description="Id of an execution; else notebook and cell")] = None,
    notebook: OptionalNotebook = None,
    cell: Annotated[Index | str | None, Field(description="Cell whose stored outputs to read")] = None,
    offset: Annotated[int, Field(description="First character; negative from the end")] = 0,
    limit: Annotated[int | None, Field(description="Most characters", ge=1, le=100_000)] = None,
    grep: Annotated[str | None, Field(description="Only lines that match this regex, with their numbers")] = None,
    image: Annotated[int | None, Field(description="Show this image instead", ge=0)] = None,
    media: Annotated[str | None, Field(description="Read this media type of it instead")] = None,
) -> list[ContentBlock]:
    """Read an execution's or a cell's output piece by piece, search it, or see another of its images."""
    call = Call.of(ctx)
    most = limit or call.settings.output_budget
    if execution is not None:
        source = call.execution(execution)
        if isinstance(source, Batch):
            raise BadValue("execution", execution, "the id of one cell's execution, as run_cells lists them")
        transcript, outputs, handle = (
            source.log.transcript,
            source.shown,
            f"read_output(execution={source.id!r})",
        )
    elif cell is not None:
        from ..outputs.transcript import Transcript

        path = call.workspace.users.named(call.client, notebook)
        document = await call.document(path)
        seen = call.seen(document)
        read = await call.read(document, lambda editor: editor.cell_at(seen.named(editor, cell)))
        call.concerns(cell=read.id, index=read.index)
        transcript, outputs, handle = (
            Transcript(),
            read.outputs,
            f"read_output(notebook={path!r}, cell={read.id!r})",
        )
        for output in outputs:
            transcript.write_block(output_text(output))
    else:
        raise BadValue("execution", None, "an execution id, or a notebook and a cell")
    if image is not None:
        return await image_block(outputs, handle, image)
    if media is not None:
        transcript = stored_as(media, outputs)
        handle = f"{handle[:-1]}, media={media!r})"
    if grep is not None:
        return [text_block(await matching(transcript.lines(), grep, most))]
    total = len(transcript)
    start = max(0, total + offset) if offset < 0 else min(offset, total)
    text = transcript.read(start, most)
    end = start + len(text)
    rest = f"; {handle} with offset={end} goes on" if end < total else "; this is the end"
    return [text_block(f"{text}\n{heading('── characters')} {start} to {end} of {total}{rest}")]


def stored_as(media: str, outputs: Sequence[Output]) -> Transcript:
    """What outputs have of a media type, as text. Raises BadValue where that is none, or there is nothing."""
    from ..outputs.transcript import Transcript

    bundles = [bundle(output) for output in outputs]
    if not any(media in data for data in bundles):
        raise BadValue(
            "media", media, f"one of {', '.join(sorted({each for data in bundles for each in data})) or 'none'}"
        )
    if not is_text(media):
        raise BadValue("media", media, "a type of text. Images are shown by `image`; the resource of the output has it")
    transcript = Transcript()
    for data in bundles:
        if media in data:
            transcript.write_block(as_text(data[media]))
    return transcript


async def matching(lines: Iterable[str], pattern: str, budget: int) -> str:
    """The lines in which a regular expression is found, numbered from 1, within a budget of characters."""
    shown, total = await found_lines("grep", pattern, lines, budget)
    if not total:
        return f"No line matches {pattern!r}."
    more = total - len(shown)
    left = f"\n… {more} more lines match; a narrower pattern or a higher limit shows them" if more else ""
    return "\n".join(f"{number}: {piece}" for number, piece in shown) + left


# -- running and waiting, the same for all ------------------------------------------------------------


async def run(
    call: Call,
    document: Document,
    code: str,
    cell_id: str | None,
    wait: float | None,
    may: Allowed,
    kernel: KernelRef | None = None,
    images: Which = "first",
    stdin: Sequence[str] | None = None,
    before: str = "",
) -> Result:
    """Run code in a notebook's kernel and answer when it has ended, or after `wait` seconds.

    `may` says that nobody has to be asked any more. `kernel` is the notebook's, where whoever calls has asked for it.
    While the call waits, its cancellation stops the execution.
    """
    seconds = waiting(call, wait)
    kernel = kernel or await start_kernel(call, document)
    execution = call.workspace.runner.start(
        document.path, kernel.id, code, document, cell_id, can_ask=asking.can_be_asked(call)
    )
    execution.answers.extend(stdin or [])
    return await followed(call, execution, seconds, before=f"{told_start(kernel)}\n{before}".strip(), images=images)


def waiting(call: Call, wait: float | None) -> float:
    """The seconds that a call waits."""
    return call.settings.wait if wait is None else wait
