"""Kernels that speak CURVE (jupyter_server 2.21, `transport_encryption`) are kernels like others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from harness import JupyterProcess, connect, connection_file, until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["required", "auto"])
def encrypted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server whose kernels are encrypted."""
    option = f"--MappingKernelManager.transport_encryption={request.param}"
    server = JupyterProcess(tmp_path_factory.mktemp(request.param), arguments=(option,))
    try:
        yield server.wait()
    finally:
        server.stop()


async def test_first_runs_are_ok_on_the_kernels_own_ports(encrypted: JupyterProcess, name: str) -> None:
    async with connect(encrypted) as agent:
        for number in range(6):
            notebook = f"{number}-{name}"
            encrypted.write_notebook(notebook, "print('first')\n6 * 7")
            told = await agent.ok("execute_cell", notebook=notebook, cell=0)
            assert " · ok · " in told
            assert "first\n42" in told
            assert f"  {notebook}  ports" in await agent.ok("list_kernels")


async def test_the_connection_file_has_keys(encrypted: JupyterProcess, name: str) -> None:
    """So that the other tests here are about what they say."""
    encrypted.write_notebook(name, "pass")
    async with connect(encrypted) as agent:
        assert json.loads((await connection_file(encrypted, agent, name)).read_text())["curve_publickey"]


async def test_a_print_of_20_megabytes_arrives_whole(encrypted: JupyterProcess, name: str) -> None:
    encrypted.write_notebook(name, "print('x' * 20_000_000 + 'end')")
    async with connect(encrypted) as agent:
        await connection_file(encrypted, agent, name)  # one that is slow to start is served over the websocket
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        execution = told.split(" · ")[0].split("\n")[-1]
        assert (await agent.ok("read_output", execution=execution, offset=19_999_990)).startswith("x" * 10 + "end")


async def test_what_a_dying_kernel_printed_is_there_and_the_next_cell_runs(
    encrypted: JupyterProcess, name: str
) -> None:
    source = "import os, sys, time\nprint('x' * 5_000_000)\nsys.stdout.flush()\ntime.sleep(0.5)\nos._exit(1)"
    encrypted.write_notebook(name, "1", source, "6 * 7")
    async with connect(encrypted) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        began = time.monotonic()
        assert " · kernel_died · " in await agent.fails("execute_cell", notebook=name, cell=1)
        assert time.monotonic() - began < 5
        assert "42" in await agent.ok("execute_cell", notebook=name, cell=2)

    def text() -> str:
        return "".join("".join(output["text"]) for output in encrypted.read_notebook(name)["cells"][1]["outputs"])

    await until(lambda: text().startswith("x" * 5_000_000 + "\n"))


async def test_a_kernel_whose_ports_are_out_of_reach_is_served_and_its_death_seen(
    encrypted: JupyterProcess, name: str
) -> None:
    """The heartbeat tells then, with the same keys."""
    encrypted.write_notebook(name, "1", "import os, time\ntime.sleep(0.5)\nos._exit(1)", "6 * 7")
    async with connect(encrypted) as agent:
        file = await connection_file(encrypted, agent, name)
        whole = json.loads(file.read_text())
        file.write_text(json.dumps(whole | dict.fromkeys(("control_port", "shell_port"), whole["hb_port"])))
        await agent.ok("execute_cell", notebook=name, cell=0)
        assert f"  {name}  websocket" in await agent.ok("list_kernels")
        file.write_text(json.dumps(whole))
        began = time.monotonic()
        assert " · kernel_died · " in await agent.fails("execute_cell", notebook=name, cell=1)
        assert time.monotonic() - began < 5
        assert "42" in await agent.ok("execute_cell", notebook=name, cell=2)
