"""What must be known of a change to a shared notebook for Yjs to take back no more than the author did."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from ..errors import CannotUndo
from .cells import source_hash
from .edits import splices
from .shared_editor import SharedEditor


@dataclass(frozen=True)
class Step:
    """One change of an author that can be taken back."""

    number: int
    """The change's first number in the history."""
    made: dict[str, str]
    """The cells that it made, with the hash of their source: undoing it removes them."""
    rewrote: dict[str, tuple[str, str]]
    """The cells whose source it changed, with what that was before and after."""
    labelled: Set[str] = frozenset()
    """The cells whose metadata it set."""

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
