"""What a kernel sends, taken at once and kept until it is read: in memory, beyond 4 MB on disk."""

from __future__ import annotations

import asyncio
import logging
import socket
import tempfile
import threading
from contextlib import suppress
from typing import IO

log = logging.getLogger(__name__)

SPOOL_IN_MEMORY = 4 * 1024 * 1024
READ_AT_ONCE = 256 * 1024


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
            while data:  # a disk that becomes full takes a part of it, without an error
                written = self._file.write(data)
                self._end += written
                data = data[written:]

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
        self._failure: OSError | None = None
        """Why nothing more can be kept."""
        connection.setblocking(True)
        self._thread = threading.Thread(target=self._run, name="kernel output", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        buffer = memoryview(bytearray(READ_AT_ONCE))
        try:
            while size := self._connection.recv_into(buffer):
                if not self._kept(buffer[:size]):
                    break
                self._tell()
        except (OSError, ValueError) as error:
            log.debug("a kernel's port: %s", error)
        self._spool.ended = True
        self._told = False
        self._tell()

    def _kept(self, data: memoryview) -> bool:
        try:
            self._spool.append(data)
        except OSError as error:  # a full disk, say: the kernel lives
            self._failure = error
        return self._failure is None

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
        """Return once so many bytes are there. Raises EOFError where they do not come any more, OSError where
        they cannot be kept."""
        while len(self._spool) < size:
            self._news.clear()
            ended = self._spool.ended
            if len(self._spool) >= size:
                return
            if ended and self._failure is not None:
                raise OSError(*self._failure.args)
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
