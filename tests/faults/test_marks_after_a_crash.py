"""What waited for its turn when the sidecar was killed is not run, and its cell does not say for ever that it waits."""

from __future__ import annotations

import re

import pytest
from harness import StartJupyter, connect
from harness.people import person

pytestmark = pytest.mark.anyio


async def test_the_marks_of_what_waits_are_taken_away_and_its_cells_keep_what_they_had(
    start_jupyter: StartJupyter,
) -> None:
    server = start_jupyter()
    first = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.05)\nprint('whole')"
    server.write_notebook("a.ipynb", first, "print('old')", "print('never')")
    async with connect(server) as agent, person(server, "a.ipynb") as lab:

        def states() -> list[str]:
            return [cell["execution_state"] for cell in lab.notebook.ycells]

        await agent.ok("execute_cell", notebook="a.ipynb", cell=1)
        await lab.sees(lambda: states()[1] == "idle")
        await agent.ok("run_cells", notebook="a.ipynb", cells=[0, 2], wait=1)
        alone = await agent.ok("execute_cell", notebook="a.ipynb", cell=1, wait=0)
        await lab.sees(lambda: states() == ["running"] * 3)
        server.kill_sidecar()
        server.wait()
        await lab.sees(lambda: states() == ["running", "idle", "idle"], 30)
        assert [cell["execution_count"] for cell in lab.notebook.ycells][1:] == [1, None]
        assert "old" in lab.outputs(1)
        waited = re.findall(r"\bx[0-9a-f]{2}\d+\b", alone)[0]
        assert "It was not run: the sidecar was started anew" in await agent.ok("wait_execution", execution=waited)
        (server.root / "go").touch()
        await lab.sees(lambda: states()[0] == "idle" and "whole" in lab.outputs(0), 30)
        assert "42" in await agent.ok("execute_ipython", notebook="a.ipynb", code="6 * 7")
    assert server.journals() == set()
