"""Cells that a course or nbgrader has marked as not to be changed. Pure."""

from __future__ import annotations

from typing import Literal

from ..errors import ProtectedCell
from .cells import Cell
from .editor import Editor


def refuse_protected(editor: Editor, cell: Cell, mark: Literal["deletable", "editable"]) -> None:
    """ProtectedCell where that mark of a cell is false. As in JupyterLab, it may still be moved, run and cleared."""
    if editor.cell_metadata(cell.index).get(mark) is False:
        raise ProtectedCell(cell.id, mark)
