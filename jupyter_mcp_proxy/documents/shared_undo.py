"""What must be known of a change to a shared notebook for Yjs to take back no more than the author did."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from pycrdt import Array, UndoManager

from ..errors import GONE, CannotUndo
from .cells import source_hash
from .edits import splices
from .shared_editor import SharedEditor

KEPT = 500
"""Changes of one author that can be taken back. Each costs a microsecond with every change of anybody's."""


@dataclass(frozen=True)
class Step:
    """One change of an author that can be taken back."""

    number: int
    """The change's first number in the history."""
    made: dict[str, str]
    """The cells that it made, with the hash of their source: undoing it removes them."""
    rewrote: dict[str, tuple[str, str]]
    """The cells whose source it changed, with what that was before and after."""
    taken: dict[str, str]
    """The cells that it deleted, or made anew elsewhere: which copy of each went, and undoing it brings back."""
    copies: dict[str, str | None]
    """Which copy of each cell it has made."""
    labelled: Set[str] = frozenset()
    """The cells whose metadata it set."""
    manager: UndoManager | None = None
    """What takes it back: Yjs has seen this change by it and no other."""

    @classmethod
    def of(
        cls,
        number: int,
        editor: SharedEditor,
        made: Set[str],
        edited: SharedEditor,
        manager: UndoManager | None = None,
    ) -> Step:
        """What `edited` has changed, with the cells that it `made`, as `editor` finds it now."""
        rewritten = edited.rewritten
        now = {cell: editor.source(cell) or "" for cell in made | rewritten.keys()}
        hashes = {cell: source_hash(now[cell]) for cell in made}
        rewrote = {cell: (old, now[cell]) for cell, old in rewritten.items()}
        copies = {cell: editor.copy_of(cell) for cell in made}
        return cls(number, hashes, rewrote, edited.taken, copies, edited.labelled, manager)

    @property
    def cells(self) -> Set[str]:
        """The cells that it changed."""
        return self.made.keys() | self.rewrote.keys() | self.taken.keys() | self.labelled

    @property
    def removed_from(self) -> set[str]:
        """The cells from whose source it took something out: undoing it puts that in again."""
        return {
            cell
            for cell, (before, after) in self.rewrote.items()
            if any(change.end > change.start for change in splices(before, after))
        }

    def refuse_if_touched(self, editor: SharedEditor, restored: Set[str]) -> None:
        """CannotUndo where somebody else's text would go with what the change has made, or with what was `restored`."""
        for cell in self.taken:  # Yjs would bring a second copy of it, beside the one that somebody else has made
            here = editor.copy_of(cell)
            if here != self.copies.get(cell):
                raise CannotUndo(cell, GONE if here is None else "it was moved since")
        for cell in self.rewrote if self.made or self.taken else ():  # text went from one to another, as in a split
            if editor.source(cell) is None:
                raise CannotUndo(cell, GONE)
        for cell, digest in self.made.items():
            source = editor.source(cell)
            if source is not None and source_hash(source) != digest:
                raise CannotUndo(cell, "its source is not what you left there")
        for cell in restored & self.rewrote.keys():
            if editor.source(cell) not in (None, self.rewrote[cell][1]):
                raise CannotUndo(cell, "its source is not what you left there")

    def put_right(self, editor: SharedEditor, restored: Set[str]) -> None:
        """After Yjs has taken the change back: give `restored` cells what they had before, where it took too much."""
        for cell in restored & self.rewrote.keys():
            before, _ = self.rewrote[cell]
            if editor.source(cell) not in (None, before):
                editor.set_source(editor.place(cell), before)


class Steps:
    """What each author has done in one replica of a shared notebook, and can be taken back.

    Yjs takes back what an UndoManager has seen from its end. Each change has one of its own, so that any of them can be
    taken back while later ones stay, as it is with what two people do.
    """

    def __init__(self) -> None:
        self._next: dict[str, tuple[str, UndoManager]] = {}
        """For each author the origin of the next change, and what watches for it."""
        self._steps: dict[str, list[Step]] = {}
        self._count = 0
        self.restored: set[str] = set()
        """Cells in which undoing has put something in again. Yjs may take the text of two authors there for one piece,
        and remove both where it should remove the one: there it is told what must come out."""

    def track(self, author: str, cells: Array[Any]) -> str:
        """Have Yjs remember the next change of an author, by the author's key; the origin that it must have."""
        if author not in self._next:
            self._count += 1
            origin = f"{author} {self._count}"
            # By default pycrdt takes what is done within 500 ms for one step; here each call is one.
            manager = UndoManager(scopes=[cells], capture_timeout_millis=0)
            manager.include_origin(origin)
            self._next[author] = origin, manager
        return self._next[author][0]

    def has_new(self, author: str) -> bool:
        """Whether the author's last change is something that can be taken back, and is no step yet."""
        return bool(self._next[author][1].undo_stack)

    def add(self, author: str, number: int, editor: SharedEditor, made: Set[str], edited: SharedEditor) -> None:
        """Note the author's last change."""
        _, manager = self._next.pop(author)
        steps = self._steps.setdefault(author, [])
        steps.append(Step.of(number, editor, made, edited, manager))
        del steps[:-KEPT]

    def of(self, author: str) -> list[Step]:
        """The author's steps, the oldest first."""
        return self._steps.get(author, [])

    def undo(self, author: str, step: Step) -> None:
        """Have Yjs take a change back."""
        self._steps[author].remove(step)
        assert step.manager is not None
        step.manager.undo()

    def brought(self, step: Step, editor: SharedEditor) -> None:
        """A step was taken back: what it had taken is there again, in another copy, which Yjs knows for the same."""
        for cell, before in step.taken.items():
            for each in (each for steps in self._steps.values() for each in steps):
                if each.copies.get(cell) == before:
                    each.copies[cell] = editor.copy_of(cell)
