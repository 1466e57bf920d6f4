"""A slow line between a client and the server: every answer comes, later."""

from __future__ import annotations

import pytest
from harness import JupyterProcess, connect, shows
from harness.slow_line import slow_line

pytestmark = pytest.mark.anyio


async def test_an_agent_reads_edits_and_runs_over_a_slow_line(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('x' * 60_000)", "import time\nprint('begun', flush=True)\ntime.sleep(60)")
    async with slow_line(server) as line, connect(line) as agent:
        assert "60_000" in await agent.ok("read_cells", notebook=name)
        long = "a = 1  # " + "y" * 30_000
        await agent.ok("insert_cell", notebook=name, source=long, index=2)
        assert "y" * 1000 in await agent.ok("read_cell", notebook=name, cell=2)
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=60)
        execution = told.split(" · ")[0].split("\n")[-1]
        assert "x" * 10_000 in await agent.ok("read_output", execution=execution, limit=50_000)
        running = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=1, wait=1), "begun")
        assert "interrupted" in await agent.ok("interrupt_kernel", execution=running)
