"""What must be known of a change to a file's cells to take it back."""

from __future__ import annotations

import copy
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from ..errors import GONE, CannotUndo, ProxyError
from ..outputs.text import joined
from .editor import Editor
from .file_editor import FileEditor
from .metadata import same, table, with_values


@dataclass(frozen=True)
class Touched:
    """A cell before and after a change; None where it was not there."""

    id: str
    before: tuple[int, dict[str, Any]] | None
    after: tuple[int, dict[str, Any]] | None

    @property
    def labelled(self) -> dict[str, tuple[Any, Any]]:
        """What it changed in the metadata of a cell that it left there: before and after, None for nothing."""
        if self.before is None or self.after is None:
            return {}
        old, new = (table(cell.get("metadata")) for _, cell in (self.before, self.after))
        return {name: (old.get(name), new.get(name)) for name in {*old, *new} if not same(old.get(name), new.get(name))}

    def put_back(self, now: dict[str, Any]) -> dict[str, Any]:
        """What a cell gets back of outputs and count: those that the change took, where no run has put others there."""
        if self.before is None or self.after is None or same(results(self.before[1]), results(self.after[1])):
            return results(now)
        return results(self.before[1]) if same(results(now), results(self.after[1])) else results(now)


class NothingLeft(ProxyError):
    """A change of which nothing is there that could be taken back."""


@dataclass(frozen=True)
class Step:
    """One change of an author that can be taken back."""

    number: int
    """The change's first number in the history."""
    touched: list[Touched]
    order: list[str]
    """The ids of all cells before it, where it has deleted or moved some."""

    @classmethod
    def between(cls, number: int, old: dict[str, Any], new: dict[str, Any]) -> Step:
        """What has made the one content of the other."""
        touched = difference(old, new)
        placed = any(each.before and (each.after is None or each.after[0] != each.before[0]) for each in touched)
        return cls(number, touched, [cell["id"] for cell in old["cells"]] if placed else [])

    @property
    def cells(self) -> set[str]:
        """The cells that it changed, or whose place is another."""
        return {each.id for each in self.touched}

    def without(self, cells: Set[str]) -> Step:
        """What it did in other cells than these."""
        return Step(self.number, [each for each in self.touched if each.id not in cells], self.order)

    def before(self, cell: str) -> str | None:
        """What a cell said before the change; None where it was not there."""
        return next((_source(each.before) for each in self.touched if each.id == cell), None)

    def after(self, cell: str) -> str | None:
        """What it said after it."""
        return next((_source(each.after) for each in self.touched if each.id == cell), None)

    def take_back_in_between(self, editor: Editor) -> None:
        """Undo the change while later ones stay; CannotUndo where it moved cells that are elsewhere by now."""
        ids = editor.ids()
        for each in self.touched:
            moved = each.before is not None and each.after is not None and each.before[0] != each.after[0]
            if moved and each.after is not None and each.id in ids and ids.index(each.id) != each.after[0]:
                raise CannotUndo(each.id, "cells were added, deleted or moved since")
        self.take_back(editor)

    def take_back(self, editor: Editor) -> None:
        """Undo the change where every cell still is what it left; CannotUndo where one is not.

        NothingLeft where all that it made or changed are gone.
        """
        assert isinstance(editor, FileEditor)
        cells: list[dict[str, Any]] = editor.content["cells"]
        ids = editor.ids()
        if all(each.after is not None and each.id not in ids for each in self.touched):
            raise NothingLeft
        for each in self.touched:
            if each.after is not None and each.id not in ids:
                raise CannotUndo(each.id, GONE)
            if each.after is not None and _content(cells[ids.index(each.id)]) != _content(each.after[1]):
                raise CannotUndo(each.id, "its source is not what you left there")
            if each.after is None and each.id in ids:
                raise CannotUndo(each.id, "it is there again")
            for name, (_, left) in each.labelled.items():
                now = editor.cell_metadata(ids.index(each.id)).get(name)
                if name != "trusted" and not same(now, left):  # Jupyter sets that one whenever it reads the file
                    raise CannotUndo(each.id, f"its {name} in the metadata is not what you left there")
        for each in self.touched:
            if each.after is not None and each.before is None:
                editor.delete(editor.place(each.id))
        placed: dict[str, dict[str, Any]] = {}
        for each in self.touched:
            if each.before is not None:
                index, cell = each.before
                if each.after is not None:
                    place = editor.place(each.id)
                    there = cells[place]
                    now = table(there.get("metadata"))
                    back = {name: old for name, (old, _) in each.labelled.items()}
                    left = each.put_back(there)
                    if back or left != results(there):
                        editor.labelled.add(each.id)
                    cell = cell | {"metadata": with_values(now, back)}
                    if "outputs" in there and "outputs" in cell:
                        cell = cell | left
                    if each.after[0] == index:
                        cells[place] = copy.deepcopy(cell)
                        continue
                placed[each.id] = copy.deepcopy(cell)
        there_are = {cell["id"]: cell for cell in cells} | placed
        cells[:] = [there_are[id] for id in arranged(editor.ids(), self.order, placed.keys())]


def arranged(ids: list[str], order: list[str], placed: Set[str]) -> list[str]:
    """The cells that are there, and those that are to be `placed` among them: each behind the one that it stood behind
    in an order, or else before the one that it stood before."""
    rest = [id for id in ids if id not in placed]
    known = set(rest)
    behind: dict[str | None, list[str]] = {None: []}
    first = last = None
    for id in order:
        if id in placed:
            behind.setdefault(last, []).append(id)
        elif id in known:
            first, last = first or id, id
    found: list[str] = [] if first else behind[None]
    for id in rest:
        found += [*(behind[None] if id == first else ()), id, *behind.get(id, ())]
    return found


def _content(cell: dict[str, Any]) -> tuple[str, str]:
    return cell["cell_type"], joined(cell["source"])


def _source(placed: tuple[int, dict[str, Any]] | None) -> str | None:
    return None if placed is None else joined(placed[1]["source"])


def results(cell: dict[str, Any]) -> dict[str, Any]:
    """What running a cell has left in it."""
    return {name: cell[name] for name in ("outputs", "execution_count") if name in cell}


def _is_alike(one: dict[str, Any], two: dict[str, Any]) -> bool:
    alike = all(same(one.get(name), two.get(name)) for name in ("metadata", "attachments"))
    return alike and _content(one) == _content(two) and same(results(one), results(two))


def difference(old: dict[str, Any], new: dict[str, Any]) -> list[Touched]:
    """The cells that differ between two contents, in the order of their old places."""
    before = {cell["id"]: (index, cell) for index, cell in enumerate(old["cells"])}
    after = {cell["id"]: (index, cell) for index, cell in enumerate(new["cells"])}
    order = [id for id in before if id in after]
    moved = [id for id in after if id in before] != order
    found = []
    for id in [*before, *(id for id in after if id not in before)]:
        one, two = before.get(id), after.get(id)
        alike = one is not None and two is not None and (one[1] is two[1] or _is_alike(one[1], two[1]))
        if not alike or (moved and one is not None and two is not None and one[0] != two[0]):
            found.append(Touched(id, one, two))
    return found
