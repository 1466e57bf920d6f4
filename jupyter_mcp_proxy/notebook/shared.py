"""A notebook as the shared document of jupyter-collaboration: what people see is what the agent edits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast
from uuid import uuid4

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map, Text

from ..errors import BadValue, CollapsedDocument, InvalidNotebook, NotSaved, ServerError, Unknown
from ..jupyter.room import Room
from ..jupyter.server import JupyterServer
from .cells import Cell, CellType
from .document import Document, Editor
from .edits import in_bytes, splices
from .outputs import Append, Change, Clear, Extend, Output, Replace
from .snapshots import Snapshots

T = TypeVar("T")

SAVE_TRIES = 3
UNSAVED_AFTER = 10.0
"""Seconds after which a change that the server did not write yet is reported."""


def collapsed(cells: int, file_cells: int) -> bool:
    """Whether a shared document with `cells` cells is suspiciously small beside its file with `file_cells`.

    A room that lost its content shows one empty cell, or none. A person who deletes half of a
    notebook is believed once the file says the same, which it does after a second.
    """
    return cells == 0 < file_cells or (file_cells >= 4 and cells < file_cells / 2)


class SharedEditor(Editor):
    """The editor of a shared notebook."""

    def __init__(self, notebook: Any) -> None:
        self._notebook = notebook
        self._cells: Array[Any] = notebook.ycells

    def ids(self) -> list[str]:
        return [str(cell["id"]) for cell in self._cells]

    def cell_at(self, index: int, *, outputs: bool = True) -> Cell:
        cell: Map[Any] = self._cells[index]
        count = cell.get("execution_count")
        stored = cell.get("outputs") if outputs else None
        return Cell(
            id=str(cell["id"]),
            index=index,
            type=str(cell["cell_type"]),
            source=str(cell["source"]),
            execution_count=None if count is None else int(count),
            outputs=[_plain(output) for output in stored] if stored is not None else [],
        )

    def has_outputs(self, index: int) -> Literal["none", "output", "error"]:
        outputs = self._cells[index].get("outputs")
        if not outputs:
            return "none"
        return "error" if any(output.get("output_type") == "error" for output in outputs) else "output"

    def metadata(self) -> dict[str, Any]:
        meta = self._notebook._ydoc.get("meta", type=Map).get("metadata")
        return dict(meta.to_py() or {}) if meta is not None else {}

    def set_kernelspec(self, name: str, display_name: str, language: str) -> None:
        meta = self._notebook._ydoc.get("meta", type=Map)
        spec = {"name": name, "display_name": display_name, "language": language}
        if meta.get("metadata") is None:
            meta["metadata"] = Map({"kernelspec": spec})
        else:
            meta["metadata"]["kernelspec"] = spec

    def insert(self, index: int, cell_type: CellType, source: str) -> str:
        cell: dict[str, Any] = {"id": str(uuid4()), "cell_type": cell_type, "source": source, "metadata": {}}
        if cell_type == "code":
            cell |= {"execution_count": None, "outputs": [], "metadata": {"trusted": True}}
        self._cells.insert(index, self._notebook.create_ycell(cell))
        return str(cell["id"])

    def delete(self, index: int) -> None:
        del self._cells[index]

    def set_source(self, index: int, source: str) -> None:
        text: Text = self._cells[index]["source"]
        old = str(text)
        for change in reversed(in_bytes(old, splices(old, source))):
            if change.end > change.start:
                del text[change.start : change.end]
            if change.text:
                text.insert(change.start, change.text)

    def set_execution(self, index: int, count: int | None, running: bool) -> None:
        cell = self._cells[index]
        cell["execution_count"] = count
        cell["execution_state"] = "running" if running else "idle"

    def set_outputs(self, index: int, outputs: list[Output]) -> None:
        stored = self._cells[index]["outputs"]
        stored.clear()
        stored.extend([_shared(output) for output in outputs])

    def change_outputs(self, index: int, changes: list[Change]) -> None:
        stored = self._cells[index]["outputs"]
        for change in changes:
            match change:
                case Clear():
                    stored.clear()
                case Append(output):
                    stored.append(_shared(output))
                case Extend(number, text):
                    stream = stored[number]
                    shown = stream.get("text")
                    if isinstance(shown, Text):
                        shown += text
                    else:
                        stored[number] = _shared(_plain(stream) | {"text": _plain(stream)["text"] + text})
                case Replace(number, output):
                    stored[number] = _shared(output)


def _plain(output: Any) -> Output:
    plain = cast(Output, output.to_py() if hasattr(output, "to_py") else dict(output))
    text = plain.get("text")
    if isinstance(text, list):
        plain["text"] = "".join(map(str, text))
    return plain


def _shared(output: Output) -> Map[Any]:
    shared: dict[str, Any] = dict(output)
    if output.get("output_type") == "stream":
        shared["text"] = Text(output["text"])
    return Map(shared)


class SharedDocument(Document):
    """A notebook in its collaboration room. The room is joined again, from nothing, when it was lost."""

    guarantee = "live"

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        super().__init__(server, path, snapshots)
        self._room: Room | None = None
        self._notebook: Any = None
        self._lock = asyncio.Lock()
        self._file_cells = 0
        self._writable = True
        self._proven_savable = False
        self._dirty_since: float | None = None
        self._presence: dict[str, Any] = {}

    async def __aenter__(self) -> SharedDocument:
        await self._joined()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._lock:
            if self._room is not None:
                await self._room.__aexit__()
                self._room = None

    async def _joined(self) -> Room:
        """The room, joined anew where the connection was lost; never with what an older replica held."""
        if self._room is not None and not self._room.closed.is_set():
            return self._room
        async with self._lock:
            if self._room is not None:
                if not self._room.closed.is_set():
                    return self._room
                await self._room.__aexit__()
                self._room = None
            await self._look_at_file()
            room = await Room(self._server, self.path).__aenter__()
            self._notebook = YNotebook(room.doc, room.awareness)
            self._room = room
            self._proven_savable = False
            self._announce()
            return room

    async def _look_at_file(self) -> None:
        try:
            model = await self._server.contents(self.path, type="notebook")
        except ServerError as error:
            if error.status == 404:
                raise Unknown("notebook", self.path) from error
            if error.status in (400, 500):
                raise InvalidNotebook(self.path, error.message) from error
            raise
        self._file_cells = len(model["content"].get("cells", []))
        self._writable = bool(model.get("writable", True))

    async def read(self, look: Callable[[Editor], T]) -> T:
        await self._joined()
        return look(SharedEditor(self._notebook))

    async def edit(self, change: Callable[[Editor], T], *, outputs_only: bool = False) -> T:
        room = await self._joined()
        if not self._writable and not outputs_only:
            raise NotSaved(self.path, "it is read-only", kept=False)
        await self._refuse_if_collapsed()
        if not outputs_only:
            await self._before_first_edit(self._notebook.get)
            room = await self._joined()
        editor = SharedEditor(self._notebook)
        with room.doc.transaction():
            result = change(editor)
            self._notebook.dirty = True
        self._file_cells = min(self._file_cells, len(self._notebook.ycells)) or len(self._notebook.ycells)
        await room.flush()
        await self._check_saved(room)
        return result

    async def _refuse_if_collapsed(self) -> None:
        cells = len(self._notebook.ycells)
        if collapsed(cells, self._file_cells):
            await self._look_at_file()
            if collapsed(cells, self._file_cells):
                raise CollapsedDocument(self.path, cells, self._file_cells)

    async def _check_saved(self, room: Room) -> None:
        """Notice that the server cannot write the file: with the first change, and when a change stays unsaved."""
        now = time.monotonic()
        if self._proven_savable:
            if not self._notebook.dirty:
                self._dirty_since = None
                return
            if self._dirty_since is None:
                self._dirty_since = now
            if now - self._dirty_since < UNSAVED_AFTER:
                return
        self._dirty_since = now
        quiet = True
        for _ in range(SAVE_TRIES):
            received = room.updates_received
            await room.save()
            await room.flush()
            if not self._notebook.dirty:
                self._proven_savable = True
                self._dirty_since = None
                return
            quiet = quiet and room.updates_received == received
        if quiet:
            raise NotSaved(self.path, "the server's log has the reason (disk full, or not writable?)", kept=True)
        # Somebody is typing, which postpones every save; the next edit looks again.

    def present(self, name: str, cell_id: str | None = None) -> None:
        if len(name) > 64:
            raise BadValue("client name", name, "at most 64 characters")
        initials = "".join(word[0] for word in name.split()[:2]).upper() or "AI"
        user = {
            "username": f"mcp-proxy:{name}",
            "name": name,
            "display_name": name,
            "initials": initials,
            "color": "var(--jp-collaborator-color7)",
            "avatar_url": None,
        }
        presence = {"user": user, "agent": True, "activeCellId": cell_id}
        if presence != self._presence:
            self._presence = presence
            self._announce()

    def _announce(self) -> None:
        if self._presence and self._room is not None and not self._room.closed.is_set():
            self._room.awareness.set_local_state(self._presence)
