"""Making a notebook again what a snapshot of it holds: how they differ, and the change itself. Pure."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, cast

from ..outputs.changes import Output
from ..outputs.text import joined
from .cells import Cell, CellType
from .editor import Editor
from .history import out_of_order
from .ids import key, with_ids
from .metadata import table

Stored = dict[str, Any]
"""A cell as a snapshot has it, in nbformat's form."""

OF_THE_KERNEL = frozenset({"kernelspec", "language_info"})
"""Metadata of a notebook that belong to the kernel which it has now."""
TRUSTED = "trusted"
"""Whether a page may run what an output holds; of outputs that are put back it says what it said with them."""


class Difference(TypedDict):
    """What putting back would do to one cell: it says `before` now, and would say `after`."""

    cell: str
    index: int
    action: Literal["added", "edited", "deleted", "moved"]
    before: str | None
    after: str | None


def differences(editor: Editor, content: dict[str, Any]) -> list[Difference]:
    """What putting a snapshot back would do, in its order; cells that would go come last."""
    cells = _cells(editor, content)
    now = {cell.id: cell for cell in editor.cells()}
    places = {id: place for place, id in enumerate(now)}
    common = [cell["id"] for cell in cells if cell["id"] in now]
    moved = {common[place] for place in out_of_order([places[id] for id in common])}
    found: list[Difference] = []
    for index, cell in enumerate(cells):
        id, source = cell["id"], joined(cell["source"])
        before = now.pop(id, None)
        if before is None:
            found.append(Difference(cell=id, index=index, action="added", before=None, after=source))
        elif not _is(before, cell) or _attached(cell) not in (None, editor.attachments(places[id])):
            found.append(Difference(cell=id, index=index, action="edited", before=before.source, after=source))
        elif id in moved:
            found.append(Difference(cell=id, index=index, action="moved", before=source, after=source))
    found += [
        Difference(cell=gone.id, index=places[gone.id], action="deleted", before=gone.source, after=None)
        for gone in now.values()
    ]
    return found


def put_back(editor: Editor, content: dict[str, Any]) -> list[str]:
    """Make the notebook what the content holds, by the fewest changes; the ids of the cells that were changed."""
    changed = [each["cell"] for each in differences(editor, content)]
    cells = _cells(editor, content)
    wanted = {cell["id"] for cell in cells}
    order = editor.ids()
    for index in reversed(range(len(order))):
        if order[index] not in wanted:
            editor.delete(index)
            del order[index]
    there = set(order)
    for place, cell in enumerate(cells):
        id = cell["id"]
        if id not in there:
            editor.insert(place, cast(CellType, cell["cell_type"]), joined(cell["source"]), id=id)
            order.insert(place, id)
        elif order[place] != id:
            before = order.index(id, place)
            editor.move(before, place)
            order.insert(place, order.pop(before))
        _make(editor, place, cell)
    metadata = {name: value for name, value in table(content.get("metadata")).items() if name not in OF_THE_KERNEL}
    others = {name: value for name, value in metadata.items() if editor.metadata().get(name) != value}
    if others:
        editor.set_metadata(others)
    return changed


def _make(editor: Editor, index: int, cell: Stored) -> None:
    now = editor.cell_at(index)
    if now.type != cell["cell_type"]:
        editor.set_type(index, cast(CellType, cell["cell_type"]))
    if now.source != (source := joined(cell["source"])):
        editor.set_source(index, source)
    attached = _attached(cell)
    if attached is not None and editor.attachments(index) != attached:
        editor.set_attachments(index, attached)
    metadata = dict(table(cell.get("metadata")))
    trusted = metadata.pop(TRUSTED, False)
    known = {name: value for name, value in editor.cell_metadata(index).items() if name != TRUSTED}
    values = {name: value for name, value in metadata.items() if known.get(name) != value}
    values |= dict.fromkeys(set(known) - set(metadata))
    if cell["cell_type"] == "code":
        outputs = _outputs(cell)
        if editor.cell_at(index).outputs != outputs:
            editor.set_outputs(index, outputs)
            values[TRUSTED] = trusted is True
        if editor.cell_at(index, outputs=False).execution_count != (count := cell.get("execution_count")):
            editor.set_execution(index, count, running=False)
    if values:
        editor.set_cell_metadata(index, values)


def _cells(editor: Editor, content: dict[str, Any]) -> list[Stored]:
    """The cells of a content; where its format has no ids, with those of the notebook's cells that they are."""
    cells = [dict(cell) for cell in content["cells"]]
    known = [(cell.id, key({"cell_type": cell.type, "source": cell.source})) for cell in editor.cells(outputs=False)]
    with_ids({"cells": cells}, known)
    return cells


def _is(now: Cell, cell: Stored) -> bool:
    same = now.type == cell["cell_type"] and now.source == joined(cell["source"])
    return same and (now.type != "code" or now.outputs == _outputs(cell))


def _attached(cell: Stored) -> dict[str, Any] | None:
    """The files that are attached to a cell; None where it is code, which has none."""
    return None if cell["cell_type"] == "code" else table(cell.get("attachments"))


def _outputs(cell: Stored) -> list[Output]:
    outputs = cell.get("outputs") or []
    return [output | {"text": joined(output["text"])} if "text" in output else output for output in outputs]
