"""A notebook as a file, through the Contents API: for servers without jupyter-collaboration.

Every change is made to what is on disk now and written only if that is still on disk; otherwise it is made
again to what has come. (The Contents API has no conditional write, so a gap remains while it is sent.)

A large file takes Jupyter long to write. There a change is kept beside the notebook's snapshots, where it outlives
this process, and written with those that follow it, a second after the last.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from ..errors import CannotUndo, Conflict, NotSaved, ProxyError, Unknown
from ..jupyter.server import JupyterServer
from ..store.snapshots import Snapshots
from .document import Author, Document
from .editor import Editor
from .file_editor import FileEditor, working_copy
from .file_undo import Step, difference
from .history import OTHERS, OURSELVES, Entry, History
from .patch import Digests, Patch
from .stored import StoredFile, Version
from .unsaved import Unsaved

log = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 5
UNDO_KEPT = 100
"""Changes of one client that can be taken back."""
SETTLED = 1.0
"""Seconds without a change after which a large file is written: those of jupyter-collaboration."""
LONGEST = 10.0
"""Seconds that a change waits at most while others follow it, or ten times what the last write took."""
RETRY = 30.0
"""Seconds until a file is tried again that could not be written."""

REFUSED = "%s: somebody else has saved another version of what was to be written; ours is in a snapshot"
GONE = "%s is not there any more; what was to be written to it is in a snapshot"


class FileDocument(Document):
    """A notebook on disk. Between calls the last content is kept for as long as the file is the same, and what is to
    be written to it."""

    guarantee = "file"

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        super().__init__(server, path, snapshots)
        self._content: dict[str, Any] | None = None
        """The notebook, with what is to be written; None where the file must be read first, and nothing waits."""
        self._stored: dict[str, Any] | None = None
        """What the file holds, as far as we know."""
        self._sent: dict[str, Any] | None = None
        """What the file may hold by now: it was sent, and the server has not said that it is written."""
        self._version: Version | None = None
        self._steps: dict[str, deque[Step]] = {}
        self._lock = asyncio.Lock()
        self._file = StoredFile(server, path)
        self._unsaved = Unsaved(snapshots.folder(path))
        self._writing = asyncio.Lock()
        """Held while what waits is written; changes go on meanwhile."""
        self._writer: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._cleared = asyncio.Event()
        """Set when a trouble is over."""
        self._took = 0.0
        """Seconds of the last write of what had waited."""
        self._digests = Digests()
        """Those of what the file holds."""
        self._closed = False

    @property
    def promise(self) -> str:
        large = self._version is not None and self._version.is_large
        when = f"{SETTLED:.0f} s after the last change" if large else "at once"
        return f"{'large ' if large else ''}file, written {when}, if unchanged on disk"

    @property
    def unsaved(self) -> bool:
        return self._content is not self._stored

    async def __aenter__(self) -> FileDocument:
        try:
            await self.read(lambda editor: None)
        except Unknown:
            if self._unsaved.there and self._unsaved.claim():
                with suppress(NotSaved):  # it stays where it is
                    await self._rescue(self._unsaved.left())
            raise
        finally:
            if self._content is None:
                self._unsaved.release()
        return self

    async def __aexit__(self, *_: object) -> None:
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

    async def read(self, look: Callable[[Editor], T]) -> T:
        async with self._lock:
            return look(FileEditor(await self._load()))

    async def look_back(self) -> History:
        async with self._lock:
            await self._load()
            return self.history

    async def edit(
        self, change: Callable[[Editor], T], *, author: Author | None = None, outputs_only: bool = False
    ) -> T:
        result, before, after, entries = await self._edit(change, author.name if author else OURSELVES, outputs_only)
        if author is not None and entries:
            step = Step(entries[0].number, difference(before, after))
            self._steps.setdefault(author.key, deque(maxlen=UNDO_KEPT)).append(step)
        return result

    async def _edit(
        self, change: Callable[[Editor], T], who: str, outputs_only: bool
    ) -> tuple[T, dict[str, Any], dict[str, Any], list[Entry]]:
        """Make a change and keep it: its result, the content before and after, and what the history notes."""
        if self.trouble is not None and not outputs_only:
            await self._write_out()
        async with self._lock:
            for _ in range(TRIES):
                # Made to what we last saw, and kept only if that is still there right before the write.
                content = self._content or await self._load()
                changed, result, failure = working_copy(content), None, None
                try:
                    result = change(FileEditor(changed))
                except ProxyError as error:
                    failure = error
                if not await self._is_current():
                    continue
                if not outputs_only and failure is None and not self._snapshot_taken:
                    await self._before_first_edit(lambda content=content: content)  # type: ignore[misc]
                    continue  # that took its time: look again whether it is still what is on disk
                if failure is not None:
                    raise failure
                if self._may_wait:
                    self._keep(changed)
                else:
                    await self._save(changed)
                entries = self.history.absorb(FileEditor(changed), who, _made_anew(content, changed))
                if self._content is not None and self._version is not None and self._version.is_large:
                    await self._claim()
                return cast(T, result), content, changed, entries
            raise Conflict(self.path)

    async def undo(self, author: Author, since: int | None = None) -> list[Entry]:
        steps = self._steps.get(author.key, deque())
        taken_back: list[Entry] = []
        while steps and (steps[-1].number >= since if since is not None else not taken_back):
            try:
                _, _, _, entries = await self._edit(steps[-1].take_back, author.name, outputs_only=True)
            except CannotUndo as error:
                raise CannotUndo(error.cell, error.reason, later=bool(taken_back)) from None
            steps.pop()
            taken_back += entries
            if since is None:
                break
        return taken_back

    # -- reading --------------------------------------------------------------------------------------

    async def _load(self) -> dict[str, Any]:
        if self._content is None or not (self._writing.locked() or await self._is_unchanged()):
            try:
                await self._fetch()
            except NotSaved as error:  # what waits cannot be put aside now: go on as if nobody had saved
                self.trouble = NotSaved(self.path, error.reason, kept="here")
        if self._unsaved.there and not self._unsaved.claimed:
            await self._claim()
        assert self._content is not None
        return self._content

    async def _fetch(self) -> None:
        """Read the file, and make what waits anew to what is there."""
        stored, version = await self._file.read()
        merged = stored
        if self.unsaved:
            assert self._content is not None
            patch = self._patch(self._content)
            same = patch.is_of(stored)
            merged, refused = patch.applied(stored) if same else (stored, [])
            if refused or not same:
                await self._take_snapshot(self._content)
                log.warning(REFUSED if same else GONE, self.path)
        waited, self._content = self.unsaved, merged
        self._holds(stored)
        self._version = version
        if waited:
            self._go_on()
        self.history.absorb(FileEditor(self._content), OTHERS)

    def _holds(self, content: dict[str, Any]) -> None:
        """The file holds this now."""
        self._stored, self._sent = content, None
        self._digests.clear()

    async def _is_current(self) -> bool:
        """Whether a change may be made to what we have; otherwise that is not what we have any more."""
        if self._may_wait:  # who writes it looks more closely
            before = self._content
            return await self._load() is before
        if await self._file.version() == self._version:
            return True
        self._content = self._stored = None
        return False

    async def _is_unchanged(self) -> bool:
        """Whether the file is what we last saw, as far as a reader must know; who writes asks for its hash."""
        assert self._version is not None
        now = await self._file.still(self._version)
        self._version = now or self._version  # it may tell more by now
        return now is not None

    # -- writing --------------------------------------------------------------------------------------

    async def _save(self, content: dict[str, Any]) -> None:
        """Write a content now."""
        version = await self._file.write(content)
        if version is None:  # somebody has saved since: what is there now must be read first
            self._content = self._stored = None
            return
        self._content = content
        self._holds(content)
        self._version = version

    # -- writing later --------------------------------------------------------------------------------

    @property
    def _may_wait(self) -> bool:
        """Whether a change need not be in the file at once: it is large, and could be written once."""
        large = self._version is not None and self._version.is_large
        return self.unsaved or (large and self._unsaved.claimed)

    async def _claim(self) -> None:
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
            log.warning("what was left for %s stays where it is: %s", self.path, error)
            self.trouble = NotSaved(self.path, error.reason, kept="here")

    async def _take_over(self, left: Patch) -> None:
        assert self._content is not None
        if not left.is_of(self._content):
            await self._rescue(left)
            return
        content, refused = left.applied(self._content)
        if refused:
            await self._take_snapshot(left.applied(self._content, insist=True)[0])
            log.warning(REFUSED, self.path)
        self._content = content
        self._go_on()
        self.history.absorb(FileEditor(content), OURSELVES)

    async def _rescue(self, left: Patch | None) -> None:
        """Put into a snapshot what was to be written to a notebook that is not there any more."""
        if left is not None:
            await self._take_snapshot(left.alone())
            log.warning(GONE, self.path)
        self._unsaved.forget()

    def _patch(self, content: dict[str, Any]) -> Patch:
        olds = [old for old in (self._stored, self._sent) if old is not None]
        return Patch.between(olds, content, self._digests)

    def _keep(self, content: dict[str, Any]) -> None:
        """Have a content written later; until then it is kept where it outlives us. Raises NotSaved."""
        patch = self._patch(content)
        try:
            self._unsaved.keep(patch)
        except OSError as error:
            raise NotSaved(self.path, f"what is to be written could not be kept ({error})") from error
        self._wait(content if patch else self._stored)

    def _go_on(self) -> None:
        """Wait on with what the file does not hold yet, now that it holds something else."""
        assert self._content is not None
        patch = self._patch(self._content)
        with suppress(OSError):  # what is kept says all of it as well
            self._unsaved.keep(patch)
        self._wait(self._content if patch else self._stored)

    def _wait(self, content: dict[str, Any] | None) -> None:
        self._content = content
        self._changed.set()
        if not self.unsaved:
            self.trouble = None
        elif self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_when_settled(), name=f"writing {self.path}")

    async def _write_when_settled(self) -> None:
        while self.unsaved:
            await self._settled()
            last = self._closed
            try:
                await self._write_out()
            except ProxyError as error:
                log.warning("writing %s: %s", self.path, error)
                if last or not self.unsaved:  # what waits is kept for whoever opens the notebook next
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

    async def _write_out(self) -> None:
        """Write what waits. It waits on where that fails, which `trouble` tells until it has succeeded."""
        async with self._writing:
            try:
                async with self._lock:
                    content = await self._to_be_written()
                if content is not None:
                    began = time.monotonic()
                    version = await self._file.write(content)
                    async with self._lock:
                        self._took = time.monotonic() - began
                        await self._written(content, version)
            except Exception as error:
                told = error if isinstance(error, ProxyError) else NotSaved(self.path, repr(error))
                if isinstance(told, NotSaved):
                    told = NotSaved(self.path, told.reason, kept="here")
                self.trouble = told if self.unsaved else None
                raise told from error
            self.trouble = None
            self._cleared.set()

    async def _to_be_written(self) -> dict[str, Any] | None:
        """What waits, made to what is on disk in this moment."""
        if not self.unsaved:
            return None
        try:
            if await self._file.version() != self._version:
                await self._fetch()
        except Unknown:  # deleted, or it has another name now
            assert self._content is not None
            await self._take_snapshot(self._content)
            log.warning(GONE, self.path)
            self._content = self._stored = None
            self._unsaved.forget()
            raise
        self._sent = self._content if self.unsaved else None
        return self._sent

    async def _written(self, content: dict[str, Any], version: Version | None) -> None:
        """The server has written this; no version where somebody has saved since."""
        self._holds(content)
        self._go_on()
        if version is None:
            await self._fetch()
        else:
            self._version = version


def _made_anew(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The ids of the cells that are not the same objects in both contents."""
    before = {cell["id"]: cell for cell in old["cells"]}
    return {cell["id"] for cell in new["cells"] if before.get(cell["id"]) is not cell}
