"""The beginning of a run in its cell: the mark of what waits, the clearing, and taking both back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..documents.cells import Cell
from ..documents.document import Document
from ..documents.editor import Editor
from ..documents.history import PUT_BACK
from .executions import Execution


@dataclass(frozen=True)
class Beginning:
    """A cell whose code is about to be sent to a kernel."""

    document: Document
    before: Cell
    """What it was, before it was marked as waiting."""
    marked: bool
    cleared: bool

    @classmethod
    async def of(cls, document: Document, cell_id: str, marked: Cell | None) -> Beginning:
        """Clear a cell, which was `marked` if it waited. Raises Unknown where it is gone, and what `edit` raises.

        Where changes are known to be kept that is left to the first write, 30 ms later: a quick cell is then changed
        once, not twice, and its server has half the work while the kernel computes.
        """
        before = await document.read(lambda editor: _as_it_was(editor, cell_id, marked, outputs=False))
        cleared = not document.takes_changes
        if cleared:
            before = await document.edit(lambda editor: _clear(editor, cell_id, marked))
        return cls(document, before, marked is not None, cleared)

    async def take_back(self) -> None:
        """Give the cell what it had: it was not run after all."""
        if self.cleared:
            await self.document.edit(lambda editor: _restore(editor, self.before), who=PUT_BACK)
        elif self.marked:
            await unmark(self.document, self.before)


def mark(editor: Editor, cell_id: str) -> Cell:
    """Mark a cell as one that waits to run, as JupyterLab does; what it was, without its outputs."""
    before = editor.cell_at(editor.place(cell_id), outputs=False)
    editor.set_execution(before.index, None, True)
    return before


async def unmark(document: Document, before: Cell) -> None:
    """Take the mark from a cell that was not run after all, unless somebody else has run it."""

    def change(editor: Editor) -> None:
        index = editor.place(before.id)
        if editor.is_running(index):
            editor.set_execution(index, before.execution_count, False)

    await document.edit(change, outputs_only=True, who=PUT_BACK)


def is_ours(editor: Editor, execution: Execution) -> bool:
    """Whether nobody has run a cell since an execution of it was sent, whose process has ended since."""
    cell = editor.cell_at(editor.place(execution.cell_id or ""), outputs=False)
    return editor.is_running(cell.index) or cell.execution_count == execution.count_before


def _as_it_was(editor: Editor, cell_id: str, marked: Cell | None, *, outputs: bool = True) -> Cell:
    before = editor.cell_at(editor.place(cell_id), outputs=outputs)
    return before if marked is None else replace(before, execution_count=marked.execution_count)


def _clear(editor: Editor, cell_id: str, marked: Cell | None) -> Cell:
    before = _as_it_was(editor, cell_id, marked)
    editor.set_outputs(before.index, [])
    editor.set_execution(before.index, None, True)
    return before


def _restore(editor: Editor, before: Cell) -> None:
    index = editor.place(before.id)
    editor.set_outputs(index, before.outputs)
    editor.set_execution(index, before.execution_count, False)
