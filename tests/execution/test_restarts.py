"""What becomes of executions when the kernel that they were sent to, or wait for, is restarted."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import pytest
from harness import Agent, JupyterProcess, StartJupyter, connect, post, until

pytestmark = pytest.mark.anyio

BUSY_AT_FIRST = "--IPKernelApp.exec_lines=import time; time.sleep(4)"
"""A kernel that takes questions as soon as it is there, and answers them later."""


async def started(agent: Agent, tool: str, **arguments: object) -> str:
    """Start something that goes on; its execution id."""
    told = await agent.ok(tool, wait=0.1, **arguments)
    return told.split(" · ")[0].split("\n")[-1]


def write_slow(server: JupyterProcess, notebook: str) -> None:
    """A notebook whose kernel is slow to answer."""
    spec = server.data / "kernels" / "slow"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", BUSY_AT_FIRST]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "S", "language": "python"}))
    server.write_notebook(notebook, "y = 1", kernelspec={"name": "slow", "display_name": "S"})


async def test_what_waits_for_its_turn_is_not_run_by_the_new_process(server: JupyterProcess, name: str) -> None:
    """As JupyterLab's restart drops what is pending: it was meant for variables that are gone."""
    server.write_notebook(name, "import time; time.sleep(60)", "y = 1")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        runs = await started(agent, "execute_cell", notebook=name, cell=0)
        waits = await started(agent, "execute_cell", notebook=name, cell=1)
        batch = await started(agent, "run_cells", notebook=name, cells=[1])
        await agent.ok("restart_notebook", notebook=name)
        assert "kernel_died" in await agent.fails("wait_execution", execution=runs)
        assert "It was not run: the kernel died or was restarted" in await agent.ok("wait_execution", execution=waits)
        assert "not run" in await agent.ok("wait_execution", execution=batch)
        assert "NameError" in await agent.ok("execute_ipython", notebook=name, code="y")
    await until(lambda: [cell["execution_count"] for cell in server.read_notebook(name)["cells"]] == [1, None])


async def test_a_kernel_that_has_not_answered_yet_is_restarted_without_waiting_for_it(
    start_jupyter: StartJupyter,
) -> None:
    """Jupyter opens a kernel's websocket once that has answered, and asks it once: a process that is gone never does.

    Until Jupyter gave that up, after a minute, the restart was not told, and then the cell as lost.
    """
    server = start_jupyter(rtc=False)
    write_slow(server, "a.ipynb")
    async with connect(server) as agent:
        waits = await started(agent, "execute_cell", notebook="a.ipynb", cell=0)
        await asyncio.sleep(0.6)
        began = time.monotonic()
        assert "all variables are gone" in await agent.ok("restart_notebook", notebook="a.ipynb")
        assert time.monotonic() - began < 30
        assert "It was not run" in await agent.ok("wait_execution", execution=waits)
        assert "NameError" in await agent.ok("execute_ipython", notebook="a.ipynb", code="y")


async def test_what_is_to_run_first_runs_though_somebody_else_restarts_the_kernel_before_it_answers(
    start_jupyter: StartJupyter,
) -> None:
    """Whoever it is, or Jupyter itself after a crash: what the process that is gone was asked is asked again."""
    server = start_jupyter(rtc=False)
    write_slow(server, "a.ipynb")
    own = {"Authorization": f"Bearer {server.token}"}
    async with connect(server) as agent:
        waits = await started(agent, "execute_cell", notebook="a.ipynb", cell=0)
        await asyncio.sleep(0.6)
        [session] = json.loads(post(server, None, "api/sessions", "GET", **own)[2])
        kernel = session["kernel"]["id"]
        await asyncio.to_thread(post, server, None, f"api/kernels/{kernel}/restart", "POST", **own)
        assert " · ok · " in await agent.ok("wait_execution", execution=waits, wait=30)
