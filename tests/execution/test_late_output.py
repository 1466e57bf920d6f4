"""A kernel's outputs belong to the cells that they come from, for as long as the kernel lives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, connect, until
from harness.agents import Agent

pytestmark = pytest.mark.anyio

THREAD = """\
import os, threading, time
def late(gate):
    while not os.path.exists(gate):
        time.sleep(0.05)
    print("from the thread of", gate)
threading.Thread(target=late, args=({gate!r},)).start()
print("at once")"""

TASK = """\
import asyncio, os
async def later():
    while not os.path.exists({gate!r}):
        await asyncio.sleep(0.05)
    print('from the task')
task = asyncio.ensure_future(later())"""


def outputs(server: JupyterProcess, name: str, cell: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.read_notebook(name)["cells"][cell]["outputs"]
    return found


def stored(server: JupyterProcess, name: str, cell: int = 0) -> str:
    """The text of a cell's outputs in the file."""
    return "".join(
        "".join(output.get("text") or output.get("data", {}).get("text/plain", ""))
        for output in outputs(server, name, cell)
    )


async def open_gate(server: JupyterProcess, gate: str) -> None:
    Path(server.root / gate).touch()


async def reads(agent: Agent, words: str, **arguments: Any) -> str:
    """Read an output until the words are in it."""
    with anyio.fail_after(30):
        while words not in (told := await agent.ok("read_output", **arguments)):
            await anyio.sleep(0.1)
    return told


def execution_in(told: str) -> str:
    return told.split(" · ")[0].split("\n")[-1]


async def test_what_a_thread_prints_after_the_end_goes_into_its_cell_and_is_told_once(
    server: JupyterProcess, name: str
) -> None:
    gate = f"{name}.gate"
    server.write_notebook(name, THREAD.format(gate=gate), "print('another')")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert told.rstrip().endswith("at once")
        await open_gate(server, gate)
        await reads(agent, f"from the thread of {gate}", execution=execution_in(told))
        await until(lambda: stored(server, name) == f"at once\nfrom the thread of {gate}\n")
        assert outputs(server, name)[0]["name"] == "stdout"
        assert server.read_notebook(name)["cells"][0]["execution_count"] == 1

    second = f"{name}.second"
    async with connect(server) as agent:
        server.write_notebook(f"b-{name}", THREAD.format(gate=second), "print('another')")
        told = await agent.ok("execute_cell", notebook=f"b-{name}", cell=0)
        await open_gate(server, second)
        await until(lambda: "from the thread" in stored(server, f"b-{name}"))
        told = await agent.ok("execute_cell", notebook=f"b-{name}", cell=1)
        assert "ended, it has put out:]\nfrom the thread" in told
        assert "from the thread" not in await agent.ok("execute_cell", notebook=f"b-{name}", cell=1)


async def test_late_output_of_an_earlier_run_does_not_go_into_a_cell_that_was_run_anew(
    server: JupyterProcess, name: str
) -> None:
    gate = f"{name}.gate"
    server.write_notebook(name, TASK.format(gate=gate))
    async with connect(server) as agent:
        first = execution_in(await agent.ok("execute_cell", notebook=name, cell=0))
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="print('anew')")
        assert "anew" in await agent.ok("execute_cell", notebook=name, cell=0)
        await open_gate(server, gate)
        told = await reads(agent, "from the task", execution=first)
        assert "from the task\n\n── characters" in told
        await until(lambda: "anew" in stored(server, name))
        await anyio.sleep(1.5)  # longer than a late write waits
        assert stored(server, name) == "anew\n"


async def test_what_asyncio_tasks_and_subprocesses_print_late_goes_into_their_cell(
    server: JupyterProcess, name: str
) -> None:
    gates = [f"{name}.task", f"{name}.process"]
    server.write_notebook(
        name,
        TASK.format(gate=gates[0]),
        "import subprocess, sys\n"
        f"code = \"import os, time\\nwhile not os.path.exists({gates[1]!r}): time.sleep(0.05)\\nprint('from below')\"\n"
        "process = subprocess.Popen([sys.executable, '-c', code])",
    )
    async with connect(server) as agent:
        told = [await agent.ok("execute_cell", notebook=name, cell=cell) for cell in (0, 1)]
        for gate, run, cell, words in zip(gates, told, (0, 1), ("from the task", "from below"), strict=True):
            await open_gate(server, gate)
            await reads(agent, words, execution=execution_in(run))
            await until(lambda cell=cell, words=words: words in stored(server, name, cell))


