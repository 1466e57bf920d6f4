"""The beginning of a run in its cell: the mark of what waits, the clearing, and taking both back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from ..documents.cells import Cell
from ..documents.document import Document
from ..documents.editor import Editor
from ..documents.history import PUT_BACK
from ..errors import ProxyError, Unknown
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

    def sent(self) -> None:
        """The code has been sent: the cell has run, whatever count it ends with."""
        if not self.cleared:
            self.document.history.begins(self.before.id)

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


async def marked_while_it_waits(execution: Execution, document: Document | None, marked: Cell | None) -> Cell | None:
    """Mark the cell of what waits behind something; what it was, where it is marked."""
    cell = execution.cell_id
    if marked is not None or cell is None or not execution.ahead:
        return marked
    if document is None or document.guarantee != "live":  # in a file nobody would see it
        return None
    with suppress(ProxyError):  # whoever runs it says what is wrong
        return await document.edit(lambda editor: mark(editor, cell), outputs_only=True)
    return None


async def unmark(document: Document, before: Cell) -> None:
    """Take the mark from a cell that was not run after all, unless somebody else has run it."""

    def change(editor: Editor) -> None:
        index = editor.place(before.id)
        if editor.is_running(index):
            editor.set_execution(index, before.execution_count, False)

    await document.edit(change, outputs_only=True, who=PUT_BACK)


def is_ours(editor: Editor, execution: Execution) -> bool:
    """Whether nobody has run a cell since an execution of it was sent, whose process has ended since.

    What that process has heard has been fed to the execution: the cell may have its count already.
    """
    cell = editor.cell_at(editor.place(execution.cell_id or ""), outputs=False)
    ended = execution.count is not None and cell.execution_count == execution.count
    return editor.is_running(cell.index) or ended or cell.execution_count == execution.count_before


def _as_it_was(editor: Editor, cell_id: str, marked: Cell | None, *, outputs: bool = True) -> Cell:
    before = editor.cell_at(editor.place(cell_id), outputs=outputs)
    if before.type != "code":
        raise Unknown("code cell", cell_id)
    if marked is None or not editor.is_running(before.index):  # somebody has run it while it waited
        return before
    return replace(before, execution_count=marked.execution_count)


def _clear(editor: Editor, cell_id: str, marked: Cell | None) -> Cell:
    before = _as_it_was(editor, cell_id, marked)
    editor.set_outputs(before.index, [])
    editor.set_execution(before.index, None, True)
    return before


def _restore(editor: Editor, before: Cell) -> None:
    index = editor.place(before.id)
    editor.set_outputs(index, before.outputs)
    editor.set_execution(index, before.execution_count, False)
