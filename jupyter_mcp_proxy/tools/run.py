"""Running code, waiting for it, and reading what it put out."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ContentBlock
from pydantic import Field

from ..errors import BadValue
from ..notebook.executions import Execution, State
from ..notebook.render import output_text
from .blocks import execution_blocks, image_blocks, text_block
from .call import Call
from .cells import After, Position, insert, unchanged
from .notebooks import start_kernel
from .registry import CellRef, IfHash, Notebook, OptionalNotebook, Wait, tool

if TYPE_CHECKING:
    from ..notebook.document import Document

PROGRESS_EVERY = 5.0
"""Seconds after which a waiting call reports, though nothing came: clients give up on a silent one."""
PROGRESS_SPACING = 0.1
MOST_LINES = 500

Code = Annotated[str, Field(description="In the kernel's language; %magics and !shell in IPython")]


@tool("run", "Run a cell", destructive=True)
async def execute_cell(
    ctx: Context[Any, Any], notebook: Notebook, cell: CellRef, wait: Wait = None, if_hash: IfHash = None
) -> CallToolResult:
    """Run a code cell in the notebook's kernel; outputs go into the notebook as they come and into the result."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    found = await document.read(lambda editor: unchanged(editor, cell, if_hash))
    if found.type != "code":
        raise BadValue("cell", cell, f"a code cell; {found.id} is {found.type}")
    document.present(call.client_name, found.id)
    return await run(call, document, found.source, found.id, wait)


@tool("run", "Insert and run a cell", destructive=True)
async def insert_execute_code_cell(
    ctx: Context[Any, Any],
    notebook: Notebook,
    source: Code,
    index: Position = -1,
    after: After = None,
    wait: Wait = None,
) -> CallToolResult:
    """Insert a code cell and run it; the result has its id and its outputs."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    await start_kernel(call, document)  # a kernel that will not start leaves no cell behind
    inserted, _ = await document.edit(lambda editor: insert(editor, source, "code", index, after))
    document.present(call.client_name, inserted)
    return await run(call, document, source, inserted, wait)


@tool("run", "Run code without a cell", destructive=True)
async def execute_ipython(ctx: Context[Any, Any], notebook: Notebook, code: Code, wait: Wait = None) -> CallToolResult:
    """Run code, magics or shell commands in the notebook's kernel without leaving a cell."""
    call = Call.of(ctx)
    return await run(call, await call.document(notebook), code, None, wait)


@tool("read", "Wait for an execution")
async def wait_execution(
    ctx: Context[Any, Any],
    execution: Annotated[str, Field(description="Id that a run returned")],
    wait: Wait = None,
) -> CallToolResult:
    """Wait for an execution and return what is new since you last asked. Cancelling this call stops nothing."""
    call = Call.of(ctx)
    found = call.workspace.runner.get(execution)
    await follow(call, found, _wait(call, wait))
    return result(call, found, new_only=True)


@tool("read", "Read output")
async def read_output(
    ctx: Context[Any, Any],
    execution: Annotated[str | None, Field(description="Id of an execution; else notebook and cell")] = None,
    notebook: OptionalNotebook = None,
    cell: Annotated[int | str | None, Field(description="Cell whose stored outputs to read")] = None,
    offset: Annotated[int, Field(description="First character; negative from the end")] = 0,
    limit: Annotated[int | None, Field(description="Most characters", ge=1, le=100_000)] = None,
    grep: Annotated[
        str | None, Field(description="Regular expression; only lines that match, with their numbers")
    ] = None,
    image: Annotated[int | None, Field(description="Show this image of the output instead", ge=0)] = None,
) -> list[ContentBlock]:
    """Read an execution's or a cell's output piece by piece, search it, or see another of its images."""
    call = Call.of(ctx)
    most = limit or call.settings.output_budget
    if execution is not None:
        source = call.workspace.runner.get(execution)
        transcript, outputs, handle = (
            source.log.transcript,
            source.log.outputs,
            f"read_output(execution={source.id!r})",
        )
    elif cell is not None:
        from ..notebook.outputs import Transcript

        path = call.workspace.named(call.client, notebook)
        found = await (await call.document(path)).read(lambda editor: editor.cell(cell))
        transcript, outputs, handle = (
            Transcript(),
            found.outputs,
            f"read_output(notebook={path!r}, cell={found.id!r})",
        )
        for output in outputs:
            transcript.write_block(output_text(output))
    else:
        raise BadValue("execution", None, "an execution id, or a notebook and a cell")
    if image is not None:
        return image_blocks(outputs, handle, image) or [text_block("There is no image in this output.")]
    if grep is not None:
        return [text_block(matching(transcript.lines(), grep, most))]
    total = len(transcript)
    start = max(0, total + offset) if offset < 0 else min(offset, total)
    text = transcript.read(start, most)
    end = start + len(text)
    rest = f"; {handle} with offset={end} goes on" if end < total else "; this is the end"
    return [text_block(f"{text}\n── characters {start} to {end} of {total}{rest}")]


