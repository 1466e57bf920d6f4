"""Brings an execution's outputs into its cell, and keeps the two in step."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ..documents.document import Document, Guarantee
from ..documents.editor import Editor
from ..documents.metadata import Json, differing
from ..errors import Conflict, Gone, InvalidNotebook, ProxyError, Unknown
from ..outputs.changes import Change, anew, portions
from ..outputs.log import STORED_LIMIT
from .executions import Execution
from .states import State

WRITE_EVERY: dict[Guarantee, float] = {"live": 0.1, "file": 1.0}
"""Seconds between two writes of a running cell's outputs."""
FIRST_WRITE = 0.03
"""Seconds that the first write waits: a quick cell is then written once, with its result."""
LAST_WRITE = 0.5
"""Seconds that the last write may take where this process ends while code runs."""
WRITE_RETRIES = 20
WRITTEN_AT_ONCE = 1_000_000
"""Characters of a stream that one write adds to a shared document: each takes several times its size meanwhile."""


def retry_after(failures: int) -> float:
    """Seconds until a write is tried again that has failed so often."""
    return min(2.0, 0.1 * (1 << failures))


async def worth_writing(ended: asyncio.Future[None], execution: Execution, seen: int, pause: float) -> int:
    """Wait for a change since version `seen`, then up to `pause` seconds for more to write with it."""
    changed = asyncio.ensure_future(execution.changed(seen))
    either: set[asyncio.Future[Any]] = {ended, changed}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and pause:
            await asyncio.wait({ended}, timeout=pause)
    finally:
        changed.cancel()
    return execution.version


class OutputWriter:
    """Keeps a cell of a document in step with an execution's outputs."""

    def __init__(self, document: Document, execution: Execution, about: Callable[[str], Awaitable[Json]]) -> None:
        self.execution = execution
        self._about = about
        """What the notebook's metadata are to say of a kernel, when its code has ended."""
        self._said: Json = {}
        self._document = document
        self._there: int | None = None
        """How many outputs the cell has if nobody else touched them; None where that is not known."""
        self._late = asyncio.Lock()

    async def follow(self, ended: asyncio.Future[None]) -> None:
        """Write what changes, again and again, until the execution has ended and all of it is written.

        Raises Unknown where the cell is not there any more, and what the document raises once it has been tried
        often enough.
        """
        pause = WRITE_EVERY[self._document.guarantee]
        failures = 0
        seen = -1
        while True:
            try:
                seen = await worth_writing(ended, self.execution, seen, pause if seen >= 0 else FIRST_WRITE)
            except asyncio.CancelledError:  # this process ends: what has come so far is in the notebook all the same
                with suppress(ProxyError, asyncio.TimeoutError):
                    await asyncio.wait_for(self.write(), LAST_WRITE)
                raise
            last = self.execution.finished.is_set()
            try:
                await self.write()
            except (Gone, InvalidNotebook):  # `git checkout` may bring it back, and all that was printed goes in then
                if last:
                    raise
                await asyncio.wait({ended}, timeout=retry_after(WRITE_RETRIES))
                seen = -1
                continue
            except Unknown:
                raise
            except ProxyError:
                failures += 1
                if failures > WRITE_RETRIES:
                    raise
                await asyncio.sleep(retry_after(failures))
                seen = -1  # also where the code is silent
                continue
            failures = 0
            if last:
                return

    @property
    def guarantee(self) -> Guarantee:
        """That of the document."""
        return self._document.guarantee

    async def write(self) -> None:
        """Write what has changed; all of it where the cell is not as we left it, as in another replica."""
        execution = self.execution
        running = not execution.finished.is_set()
        # A server that has lost the kernel, a gateway's above all, may not answer.
        if not running and execution.state not in (State.LOST, State.KERNEL_DIED):
            self._said = await self._about(execution.kernel_id)
        changes = execution.log.take_changes()
        if running and not changes and self._there is not None:  # a widget shows something else: no output does
            return
        there, self._there = self._there, None
        if there is None:
            changes = anew(execution.log.outputs)
        # A file is written whole each time; a shared document takes a multiple of what is added to it.
        size = WRITTEN_AT_ONCE if self._document.guarantee == "live" else STORED_LIMIT
        rest = deque(portions(changes, size)) or deque([changes])
        del changes
        while rest:
            there = await self._write(rest.popleft(), running or bool(rest), there)
        self._there = there

    async def write_late(self, document: Document) -> bool:
        """Write what came after the end; False where the cell is not as the run left it, and nothing is written.

        A cell that somebody has cleared since gets what is new, as in JupyterLab; one that was run anew nothing. What
        fails is tried again a few times, and then written whole: nobody knows how much of it is there.
        """
        async with self._late:
            for failures in range(1, WRITE_RETRIES + 1):
                try:
                    return await self._write_late(document)
                except Unknown:
                    raise
                except ProxyError:
                    if failures == WRITE_RETRIES:
                        raise
                    await asyncio.sleep(retry_after(failures))
            raise AssertionError("unreachable")

    async def _write_late(self, document: Document) -> bool:
        execution = self.execution
        there, self._there = self._there, None
        cleared = await document.read(lambda editor: execution.count is not None and self._is_cleared(editor))
        changes = execution.log.take_changes()
        if cleared:
            changes = execution.log.since_cleared(changes)
            execution.count = None
        elif there is None:
            changes = anew(execution.log.outputs)

        def change(editor: Editor) -> int | None:
            if not (self._is_cleared(editor) if cleared else self._is_left(editor, there)):
                return None
            editor.change_outputs(editor.place(execution.cell_id or ""), changes)
            return self._count(editor)

        self._there = await document.edit(change, outputs_only=True, who=execution.client)
        return self._there is not None

    def _is_cleared(self, editor: Editor) -> bool:
        cell = editor.cell_at(editor.place(self.execution.cell_id or ""), outputs=False)
        return cell.execution_count is None and self._count(editor) == 0 and not self._is_running(editor, cell.index)

    def _is_left(self, editor: Editor, there: int | None) -> bool:
        cell = editor.cell_at(editor.place(self.execution.cell_id or ""), outputs=False)
        same = cell.execution_count == self.execution.count and there in (None, self._count(editor))
        return same and not self._is_running(editor, cell.index)

    def _is_running(self, editor: Editor, index: int) -> bool:
        """Whether somebody else runs the cell. A file cannot say; a run of ours has a writer of its own."""
        return self.guarantee == "live" and editor.is_running(index)

    def _count(self, editor: Editor) -> int:
        """The outputs that the cell has; Unknown where it is not there, or holds no code any more."""
        count = editor.output_count(editor.place(self.execution.cell_id or ""))
        if count is None:
            raise Unknown("code cell", self.execution.cell_id or "")
        return count

    async def _write(self, changes: list[Change], running: bool, there: int | None) -> int:
        execution = self.execution

        def change(editor: Editor) -> int:
            if (
                there is not None and self._count(editor) != there
            ):  # a person has cleared them: all of it, with the next try
                raise Conflict(self._document.path)
            index = editor.place(execution.cell_id or "")
            editor.change_outputs(index, changes)
            # JupyterLab (4.6) takes a cell for ended as soon as it has a count: `[*]` stands there until then.
            editor.set_execution(index, None if running else execution.count, running)
            if self._said and not running and (new := differing(editor.metadata(), self._said)):
                editor.set_metadata(new)
            return self._count(editor)

        return await self._document.edit(change, outputs_only=True, who=execution.client)
