"""The executions of this sidecar: those that run or wait, each kernel's in order, and the newest that have ended."""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from collections.abc import Collection
from typing import Any

from ..errors import Unknown
from .batch import Batch
from .executions import Execution
from .states import State

KEPT = 200
"""Finished executions, and batches, that can still be read."""


class Kept:
    """Executions and batches by their ids, and the queue of each kernel."""

    def __init__(self) -> None:
        self.executions: dict[str, Execution] = {}
        self.queues: dict[str, list[Execution]] = {}
        self._batches: dict[str, Batch] = {}
        self._finished: deque[str] = deque()
        self._numbers = itertools.count(1)
        self._prefix = secrets.token_hex(1)

    def new_id(self, kind: str) -> str:
        """An id that nothing has that is kept, `x…` for an execution and `b…` for a batch."""
        return f"{kind}{self._prefix}{next(self._numbers)}"

    def queue(self, execution: Execution) -> None:
        """Put an execution behind what its kernel has to do already."""
        queue = self.queues.setdefault(execution.kernel_id, [])
        execution.ahead = len(queue)
        queue.append(execution)
        self.executions[execution.id] = execution

    def take_over(self, left: Collection[Execution]) -> None:
        """Keep what an earlier process has left, under its own ids."""
        while any(execution.id.startswith(f"x{self._prefix}") for execution in left):
            self._prefix = secrets.token_hex(1)
        for execution in left:
            self.queue(execution)
            execution.ahead = 0

    def keep(self, batch: Batch) -> None:
        """Keep a batch, and the newest of the others."""
        self._batches[batch.id] = batch
        while len(self._batches) > KEPT:
            self._batches.pop(next(iter(self._batches)))

    def retire(self, execution: Execution) -> list[Execution]:
        """An execution has left its queue; returns those that are kept no longer."""
        queue = self.queues.get(execution.kernel_id, [])
        if execution in queue:
            queue.remove(execution)
        for position, waiting in enumerate(queue):
            waiting.ahead = position
        self._finished.append(execution.id)
        return [self.executions.pop(self._finished.popleft()) for _ in range(len(self._finished) - KEPT)]

    # -- looking --------------------------------------------------------------------------------------

    def get(self, id: str) -> Execution | Batch:
        """An execution or a batch by its id. Raises Unknown with those that there are."""
        execution = self.executions.get(id.strip()) or self._batches.get(id.strip())
        if execution is None:
            newest = list(self.executions)[-5:]
            raise Unknown(
                "execution",
                id,
                newest,
                f"The last {KEPT} are kept while the server runs; read_cell shows what a cell's run left.",
            )
        return execution

    @property
    def all(self) -> list[Execution]:
        """Every execution that is kept."""
        return list(self.executions.values())

    def running(self, kernel_id: str) -> list[Execution]:
        """What runs or waits in a kernel, as far as we sent it."""
        return [e for e in self.queues.get(kernel_id, []) if not e.finished.is_set()]

    def runs_in(self, notebook: str) -> bool:
        """Whether something runs or waits that belongs to a notebook."""
        return any(e.notebook == notebook and not e.written.is_set() for e in self.executions.values())

    def state_of(self, kernel: dict[str, Any]) -> str:
        """What a kernel of the server's list does: as Jupyter tells it, but `busy` while it runs code that we sent.

        Jupyter (2.21) connects to the output of a kernel that it has just started when it may have begun already. The
        `busy` that it missed it never makes up for: it calls the kernel idle after the next question of its own.
        """
        runs = any(e.state is State.RUNNING or e.question is not None for e in self.running(kernel["id"]))
        return "busy" if runs else str(kernel.get("execution_state", "unknown"))

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path: what runs, ran or waits in it goes along."""
        runs: list[Execution | Batch] = [*self.executions.values(), *self._batches.values()]
        for each in runs:
            if each.notebook == old:
                each.notebook = new
