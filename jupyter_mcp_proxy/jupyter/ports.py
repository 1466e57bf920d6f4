"""A kernel's messages over its own ports: all of its output, at any rate and of any length.

`PortsChannel` reads the kernel's connection file and speaks ZMTP 3.0 (ZeroMQ's wire protocol, "NULL" security)
itself. libzmq would hand over a message of 100 MB in one piece, and queue what we do not take in time in memory;
here a thread empties the connection into a `Spool`, on disk beyond 4 MB, and a long print is taken in pieces.

The server's websocket stays open beside it, so that the server buffers for our session when this process is
killed. What it carries is ignored while the ports serve; a channel that resumes something first takes what the
server has buffered, up to the first message that both lines have.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress

import anyio

from ..errors import KernelFailed
from .kernel import KernelChannel, WebSocketChannel
from .messages import Message, Piece, parse
from .pieces import STREAM_BEGINS, STREAM_ENDS, texts, with_more
from .server import JupyterServer
from .spool import Drain
from .zmtp import DELIMITER, MORE, Ports, frame, frames

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a kernel may take to answer on its ports before the websocket serves instead."""
CONNECT_AGAIN = 0.05
OVERLAP_PATIENCE = 2.0
"""Seconds of silence on the websocket after which no message is awaited that has come on the ports too."""
LONG = 1024 * 1024
"""Bytes from which on a stream message is taken in pieces."""
PIECE = 256 * 1024
SLICE = 0.005
"""Seconds that messages may keep the event loop from other work."""


