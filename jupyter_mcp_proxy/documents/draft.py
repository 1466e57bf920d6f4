"""A notebook as it would be with what one agent proposes, and making that of the notebook. Pure.

An agent whose edits are reviewed reads and changes a draft: the notebook as it is now with its proposals. What a person
types in a cell meanwhile is in the draft, too, line by line. Where both have changed the same lines the draft has what
stands in the notebook, so that whatever the agent proposes next is made to that.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from uuid import uuid4

from ..outputs.changes import Change, Output
from .cells import Cell, CellType, check_cell_type
from .editor import Editor
from .merging import merged
from .metadata import with_values
from .proposals import Cells, Proposal

GONE = "gone"
"""Why a proposal cannot be accepted: its cell is not there any more."""
EDITED = "edited"
"""Somebody else has changed the same lines, or the cell that would be deleted."""

Clash = Literal["gone", "edited"]


class DraftEditor(Editor):
    """The editor of a draft. What it changes is in `proposed_now`, the notebook stays as it is."""

    def __init__(self, base: Editor, cells: Mapping[str, Proposal], key: str = "") -> None:
        self._base = base
        self._key = key
        self._cells: Cells = {cell: replace(each, metadata=dict(each.metadata)) for cell, each in cells.items()}
        self._places = {cell: place for place, cell in enumerate(base.ids())}
        gone = {cell for cell, each in self._cells.items() if each.deletes and clash(base, each) is None}
        self._order = arranged([cell for cell in base.ids() if cell not in gone], self._cells.values())
        self._touched: set[str] = set()
        self._rewrote = self._resized = False
        self.labelled = set()

    @property
    def proposed(self) -> frozenset[str]:
        return frozenset(self._cells)

    def proposed_now(self) -> Cells:
        """All that is proposed, with what this editor has changed."""
        ties = {self._cells[cell].tie for cell in self._touched if cell in self._cells} - {""}
        tie = secrets.token_hex(4) if self._rewrote and self._resized else ""
        for cell, each in self._cells.items():
            if tie and (cell in self._touched or each.tie in ties):
                each.tie = tie
            if each.behind is not None and cell in self._order:
                each.behind = self._order[: self._order.index(cell)]
            if cell in self._touched:
                each.id, each.key, each.time = secrets.token_hex(8), self._key, time.time()
                each.index = self._order.index(cell) if cell in self._order else self._places.get(cell, 0)
        return {cell: each for cell, each in self._cells.items() if not each.does_nothing}

    # -- looking --------------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        return list(self._order)

    def cell_at(self, index: int, *, outputs: bool = True) -> Cell:
        id = self._order[index]
        each = self._cells.get(id)
        if each is not None and each.adds:
            return Cell(id, index, each.type, each.source or "")
        found = replace(self._base.cell_at(self._places[id], outputs=outputs), index=index)
        if each is None:
            return found
        found = replace(found, source=stands(each, found.source), type=each.type or found.type)
        return replace(found, outputs=[], execution_count=None) if self._is_cleared(index) else found

    def has_outputs(self, index: int) -> Literal["none", "output", "error"]:
        return "none" if self._is_cleared(index) else self._base.has_outputs(self._places[self._order[index]])

    def output_count(self, index: int) -> int | None:
        if self._is_cleared(index):
            return 0 if self.cell_at(index, outputs=False).type == "code" else None
        return self._base.output_count(self._places[self._order[index]])

    def cell_metadata(self, index: int) -> dict[str, Any]:
        id = self._order[index]
        there = self._base.cell_metadata(self._places[id]) if id in self._places else {}
        return with_values(there, self._cells[id].metadata) if id in self._cells else there

    def attachments(self, index: int) -> dict[str, Any]:
        id = self._order[index]
        return self._base.attachments(self._places[id]) if id in self._places else {}

    def is_running(self, index: int) -> bool:
        return not self._is_cleared(index) and self._base.is_running(self._places[self._order[index]])

    def metadata(self) -> dict[str, Any]:
        return self._base.metadata()

    def _is_cleared(self, index: int) -> bool:
        each = self._cells.get(self._order[index])
        return each is not None and (each.adds or each.clears or bool(each.type))

    # -- changing -------------------------------------------------------------------------------------

    def insert(self, index: int, cell_type: CellType, source: str, *, id: str | None = None) -> str:
        id = str(uuid4()) if id is None else id
        self._cells[id] = Proposal("", id, 0.0, "", adds=True, source=source, type=cell_type, behind=[])
        self._order.insert(index, id)
        self._touched.add(id)
        self._resized = True
        return id

    def delete(self, index: int) -> None:
        each = self._of(index)
        del self._order[index]
        self._resized = True
        if each.adds:
            del self._cells[each.cell]
            return
        now = self._base.cell_at(self._places[each.cell], outputs=False).source
        self._cells[each.cell] = replace(each, deletes=True, base=now, source=None, behind=None, metadata={}, type="")

    def set_source(self, index: int, source: str) -> None:
        each = self._of(index)
        self._rewrote = True
        each.source = source
        if not each.adds:
            each.base = self._base.cell_at(self._places[each.cell], outputs=False).source

    def move(self, index: int, to: int) -> None:
        self._of(index).behind = []
        self._order.insert(to, self._order.pop(index))

    def set_type(self, index: int, cell_type: CellType) -> None:
        each = self._of(index)
        if not each.adds:
            each.base_type = self._base.cell_at(self._places[each.cell], outputs=False).type
        each.type = cell_type if each.adds or cell_type != each.base_type else ""

    def set_cell_metadata(self, index: int, values: dict[str, Any]) -> None:
        each = self._of(index)
        each.metadata |= values
        self.labelled.add(each.cell)

    def set_attachments(self, index: int, attachments: dict[str, Any]) -> None:
        raise NotImplementedError("agents attach no files")

    def set_outputs(self, index: int, outputs: list[Output]) -> None:
        self._of(index).clears = True  # agents only take outputs away: what a run puts there is no proposal

    def set_execution(self, index: int, count: int | None, running: bool) -> None:
        """With the outputs goes the count."""

    def set_metadata(self, values: dict[str, Any]) -> None:
        raise NotImplementedError("what concerns the notebook as a whole is not proposed")

    def change_outputs(self, index: int, changes: list[Change]) -> None:
        raise NotImplementedError("what a run puts out is not proposed")

    def _of(self, index: int) -> Proposal:
        """What is proposed for a cell, to be changed."""
        id = self._order[index]
        self._touched.add(id)
        if id in self._cells and self._cells[id].deletes:  # it is here, since somebody has edited it: begin anew
            del self._cells[id]
        return self._cells.setdefault(id, Proposal("", id, 0.0, ""))


def stands(each: Proposal, now: str) -> str:
    """What a cell says in the draft that says this in the notebook."""
    if each.source is None or each.base is None:
        return now
    both = merged(each.base, each.source, now)
    return now if both is None else both


def clash(editor: Editor, each: Proposal) -> Clash | None:
    """Why a proposal cannot be accepted as the notebook is now; None where it can."""
    if each.adds:
        return None
    ids = editor.ids()
    if each.cell not in ids:
        return None if each.deletes else "gone"
    if each.base is None:
        return None
    now = editor.cell_at(ids.index(each.cell), outputs=False).source
    if each.deletes:
        return None if now == each.base else "edited"
    return "edited" if each.source is not None and merged(each.base, each.source, now) is None else None


def arranged(ids: Sequence[str], cells: Iterable[Proposal]) -> list[str]:
    """The cells in the order in which they would be, those that are added among them."""
    placed = sorted((each for each in cells if each.behind is not None), key=lambda each: len(each.behind or ()))
    there = set(ids)
    placed = [each for each in placed if each.adds or each.cell in there]
    names = {each.cell for each in placed}
    order = [cell for cell in ids if cell not in names]
    for each in placed:
        order.insert(place_behind(order, each.behind or []), each.cell)
    return order


def place_behind(ids: Sequence[str], behind: Sequence[str]) -> int:
    """The index behind the nearest of some cells that is there; the first where none is."""
    at = {cell: place for place, cell in enumerate(ids)}
    return next((at[cell] + 1 for cell in reversed(behind) if cell in at), 0)


def tied(cells: Cells, ids: Iterable[str]) -> list[Proposal]:
    """The proposals with these ids, and those that are tied to them."""
    wanted = set(ids)
    ties = {each.tie for each in cells.values() if each.id in wanted} - {""}
    return [each for each in cells.values() if each.id in wanted or each.tie in ties]


def accepted(editor: Editor, wanted: Sequence[Proposal], *, insist: bool = False) -> list[Proposal]:
    """Make these proposals of the notebook, but for those that clash and those that are tied to such; which were.

    With `insist` the agent's source takes the place of what somebody else has written.
    """
    clashing = [each for each in wanted if (why := clash(editor, each)) and not (insist and why == EDITED)]
    ties = {each.tie for each in clashing} - {""}
    done = [each for each in wanted if each not in clashing and each.tie not in ties]
    for each in done:
        if not (each.adds or each.deletes):
            _rewrite(editor, each, insist=insist)
    placed = sorted((each for each in done if each.behind is not None), key=lambda each: len(each.behind or ()))
    for each in placed:
        rest = [cell for cell in editor.ids() if cell != each.cell]
        to = place_behind(rest, each.behind or [])
        if each.adds:
            editor.insert(to, check_cell_type(each.type), each.source or "", id=each.cell)
            if each.metadata:
                editor.set_cell_metadata(to, each.metadata)
        elif (place := editor.place(each.cell)) != to:
            editor.move(place, to)
    for each in done:
        if each.deletes and each.cell in editor.ids():
            editor.delete(editor.place(each.cell))
    return done


def _rewrite(editor: Editor, each: Proposal, *, insist: bool) -> None:
    place = editor.place(each.cell)
    now = editor.cell_at(place, outputs=False)
    if each.type and each.type != now.type:
        editor.set_type(place, check_cell_type(each.type))
    if each.source is not None and each.base is not None:
        both = merged(each.base, each.source, now.source)
        source = each.source if both is None and insist else both
        if source is not None and source != now.source:
            editor.set_source(place, source)
    if each.metadata:
        editor.set_cell_metadata(place, each.metadata)
    if each.clears and now.type == "code" and not (each.type and each.type != "code"):
        editor.set_outputs(place, [])
        editor.set_execution(place, None, False)
        editor.labelled.add(each.cell)