async def test_a_cell_that_a_person_has_cleared_gets_what_comes_late_alone(server: JupyterProcess, name: str) -> None:
    gate = f"{name}.gate"
    server.write_notebook(name, THREAD.format(gate=gate))
    async with connect(server) as agent, connect(server) as person:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await person.ok("clear_outputs", notebook=name)
        await open_gate(server, gate)
        await until(lambda: stored(server, name) == f"from the thread of {gate}\n")


DISPLAY = "from IPython.display import display\nhandle = display('0%', display_id='bar')"


async def test_a_display_that_a_later_cell_updates_changes_where_it_stands(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, DISPLAY, "handle.display('0%')", "handle.update('100%')")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        first = execution_in(told)
        assert "'0%'" in told
        await agent.ok("execute_cell", notebook=name, cell=1)
        told = await agent.ok("execute_cell", notebook=name, cell=2)
        assert told.count("'100%'") == 2
        assert "'0%'" not in told
        await until(lambda: stored(server, name, 0) == stored(server, name, 1) == "'100%'")
        assert "'100%'" in await agent.ok("read_output", execution=first)
        assert "'0%'" not in await agent.ok("read_output", execution=first)


async def test_the_result_of_a_run_says_the_last_state_of_what_it_displays(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, f"{DISPLAY}\nprint('between')\nhandle.update('100%')\nhandle.display('done')")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert told.endswith("'done'\nbetween\n'done'")
        await until(lambda: stored(server, name) == "'done'between\n'done'")


async def test_what_a_widget_captures_is_held_by_the_widget_and_told_where_it_is_shown(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(
        name,
        "import ipywidgets as w\no = w.Output()\nprint('result: 42')\ndisplay(o)\n"
        "with o:\n    print('gone')\n    o.clear_output()\n    print('kept in the widget')\nprint('after')",
        "o.outputs",
        "with o:\n    1/0",
        "len(o.outputs)",
    )
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert told.endswith("result: 42\nkept in the widget\nafter")
        await until(lambda: len(outputs(server, name)) == 3)
        assert [output["output_type"] for output in outputs(server, name)] == ["stream", "display_data", "stream"]
        assert "kept in the widget" in await agent.ok("execute_cell", notebook=name, cell=1)
        told = await agent.ok("execute_cell", notebook=name, cell=2)
        assert outputs(server, name, 2) == []
        assert (await agent.ok("execute_cell", notebook=name, cell=3)).endswith("2")


async def test_what_stood_before_an_interaction_stays(server: JupyterProcess, name: str) -> None:
    server.write_notebook(
        name,
        "from ipywidgets import interact\nprint('before')\n"
        "@interact(x=(0, 10))\ndef square(x=3):\n    print('the square is', x * x)\n    return x + 1",
    )
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "before\n" in told
        assert "x: 3 (0 to 10)" in told
        assert "the square is 9\n4" in told
        await until(lambda: "before" in stored(server, name))


@pytest.mark.parametrize("module", ["notebook", "auto"])
async def test_a_finished_bar_is_told_by_its_last_state(server: JupyterProcess, name: str, module: str) -> None:
    server.write_notebook(name, f"from tqdm.{module} import tqdm\nfor i in tqdm(range(20), desc='work'):\n    pass")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "work: 100% 20/20 [" in told
        assert "HBox" not in told
        assert "&lt;" not in told


async def test_nested_bars_are_told_as_they_stand_in_the_end(server: JupyterProcess, name: str) -> None:
    """The notebook has them as they were written, as JupyterLab would."""
    server.write_notebook(
        name,
        "import time; from tqdm import tqdm\nfor i in tqdm(range(3), desc='outer'):\n"
        "    for j in tqdm(range(20), desc='inner', leave=False):\n        time.sleep(0.02)\nprint('done')",
    )
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "done" in told
        assert told.count("outer: 100%") == 1
        assert "inner" not in told
        assert "outer: 100%" in await agent.ok("read_cell", notebook=name, cell=0)
        await until(lambda: "\x1b[A" in stored(server, name))


async def test_a_new_process_of_the_kernel_owes_nothing_to_the_one_before(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, DISPLAY, DISPLAY)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("restart_notebook", notebook=name)
        await agent.ok("execute_cell", notebook=name, cell=1)
        await agent.ok("execute_ipython", notebook=name, code="handle.update('100%')")
        await until(lambda: stored(server, name, 1) == "'100%'")
        assert stored(server, name, 0) == "'0%'"
