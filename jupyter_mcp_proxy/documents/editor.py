"""A notebook's content as it is changed, cell by cell, whatever it is stored in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

from ..errors import Unknown
from ..outputs.changes import Change, Output
from .cells import Cell, CellType, find_cell, tags_in


class Editor(ABC):
    """A notebook's content in memory, changed cell by cell. Cells are named by their ids."""

    labelled: set[str]
    """The cells whose metadata this editor has set."""

    @property
    def proposed(self) -> frozenset[str]:
        """The cells that are here as an agent proposes them, and not so in the notebook."""
        return frozenset()

    @abstractmethod
    def ids(self) -> list[str]:
        """The ids of all cells, in order."""

    @abstractmethod
    def cell_at(self, index: int, *, outputs: bool = True) -> Cell:
        """The cell at an index; without `outputs` where they are not needed, which is cheaper."""

    @abstractmethod
    def has_outputs(self, index: int) -> Literal["none", "output", "error"]:
        """What kind of output a cell has, without reading it."""

    @abstractmethod
    def output_count(self, index: int) -> int | None:
        """How many outputs a cell has; None where it is no code cell."""

    @abstractmethod
    def cell_metadata(self, index: int) -> dict[str, Any]:
        """A cell's metadata; what stands under a name may be anything."""

    def tags(self, index: int) -> list[str]:
        """The tags of a cell, such as `skip-execution`."""
        return tags_in(self.cell_metadata(index))

    @abstractmethod
    def set_cell_metadata(self, index: int, values: dict[str, Any]) -> None:
        """Put these into a cell's metadata, each in place of what stands under its name; None takes a name out."""

    @abstractmethod
    def attachments(self, index: int) -> dict[str, Any]:
        """The files that are attached to a cell, such as pictures that its Markdown shows, by their names."""

    @abstractmethod
    def set_attachments(self, index: int, attachments: dict[str, Any]) -> None:
        """Have these files attached to a cell, and no others."""

    @abstractmethod
    def is_running(self, index: int) -> bool:
        """Whether the cell is marked as running."""

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata; what stands under a name may be anything."""

    @abstractmethod
    def set_metadata(self, values: dict[str, Any]) -> None:
        """Put these into the notebook's metadata, each in place of what stands under its name."""

    @abstractmethod
    def insert(self, index: int, cell_type: CellType, source: str, *, id: str | None = None) -> str:
        """Insert a cell and return its id, which is a new one where none is given."""

    @abstractmethod
    def delete(self, index: int) -> None:
        """Remove a cell."""

    @abstractmethod
    def set_source(self, index: int, source: str) -> None:
        """Change a cell's source by the smallest operations that make the change."""

    @abstractmethod
    def move(self, index: int, to: int) -> None:
        """Put a cell where it is the one at index `to`; its id, outputs and metadata stay."""

    @abstractmethod
    def set_type(self, index: int, cell_type: CellType) -> None:
        """Make a cell one of another type; its id, source and metadata stay, outputs only while it is code."""

    @abstractmethod
    def set_execution(self, index: int, count: int | None, running: bool) -> None:
        """Set a code cell's execution count and whether it runs."""

    @abstractmethod
    def set_outputs(self, index: int, outputs: list[Output]) -> None:
        """Put these outputs in place of all that a code cell has."""

    @abstractmethod
    def change_outputs(self, index: int, changes: list[Change]) -> None:
        """Apply changes to a code cell's outputs."""

    def find(self, cell: str | int) -> int:
        """The index of the cell that a caller means; raises as `find_cell` does."""
        return find_cell(self.ids(), cell)

    def place(self, cell_id: str) -> int:
        """The index of the cell with exactly this id; Unknown where it is not there any more.

        For whoever knows the cell: once it is gone, its id may be the beginning of another's, or an index.
        """
        ids = self.ids()
        if cell_id not in ids:
            raise Unknown("cell", cell_id, hint="list_cells shows the cells with their ids.")
        return ids.index(cell_id)

    def cell(self, cell: str | int) -> Cell:
        """The cell that a caller means."""
        return self.cell_at(self.find(cell))

    def cells(self, *, outputs: bool = True) -> list[Cell]:
        """All cells."""
        return [self.cell_at(index, outputs=outputs) for index in range(len(self.ids()))]
