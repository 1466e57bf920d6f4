"""A notebook as a file, through the Contents API: for servers without jupyter-collaboration.

Every change is made to what is on disk now and written only if that is still on disk; otherwise it is made
again to what has come. (The Contents API has no conditional write, so a gap of milliseconds remains.)
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast
from uuid import uuid4

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
from .cells import Cell, CellType
from .document import Author, Document, Editor, apply_changes
from .history import OTHERS, OURSELVES, Entry, History
from .outputs import Change, Output
from .render import joined
from .snapshots import Snapshots

T = TypeVar("T")

TRIES = 5
UNDO_KEPT = 100
"""Changes of one client that can be taken back."""


class FileEditor(Editor):
    """The editor of a notebook in nbformat 4's form."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self._cells: list[dict[str, Any]] = content["cells"]

    def ids(self) -> list[str]:
        return [cell["id"] for cell in self._cells]

    def cell_at(self, index: int, *, outputs: bool = True) -> Cell:
        cell = self._cells[index]
        stored = [_with_joined_text(output) for output in cell.get("outputs", [])] if outputs else []
        return Cell(cell["id"], index, cell["cell_type"], joined(cell["source"]), cell.get("execution_count"), stored)

    def has_outputs(self, index: int) -> Literal["none", "output", "error"]:
        outputs = self._cells[index].get("outputs")
        if not outputs:
            return "none"
        return "error" if any(output["output_type"] == "error" for output in outputs) else "output"

    def output_count(self, index: int) -> int | None:
        outputs = self._cells[index].get("outputs")
        return None if outputs is None else len(outputs)

    def is_running(self, index: int) -> bool:
        return self._cells[index]["cell_type"] == "code" and self._cells[index].get("execution_count") is None

    def metadata(self) -> dict[str, Any]:
        return dict(self.content.get("metadata", {}))

    def set_kernelspec(self, name: str, display_name: str, language: str) -> None:
        spec = {"name": name, "display_name": display_name, "language": language}
        self.content.setdefault("metadata", {})["kernelspec"] = spec

    def insert(self, index: int, cell_type: CellType, source: str) -> str:
        cell: dict[str, Any] = {"id": str(uuid4()), "cell_type": cell_type, "metadata": {}, "source": source}
        if cell_type == "code":
            cell |= {"execution_count": None, "outputs": []}
        self._cells.insert(index, cell)
        return str(cell["id"])

    def delete(self, index: int) -> None:
        del self._cells[index]

    def set_source(self, index: int, source: str) -> None:
        self._cells[index]["source"] = source

    def move(self, index: int, to: int) -> None:
        self._cells.insert(to, self._cells.pop(index))

    def set_type(self, index: int, cell_type: CellType) -> None:
        old = self._cells[index]
        cell = {"id": old["id"], "cell_type": cell_type, "metadata": old.get("metadata", {}), "source": old["source"]}
        if cell_type == "code":
            cell |= {"execution_count": None, "outputs": []}
        self._cells[index] = cell

    def set_execution(self, index: int, count: int | None, running: bool) -> None:
        # A file has no mark for what runs: it has no count until it has ended.
        self._cells[index]["execution_count"] = None if running else count

    def set_outputs(self, index: int, outputs: list[Output]) -> None:
        self._cells[index]["outputs"] = copy.deepcopy(outputs)

    def change_outputs(self, index: int, changes: list[Change]) -> None:
        outputs = [_with_joined_text(output) for output in self._cells[index].get("outputs", [])]
        apply_changes(outputs, changes)
        self._cells[index]["outputs"] = outputs


def _with_joined_text(output: Output) -> Output:
    return output | {"text": joined(output["text"])} if "text" in output else output


def with_ids(content: dict[str, Any]) -> dict[str, Any]:
    """Give every cell an id (nbformat 4.5); a cell without one gets the same at every reading, until it is written."""
    seen: set[str] = set()
    for index, cell in enumerate(content.get("cells", [])):
        if not cell.get("id") or cell["id"] in seen:
            basis = f"{index}\0{joined(cell.get('source', ''))}"
            cell["id"] = hashlib.sha256(basis.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        seen.add(cell["id"])
    if (content.get("nbformat", 4), content.get("nbformat_minor", 0)) < (4, 5):
        content["nbformat"], content["nbformat_minor"] = 4, 5
    return content


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
        same = one is not None and two is not None and _content(one[1]) == _content(two[1])
        if not same or (moved and one is not None and two is not None and one[0] != two[0]):
            found.append(Touched(id, one, two))
    return found


class FileDocument(Document):
    """A notebook on disk. Nothing is kept between calls but the last content, for as long as the file is the same."""

    guarantee = "file"

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        super().__init__(server, path, snapshots)
        self._content: dict[str, Any] | None = None
        self._version: tuple[Any, ...] = ()
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
                changed, result, failure = copy.deepcopy(content), None, None
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
                return cast(T, result), content, changed, self.history.absorb(FileEditor(changed), who)
            raise Conflict(self.path)

    async def undo(self, author: Author, since: int | None = None) -> list[Entry]:
        steps = self._steps.get(author.key, deque())
        taken_back: list[Entry] = []
        while steps and (steps[-1].number >= since if since is not None else not taken_back):
            _, _, _, entries = await self._edit(steps[-1].take_back, author.name, outputs_only=True)
            steps.pop()
            taken_back += entries
            if since is None:
                break
        return taken_back

    async def _load(self) -> dict[str, Any]:
        version = await self._current_version()
        if self._content is None or version != self._version:
            model = await self._get(content=True)
            content = model["content"]
            if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
                raise InvalidNotebook(self.path, "it has no list of cells")
            for number, cell in enumerate(content["cells"]):
                if not isinstance(cell, dict) or "source" not in cell or "cell_type" not in cell:
                    raise InvalidNotebook(self.path, f"cell {number} has no source or no type")
            self._content = with_ids(content)
            self._version = _version(model)
            self.history.absorb(FileEditor(self._content), OTHERS)
        return self._content

    async def _current_version(self) -> tuple[Any, ...]:
        return _version(await self._get(content=False))

    async def _get(self, *, content: bool) -> dict[str, Any]:
        try:
            return await self._server.contents(self.path, content=content, type="notebook", hash=1)
        except ServerError as error:
            if error.status == 404:
                raise Unknown("notebook", self.path) from error
            if error.status in (400, 500) and content:
                raise InvalidNotebook(self.path, error.message) from error
            raise

    async def _save(self, content: dict[str, Any]) -> None:
        try:
            model = await self._server.save_contents(
                self.path, {"type": "notebook", "format": "json", "content": content}
            )
        except ServerUnreachable:
            self._content = None
            raise MaybeSaved(self.path) from None
        except ServerError as error:
            self._content = None
            raise NotSaved(self.path, error.message, kept=False) from error
        written = await self._get(content=False)
        if (written.get("last_modified"), written.get("size")) == (model.get("last_modified"), model.get("size")):
            self._content, self._version = content, _version(written)
        else:  # somebody has saved since: what is there now must be read first
            self._content = None


def _version(model: dict[str, Any]) -> tuple[Any, ...]:
    return (model.get("hash"), model.get("last_modified"), model.get("size"))
