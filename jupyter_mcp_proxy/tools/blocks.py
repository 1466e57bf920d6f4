"""Text as MCP's content blocks: how what runs stands, and what it put out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_types import ContentBlock, TextContent

from ..execution.executions import State
from ..outputs.render import within_budget

if TYPE_CHECKING:
    from ..execution.batch import Batch
    from ..execution.executions import Execution
    from ..execution.question import Question


def text_block(text: str) -> TextContent:
    """A block of text."""
    return TextContent(type="text", text=text)


def execution_blocks(execution: Execution, budget: int, *, new_only: bool = False) -> list[ContentBlock]:
    """How an execution stands and what it put out: all of it, or what the caller has not been given yet."""
    handle = f'read_output(execution="{execution.id}")'
    transcript = execution.log.transcript
    frame, told = execution.reported
    start = told if new_only and frame == transcript.frame else 0
    output = within_budget(transcript, start, budget, handle, execution.log.outputs)
    execution.reported = (transcript.frame, transcript.settled)
    parts = [headline(execution)]
    # What is noted in the cell stands in the output already.
    parts += [note for note in execution.notes if f"[mcp-proxy] {note}" not in output]
    if output.strip():
        parts.append(output.rstrip("\n"))
    elif not new_only and execution.finished.is_set():
        parts.append("(no output)")
    return [text_block("\n".join(parts))]


def batch_blocks(batch: Batch, budget: int) -> list[ContentBlock]:
    """A line for each cell of a batch, and what the first that did not end well put out."""
    ended = sum(execution.written.is_set() for _, execution in batch.executions)
    head = f"{batch.id} · {batch.state.value} · {ended} of {len(batch.executions)} cells · {batch.seconds:.2f} s"
    lines = [head]
    if batch.current.question is not None:
        lines.append(waits_for_input(batch.id, batch.current.question))
    elif not batch.written.is_set():
        lines.append(f"It goes on; wait_execution(execution={batch.id!r}) tells how. Do not run it again.")
    for index, execution in batch.executions:
        last = execution.last_line(80)
        count = f" [{execution.count}]" if execution.count is not None else ""
        lines.append(
            f"{index} {execution.cell_id or ''} {execution.state.value}{count} {execution.seconds:.2f} s "
            f"{execution.id}: {last}".rstrip(": ")
        )
    failed = next((e for _, e in batch.executions if e.written.is_set() and e.state is not State.OK), None)
    if failed is not None:
        lines.append("")
        handle = f'read_output(execution="{failed.id}")'
        lines.append(within_budget(failed.log.transcript, 0, budget, handle, failed.log.outputs).rstrip())
    return [text_block("\n".join(lines))]


def headline(execution: Execution) -> str:
    """One line: id, state, time, cell, count, and what to call next where it has not ended."""
    facts = [execution.id, execution.state.value]
    if execution.started_at is not None:
        facts.append(f"{execution.seconds:.2f} s")
    if execution.cell_id:
        facts.append(f"cell {execution.cell_id}")
        facts += [f"[{execution.count}]"] if execution.count is not None else []
    line = " · ".join(facts)
    if not execution.finished.is_set():
        if execution.question is not None:
            return f"{line}\n{waits_for_input(execution.id, execution.question)}"
        behind = f" behind {execution.ahead} other(s) in this kernel" if execution.ahead else ""
        line += (
            f"{behind}\nIt goes on; wait_execution(execution={execution.id!r}) tells what is new. Do not run it again."
        )
        if execution.perhaps_asked:
            line += " If it asked for input while the line was broken, nobody heard it: only interrupt_kernel ends it."
    return line


def waits_for_input(id: str, question: Question) -> str:
    """The line that says what code waits for, and what to call next."""
    what = "a password" if question.password else "input"
    prompt = question.prompt.strip()[-200:]
    return (
        f"It waits for {what}{f': {prompt!r}' if prompt else ''}. wait_execution(execution={id!r}) asks for it, "
        f"through your client; interrupt_kernel(execution={id!r}) stops it. Do not run it again."
    )
