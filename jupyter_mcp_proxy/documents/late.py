"""Writing a large file later: what waits is kept where a crash does not reach it, settles, and is written together.

Jupyter takes long to write a large file. A change of one is kept beside the notebook's snapshots, where it outlives
this process, and written with those that follow it, a second after the last.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from pathlib import Path

from ..errors import NotSaved, ProxyError, Unknown
from .file_editor import FileEditor
from .history import OURSELVES
from .local import GONE, REFUSED, Content, LocalCopy, PutAside
from .patch import Patch
from .unsaved import Unsaved

log = logging.getLogger(__name__)

SETTLED = 1.0
"""Seconds without a change after which a large file is written: those of jupyter-collaboration."""
LONGEST = 10.0
"""Seconds that a change waits at most while others follow it, or ten times what the last write took."""
RETRY = 30.0
"""Seconds until a file is tried again that could not be written."""


class LateWriter:
    """Writes what of a copy the file does not hold. Whoever calls holds the copy's lock, unless it says otherwise."""

    def __init__(self, copy: LocalCopy, unsaved: Unsaved, put_aside: PutAside) -> None:
        self.trouble: ProxyError | None = None
        """Why what waits could not be written or put aside, until it is."""
        self._copy = copy
        self._unsaved = unsaved
        self._put_aside = put_aside
        self._writing = asyncio.Lock()
        """Held while what waits is written; changes go on meanwhile."""
        self._writer: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._cleared = asyncio.Event()
        """Set when a trouble is over."""
        self._took = 0.0
        """Seconds of the last write of what had waited."""
        self._closed = False

    @property
    def writing(self) -> bool:
        """Whether what waits is being written in this moment."""
        return self._writing.locked()

    @property
    def may_wait(self) -> bool:
        """Whether a change need not be in the file at once: it is large, and could be written once."""
        return self._copy.unsaved or (self._copy.is_large and self._unsaved.claimed)

    def keep(self, content: Content) -> None:
        """Have a content written later; until then it is kept where it outlives us. Raises NotSaved."""
        patch = self._copy.patch(content)
        try:
            self._unsaved.keep(patch)
        except OSError as error:
            raise NotSaved(self._copy.path, f"what is to be written could not be kept ({error})") from error
        self._wait(content, patch)

    async def reread(self) -> None:
        """Read the file again. What waits, and cannot be put aside now, waits on as if nobody had saved."""
        try:
            await self._reread()
        except NotSaved as error:
            self.trouble = NotSaved(self._copy.path, error.reason, kept="here")

    async def close(self) -> None:
        """Write what waits, once, and let others have it. The copy's lock is not held."""
        self._closed = True
        self._changed.set()
        self._cleared.set()
        try:
            if self._writer is not None:
                await self._writer
        finally:
            if self._writer is not None:
                self._writer.cancel()
            self._unsaved.release()

    # -- what an earlier process has left -------------------------------------------------------------

    async def claim_left(self) -> None:
        """Go on with what another process has left to be written, if it has and has ended."""
        if self._unsaved.there and not self._unsaved.claimed:
            await self.claim()

    async def claim(self) -> None:
        """Make what is to be written later ours, and go on with what an earlier process has left of it."""
        if self._closed or self._unsaved.claimed or not self._unsaved.claim():
            return
        try:
            left = self._unsaved.left()
            if left is not None:
                await self._take_over(left)
        except BaseException as error:
            self._unsaved.release()
            if not isinstance(error, NotSaved):
                raise
            log.warning("what was left for %s stays where it is: %s", self._copy.path, error)
            self.trouble = NotSaved(self._copy.path, error.reason, kept="here")

    async def put_left_aside(self) -> None:
        """Put into a snapshot what was left to be written to a notebook that is not there."""
        if self._unsaved.there and self._unsaved.claim():
            with suppress(NotSaved):  # it stays where it is
                await self._rescue(self._unsaved.left())

    def move(self, folder: Path) -> None:
        """What is to be written is kept in another folder now, which has come along."""
        self._unsaved.move(folder)

    def release(self) -> None:
        """Let others have what is to be written."""
        self._unsaved.release()

    async def _take_over(self, left: Patch) -> None:
        content = self._copy.content
        assert content is not None
        if not left.is_of(content):
            await self._rescue(left)
            return
        taken_over, refused = left.applied(content)
        if refused:
            await self._put_aside(left.applied(content, insist=True)[0], REFUSED)
        self._go_on(taken_over)
        self._copy.history.absorb(FileEditor(taken_over), OURSELVES)

    async def _rescue(self, left: Patch | None) -> None:
        if left is not None:
            await self._put_aside(left.alone(), GONE)
        self._unsaved.forget()

    # -- until it is written --------------------------------------------------------------------------

    async def _reread(self) -> None:
        if await self._copy.read():
            self._go_on(self._copy.content)

    def _go_on(self, content: Content | None) -> None:
        """Wait on with what the file does not hold yet, now that it holds something else."""
        assert content is not None
        patch = self._copy.patch(content)
        with suppress(OSError):  # what is kept says all of it as well
            self._unsaved.keep(patch)
        self._wait(content, patch)

    def _wait(self, content: Content, patch: Patch) -> None:
        self._copy.take(content, patch)
        self._changed.set()
        if not self._copy.unsaved:
            self.trouble = None
        elif self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_when_settled(), name=f"writing {self._copy.path}")

    async def _write_when_settled(self) -> None:
        while self._copy.unsaved:
            await self._settled()
            last = self._closed
            try:
                await self.write_out()
            except ProxyError as error:
                log.warning("writing %s: %s", self._copy.path, error)
                if last or not self._copy.unsaved:  # what waits is kept for whoever opens the notebook next
                    return
                if not self._closed:
                    self._cleared.clear()
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._cleared.wait(), RETRY)

    async def _settled(self) -> None:
        """Wait until nothing has changed for a moment, or for long enough."""
        end = time.monotonic() + max(LONGEST, 10 * self._took)
        while not self._closed and (left := end - time.monotonic()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(SETTLED, left))
            except asyncio.TimeoutError:
                return

    async def write_out(self) -> None:
        """Write what waits. It waits on where that fails, which `trouble` tells until it has succeeded.

        The copy's lock is not held: it is taken here, and is free while the server writes.
        """
        async with self._writing:
            try:
                async with self._copy.lock:
                    content = await self._to_be_written()
                if content is not None:
                    began = time.monotonic()
                    version = await self._copy.send(content)
                    async with self._copy.lock:
                        self._took = time.monotonic() - began
                        self._copy.has_arrived(content, version)
                        self._go_on(self._copy.content)
                        if version is None:
                            await self._reread()
            except Exception as error:
                told = error if isinstance(error, ProxyError) else NotSaved(self._copy.path, repr(error))
                if isinstance(told, NotSaved):
                    told = NotSaved(self._copy.path, told.reason, kept="here")
                self.trouble = told if self._copy.unsaved else None
                raise told from error
            self.trouble = None
            self._cleared.set()

    async def _to_be_written(self) -> Content | None:
        """What waits, made to what is on disk in this moment."""
        if not self._copy.unsaved:
            return None
        if self._copy.follow is not None:
            await self._copy.follow()
        try:
            if not await self._copy.is_same():
                await self._reread()
        except Unknown:  # deleted, or it has another name now
            assert self._copy.content is not None
            await self._put_aside(self._copy.content, GONE)
            self._copy.forget()
            self._unsaved.forget()
            raise
        return self._copy.to_send()
