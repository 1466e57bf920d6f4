"""What must be known of a change to a shared notebook for Yjs to take back no more than the author did."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from pycrdt import Array, StackItem, UndoManager

from ..errors import GONE, CannotUndo
from .cells import source_hash
from .edits import splices
from .merging import breaks_lines, stands, without
from .shared_editor import CellIndex, SharedEditor

KEPT = 500
"""Changes of one author that can be taken back."""
KEPT_ELSEWHERE = "a person has kept the change in another cell, and here it cannot be taken back without that"
MOVED = "it was moved since, or brought back"


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
    """Which copy of each cell it has made, or changed."""
    anew: dict[str, int]
    """How often the source of each cell that it changed had been written anew as a whole by then."""
    labelled: Set[str]
    """The cells whose metadata it set."""
    cleared: Set[str]
    """The cells whose outputs it took away."""
    item: StackItem[Any]
    """What Yjs knows of it."""

    @classmethod
    def of(cls, number: int, editor: SharedEditor, made: Set[str], edited: SharedEditor, item: StackItem[Any]) -> Step:
        """What `edited` has changed, with the cells that it `made`, as `editor` finds it now."""
        rewritten = edited.rewritten
        now = {cell: editor.source(cell) or "" for cell in made | rewritten.keys()}
        hashes = {cell: source_hash(now[cell]) for cell in made}
        rewrote = {cell: (old, now[cell]) for cell, old in rewritten.items()}
        copies = {cell: editor.copy_of(cell) for cell in made | rewritten.keys() | edited.labelled}
        anew = {cell: editor.times_anew(cell) for cell in rewritten}
        return cls(number, hashes, rewrote, edited.taken, copies, anew, edited.labelled, edited.cleared, item)

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

    @property
    def is_of_outputs(self) -> bool:
        """Whether it changed nothing but outputs, of which the history knows only that a cell has run."""
        return not self.copies and not self.taken

    def is_not_there(self, editor: SharedEditor) -> bool:
        """Whether all cells are as if it had never been made, as where a room was lost before it had arrived."""
        moved = self.taken.keys() & self.made.keys()
        sources = all(editor.source(cell) == before for cell, (before, _) in self.rewrote.items())
        made = all(editor.source(cell) is None for cell in self.made.keys() - moved)
        taken = all(editor.source(cell) is not None for cell in self.taken.keys() - moved)
        return bool(self.copies or self.taken) and not moved and not self.labelled and sources and made and taken

    def is_spent(self, editor: SharedEditor) -> bool:
        """Whether the cells that it made or changed are all gone: nothing is there that could be taken back."""
        return bool(self.copies) and not self.taken and all(editor.source(cell) is None for cell in self.copies)

    def remade(self, editor: SharedEditor) -> set[str]:
        """The cells that somebody else has made anew since, by a move or by bringing them back: another copy, of which
        Yjs does not know that it is the same."""
        return {cell for cell, copy in self.copies.items() if editor.copy_of(cell) not in (None, copy)}

    def run_since(self, editor: SharedEditor) -> set[str]:
        """The cells whose outputs it took away and that have others by now: those stay."""
        now = {cell: editor.beside_source(cell) for cell in self.cleared}
        return {
            cell
            for cell, has in now.items()
            if has.get("outputs") or has.get("execution_count") or has.get("execution_state") == "running"
        }

    def beside(self, editor: SharedEditor) -> dict[str, dict[str, Any]]:
        """What cells are to have beside their sources afterwards, where Yjs would bring what was there before."""
        results = ("cell_type", "outputs", "execution_count", "execution_state")
        moved = (self.taken.keys() & self.made.keys()) - self.cleared
        now = {cell: editor.beside_source(cell) for cell in moved | self.run_since(editor)}
        return {
            cell: {name: has[name] for name in (has if cell in moved - self.labelled else results) if name in has}
            for cell, has in now.items()
        }

    def by_hand(self, editor: SharedEditor, restored: Set[str]) -> dict[str, str | None]:
        """The cells in which Yjs does too much, as in what was `restored`, or not enough, as in one that somebody has
        made or written anew: what is to stand there, None where that cannot be told."""
        anew = {cell for cell, times in self.anew.items() if editor.times_anew(cell) != times}
        now = {cell: editor.source(cell) for cell in (restored | self.remade(editor) | anew) & self.rewrote.keys()}
        return {cell: without(*self.rewrote[cell], source) for cell, source in now.items() if source is not None}

    def refuse_if_touched(self, editor: SharedEditor, restored: Set[str]) -> None:
        """CannotUndo where somebody else's text would go with what the change has made, or with what was `restored`."""
        if self.is_spent(editor):
            return
        for cell in self.taken:  # Yjs would bring a second copy of it, beside the one that somebody else has made
            here = editor.copy_of(cell)
            if here != self.copies.get(cell):
                raise CannotUndo(cell, GONE if here is None else MOVED)
        for cell in self.copies if self.rewrote and (self.made or self.taken) else ():  # text went from one to another
            if editor.source(cell) is None:
                raise CannotUndo(cell, GONE)
        for cell, digest in self.made.items():
            source = editor.source(cell)
            if source is not None and source_hash(source) != digest:
                raise CannotUndo(cell, "its source is not what you left there")
        for cell in self.rewrote if self.taken else self.removed_from:
            # Where what it put in was replaced since, or went on elsewhere, what it took would come back beside that.
            now = editor.source(cell)
            before, after = self.rewrote[cell]
            if now is not None and not stands(before, after, now):
                raise CannotUndo(cell, "its source is not what you left there")
        for cell, (before, after) in self.rewrote.items():
            now = editor.source(cell)
            if now is not None and breaks_lines(before, after, now):
                raise CannotUndo(cell, "its source is not what you left there")
        for cell, wanted in self.by_hand(editor, restored).items():
            if wanted is None:
                raise CannotUndo(cell, "its source is not what you left there")
        remade = self.remade(editor)
        for cell in remade & self.labelled - self.made.keys():
            raise CannotUndo(cell, MOVED)

    def take_back_but(self, editor: SharedEditor, kept: Set[str]) -> None:
        """Undo the change but in the cells where a person has kept it. Yjs takes it back as a whole or not at all, so
        this is an edit of its own: CannotUndo where a cell is not what the change left."""
        for cell in (self.taken.keys() | self.labelled - self.made.keys()) - kept:
            raise CannotUndo(cell, KEPT_ELSEWHERE)
        left = self.made | {cell: source_hash(after) for cell, (_, after) in self.rewrote.items()}
        there = {cell: source for cell in left.keys() - kept if (source := editor.source(cell)) is not None}
        for cell, source in there.items():
            if source_hash(source) != left[cell]:
                raise CannotUndo(cell, "its source is not what you left there")
        for cell in there:
            if cell in self.made:
                editor.delete(editor.place(cell))
            else:
                editor.set_source(editor.place(cell), self.rewrote[cell][0])

    def put_right(
        self,
        editor: SharedEditor,
        by_hand: Mapping[str, str | None],
        remade: Set[str],
        beside: Mapping[str, dict[str, Any]],
    ) -> bool:
        """After Yjs has taken the change back: do what it has not, or has done too much, in the cells `by_hand`, and in
        those that were `remade`, and put what is to be `beside` their sources. Whether there was anything to do."""
        done = False
        for cell, wanted in by_hand.items():
            if wanted is not None and editor.source(cell) not in (None, wanted):
                editor.set_source(editor.place(cell), wanted)
                done = True
        for cell in remade & self.made.keys():
            editor.delete(editor.place(cell))
            done = True
        for cell, had in beside.items():
            done |= editor.put_beside_source(cell, had)
        return done


