"""Noticing that a shared document holds far less than its file, as a room does that lost its content. Pure."""

from __future__ import annotations

from typing import Any

from ..errors import CollapsedDocument


class InFile:
    """How many cells a notebook's file has, beside which its shared document is looked at."""

    def __init__(self) -> None:
        self.cells = 0

    def leave(self, left: int) -> None:
        """Expect no more cells in the file than we have left: it is written later, and says until then what was."""
        self.cells = min(self.cells, left) or left

    def outweighs(self, ycells: Any) -> bool:
        """Whether what a shared document holds is suspiciously little beside the file."""
        cells = len(ycells)
        return collapsed(cells, self.cells, empty=cells == 1 and not str(ycells[0]["source"]))

    def collapse(self, path: str, ycells: Any) -> CollapsedDocument:
        """What is to be told of it."""
        return CollapsedDocument(path, len(ycells), self.cells)


def collapsed(cells: int, file_cells: int, *, empty: bool = False) -> bool:
    """Whether a shared document with `cells` cells is suspiciously small beside its file with `file_cells`.

    A room that lost its content shows none, or one that is `empty`. A person who deletes half of a
    notebook is believed once the file says the same, which it does after a second.
    """
    lost = cells == 0 < file_cells or (cells == 1 < file_cells and empty)
    return lost or (file_cells >= 4 and cells < file_cells / 2)
