"""Changing a shared notebook cell by cell, as jupyter_ydoc's YNotebook lays it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from typing import Any, Literal, cast
from uuid import uuid4

from pycrdt import Array, Assoc, Map, Text

from ..outputs.changes import Append, Change, Clear, Extend, Output, Replace
from .cells import Cell, CellType
from .editor import Editor
from .edits import in_bytes, splices
from .metadata import table
from .storable import plain, storable


class CellIndex:
    """What is worth remembering between two looks at a large notebook: the ids, and which cells have changed."""

    def __init__(self, cells: Array[Any]) -> None:
        self._cells = cells
        self._committed: list[str] | None = None
        """The ids as the last transaction left them; None where they must be read."""
        self._ids: list[str] | None = None
        self._changed: set[str] = set()
        self._made: set[str] = set()
        self._anew: Counter[str] = Counter()
        self._anything = False
        self._is_new = False
        self._subscription = cells.observe_deep(self._on_change)

    @property
    def ids(self) -> list[str]:
        """The ids of all cells, in order; whoever changes the cells within a transaction keeps it in step.

        To be asked for before the cells are changed: what is read here counts as committed.
        """
        if self._committed is None:
            self._committed = [str(cell["id"]) for cell in self._cells]
        if self._ids is None:
            self._ids = list(self._committed)
        return self._ids

    def take_changed(self) -> set[str] | None:
        """The cells that have changed since the last call; None where nothing has, cells and order included."""
        if not self._anything:
            return None
        changed, self._changed, self._anything = self._changed, set(), False
        return changed

    def take_new(self) -> bool:
        """Whether cells or their order have changed since the last call of this; outputs are not asked for."""
        new, self._is_new = self._is_new, False
        return new

    def take_made(self) -> set[str]:
        """The cells that were put in since the last call; one that was moved was taken out and put in anew."""
        made, self._made = self._made, set()
        return made

    def times_anew(self, cell: str) -> int:
        """How often all that a cell's source consisted of has gone at once, even if the same words came instead: where
        a file was replaced jupyter-ydoc (4) empties the source of each cell that is another, and fills it again."""
        return self._anew[cell]

    def _on_change(self, events: list[Any]) -> None:
        for event in events:
            path = event.path
            if not path:
                self._follow(event.delta)
            elif len(path) < 2 or path[1] != "outputs":
                cell = str(self._cells[path[0]]["id"])
                self._changed.add(cell)
                if path[1:] == ["source"]:
                    steps = {name for step in event.delta for name in step}
                    self._anew[cell] += "delete" in steps and "retain" not in steps
                if len(path) == 1 and "id" in event.keys:
                    self._committed = self._ids = None
            else:
                continue
            self._anything = self._is_new = True

    def _follow(self, delta: list[dict[str, Any]]) -> None:
        """Do to the ids what was done to the cells: to read all of them takes ten times as long as an edit."""
        ids, self._ids = self._committed, None
        place = 0
        for step in delta:
            place += step.get("retain", 0)
            if "delete" in step and ids is not None:
                del ids[place : place + step["delete"]]
            made = [str(cell["id"]) for cell in step.get("insert", ())]
            self._changed.update(made)
            self._made.update(made)
            if ids is not None:
                ids[place:place] = made
            place += len(made)
        if ids is not None and len(ids) != len(self._cells):
            self._committed = None


class SharedEditor(Editor):
    """The editor of a shared notebook."""

    def __init__(self, notebook: Any, index: CellIndex) -> None:
        self._notebook = notebook
        self._cells: Array[Any] = notebook.ycells
        self._index = index
        self.rewritten: dict[str, str] = {}
        """The cells whose source this editor has changed, with what it was before."""
        self.taken: dict[str, str] = {}
        """The cells that this editor has deleted or made anew, each as it stood before: see `copy_of`."""
        self.was: dict[str, str] = {}
        """What those cells said, and those that it has rewritten."""
        self.cleared: set[str] = set()
        """The cells whose outputs this editor has taken away."""
        self.labelled = set()

    def ids(self) -> list[str]:
        return list(self._index.ids)

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

    def source(self, cell: str) -> str | None:
        """The source of the cell with an id; None where it is not there any more."""
        ids = self._index.ids
        return str(self._cells[ids.index(cell)]["source"]) if cell in ids else None

    def copy_of(self, cell: str) -> str | None:
        """Which of the copies of a cell is here, as moving makes it anew with its id; None where there is none."""
        ids = self._index.ids
        if cell not in ids:
            return None
        source: Text = self._cells[ids.index(cell)]["source"]
        return str(source.sticky_index(0, Assoc.BEFORE).to_json()["type"])

    def times_anew(self, cell: str) -> int:
        """How often a cell's source was written anew as a whole: of what it was before, Yjs takes nothing out then."""
        return self._index.times_anew(cell)

    def beside_source(self, cell: str) -> dict[str, Any]:
        """A cell without its source; nothing where it is not there."""
        ids = self._index.ids
        there = self._cells[ids.index(cell)].to_py() if cell in ids else {}
        return {name: value for name, value in there.items() if name != "source"}

    def whole(self) -> dict[str, dict[str, Any]]:
        """All cells by their ids, in order, each with all that it holds."""
        return {str(cell["id"]): cell for cell in self._cells.to_py() or []}

    def put(self, index: int, cell: dict[str, Any]) -> None:
        """Put in a cell with all that it holds."""
        self._put(index, cell)

    def replace(self, index: int, cell: dict[str, Any]) -> None:
        """Put a cell with all that it holds in the place of another."""
        self._replace(index, index, cell)

    def put_beside_source(self, cell: str, wanted: dict[str, Any]) -> bool:
        """Have these in a cell, beside what else it has, where it is of that type; whether anything was another."""
        now = self.beside_source(cell)
        differ = {name for name, value in wanted.items() if now.get(name) != value}
        if not differ or "cell_type" in differ or not now:
            return False
        place = self.place(cell)
        if "outputs" in differ:
            self.set_outputs(place, [_plain(output) for output in wanted["outputs"]])
        if "metadata" in differ:
            there, other = self.cell_metadata(place), table(wanted["metadata"])
            gone = dict.fromkeys(there.keys() - other.keys())
            self.set_cell_metadata(place, gone | {k: v for k, v in other.items() if there.get(k) != v})
        for name in differ & {"execution_count", "execution_state"}:
            self._cells[place][name] = wanted[name]
        return True

    def before(self, cell: str, made: Set[str]) -> str | None:
        """What a cell said before this editor's changes, which `made` these; None where it was not there."""
        if cell in made and cell not in self.taken:
            return None
        return self.was.get(cell, self.source(cell))

    def has_outputs(self, index: int) -> Literal["none", "output", "error"]:
        outputs = self._cells[index].get("outputs")
        if not outputs:
            return "none"
        return "error" if any(output.get("output_type") == "error" for output in outputs) else "output"

    def output_count(self, index: int) -> int | None:
        outputs = self._cells[index].get("outputs")
        return None if outputs is None else len(outputs)

    def cell_metadata(self, index: int) -> dict[str, Any]:
        metadata = self._cells[index].get("metadata")
        return dict(table(plain(metadata.to_py() if isinstance(metadata, Map) else metadata)))

    def set_cell_metadata(self, index: int, values: dict[str, Any]) -> None:
        cell = self._cells[index]
        if not isinstance(cell.get("metadata"), Map):
            cell["metadata"] = Map({})
        for name, value in values.items():
            if value is not None:
                cell["metadata"][name] = storable(value)
            elif name in cell["metadata"]:
                del cell["metadata"][name]
        self.labelled.add(str(cell["id"]))

    def attachments(self, index: int) -> dict[str, Any]:
        stored = self._cells[index].get("attachments")
        return dict(table(stored.to_py() if isinstance(stored, Map) else stored))

    def set_attachments(self, index: int, attachments: dict[str, Any]) -> None:
        if attachments:
            self._cells[index]["attachments"] = storable(attachments)
        elif "attachments" in self._cells[index]:
            del self._cells[index]["attachments"]

    def is_running(self, index: int) -> bool:
        return bool(self._cells[index].get("execution_state") == "running")

    def metadata(self) -> dict[str, Any]:
        known = self._notebook._ydoc.get("meta", type=Map).get("metadata")
        return dict(known.to_py() or {}) if isinstance(known, Map) else {}

    def set_metadata(self, values: dict[str, Any]) -> None:
        meta = self._notebook._ydoc.get("meta", type=Map)
        if not isinstance(meta.get("metadata"), Map):
            meta["metadata"] = Map({})
        for name, value in values.items():
            meta["metadata"][name] = storable(value)

    def insert(self, index: int, cell_type: CellType, source: str, *, id: str | None = None) -> str:
        cell: dict[str, Any] = {"id": id or str(uuid4()), "cell_type": cell_type, "source": source, "metadata": {}}
        if cell_type == "code":
            # As JupyterLab's own new cells have it: of one that is not trusted it runs no script and cleans the HTML.
            cell |= {"execution_count": None, "outputs": [], "metadata": {"trusted": True}}
        self._put(index, cell)
        return str(cell["id"])

    def delete(self, index: int) -> None:
        ids = self._index.ids
        self._take(index)
        del self._cells[index]
        del ids[index]

    def move(self, index: int, to: int) -> None:
        # Yjs 13, which JupyterLab has, knows no move: the cell is made again with all that it holds.
        self._replace(index, to, self._cells[index].to_py())

    def set_type(self, index: int, cell_type: CellType) -> None:
        cell = self._cells[index].to_py()
        kept = {"id": cell["id"], "cell_type": cell_type, "source": cell["source"]}
        kept["metadata"] = dict(table(cell.get("metadata")))
        if cell_type == "code":  # as in JupyterLab: with its outputs goes what was not to be trusted
            kept |= {"execution_count": None, "outputs": [], "metadata": kept["metadata"] | {"trusted": True}}
        self._replace(index, index, kept)

    def _replace(self, index: int, to: int, cell: dict[str, Any]) -> None:
        """Put a cell in place of the one at `index`, as the one at `to`; the old one goes when the new one is there."""
        self._take(index)
        self._put(to if to <= index else to + 1, cell)
        self.delete(index if to > index else index + 1)

    def _take(self, index: int) -> None:
        """Note a cell that goes from where it is."""
        cell = self._index.ids[index]
        self.taken.setdefault(cell, self.copy_of(cell) or "")
        self.was.setdefault(cell, str(self._cells[index]["source"]))

    def _put(self, index: int, cell: dict[str, Any]) -> None:
        ids = self._index.ids
        self._cells.insert(index, self._notebook.create_ycell(cell))
        ids.insert(index, str(cell["id"]))

    def set_source(self, index: int, source: str) -> None:
        text: Text = self._cells[index]["source"]
        old = str(text)
        cell = str(self._cells[index]["id"])
        self.rewritten.setdefault(cell, old)
        self.was.setdefault(cell, old)
        for change in reversed(in_bytes(old, splices(old, source))):
            if change.end > change.start:
                del text[change.start : change.end]
            if change.text:
                text.insert(change.start, change.text)

    def set_execution(self, index: int, count: int | None, running: bool) -> None:
        cell = self._cells[index]
        cell["execution_count"] = count
        # JupyterLab's own field of a shared cell, never in a file: `[*]` for all who look.
        cell["execution_state"] = "running" if running else "idle"

    def set_outputs(self, index: int, outputs: list[Output]) -> None:
        stored = self._cells[index]["outputs"]
        if not outputs:
            self.cleared.add(str(self._cells[index]["id"]))
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
                        shown += storable(text)
                    else:
                        stored[number] = _shared(_plain(stream) | {"text": _plain(stream)["text"] + text})
                case Replace(number, output):
                    stored[number] = _shared(output)


def stored_content(notebook: Any) -> dict[str, Any]:
    """A shared notebook as its file would have it, whatever numbers it holds (YNotebook.get fails at some)."""
    meta = plain(notebook._ydoc.get("meta", type=Map).to_py() or {})
    format = {"nbformat": int(meta.get("nbformat", 4)), "nbformat_minor": int(meta.get("nbformat_minor", 5))}
    unknown = {"execution_state"} if tuple(format.values()) >= (4, 5) else {"execution_state", "id"}
    cells = [
        {name: plain(value) for name, value in cell.to_py().items() if name not in unknown} for cell in notebook.ycells
    ]
    return {"cells": cells, "metadata": meta.get("metadata") or {}, **format}


def _plain(output: Any) -> Output:
    found = cast(Output, output.to_py() if hasattr(output, "to_py") else dict(output))
    text = found.get("text")
    if isinstance(text, list):
        found["text"] = "".join(map(str, text))
    return found


def _shared(output: Output) -> Map[Any]:
    shared: dict[str, Any] = storable(output)
    if output.get("output_type") == "stream":
        shared["text"] = Text(shared["text"])
    return Map(shared)