class PortsChannel(KernelChannel):
    """A kernel's channel over its own ports, with the server's websocket open beside it.

    Where the kernel does not answer on its ports the websocket serves, unless `insist`.
    """

    def __init__(
        self, server: JupyterServer, kernel_id: str, session: str, runtime_dir: str, *, insist: bool = False
    ) -> None:
        super().__init__(kernel_id, session)
        self.transport = "ports"
        self._runtime_dir = runtime_dir
        self._insist = insist
        self._line = _Line(server, kernel_id, session, self)
        self._ports: Ports | None = None
        self._drain: Drain | None = None
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.joined = False
        """Whether the ports serve; until then what the websocket brings is taken."""
        self._resumed: set[str] = set()
        self._overlap = asyncio.Event()
        """Set once a message has come on both lines: the ports have all that follows it."""
        self._brought = 0
        """Messages that the websocket has brought."""
        self._held: list[Message] = []
        self._held_ids: set[str] = set()
        self._taken_ids: set[str] = set()

    def resume(self, request_id: str, handler: Callable[[Message], None], newest: str) -> None:
        self._resumed.add(request_id)
        super().resume(request_id, handler, newest)

    async def __aenter__(self) -> PortsChannel:
        try:
            if self._resumed:
                # First, since the server drops a message while it opens a websocket.
                with suppress(OSError, ValueError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._connect(), PATIENCE)
            await self._line.__aenter__()
        except BaseException:
            await self.__aexit__()
            raise
        try:
            if not self._writers:
                await self._leave_ports()
                await asyncio.wait_for(self._connect(), PATIENCE)
            await super().answers(PATIENCE)
            if self._resumed:
                await self._both_lines()
        except (OSError, ValueError, EOFError, asyncio.TimeoutError, KernelFailed) as error:
            await self._leave_ports()
            if self._insist:
                await self.__aexit__()
                raise KernelFailed(f"Kernel {self.kernel_id} does not answer on its ports", str(error)) from error
            log.info("kernel %s is served over the websocket: %s", self.kernel_id, error or type(error).__name__)
            self.transport = "websocket"
        except BaseException:
            await self.__aexit__()
            raise
        self.joined = self.transport == "ports"
        held, self._held = self._held, []
        for message in held:
            if message.header.get("msg_id") not in self._taken_ids:
                self._receive_safely(message)
        self._held_ids.clear()
        self._taken_ids.clear()
        self._tasks.append(asyncio.create_task(self._follow_line(), name=f"kernel {self.kernel_id} buffer"))
        return self

    async def _both_lines(self) -> None:
        """Wait for a message that comes on both lines, as the answers to our question do.

        On the websocket they come after all that the server has buffered, which may take its time.
        """
        brought = -1
        while not self._overlap.is_set() and brought != self._brought:
            brought = self._brought
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._overlap.wait(), OVERLAP_PATIENCE)

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):  # a kernel that still has a connection is not culled
            await self._leave_ports()
            await self._line.__aexit__(None, None, None)
        self.closed.set()

    async def _leave_ports(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        if self._drain is not None:
            await self._drain.close()
            self._drain = None

    async def answers(self, timeout: float) -> None:
        if self.transport == "ports":
            await asyncio.gather(super().answers(timeout), self._line.answers(timeout))
        else:
            await super().answers(timeout)

    async def _follow_line(self) -> None:
        await self._line.closed.wait()
        self.closed.set()

    # -- the ports ------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Connect to the ports that the connection file names, which change when a kernel is restarted."""
        while True:
            ports = Ports.of(self._runtime_dir, self.kernel_id)
            if ports is None:
                raise ValueError("its connection file is gone")
            try:
                output = await ports.connect("iopub", "SUB")
                break
            except ConnectionRefusedError:
                await asyncio.sleep(CONNECT_AGAIN)
        self._ports = ports
        await asyncio.get_running_loop().sock_sendall(output, frame(b"\x01"))  # subscribe to everything
        self._drain = Drain(output)
        self._tasks.append(asyncio.create_task(self._take_output(), name=f"kernel {self.kernel_id} iopub"))
        # Input is asked for under the identity that the request came from; answers to what an earlier
        # process asked come to whoever bears its identity.
        identity = f"{self.session}-ports".encode()
        for channel in ("shell", "control", "stdin"):
            reader, writer = await asyncio.open_connection(sock=await ports.connect(channel, "DEALER", identity))
            self._writers[channel] = writer
            self._tasks.append(
                asyncio.create_task(self._take_replies(channel, reader), name=f"kernel {self.kernel_id} {channel}")
            )

    async def _send(self, message: Message) -> None:
        if self.transport != "ports":
            await self._line.pass_on(message)
            return
        writer = self._writers.get(message.channel)
        if writer is None or writer.is_closing() or self._ports is None:
            raise KernelFailed(f"Kernel {self.kernel_id} is gone", "its port is closed")
        parts = [
            json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            for part in (message.header, message.parent, message.metadata, message.content)
        ]
        parts = [DELIMITER, self._ports.signature(parts).value, *parts, *message.buffers]
        try:
            writer.write(b"".join([*(frame(part, MORE) for part in parts[:-1]), frame(parts[-1])]))
            await writer.drain()
        except OSError as error:
            raise KernelFailed(f"Kernel {self.kernel_id} is gone", str(error)) from error

    async def _take_replies(self, channel: str, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                parts: list[bytes] = []
                async for _, size in frames(reader.readexactly):
                    parts.append(await reader.readexactly(size))
                self._take_parts(channel, parts)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the end of its output says that the kernel is gone

    async def _take_output(self) -> None:
        assert self._drain is not None
        loop = asyncio.get_running_loop()
        drain, began = self._drain, loop.time()
        try:
            while True:
                parts: list[bytes] = []
                async for _, size in frames(drain.take):
                    if size > LONG and _comes_next(parts) == "stream":
                        await drain.has(size)
                        if await self._take_long_stream(parts, size):
                            drain.drop(size)
                            parts.clear()
                            continue
                    parts.append(await drain.take(size))
                if parts:
                    self._take_parts("iopub", parts)
                if loop.time() - began > SLICE:
                    await asyncio.sleep(0)
                    began = loop.time()
        except EOFError:
            # The system closes a connection in the moment its process ends, and after all that it has sent.
            if self.joined:
                self.on_death()
        except OSError as error:
            log.warning("the output of kernel %s cannot be kept: %s", self.kernel_id, error)
            self.closed.set()

    def _take_parts(self, channel: str, parts: list[bytes]) -> None:
        assert self._ports is not None
        try:
            start = parts.index(DELIMITER) + 1
            signature, *body = parts[start : start + 5]
            if len(body) != 4 or not self._ports.signature(body).fits(signature):
                log.warning("a message of kernel %s is not signed with its key", self.kernel_id)
                return
            header, parent, metadata, content = map(parse, body)
        except ValueError:
            return
        self._from_ports(Message(channel, header, parent, metadata, content, parts[start + 5 :]))

    async def _take_long_stream(self, parts: list[bytes], size: int) -> bool:
        """Take the stream message whose content of `size` bytes comes next, piece by piece; False if it cannot be."""
        assert self._ports is not None
        assert self._drain is not None
        peek = self._drain.peek
        begins = STREAM_BEGINS.match(peek(0, 200))
        tail = peek(size - 20, 20)
        ends = STREAM_ENDS.search(tail)
        if begins is None or ends is None:
            return False
        start = parts.index(DELIMITER) + 1
        signature, *body = parts[start:]
        signed = self._ports.signature(body)
        for position in range(0, size, PIECE):
            signed.add(peek(position, min(PIECE, size - position)))
            if position % LONG == 0:
                await asyncio.sleep(0)
        if not signed.fits(signature):
            log.warning("a message of kernel %s is not signed with its key", self.kernel_id)
            return True
        header, parent, metadata = map(json.loads, body)
        first, last = begins.end(), size - 20 + ends.start()
        chunks = (peek(position, min(PIECE, last - position)) for position in range(first, last, PIECE))
        offset = 0
        try:
            for text, more in with_more(texts(chunks)):
                content = {"name": begins[1].decode(), "text": text}
                self._from_ports(Piece("iopub", header, parent, metadata, content, offset=offset, more=more))
                offset += len(text)
                await asyncio.sleep(0)
        except ValueError:
            log.exception("a long message of kernel %s could not be read to its end", self.kernel_id)
        return True

    def _from_ports(self, message: Message) -> None:
        self.numbering.take(message)
        if self.joined or message.channel != "iopub":
            self._receive_safely(message)
            return
        message_id = str(message.header.get("msg_id"))
        self._held.append(message)
        self._held_ids.add(message_id)
        if message_id in self._taken_ids:
            self._overlap.set()
        if message.parent_id not in self._resumed:
            self._receive_safely(message)

    def _receive_safely(self, message: Message) -> None:
        try:
            self._receive(message)
        except Exception:
            log.exception("a kernel message could not be handled")

    # -- the websocket --------------------------------------------------------------------------------

    def from_line(self, message: Message) -> None:
        """Take a message of the websocket, as far as it is not the ports' to bring."""
        self._brought += 1
        if self.transport != "ports" or message.channel != "iopub":
            self._receive(message)
        elif self.joined or self._overlap.is_set():
            if message.type == "status" and not message.parent and self.from_server(message):
                self._receive(message)  # the server's word on the kernel's process
        else:
            message_id = str(message.header.get("msg_id"))
            if message_id in self._held_ids:
                self._overlap.set()
                return
            self._taken_ids.add(message_id)
            if message.parent_id in self._resumed or message.parent_id not in self._handlers:
                self._receive(message)


class _Line(WebSocketChannel):
    """The websocket beside the ports."""

    def __init__(self, server: JupyterServer, kernel_id: str, session: str, owner: PortsChannel) -> None:
        super().__init__(server, kernel_id, session)
        self._owner = owner

    async def pass_on(self, message: Message) -> None:
        """Send a request of the owner's."""
        await self._send(message)

    def _count(self, message: Message) -> None:
        self._owner.numbering.take(message, beside=self._owner.transport == "ports")

    def _take(self, data: bytes) -> None:
        if self._owner.joined and b'"status"' not in data[:2000] and b"_reply" not in data[:2000]:
            return  # output, which the ports bring: not worth reading
        super()._take(data)

    def _receive(self, message: Message) -> None:
        if message.parent_id in self._handlers:
            super()._receive(message)
        else:
            self._owner.from_line(message)


def _comes_next(parts: list[bytes]) -> str:
    """The type of the message whose content is the next frame; empty where it is another frame."""
    if len(parts) < 5 or parts[-5] != DELIMITER:
        return ""
    try:
        return str(json.loads(parts[-3])["msg_type"])
    except (ValueError, KeyError, TypeError):
        return ""
