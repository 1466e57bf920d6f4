"""Stops what runs: one execution and nothing else, a whole kernel, or all that agents run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from ..errors import ProxyError
from .batch import Batch
from .executions import Execution
from .kernels import Kernels
from .states import State

log = logging.getLogger(__name__)

HEEDED_WITHIN = 2.0
"""Seconds that code may take to end after it was interrupted, before it counts as going on."""


class Stopping:
    """Interrupts kernels. `running` tells what of ours runs or waits in one, in order."""

    def __init__(self, kernels: Kernels, running: Callable[[str], list[Execution]]) -> None:
        self._kernels = kernels
        self._running = running

    async def interrupt(self, execution: Execution | Batch) -> None:
        """Stop an execution or a batch, and nothing else: not what somebody else runs in the same kernel."""
        if isinstance(execution, Batch):
            for _, each in reversed(execution.executions):
                await self.interrupt(each)
            return
        if execution.finished.is_set():
            return
        execution.interrupt_wanted = True
        if not execution.request_id:
            execution.finish(State.INTERRUPTED, "It was stopped before it began.")
            return
        if execution.state is State.RUNNING:
            await self._interrupt(execution.kernel_id, execution)
        # Otherwise it waits behind another's work, and is interrupted in the moment it begins.

    async def interrupt_kernel(self, kernel_id: str) -> list[Execution]:
        """Stop everything in a kernel, people's cells too. What of it was ours."""
        running = self._running(kernel_id)
        for waiting in reversed(running[1:]):
            await self.interrupt(waiting)
        await self._interrupt(kernel_id, running[0] if running else None)
        return running

    async def _interrupt(self, kernel_id: str, execution: Execution | None) -> None:
        """Interrupt a kernel. What it runs of ours counts as interrupted then, however it ends."""
        question = None if execution is None else execution.question
        if execution is not None:
            execution.interrupt_wanted = True
        try:
            await self._kernels.interrupt(kernel_id)
            if question is not None:
                question.interrupted.set()
        except ProxyError:
            if execution is not None:
                execution.interrupt_wanted = False
            raise

    async def interrupt_begun(self, execution: Execution) -> None:
        """Stop what was to be stopped while it waited, in the moment it begins."""
        try:
            await self._interrupt(execution.kernel_id, execution)
        except ProxyError as error:
            log.warning("execution %s could not be interrupted: %s", execution.id, error)

    async def interrupt_all(self, executions: Iterable[Execution]) -> int:
        """Stop all of these that have not ended, what waits first; how many that were."""
        waiting_first = sorted(
            (e for e in executions if not e.finished.is_set()), key=lambda e: e.state is State.RUNNING
        )
        for execution in waiting_first:
            execution.interrupt_wanted = True
        results = await asyncio.gather(*map(self.interrupt, waiting_first), return_exceptions=True)
        stopped = 0
        for execution, result in zip(waiting_first, results, strict=True):
            if isinstance(result, BaseException):
                log.warning("execution %s could not be interrupted: %s", execution.id, result)
            else:
                stopped += 1
        return stopped


async def heeded(executions: Iterable[Execution]) -> bool:
    """Whether these end within two seconds; code may catch the interrupt, or be where none is looked at.

    Where they do, what that changes in the notebook has been written, too, if it takes no longer.
    """
    stopped = list(executions)
    waits = [asyncio.ensure_future(execution.written.wait()) for execution in stopped]
    if not waits:
        return True
    try:
        await asyncio.wait(waits, timeout=HEEDED_WITHIN)
    finally:
        for wait in waits:
            wait.cancel()
    return all(execution.finished.is_set() for execution in stopped)
