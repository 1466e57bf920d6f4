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
import hashlib
import hmac
import json
import logging
import re
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from ..errors import KernelFailed
from .kernel import KernelChannel, WebSocketChannel
from .messages import Json, Message, Piece, parse
from .server import JupyterServer

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a kernel may take to answer on its ports before the websocket serves instead."""
CONNECT_AGAIN = 0.05
OVERLAP_PATIENCE = 2.0
"""Seconds of silence on the websocket after which no message is awaited that has come on the ports too."""
SPOOL_IN_MEMORY = 4 * 1024 * 1024
LONG = 1024 * 1024
"""Bytes from which on a stream message is taken in pieces."""
PIECE = 256 * 1024
SLICE = 0.005
"""Seconds that messages may keep the event loop from other work."""

_MORE, _LONG_FRAME, _COMMAND = 1, 2, 4
_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_DELIMITER: Final = b"<IDS|MSG>"
_STREAM_BEGINS = re.compile(rb'\s*\{\s*"name"\s*:\s*"(\w+)"\s*,\s*"text"\s*:\s*"')
_STREAM_ENDS = re.compile(rb'"\s*\}\s*\Z')
_UNDERSTOOD = frozenset({"", "hmac-sha256", "hmac-sha512", "hmac-sha1", "hmac-md5"})


@dataclass(frozen=True)
class Ports:
    """Where a kernel listens, and the key that its messages are signed with."""

    transport: str
    ip: str
    numbers: dict[str, int]
    key: bytes
    digest: str

    @classmethod
    def of(cls, runtime_dir: str, kernel_id: str) -> Ports | None:
        """What a kernel's connection file says; None where it is not readable or asks for what we cannot do."""
        try:
            info: Json = json.loads((Path(runtime_dir) / f"kernel-{kernel_id}.json").read_text())
            scheme = str(info.get("signature_scheme", ""))
            if info["transport"] not in ("tcp", "ipc") or scheme not in _UNDERSTOOD or _is_encrypted(info):
                return None
            return cls(
                info["transport"],
                str(info["ip"]),
                {channel: int(info[f"{channel}_port"]) for channel in ("shell", "iopub", "stdin", "control")},
                str(info.get("key", "")).encode(),
                scheme.removeprefix("hmac-") or "sha256",
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def signature(self, parts: list[bytes]) -> Signature:
        """The signature over the parts of a message, to which more can be added."""
        return Signature(self.key, self.digest, parts)

    async def connect(self, channel: str, kind: str, identity: bytes = b"") -> socket.socket:
        """A connection to one port, past the handshake. Raises OSError, or ValueError for what is no ZMTP 3."""
        loop = asyncio.get_running_loop()
        family = socket.AF_UNIX if self.transport == "ipc" else socket.AF_INET6 if ":" in self.ip else socket.AF_INET
        number = self.numbers[channel]
        address: Any = f"{self.ip}-{number}" if self.transport == "ipc" else (self.ip, number)
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            if self.transport == "tcp":
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(connection, address)
            ready = b"\x05READY" + _property("Socket-Type", kind.encode()) + _property("Identity", identity)
            await loop.sock_sendall(connection, _GREETING + frame(ready, _COMMAND))
            greeting = await _exactly(connection, 64)
            if greeting[0] != 0xFF or greeting[10] < 3 or greeting[12:32].rstrip(b"\0") != b"NULL":
                raise ValueError("not ZMTP 3 without encryption")
            flags, size = await _exactly(connection, 2)
            answer = await _exactly(connection, size)
            if flags != _COMMAND or not answer.startswith(b"\x05READY"):
                raise ValueError(f"refused: {answer!r}")
        except BaseException:
            connection.close()
            raise
        return connection


def _is_encrypted(info: Json) -> bool:
    return any("curve" in name and value for name, value in info.items())


def _property(name: str, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + len(value).to_bytes(4, "big") + value


async def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not more:
            raise ConnectionResetError("closed in the handshake")
        data += more
    return data


def frame(body: bytes, flags: int = 0) -> bytes:
    """A ZMTP frame."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | _LONG_FRAME]) + len(body).to_bytes(8, "big") + body


class Signature:
    """The signature of a message, made bit by bit. Without a key there is none, and every message is accepted."""

    def __init__(self, key: bytes, digest: str, parts: list[bytes]) -> None:
        self._hmac = hmac.new(key, digestmod=getattr(hashlib, digest)) if key else None
        for part in parts:
            self.add(part)

    def add(self, data: bytes) -> None:
        """Sign more."""
        if self._hmac is not None:
            self._hmac.update(data)

    @property
    def value(self) -> bytes:
        """The signature as it stands in a message."""
        return self._hmac.hexdigest().encode() if self._hmac is not None else b""

    def fits(self, given: bytes) -> bool:
        """Whether a message that carries this signature is genuine."""
        return self._hmac is None or hmac.compare_digest(self.value, given)


class Spool:
    """Bytes in the order in which they came: a few in memory, more in an unnamed temporary file.

    One thread appends, another reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._begin = self._end = 0
        self.ended = False

    def __len__(self) -> int:
        return len(self._memory) + self._end - self._begin

    def append(self, data: memoryview) -> None:
        """Add bytes at the end."""
        with self._lock:
            if self._end == self._begin and len(self._memory) + len(data) <= SPOOL_IN_MEMORY:
                self._memory += data
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as we
            self._file.seek(self._end)
            self._end += self._file.write(data)

    def peek(self, start: int, size: int) -> bytes:
        """Bytes from `start` on, all of which must be there, without taking them out."""
        with self._lock:
            found = bytes(self._memory[start : start + size])
            missing = size - len(found)
            if missing and self._file is not None:
                self._file.seek(self._begin + max(0, start - len(self._memory)))
                found += self._file.read(missing)
            return found

    def drop(self, size: int) -> None:
        """Take bytes out."""
        with self._lock:
            in_memory = min(size, len(self._memory))
            del self._memory[:in_memory]
            self._begin += size - in_memory
            if self._file is not None and self._begin == self._end:
                self._begin = self._end = 0
                self._file.truncate(0)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._memory.clear()
            self._begin = self._end = 0
            if self._file is not None:
                self._file.close()
                self._file = None


class Drain:
    """Empties a connection at once, whatever the event loop does: a kernel drops what nobody takes from it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._told = False
        self._spool = Spool()
        connection.setblocking(True)
        self._thread = threading.Thread(target=self._run, name="kernel output", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        buffer = memoryview(bytearray(PIECE))
        try:
            while size := self._connection.recv_into(buffer):
                self._spool.append(buffer[:size])
                self._tell()
        except (OSError, ValueError) as error:
            log.debug("a kernel's port: %s", error)
        self._spool.ended = True
        self._told = False
        self._tell()

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._hear)
            except RuntimeError:  # the loop is closed
                self._spool.ended = True

    def _hear(self) -> None:
        self._told = False
        self._news.set()

    async def has(self, size: int) -> None:
        """Return once so many bytes are there. Raises EOFError where they do not come any more."""
        while len(self._spool) < size:
            self._news.clear()
            ended = self._spool.ended
            if len(self._spool) >= size:
                return
            if ended:
                raise EOFError
            await self._news.wait()

    async def take(self, size: int) -> bytes:
        """The next bytes."""
        await self.has(size)
        found = self._spool.peek(0, size)
        self._spool.drop(size)
        return found

    def peek(self, start: int, size: int) -> bytes:
        """Bytes that are there, without taking them."""
        return self._spool.peek(start, size)

    def drop(self, size: int) -> None:
        """Take bytes that have been looked at."""
        self._spool.drop(size)

    async def close(self) -> None:
        """End the thread and the connection."""
        with suppress(OSError):  # the kernel was faster
            self._connection.shutdown(socket.SHUT_RDWR)
        await self._loop.run_in_executor(None, self._thread.join, 1.0)
        self._connection.close()
        self._spool.close()


def texts(chunks: Iterator[bytes]) -> Iterator[str]:
    """The text whose JSON string (without quotation marks) comes in chunks."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        for end in range(len(data), max(0, len(data) - 13), -1):
            try:
                text = _string(data[:end])
            except ValueError:  # this end cuts a character or an escape in two
                continue
            if "\ud800" <= text[-1] <= "\udbff":
                continue  # its other half comes next
            rest = data[end:]
            yield text
            break
        else:
            rest = data
    if rest:
        yield str(json.loads('"' + rest.decode("utf-8", "replace") + '"'))


def _with_more(parts: Iterator[str]) -> Iterator[tuple[str, bool]]:
    """Each part with whether another follows."""
    held = next(parts, None)
    while held is not None:
        following = next(parts, None)
        yield held, following is not None
        held = following


def _string(data: bytes) -> str:
    """The text of a JSON string without its quotation marks; what is not UTF-8 inside of it is marked."""
    try:
        return str(json.loads(b'"%b"' % data))
    except UnicodeDecodeError as error:
        if error.start - 1 > len(data) - 4:  # its last character is cut in two
            raise
        return str(json.loads('"' + data.decode("utf-8", "replace") + '"'))


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
        frames = [_DELIMITER, self._ports.signature(parts).value, *parts, *message.buffers]
        try:
            writer.write(b"".join([*(frame(part, _MORE) for part in frames[:-1]), frame(frames[-1])]))
            await writer.drain()
        except OSError as error:
            raise KernelFailed(f"Kernel {self.kernel_id} is gone", str(error)) from error

    async def _take_replies(self, channel: str, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                parts: list[bytes] = []
                async for _, size in _frames(reader.readexactly):
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
                async for _, size in _frames(drain.take):
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
            start = parts.index(_DELIMITER) + 1
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
        begins = _STREAM_BEGINS.match(peek(0, 200))
        tail = peek(size - 20, 20)
        ends = _STREAM_ENDS.search(tail)
        if begins is None or ends is None:
            return False
        start = parts.index(_DELIMITER) + 1
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
            for text, more in _with_more(texts(chunks)):
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
    if len(parts) < 5 or parts[-5] != _DELIMITER:
        return ""
    try:
        return str(json.loads(parts[-3])["msg_type"])
    except (ValueError, KeyError, TypeError):
        return ""


async def _frames(take: Callable[[int], Any]) -> AsyncIterator[tuple[int, int]]:
    """Flags and size of each frame of the next message; whoever asks takes the body before going on."""
    while True:
        flags = (await take(1))[0]
        size = int.from_bytes(await take(8 if flags & _LONG_FRAME else 1), "big")
        if flags & _COMMAND:
            await take(size)
            continue
        yield flags, size
        if not flags & _MORE:
            return
