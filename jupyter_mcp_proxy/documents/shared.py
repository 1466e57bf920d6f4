"""A notebook as the shared document of jupyter-collaboration: what people see is what the agent edits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set
from contextlib import suppress
from typing import Any, TypeVar

from jupyter_ydoc import YNotebook

from ..errors import CannotUndo, NotSaved, NotShareable, ProxyError, ServerUnreachable
from ..jupyter.room import Room
from ..jupyter.server import JupyterServer
from ..store.snapshots import Snapshots
from .cells import Cell
from .collapse import InFile
from .document import Author, Document
from .editor import Editor
from .entering import entered, reloaded
from .former import AllSteps
from .history import OTHERS, OURSELVES, Entry, History
from .overwritten import Loss
from .people import looks_at, people_in
from .place import ending
from .saving import LAST_SAVE, READ_ONLY, RUNNING_AFTER, SAVE_TRIES, UNKNOWN, UNSAVED_AFTER, Saving, made_perhaps
from .shared_editor import CellIndex, SharedEditor, stored_content
from .shared_undo import Step
from .shown import Shown
from .steps import meant
from .storable import first_odd, not_savable
from .unwritten import Unwritten

T = TypeVar("T")


class SharedDocument(Document):
    """A notebook in its collaboration room. The room is joined again, from nothing, when it was lost."""

    guarantee = "live"
    promise = "shared document, edits appear live"

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        super().__init__(server, path, snapshots)
        self._room: Room | None = None
        self._notebook: Any = None
        self._index: CellIndex | None = None
        self._steps = AllSteps()
        self._lock = asyncio.Lock()
        self._in_file = InFile()
        self._saving = Saving()
        self._odd = False
        """Whether something may be here that the document cannot be saved with."""
        self._unwritten = Unwritten()
        self._shown = Shown()

    async def __aenter__(self) -> SharedDocument:
        await self._joined()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._lock:
            if self._room is not None:
                await self._write_out(self._room)
                if self._unwritten.has_work and self.gone is None and not self._seems_collapsed():
                    await self._kept(stored_content(self._notebook), leaves=True)
                await self._room.__aexit__()
                self._room = None
        self._place.release()

    async def _write_out(self, room: Room) -> None:
        """Have the file written now: the server does so a second after a change, and not where it ends before that."""
        if self._in_file.writable and not room.closed.is_set() and self._notebook.dirty:
            with suppress(ServerUnreachable, asyncio.TimeoutError):
                await asyncio.wait_for(room.save(), LAST_SAVE)
                await asyncio.wait_for(room.flush(), LAST_SAVE)
        await self._keep_lost()

    async def _joined(self) -> Room:
        """The room, joined anew where the connection was lost; never with what an older replica held."""
        await self.follow()
        if self._room is not None and not self._room.closed.is_set():
            if self._place.went_back():
                await reloaded(
                    self._notebook, await self._in_file.look(self._server, self.path), self._place.touch, older=True
                )
            await self._keep_lost()
            return self._room
        async with self._lock:
            if self._room is not None:
                if not self._room.closed.is_set():
                    return self._room
                await self._out()
            self.refuse_if_gone()
            content = await self._in_file.look(self._server, self.path)
            odd = first_odd(content)
            self._place.hold()
            room = await entered(self._server, self.path, odd)
            self._odd = odd is not None
            self._notebook = YNotebook(room.doc, room.awareness)
            if (older := self._place.went_back()) or self.is_another:
                await reloaded(self._notebook, content, self._place.touch, older=older)
                self.is_another = False
            self._index = CellIndex(self._notebook.ycells)
            # The server writes, too, whenever it has saved: beside the cells, and that is nobody's change.
            room.counts_as_written = self._index.take_new
            room.on_change = self._heard
            self._unwritten.look(self._editor)
            await self._keep_lost(content)
            self.history.absorb(self._editor, OTHERS)
            self._room = room
            self._saving.begin()
            self._announce()
            return room

    # -- where the file is ----------------------------------------------------------------------------

    async def follow(self) -> None:
        await super().follow()
        if self.gone is None:
            await self._in_file.look_whether_readable(self._server, self.path, self._place.replaced)

    def refuse_if_gone(self) -> None:
        super().refuse_if_gone()
        if self._in_file.unreadable is not None:
            raise self._in_file.unreadable

    def _where(self) -> str | None:
        where = super()._where()
        if where is None and self._room is not None and self.gone is None:
            # jupyter-collaboration (4) says it in the document, a second after Jupyter has renamed the file.
            told = str(self._notebook.path or "")
            return told if told.endswith(ending(self.path)) and self._server.paths.open(told) else None
        return where

    def _held(self) -> dict[str, Any] | None:
        return None if self._room is None else self._notebook.get()

    async def _moved(self, new: str) -> None:
        """Stay in the room where Jupyter has renamed the file: its room is that of the file's id."""
        session = await self._server.collaboration_session(new)
        if self._room is not None and session["fileId"] != self._room.file_id:
            if self._notebook.dirty:  # the server could not write it any more
                await self._take_snapshot(self._notebook.get())
            await self._leave()
        elif self._room is not None:
            self._room.path = new
        self._snapshots.move(self.path, new)

    async def settle(self) -> None:
        room = await self._joined()
        for _ in range(SAVE_TRIES if self._in_file.writable else 0):
            await room.flush()  # who else has changed something has said so by now
            if not self._notebook.dirty:
                return
            await room.save()

    async def _is_back(self) -> None:
        await self._leave()
        self._steps.forget()
        self._unwritten.forget()

    async def _leave(self) -> None:
        async with self._lock:
            await self._out()
            self.is_another = True

    async def _out(self) -> None:
        if self._room is not None and self._index is not None:
            await self._room.__aexit__()
            self._steps.left(self._notebook, self._index, is_whole=not self._room.is_broken)
            self._room = None

    def _heard(self, wrote: list[int]) -> None:
        """Others have changed something: the server says so, too, of the file that it has written, or has read anew."""
        if self._notebook.dirty:
            return
        self._saving.written()
        self._place.saw()
        if self._unwritten and self._room is not None:
            replaced = self._unwritten.is_replaced(self._place.replacements())
            replaced |= bool(wrote) and self._room.writers.has_read_file(wrote)
            self._unwritten.written(self._editor, replaced=replaced)

    async def _keep_lost(self, content: dict[str, Any] | None = None) -> None:
        """Put edits of agents that were lost into a snapshot, within what the file or the room has now."""
        self._unwritten.look_whether_replaced(self._editor)
        if self._unwritten.is_lost:
            lost = self._unwritten.put_into(content or self._notebook.get())
            self.review.forget(self._unwritten.tell(self.path, await self._kept(lost)))

    def losses(self, key: str) -> list[str]:
        return self._unwritten.news(key)

    @property
    def overwritten(self) -> list[Loss]:
        return list(self._unwritten.losses)

    @property
    def trouble(self) -> ProxyError | None:
        if self.gone is None and self._room is not None and self._seems_collapsed():
            return self._in_file.collapse(self.path, self._notebook.ycells)
        return self.gone or self._in_file.unreadable or self._saving.failure

    async def read(self, look: Callable[[Editor], T]) -> T:
        room = await self._joined()
        self._note(OTHERS)
        if self._saving.is_due(RUNNING_AFTER):
            with suppress(ProxyError):  # it is told as `trouble`
                await self._check_saved(room)
        if self._seems_collapsed():
            await self._in_file.look(self._server, self.path)  # which says what `trouble` tells
        return look(self._editor)

    @property
    def _editor(self) -> SharedEditor:
        assert self._index is not None
        return SharedEditor(self._notebook, self._index)

    async def look_back(self) -> History:
        await self._joined()
        self._note(OTHERS)
        return self.history

    def counts(self) -> dict[str, tuple[int | None, str]] | None:
        if self._index is not None:
            self._note(OTHERS)
        return super().counts()

    def _note(self, who: str, key: str | None = None, labelled: Set[str] = frozenset()) -> list[Entry]:
        assert self._index is not None
        changed = self._index.take_changed()
        if who == OTHERS and self._room is not None:
            who, key = self._room.writers.take(), OTHERS
        if changed is None:
            return []
        if not self._unwritten and self._room is not None:
            self._room.writers.forget()
        entries = self.history.absorb(self._editor, who, changed, key=key, labelled=labelled)
        self._unwritten.did(entries, self._editor)
        return entries

    async def edit(
        self,
        change: Callable[[Editor], T],
        *,
        author: Author | None = None,
        outputs_only: bool = False,
        who: str = OURSELVES,
    ) -> T:
        room = await self._joined()
        self.refuse_if_gone()
        self._server.paths.check_write(self.path)
        if not await self._in_file.may_be_written(self._server, self.path):
            raise NotSaved(self.path, READ_ONLY)
        if not outputs_only:
            await self._before_first_edit(lambda: stored_content(self._notebook))
        room = await self._joined()
        if author is not None:
            await room.flush()  # have all that the server has: a move or an undo must not miss what was just typed
        await self._refuse_if_collapsed()
        self._note(OTHERS)
        assert self._index is not None
        self._index.take_made()
        odd = None if outputs_only else self._not_savable()
        if author is not None:
            self._steps.track(author.key, self._notebook.ycells)
        with room.changing(None if author is None else author.key):
            editor = self._editor
            result = change(editor)
            if odd is not None and self._not_savable():  # a change that takes it out is welcome
                raise odd
            self._notebook.dirty = True  # the server sets it to False once it has written the file
        self._saving.changed()
        self._record(author, editor, who)
        self._in_file.leave(len(self._notebook.ycells))
        with made_perhaps(self.path):
            await room.flush()
            await self._check_saved(room, RUNNING_AFTER if outputs_only else UNSAVED_AFTER)
        return result

    def _record(self, author: Author | None, edited: SharedEditor, who: str) -> None:
        """Note our own change in the history, and what its undoing must not take along."""
        entries = self._note(*((who, who) if author is None else author.undoing(None)), edited.labelled)
        if author is not None and (item := self._steps.take_new(author.key)) is not None:
            assert self._index is not None
            made = self._index.take_made()  # the history only guesses which of two cells has moved past the other
            number = entries[0].number if entries else self.history.last
            self._steps.add(author.key, Step.of(number, self._editor, made, edited, item))
            self._unwritten.was({entry.cell for entry in entries}, lambda cell: edited.before(cell, made))
            self.review.note(number, author.whole, entries, lambda cell: edited.before(cell, made), self._editor.source)

    def undoable(self, key: str) -> set[int]:
        return {step.number for step in self._steps.of(key)}

    def has_forgotten(self, key: str) -> bool:
        return key in self._steps.forgotten

    async def undo(
        self, author: Author, since: int | None = None, *, only: int | None = None, by: str | None = None
    ) -> list[Entry]:
        room = await self._joined()
        self.refuse_if_gone()
        await room.flush()
        await self._refuse_if_collapsed()
        self._note(OTHERS)
        taken_back: list[Entry] = []
        last = since is None and only is None
        try:
            steps = [each for each in self._steps.of(author.key) if self._kept_of(author, each.number, by) is not None]
            for step in meant(steps, 0 if last else since, only):
                newer = step.run_since(self._editor)
                all_ran_since = bool(step.cells) and step.cells <= newer
                kept = self._kept_of(author, step.number, by) or frozenset()
                done = not all_ran_since and self._take_back(step, kept)
                self._steps.take(author.key, step)
                entries = self._note(*author.undoing(by), step.labelled - newer) if done else []
                taken_back += entries
                self.review.undone(author.key, step.number)
                if last and done and (entries or step.is_of_outputs):
                    break  # else nobody sees that anything was taken back
        except CannotUndo as error:
            raise CannotUndo(error.cell, error.reason, later=bool(taken_back)) from None
        finally:
            self._in_file.leave(len(self._notebook.ycells))
            with made_perhaps(self.path):
                await room.flush()
        return taken_back

    def _take_back(self, step: Step, kept: Set[str]) -> bool:
        assert self._index is not None
        done = self._steps.take_back(step, self._editor, self._index, self._notebook.ycells, kept)
        if done:  # else the server would write the file, in its own form, for nothing
            self._notebook.dirty = True
            self._saving.changed()
        return done

    @property
    def takes_changes(self) -> bool:
        there = self._room is not None and not self._room.closed.is_set()
        return there and self._saving.proven and self._snapshot_taken and not self._seems_collapsed()

    def _seems_collapsed(self) -> bool:
        return self._in_file.outweighs(self._notebook.ycells)

    async def _refuse_if_collapsed(self) -> None:
        if self._seems_collapsed():
            await self._in_file.look(self._server, self.path)
            if self._seems_collapsed():
                raise self._in_file.collapse(self.path, self._notebook.ycells)

    def _not_savable(self, *, changed: bool = False) -> NotShareable | None:
        """What is to be told where the document holds what it cannot be saved with."""
        if not self._odd:
            return None
        content = {"cells": self._notebook.ycells.to_py(), "metadata": self._editor.metadata()}
        error = not_savable(self.path, content, changed=changed)
        self._odd = error is not None
        return error

    async def _check_saved(self, room: Room, after: float = UNSAVED_AFTER) -> None:
        """Notice that the server cannot write the file, and say why."""
        if not self._saving.is_due(after) or await self._saving.tried(room, self._notebook):
            return
        self._odd = True
        unsaved = NotSaved(self.path, await self._why_unsaved(), kept="room")
        self._saving.failure = self._not_savable(changed=True) or unsaved
        raise self._saving.failure

    async def _why_unsaved(self) -> str:
        """What keeps the server from writing. Raises Gone where it does not have the file any more."""
        if not await self._is_there():
            await self._is_gone()
            self.refuse_if_gone()
        model = await self._server.contents(self.path, content=False)
        return READ_ONLY if not model.get("writable", True) else self._place.lacks() or UNKNOWN

    def show(self, who: Author, cell_id: str | None = None) -> None:
        self._shown.put(who, cell_id)
        self._announce(who.key)

    def hide(self, key: str) -> None:
        if self._shown.take(key) and self._room is not None:
            self._room.presences.hide(key)

    def _announce(self, *keys: str) -> None:
        if self._room is not None and not self._room.closed.is_set():
            self._shown.announce(self._room.presences, self._editor.ids(), self._notebook.ycells, *keys)

    def people(self) -> list[str]:
        return [] if self._room is None else people_in(self._room.awareness)

    async def cursor_of(self, name: str) -> Cell | None:
        room = await self._joined()
        found = looks_at(room.doc, room.awareness, self._notebook.ycells, self._editor.ids(), name)
        return None if found is None else self._editor.cell_at(found, outputs=False)
