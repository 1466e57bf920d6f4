"""However a server ends, one that an agent has used ends too, and what the agent's code has printed is in the file."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess, StartJupyter, connect, shows, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

ENDS = 30
"""Seconds on a machine that has more to do. What does not leave its rooms never ends."""


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Begun in the background of a shell, tests would start servers that ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


async def ended(server: JupyterProcess) -> bool:
    """Whether the server ends in good order while its clients go on."""
    with anyio.move_on_after(ENDS):
        while server.process.poll() is None:
            await anyio.sleep(0.05)
    return server.process.returncode == 0


def printed(server: JupyterProcess) -> str:
    outputs = server.read_notebook("a.ipynb")["cells"][0]["outputs"]
    return "".join("".join(output["text"]) for output in outputs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("rtc", [True, False], ids=["live", "file"])
async def test_a_server_in_which_an_agents_code_runs_ends_at_a_signal_with_its_output_saved(
    start_jupyter: StartJupyter, rtc: bool, number: int
) -> None:
    """SIGINT without a terminal is what a JupyterHub sends to a process."""
    server = start_jupyter(rtc=rtc)
    server.write_notebook("a.ipynb", "print('printed', flush=True)\nimport time\ntime.sleep(600)")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=0)
        await shows(agent, told, "printed")
        pid = server.sidecar_pid()
        server.process.send_signal(number)
        assert await ended(server), server.log[-3000:]
    assert printed(server) == "printed\n"
    assert not Path(f"/proc/{pid}").exists()


async def test_what_has_just_been_edited_is_saved_when_the_server_ends(start_jupyter: StartJupyter) -> None:
    """jupyter-collaboration writes a file a second after the last change, and nothing when it ends before that."""
    server = start_jupyter(rtc=True)
    server.write_notebook("a.ipynb", "first")
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="second")
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="third")
        server.process.send_signal(signal.SIGINT)
        assert await ended(server), server.log[-3000:]
    assert "".join(server.read_notebook("a.ipynb")["cells"][0]["source"]) == "third"


async def test_ctrl_c_twice_in_a_terminal_ends_it_and_once_asks(start_jupyter: StartJupyter) -> None:
    screen, terminal = pty.openpty()
    try:
        server = start_jupyter(rtc=True, stdin=terminal)
        server.write_notebook("a.ipynb", "print('printed')")
        async with connect(server) as agent:
            await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
            server.process.send_signal(signal.SIGINT)
            await until(lambda: "Shut down this Jupyter server" in server.log)
            assert "stopping" not in server.log
            assert server.process.poll() is None
            server.process.send_signal(signal.SIGINT)
            assert await ended(server), server.log[-3000:]
        assert printed(server) == "printed\n"
    finally:
        os.close(screen)
        os.close(terminal)
