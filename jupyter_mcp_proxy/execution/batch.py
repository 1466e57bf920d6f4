"""Several executions in one kernel, one after the other, followed and stopped as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container
from functools import partial

from .executions import Execution
from .states import State


class Batch:
    """Several executions in one kernel, one after the other, followed as one."""

    def __init__(
        self,
        id: str,
        notebook: str,
        executions: list[tuple[int, Execution]],
        stop_on_error: bool,
        may_fail: Container[str] = (),
    ) -> None:
        self.id = id
        self.notebook = notebook
        self.executions = executions
        """Each with the index that its cell had."""
        self.stop_on_error = stop_on_error
        self._may_fail = may_fail
        """The ids of the cells whose exceptions stop nothing: those tagged `raises-exception`, as nbclient reads it."""
        self.brief = False
        """Whether its results are told with what each cell put out."""
        self.queued_at = time.monotonic()
        self.written = asyncio.Event()
        self.finished = self.written
        self._changed = asyncio.Event()
        self.version = 0
        for place, (_, execution) in enumerate(executions):
            execution.passes_on = partial(self._after, place)

    @property
    def current(self) -> Execution:
        """The one that runs, else the next, else the last."""
        return next((e for _, e in self.executions if not e.written.is_set()), self.executions[-1][1])

    @property
    def unheard(self) -> bool:
        """Whether it was stopped because there was nobody who could be asked for input."""
        return any(execution.unheard for _, execution in self.executions)

    @property
    def state(self) -> State:
        """The state of what failed first, else of the whole. What may fail and raised does not count as failed."""
        if not self.written.is_set():
            waits = all(e.state is State.QUEUED for _, e in self.executions)
            return State.QUEUED if waits else State.RUNNING
        return next((e.state for _, e in self.executions if e.state is not State.OK and not self.expected(e)), State.OK)

    @property
    def ahead(self) -> int:
        """Executions of others that the batch waits for."""
        return self.executions[0][1].ahead

    @property
    def seconds(self) -> float:
        """How long its executions have run."""
        return sum(e.seconds for _, e in self.executions)

    @property
    def printed(self) -> int:
        """Grows with every output and every cell that ends."""
        return sum(e.printed + e.written.is_set() for _, e in self.executions)

    def last_line(self, width: int = 200) -> str:
        """Which cell runs, and the end of what it printed."""
        done = sum(e.written.is_set() for _, e in self.executions)
        return f"{done} of {len(self.executions)} cells done. {self.current.last_line(width)}".rstrip()

    async def changed(self, seen: int) -> int:
        """Return the version as soon as it is not `seen` any more."""
        while self.version == seen:
            await self._changed.wait()
        return self.version

    async def follow(self) -> None:
        """Until all have ended: pass their changes on."""
        for _, execution in self.executions:
            seen = -1
            while not execution.written.is_set():
                ended = asyncio.ensure_future(execution.written.wait())
                news = asyncio.ensure_future(execution.changed(seen))
                try:
                    await asyncio.wait({ended, news}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    ended.cancel()
                    news.cancel()
                seen = execution.version
                self._notify()
        self.written.set()
        self._notify()

    def _after(self, place: int) -> None:
        """Stop the rest after one that failed, before the next has its turn."""
        if self._stops(self.executions[place][1]):
            for _, rest in self.executions[place + 1 :]:
                if not rest.request_id:
                    rest.finish(State.INTERRUPTED, "It was not run, because a cell before it did not end well.")

    def expected(self, execution: Execution) -> bool:
        """Whether it is one that may fail, and ended with an exception of its own."""
        return execution.cell_id in self._may_fail and _raised(execution)

    def _stops(self, execution: Execution) -> bool:
        """Whether what comes after this one is not to run."""
        if execution.state is State.OK:
            return False
        return not _raised(execution) or (self.stop_on_error and not self.expected(execution))

    def _notify(self) -> None:
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def never_ran(execution: Execution) -> bool:
    """Whether it was ended before its code began: a kernel gives a count to all that begins."""
    return execution.state is State.INTERRUPTED and execution.count is None


def _raised(execution: Execution) -> bool:
    # A KeyboardInterrupt that nobody sent is an exception of the code's own; and so is, as in nbclient, a question that
    # nobody could be asked.
    return (
        execution.unheard
        or execution.state is State.ERROR
        or (execution.state is State.INTERRUPTED and not execution.interrupt_wanted and execution.raised)
    )
