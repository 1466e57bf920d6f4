"""Code that displays without end: its output is bounded, an interrupt gets through, others go on working."""

from __future__ import annotations

import anyio
import pytest
from harness import JupyterProcess, connect, shows, until

from jupyter_mcp_proxy.outputs.log import MOST_OUTPUTS

pytestmark = pytest.mark.anyio

PATIENCE = 150
"""Seconds for what takes one on a machine that does nothing else; without bounds it took eight minutes."""


def kinds(server: JupyterProcess, name: str) -> list[str]:
    return [output["output_type"] for output in server.read_notebook(name)["cells"][0]["outputs"]]


async def test_what_displays_without_end_is_interrupted_and_others_work_meanwhile(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "import itertools\nfor number in itertools.count():\n    display(number)")
    server.write_notebook(f"other-{name}", "1")
    async with connect(server) as agent, connect(server) as other:
        execution = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=0, wait=1), "")
        await anyio.sleep(2)
        with anyio.fail_after(PATIENCE):
            for number in range(20):
                await other.ok("overwrite_cell_source", notebook=f"other-{name}", cell=0, source=f"x = {number}")
        with anyio.fail_after(PATIENCE):
            told = await agent.ok("interrupt_kernel", notebook=name)
            while "interrupted" not in told:
                told = await agent.ok("wait_execution", execution=execution, wait=1)
    await until(lambda: "error" in kinds(server, name), PATIENCE)  # a shared notebook is saved a second later
    assert len(kinds(server, name)) <= MOST_OUTPUTS + 2, "the error, and our word of what is not there"
