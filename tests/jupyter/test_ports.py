"""Output over a kernel's own ports: all of it, however much at once, and in little memory."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
import zmq
from harness import Agent, JupyterProcess, StartJupyter, connect, connection_file, kernel_of, said_missing, text, until

from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.states import LOST, State
from jupyter_mcp_proxy.jupyter.messages import Message, Piece
from jupyter_mcp_proxy.outputs.changes import Append, Clear, Extend, anew, portions

pytestmark = pytest.mark.anyio

UNLIMITED = tuple(f"--ZMQChannelsWebsocketConnection.iopub_{kind}_rate_limit=0" for kind in ("msg", "data"))
FLOOD = """
import itertools, os, time
for i in itertools.count():
    print(i, flush=True)
    if i % 50 == 0:
        time.sleep(0.03)
        if os.path.exists("stop"):
            break
print("end", i + 1)
"""
"""It stops for breath: a kernel drops what a server on a busy machine has not taken of its last thousand messages (the
limit of a ZMQ socket), which nobody can give back."""
MOST_GROWTH = 60


def cell_of(server: JupyterProcess, name: str, cell: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = server.read_notebook(name)["cells"][cell]
    return found


def stream_of(server: JupyterProcess, name: str) -> str:
    outputs = cell_of(server, name)["outputs"]
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


def id_of(told: str) -> str:
    return told.split(" · ")[0].split("\n")[-1]


async def check_all_is_there(agent: Agent, execution: str, expected: str) -> None:
    """Compare all that `read_output` has with what was printed; our own notice may follow."""
    position = 0
    while position < len(expected):
        told = await agent.ok("read_output", execution=execution, offset=position, limit=100_000)
        piece = told.rpartition("\n── characters")[0][: len(expected) - position]
        assert piece == expected[position : position + len(piece)], position
        assert piece
        position += len(piece)


def memory(pid: int) -> float:
    """A process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024 / 1e6