def matching(lines: Any, pattern: str, budget: int) -> str:
    """The lines in which a regular expression is found, numbered from 1, within a budget of characters."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise BadValue("grep", pattern, f"a regular expression ({error})") from error
    shown: list[str] = []
    found = 0
    for number, line in enumerate(lines, 1):
        match = expression.search(line)
        if match is None:
            continue
        found += 1
        piece = line if len(line) <= MOST_LINES else "…" + line[max(0, match.start() - 100) :][:MOST_LINES] + "…"
        entry = f"{number}: {piece}"
        if budget >= len(entry):
            shown.append(entry)
            budget -= len(entry) + 1
        else:
            budget = 0
    left = (
        f"\n… {found - len(shown)} more lines match; a narrower pattern or a higher limit shows them"
        if found > len(shown)
        else ""
    )
    return ("\n".join(shown) + left) or f"No line matches {pattern!r}."


# -- running and waiting, the same for all ------------------------------------------------------------


async def run(call: Call, document: Document, code: str, cell_id: str | None, wait: float | None) -> CallToolResult:
    """Run code in a notebook's kernel and answer when it has ended, or after `wait` seconds.

    While the call waits, its cancellation stops the execution.
    """
    seconds = _wait(call, wait)
    kernel = await start_kernel(call, document)
    execution = call.workspace.runner.start(document.path, kernel.id, code, document, cell_id)
    try:
        still_there = await follow(call, execution, seconds)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await call.workspace.runner.interrupt(execution)
        raise
    if not still_there:
        await call.workspace.runner.interrupt(execution)
        await execution.finished.wait()
    started = f"Started kernel {kernel.name} ({kernel.id}) for this notebook." if kernel.started else ""
    return result(call, execution, before=started)


async def follow(call: Call, execution: Execution, seconds: float) -> bool:
    """Wait until an execution has ended and its outputs are in the notebook, or for `seconds`, reporting progress.

    Returns False as soon as the client is gone.
    """
    started = reported_at = time.monotonic()
    told = 0
    written = asyncio.ensure_future(execution.written.wait())
    gone = asyncio.ensure_future(call.gone.wait()) if call.gone is not None else None
    changed = asyncio.ensure_future(execution.changed(execution.version))
    try:
        while True:
            now = time.monotonic()
            left = started + seconds - now
            spacing = reported_at + PROGRESS_SPACING - now
            waits = {written, *([gone] if gone else []), *([] if spacing > 0 else [changed])}
            pause = spacing if spacing > 0 else reported_at + PROGRESS_EVERY - now
            await asyncio.wait(waits, timeout=max(0.0, min(pause, left)), return_when=asyncio.FIRST_COMPLETED)
            now = time.monotonic()
            if written.done() or now - started >= seconds:
                return True
            if gone is not None and gone.done():
                return False
            news = False
            if spacing <= 0 and changed.done():
                changed = asyncio.ensure_future(execution.changed(changed.result()))
                news = len(execution.log.transcript) != told
            if news or now - reported_at >= PROGRESS_EVERY:
                told = len(execution.log.transcript)
                reported_at = now
                await report(call, execution)
    finally:
        for task in (written, gone, changed):
            if task is not None:
                task.cancel()


async def report(call: Call, execution: Execution) -> None:
    """One event of progress: the seconds so far and the last line printed."""
    if execution.state is State.QUEUED:
        message = f"queued behind {execution.ahead}" if execution.ahead else "starting"
    else:
        message = execution.last_line() or f"running for {execution.seconds:.0f} s"
    await call.ctx.report_progress(round(time.time() - execution.queued_at, 3), None, message)


def result(call: Call, execution: Execution, *, new_only: bool = False, before: str = "") -> CallToolResult:
    """The result of a run. It is an error where the kernel, not the code, failed."""
    blocks = execution_blocks(execution, call.settings.output_budget, new_only=new_only)
    if before:
        blocks.insert(0, text_block(before))
    return CallToolResult(content=blocks, is_error=execution.state in (State.KERNEL_DIED, State.LOST))


def _wait(call: Call, wait: float | None) -> float:
    return call.settings.wait if wait is None else wait
