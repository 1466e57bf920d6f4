"""A session does not tell who wrote a message: what a kernel says is told, whoever's session it bears."""

from __future__ import annotations

import json
import sys

import pytest
from harness import REPOSITORY, StartJupyter, connect
from harness.kernels import connection_file

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("ports", [True, False], ids=["ports", "websocket"])
async def test_all_that_such_a_kernel_prints_is_told_and_written(start_jupyter: StartJupyter, ports: bool) -> None:
    server = start_jupyter(wait=False, environment={"PYTHONPATH": str(REPOSITORY / "tests")})
    spec = server.data / "kernels" / "copying"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "harness.copying_kernel", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Copying", "language": "lines"}))
    server.wait()
    server.write_notebook(
        "a.ipynb", "one\n!two\nIOPub data rate, by the way", kernelspec={"name": "copying", "display_name": "Copying"}
    )
    async with connect(server) as agent:
        if not ports:
            file = await connection_file(server, agent, "a.ipynb", "copying")
            file.rename(file.with_suffix(".hidden"))
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
        assert "one\ntwo\nIOPub data rate, by the way" in told
        assert "rate limit" not in told
        assert "two" in await agent.ok("read_cell", notebook="a.ipynb", cell=0)
        assert f"  a.ipynb  {'ports' if ports else 'websocket'}" in await agent.ok("list_kernels")
