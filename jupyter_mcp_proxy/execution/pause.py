"""The pause: a person holds every agent of this server until they release it.

Kept in a file of Jupyter's runtime directory that is named after the run: a sidecar that comes after a crash finds it,
a restarted Jupyter does not.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path

from ..errors import Paused
from ..store.processes import alive

log = logging.getLogger(__name__)


class Pause:
    """Whether agents are paused on this server, and an event for the release."""

    def __init__(self, runtime_dir: str, run_id: str, owner: int) -> None:
        """`owner` is the process id of the Jupyter server, with which the pause ends."""
        self._owner = owner
        self._file = Path(runtime_dir) / f"mcp-proxy-{run_id}.paused"
        self._released = asyncio.Event()
        self._remove_left_over()
        if not self._file.exists():
            self._released.set()

    @property
    def holds(self) -> bool:
        """Whether agents are paused."""
        return not self._released.is_set()

    def set(self, paused: bool) -> None:
        """Pause or release."""
        if paused:
            self._released.clear()
        try:
            if paused:
                descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(str(self._owner))
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the pause is not kept over a crash of the sidecar: %s", error)
        if not paused:
            self._released.set()

    def check(self) -> None:
        """Raise Paused while agents are paused."""
        if self.holds:
            raise Paused

    async def released(self) -> None:
        """Return once agents are not paused."""
        await self._released.wait()

    def _remove_left_over(self) -> None:
        """Remove the files of servers that are no more, other runs of this user among them."""
        for file in self._file.parent.glob("mcp-proxy-*.paused"):
            with suppress(OSError, ValueError):
                if not alive(int(file.read_text())):
                    file.unlink(missing_ok=True)
