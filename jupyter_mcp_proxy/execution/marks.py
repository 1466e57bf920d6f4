"""What the mark of a cell says: whether it ran in the kernel as it is now, and whether it runs or waits to.

Kernels tell which code they ran under which count, but not for which cell (an `execute_input` does not bear the
request's metadata). Counts alone are not enough: each life of a kernel counts from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..documents.cells import Cell, source_hash
from ..documents.document import Document
from ..documents.editor import Editor
from .executions import Execution
from .kernels import Kernels
from .life import Life
from .states import State

Freshness = Literal["", "*", "?"]
"""It ran as it is; its source is another than what ran; it is not known to have run in this kernel."""


@dataclass(frozen=True)
class Mark:
    """The mark of one cell, such as `[5]*`, `running x12` or `queued x13`."""

    count: int | None
    freshness: Freshness
    doing: str = ""

    def __str__(self) -> str:
        count = f" [{self.count}]{self.freshness}" if self.count is not None else ""
        return f"{count} {self.doing}" if self.doing else count


@dataclass(frozen=True)
class CellMarks:
    """What is known of a notebook's cells in one moment. Pure."""

    ran: Mapping[int, str] = field(default_factory=dict)
    """The code that the kernel ran under each count, in the life that it is in."""
    before: Mapping[str, tuple[int | None, str]] | None = None
    """For each cell the count and the source's hash when that life began; None where nobody looked."""
    ours: Mapping[str, int] = field(default_factory=dict)
    """The count under which a cell was run by a client of ours in that life."""
    doing: Mapping[str, str] = field(default_factory=dict)
    """What of ours runs or waits, by cell."""
    others_run: bool = False
    """Whether a cell that the document calls running, without our doing, may be believed to be."""

    def of(self, editor: Editor, cell: Cell) -> Mark:
        """The mark of a cell."""
        doing = self.doing.get(cell.id, "")
        if not doing and self.others_run and editor.is_running(cell.index):
            doing = "running"
        return Mark(cell.execution_count, self.freshness(cell), doing)

    def freshness(self, cell: Cell) -> Freshness:
        """Whether what the cell shows came of its source, and in this life of the kernel."""
        count = cell.execution_count
        if count is None:
            return ""
        code = self.ran.get(count)
        if code is None:
            return "?"
        if code.rstrip() == cell.source.rstrip():
            return ""
        if self.ours.get(cell.id) == count:
            return "*"
        if self.before is None:
            return "?"
        had, digest = self.before.get(cell.id, (None, ""))
        # One that had this count before has either been run again as it was then, and edited since, or not been run.
        return "*" if had != count or digest == source_hash(code) else "?"

    def is_stale(self, editor: Editor, cell: Cell) -> bool:
        """Whether it is code that is edited since, or not known to have, run in this kernel, and does not run now."""
        mark = self.of(editor, cell)
        fresh = mark.count is not None and not mark.freshness
        return cell.type == "code" and bool(cell.source.strip()) and not mark.doing and not fresh


class Marks:
    """The marks of all notebooks. Notes how cells are when a life of their kernel begins."""

    def __init__(
        self,
        kernels: Kernels,
        executions: Callable[[], list[Execution]],
        document: Callable[[str], Document | None],
    ) -> None:
        self._kernels = kernels
        self._executions = executions
        self._document = document
        self._before: dict[str, dict[str, tuple[int | None, str]] | None] = {}
        kernels.on_life.append(self._life_began)

    def _life_began(self, notebooks: list[str]) -> None:
        for path in notebooks:
            document = self._document(path)
            self._before[path] = None if document is None else document.counts()

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path."""
        if old in self._before:
            self._before[new] = self._before.pop(old)

    def of(self, document: Document) -> CellMarks:
        """The marks of a notebook's cells now."""
        path = document.path
        mine = [e for e in self._executions() if e.notebook == path and e.cell_id]
        doing = {
            e.cell_id: f"{'queued' if e.state is State.QUEUED else 'running'} {e.id}"
            for e in reversed(mine)
            if e.cell_id and (not e.finished.is_set() or (e.request_id and not e.written.is_set()))
        }
        others_run = document.guarantee == "live" and self._kernels.may_be_busy(path)
        life = self._kernels.life(path)
        if life is None:
            return CellMarks(doing=doing, others_run=others_run)
        ended = [e for e in mine if _belongs(e, life)]
        ours = {e.cell_id: e.count for e in ended if e.cell_id and e.count is not None}
        # What was taken over after a crash has no code here.
        ran = {e.count: e.code for e in ended if e.count is not None and e.code} | life.ran
        return CellMarks(ran, self._before.get(path), ours, doing, others_run)


def _belongs(execution: Execution, life: Life) -> bool:
    """Whether it has ended in that life, though it may have begun before we listened to it."""
    ended_well = execution.state in (State.OK, State.ERROR, State.INTERRUPTED)
    return execution.kernel_id == life.kernel_id and ended_well and (execution.ended_at or 0) >= life.since
