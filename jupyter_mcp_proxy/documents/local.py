"""Our copy of a notebook's file: what we have, what the file holds as far as we know, and what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import NotSaved
from ..jupyter.server import JupyterServer
from .file_editor import FileEditor
from .history import OTHERS, History
from .ids import CellIds
from .patch import Digests, Patch
from .stored import StoredFile, Version

Content = dict[str, Any]

PutAside = Callable[[Content, str], Awaitable[None]]
"""Puts a content into a snapshot and logs why. Raises NotSaved."""

TRIES = 3
"""How often a content is written to a file that gets another name meanwhile."""

REFUSED = "%s: somebody else has saved another version of what was to be written; ours is in a snapshot"
GONE = "%s is not there any more; what was to be written to it is in a snapshot"


class LocalCopy:
    """Kept for as long as the file is the same. Nothing here writes of itself."""

    def __init__(self, server: JupyterServer, path: str, history: History, put_aside: PutAside, ids: CellIds) -> None:
        self.path = path
        self.history = history
        self.lock = asyncio.Lock()
        """Held by whoever looks at what is here or changes it; not needed while something is sent."""
        self.content: Content | None = None
        """The notebook, with what is to be written; None where the file must be read first, and nothing waits."""
        self.version: Version | None = None
        """That of what the file holds."""
        self._stored: Content | None = None
        """What the file holds, as far as we know."""
        self._sent: Content | None = None
        """What the file may hold by now: it was sent, and the server has not said that it is written."""
        self._digests = Digests()
        """Those of what the file holds."""
        self._server = server
        self._ids = ids
        self._file = StoredFile(server, path, ids)
        self._put_aside = put_aside
        self.found: Callable[[Content], Awaitable[None]] | None = None
        """Called with what somebody else has saved, and what waits made to it."""
        self.follow: Callable[[], Awaitable[None]] | None = None
        """Called before what waits is written: the file may have another name."""
        self.has_left: Callable[[], bool] = bool
        """Whether the file has another name than the one that it had, and something else has that."""

    def move(self, path: str) -> None:
        """The file has another path now."""
        self.path = path
        self._file = StoredFile(self._server, path, self._ids)

    @property
    def is_large(self) -> bool:
        """Whether the file is large."""
        return self.version is not None and self.version.is_large

    @property
    def unsaved(self) -> bool:
        """Whether something is here that the file does not hold."""
        return self.content is not self._stored

    # -- what the file holds --------------------------------------------------------------------------

    async def read(self) -> bool:
        """Read the file, and make what waits anew to what is there; whether anything waited."""
        stored, version = await self._file.read()
        waited, merged = self.unsaved, stored
        if waited:
            assert self.content is not None
            patch = self.patch(self.content)
            same = patch.is_of(stored)
            merged, refused = patch.applied(stored) if same else (stored, [])
            if refused or not same:
                await self._put_aside(self.content, REFUSED if same else GONE)
        self.content = merged
        self._holds(stored)
        self.version = version
        self.history.absorb(FileEditor(merged), OTHERS)
        if self.found is not None:
            await self.found(merged)
        return waited

    async def is_same(self) -> bool:
        """Whether the file is what we last saw, by its hash."""
        return await self._file.version() == self.version

    async def is_unchanged(self) -> bool:
        """Whether the file is what we last saw, as far as a reader must know; who writes asks for its hash."""
        assert self.version is not None
        now = await self._file.still(self.version)
        self.version = now or self.version  # it may tell more by now
        return now is not None

    def forget(self) -> None:
        """Have the file read before anything else is done."""
        self.content = self._stored = None

    # -- what it does not hold ------------------------------------------------------------------------

    def patch(self, content: Content) -> Patch:
        """What makes this content of what the file holds, or may hold by now."""
        olds = [old for old in (self._stored, self._sent) if old is not None]
        return Patch.between(olds, content, self._digests)

    def take(self, content: Content, patch: Patch) -> None:
        """Have this content, whose patch this is, from now on."""
        self.content = content if patch else self._stored

    # -- writing --------------------------------------------------------------------------------------

    async def write(self, content: Content) -> None:
        """Write a content now; where somebody has saved since, what is there must be read first."""
        version = await self.send(content)
        if version is None:
            self.forget()
        else:
            self.content = content
            self.has_arrived(content, version)

    def to_send(self) -> Content | None:
        """What the file does not hold, and may hold from now on; None where that is nothing."""
        self._sent = self.content if self.unsaved else None
        return self._sent

    async def send(self, content: Content) -> Version | None:
        """Have the server write a content: its version, None where somebody has saved since.

        Where the file gets another name in that moment, Jupyter makes a new one under the old: that is taken away.
        """
        for _ in range(TRIES):
            if self.follow is not None:
                await self.follow()
            version = await self._file.write(content, self.version)
            if not self.has_left():
                return version
            if version is not None:  # else somebody else has put something there
                await self._file.remove()
        raise NotSaved(self.path, "it is renamed again and again")

    def has_arrived(self, content: Content, version: Version | None) -> None:
        """The server has written this; no version where that is not what is there any more."""
        self._holds(content)
        self.version = version or self.version

    def _holds(self, content: Content) -> None:
        self._stored, self._sent = content, None
        self._digests.clear()
