"""A collaboration room: one replica of a shared document, in step with the server's for as long as it is open.

A replica is never carried over to another connection: who is disconnected opens a new `Room`, which starts
from an empty document. (Pushing an old replica is how notebooks of this ecosystem collapse to one cell.)
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import anyio
import websockets
from pycrdt import (
    Awareness,
    Decoder,
    Doc,
    Encoder,
    TransactionEvent,
    YMessageType,
    YSyncMessageType,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    read_message,
)

from ..errors import NotShareable, ServerError, ServerUnreachable, Unknown
from .presence import Presences
from .quickack import acknowledge_at_once
from .server import JupyterServer
from .writers import Writers, wrote_in

log = logging.getLogger(__name__)

RAW = 2
"""jupyter-server-ydoc's own message type, beside the sync and awareness of the y-protocols."""
SYNC_TIMEOUT = 60.0


class Room:
    """A shared document by its path. An async context manager; entered, `doc` holds the document's content."""

    def __init__(self, server: JupyterServer, path: str, *, patience: float = SYNC_TIMEOUT) -> None:
        """`patience` is how long the server may take, in seconds, until the content is here."""
        self._server = server
        self.path = path
        self._patience = patience
        self.file_id = ""
        self.doc: Doc[Any] = Doc()
        self.awareness = Awareness(self.doc)
        self.awareness.set_local_state(None)  # the replica itself is nobody
        self.closed = asyncio.Event()
        self._synced = asyncio.Event()
        self._stack = AsyncExitStack()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self.writers = Writers(self.awareness)
        self.counts_as_written: Callable[[], bool] = bool
        """Whether the change that has just come is one whose writer shall be known."""
        self.on_change: Callable[[list[int]], None] = lambda wrote: None
        """Called after each change of others, once the document has been filled, with the replicas that wrote beside
        the cells: the server's, when it says that it has written or read the file."""
        self._wrote: list[int] | None = None
        self.presences = Presences(self._outgoing.put_nowait)
        self._barriers: list[asyncio.Future[None]] = []
        self._saves: dict[int, asyncio.Future[str]] = {}
        self._applying = False
        self._held: list[bytes] | None = None
        """What a change that is under way has done so far."""
        self.updates_received = 0
        """How many changes of others have come."""
        self.is_broken = False
        """Whether a change has failed half done in this replica."""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Room:
        what = f"Opening the shared document of {self.path!r}"
        session = await self._session(what)
        self.file_id = str(session["fileId"])
        room = f"{session['format']}:{session['type']}:{session['fileId']}"
        try:
            self._connection = await self._stack.enter_async_context(
                self._server.websocket(f"api/collaboration/room/{room}", sessionId=session["sessionId"])
            )
            self._doc_subscription = self.doc.observe(self._on_local_change)
            self._tasks = [
                asyncio.create_task(self._read(), name=f"room {self.path}"),
                asyncio.create_task(self._write(), name=f"room writer {self.path}"),
                asyncio.create_task(self.presences.renew(), name=f"room presence {self.path}"),
                asyncio.create_task(self.awareness.start(), name=f"room {self.path}, forgetting who left"),
            ]
            self._outgoing.put_nowait(create_sync_message(self.doc))
            await self._either(self._synced.wait(), self._patience)
        except (OSError, websockets.WebSocketException, asyncio.TimeoutError) as error:
            await self.__aexit__()
            raise ServerUnreachable(what, str(error) or type(error).__name__) from error
        except BaseException:
            await self.__aexit__()
            raise
        if not self._synced.is_set():
            code = self._connection.close_code
            reason = self._connection.close_reason
            await self.__aexit__()
            raise ServerError(what, code or 0, reason or "the room was closed")
        return self

    async def _session(self, what: str) -> dict[str, Any]:
        try:
            return await self._server.collaboration_session(self.path)
        except ServerError as error:
            if error.status == 404:
                raise Unknown("notebook", self.path) from error
            raise

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):  # whoever is cancelled while it is opened leaves no replica behind
            await self._leave()

    async def _leave(self) -> None:
        if not self.closed.is_set() and self._tasks:
            self.presences.hide_all()
            try:
                await asyncio.wait_for(self._drained(), 1)
            except (asyncio.TimeoutError, websockets.WebSocketException):
                log.debug("the room %s closed before our leave was sent", self.path)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._close()
        await self._stack.aclose()

    def _close(self) -> None:
        self.closed.set()
        pending: list[asyncio.Future[Any]] = [*self._barriers, *self._saves.values()]
        for waiting in pending:
            if not waiting.done():
                waiting.cancel()
        self._barriers.clear()
        self._saves.clear()

    @contextmanager
    def changing(self, origin: str | None = None) -> Iterator[None]:
        """A transaction of ours, which leaves when it has ended well.

        Yjs cannot take one back: where it has failed half done, nothing of it leaves, and the room is closed, for
        this replica is none any more.
        """
        held: list[bytes] = []
        self._held = held
        failure: BaseException | None = None
        try:
            with self.doc.transaction(origin=origin):
                try:
                    yield
                except BaseException as error:
                    failure = error
                    raise
        except BaseException:
            if held:
                self.is_broken = True
                self._close()
            if type(failure).__name__ in ("PanicException", "UnicodeEncodeError"):  # pycrdt's, at what Yjs has not
                what = "half a pair of surrogates" if "surrogates" in str(failure) else "a value that Yjs does not have"
                raise NotShareable(self.path, f"this change has {what}", "leave that out") from None
            if failure is not None:  # and not what an observer says of a cell that is half there
                raise failure from failure.__cause__
            raise
        finally:
            self._held = None
        for update in held:
            self._outgoing.put_nowait(create_update_message(update))

    async def flush(self) -> None:
        """Return once the server has taken over every change made here so far.

        Messages of one connection are handled in order, so the answer to a question asked now comes after them.
        Raises ServerUnreachable where the room closes first: the changes may or may not have arrived.
        """
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._barriers.append(arrived)
        self._outgoing.put_nowait(create_sync_message(self.doc))
        await self._answered(arrived, "Changing the shared document")

    async def save(self) -> str:
        """Ask the server to write the file now; `success`, `skipped` (it is being written) or `failed`."""
        number = len(self._saves) + 1
        while number in self._saves:
            number += 1
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._saves[number] = answered
        encoder = Encoder()
        encoder.write_var_uint(RAW)
        encoder.write_var_string("save")
        encoder.write_var_uint(number)
        self._outgoing.put_nowait(encoder.to_bytes())
        result: str = await self._answered(answered, "Saving the shared document")
        return result

    async def _answered(self, future: asyncio.Future[Any], what: str) -> Any:
        if self.closed.is_set():
            raise ServerUnreachable(what, "the connection was lost")
        try:
            return await asyncio.wait_for(future, SYNC_TIMEOUT)
        except asyncio.TimeoutError as error:
            raise ServerUnreachable(what, f"no answer within {SYNC_TIMEOUT:g} s") from error
        except asyncio.CancelledError:
            if future.cancelled() and self.closed.is_set():
                raise ServerUnreachable(what, "the connection was lost") from None
            raise

    async def _either(self, waiting: Any, timeout: float) -> None:
        """Wait for something, or for the room's end."""
        tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self.closed.wait())]
        try:
            done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise asyncio.TimeoutError
        finally:
            for task in tasks:
                task.cancel()

    # -- what arrives ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        transport = self._connection.transport
        try:
            acknowledge_at_once(transport)
            async for frame in self._connection:
                acknowledge_at_once(transport)
                if isinstance(frame, bytes) and frame:
                    try:
                        self._handle(frame)
                    except Exception:
                        # A replica that missed a message is no replica any more.
                        log.exception("the room %s sent what we could not apply", self.path)
                        return
        except websockets.ConnectionClosed:
            pass
        finally:
            self._close()

    def _handle(self, frame: bytes) -> None:
        kind = frame[0]
        if kind == YMessageType.SYNC:
            self._handle_sync(frame[1:])
        elif kind == YMessageType.AWARENESS:
            self.awareness.apply_awareness_update(read_message(frame[1:]), self)
        elif kind == RAW:
            message = json.loads(Decoder(frame[1:]).read_var_string())
            if message.get("type") == "save":
                answered = self._saves.pop(message.get("responseTo"), None)
                if answered is not None and not answered.done():
                    answered.set_result(str(message.get("status")))

    def _handle_sync(self, message: bytes) -> None:
        self._applying = True
        try:
            reply = handle_sync_message(message, self.doc)
        finally:
            self._applying = False
        if self._wrote is not None:
            wrote, self._wrote = self._wrote, None
            self.on_change(wrote)
        if reply is not None:
            self._outgoing.put_nowait(reply)
        if message[0] == YSyncMessageType.SYNC_UPDATE:
            self.updates_received += 1
        if message[0] == YSyncMessageType.SYNC_STEP2:
            self._synced.set()
            if self._barriers:
                arrived = self._barriers.pop(0)
                if not arrived.done():
                    arrived.set_result(None)

    # -- what leaves ----------------------------------------------------------------------------------

    def _on_local_change(self, event: TransactionEvent) -> None:
        in_cells = self.counts_as_written()  # asked of our own, too: the next change is not in cells for that
        # A transaction that changed nothing has an update too: no structs, no deletions.
        if self._applying:
            if self._synced.is_set():
                if in_cells:
                    self.writers.heard(event)
                self._wrote = [] if in_cells else wrote_in(event)
        elif event.update == b"\x00\x00":
            return
        elif self._held is not None:
            self._held.append(event.update)
        elif not self.closed.is_set():
            self._outgoing.put_nowait(create_update_message(event.update))

    async def _write(self) -> None:
        try:
            while True:
                await self._connection.send(await self._outgoing.get())
                self._outgoing.task_done()
        except websockets.ConnectionClosed:
            self._close()

    async def _drained(self) -> None:
        await self._outgoing.join()
