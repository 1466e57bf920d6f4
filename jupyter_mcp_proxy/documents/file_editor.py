"""Changing a notebook cell by cell in nbformat's form, as it is in a file."""

from __future__ import annotations

import copy
from typing import Any, Literal
from uuid import uuid4

from ..outputs.changes import Change, Output, apply_changes
from ..outputs.text import joined
from .cells import Cell, CellType
from .editor import Editor
from .metadata import table, with_values


def working_copy(content: dict[str, Any]) -> dict[str, Any]:
    """A content for an editor to change; whoever has the first sees nothing of it."""
    return content | {"cells": list(content["cells"])}


class FileEditor(Editor):
    """The editor of a notebook in nbformat 4's form.

    A cell that is changed becomes another object: all others are shared with the content that this is a
    `working_copy` of, so that a large notebook is neither copied nor compared.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self._cells: list[dict[str, Any]] = content["cells"]
        self.labelled = set()

    def ids(self) -> list[str]:
        return [cell["id"] for cell in self._cells]

    def cell_at(self, index: int, *, outputs: bool = True) -> Cell:
        cell = self._cells[index]
        stored = [_with_joined_text(output) for output in cell.get("outputs", [])] if outputs else []
        return Cell(cell["id"], index, cell["cell_type"], joined(cell["source"]), cell.get("execution_count"), stored)

    def has_outputs(self, index: int) -> Literal["none", "output", "error"]:
        outputs = self._cells[index].get("outputs")
        if not outputs:
            return "none"
        return "error" if any(output["output_type"] == "error" for output in outputs) else "output"

    def output_count(self, index: int) -> int | None:
        outputs = self._cells[index].get("outputs")
        return None if outputs is None else len(outputs)

    def cell_metadata(self, index: int) -> dict[str, Any]:
        return dict(table(self._cells[index].get("metadata")))

    def set_cell_metadata(self, index: int, values: dict[str, Any]) -> None:
        self._change(index, metadata=with_values(self.cell_metadata(index), copy.deepcopy(values)))
        self.labelled.add(str(self._cells[index]["id"]))

    def attachments(self, index: int) -> dict[str, Any]:
        return table(self._cells[index].get("attachments"))

    def set_attachments(self, index: int, attachments: dict[str, Any]) -> None:
        kept = {name: value for name, value in self._cells[index].items() if name != "attachments"}
        self._cells[index] = kept | ({"attachments": copy.deepcopy(attachments)} if attachments else {})

    def is_running(self, index: int) -> bool:
        return self._cells[index]["cell_type"] == "code" and self._cells[index].get("execution_count") is None

    def metadata(self) -> dict[str, Any]:
        return dict(table(self.content.get("metadata")))

    def set_metadata(self, values: dict[str, Any]) -> None:
        self.content["metadata"] = self.metadata() | values

    def insert(self, index: int, cell_type: CellType, source: str, *, id: str | None = None) -> str:
        cell: dict[str, Any] = {"id": id or str(uuid4()), "cell_type": cell_type, "metadata": {}, "source": source}
        if cell_type == "code":
            cell |= {"execution_count": None, "outputs": [], "metadata": self._trust()}
        self._cells.insert(index, cell)
        return str(cell["id"])

    def delete(self, index: int) -> None:
        del self._cells[index]

    def set_source(self, index: int, source: str) -> None:
        self._change(index, source=source)

    def move(self, index: int, to: int) -> None:
        self._cells.insert(to, self._cells.pop(index))

    def set_type(self, index: int, cell_type: CellType) -> None:
        old = self._cells[index]
        metadata = dict(table(old.get("metadata")))
        if cell_type == "code" and old["cell_type"] != "code":
            metadata |= self._trust()
        cell = {"id": old["id"], "cell_type": cell_type, "metadata": metadata, "source": old["source"]}
        if cell_type == "code":
            cell |= {"execution_count": None, "outputs": []}
        self._cells[index] = cell

    def set_execution(self, index: int, count: int | None, running: bool) -> None:
        # A file has no mark for what runs: it has no count until it has ended.
        self._change(index, execution_count=None if running else count)

    def set_outputs(self, index: int, outputs: list[Output]) -> None:
        self._change(index, outputs=copy.deepcopy(outputs))

    def change_outputs(self, index: int, changes: list[Change]) -> None:
        outputs = [_with_joined_text(output) for output in self._cells[index].get("outputs", [])]
        apply_changes(outputs, changes)
        self._change(index, outputs=outputs)

    def _trust(self) -> dict[str, Any]:
        """The mark of a cell that becomes one of code, where every other has it.

        Jupyter marks the code cells of a notebook that is trusted when it is read, and trusts what is written where
        each of them is marked or has no rich output (`NotebookNotary.check_cells`). The mark stands in no file.
        """
        code = (cell for cell in self._cells if cell["cell_type"] == "code")
        return {"trusted": True} if all(table(cell.get("metadata")).get("trusted") is True for cell in code) else {}

    def _change(self, index: int, **values: Any) -> None:
        self._cells[index] = self._cells[index] | values


def _with_joined_text(output: Output) -> Output:
    return output | {"text": joined(output["text"])} if "text" in output else output
