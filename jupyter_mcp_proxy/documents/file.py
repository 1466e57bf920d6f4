"""A notebook as a file, through the Contents API: for servers without jupyter-collaboration.

Every change is made to what is on disk now and written only if that is still on disk; otherwise it is made
again to what has come. (The Contents API has no conditional write, so a gap remains while it is sent.)
A change of a large file may wait (`late.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..errors import CannotUndo, Conflict, ProxyError, Unknown
from ..jupyter.server import JupyterServer
from ..store.snapshots import Snapshots
from .document import Author, Document, TakeSnapshot
from .editor import Editor
from .file_editor import FileEditor, working_copy
from .file_undo import NothingLeft, Step
from .history import OURSELVES, Entry, History
from .ids import CellIds
from .late import SETTLED, LateWriter
from .local import LocalCopy
from .overwritten import Loss, Work
from .place import GONE
from .steps import meant
from .unsaved import Unsaved

log = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 5
UNDO_KEPT = 100
"""Changes of one client that can be taken back."""


class FileDocument(Document):
    """A notebook on disk. Between calls the last content is kept for as long as the file is the same, and what is to
    be written to it."""

    guarantee = "file"

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        super().__init__(server, path, snapshots)
        self._ids = CellIds(snapshots.folder(path))
        self._copy = LocalCopy(server, path, self.history, self._put_aside, self._ids)
        self._late = LateWriter(self._copy, Unsaved(snapshots.folder(path)), self._put_aside)
        self._steps: dict[str, deque[Step]] = {}
        self._undoing = asyncio.Lock()
        self._work = Work()
        self._copy.follow, self._copy.found = self.follow, self._look_for_losses
        self._copy.has_left = self._has_left

    @property
    def promise(self) -> str:
        large = self._copy.is_large
        when = f"{SETTLED:.0f} s after the last change" if large else "at once"
        return f"{'large ' if large else ''}file, written {when}, if unchanged on disk"

    @property
    def unsaved(self) -> bool:
        return self._copy.unsaved

    @property
    def trouble(self) -> ProxyError | None:
        return self.gone or self._late.trouble

    async def __aenter__(self) -> FileDocument:
        try:
            await self.read(lambda editor: None)
            self._place.hold()
        except Unknown:
            await self._late.put_left_aside()
            raise
        finally:
            if self._copy.content is None:
                self._late.release()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._late.close()
            if self._work.last is not None and self.gone is None:  # nobody notices any more when somebody saves over it
                await self._kept(self._ids.without(self._work.last), leaves=True)
        finally:
            self._place.release()

    def _held(self) -> dict[str, Any] | None:
        return self._copy.content

    async def _moved(self, new: str) -> None:
        self._snapshots.move(self.path, new)
        self._copy.move(new)
        self._late.move(self._snapshots.folder(new))

    def _has_left(self) -> bool:
        return self._where() not in (None, GONE, self.path) and self.has_another(self.path) is True

    async def settle(self) -> None:
        await self.follow()
        if self._copy.unsaved:
            await self._late.write_out()

    async def _is_back(self) -> None:
        if not self._copy.unsaved:
            self._copy.forget()

    async def read(self, look: Callable[[Editor], T]) -> T:
        await self.follow()
        self.refuse_if_gone()
        async with self._copy.lock:
            return look(FileEditor(await self._load()))

    async def look_back(self) -> History:
        await self.follow()
        self.refuse_if_gone()
        async with self._copy.lock:
            await self._load()
            return self.history

    async def edit(
        self,
        change: Callable[[Editor], T],
        *,
        author: Author | None = None,
        outputs_only: bool = False,
        who: str = OURSELVES,
    ) -> T:
        name, key = (author.signature, author.key) if author else (who, who)
        result, before, after, entries = await self._edit(change, name, key, outputs_only)
        if author is not None and entries:
            step = Step.between(entries[0].number, before, after)
            self._steps.setdefault(author.key, deque(maxlen=UNDO_KEPT)).append(step)
            self.review.note(step.number, author.whole, entries, step.before, step.after)
        return result

    async def _edit(
        self, change: Callable[[Editor], T], who: str, key: str, outputs_only: bool
    ) -> tuple[T, dict[str, Any], dict[str, Any], list[Entry]]:
        """Make a change and keep it: its result, the content before and after, and what the history notes."""
        await self.follow()
        self.refuse_if_gone()
        if self.trouble is not None and not outputs_only:
            await self._late.write_out()
        async with self._copy.lock:
            for _ in range(TRIES):
                self.refuse_if_gone()
                # Made to what we last saw, and kept only if that is still there right before the write.
                content = self._copy.content or await self._load()
                changed, result, failure = working_copy(content), None, None
                try:
                    editor = FileEditor(changed)
                    result = change(editor)
                except ProxyError as error:
                    failure = error
                if not await self._is_current():
                    continue
                if not outputs_only and failure is None and not self._snapshot_taken:
                    await self._before_first_edit(lambda content=content: content)  # type: ignore[misc]
                    continue  # that took its time: look again whether it is still what is on disk
                if failure is not None:
                    raise failure
                if self._late.may_wait:
                    self._late.keep(changed)
                else:
                    await self._copy.write(changed)
                made = _made_anew(content, changed)
                entries = self.history.absorb(FileEditor(changed), who, made, key=key, labelled=editor.labelled)
                self._work.did(content, changed, entries, edited=not outputs_only)
                if self._copy.content is not None and self._copy.is_large:
                    await self._late.claim()
                return cast(T, result), content, changed, entries
            raise Conflict(self.path)

    async def _look_for_losses(self, content: dict[str, Any]) -> None:
        """What is there was saved by somebody else: keep what it has not got of our clients' work."""
        ours = self._work.last
        # What jupytext reads from a script has no outputs, whoever has saved it.
        cells = self._work.missing(content, outputs=self.path.endswith(".ipynb"))
        if cells and ours is not None:
            self._work.lost(self.path, Loss(time.time(), cells, await self._kept(self._ids.without(ours))))
            self.review.forget(cells)

    def losses(self, key: str) -> list[str]:
        return self._work.news(key)

    @property
    def overwritten(self) -> list[Loss]:
        return list(self._work.losses)

    def just_overwritten(self) -> Loss | None:
        return self._work.of_now()

    def undoable(self, key: str) -> set[int]:
        return {step.number for step in self._steps.get(key, ())}

    async def undo(
        self, author: Author, since: int | None = None, *, only: int | None = None, by: str | None = None
    ) -> list[Entry]:
        async with self._undoing:  # a person and the agent may both take the same back
            return await self._undo(author, since, only, by)

    async def _undo(self, author: Author, since: int | None, only: int | None, by: str | None) -> list[Entry]:
        steps = self._steps.get(author.key, deque())
        taken_back: list[Entry] = []
        last = since is None and only is None
        for step in meant(self._open_steps(author, by), 0 if last else since, only):
            take_back = step.take_back if only is None else step.take_back_in_between
            try:
                _, _, _, entries = await self._edit(take_back, *author.undoing(by), outputs_only=True)
            except NothingLeft:
                entries = []
            except CannotUndo as error:
                raise CannotUndo(error.cell, error.reason, later=bool(taken_back)) from None
            for whole in [each for each in steps if each.number == step.number]:  # newer ones may have pushed it out
                steps.remove(whole)
            self.review.undone(author.key, step.number)
            taken_back += entries
            if last and entries:
                break
        return taken_back

    def _open_steps(self, author: Author, by: str | None) -> list[Step]:
        """What the author may take back; or a person, who leaves what people have kept."""
        steps = [(step, self._kept_of(author, step.number, by)) for step in self._steps.get(author.key, ())]
        return [step.without(kept) if kept else step for step, kept in steps if kept is not None]

    async def _load(self) -> dict[str, Any]:
        """What the notebook holds now, with what is to be written to it."""
        known = self._copy.content is not None
        try:
            if not known or not (self._late.writing or await self._copy.is_unchanged()):
                await self._late.reread()
        except Unknown:
            if known:
                await self._is_gone()
                self.refuse_if_gone()
            raise
        await self._late.claim_left()
        assert self._copy.content is not None
        return self._copy.content

    async def _is_current(self) -> bool:
        """Whether a change may be made to what we have; otherwise that is not what we have any more."""
        if self._late.may_wait:  # who writes it looks more closely
            before = self._copy.content
            return await self._load() is before
        try:
            if await self._copy.is_same():
                return True
        except Unknown:  # it has just been renamed or deleted
            await self.follow()
        self._copy.forget()
        return False

    async def _take_snapshot(self, content: dict[str, Any], take: TakeSnapshot | None = None) -> None:
        await super()._take_snapshot(self._ids.without(content), take)

    async def _put_aside(self, content: dict[str, Any], why: str) -> None:
        await self._take_snapshot(content)
        log.warning(why, self.path)


def _made_anew(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The ids of the cells that are not the same objects in both contents."""
    before = {cell["id"]: cell for cell in old["cells"]}
    return {cell["id"] for cell in new["cells"] if before.get(cell["id"]) is not cell}