class Steps:
    """What each author has done in one replica of a shared notebook, and can be taken back: any of it, while later
    changes stay, as it is with what two people do."""

    def __init__(self) -> None:
        self._managers: dict[str, UndoManager] = {}
        self._steps: dict[str, list[Step]] = {}
        self._known: dict[str, int] = {}
        self.restored: set[str] = set()
        """Cells in which undoing has put something in again. Yjs may take the text of two authors there for one piece,
        and remove both where it should remove the one: there it is told what must come out."""

    def track(self, author: str, cells: Array[Any]) -> None:
        """Have Yjs remember what an author does from now on, by the author's key."""
        if author not in self._managers:
            # By default pycrdt takes what is done within 500 ms for one step; here each call is one.
            manager = UndoManager(scopes=[cells], capture_timeout_millis=0)
            manager.include_origin(author)
            self._managers[author] = manager

    def take_new(self, author: str) -> StackItem[Any] | None:
        """What Yjs knows of the author's last change, where that can be taken back and was not asked for before."""
        items = self._managers[author].undo_stack
        known, self._known[author] = self._known.get(author, 0), len(items)
        return items[-1] if len(items) > known else None

    def add(self, author: str, step: Step) -> None:
        """Note the author's last change."""
        steps = self._steps.setdefault(author, [])
        steps.append(step)
        del steps[:-KEPT]

    def of(self, author: str) -> list[Step]:
        """The author's steps, the oldest first."""
        return self._steps.get(author, [])

    @property
    def authors(self) -> set[str]:
        """Whose steps there are."""
        return {author for author, steps in self._steps.items() if steps}

    def has(self, step: Step) -> bool:
        """Whether a step was made in this replica."""
        return any(each is step for steps in self._steps.values() for each in steps)

    def take(self, author: str, step: Step) -> None:
        """Take out a step that was undone, or of which nothing is left to undo."""
        self._steps[author] = [each for each in self._steps[author] if each is not step]

    def take_back(self, step: Step, editor: SharedEditor, index: CellIndex, cells: Array[Any], kept: Set[str]) -> bool:
        """Undo one step, and no other, but in the cells where it is `kept`; whether anything of it was there.

        CannotUndo where not.
        """
        index.take_made()
        if kept:
            with cells.doc.transaction():
                step.take_back_but(editor, kept)
            done = True
        else:
            step.refuse_if_touched(editor, self.restored)
            remade, by_hand, beside = step.remade(editor), step.by_hand(editor, self.restored), step.beside(editor)
            done = self._undo(step, cells)
            with cells.doc.transaction():
                done |= step.put_right(editor, by_hand, remade, beside)
            self._brought(step, editor)
        self.restored |= index.take_made() | step.removed_from
        return done

    def _undo(self, step: Step, cells: Array[Any]) -> bool:
        """Have Yjs take one change back, and no other; whether anything of it was there.

        Asked for an author's last change, yrs (0.28) goes on to the one before where of the last nothing is left.
        """
        return UndoManager(scopes=[cells], capture_timeout_millis=0, undo_stack=[step.item]).undo()

    def _brought(self, step: Step, editor: SharedEditor) -> None:
        """A step was taken back: what it had taken is there again, in another copy, which Yjs knows for the same."""
        for cell, before in step.taken.items():
            for each in (each for steps in self._steps.values() for each in steps):
                if each.copies.get(cell) == before:
                    each.copies[cell] = editor.copy_of(cell)
