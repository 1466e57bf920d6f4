"""Runs code in kernels and brings what comes of it into the notebook, whatever happens to whoever asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Container, Coroutine
from contextlib import suppress
from typing import Any

import anyio

from ..documents.cells import Cell
from ..documents.document import Document
from ..errors import ProxyError, Unknown
from ..jupyter.kernel import KernelChannel
from ..jupyter.messages import Message, is_rate_notice
from ..jupyter.server import JupyterServer
from .about import About
from .afterwards import Afterwards
from .batch import Batch
from .beginning import Beginning, is_ours, mark, marked_while_it_waits, unmark
from .executions import Execution
from .heartbeat import beat
from .journal import Entry, Journal
from .kept import Kept
from .kernels import Kernels
from .memory import LONG_OUTPUT, give_memory_back, keep_large_buffers_apart
from .pause import Pause
from .questions import Questions
from .recovery import OpenDocument, Recovery
from .states import DIED, LOST, NOT_BEGUN, State
from .stopping import Stopping
from .turns import Turns
from .writer import OutputWriter

log = logging.getLogger(__name__)

IDLE_GRACE = 5.0
"""Seconds of silence after a kernel's reply, after which its missing `idle` is not waited for any more."""
LOOK_EVERY = 3.0
"""Seconds between two looks at whether a kernel is there that says nothing: Jupyter's own pace."""
LOOK_AGAIN = 1.0
"""Seconds until the next look where it could not be seen."""


