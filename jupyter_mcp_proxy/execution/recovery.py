"""Comes back to what runs: after the connection to its kernel broke, and after a process before us was killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from ..documents.document import Document
from ..errors import KernelFailed, ProxyError, ServerError
from ..jupyter.kernel import KernelChannel
from ..jupyter.messages import Message
from ..jupyter.server import JupyterServer
from .executions import Execution, State
from .journal import Entry, Journal
from .kernels import Kernels
from .questions import UNHEARD_BEFORE

MOST_RETURNS = 8
RETURN_PAUSE = 15.0
"""Seconds between two tries to reach a kernel whose server does not answer; eight of them take a minute and a half."""


OpenDocument = Callable[[str], Awaitable[Document]]


class Recovery:
    """Finds again what a runner follows. `listen` makes the handler of an execution's messages."""

    def __init__(
        self,
        server: JupyterServer,
        kernels: Kernels,
        journal: Journal,
        *,
        listen: Callable[[Execution, KernelChannel], Callable[[Message], None]],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._server = server
        self._kernels = kernels
        self._journal = journal
        self._listen = listen
        self._spawn = spawn

    def left(self) -> list[Execution]:
        """What an earlier process of this run left running."""
        return [self._execution(entry) for entry in self._journal.recover()]

    @staticmethod
    def _execution(entry: Entry) -> Execution:
        execution = Execution(entry.id, entry.notebook, entry.kernel_id, "", entry.cell_id or None)
        execution.request_id = entry.request_id
        if execution.cell_id is None:
            execution.note(UNHEARD_BEFORE, in_cell=False)
        return execution

    def replay(self, execution: Execution) -> None:
        """Feed an execution what the earlier process has heard of it."""
        for message, from_server in self._journal.recorded(execution.id):
            execution.feed(message, from_server=from_server)

    async def reopened(self, execution: Execution, open_document: OpenDocument) -> Document:
        """The document of what is taken over; a server that does not answer yet is asked again."""
        while True:
            try:
                return await open_document(execution.notebook)
            except ServerError as error:
                if 400 <= error.status < 500 or execution.returns >= MOST_RETURNS:
                    raise
                await _pause(execution)

    async def come_back(self, execution: Execution) -> None:
        """Open the kernel's channel again for something that runs; the server has buffered for our session."""
        execution.line_broke()
        prepared = False

        def resume(channel: KernelChannel) -> None:
            nonlocal prepared
            prepared = True
            channel.resume(execution.request_id, self._listen(execution, channel), execution.newest)

        try:
            channel = await self._kernels.channel(execution.kernel_id, resume)
            if not prepared:  # somebody else has opened it meanwhile
                resume(channel)
            # What was buffered and sent before has come once the kernel answers a question asked after it.
            await channel.answers(timeout=60)
            execution.came_back(channel.numbering.missing())
            if not execution.finished.is_set():
                self._spawn(_end_when_overtaken(execution, channel), f"end of {execution.id}")
        except (KernelFailed, ServerError) as error:
            await self._after_failed_return(execution, error)

    async def _after_failed_return(self, execution: Execution, error: ProxyError) -> None:
        """Tell a kernel that is gone from one that only cannot be reached now."""
        try:
            await self._server.kernel(execution.kernel_id)
        except ServerError as answer:
            if answer.status == 404:
                execution.finish(State.KERNEL_DIED, f"The kernel is gone, with all its variables. {error}")
                return
        if execution.returns >= MOST_RETURNS:
            execution.finish(State.LOST, f"The kernel could not be reached; it may still run this. {error}")
            return
        await _pause(execution)


async def _pause(execution: Execution) -> None:
    """Wait before the next try to reach what does not answer, longer each time."""
    execution.returns += 1
    await asyncio.sleep(min(RETURN_PAUSE, 0.5 * 2**execution.returns))


async def _end_when_overtaken(execution: Execution, channel: KernelChannel) -> None:
    """End what the kernel is done with already: its last messages went to a process or connection that is no more."""
    with suppress(KernelFailed):
        await channel.catches_up()
        if not channel.closed.is_set():
            execution.end_incomplete()