@contextmanager
def most_memory(pid: int) -> Iterator[list[float]]:
    """The most memory that a process has had meanwhile."""
    seen = [memory(pid)]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            seen[0] = max(seen[0], memory(pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


async def test_one_print_of_20_megabytes_arrives_whole(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "for i in range(20):\n    print(chr(97 + i) * 1_000_000, end='')")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert len(told) < 9_000
        await check_all_is_there(agent, id_of(told), "".join(chr(97 + i) * 1_000_000 for i in range(20)))
        assert "  ports" in await agent.ok("list_kernels")
    await until(lambda: "10,000,000 more characters of output are not in the notebook" in stream_of(server, name))


async def test_characters_of_every_kind_survive_a_long_print(server: JupyterProcess, name: str) -> None:
    """A long message is taken in pieces, none of which may cut a character or an escape in two."""
    source = "import random\nr = random.Random(1)\nprint(''.join(r.choices('aé€😀\\\\\"\\t\\n', k=1_500_000)), end='')"
    server.write_notebook(name, source)
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        expected = "".join(random.Random(1).choices('aé€😀\\"\t\n', k=1_500_000))
        await check_all_is_there(agent, id_of(told), expected)
    await until(lambda: stream_of(server, name) == expected)


async def test_a_figure_with_its_script_inlined_arrives_whole(server: JupyterProcess, name: str) -> None:
    source = "from IPython.display import HTML, display\ndisplay(HTML('<script>' + 'z' * 6_000_000 + '</script>words'))"
    server.write_notebook(name, source)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)

    def html() -> str:
        return "".join("".join(output["data"]["text/html"]) for output in cell_of(server, name)["outputs"])

    await until(lambda: html() == "<script>" + "z" * 6_000_000 + "</script>words")


async def test_what_a_dying_kernel_printed_is_there(server: JupyterProcess, name: str) -> None:
    source = "import os, sys\nprint('x' * 8_000_000)\nsys.stdout.flush()\nimport time; time.sleep(0.5)\nos._exit(1)"
    server.write_notebook(name, source)
    async with connect(server) as agent:
        result = await agent.call("execute_cell", notebook=name, cell=0)
        assert result.is_error
        assert " · kernel_died · " in text(result)
        await agent.ok("execute_ipython", notebook=name, code="1")
        assert re.search(rf"{name}  ports", await agent.ok("list_kernels"))
    await until(lambda: stream_of(server, name).startswith("x" * 8_000_000 + "\n"))


@pytest.mark.parametrize("lost", ["removed", "half", "no keys", "other keys"])
async def test_a_kernel_whose_ports_cannot_be_used_is_served_over_the_websocket(
    server: JupyterProcess, name: str, lost: str
) -> None:
    server.write_notebook(name, "print(6 * 7)")
    async with connect(server) as agent:
        file = await connection_file(server, agent, name)
        whole = file.read_text()
        try:
            if lost == "removed":
                file.unlink()
            else:
                public, secret = (key.decode() for key in zmq.curve_keypair())
                keys = {"half": (public, ""), "no keys": ("x", "y"), "other keys": (public, secret)}[lost]
                said = dict(zip(("curve_publickey", "curve_secretkey"), keys, strict=True))
                file.write_text(json.dumps(json.loads(whole) | said))
            assert "42" in await agent.ok("execute_cell", notebook=name, cell=0)
            assert re.search(rf"{kernel_of(file)}.*  websocket", await agent.ok("list_kernels"))
        finally:
            file.write_text(whole)


@pytest.mark.parametrize("rtc", [True, False])
async def test_a_sidecar_killed_amid_a_flood_loses_only_what_it_held(start_jupyter: StartJupyter, rtc: bool) -> None:
    """What it took is in the journal, what came later in the server's buffer, and nothing is written twice.

    Between them lies a moment's messages, passed on by the server and not taken yet: the cell says so.
    """
    server = start_jupyter(rtc=rtc, arguments=UNLIMITED)
    server.write_notebook("a.ipynb", FLOOD)
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook="a.ipynb", code="pass")
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=1)
        assert " · running · " in told
        server.kill_sidecar()
    server.wait()
    (server.root / "stop").touch()
    await until(lambda: "\nend " in stream_of(server, "a.ipynb"), 60)
    async with connect(server) as agent:
        ended = await agent.ok("wait_execution", execution=id_of(told))
        assert " · ok" in ended
        assert "  ports" in await agent.ok("list_kernels")
    shown = stream_of(server, "a.ipynb")
    found = [int(line) for line in shown.split("\n") if line.isdecimal()]
    lines = int(shown.rpartition("end ")[2].split()[0])
    gaps = [(one, two) for one, two in pairwise([-1, *found, lines]) if two != one + 1]
    print(f"of {lines:,} lines are missing:", gaps)
    assert all(one < two for one, two in gaps), "in order, and nothing twice"
    missing = sum(two - one - 1 for one, two in gaps)
    assert missing < lines / 4
    assert missing <= said_missing(shown) <= missing + 20, "a person is told what is missing"
    assert said_missing(ended) == said_missing(shown)


