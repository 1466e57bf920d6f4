"""What comes of a run when it has ended: late output to its cell, what widgets have captured to their kernel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from ..documents.document import Document
from ..errors import ProxyError
from ..jupyter.messages import Message
from .executions import Execution
from .kernels import Kernels
from .router import Router
from .writer import WRITE_EVERY, OutputWriter

log = logging.getLogger(__name__)

SYNC_AFTER = 0.1
"""Seconds after which a widget's kernel is told what it has captured, if the run that it captured from has ended."""


class Afterwards:
    """The routers of all kernels, and what they find for runs that have ended."""

    def __init__(self, kernels: Kernels, spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        self._kernels = kernels
        self._spawn = spawn
        self.open_document: Callable[[str], Awaitable[Document]] | None = None
        self._routers: dict[str, Router] = {}
        self._left: dict[tuple[str, str | None], OutputWriter] = {}
        """For each cell what wrote its outputs, in the order of their ends."""
        self._due: set[str] = set()
        self._captured: dict[str, dict[str, None]] = {}

    def router(self, kernel_id: str) -> Router:
        """Where the messages of a kernel belong, as long as its process lives."""
        router = self._routers.get(kernel_id)
        if router is None:
            router = Router(
                late=self._late, captured=lambda widget, ended: self._note_captured(kernel_id, widget, ended)
            )
            self._routers[kernel_id] = router
        return router

    def overhear(self, kernel_id: str, message: Message) -> None:
        """Take a broadcast that nobody waits for."""
        channel = self._kernels.open_channel(kernel_id)
        self.router(kernel_id).overhear(message, "" if channel is None else channel.session)

    def died(self, kernel_id: str) -> None:
        """A kernel's process has ended: nothing comes of it any more."""
        router = self._routers.pop(kernel_id, None)
        if router is not None:
            router.close()
        self._captured.pop(kernel_id, None)

    def forget(self, execution: Execution) -> None:
        """An execution is not kept any more."""
        router = self._routers.get(execution.kernel_id)
        if router is not None:
            router.forget(execution)
        writer = self._left.get((execution.notebook, execution.cell_id))
        if writer is not None and writer.execution is execution:
            del self._left[execution.notebook, execution.cell_id]

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path."""
        self._left = {(new if path == old else path, cell): writer for (path, cell), writer in self._left.items()}

    # -- late output ----------------------------------------------------------------------------------

    def begins(self, execution: Execution) -> None:
        """A cell runs anew: nothing of an earlier run of it goes there any more."""
        self._left.pop((execution.notebook, execution.cell_id), None)

    def ended(self, writer: OutputWriter) -> None:
        """All outputs of a run are in its cell; what comes from now on is late."""
        execution = writer.execution
        self._left[execution.notebook, execution.cell_id] = writer
        if execution.log.has_changes:
            self._late(execution)

    def _late(self, execution: Execution) -> None:
        writer = self._left.get((execution.notebook, execution.cell_id))
        if writer is None or writer.execution is not execution or execution.id in self._due:
            return
        self._due.add(execution.id)
        self._spawn(self._write(writer), f"late output of {execution.id}")

    async def _write(self, writer: OutputWriter) -> None:
        execution = writer.execution
        await asyncio.sleep(WRITE_EVERY[writer.guarantee])  # more may come, to be written with it
        self._due.discard(execution.id)
        if self.open_document is None or self._left.get((execution.notebook, execution.cell_id)) is not writer:
            return
        try:
            kept = await writer.write_late(await self.open_document(execution.notebook))
        except ProxyError as error:  # such as a notebook that is gone; read_output still has it
            log.info("late output of %s is not written: %s", execution.id, error)
            kept = False
        if not kept:
            self.begins(execution)

    # -- what widgets have captured -------------------------------------------------------------------

    def _note_captured(self, kernel_id: str, widget: str, ended: bool) -> None:
        waiting = self._captured.setdefault(kernel_id, {})
        first = not waiting
        waiting[widget] = None
        if ended and first:
            self._spawn(self._sync_soon(kernel_id), f"widgets of {kernel_id}")

    async def _sync_soon(self, kernel_id: str) -> None:
        await asyncio.sleep(SYNC_AFTER)
        await self.sync(kernel_id)

    async def sync(self, kernel_id: str) -> None:
        """Tell a kernel what its Output widgets hold, as a frontend does: so other frontends and later cells know.

        While code runs a kernel does not listen, so it is told when that has ended, before other code is sent.
        """
        widgets = self.router(kernel_id).widgets
        channel = self._kernels.open_channel(kernel_id)
        for widget in self._captured.pop(kernel_id, {}):
            state = {"outputs": widgets.captured(widget).outputs}
            data = {"method": "update", "state": state, "buffer_paths": []}
            with suppress(ProxyError):  # a kernel that is gone needs to know nothing
                if channel is not None:
                    await channel.tell("comm_msg", {"comm_id": widget, "data": data})
