"""Whether the server writes what a room holds to its file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import MaybeSaved, ProxyError, ServerUnreachable
from ..jupyter.room import Room

UNKNOWN = "the server's log has the reason (disk full, or not writable?)"
READ_ONLY = "it is read-only"
SAVE_TRIES = 3
UNSAVED_AFTER = 3.0
"""Seconds after which the server is asked about a change that it did not write; it does so a second after the last."""
RUNNING_AFTER = 10.0
"""The same while a cell runs, whose output puts each save off."""
LAST_SAVE = 1.0
"""Seconds that the server may take to write the file when we leave."""


@contextmanager
def made_perhaps(path: str) -> Iterator[None]:
    """What follows a change that was sent. A server that does not answer now is not to be asked for it again, which is
    what `ServerUnreachable` advises."""
    try:
        yield
    except ServerUnreachable as error:
        raise MaybeSaved(path) from error


class Saving:
    """What is known of one room. Proven is that its file was written once, or had nothing to be written."""

    def __init__(self) -> None:
        self.proven = False
        self.failure: ProxyError | None = None
        """Why what is in the room is not in the file, since that was found out."""
        self._since: float | None = None

    def begin(self) -> None:
        """The room is another one."""
        self.proven = False
        self.written()

    def written(self) -> None:
        """The file has what is in the room."""
        self._since = self.failure = None

    def changed(self) -> None:
        """Something is to be written."""
        if self._since is None:
            self._since = time.monotonic()

    def is_due(self, after: float = UNSAVED_AFTER) -> bool:
        """Whether the server is to be asked: with the first change, and when a change stays unsaved."""
        late = self._since is not None and time.monotonic() - self._since >= after
        return late or (self._since is not None and not self.proven)

    async def tried(self, room: Room, notebook: Any) -> bool:
        """Ask the server to write now; False where it could not. While somebody types nothing is known: the next
        change asks again."""
        self._since = time.monotonic()
        quiet = True
        for _ in range(SAVE_TRIES):
            received = room.updates_received
            await room.save()
            await room.flush()
            if not notebook.dirty:
                self.proven = True
                self.written()
                return True
            quiet = quiet and room.updates_received == received
        if quiet:
            self.proven = False  # the next change asks again, and is told
        return not quiet