async def test_an_error_after_the_sidecar_was_killed_is_told(start_jupyter: StartJupyter) -> None:
    """Its reply went to the process that is no more; the broadcasts say it too."""
    server = start_jupyter(rtc=False)
    waiting = "import os\nprint('begun', flush=True)\nwhile not os.path.exists('go'):\n    pass\n1 / 0"
    server.write_notebook("a.ipynb", waiting)
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook="a.ipynb", code="pass")
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=0.5)
        pid = server.sidecar_pid()
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not Path(f"/proc/{pid}/fd").is_dir() or not os.listdir(f"/proc/{pid}/fd"))
    (server.root / "go").touch()
    await until(lambda: len(cell_of(server, "a.ipynb")["outputs"]) >= 2)
    assert cell_of(server, "a.ipynb")["outputs"][1]["ename"] == "ZeroDivisionError"
    server.wait()
    async with connect(server) as agent:
        told = await agent.ok("wait_execution", execution=id_of(told))
        assert " · error · " in told
        assert "ZeroDivisionError" in told


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("rtc", [True, False])
async def test_100_megabytes_take_little_memory(start_jupyter: StartJupyter, rtc: bool, at_once: bool) -> None:
    server = start_jupyter(rtc=rtc)
    source = "print('x' * 100_000_000)" if at_once else "for i in range(100_000):\n    print('y' * 999)"
    expected = "x" * 100_000_000 + "\n" if at_once else ("y" * 999 + "\n") * 100_000
    path = server.write_notebook("a.ipynb", source)
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook="a.ipynb")
        await agent.ok("execute_ipython", notebook="a.ipynb", code="1 + 1")
        pid = server.sidecar_pid()
        before = memory(pid)
        with most_memory(pid) as most:
            told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
        print(f"before {before:.0f} MB, after {memory(pid):.0f} MB, at most {most[0]:.0f} MB")
        assert memory(pid) - before < MOST_GROWTH
        assert most[0] - before < MOST_GROWTH
        assert len(told) < 9_000
        await check_all_is_there(agent, id_of(told), expected)
    left_out = len(expected) - 10_000_000
    notice = f"{left_out:,} more characters of output are not in the notebook"
    await until(lambda: notice in stream_of(server, "a.ipynb"))
    assert len(stream_of(server, "a.ipynb")) < 10_001_000
    assert path.stat().st_size < 10_500_000


def test_a_message_that_comes_again_is_taken_once() -> None:
    async def check() -> None:
        execution = Execution("x", "a.ipynb", "k", "")

        def stream(id: str, text: str, offset: int = 0) -> Message:
            header = {"msg_type": "stream", "msg_id": id}
            return Piece("iopub", header, {}, {}, {"name": "stdout", "text": text}, offset=offset)

        for message in (stream("1", "abc"), stream("2", "def"), stream("2", "ghi", 3), stream("1", "abc")):
            execution.feed(message)
        execution.feed(stream("2", "defghijkl"))
        assert execution.log.outputs[0]["text"] == "abcdefghijkl"

    anyio.run(check)


@pytest.mark.parametrize(
    ("broadcasts", "state"),
    [
        (["execute_input"], State.OK),
        (["execute_input", "error"], State.ERROR),
        (["execute_input", "KeyboardInterrupt"], State.INTERRUPTED),
        ([], State.LOST),
    ],
)
def test_an_execution_whose_reply_is_lost_ends_by_its_broadcasts(broadcasts: list[str], state: State) -> None:
    async def check() -> None:
        execution = Execution("x", "a.ipynb", "k", "")
        contents = {
            "execute_input": {"execution_count": 3},
            "error": {"ename": "ValueError"},
            "KeyboardInterrupt": {"ename": "KeyboardInterrupt"},
        }
        execution.line_broke()
        execution.came_back(0)
        for kind in broadcasts:
            kind, content = ("error" if kind == "KeyboardInterrupt" else kind), contents[kind]
            execution.feed(Message("iopub", {"msg_type": kind}, {}, {}, content))
        execution.feed(Message("iopub", {"msg_type": "status"}, {}, {}, {"execution_state": "idle"}))
        if state is State.LOST:
            assert not execution.finished.is_set()
            execution.end_incomplete()
            assert LOST in execution.notes
        assert execution.state is state

    anyio.run(check)


def test_outputs_are_written_in_portions() -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "abcdefgh"}
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    parts = list(portions(anew([stream, error]), 3))
    assert [[type(change) for change in part] for part in parts] == [
        [Clear, Append, Extend],
        [Extend],
        [Extend, Append],
    ]
    assert "".join(c.text for part in parts for c in part if isinstance(c, Extend)) == "abcdefgh"
