"""One kernel for one notebook: what gives it one is done by one call at a time, and to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import anyio


class Starting:
    """Whose turn it is to start a notebook's kernel.

    Jupyter gives a path a second session where it is asked for another while it starts the first, and goes on with
    what a caller has asked for who is gone meanwhile.
    """

    def __init__(self) -> None:
        self._notebooks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, path: str) -> AsyncIterator[None]:
        """Wait until nobody else starts the kernel of a notebook; what is begun then is not cancelled."""
        lock = self._notebooks.get(path)
        if lock is None:
            lock = self._notebooks[path] = asyncio.Lock()
        async with lock:
            with anyio.CancelScope(shield=True):
                yield
