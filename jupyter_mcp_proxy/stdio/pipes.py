"""This process's stdin and stdout, line by line, on every system.

asyncio cannot wait for a pipe on Windows, nor for a file that stdin may be. So a thread reads and a thread writes. They
use the descriptors: a thread that holds `sys.stdin` while the process ends makes Python abort.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from contextlib import suppress

READ_SIZE = 64 * 1024


class Pipes:
    """The lines of stdin, and lines to stdout. Whatever else is printed goes to stderr from now on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._told: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._in, self._out = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        threading.Thread(target=self._read, daemon=True).start()
        self._writing = threading.Thread(target=self._write, daemon=True)
        self._writing.start()

    async def lines(self) -> AsyncIterator[bytes]:
        """Each line that comes, without its end and without a mark before it; ends with stdin."""
        while (line := await self._lines.get()) is not None:
            # Windows' shells and some runtimes write one (modelcontextprotocol/typescript-sdk#2796).
            if (message := line.removeprefix(BOM_UTF8)).strip():
                yield message

    def write(self, line: bytes) -> None:
        """Write a line, in its turn."""
        self._told.put(line + b"\n")

    def flush(self, seconds: float) -> None:
        """Return once everything is written, or whoever should read has not done so in time."""
        self._told.put(None)
        self._writing.join(seconds)

    def _read(self) -> None:
        rest = bytearray()
        try:
            while piece := os.read(self._in, READ_SIZE):
                rest += piece
                if b"\n" in piece:
                    *whole, last = bytes(rest).split(b"\n")
                    rest = bytearray(last)
                    for line in whole:
                        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except OSError:
            pass  # a terminal that is gone
        with suppress(RuntimeError):  # the loop may have ended before
            if rest:
                self._loop.call_soon_threadsafe(self._lines.put_nowait, bytes(rest))
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)

    def _write(self) -> None:
        while (line := self._told.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except OSError:  # nobody reads any more: that is the end, as with stdin
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
                return
