"""Notebooks that everybody would have to wait for: they are refused, with the reason, before anybody does."""

from __future__ import annotations

import json

import pytest
from harness import JupyterProcess, connect

from jupyter_mcp_proxy.documents.reading import MOST_BYTES
from jupyter_mcp_proxy.documents.stored import MOST_CELLS, of_cells
from jupyter_mcp_proxy.errors import InvalidNotebook

pytestmark = pytest.mark.anyio


async def test_a_notebook_of_200_mb_is_refused_with_its_size_and_left_as_it_is(
    server: JupyterProcess, name: str
) -> None:
    path = server.write_notebook(name, "a = 1")
    with path.open("ab") as file:
        file.truncate(200_000_000)
    async with connect(server) as agent:
        for tool, arguments in (("list_cells", {}), ("read_cell", {"cell": 0})):
            told = await agent.fails(tool, notebook=name, **arguments)
            assert "it has 200 MB, and more than 80 MB are not read" in told
        told = await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="b")
        assert "200 MB" in told
        assert name in await agent.ok("list_files")
    assert path.stat().st_size == 200_000_000 > MOST_BYTES


def test_a_notebook_of_very_many_cells_is_refused_with_their_number() -> None:
    cell = {"cell_type": "code", "source": ""}
    assert len(of_cells("a.ipynb", {"cells": [cell] * MOST_CELLS})["cells"]) == MOST_CELLS
    with pytest.raises(InvalidNotebook, match="it has 1,000,000 cells, and more than 100,000 are not read"):
        of_cells("a.ipynb", json.loads('{"cells": [' + ",".join(["{}"] * 1_000_000) + "]}"))
