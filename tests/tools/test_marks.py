"""The marks in the outline and beside a cell that is read: fresh, stale, unknown, running, queued."""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
import pytest
from harness import SLEEP, JupyterProcess, connect, shows, until
from harness.people import Person, person

from jupyter_mcp_proxy.jupyter.kernel import KernelChannel, WebSocketChannel
from jupyter_mcp_proxy.jupyter.messages import Message
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio


async def marks(agent: Any, name: str, **arguments: Any) -> list[str]:
    """What stands between a cell's type and its source, of each cell."""
    lines = (await agent.ok("list_cells", notebook=name, **arguments)).splitlines()[1:]
    return [re.sub(r" (out|ERR)$", "", line.split(": ")[0].partition(" code")[2].strip()) for line in lines]


async def test_a_count_of_an_earlier_kernel_is_unknown_not_stale(server: JupyterProcess, name: str) -> None:
    """Each life of a kernel counts from 1, so the first runs have counts that other cells have already."""
    path = server.write_notebook(name, "a = 1", "b = 2", "c = 3")
    content: dict[str, Any] = json.loads(path.read_text())
    for count, cell in enumerate(content["cells"], 1):
        cell["execution_count"] = count
    path.write_text(json.dumps(content))
    async with connect(server) as agent:
        assert await marks(agent, name) == ["[1]?", "[2]?", "[3]?"]
        await agent.ok("execute_cell", notebook=name, cell=2)
        assert await marks(agent, name) == ["[1]?", "[2]?", "[1]"]
        await agent.ok("execute_cell", notebook=name, cell=1)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 20")
        assert await marks(agent, name) == ["[1]?", "[2]*", "[1]"]
        assert await marks(agent, name, only="stale") == ["[1]?", "[2]*"]
        await agent.ok("restart_notebook", notebook=name)
        assert await marks(agent, name) == ["[1]?", "[2]?", "[1]?"]
        await agent.ok("run_cells", notebook=name, cells=[1])
        assert await marks(agent, name) == ["[1]?", "[1]", "[1]?"]
        told = await agent.ok("read_cells", notebook=name, outputs="off")
        assert [re.search(r"code (\S+) hash", line)[1] for line in told.splitlines() if "──" in line] == [
            "[1]?",
            "[1]",
            "[1]?",
        ]


async def test_an_old_traceback_under_a_new_source_is_called_stale(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1 / 0", "x = 1")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        told = await agent.ok("read_cell", notebook=name, cell=0)
        assert "code [1] hash" in told
        assert "stale" not in told
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="1 / 1")
        for tool, arguments in (("read_cell", {"cell": 0}), ("read_cells", {})):
            told = await agent.ok(tool, notebook=name, **arguments)
            assert "code [1]* hash" in told
            assert "── output, stale: the source was edited since" in told
        assert await marks(agent, name, only="failed") == ["[1]*"]
        await agent.ok("execute_cell", notebook=name, cell=0)
        assert "No cell has failed." in await agent.ok("list_cells", notebook=name, only="failed")
        assert await marks(agent, name, only="stale") == [""]


async def test_what_runs_and_what_waits_is_marked_with_its_execution(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, SLEEP, "a = 1", "b = 2")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=1)
        first = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=0, wait=0), "begun")
        told = await agent.ok("execute_cell", notebook=name, cell=2, wait=0)
        second = told.split(" · ")[0]
        assert await marks(agent, name) == [f"running {first}", "[1]", f"queued {second}"]
        assert f"code running {first} hash" in await agent.ok("read_cell", notebook=name, cell=0)
        assert "No cell is stale." in await agent.ok("list_cells", notebook=name, only="stale")
        assert f"{first} interrupted, {second} not run" in await agent.ok("interrupt_kernel", notebook=name)
        await agent.ok("wait_execution", execution=second)
        assert await marks(agent, name) == ["[2]", "[1]", ""]


async def test_runs_are_told_under_the_name_of_the_client(server: JupyterProcess, name: str) -> None:
    server.write_notebook(
        name, "a = 1", "1 / 0", "b = 1", "print(get_ipython().kernel.get_parent()['header']['username'])"
    )
    async with connect(server, name="Ada's agent") as agent:
        await agent.ok("run_cells", notebook=name, cells=[0, 1, 2])
        await agent.ok("execute_cell", notebook=name, cell=0)
        changes = [
            re.sub(r"^\d+ \S+ |(?<=\d) \w{8}", "", line)
            for line in (await agent.ok("notebook_changes", notebook=name)).splitlines()[1:]
        ]
        assert changes == ["ran 0 by Ada's agent", "ran 1 by Ada's agent", "ran 0 by Ada's agent"]
        assert "Ada's agent" in await agent.ok("execute_cell", notebook=name, cell=3)


async def by_hand(channel: KernelChannel, other: Person, cell: int) -> None:
    """Run a cell as JupyterLab does: the kernel is asked, and the count put into the document with the end."""
    replies: list[Message] = []
    other.notebook.ycells[cell]["execution_count"] = None
    code = {"code": other.source(cell), "silent": False, "store_history": True, "allow_stdin": False}
    await channel.send(channel.new_request("shell", "execute_request", code), replies.append)
    await until(lambda: any(message.type == "execute_reply" for message in replies))
    count = next(message for message in replies if message.type == "execute_reply").content["execution_count"]
    other.notebook.ycells[cell]["execution_count"] = float(count)


async def test_what_a_person_runs_by_hand_is_fresh_and_stale_once_they_edit_it(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 1", "b = 2", "c = 3", "d = 4")

    async def shown(expected: list[str]) -> None:
        with anyio.fail_after(30):
            while await marks(agent, name) != expected:
                await anyio.sleep(0.05)

    async with person(live, name) as other, connect(live) as agent, JupyterServer(live.url, live.token) as api:
        await agent.ok("execute_cell", notebook=name, cell=3)
        session = next(s for s in await api.sessions() if s["path"] == name)
        async with WebSocketChannel(api, session["kernel"]["id"], "a-person") as channel:
            await channel.answers(30)
            for cell in (0, 1, 2):
                await by_hand(channel, other, cell)
            await shown(["[2]", "[3]", "[4]", "[1]"])
            await other.types(0, "0")
            await shown(["[2]*", "[3]", "[4]", "[1]"])
            await api.restart_kernel(session["kernel"]["id"])
            await shown(["[2]?", "[3]?", "[4]?", "[1]?"])
            await channel.answers(30)
            # What runs before we listen again nobody knows; what this runs without a cell has no count.
            await agent.ok("execute_ipython", notebook=name, code="pass")
            await by_hand(channel, other, 3)
            await by_hand(channel, other, 2)
            await by_hand(channel, other, 1)
            await shown(["[2]?", "[3]", "[2]", "[1]"])
            await other.types(3, "0")  # its count is the one that it had before the restart
            await other.types(2, "0")
            await shown(["[2]?", "[3]", "[2]*", "[1]*"])
