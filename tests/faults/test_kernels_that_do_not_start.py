"""A kernel whose process ends at each start."""

from __future__ import annotations

import json
import sys

import pytest
from harness import StartJupyter, connect

pytestmark = pytest.mark.anyio


async def test_is_told_as_such_once_jupyter_has_given_up_and_another_takes_its_place(
    start_jupyter: StartJupyter,
) -> None:
    """As where its environment lacks ipykernel (jupyter/notebook#4222): its websocket does not open, no more."""
    server = start_jupyter(rtc=False)
    spec = server.data / "kernels" / "dies"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "exit(1)", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "D", "language": "python"}))
    server.write_notebook("a.ipynb", "1", kernelspec={"name": "dies", "display_name": "D"})
    async with connect(server) as agent:
        told = await agent.fails("execute_cell", notebook="a.ipynb", cell=0, wait=80)
        assert "died while it started" in told
        assert "assign_kernel_to_notebook" in told
        await agent.ok("assign_kernel_to_notebook", notebook="a.ipynb", kernel="python3")
        assert "ok" in await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
