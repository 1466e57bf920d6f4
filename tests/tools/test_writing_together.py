"""Several clients that write to one notebook at the same moment."""

from __future__ import annotations

from contextlib import AsyncExitStack

import anyio
import pytest
from harness import JupyterProcess, connect

pytestmark = pytest.mark.anyio

CLIENTS = 10


async def test_ten_clients_that_write_first_at_the_same_moment_all_succeed(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "the original")
    async with AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(connect(server)) for _ in range(CLIENTS)]
        async with anyio.create_task_group() as group:
            for number, agent in enumerate(agents):
                group.start_soon(lambda a=agent, n=number: a.ok("insert_cell", notebook=name, source=f"a{n} = 1"))
        told = await agents[0].ok("read_cells", notebook=name)
    assert all(f"a{number} = 1" in told for number in range(CLIENTS))
    folders = list((server.data / "mcp-proxy" / "snapshots").glob(f"{name}-*"))
    snapshots = [file for folder in folders for file in folder.glob("*.ipynb")]
    assert len(snapshots) == 1
    assert "the original" in snapshots[0].read_text()
