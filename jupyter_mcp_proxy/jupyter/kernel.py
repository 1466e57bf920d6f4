"""A kernel's messages: one channel per kernel, shared by all that runs in it.

`KernelChannel` is what executions use; `WebSocketChannel` carries it over the server's websocket, which
works for local, remote and gateway kernels alike and whose buffer is replayed to the same session id
after a crash of the sidecar. `ports.PortsChannel` carries it over the kernel's own ports.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import anyio
import websockets

from ..errors import KernelFailed, ServerError
from .messages import (
    SUBPROTOCOL,
    Json,
    Message,
    decode,
    decode_plain,
    encode,
    encode_plain,
    is_about_process,
    is_stray,
    new_message,
    session_of,
)
from .numbering import Numbering
from .quickack import acknowledge_at_once
from .server import JupyterServer

log = logging.getLogger(__name__)

Handler = Callable[[Message], None]

OPEN_TIMEOUT = 60.0
"""Seconds that a websocket may take to open, which Jupyter does once the kernel answers: as long as it waits itself
(`MappingKernelManager.kernel_info_timeout`)."""
TRIES = (5.0, 10.0)
"""Seconds after which one that does not open is given up for another. Jupyter asks a kernel once before it opens its
first websocket (`ZMQChannelsWebsocketConnection.prepare`): one that was restarted meanwhile has not heard it."""
LOOK_EVERY, LOOK_TIMEOUT = 2.0, 5.0
"""Seconds between two looks at a kernel whose websocket does not open yet, and that one look may take."""
DIED = (
    "somebody has shut it down, or Jupyter has tried to start it several times and given up. What it said then is in "
    "the server's log (often its environment lacks the kernel's package); assign_kernel_to_notebook starts another "
    "kernelspec"
)
ASK_AGAIN = (0.02, 0.05, 0.1, 0.25, 0.5)
"""Seconds between two questions to a kernel whose broadcasts do not reach us yet; the last from then on."""

ASKED_BESIDE = 2
"""Questions on `control` alone, before `shell` is asked, too."""


@dataclass(frozen=True)
class Resumption:
    """A request that was sent before a connection broke, and whose answers are to be taken over."""

    request_id: str
    listen: Callable[[KernelChannel], Handler]
    newest: str
    """The id of the last message of it that came whole."""

    @property
    def session(self) -> str:
        """The session for which the server has buffered its answers."""
        return session_of(self.request_id)


class KernelChannel(ABC):
    """Sends requests to a kernel and hands each answer to whoever asked. An async context manager."""

    transport: str
    open_timeout = OPEN_TIMEOUT
    is_remote = False
    """Whether the kernel's process is out of sight: no port of it is known whose closing would tell of its end."""

    def __init__(self, kernel_id: str, session: str) -> None:
        self.kernel_id = kernel_id
        self.session = session
        self.closed = asyncio.Event()
        self.failure = ""
        """Why it has closed, where that is neither the kernel's doing nor the connection's: a full disk."""
        self.state = "unknown"
        """The kernel's last announced state: starting, idle, busy, restarting, dead, or unknown."""
        self.busy_with = ""
        """The id of the request that the kernel works on, whoever sent it."""
        self.ran: dict[int, str] = {}
        """The code that the kernel ran under each execution count, whoever sent it, since the channel is open."""
        self.info: Json | None = None
        """What the kernel says of itself, once it has been asked (`kernel_info_reply`)."""
        self.numbering = Numbering()
        self._handlers: dict[str, Handler] = {}
        self.on_death: Callable[[], None] = lambda: None
        """Called when Jupyter announces that the kernel's process has ended."""
        self.on_other: Handler = lambda _: None
        """Takes each broadcast that answers none of our open requests."""

    @abstractmethod
    async def _send(self, message: Message) -> None: ...

    @abstractmethod
    async def __aenter__(self) -> KernelChannel: ...

    @abstractmethod
    async def __aexit__(self, *_: object) -> None: ...

    def new_request(
        self, channel: str, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> Message:
        """A request of this session, for `send`."""
        return new_message(channel, kind, content, self.session, metadata)

    async def send(self, request: Message, handler: Handler) -> None:
        """Send a request; `handler` gets every message that answers it, until `forget`."""
        request_id = str(request.header["msg_id"])
        self._handlers[request_id] = handler
        try:
            await self._send(request)
        except BaseException:
            self.forget(request_id)
            raise

    async def request(self, channel: str, kind: str, content: dict[str, Any], timeout: float) -> Message:
        """Send a request and wait for its reply on the same channel.

        Raises KernelFailed where none comes within `timeout` seconds.
        """
        replied: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            if message.channel == channel and not replied.done():
                replied.set_result(message)

        request = self.new_request(channel, kind, content)
        await self.send(request, take)
        try:
            return await asyncio.wait_for(replied, timeout)
        except asyncio.TimeoutError:
            raise KernelFailed(f"The kernel did not answer {kind} within {timeout:g} s", "it may be busy") from None
        finally:
            self.forget(str(request.header["msg_id"]))

    async def tell(self, kind: str, content: dict[str, Any]) -> None:
        """Send what the kernel does not answer, such as a `comm_msg`."""
        await self._send(self.new_request("shell", kind, content))

    async def answers(self, timeout: float) -> None:
        """Return once the kernel answers and its broadcasts reach us; both are connected separately.

        It is asked on `control`, which answers beside what runs, and soon on `shell`, too, where alone some kernels
        answer (R, Deno). Raises KernelFailed where that takes longer than `timeout` seconds.
        """
        both = _Both()
        asked: list[Message] = []
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            while not both.came.is_set():
                if asyncio.get_running_loop().time() > deadline:
                    raise KernelFailed(f"The kernel did not answer within {timeout:g} s", "it may be starting")
                for channel in ("control", "shell")[: 1 if len(asked) < ASKED_BESIDE else 2]:
                    asked.append(self.new_request(channel, "kernel_info_request", {}))
                    await self.send(asked[-1], both.take)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(both.came.wait(), ASK_AGAIN[min(len(asked), len(ASK_AGAIN)) - 1])
        finally:
            for request in asked:
                self.forget(str(request.header["msg_id"]))

    async def answer(self, question: Json, value: str) -> None:
        """Answer what the kernel asked in a message with the header `question`."""
        reply = self.new_request("stdin", "input_reply", {"status": "ok", "value": value})
        await self._send(replace(reply, parent=question))

    async def ask_for_info(self) -> None:
        """Ask the kernel for its `info`, which is there before anything ends that is sent to its shell after that."""
        await self._send(self.new_request("shell", "kernel_info_request", {}))

    async def catches_up(self) -> None:
        """Return once the kernel has ended all that was sent to it before now, and what it said of it has come.

        Its shell answers one request after the other. Returns when the channel closes, too.
        """
        both = _Both()
        request = self.new_request("shell", "kernel_info_request", {})
        waits = [asyncio.ensure_future(event.wait()) for event in (both.came, self.closed)]
        try:
            await self.send(request, both.take)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self.forget(str(request.header["msg_id"]))

    def resume(self, what: Resumption) -> None:
        """Take over the answers to a request of an earlier connection; `numbering` counts what is missing of them."""
        if what.request_id not in self._handlers:
            self.numbering.expect(what.newest)
            self._handlers[what.request_id] = what.listen(self)

    def forget(self, request_id: str) -> None:
        """No longer hand on what answers this request."""
        self._handlers.pop(request_id, None)

    def _receive(self, message: Message) -> None:
        if message.type == "status":
            self.state = str(message.content.get("execution_state", "unknown"))
            if self.state == "busy" and message.parent.get("msg_type") == "execute_request":
                self.busy_with = message.parent_id
            elif self.busy_with == message.parent_id or self.state in ("restarting", "dead"):
                self.busy_with = ""
            if is_about_process(message):
                self.on_death()
        elif message.type == "execute_input" and isinstance(message.content.get("execution_count"), int):
            self.ran[message.content["execution_count"]] = str(message.content.get("code", ""))
        elif message.type == "kernel_info_reply":
            self.info = message.content
        handler = self._handlers.get(message.parent_id)
        if handler is not None:
            handler(message)
        if is_stray(message) or (handler is None and message.channel == "iopub"):
            self.on_other(message)


class _Both:
    """Waits for a reply and for a broadcast: a kernel's channels are connected separately."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self._broadcast: set[bool] = set()

    def take(self, message: Message) -> None:
        """The handler of what was asked."""
        self._broadcast.add(message.channel == "iopub")
        if len(self._broadcast) == 2:
            self.came.set()


class WebSocketChannel(KernelChannel):
    """A kernel's channel over the server's websocket."""

    transport = "websocket"

    def __init__(self, server: JupyterServer, kernel_id: str, session: str) -> None:
        super().__init__(kernel_id, session)
        self._server = server
        self._stack = AsyncExitStack()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> WebSocketChannel:
        try:
            self._connection = await asyncio.wait_for(self._opened(), self.open_timeout)
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
            raise KernelFailed(
                f"Kernel {self.kernel_id} cannot be reached", str(error) or type(error).__name__
            ) from error
        self._reader = asyncio.create_task(self._read(), name=f"kernel {self.kernel_id}")
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            if self._reader is not None:
                self._reader.cancel()
                await asyncio.gather(self._reader, return_exceptions=True)
            await self._stack.aclose()
        self.closed.set()

    async def _opened(self) -> websockets.ClientConnection:
        for seconds in TRIES:
            with suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(self._try_to_open(), seconds)
        return await self._try_to_open()

    async def _try_to_open(self) -> websockets.ClientConnection:
        """The websocket, once it is open. Raises KernelFailed where the kernel dies before: Jupyter does not say so."""
        websocket = self._server.websocket(
            f"api/kernels/{self.kernel_id}/channels", [SUBPROTOCOL], session_id=self.session
        )
        opening = asyncio.ensure_future(self._stack.enter_async_context(websocket))
        try:
            while not (await asyncio.wait({opening}, timeout=LOOK_EVERY))[0]:
                try:
                    await self._server.kernel(self.kernel_id, timeout=LOOK_TIMEOUT)
                except ServerError as error:
                    if error.status == 404:
                        raise KernelFailed(f"Kernel {self.kernel_id} died while it started", DIED) from error
        except BaseException:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            raise
        return opening.result()

    async def _send(self, message: Message) -> None:
        try:
            await self._connection.send(encode(message) if self._is_v1 else encode_plain(message))
        except websockets.ConnectionClosed as error:
            raise KernelFailed(f"Kernel {self.kernel_id} is gone", str(error)) from error

    @property
    def _is_v1(self) -> bool:
        # Asked for; but a server with a gateway negotiates nothing, and speaks the form before it.
        return self._connection.subprotocol == SUBPROTOCOL

    def _take(self, data: str | bytes) -> None:
        message = decode(data) if self._is_v1 and isinstance(data, bytes) else decode_plain(data)
        self._count(message)
        self._receive(message)

    def _count(self, message: Message) -> None:
        self.numbering.take(message)

    async def _read(self) -> None:
        transport = self._connection.transport
        try:
            acknowledge_at_once(transport)
            async for frame in self._connection:
                acknowledge_at_once(transport)
                try:
                    self._take(frame)
                except Exception:
                    log.exception("a kernel message could not be handled")
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed.set()
