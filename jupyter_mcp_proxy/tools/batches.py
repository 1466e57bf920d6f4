"""How a run of several cells is told: how it ended in one line, a line for each cell, and what failed in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp_types import ContentBlock

from ..documents.cells import brief_id
from ..execution.batch import never_ran
from ..execution.questions import ANSWERED
from ..execution.states import State
from ..outputs.render import within_budget
from ..outputs.text import output_text
from .blocks import text_block, waits_for_input
from .ours import heading

if TYPE_CHECKING:
    from ..execution.batch import Batch
    from ..execution.executions import Execution

SAID = 100
"""Characters of what a cell says in its line."""
BRIEF = 400
"""Characters of a cell's output where all are told in brief."""
MOST_FAILED = 20
"""Cells that failed which have a line each, whatever room there is."""
NOT_RUN = "not run"
MOST_WAITING = 5
"""Cells that wait or were not run which have a line each; more of them share one."""


def batch_blocks(batch: Batch, budget: int) -> list[ContentBlock]:
    """How a batch stands, cell by cell, and all that the first that failed put out."""
    lines = [heading(_headline(batch))]
    if batch.current.question is not None:
        lines.append(waits_for_input(batch.id, batch.current.question))
    elif not batch.written.is_set():
        lines.append(f"It goes on; wait_execution(execution={batch.id!r}) tells how. Do not run it again.")
    if any(ANSWERED in e.notes for _, e in batch.executions):
        lines.append(ANSWERED)
    failures = [e for _, e in batch.executions if e.written.is_set() and _failed(batch, e)]
    failed = failures[0] if failures else None
    lines += _cells(batch, failed, budget)
    if failed is not None:
        lines.append("")
        lines.append(within_budget(failed.log.transcript, 0, budget, _handle(failed)).rstrip())
    if len(failures) > 1:
        lines.append("")
        lines.append(
            f"That was {failures[0].id}; each that failed has its own traceback, such as {_handle(failures[1])}."
        )
    return [text_block("\n".join(lines))]


def _headline(batch: Batch) -> str:
    """One line, such as `b7 · error at the 4th of 10; 6 not run (5–10) · 1.20 s`."""
    total = len(batch.executions)
    if not batch.written.is_set():
        ended = sum(execution.written.is_set() for _, execution in batch.executions)
        return f"{batch.id} · {batch.state.value} · {ended} of {total} cells · {batch.seconds:.2f} s"
    failed = [place for place, (_, e) in enumerate(batch.executions, 1) if _failed(batch, e)]
    left = [place for place, (_, e) in enumerate(batch.executions, 1) if never_ran(e)]
    how = batch.state.value
    if len(failed) == 1:
        how += f" at the {ordinal(failed[0])} of {total}"
    elif failed:
        how += f" at {len(failed)} of {total} ({', '.join(map(ordinal, failed[:10]))}{', …' if failed[10:] else ''})"
    else:
        how += f" · {total - len(left)} of {total} cells"
    if left:
        how += f"; {len(left)} not run ({ranges(left)})"
    return f"{batch.id} · {how} · {batch.seconds:.2f} s"


def _cells(batch: Batch, failed: Execution | None, budget: int) -> list[str]:
    """A line for each cell, in brief with what it put out; many that wait or were not run share one."""
    lines: list[str] = []
    folded: list[tuple[int, str]] = []
    waiting: dict[str, list[tuple[int, str]]] = {}
    told_failures = 0
    left = budget * 2 if batch.brief else budget
    for index, execution in batch.executions:
        state = NOT_RUN if never_ran(execution) else execution.state.value
        if state == NOT_RUN or execution.state is State.QUEUED:
            waiting.setdefault(state, []).append((index, brief_id(execution.cell_id or "")))
            continue
        count = f" [{execution.count}]" if execution.count is not None else ""
        said = _said(execution)
        cell = brief_id(execution.cell_id or "")
        line = f"{index} {cell} {state}{count} {execution.seconds:.2f} s {execution.id}: {said}"
        line = line.rstrip(": ")
        if batch.brief:
            line = heading(f"── {line}")
            output = "" if execution is failed else _brief(execution)
            if output and output != said:
                line += f"\n{output}"
        must_tell = _failed(batch, execution) and (told_failures := told_failures + 1) <= MOST_FAILED
        if left < len(line) and lines and not must_tell:
            folded.append((index, state))
            continue
        left -= len(line)
        lines.append(line)
    if folded:
        states = ", ".join(f"{count} {state}" for state, count in Counter(state for _, state in folded).items())
        lines.append(f"… {len(folded)} more: {states} (cells {ranges(index for index, _ in folded)})")
    for state, cells in waiting.items():
        if len(cells) > MOST_WAITING:
            lines.append(f"{ranges(index for index, _ in cells)} {state}")
        else:
            lines += [f"{index} {cell} {state}" for index, cell in cells]
    return lines


def _failed(batch: Batch, execution: Execution) -> bool:
    return execution.state is not State.OK and not batch.expected(execution) and not never_ran(execution)


def _said(execution: Execution) -> str:
    """What a cell says in a line: its exception, its value, or the first line that it printed."""
    if not execution.finished.is_set():
        return execution.last_line(SAID)
    outputs = execution.log.outputs
    error = next((output for output in reversed(outputs) if output.get("output_type") == "error"), None)
    if error is not None and error.get("ename"):
        return _first_line(f"{error['ename']}: {error.get('evalue', '')}")
    if execution.state is not State.OK:
        return execution.last_line(SAID)
    value = next((output for output in reversed(outputs) if output.get("output_type") == "execute_result"), None)
    told = "" if value is None else _first_line(output_text(value))
    return told or _first_line(execution.log.transcript.read(0, 20 * SAID))


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.split("\n") if line.strip()), "")
    return line if len(line) <= SAID else line[: SAID - 1] + "…"


def _brief(execution: Execution) -> str:
    return within_budget(execution.log.transcript, 0, BRIEF, _handle(execution)).strip("\n")


def _handle(execution: Execution) -> str:
    return f'read_output(execution="{execution.id}")'


def ordinal(number: int) -> str:
    """Such as 1st, 12th or 23rd."""
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers with those that follow each other as one, such as `3, 5–10`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}–{last}" if last > first else f"{first}" for first, last in runs)
