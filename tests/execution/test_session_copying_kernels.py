"""Kernels that differ from ipykernel, as those of R, Julia and Deno do: what they print is told, whoever's session it
bears, and they are reached, begin anew and come back from their death though they answer on their shell alone."""

from __future__ import annotations

import json
import sys

import anyio
import pytest
from harness import REPOSITORY, JupyterProcess, StartJupyter, connect, shows
from harness.kernels import connection_file

pytestmark = pytest.mark.anyio


def start_with_kernel(start_jupyter: StartJupyter, source: str) -> JupyterProcess:
    """A server with such a kernel and a notebook for it."""
    server = start_jupyter(wait=False, environment={"PYTHONPATH": str(REPOSITORY / "tests")})
    spec = server.data / "kernels" / "copying"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "harness.copying_kernel", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Copying", "language": "lines"}))
    server.wait()
    server.write_notebook("a.ipynb", source, kernelspec={"name": "copying", "display_name": "Copying"})
    return server


@pytest.mark.parametrize("ports", [True, False], ids=["ports", "websocket"])
async def test_all_that_such_a_kernel_prints_is_told_and_written(start_jupyter: StartJupyter, ports: bool) -> None:
    server = start_with_kernel(start_jupyter, "one\n!two\nIOPub data rate, by the way")
    async with connect(server) as agent:
        if not ports:
            file = await connection_file(server, agent, "a.ipynb", "copying")
            file.rename(file.with_suffix(".hidden"))
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
        assert "one\ntwo\nIOPub data rate, by the way" in told
        assert "rate limit" not in told
        assert "two" in await agent.ok("read_cell", notebook="a.ipynb", cell=0)
        assert f"  a.ipynb  {'ports' if ports else 'websocket'}" in await agent.ok("list_kernels")


async def test_such_a_kernel_comes_back_after_a_restart_and_after_its_death(start_jupyter: StartJupyter) -> None:
    server = start_with_kernel(start_jupyter, "one")
    async with connect(server) as agent:
        with anyio.fail_after(60):
            await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
            await agent.ok("restart_notebook", notebook="a.ipynb")
            assert "\none" in await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
            told = await agent.ok("execute_ipython", notebook="a.ipynb", code="begun\nwait", wait=0)
            await shows(agent, told, "begun")
            told = await agent.ok("interrupt_kernel", notebook="a.ipynb")
            assert "kernel_died" in told
            assert "all its variables are gone" in told
            assert "are kept" not in told
            assert "\ntwo" in await agent.ok("execute_ipython", notebook="a.ipynb", code="two")
