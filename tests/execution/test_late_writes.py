"""Late output that cannot be written at once: a person saves, or the server stands still for a moment."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from jupyter_mcp_proxy.documents.file_editor import FileEditor
from jupyter_mcp_proxy.errors import Conflict, MaybeSaved
from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.writer import OutputWriter
from jupyter_mcp_proxy.jupyter.messages import Message
from jupyter_mcp_proxy.outputs.changes import Clear

pytestmark = pytest.mark.anyio


class Failing:
    """A notebook whose next edits fail, before or after they have been carried out."""

    path = "a.ipynb"
    guarantee = "file"

    def __init__(self) -> None:
        cell = {"id": "c", "cell_type": "code", "source": "", "metadata": {}, "outputs": [], "execution_count": None}
        self.editor = FileEditor({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        self.failures: list[type[Conflict] | type[MaybeSaved]] = []

    @property
    def text(self) -> str:
        outputs: list[dict[str, Any]] = self.editor.content["cells"][0]["outputs"]
        return "".join("".join(output["text"]) for output in outputs)

    async def read(self, look: Any) -> Any:
        return look(self.editor)

    async def edit(self, change: Any, **how: Any) -> Any:
        failure = self.failures.pop() if self.failures else None
        if failure is Conflict:
            raise Conflict(self.path)
        changed = change(self.editor)
        if failure is MaybeSaved:
            raise MaybeSaved(self.path)
        return changed


def says(execution: Execution, type: str, **content: Any) -> None:
    header = {"msg_type": type, "msg_id": uuid4().hex}
    execution.feed(Message("iopub", header, {"msg_id": "r"}, {}, content))


async def ended(document: Any) -> OutputWriter:
    """A run of the cell that has printed a line and ended."""
    execution = Execution("x1", document.path, "k", "", "c")
    says(execution, "execute_input", execution_count=1)
    says(execution, "stream", name="stdout", text="at once\n")
    says(execution, "execute_reply", status="ok", execution_count=1)
    says(execution, "status", execution_state="idle")

    async def about(kernel_id: str) -> dict[str, Any]:
        return {}

    writer = OutputWriter(document, execution, about)
    await writer.write()
    return writer


@pytest.mark.parametrize("failure", [Conflict, MaybeSaved])
async def test_it_is_tried_again_and_stands_there_once(failure: Any) -> None:
    document: Any = Failing()
    writer = await ended(document)
    document.failures = [failure, failure]
    says(writer.execution, "stream", name="stdout", text="and then this\n")
    assert await writer.write_late(document)
    assert document.text == "at once\nand then this\n"
    says(writer.execution, "stream", name="stdout", text="and this\n")
    assert await writer.write_late(document)
    assert document.text == "at once\nand then this\nand this\n"


@pytest.mark.parametrize("failure", [Conflict, MaybeSaved])
async def test_a_cell_that_a_person_has_cleared_gets_it_alone(failure: Any) -> None:
    document: Any = Failing()
    writer = await ended(document)
    document.editor.change_outputs(0, [Clear()])
    document.editor.set_execution(0, None, False)
    document.failures = [failure]
    says(writer.execution, "stream", name="stdout", text="and then this\n")
    assert await writer.write_late(document)
    assert document.text == "and then this\n"


async def test_a_cell_that_runs_anew_gets_nothing_of_it() -> None:
    document: Any = Failing()
    writer = await ended(document)
    document.editor.change_outputs(0, [Clear()])
    document.editor.set_execution(0, 2, False)
    document.failures = [Conflict]
    says(writer.execution, "stream", name="stdout", text="and then this\n")
    assert not await writer.write_late(document)
    assert document.text == ""
