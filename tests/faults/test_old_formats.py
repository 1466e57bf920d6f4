"""A notebook whose format has no ids, when the sidecar is killed: what is known of its cells outlives that."""

from __future__ import annotations

import json

import pytest
from harness import JupyterProcess, connect, shows, until

pytestmark = pytest.mark.anyio

TICKS = "import time\nfor i in range(20):\n    print('tick', i, flush=True)\n    time.sleep(0.2)\nprint('end')"


async def test_a_cell_that_was_inserted_gets_its_output_after_the_crash(file: JupyterProcess, name: str) -> None:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "a = 1"}
    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell, cell]}
    (file.root / name).write_text(json.dumps(notebook))

    def printed() -> str:
        outputs = file.read_notebook(name)["cells"][1]["outputs"]
        return "".join("".join(output.get("text", "")) for output in outputs)

    async with connect(file) as agent:
        told = await agent.ok("insert_execute_code_cell", notebook=name, source=TICKS, index=1, wait=0.5)
        await shows(agent, told, "tick 1")
        inserted = (await agent.ok("read_cell", notebook=name, cell=1)).split()[2]
    file.kill_sidecar()
    await until(lambda: "end" in printed(), 60)
    after = file.read_notebook(name)
    assert after["nbformat_minor"] == 4
    assert not any("id" in each for each in after["cells"])
    assert [each["outputs"] for each in after["cells"]][::2] == [[], []]
    async with connect(file) as agent:
        assert "tick 19" in await agent.ok("read_cell", notebook=name, cell=inserted)
