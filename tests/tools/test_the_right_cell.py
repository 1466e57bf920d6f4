"""The cell that is meant is the one that is read, written and run, whatever has happened meanwhile."""

from __future__ import annotations

import pytest
from harness import JupyterProcess, connect

pytestmark = pytest.mark.anyio


async def test_a_number_is_an_index_where_ids_are_numbers_too(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b", "c", "d", ids=["3", "2", "1", "1234abcd"])
    async with connect(server) as agent:
        for cell, source in ((1, "b"), ("1", "c"), (3, "d"), ("3", "a"), ("1234", "d"), ("0", "a"), (-1, "d")):
            assert (await agent.ok("read_cell", notebook=name, cell=cell)).splitlines()[1] == source, cell
        assert "read as an index. Indices are 0 to 3" in await agent.fails("read_cell", notebook=name, cell=1234)
        assert "2 1 code" in await agent.ok("delete_cell", notebook=name, cell="1")
        assert "1 2 code" in await agent.ok("delete_cell", notebook=name, cell=1)
