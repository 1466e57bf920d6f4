"""What running tells: help, the last frame, cells that may fail, interrupts heeded or not, the end of a kernel."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import SLEEP, JupyterProcess, connect, shows, text, until

pytestmark = pytest.mark.anyio


def tag(path: Path, **tags: str) -> None:
    """Tag cells of a notebook on disk: `c1="skip-execution"`."""
    content: dict[str, Any] = json.loads(path.read_text())
    for cell, word in tags.items():
        content["cells"][int(cell[1:])]["metadata"]["tags"] = [word]
    path.write_text(json.dumps(content))


async def test_help_is_told_and_stands_in_the_cell_as_in_jupyterlab(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print?")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "Signature: print(" in told
        assert "\x1b" not in told
        assert "Signature: print(" in await agent.ok("read_cell", notebook=name, cell=0)


async def test_what_code_puts_into_the_next_cell_is_told(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "get_ipython().set_next_input('x = 1', replace=False)")
    (server.root / "loaded.py").write_text("loaded = True")
    async with connect(server) as agent:
        assert "a new cell below to be:]\nx = 1" in await agent.ok("execute_cell", notebook=name, cell=0)
        assert "loaded = True" in await agent.ok("execute_ipython", notebook=name, code="%load loaded.py")


async def test_a_loop_that_clears_its_output_is_told_by_its_last_frame(server: JupyterProcess, name: str) -> None:
    gate = f"{name}.go-on"
    source = (
        "import os, time\nfrom IPython.display import clear_output\nfor i in range(200):\n"
        "    clear_output(wait=True)\n    print('frame', i)\n"
        f"    while i == 100 and not os.path.exists({gate!r}):\n        time.sleep(0.05)"
    )
    server.write_notebook(name, source)
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        execution = told.split(" · ")[0].split("\n")[-1]
        with anyio.fail_after(30):
            while "frame 100" not in told:
                told = await agent.ok("wait_execution", execution=execution, wait=0.5)
        assert "frame 99" not in told
        (server.root / gate).touch()
        told = await agent.ok("wait_execution", execution=execution)
        assert told.endswith("frame 199")
        assert told.count("frame") == 1


async def test_a_cell_that_may_fail_stops_nothing_and_one_to_be_skipped_is(server: JupyterProcess, name: str) -> None:
    """The tags `raises-exception` and `skip-execution`, as nbclient reads them."""
    path = server.write_notebook(name, "1 / 0", "print('skipped')", "print('reached')", "1 / 0", "print('never')")
    tag(path, c0="raises-exception", c1="skip-execution")
    async with connect(server) as agent:
        told = await agent.ok("run_cells", notebook=name)
        assert "Left out, tagged skip-execution: 1." in told
        assert "reached" in told
        assert "never" not in told

    def counts() -> list[int | None]:
        return [cell["execution_count"] for cell in server.read_notebook(name)["cells"]]

    await until(lambda: counts() == [1, None, 2, 3, None])


async def test_an_interrupt_that_the_code_raises_itself_is_an_exception_like_others(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "raise KeyboardInterrupt", "print('reached')")
    async with connect(server) as agent:
        assert "reached" in await agent.ok("run_cells", notebook=name, stop_on_error=False)
        assert "reached" not in await agent.ok("run_cells", notebook=name)


async def test_an_interrupt_says_how_it_ended(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, SLEEP)
    async with connect(server) as agent:
        execution = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=0, wait=0), "begun")
        assert f"{execution} interrupted" in await agent.ok("interrupt_kernel", notebook=name)


async def test_code_that_catches_the_interrupt_is_told_to_run_on_after_two_seconds(
    server: JupyterProcess, name: str
) -> None:
    source = (
        "import time\nfor _ in range(2):\n  try:\n    print('begun', flush=True)\n    time.sleep(20)\n"
        "  except KeyboardInterrupt: pass"
    )
    server.write_notebook(name, source)
    async with connect(server) as agent:
        execution = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=0, wait=0), "begun")
        began = time.monotonic()
        assert f"{execution} runs on" in await agent.ok("interrupt_kernel", execution=execution)
        assert 2 <= time.monotonic() - began < 6
        await agent.ok("interrupt_kernel", execution=execution)  # the loop's second turn ends the cell
        assert "runs on" not in await agent.ok("wait_execution", execution=execution)


async def test_a_kernel_is_shut_down_and_the_next_run_starts_another(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "x = 1", "x", SLEEP)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        execution = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=2, wait=0), "begun")
        assert "Shut down python3" in await agent.ok("restart_notebook", notebook=name, shutdown=True)
        assert name not in await agent.ok("list_kernels")
        # Jupyter interrupts a kernel before it ends it, and some kernels have the time to say so.
        told = text(await agent.call("wait_execution", execution=execution))
        assert " · kernel_died · " in told or " · interrupted · " in told
        assert "has no kernel" in await agent.ok("restart_notebook", notebook=name, shutdown=True)
        told = await agent.ok("execute_cell", notebook=name, cell=1)
        assert "Started kernel" in told
        assert "NameError" in told


async def test_what_is_queued_runs_in_the_order_of_its_calls(server: JupyterProcess, name: str) -> None:
    """Each marks its cell while it waits, which takes some longer than others."""
    server.write_notebook(name, "import time; time.sleep(2); order = []", *(f"order.append({i})" for i in range(12)))
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0, wait=0.5)
        for i in range(12):
            await agent.ok("execute_cell", notebook=name, cell=i + 1, wait=0)
        assert str(list(range(12))) in await agent.ok("execute_ipython", notebook=name, code="order")


async def test_a_cell_that_waited_and_was_not_run_is_as_it_was(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('kept')", "1 / 0", "print('kept too')")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name, cells=[0, 2])
        before = server.read_notebook(name)["cells"] if server.guarantee == "file" else None
        assert "kept too" not in await agent.ok("run_cells", notebook=name, cells=[1, 2])
        told = await agent.ok("read_cells", notebook=name)
        assert "[2]" in told
        assert told.count("kept too") == 2
        assert before is None or before[2] == server.read_notebook(name)["cells"][2]


async def test_a_kernel_that_was_only_started_is_not_interrupted(file: JupyterProcess, name: str) -> None:
    """An interrupt ends a kernel that is still beginning, and Jupyter starts another one after some seconds."""
    file.write_notebook(name, "1")
    log = len(file.log)
    async with connect(file) as agent:
        await agent.ok("assign_kernel_to_notebook", notebook=name, kernel="python3")
        assert "only been started" in await agent.ok("interrupt_kernel", notebook=name)
        assert "42" in await agent.ok("execute_ipython", notebook=name, code="print(6 * 7)", wait=60)
        assert "Interrupted" in await agent.ok("interrupt_kernel", notebook=name)
    assert "KeyboardInterrupt" not in file.log[log:]
