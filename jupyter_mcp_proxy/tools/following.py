"""Waiting for what runs: with progress, with the questions that its code asks, until it ends or the client is gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import anyio
from mcp_types import CallToolResult, InputRequiredResult, TextContent

from ..contract import TIERS
from ..errors import ProxyError
from ..execution.batch import Batch
from ..execution.executions import Execution
from ..execution.questions import NOBODY
from ..execution.states import State
from . import asking
from .batches import batch_blocks
from .blocks import execution_blocks, text_block, waits_for_input
from .pictures import Shown, Which, image_blocks

if TYPE_CHECKING:
    from .call import Call

log = logging.getLogger(__name__)

Result: TypeAlias = CallToolResult | InputRequiredResult
"""What a call that may ask its client something ends with."""

PROGRESS_EVERY = 5.0
"""Seconds after which a waiting call reports, though nothing came: clients give up on a silent one."""
PROGRESS_SPACING = 0.1
STOP_SECONDS = 10.0
"""Seconds that a call waits for the end of code whose question was declined."""


async def followed(
    call: Call,
    running: Execution | Batch,
    seconds: float,
    *,
    started: bool = True,
    before: str = "",
    rounds: int = 0,
    images: Which = "first",
) -> Result:
    """Wait for a run, and put to the client what its code asks meanwhile; that time does not count as waiting.

    What this call has `started` is stopped if the call is cancelled, or its client gone.
    """
    if started:
        call.runs(running)
        for execution in [each for _, each in running.executions] if isinstance(running, Batch) else [running]:
            execution.caller = call.client
    whole = seconds
    asks = seconds > 0 and TIERS.index(call.tier) >= TIERS.index("run")  # an answer decides what the code does
    questions = call.workspace.runner.questions
    async with _stopped_if_cancelled(call, running, started):
        while True:
            began = time.monotonic()
            outcome = await follow(call, running, seconds, asks=asks)
            seconds -= time.monotonic() - began
            if outcome is not Outcome.ASKED:
                break
            question = asking.to_ask(call, running)
            if question is None:
                continue
            if not asking.can_be_asked(call):
                if questions.put_to_people(asking.current(running), question):
                    continue
                await questions.refuse(asking.current(running), question, NOBODY, nobody=True)
                put = asking.Put.REFUSED
            elif not asking.asks_by_result(call):
                put = await asking.by_request(call, running, question, lambda: report(call, running), PROGRESS_EVERY)
            elif rounds < asking.MOST_ROUNDS:
                state = asking.Asked(running.id, question.id, call.client, whole, started, rounds + 1, before)
                return asking.by_result(running, question, state)
            else:
                break
            if put is asking.Put.GONE:
                outcome = Outcome.GONE
                break
            if put is asking.Put.REFUSED:
                asks, seconds = False, STOP_SECONDS
    if outcome is Outcome.GONE and started:
        await _stop(call, running)
        await running.written.wait()
    return await result(call, running, new_only=not started, before=before, images=images)


@asynccontextmanager
async def _stopped_if_cancelled(call: Call, running: Execution | Batch, started: bool) -> AsyncIterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        if started:
            await _stop(call, running)
        raise


async def _stop(call: Call, running: Execution | Batch) -> None:
    """Interrupt a run whoever is cancelled meanwhile: a client that goes ends its session, and with it this call."""
    with anyio.CancelScope(shield=True):
        try:
            await call.workspace.runner.stopping.interrupt(running)
        except ProxyError as error:
            log.warning("%s goes on, though its client is gone: %s", running.id, error)


async def resume(call: Call, images: Which = "first") -> Result:
    """Go on with the run whose code asked this call's client something: the client calls again, with the answer.

    Nothing is run anew, whatever the call's arguments are.
    """
    asked = asking.Asked.of(call)
    running = call.execution(asked.running)
    execution = asking.current(running)
    question = execution.question
    response = (call.ctx.input_responses or {}).get(asking.KEY)
    before, seconds = asked.before, asked.seconds
    async with _stopped_if_cancelled(call, running, asked.starts):
        if question is None or question.id != asked.question:
            before = f"{before}\nYour answer was not used: the question is not open any more.".strip()
        elif response is not None and not await asking.give(call, execution, question, response):
            seconds = min(seconds, STOP_SECONDS)
        if asked.starts:
            with suppress(ProxyError):  # only to tell what others did meanwhile
                await call.document(running.notebook)
    return await followed(
        call, running, seconds, started=asked.starts, before=before, rounds=asked.rounds, images=images
    )


class Outcome(Enum):
    """Why following a run has ended."""

    ENDED = "ended"
    TIME = "time"
    ASKED = "asked"
    GONE = "gone"


async def follow(call: Call, execution: Execution | Batch, seconds: float, *, asks: bool = False) -> Outcome:
    """Wait until an execution has ended and its outputs are in the notebook, or for `seconds`, reporting progress.

    Returns at once where the client is gone or, if the call `asks`, where the code asks something.
    """
    started = reported_at = time.monotonic()
    told = 0
    written = asyncio.ensure_future(execution.written.wait())
    gone = asyncio.ensure_future(call.gone.wait()) if call.gone is not None else None
    changed = asyncio.ensure_future(execution.changed(execution.version))
    try:
        while True:
            if asks and asking.to_ask(call, execution) is not None:
                return Outcome.ASKED
            now = time.monotonic()
            left = started + seconds - now
            spacing = reported_at + PROGRESS_SPACING - now
            waits = {written, *([gone] if gone else []), *([] if spacing > 0 else [changed])}
            pause = spacing if spacing > 0 else reported_at + PROGRESS_EVERY - now
            await asyncio.wait(waits, timeout=max(0.0, min(pause, left)), return_when=asyncio.FIRST_COMPLETED)
            now = time.monotonic()
            if written.done():
                return Outcome.ENDED
            if now - started >= seconds:
                return Outcome.TIME
            if gone is not None and gone.done():
                return Outcome.GONE
            news = False
            if spacing <= 0 and changed.done():
                changed = asyncio.ensure_future(execution.changed(changed.result()))
                news = execution.printed != told
            if news or now - reported_at >= PROGRESS_EVERY:
                told = execution.printed
                reported_at = now
                await report(call, execution)
    finally:
        for task in (written, gone, changed):
            if task is not None:
                task.cancel()


async def report(call: Call, execution: Execution | Batch) -> None:
    """One event of progress: the seconds so far and the last line printed."""
    question = asking.current(execution).question
    if question is not None:
        whose = "a person's answer in JupyterLab" if question.before_people else "input"
        message = f"waits for {whose}: {question.prompt[-200:].strip()}".rstrip(": ")
    elif execution.state is State.QUEUED and call.workspace.pause.holds:
        message = "waits: a person has paused agents"
    elif execution.state is State.QUEUED:
        message = f"queued behind {execution.ahead}" if execution.ahead else "starting"
    else:
        message = execution.last_line() or f"running for {execution.seconds:.0f} s"
    await call.ctx.report_progress(round(time.monotonic() - execution.queued_at, 3), None, message)


async def result(
    call: Call, execution: Execution | Batch, *, new_only: bool = False, before: str = "", images: Which = "first"
) -> CallToolResult:
    """The result of a run. An error where its kernel failed, or nobody could be asked for input."""
    if isinstance(execution, Batch):
        blocks = batch_blocks(execution, call.settings.output_budget)
    else:
        blocks = execution_blocks(execution, call.settings.output_budget, new_only=new_only)
    if execution.finished.is_set() or not new_only:
        blocks += await image_blocks(_shown(execution), images)
    if execution.state is State.KERNEL_DIED:
        call.workspace.restarted(call.client, execution.notebook)  # this result says it
    if execution.state is State.QUEUED:
        first = next(iter(call.workspace.runner.kept.running(asking.current(execution).kernel_id)), None)
        if first is not None and first.question is not None:
            blocks.append(text_block(f"Before it: {first.id}. {waits_for_input(first.id, first.question)}"))
    if before and isinstance(blocks[0], TextContent):
        blocks[0] = text_block(f"{before}\n{blocks[0].text}")
    failed = execution.unheard or execution.state in (State.KERNEL_DIED, State.LOST)
    return CallToolResult(content=blocks, is_error=failed)


def _shown(running: Execution | Batch) -> list[Shown]:
    """The outputs of a run, those of each cell of a batch."""
    each = (
        [(f"cell {index}", run) for index, run in running.executions] if isinstance(running, Batch) else [("", running)]
    )
    return [Shown(list(run.shown), f'read_output(execution="{run.id}")', whose) for whose, run in each]
