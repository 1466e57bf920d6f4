"""Each call of a tool, and each reading of a resource, becomes an entry of the activity and a line of the audit, from
here and nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..documents.review import MADE
from ..errors import NotAllowed, PathRefused, Paused
from ..execution.batch import Batch
from ..store.audit import Audit
from .activity import Activity, Entry, Outcome
from .permission import RunRefused
from .redaction import described

if TYPE_CHECKING:
    from ..execution.executions import Execution

REFUSALS = (NotAllowed, PathRefused, Paused, RunRefused)
"""Errors that say that a call may not be made, rather than that it went wrong."""

RECORDING: ContextVar[Recording | None] = ContextVar("recording", default=None)
"""The recording of the current call; None for what is not recorded, such as a completion."""

_ENDS: dict[str, Outcome] = {"ok": "ok", "interrupted": "cancelled"}


class Recording:
    """One call while it is under way."""

    def __init__(self, recorder: Recorder, entry: Entry) -> None:
        self._recorder = recorder
        self.entry = entry
        self.execution: Execution | Batch | None = None
        """What the call has started."""
        self.outcome: Outcome = "ok"
        """How the call ends, as far as is known."""

    def concerns(
        self,
        notebook: str | None = None,
        cell: str | None = None,
        cells: list[str] | None = None,
        index: int | None = None,
    ) -> None:
        """The notebook and the cell that the call has turned out to mean, or the cells that it has written."""
        self._recorder.activity.change(self.entry, notebook=notebook, cell=cell, cells=cells, index=index)

    def runs(self, execution: Execution | Batch) -> None:
        """The call has started this, or goes on with it: the entry is under way until it has ended."""
        self.execution = execution
        self._recorder.follow(self.entry, execution)

    def waits(self, waits: bool) -> None:
        """The call waits for a person, or does so no longer."""
        self._recorder.activity.change(self.entry, outcome="waiting" if waits else "running")

    def proposes(self) -> None:
        """What the call would change waits for a person."""
        self._recorder.activity.change(self.entry, proposed=True)

    def failed(self, error: BaseException | None = None) -> None:
        """The call ends with an error."""
        self.outcome = "refused" if isinstance(error, REFUSALS) else "error"


class Recorder:
    """Records the calls of one sidecar. An async context manager; what runs when it is left is not followed on."""

    def __init__(self, activity: Activity, audit: Audit | None, *, contents: bool, root: str) -> None:
        self.activity = activity
        self._audit = audit
        self._contents = contents
        self._root = root
        self._followers: dict[str, tuple[Entry, asyncio.Task[None]]] = {}
        """For each execution or batch that runs the entry that it belongs to, and what follows it."""

    async def __aenter__(self) -> Recorder:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._followers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._audit is not None:
            self._audit.close()

    @contextmanager
    def call(
        self, tool: str, arguments: dict[str, Any], *, user: str, client: str, token: str | None, tier: str = ""
    ) -> Iterator[Recording]:
        """Record a call from its beginning to its end."""
        notebook = arguments.get("notebook")
        entry = self.activity.begin(
            user=user,
            client=client,
            token=token,
            tier=tier,
            tool=tool,
            notebook=notebook if isinstance(notebook, str) else None,
        )
        recording = Recording(self, entry)
        set_before = RECORDING.set(recording)
        made: list[str] = []
        making = MADE.set(made)
        begun = time.monotonic()
        try:
            yield recording
        except asyncio.CancelledError:
            recording.outcome = "cancelled"
            raise
        except BaseException as error:
            recording.failed(error)
            raise
        finally:
            RECORDING.reset(set_before)
            MADE.reset(making)
            self.activity.change(entry, changes=made)
            self._end(recording, arguments, round((time.monotonic() - begun) * 1000))

    def _end(self, recording: Recording, arguments: dict[str, Any], ms: int) -> None:
        outcome = recording.outcome
        goes_on = False
        if outcome == "ok" and recording.execution is not None:
            goes_on = not recording.execution.finished.is_set()
            outcome = recording.entry.outcome if goes_on else how_it_ended(recording.execution)
        if not goes_on:
            self._finish(recording.entry, recording.execution, outcome)
        if self._audit is not None:
            entry = recording.entry
            self._audit.write(
                {
                    "time": entry.time,
                    "user": entry.user,
                    "client": entry.client,
                    "token": entry.token,
                    "tool": entry.tool,
                    "notebook": entry.notebook,
                    "cell": entry.cell,
                    "arguments": described(arguments, contents=self._contents),
                    "outcome": outcome,
                    "ms": ms,
                    "root": self._root,
                }
            )

    def follow(self, entry: Entry, execution: Execution | Batch) -> None:
        """Keep an entry in step with what its call has started. A later call that goes on with it takes it over."""
        before = self._followers.pop(execution.id, None)
        if before is not None:
            before[1].cancel()
            self.activity.end(before[0], "ok")
        task = asyncio.create_task(self._follow(entry, execution), name=f"entry of {execution.id}")
        self._followers[execution.id] = entry, task

    async def _follow(self, entry: Entry, execution: Execution | Batch) -> None:
        while not execution.finished.is_set():
            seen = execution.version
            running = execution.current if isinstance(execution, Batch) else execution
            now = at_work(execution) if isinstance(execution, Batch) else None
            self.activity.change(entry, outcome="running" if running.question is None else "waiting", now=now)
            await execution.changed(seen)
        del self._followers[execution.id]
        self._finish(entry, execution, how_it_ended(execution))

    def _finish(self, entry: Entry, execution: Execution | Batch | None, outcome: Outcome) -> None:
        if isinstance(execution, Batch):
            ran = [e.cell_id for _, e in execution.executions if e.cell_id and e.started_at is not None]
            self.activity.change(entry, cells=ran)
        self.activity.end(entry, outcome)


def at_work(batch: Batch) -> list[Any]:
    """The cell of a batch that runs now, which of them it is, counted from 1, and how many they are."""
    runs = [execution for _, execution in batch.executions]
    return [batch.current.cell_id, runs.index(batch.current) + 1, len(runs)]


def how_it_ended(execution: Execution | Batch) -> Outcome:
    """The outcome of a call whose execution has ended."""
    return _ENDS.get(execution.state.value, "error")
