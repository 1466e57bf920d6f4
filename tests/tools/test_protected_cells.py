"""Cells that their author has marked as not to be edited or deleted, as courses do."""

from __future__ import annotations

import json

import pytest
from harness import JupyterProcess, connect

pytestmark = pytest.mark.anyio

EDITS = [{"old": "1", "new": "2"}]


def write(server: JupyterProcess, name: str) -> None:
    """A notebook whose first cell has no mark, the second is not deletable, and the third not editable."""
    path = server.write_notebook(name, "a = 1", "b = 1", "c = 1")
    content = json.loads(path.read_text())
    content["cells"][0]["metadata"] = {"deletable": True, "editable": "false"}
    content["cells"][1]["metadata"] = {"deletable": False, "nbgrader": {"grade": True}}
    content["cells"][2]["metadata"] = {"editable": False}
    path.write_text(json.dumps(content))


async def test_a_cell_that_is_not_deletable_is_not_deleted(server: JupyterProcess, name: str) -> None:
    write(server, name)
    async with connect(server) as agent:
        for cell in (1, [0, 1]):
            told = await agent.fails("delete_cell", notebook=name, cell=cell)
            assert "`deletable: false`" in told
            assert "ask the person" in told
        assert "3 cells" in await agent.ok("list_cells", notebook=name)
        await agent.ok("edit_cell", notebook=name, cell=1, edits=EDITS)
        await agent.ok("delete_cell", notebook=name, cell=2)


async def test_a_cell_that_is_not_editable_keeps_its_source_and_type(server: JupyterProcess, name: str) -> None:
    write(server, name)
    async with connect(server) as agent:
        for tool, arguments in (
            ("edit_cell", {"edits": EDITS}),
            ("overwrite_cell_source", {"source": "c = 2"}),
            ("overwrite_cell_source", {"source": "c = 1", "cell_type": "markdown"}),
        ):
            told = await agent.fails(tool, notebook=name, cell=2, **arguments)
            assert "`editable: false`" in told
            assert "Nothing was changed" in told
        assert "c = 1" in await agent.ok("read_cell", notebook=name, cell=2)


async def test_a_protected_cell_is_moved_run_and_cleared_as_in_jupyterlab(server: JupyterProcess, name: str) -> None:
    write(server, name)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=2)
        await agent.ok("clear_outputs", notebook=name, cells=[2])
        await agent.ok("move_cell", notebook=name, cell=2, index=0)
        await agent.ok("undo_changes", notebook=name)
        await agent.ok("edit_cell", notebook=name, cell=0, edits=EDITS)
