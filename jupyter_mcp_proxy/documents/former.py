"""Taking back what was done in a replica of a shared notebook that was left since: its file was renamed on the disk,
for which jupyter-collaboration makes another room, or the connection was lost.

Yjs can take a change back only in the replica in which it was made. That one is kept: it learns what the notebook is
now as somebody else's changes, the change is taken back there, and what that has changed is done to the notebook.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from pycrdt import Array, Map, StackItem

from .history import out_of_order
from .shared_editor import CellIndex, SharedEditor
from .shared_undo import Step, Steps

MOST = 3
"""Replicas that are kept: each holds the notebook."""


@dataclass(frozen=True)
class Former:
    """A replica that was left, with what can be taken back in it."""

    notebook: Any
    index: CellIndex
    steps: Steps

    @property
    def has_lasting_ids(self) -> bool:
        """Whether another room gives the cells the same ids: a format without them has new ones in each."""
        meta = self.notebook._ydoc.get("meta", type=Map)
        return (int(meta.get("nbformat", 4)), int(meta.get("nbformat_minor", 5))) >= (4, 5)

    def take_back(self, step: Step, now: SharedEditor, kept: Set[str]) -> bool:
        """Undo a step of this replica in the notebook as it is now; whether anything of it was there.

        CannotUndo where somebody else's text would go with it.
        """
        editor = SharedEditor(self.notebook, self.index)
        with self.notebook._ydoc.transaction():
            made_alike(editor, now.whole(), editor.whole().keys() | now.whole().keys())
        if step.is_not_there(editor):
            return False
        before, order = editor.whole(), editor.ids()
        done = self.steps.take_back(step, editor, self.index, self.notebook.ycells, kept)
        after = editor.whole()
        changed = {cell for cell in before.keys() | after.keys() if before.get(cell) != after.get(cell)}
        if changed or order != editor.ids():
            made_alike(now, after, changed)
        return done


def made_alike(editor: SharedEditor, wanted: dict[str, dict[str, Any]], cells: Set[str]) -> None:
    """Give a notebook the order of another, and make these cells of it what they are there, by the fewest changes."""
    order = editor.ids()
    for place in reversed(range(len(order))):
        if order[place] not in wanted:
            editor.delete(place)
            del order[place]
    places = {cell: place for place, cell in enumerate(order)}
    common = [cell for cell in wanted if cell in places]
    out = {common[place] for place in out_of_order([places[cell] for cell in common])}
    for place, (id, cell) in enumerate(wanted.items()):
        if id not in places:
            editor.put(place, cell)
            order.insert(place, id)
        elif id in out and order[place] != id:
            at = order.index(id)
            editor.move(at, place)
            order.insert(place, order.pop(at))
        if id in cells and id in places:
            _made_alike(editor, order.index(id), id, cell)


def _made_alike(editor: SharedEditor, place: int, id: str, cell: dict[str, Any]) -> None:
    there = editor.beside_source(id)
    if {name: there.get(name) for name in ("cell_type", "attachments")} != {
        name: cell.get(name) for name in ("cell_type", "attachments")
    }:
        editor.replace(place, cell)
        return
    if editor.source(id) != cell["source"]:
        editor.set_source(place, cell["source"])
    editor.put_beside_source(id, {name: value for name, value in cell.items() if name != "source"})


class AllSteps:
    """What each author has done in a shared notebook, and can be taken back, in whichever of its replicas that was."""

    def __init__(self) -> None:
        self._now = Steps()
        self._formers: list[Former] = []
        self.forgotten: set[str] = set()
        """Who has made changes in a replica that is not kept, where alone they could be taken back."""

    def left(self, notebook: Any, index: CellIndex, *, is_whole: bool) -> None:
        """A replica was left; where a change of ours has failed half done in it, it is none any more."""
        former = Former(notebook, index, self._now)
        if is_whole and former.steps.authors and former.has_lasting_ids:
            self._formers.append(former)
        else:
            self.forgotten |= former.steps.authors
        self._now = Steps()
        self._formers = [each for each in self._formers if each.steps.authors]
        for each in self._formers[:-MOST]:
            self.forgotten |= each.steps.authors
        del self._formers[:-MOST]

    def forget(self) -> None:
        """The file is another: nothing that was done to the one before is to be taken back in it."""
        for each in self._formers:
            self.forgotten |= each.steps.authors
        self._formers.clear()

    def track(self, author: str, cells: Array[Any]) -> None:
        """Have Yjs remember what an author does from now on, by the author's key."""
        self._now.track(author, cells)

    def take_new(self, author: str) -> StackItem[Any] | None:
        """What Yjs knows of the author's last change, where that can be taken back and was not asked for before."""
        return self._now.take_new(author)

    def add(self, author: str, step: Step) -> None:
        """Note the author's last change."""
        self._now.add(author, step)

    def of(self, author: str) -> list[Step]:
        """The author's steps, the oldest first."""
        return [step for steps in self._all for step in steps.of(author)]

    def take(self, author: str, step: Step) -> None:
        """Take out a step that was undone, or of which nothing is left to undo."""
        next(steps for steps in self._all if steps.has(step)).take(author, step)

    def take_back(self, step: Step, editor: SharedEditor, index: CellIndex, cells: Array[Any], kept: Set[str]) -> bool:
        """Undo one step, and no other, but in the cells where it is `kept`; whether anything of it was there.

        CannotUndo where not.
        """
        for former in self._formers:
            if former.steps.has(step):
                index.take_made()
                with cells.doc.transaction():
                    done = former.take_back(step, editor, kept)
                self._now.restored |= index.take_made() | step.removed_from
                return done
        return self._now.take_back(step, editor, index, cells, kept)

    @property
    def _all(self) -> list[Steps]:
        return [*(former.steps for former in self._formers), self._now]
