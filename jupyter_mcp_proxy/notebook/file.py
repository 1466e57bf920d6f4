"""A notebook as a file, through the Contents API: for servers without jupyter-collaboration.

Every change is made to what is on disk now and written only if that is still on disk; otherwise it is made
again to what has come. (The Contents API has no conditional write, so a gap of milliseconds remains.)
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from ..errors import (
    CannotUndo,
    Conflict,
    InvalidNotebook,
    MaybeSaved,
    NotSaved,
    ProxyError,
    ServerError,
    ServerUnreachable,
    Unknown,
)
from ..jupyter.server import JupyterServer
from .document import Author, Document, Editor
from .file_editor import FileEditor, with_ids, working_copy
from .history import OTHERS, OURSELVES, Entry, History
from .render import joined
from .snapshots import Snapshots

T = TypeVar("T")

TRIES = 5
UNDO_KEPT = 100
"""Changes of one client that can be taken back."""
LARGE = 1_000_000
"""Bytes from which on a file is not hashed with each reading: at 50 MB that takes Jupyter 70 ms."""
FINE_TICK, COARSE_TICK = 0.1, 2.5
"""Seconds that two writes must be apart to show in a file's time: where it has fractions of a second, and where not."""


@dataclass(frozen=True)
class Version:
    """What tells one content of a file from another."""

    hash: str | None
    stat: tuple[str | None, int | None]
    """When it was written, and how long it is."""
    tells: bool = field(compare=False)
    """Whether `stat` alone would show a later write: the file is large, and was written long before it was hashed."""

    @classmethod
    def of(cls, model: dict[str, Any], asked_at: float) -> Version:
        """The version in a model of Jupyter's that was asked for at that time."""
        stat = (model.get("last_modified"), model.get("size"))
        return cls(model.get("hash"), stat, (stat[1] or 0) >= LARGE and _is_past(stat[0], asked_at))


def _is_past(modified: str | None, now: float) -> bool:
    try:
        at = datetime.fromisoformat((modified or "").replace("Z", "+00:00"))
    except ValueError:
        return False
    return now - at.timestamp() > (FINE_TICK if at.microsecond else COARSE_TICK)


@dataclass(frozen=True)
class Touched:
    """A cell before and after a change; None where it was not there. Outputs are not part of it."""

    id: str
    before: tuple[int, dict[str, Any]] | None
    after: tuple[int, dict[str, Any]] | None


@dataclass(frozen=True)
class Step:
    """One change of an author that can be taken back."""

    number: int
    """The change's first number in the history."""
    touched: list[Touched]

    def take_back(self, editor: Editor) -> None:
        """Undo the change where every cell still is what it left; CannotUndo where one is not."""
        assert isinstance(editor, FileEditor)
        cells: list[dict[str, Any]] = editor.content["cells"]
        ids = editor.ids()
        for each in self.touched:
            if each.after is not None and each.id not in ids:
                raise CannotUndo(each.id, "it is not there any more")
            if each.after is not None and _content(cells[ids.index(each.id)]) != _content(each.after[1]):
                raise CannotUndo(each.id, "its source is not what you left there")
            if each.after is None and each.id in ids:
                raise CannotUndo(each.id, "it is there again")
        for each in self.touched:
            if each.after is not None and each.before is None:
                editor.delete(editor.find(each.id))
        for each in self.touched:
            if each.before is not None:
                index, cell = each.before
                if each.after is not None:
                    place = editor.find(each.id)
                    outputs = cells[place].get("outputs")
                    cells.pop(place)
                    if outputs is not None and "outputs" in cell:
                        cell = cell | {"outputs": outputs}
                    index = place if each.after[0] == each.before[0] else index
                cells.insert(min(index, len(cells)), copy.deepcopy(cell))


def _content(cell: dict[str, Any]) -> tuple[str, str]:
    return cell["cell_type"], joined(cell["source"])


