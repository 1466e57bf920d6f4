"""The connections to a kernel's own ports: what goes to the kernel, and what comes of it, as messages.

`PlainLinks` speaks ZMTP itself: libzmq would hand over a message of 100 MB in one piece, and queue what we do not take
in time in memory; here a thread empties the connection into a `Spool`, on disk beyond 4 MB, and a long print is taken
in pieces. `curve.CurveLinks` has libzmq do it, for kernels that speak encrypted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from ..errors import KernelFailed
from .messages import Message, Piece, parse
from .pieces import STREAM_BEGINS, STREAM_ENDS, texts, with_more
from .spool import Drain
from .zmtp import DELIMITER, MORE, Ports, frame, frames

log = logging.getLogger(__name__)

REPLIES = ("shell", "control", "stdin")
"""The channels on which requests are sent and answered; `iopub` is what the kernel tells everybody."""
LONG = 1024 * 1024
"""Bytes from which on a stream message is taken in pieces."""
PIECE = 256 * 1024
SLICE = 0.005
"""Seconds that messages may keep the event loop from other work."""
TURNS = 8
"""Turns that other work then has, of which a call takes some twenty or more: with one at a time it would have to wait
for as many slices."""

Peek = Callable[[int, int], bytes]
"""Bytes from an offset on, so many, of something that is there."""


class Links(ABC):
    """The connections to the ports of one kernel's process.

    What it says is handed to `take`; `ended` is called in the moment its process ends, after all that it has sent, and
    `failed`, with the reason, where its output cannot be taken any more for another one.
    """

    def __init__(
        self,
        ports: Ports,
        kernel_id: str,
        identity: bytes,
        *,
        take: Callable[[Message], None],
        ended: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._ports = ports
        self._kernel_id = kernel_id
        # Input is asked for under the identity that the request came from; answers to what an earlier process asked
        # come to whoever bears its identity.
        self._identity = identity
        self._take = take
        self._ended = ended
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []

    @abstractmethod
    async def open(self) -> None:
        """Connect to all ports. Raises OSError, or ValueError for what does not speak our protocol."""

    @abstractmethod
    async def close(self) -> None:
        """Leave them."""

    @abstractmethod
    async def _send(self, channel: str, parts: list[bytes]) -> None:
        """Send a message's frames. Raises OSError."""

    async def send(self, message: Message) -> None:
        """Send a message. Raises KernelFailed where the kernel is gone."""
        parts = [
            json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            for part in (message.header, message.parent, message.metadata, message.content)
        ]
        signature = self._ports.signature(parts).value
        try:
            await self._send(message.channel, [DELIMITER, signature, *parts, *message.buffers])
        except OSError as error:
            raise KernelFailed(f"Kernel {self._kernel_id} is gone", str(error) or "its port is closed") from error

    def _spawn(self, work: Awaitable[None], channel: str) -> None:
        self._tasks.append(asyncio.ensure_future(work))
        self._tasks[-1].set_name(f"kernel {self._kernel_id} {channel}")

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _take_parts(self, channel: str, parts: list[bytes]) -> None:
        """Take the frames of a message, if its signature says that it is the kernel's."""
        try:
            start = parts.index(DELIMITER) + 1
            signature, *body = parts[start : start + 5]
            if len(body) != 4 or not self._ports.signature(body).fits(signature):
                self._not_signed()
                return
            header, parent, metadata, content = map(parse, body)
        except ValueError:
            return
        self._take(Message(channel, header, parent, metadata, content, parts[start + 5 :]))

    def _not_signed(self) -> None:
        log.warning("a message of kernel %s is not signed with its key", self._kernel_id)

    async def _take_long_stream(self, parts: list[bytes], size: int, peek: Peek) -> bool:
        """Take the stream message whose content of `size` bytes comes next, piece by piece; False if it cannot be."""
        begins = STREAM_BEGINS.match(peek(0, 200))
        ends = STREAM_ENDS.search(peek(size - 20, 20))
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
            self._not_signed()
            return True
        header, parent, metadata = map(json.loads, body)
        first, last = begins.end(), size - 20 + ends.start()
        chunks = (peek(position, min(PIECE, last - position)) for position in range(first, last, PIECE))
        offset = 0
        try:
            for text, more in with_more(texts(chunks)):
                content = {"name": begins[1].decode(), "text": text}
                self._take(Piece("iopub", header, parent, metadata, content, offset=offset, more=more))
                offset += len(text)
                await asyncio.sleep(0)
        except ValueError:
            log.exception("a long message of kernel %s could not be read to its end", self._kernel_id)
        return True


class PlainLinks(Links):
    """Connections without encryption."""

    _drain: Drain | None = None

    async def open(self) -> None:
        self._writers: dict[str, asyncio.StreamWriter] = {}
        output = await self._ports.connect("iopub", "SUB")
        await asyncio.get_running_loop().sock_sendall(output, frame(b"\x01"))  # subscribe to everything
        self._drain = Drain(output)
        self._spawn(self._take_output(self._drain), "iopub")
        for channel in REPLIES:
            connection = await self._ports.connect(channel, "DEALER", self._identity)
            reader, self._writers[channel] = await asyncio.open_connection(sock=connection)
            self._spawn(self._take_replies(channel, reader), channel)

    async def close(self) -> None:
        await self._end_tasks()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        if self._drain is not None:
            await self._drain.close()
            self._drain = None

    async def _send(self, channel: str, parts: list[bytes]) -> None:
        writer = self._writers.get(channel)
        if writer is None or writer.is_closing():
            raise ConnectionResetError("its port is closed")
        writer.write(b"".join([*(frame(part, MORE) for part in parts[:-1]), frame(parts[-1])]))
        await writer.drain()

    async def _take_replies(self, channel: str, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                parts: list[bytes] = []
                async for _, size in frames(reader.readexactly):
                    parts.append(await reader.readexactly(size))
                self._take_parts(channel, parts)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the end of its output says that the kernel is gone

    async def _take_output(self, drain: Drain) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while True:
                parts: list[bytes] = []
                async for _, size in frames(drain.take):
                    if size > LONG and comes_next(parts) == "stream":
                        await drain.has(size)
                        if await self._take_long_stream(parts, size, drain.peek):
                            drain.drop(size)
                            parts.clear()
                            continue
                    parts.append(await drain.take(size))
                if parts:
                    self._take_parts("iopub", parts)
                if loop.time() - began > SLICE:
                    for _ in range(TURNS):
                        await asyncio.sleep(0)
                    began = loop.time()
        except EOFError:
            # The system closes a connection in the moment its process ends, and after all that it has sent.
            self._ended()
        except OSError as error:
            log.warning("the output of kernel %s cannot be kept: %s", self._kernel_id, error)
            self._failed(error.strerror or str(error))


def comes_next(parts: list[bytes]) -> str:
    """The type of the message whose content is the next frame; empty where it is another frame."""
    if len(parts) < 5 or parts[-5] != DELIMITER:
        return ""
    try:
        return str(json.loads(parts[-3])["msg_type"])
    except (ValueError, KeyError, TypeError):
        return ""
