"""What a client sends for a parameter that its model has not filled in is no fault of the call."""

from __future__ import annotations

from typing import Any

import pytest
from harness import ERAS, JupyterProcess, connect, sample_arguments

from jupyter_mcp_proxy.tools.arguments import asked_for, not_numbers
from jupyter_mcp_proxy.tools.server import CATALOGUE

pytestmark = pytest.mark.anyio


def all_null(tool: str, **arguments: Any) -> dict[str, Any]:
    """Arguments of a tool, with null for each parameter that has none here."""
    return dict.fromkeys(CATALOGUE[tool].parameters.get("properties", {})) | arguments


@pytest.mark.parametrize("tool", CATALOGUE)
def test_null_for_what_may_be_left_out_is_as_if_it_were(tool: str) -> None:
    schema, arguments = CATALOGUE[tool].parameters, sample_arguments(tool)
    assert asked_for(schema, all_null(tool, **arguments)) == arguments


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_sends_all_parameters_works_in_a_notebook(
    server: JupyterProcess, name: str, era: str
) -> None:
    server.write_notebook(name, "a = 1", "b = 2")

    async with connect(server, era) as agent:

        async def ok(tool: str, **arguments: Any) -> str:
            return await agent.ok(tool, **all_null(tool, **arguments))

        assert "2 cells" in await ok("use_notebook", notebook=name)
        assert "a = 1" in await ok("list_cells", notebook=name)
        assert "a = 1" in await ok("read_cell", notebook=name, cell=0)
        assert "b = 2" in await ok("read_cells", notebook=name)
        edit = {"old": "1", "new": "3", "replace_all": None, "cell": 0, "word": None, "regex": None}
        assert "+a = 3" in await ok("edit_cell", notebook=name, edits=[edit])
        cell = {"source": "# Title", "cell_type": "markdown", "after": None}
        assert "markdown" in await ok("insert_cell", notebook=name, cells=[cell])
        assert "print" not in await ok("insert_execute_code_cell", notebook=name, source="a + 1")
        assert "ok" in await ok("run_cells", notebook=name)
        assert "4" in await ok("execute_ipython", notebook=name, code="a + 1")
        assert name in await ok("list_files")
        # A value that is null means something: it takes a name out of the metadata.
        assert '"x": 1' in await ok("set_cell_metadata", notebook=name, cell=0, metadata={"x": 1})
        assert '"x"' not in await ok("set_cell_metadata", notebook=name, cell=0, metadata={"x": None})
        assert "`cell` is missing" in await agent.fails("read_cell", notebook=name)
        assert "`cell` is wrong" in await agent.fails("read_cell", notebook=name, cell=None)


def test_true_and_false_are_taken_for_no_number() -> None:
    schema = CATALOGUE["delete_cell"].parameters
    for cell in (True, False, [0, True]):
        assert not_numbers(schema, {"notebook": "a.ipynb", "cell": cell}).startswith("`cell` is wrong")
    assert not not_numbers(schema, {"notebook": "a.ipynb", "cell": [1, "a"]})
    assert not not_numbers(CATALOGUE["use_notebook"].parameters, {"notebook": "a.ipynb", "create": True})


async def test_no_cell_is_deleted_that_is_called_true(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2")
    async with connect(server) as agent:
        assert "it takes neither true nor false" in await agent.fails("delete_cell", notebook=name, cell=True)
        assert "2 cells" in await agent.ok("list_cells", notebook=name)
