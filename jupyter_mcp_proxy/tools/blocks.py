"""Text as MCP's content blocks: how what runs stands, and what it put out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_types import ContentBlock, TextContent

from ..documents.cells import brief_id
from ..execution.people import PATIENCE
from ..outputs.render import cut, within_budget
from ..outputs.transcript import START
from .ours import heading, told_apart

if TYPE_CHECKING:
    from ..execution.executions import Execution
    from ..execution.question import Question

LATE_BUDGET = 1000
"""Characters that are told of what came after the end of a run."""


def text_block(text: str) -> TextContent:
    """A block of text."""
    return TextContent(type="text", text=text)


def execution_blocks(execution: Execution, budget: int, *, new_only: bool = False) -> list[ContentBlock]:
    """How an execution stands and what it put out: all of it, or what the caller has not been given yet."""
    handle = f'read_output(execution="{execution.id}")'
    transcript = execution.log.transcript
    told = execution.reported if new_only else START
    output = cut(transcript.changed(told), budget, handle)
    output += within_budget(transcript, transcript.offset(told), budget, handle, execution.log.outputs)
    execution.reported = transcript.mark()
    execution.late = None
    parts = [heading(headline(execution))]
    # What is noted in the cell stands in the output already.
    parts += [note for note in execution.notes if f"[mcp-proxy] {note}" not in output]
    if output.strip():
        parts.append(output.rstrip("\n"))
    elif not new_only and execution.finished.is_set():
        parts.append("(no output)")
    return [text_block("\n".join(parts))]


def late_block(execution: Execution) -> ContentBlock | None:
    """What an execution has put out since it ended, the first time that it is told; None where there is nothing."""
    since, execution.late = execution.late, None
    transcript = execution.log.transcript
    if since is None:
        return None
    handle = f'read_output(execution="{execution.id}")'
    text = transcript.changed(since) + within_budget(transcript, transcript.offset(since), LATE_BUDGET, handle)
    if not text.strip():
        return None
    cell = f", cell {brief_id(execution.cell_id)}," if execution.cell_id else ""
    said = told_apart(cut(text, LATE_BUDGET, handle).rstrip())
    return text_block(f"[Since {execution.id}{cell} ended, it has put out:]\n{said}")


def headline(execution: Execution) -> str:
    """One line: id, state, time, cell, count, and what to call next where it has not ended."""
    facts = [execution.id, execution.state.value]
    if execution.started_at is not None:
        facts.append(f"{execution.seconds:.2f} s")
    if execution.cell_id:
        facts.append(f"cell {brief_id(execution.cell_id)}")
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
    asked = f": {prompt!r}" if prompt else ""
    if question.before_people:
        return (
            f"It waits for a person to give {what} in JupyterLab's MCP panel{asked}; unanswered for {PATIENCE:.0f} s "
            f"it is interrupted. wait_execution(execution={id!r}) tells what came of it. Do not run it again."
        )
    return (
        f"It waits for {what}{asked}. wait_execution(execution={id!r}) asks for it, "
        f"through your client; interrupt_kernel(execution={id!r}) stops it. Do not run it again."
    )