class Runner:
    """All executions of this sidecar. An async context manager; leaving it leaves kernels running."""

    def __init__(self, server: JupyterServer, kernels: Kernels, journal: Journal, pause: Pause) -> None:
        self._server = server
        self._kernels = kernels
        self._journal = journal
        self._about = About(server, kernels)
        self.kept = Kept()
        self.stopping = Stopping(kernels, self.kept.running)
        self.questions = Questions(kernels, journal, self.stopping.interrupt, self._spawn)
        self.afterwards = Afterwards(kernels, self._spawn)
        self._recovery = Recovery(server, kernels, journal, listen=self._handler, spawn=self._spawn)
        self._turns = Turns(pause)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Runner:
        keep_large_buffers_apart()
        self._kernels.on_death.append(self._died)
        self._kernels.on_other = self.afterwards.overhear
        kept = self.kept
        self._spawn(beat(self._server, self.questions, kept.executions, kept.queues), "activity of running cells")
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for execution in self.kept.all:
            execution.log.transcript.close()
        self._journal.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path: what runs, ran or waits in it goes along."""
        self.kept.moved(old, new)
        self._journal.moved(old, new)
        self.afterwards.moved(old, new)

    # -- running --------------------------------------------------------------------------------------

    def start(
        self,
        notebook: str,
        kernel_id: str,
        code: str,
        document: Document | None,
        cell_id: str | None,
        *,
        can_ask: bool = True,
        marked: Cell | None = None,
    ) -> Execution:
        """Queue code for a kernel. With a cell its outputs go into the document as they come.

        Where whoever starts it cannot be asked (`can_ask`), it is stopped as soon as it asks for input. `marked` is
        what the cell was before it was marked as waiting.
        """
        execution = Execution(self.kept.new_id("x"), notebook, kernel_id, code, cell_id)
        execution.can_ask = can_ask
        self.kept.queue(execution)
        self._spawn(self._drive(execution, document, marked), f"execution {execution.id}")
        return execution

    async def start_batch(
        self,
        document: Document,
        kernel_id: str,
        cells: list[tuple[str, int, str]],
        *,
        stop_on_error: bool,
        may_fail: Container[str] = (),
        can_ask: bool = True,
    ) -> Batch:
        """Queue several cells, given as id, index and source, to run one after the other.

        With `stop_on_error` one that fails keeps those behind it from running, unless it `may_fail`.
        """
        marked: dict[str, Cell] = {}
        if document.guarantee == "live":  # in a file nobody would see it, and it is written whole each time
            with anyio.CancelScope(shield=True):  # what is marked is queued below, and whoever has gone stops that
                marked = await document.edit(
                    lambda editor: {cell: mark(editor, cell) for cell, _, _ in reversed(cells)}, outputs_only=True
                )
        executions: list[tuple[int, Execution]] = []
        for cell, index, source in cells:
            before = marked.get(cell)
            started = self.start(document.path, kernel_id, source, document, cell, can_ask=can_ask, marked=before)
            executions.append((index, started))
        batch = Batch(self.kept.new_id("b"), document.path, executions, stop_on_error, may_fail)
        self.kept.keep(batch)
        self._spawn(batch.follow(), f"batch {batch.id}")
        return batch

    async def _drive(self, execution: Execution, document: Document | None, marked: Cell | None) -> None:
        # Beside the wait for its turn, not before it: whoever came first must run first.
        marking = asyncio.ensure_future(self._mark(execution, document, marked))
        before: Cell | None = None
        try:
            async with self._turns.turn(execution):
                execution.ahead = 0
                try:
                    before = await marking
                    await self._turns.released(execution)
                    if not execution.finished.is_set():
                        await self._run(execution, document, before)
                except Exception as error:
                    if not isinstance(error, ProxyError):
                        log.exception("execution %s failed", execution.id)
                    execution.finish(State.LOST, f"It could not be run: {error}")
                if before is not None and document is not None and not execution.request_id:
                    with suppress(ProxyError):  # stopped while it waited, or no kernel to send it to
                        await unmark(document, before)
                    self._journal.remove(execution.id)
                execution.passes_on()
        finally:
            marking.cancel()
            self._retire(execution)

    async def _mark(self, execution: Execution, document: Document | None, marked: Cell | None) -> Cell | None:
        """Mark the cell of what waits, and remember that: whoever comes after a crash takes the mark away."""
        before = await marked_while_it_waits(execution, document, marked)
        if before is not None and not execution.finished.is_set():
            execution.count_before = before.execution_count
            with suppress(OSError):  # a full disk
                self._journal.add(Entry.of(execution, before.id, ""))
        return before

    def _retire(self, execution: Execution) -> None:
        if len(execution.log.transcript) > LONG_OUTPUT:
            give_memory_back()
        execution.written.set()
        for forgotten in self.kept.retire(execution):
            self.afterwards.forget(forgotten)
            forgotten.log.transcript.close()

    async def _run(self, execution: Execution, document: Document | None, marked: Cell | None) -> None:
        channel = await self._kernels.channel(execution.kernel_id)
        cell = execution.cell_id
        if document is None or cell is None:
            await self._send(execution, channel)
        else:
            self.afterwards.begins(execution)
            beginning = await Beginning.of(document, cell, marked)
            execution.count_before = beginning.before.execution_count
            try:
                await self._send(execution, channel)
            except BaseException:
                await beginning.take_back()
                raise
            if not execution.request_id:  # stopped while it was being prepared
                await beginning.take_back()
                return
            beginning.sent()
        try:
            await self._follow(execution, document)
            await self.afterwards.sync(execution.kernel_id)
        finally:
            channel.forget(execution.request_id)

    async def _send(self, execution: Execution, channel: KernelChannel) -> None:
        if execution.finished.is_set():
            return
        content = {
            "code": execution.code,
            "silent": False,
            "store_history": execution.cell_id is not None,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        metadata = {"cellId": execution.cell_id} if execution.cell_id else {}
        request = channel.new_request("shell", "execute_request", content, metadata)
        request.header["username"] = execution.client
        id = str(request.header["msg_id"])
        if execution.cell_id is not None:
            self._journal.add(Entry.of(execution, execution.cell_id, id))
        execution.request_id = id
        execution.sent_at = time.monotonic()
        try:
            await channel.send(request, self._handler(execution, channel))
        except BaseException:
            execution.request_id = ""
            self._journal.remove(execution.id)
            raise

    def _handler(self, execution: Execution, channel: KernelChannel) -> Callable[[Message], None]:
        router = self.afterwards.router(execution.kernel_id)
        router.add(execution)

        def take(message: Message) -> None:
            from_server = is_rate_notice(message, channel.session)
            asks = message.type == "input_request"
            try:
                if asks and execution.cell_id is None:  # whoever comes after us must know that the kernel waits
                    self._journal.add(Entry.of(execution, "", execution.request_id))
                self._journal.record(execution.id, message, from_server=from_server)
            except OSError as error:
                log.warning("execution %s is not recorded any more: %s", execution.id, error)
                self._journal.remove(execution.id)
            if asks:
                self._spawn(self.questions.hear(execution, message), f"question of {execution.id}")
                return
            router.take(execution, message, from_server=from_server)
            begins = message.type == "status" and channel.busy_with == execution.request_id
            if begins and execution.interrupt_wanted:
                self._spawn(self.stopping.interrupt_begun(execution), "interrupt of what has just begun")

        return take

    async def _follow(self, execution: Execution, document: Document | None) -> None:
        """Bring outputs into the document until the execution has ended and all of it is written."""
        if document is None or execution.cell_id is None:
            await self._ended(execution)
            self._journal.remove(execution.id)
            return
        ended = asyncio.ensure_future(self._ended(execution))
        writer = OutputWriter(document, execution, self._about.of)
        try:
            await writer.follow(ended)
            self.afterwards.ended(writer)
        except Unknown:
            execution.note("The cell is no code cell any more, or gone; its outputs are only here.", in_cell=False)
        except asyncio.CancelledError:
            ended.cancel()
            raise
        except BaseException as error:  # pycrdt panics with one, on values that it cannot hold
            log.exception("the outputs of %s could not be written", execution.id)
            execution.note(f"The outputs could not be written to the notebook: {error}", in_cell=False)
        try:
            await ended
        finally:
            ended.cancel()
        self._journal.remove(execution.id)

    async def _ended(self, execution: Execution) -> None:
        """Wait for the end of an execution, coming back to its kernel where the connection breaks."""
        while not execution.finished.is_set():
            channel = self._kernels.open_channel(execution.kernel_id)
            if channel is None:
                await self._recovery.come_back(execution)
                continue
            events = [execution.finished, channel.closed]
            if not execution.replied.is_set():
                events.append(execution.replied)
            seen = execution.version
            waits = {asyncio.ensure_future(event.wait()) for event in events}
            replied = execution.replied.is_set()
            try:
                done, _ = await asyncio.wait(
                    waits, timeout=_patience(execution, replied=replied), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for wait in waits:
                    wait.cancel()
            if not done and replied and execution.version == seen:
                execution.end_incomplete()
            elif not done and not replied:
                await self._recovery.look_after(execution, channel)

    def _died(self, kernel_id: str, is_news: bool) -> None:
        for execution in self.kept.running(kernel_id):
            if execution.request_id:
                execution.finish(State.KERNEL_DIED, DIED)
            elif is_news:  # as JupyterLab: what waited was meant for the variables that are gone
                execution.finish(State.INTERRUPTED, NOT_BEGUN)
        self.afterwards.died(kernel_id)

    # -- after a crash --------------------------------------------------------------------------------

    def recover(self, open_document: OpenDocument) -> None:
        """Take over, in the background, what an earlier process of this run left running."""
        self.afterwards.open_document = open_document
        left = self._recovery.left()
        self.kept.take_over(left)
        for execution in left:
            take_over = self._take_over if execution.request_id else self._give_up
            self._spawn(take_over(execution, open_document), f"recovery of {execution.id}")

    async def _give_up(self, execution: Execution, open_document: OpenDocument) -> None:
        try:
            await self._recovery.give_up(execution, open_document)
        finally:
            self._retire(execution)

    async def _take_over(self, execution: Execution, open_document: OpenDocument) -> None:
        try:
            router = self.afterwards.router(execution.kernel_id)
            router.add(execution)
            self._recovery.replay(execution, router)
            async with self._turns.lock(execution.kernel_id):
                document = await self._recovery.reopened(execution, open_document)
                if execution.cell_id is None or await document.read(lambda editor: is_ours(editor, execution)):
                    if not execution.finished.is_set():
                        await self._recovery.come_back(execution)
                    await self._follow(execution, document)
                else:  # somebody has run the cell anew since
                    execution.finish(State.LOST, LOST)
                    self._journal.remove(execution.id)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not isinstance(error, ProxyError):
                log.exception("execution %s could not be taken over", execution.id)
            execution.finish(State.LOST, f"{LOST} {error}")
            self._journal.remove(execution.id)
        finally:
            self._retire(execution)


def _patience(execution: Execution, *, replied: bool) -> float:
    """Seconds of silence after which an execution is looked after."""
    if replied:
        return IDLE_GRACE
    return LOOK_EVERY if execution.unseen_since is None else LOOK_AGAIN
