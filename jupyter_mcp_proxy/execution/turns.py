"""Whose turn it is in a kernel: one after the other, and nobody's while a person has paused agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .executions import Execution
from .pause import Pause


class Turns:
    """The order in which executions are sent to their kernels."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self._kernels: dict[str, asyncio.Lock] = {}

    def lock(self, kernel_id: str) -> asyncio.Lock:
        """Held by whatever has its turn in a kernel."""
        return self._kernels.setdefault(kernel_id, asyncio.Lock())

    @asynccontextmanager
    async def turn(self, execution: Execution) -> AsyncIterator[None]:
        """Wait until what came before in the kernel has ended; what is stopped meanwhile waits no longer."""
        lock = self.lock(execution.kernel_id)
        mine = asyncio.ensure_future(lock.acquire())
        stopped = asyncio.ensure_future(execution.finished.wait())
        try:
            await asyncio.wait({mine, stopped}, return_when=asyncio.FIRST_COMPLETED)
            yield
        finally:
            stopped.cancel()
            if not mine.cancel():
                lock.release()

    async def released(self, execution: Execution) -> None:
        """Hold what has not begun while a person has paused agents; stopping it ends the wait."""
        if not self._pause.holds:
            return
        either = {asyncio.ensure_future(self._pause.released()), asyncio.ensure_future(execution.finished.wait())}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in either:
                wait.cancel()
