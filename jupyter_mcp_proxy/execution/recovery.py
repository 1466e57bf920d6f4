"""Comes back to what runs: after the connection to its kernel broke, and after a process before us was killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..documents.document import Document
from ..errors import KernelFailed, ProxyError, ServerError
from ..jupyter.kernel import KernelChannel, Resumption
from ..jupyter.messages import Message
from ..jupyter.server import JupyterServer
from .beginning import unmark
from .executions import Execution
from .journal import Entry, Journal
from .kernels import Kernels
from .questions import UNHEARD_BEFORE
from .router import Router
from .states import NOT_SENT, State

MOST_RETURNS = 8
RETURN_PAUSE = 15.0
"""Seconds between two tries to reach a kernel whose server does not answer; eight of them take a minute and a half."""
LOOK_TIMEOUT = 2.0
UNSEEN = 2.5
"""Seconds after which what runs on a gateway that does not answer is told to be lost: two looks."""
SILENT = 20.0
"""Seconds that a kernel which is not busy may take to begin, before it is asked whether it answers at all."""
NO_GATEWAY = (
    "What runs this kernel (a kernel gateway) does not answer: {reason}. It may still run this; list_kernels tells "
    "when the kernel is there again. Look before you run it a second time."
)
SILENT_KERNEL = (
    "The kernel has not begun this within {seconds:.0f} s and answers nothing; the server takes it to be {state}. "
    "It may still run this once it answers again: restart_notebook starts it anew; its variables are gone then."
)
NEVER_CAME = (
    "It was sent {seconds:.0f} s ago and has not reached the kernel, which has answered what it was asked since: it "
    "was lost on its way, as where a server cannot connect to its kernel gateway. Run it again if it is wanted."
)

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
        execution.client = entry.client
        execution.count_before = entry.count_before
        execution.request_id = entry.request_id
        if execution.cell_id is None:
            execution.note(UNHEARD_BEFORE, in_cell=False)
        return execution

    def replay(self, execution: Execution, router: Router) -> None:
        """Feed an execution what the earlier process has heard of it."""
        for message, from_server in self._journal.recorded(execution.id):
            router.take(execution, message, from_server=from_server)

    async def reopened(self, execution: Execution, open_document: OpenDocument) -> Document:
        """The document of what is taken over; a server that does not answer yet is asked again."""
        while True:
            try:
                return await open_document(execution.notebook)
            except ServerError as error:
                if 400 <= error.status < 500 or execution.returns >= MOST_RETURNS:
                    raise
                await _pause(execution)

    async def give_up(self, execution: Execution, open_document: OpenDocument) -> None:
        """End what only waited for its turn, and take its cell's mark away: what was before it may have failed."""
        execution.finish(State.INTERRUPTED, NOT_SENT)
        with suppress(ProxyError):  # its notebook or cell is gone
            document = await self.reopened(execution, open_document)
            cell = execution.cell_id or ""
            before = await document.read(lambda editor: editor.cell_at(editor.place(cell), outputs=False))
            await unmark(document, replace(before, execution_count=execution.count_before))
        self._journal.remove(execution.id)

    async def come_back(self, execution: Execution) -> None:
        """Open the kernel's channel again for something that runs; the server has buffered for our session."""
        execution.line_broke(self._kernels.why_closed(execution.kernel_id))
        what = Resumption(execution.request_id, lambda channel: self._listen(execution, channel), execution.newest)
        try:
            channel = await self._kernels.channel(execution.kernel_id, what)
            # What was buffered and sent before has come once the kernel answers a question asked after it.
            await channel.answers(timeout=60)
            execution.came_back(channel.numbering.missing())
            if not execution.finished.is_set():
                self._spawn(_end_when_overtaken(execution, channel), f"end of {execution.id}")
        except (KernelFailed, ServerError) as error:
            await self._after_failed_return(execution, error)

    async def look_after(self, execution: Execution, channel: KernelChannel) -> None:
        """See whether a kernel is there of which nothing has come for a while; end what waits for one that is not."""
        waits = execution.state is State.QUEUED
        if not channel.is_remote and not waits:  # its own ports tell of its end at once
            return
        try:
            state = await self._state(execution.kernel_id, remote=channel.is_remote)
        except ServerError as error:
            await self._unseen(execution, error)
            return
        execution.unseen_since = None
        silent = time.monotonic() - (execution.sent_at or time.monotonic())
        if waits and silent > SILENT and state != "busy":
            try:
                await channel.answers(LOOK_TIMEOUT)
            except KernelFailed:
                if execution.state is State.QUEUED:
                    execution.finish(State.LOST, SILENT_KERNEL.format(seconds=silent, state=state))
                return
            with suppress(KernelFailed, asyncio.TimeoutError):
                await asyncio.wait_for(channel.catches_up(), LOOK_TIMEOUT)
                if execution.state is State.QUEUED and not channel.closed.is_set():
                    execution.finish(State.LOST, NEVER_CAME.format(seconds=silent))

    async def _state(self, kernel_id: str, *, remote: bool) -> str:
        """What the server takes a kernel to do. Raises ServerError where there is none, or none can be asked for.

        Of a gateway's kernel Jupyter keeps a model, which it goes on to show when the gateway is gone; only the list is
        asked for anew (`GatewayMappingKernelManager`). Gateways that refuse to list show thereby that they are there.
        """
        if remote:
            try:
                models = await self._server.kernels(timeout=LOOK_TIMEOUT)
            except ServerError as error:
                if error.status != 403:
                    raise
            else:
                if all(model["id"] != kernel_id for model in models):
                    raise ServerError(f"Looking at kernel {kernel_id}", 404, "it is not among the gateway's")
        model = await self._server.kernel(kernel_id, timeout=LOOK_TIMEOUT)
        return str(model.get("execution_state", "unknown"))

    async def _unseen(self, execution: Execution, error: ServerError) -> None:
        """The server could not say whether the kernel is there: a gateway that runs it is gone, or it is."""
        if error.status == 404:
            execution.finish(State.KERNEL_DIED, f"The kernel is gone, with all its variables. {error}")
            return
        if error.status < 500 and not (error.status == 0 and await self._server.is_up(LOOK_TIMEOUT)):
            return  # the server itself is silent: a laptop sleeps
        now = time.monotonic()
        execution.unseen_since = execution.unseen_since or now
        if now - execution.unseen_since >= UNSEEN:
            execution.finish(State.LOST, NO_GATEWAY.format(reason=error.message))

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