def _difference(old: dict[str, Any], new: dict[str, Any]) -> list[Touched]:
    """The cells that differ between two contents, in the order of their old places."""
    before = {cell["id"]: (index, cell) for index, cell in enumerate(old["cells"])}
    after = {cell["id"]: (index, cell) for index, cell in enumerate(new["cells"])}
    order = [id for id in before if id in after]
    moved = [id for id in after if id in before] != order
    found = []
    for id in [*before, *(id for id in after if id not in before)]:
        one, two = before.get(id), after.get(id)
        same = one is not None and two is not None and (one[1] is two[1] or _content(one[1]) == _content(two[1]))
        if not same or (moved and one is not None and two is not None and one[0] != two[0]):
            found.append(Touched(id, one, two))
    return found


def _made_anew(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The ids of the cells that are not the same objects in both contents."""
    before = {cell["id"]: cell for cell in old["cells"]}
    return {cell["id"] for cell in new["cells"] if before.get(cell["id"]) is not cell}


class FileDocument(Document):
    """A notebook on disk. Nothing is kept between calls but the last content, for as long as the file is the same."""

    guarantee = "file"

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        super().__init__(server, path, snapshots)
        self._content: dict[str, Any] | None = None
        self._version: Version | None = None
        self._steps: dict[str, deque[Step]] = {}
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> FileDocument:
        await self.read(lambda editor: None)
        return self

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
            step = Step(entries[0].number, _difference(before, after))
            self._steps.setdefault(author.key, deque(maxlen=UNDO_KEPT)).append(step)
        return result

    async def _edit(
        self, change: Callable[[Editor], T], who: str, outputs_only: bool
    ) -> tuple[T, dict[str, Any], dict[str, Any], list[Entry]]:
        """Make a change and write it: its result, the content before and after, and what the history notes."""
        async with self._lock:
            for _ in range(TRIES):
                # Made to what we last saw, and kept only if that is still there right before the write.
                content = self._content or await self._load()
                changed, result, failure = working_copy(content), None, None
                try:
                    result = change(FileEditor(changed))
                except ProxyError as error:
                    failure = error
                if await self._current_version() != self._version:
                    self._content = None
                    continue
                if not outputs_only and failure is None and not self._snapshot_taken:
                    await self._before_first_edit(lambda content=content: content)  # type: ignore[misc]
                    continue  # that took its time: look again whether it is still what is on disk
                if failure is not None:
                    raise failure
                await self._save(changed)
                entries = self.history.absorb(FileEditor(changed), who, _made_anew(content, changed))
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

    async def _load(self) -> dict[str, Any]:
        if self._content is None or not await self._is_unchanged():
            asked_at = time.time()
            model = await self._get(content=True)
            content = model["content"]
            if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
                raise InvalidNotebook(self.path, "it has no list of cells")
            for number, cell in enumerate(content["cells"]):
                if not isinstance(cell, dict) or "source" not in cell or "cell_type" not in cell:
                    raise InvalidNotebook(self.path, f"cell {number} has no source or no type")
            self._content = with_ids(content)
            self._version = Version.of(model, asked_at)
            self.history.absorb(FileEditor(self._content), OTHERS)
        return self._content

    async def _is_unchanged(self) -> bool:
        """Whether the file is what we last saw, as far as a reader must know; who writes asks for its hash."""
        assert self._version is not None
        if self._version.tells:
            return Version.of(await self._get(content=False, hash=False), 0).stat == self._version.stat
        now = await self._current_version()
        if now != self._version:
            return False
        self._version = now  # it may tell by now
        return True

    async def _current_version(self) -> Version:
        asked_at = time.time()
        return Version.of(await self._get(content=False), asked_at)

    async def _get(self, *, content: bool, hash: bool = True) -> dict[str, Any]:
        try:
            return await self._server.contents(self.path, content=content, type="notebook", hash=int(hash))
        except ServerError as error:
            if error.status == 404:
                raise Unknown("notebook", self.path) from error
            if error.status in (400, 500) and content:
                raise InvalidNotebook(self.path, error.message) from error
            raise

    async def _save(self, content: dict[str, Any]) -> None:
        try:
            model = await self._server.save_notebook(self.path, content)
        except ServerUnreachable:
            self._content = None
            raise MaybeSaved(self.path) from None
        except ServerError as error:
            self._content = None
            raise NotSaved(self.path, error.message, kept=False) from error
        written = await self._current_version()
        if written.stat == Version.of(model, 0).stat:
            self._content, self._version = content, written
        else:  # somebody has saved since: what is there now must be read first
            self._content = None
